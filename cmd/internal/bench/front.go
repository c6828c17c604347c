package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"wxswitch/switch/api/frontapi"
)

// front is a stub of the front's service: it takes every notice, counts those
// that are new, and finds those that are told twice or say nothing.
type front struct {
	token string

	mu    sync.Mutex // guards what follows
	told  map[string]bool
	owed  int // told, and not awaited yet
	wrong error
	more  chan struct{} // capacity 1: there may be more
}

const toldLimit = time.Minute

func (p *player) serveFront(ctx context.Context, token string) error {
	p.front = &front{token: "Bearer " + token, told: make(map[string]bool), more: make(chan struct{}, 1)}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &http.Server{Handler: frontapi.Handler(p.front), ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	p.hello(l.Addr().String())
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// SendNotice takes a notice.
func (f *front) SendNotice(w http.ResponseWriter, r *http.Request) {
	var n frontapi.Notice
	if r.Header.Get("Authorization") != f.token || json.NewDecoder(r.Body).Decode(&n) != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	f.take(&n)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(frontapi.Accepted{Id: n.Id})
}

func (f *front) take(n *frontapi.Notice) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case n.Text == "" || n.Subject == "":
		f.wrong = fmt.Errorf("notice %s says nothing, or to nobody", n.Id)
	case f.told[n.Id]:
		f.wrong = fmt.Errorf("notice %s is told twice", n.Id)
	}
	f.told[n.Id] = true
	f.owed++
	select {
	case f.more <- struct{}{}:
	default:
	}
}

// await waits until n more are told.
func (f *front) await(n int) error {
	late := time.NewTimer(toldLimit)
	defer late.Stop()
	for {
		left, err := f.settle(n)
		if err != nil || left <= 0 {
			return err
		}
		select {
		case <-f.more:
		case <-late.C:
			return fmt.Errorf("%d of %d notices are not told", left, n)
		}
	}
}

// settle takes off n, if they are there.
func (f *front) settle(n int) (left int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.owed >= n {
		f.owed -= n
		return 0, f.wrong
	}
	return n - f.owed, f.wrong
}
