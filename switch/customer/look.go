package customer

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// lookWait bounds the wait for a connection, in whoever's name it is.
const lookWait = 10 * time.Second

// looks runs short reads, those that wait together in one transaction: after any
// commit, to begin one makes SQLite read its pages again, which costs as much as
// what is looked up. Who comes first reads for all that have come until then, and
// hands over to one of those that came meanwhile.
type looks struct {
	mu      sync.Mutex // guards what follows
	waiting []*look
	taken   bool // somebody reads, or is about to
}

type look struct {
	fn   func(ctx context.Context, tx switching.Tx) error
	done chan error    // capacity 1
	turn chan struct{} // capacity 1: it is to read for all that wait
}

// look runs fn as reading does, for what needs a few look-ups: others wait for it.
// What was committed before the call, fn sees. An end of ctx does not stop it. fn
// must not look in its turn: it would wait for itself.
func (s *Store) look(ctx context.Context, fn func(ctx context.Context, tx switching.Tx) error) error {
	l := &look{fn, make(chan error, 1), make(chan struct{}, 1)}
	if s.looks.join(l) {
		l.turn <- struct{}{}
	}
	select {
	case err := <-l.done:
		return err
	case <-l.turn:
	}
	runtime.Gosched() // lets others that are ready join
	s.lookFor(context.WithoutCancel(ctx), s.looks.take())
	s.looks.handOver()
	return <-l.done
}

// join reports whether nobody reads, so that l is to.
func (x *looks) join(l *look) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.waiting = append(x.waiting, l)
	first := !x.taken
	x.taken = true
	return first
}

func (x *looks) take() []*look {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := x.waiting
	x.waiting = nil
	return list
}

func (x *looks) handOver() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.taken = len(x.waiting) > 0; x.taken {
		x.waiting[0].turn <- struct{}{}
	}
}

// lookFor answers each of the list.
func (s *Store) lookFor(ctx context.Context, list []*look) {
	ctx, stop := context.WithTimeout(ctx, lookWait)
	defer stop()
	answered := 0
	err := s.reading(ctx, func(ctx context.Context, tx switching.Tx) error {
		ctx = context.WithoutCancel(ctx) // to be able to interrupt a look-up costs as much as it does
		for _, l := range list {
			l.done <- l.call(ctx, tx)
			answered++
		}
		return nil
	})
	for _, l := range list[answered:] {
		l.done <- err
	}
}

// call runs one; a panic is its own alone.
func (l *look) call(ctx context.Context, tx switching.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &db.PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	if err := l.fn(ctx, tx); err != nil {
		return fmt.Errorf("customer: %w", err)
	}
	return nil
}
