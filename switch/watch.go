package switching

import (
	"context"
	"errors"
	"sync"
	"time"

	"wxswitch/codec"
)

// poll is how often a waiter looks at the database, for what another instance
// did; within this process it is woken.
const poll = 250 * time.Millisecond

var errNoRow = errors.New("journal has no such row")

// watchers are those who wait for an entry to change.
type watchers struct {
	mu sync.Mutex // guards m
	m  map[int64][]chan struct{}
}

func (w *watchers) add(id int64) chan struct{} {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.m == nil {
		w.m = make(map[int64][]chan struct{})
	}
	w.m[id] = append(w.m[id], c)
	return c
}

func (w *watchers) remove(id int64, c chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.m[id]
	for i := range list {
		if list[i] == c {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(w.m, id)
		return
	}
	w.m[id] = list
}

func (w *watchers) wake(id int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.m[id] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Changed wakes whoever waits for the entry: its row or its advice changed.
func (s *Switch) Changed(id int64) { s.watch.wake(id) }

// await looks at the entry until done says so or the deadline passes. It
// returns the entry as last seen; ok is false if the deadline won. A disk that hangs
// it gives up a little later.
func (s *Switch) await(ctx context.Context, id int64, deadline time.Time, done func(Entry) bool) (e Entry, ok bool, err error) {
	c := s.watch.add(id)
	defer s.watch.remove(id, c)
	left := max(time.Until(deadline), 0)
	timer := time.NewTimer(left)
	defer timer.Stop()
	ctx, cancel := context.WithTimeout(ctx, left+findLimit)
	defer cancel()
	for {
		var found bool
		e, found, err = s.Journal.Get(ctx, id)
		if err == nil && !found {
			err = errNoRow
		}
		if err != nil || done(e) {
			return e, err == nil, err
		}
		select {
		case <-c:
		case <-time.After(poll):
		case <-timer.C:
			return e, false, nil
		}
	}
}

// idSet are the entries that this process has open and will end itself, and the
// stamps (F7) they were sent with.
type idSet struct {
	mu sync.Mutex // guards m
	m  map[int64]codec.Stamp
}

func (s *idSet) add(id int64, sent codec.Stamp) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = make(map[int64]codec.Stamp)
	}
	s.m[id] = sent
}

func (s *idSet) remove(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, id)
}

func (s *idSet) has(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.m[id]
	return ok
}

// answers reports whether the reply may be to an entry of the set as it was sent.
func (s *idSet) answers(r *LateReply) bool {
	id, ok := r.RRN.Number()
	if !ok || STANOf(id) != r.STAN {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sent, ok := s.m[id]
	return ok && sent == r.Sent
}
