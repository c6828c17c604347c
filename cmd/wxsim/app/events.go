package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// ChatEvent is one entry of a chat, as the phone shows it.
type ChatEvent struct {
	ID   int64  `json:"id"`
	Who  string `json:"who"`  // me, account, system
	Kind string `json:"kind"` // text, location, card
	// Text is HTML: escaped, with line breaks as they are, and no element but
	// <a href="…">, whose addresses are http or https.
	Text  string    `json:"text,omitempty"`
	Card  *Card     `json:"card,omitempty"`
	Place *AtPlace  `json:"place,omitempty"`
	At    time.Time `json:"at"`
}

// Card is a template message as WeChat shows it today: no first, no remark.
type Card struct {
	Title string `json:"title"`
	Time  string `json:"time"`
	Rows  []Row  `json:"rows"`
	URL   string `json:"url,omitempty"`
}

// Row is one line of a card; both are plain text.
type Row struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// AtPlace is what a location message shows.
type AtPlace struct {
	Name string `json:"name"`
}

// SMS is a short message that came to the phone.
type SMS struct {
	ID    int64     `json:"id"`
	Phone string    `json:"phone"` // masked
	Code  string    `json:"code,omitempty"`
	Text  string    `json:"text"`
	At    time.Time `json:"at"`
}

// event is what a watcher is sent.
type event struct {
	name string
	data any
}

// refetch tells a watcher that the state has changed, or that it missed events.
var refetch = event{"state", struct{}{}}

const (
	watcherRoom = 256
	maxWatchers = 1000
	heartbeat   = 15 * time.Second
	sseWrite    = 10 * time.Second
)

// hub passes events to who watches a phone. Nobody who reads slowly holds
// another up: what a watcher has no room for, it misses, and is told to fetch
// the state again.
type hub struct {
	mu       sync.Mutex // guards what follows
	watchers map[*watcher]struct{}
}

type watcher struct {
	phone  string // a follower's id
	events chan event
	missed atomic.Bool
}

// watch returns nil where too many watch.
func (h *hub) watch(phone string) *watcher {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.watchers) >= maxWatchers {
		return nil
	}
	w := &watcher{phone: phone, events: make(chan event, watcherRoom)}
	if h.watchers == nil {
		h.watchers = map[*watcher]struct{}{}
	}
	h.watchers[w] = struct{}{}
	return w
}

func (h *hub) end(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
}

// publish sends an event to one phone's watchers, or for "" to all, and says
// whether anybody watches.
func (h *hub) publish(phone string, e event) (watched bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		if phone != "" && w.phone != phone {
			continue
		}
		watched = true
		select {
		case w.events <- e:
		default:
			w.missed.Store(true)
		}
	}
	return watched
}

// serveEvents is GET /sim/events of a phone.
func (s *Sim) serveEvents(w http.ResponseWriter, r *http.Request) {
	watcher := s.hub.watch(phoneOf(r))
	if watcher == nil {
		refuse(w, http.StatusServiceUnavailable, "too many watch")
		return
	}
	defer s.hub.end(watcher)
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // the server's would end the stream
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	next := refetch // whoever comes back has missed something
	for send(c, w, next) {
		if len(watcher.events) == 0 && watcher.missed.Swap(false) {
			next = refetch
			continue
		}
		select {
		case next = <-watcher.events:
		case <-beat.C:
			next = event{}
		case <-r.Context().Done():
			return
		}
	}
}

// send writes one event; one without a name keeps the line open.
func send(c *http.ResponseController, w http.ResponseWriter, e event) bool {
	text := ":\n\n"
	if e.name != "" {
		data, err := json.Marshal(e.data)
		if err != nil {
			return false
		}
		text = fmt.Sprintf("event: %s\ndata: %s\n\n", e.name, data)
	}
	_ = c.SetWriteDeadline(time.Now().Add(sseWrite))
	_, err := w.Write([]byte(text))
	return err == nil && c.Flush() == nil
}
