package parts

import (
	"container/list"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

const (
	// MaxWaiting is how many connections of one door may wait for a request, some 20
	// KB each.
	MaxWaiting = 4096
	// MinWait is how long each may, however many come.
	MinWait = time.Second

	// restWait is how long the rest of a body may take that nobody reads.
	restWait = time.Second
)

// waiting are the connections of a server that wait for a request, the longest
// first.
type waiting struct {
	most  int
	least time.Duration
	over  chan struct{} // closed when the server shuts down
	mu    sync.Mutex    // guards what follows
	list  *list.List    // of waiter
	at    map[net.Conn]*list.Element
}

type waiter struct {
	net.Conn
	since time.Time
}

// Guard bounds what strangers can hold of a server that is not serving yet.
//
// At most MaxWaiting connections wait for a request: one more, and the one that has
// waited longest is ended. So whoever holds connections and asks nothing keeps
// nobody out, as a limit on all would; and no work is cut off.
//
// One that has waited for less than MinWait stays, and who is new and has not asked
// waits in the listener's queue. So more callers than that at once, as after a time
// in which the program stood still, do not push one another out: whoever is, comes
// again, and there was no end to it. For the same reason one stays whose request
// has come and is not read yet.
//
// What a handler has not read of a body has a second to come, which net/http waits
// for before it takes the next request or closes: half a body would hold a
// connection for all of ReadTimeout. That of a GET has it from the beginning.
//
// The server's Shutdown ends those that wait.
func Guard(s *http.Server) { guard(s, MaxWaiting, MinWait) }

func guard(s *http.Server, most int, least time.Duration) {
	w := &waiting{most: most, least: least, over: make(chan struct{}), list: list.New(), at: make(map[net.Conn]*list.Element)}
	s.ConnState = w.saw
	s.RegisterOnShutdown(w.end)
	s.Handler = hurried(s.Handler)
}

func (w *waiting) saw(c net.Conn, s http.ConnState) {
	w.note(c, s == http.StateNew || s == http.StateIdle)
	for full := w.trim(c); full > 0 && s == http.StateNew; full = w.trim(c) {
		select { // the server accepts nobody meanwhile
		case <-time.After(full):
		case <-w.over:
			_ = c.Close() // as those before it
			return
		}
	}
}

// note notes whether c waits.
func (w *waiting) note(c net.Conn, waits bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(c)
	if waits {
		w.at[c] = w.list.PushBack(waiter{c, time.Now()})
	}
}

// trim ends those that are too many and have waited long enough. Where some have
// not, it returns when to look again, as long as c waits too.
func (w *waiting) trim(c net.Conn) (again time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.list.Len() > w.most {
		longest := w.list.Front().Value.(waiter) //nolint:errcheck,forcetypeassert // it holds nothing else
		asked := hasAsked(longest.Conn)
		if rest := w.least - time.Since(longest.since); rest > 0 && !asked {
			if w.at[c] == nil {
				return 0
			}
			return min(rest, w.least/100)
		}
		w.drop(longest.Conn)
		if !asked {
			endWait(longest.Conn)
		}
	}
	return 0
}

// end closes them all: Shutdown would wait for those that have never asked, and
// net/http carries out nothing any more that it has not noted as active.
func (w *waiting) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.over)
	for c := range w.at {
		_ = c.Close()
	}
}

// endWait ends a connection that waits for a request. It is not closed: its request
// may have been read this moment and not been noted, and is then carried out and
// answered, since net/http sets another deadline for all that follows.
func endWait(c net.Conn) { _ = c.SetReadDeadline(time.Unix(1, 0)) }

// hasAsked reports whether there is something to read.
func hasAsked(c net.Conn) (asked bool) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Control(func(fd uintptr) { // fails for one that is closed
		n, _, _ := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		asked = n > 0
	})
	return asked
}

func (w *waiting) drop(c net.Conn) {
	if e, ok := w.at[c]; ok {
		w.list.Remove(e)
		delete(w.at, c)
	}
}

// hurried bounds how long what next does not read of a body may take.
func hurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			hurry := func() { _ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(restWait)) }
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				hurry()
			} else {
				defer hurry()
			}
		}
		next.ServeHTTP(w, r)
	})
}
