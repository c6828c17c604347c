package world

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"wxswitch/cmd/internal/parts"
	"wxswitch/switch/api/frontapi"
)

// Front stands for the front's service: it keeps what followers are told.
type Front struct {
	token    string
	listener net.Listener

	mu     sync.Mutex // guards what follows
	told   []frontapi.Notice
	seen   map[string]bool // by id and round
	status int             // of every answer; 0 is accepted
	turned int             // notices that were not accepted
	wake   chan struct{}
}

// NewFront listens; Run serves.
func NewFront(ctx context.Context, token string) (*Front, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	return &Front{token: token, listener: l, seen: make(map[string]bool), wake: make(chan struct{})}, err
}

// URL is where the switch finds it.
func (f *Front) URL() string { return "http://" + f.listener.Addr().String() }

// Run serves until ctx is done.
func (f *Front) Run(ctx context.Context) error {
	return parts.Serve(&http.Server{Handler: frontapi.Handler(f), ReadHeaderTimeout: 5 * time.Second}, f.listener, 0)(ctx)
}

// SendNotice keeps a notice, each round of it once.
func (f *Front) SendNotice(w http.ResponseWriter, r *http.Request) {
	var n frontapi.Notice
	if r.Header.Get("Authorization") != "Bearer "+f.token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&n); err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	if status := f.keep(n); status != 0 {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(frontapi.Accepted{Id: n.Id})
}

func (f *Front) keep(n frontapi.Notice) (status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := fmt.Sprint(n.Id, " ", n.Round)
	if f.status != 0 {
		f.turned++
		return f.status
	}
	if f.seen[key] {
		return 0
	}
	f.seen[key] = true
	f.told = append(f.told, n)
	close(f.wake)
	f.wake = make(chan struct{})
	return 0
}

// Answers makes the front answer with a status from now on; 0 accepts.
func (f *Front) Answers(status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = status
}

// TurnedAway is how many notices were not accepted so far.
func (f *Front) TurnedAway() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.turned
}

// Told returns what a follower was told, in order.
func (f *Front) Told(subject string) (list []frontapi.Notice) {
	list, _ = f.toldNow(subject)
	return list
}

func (f *Front) toldNow(subject string) (list []frontapi.Notice, wake chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.told {
		if n.Subject == subject {
			list = append(list, n)
		}
	}
	return list, f.wake
}

// Await waits until a follower was told n notices.
func (f *Front) Await(ctx context.Context, subject string, n int) ([]frontapi.Notice, error) {
	for {
		list, wake := f.toldNow(subject)
		if len(list) >= n {
			return list, nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return list, ctx.Err()
		}
	}
}
