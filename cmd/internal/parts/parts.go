package parts

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Run is a part: it works until ctx is done, and returns when it has stopped.
type Run func(ctx context.Context) error

// Stack is a program's parts, each needing those before it.
type Stack struct{ parts []part }

type part struct {
	name string
	run  Run
}

// Add puts a part on top: it stops before those that stand.
func (s *Stack) Add(name string, run Run) { s.parts = append(s.parts, part{name, run}) }

// AddFirst puts a part at the bottom: it stops last.
func (s *Stack) AddFirst(name string, run Run) { s.parts = append([]part{{name, run}}, s.parts...) }

// Run starts every part and waits until ctx is done or one part ends; then it
// stops them from the top, waiting for each. It returns their errors; a part
// that ended by itself is one.
func (s *Stack) Run(ctx context.Context) error {
	ended := make(chan struct{}, len(s.parts))
	running := make([]*running, 0, len(s.parts))
	for _, p := range s.parts {
		running = append(running, start(context.WithoutCancel(ctx), p, ended))
	}
	select {
	case <-ctx.Done():
	case <-ended:
	}
	var errs []error
	for _, r := range slices.Backward(running) {
		errs = append(errs, r.stop())
	}
	return errors.Join(errs...)
}

type running struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{} // closed when the part has returned
	err    error
}

func start(ctx context.Context, p part, ended chan<- struct{}) *running {
	ctx, cancel := context.WithCancel(ctx)
	r := &running{name: p.name, cancel: cancel, done: make(chan struct{})}
	go func() {
		r.err = p.run(ctx)
		if ctx.Err() == nil && r.err == nil {
			r.err = errors.New("ended by itself")
		}
		close(r.done)
		ended <- struct{}{}
	}()
	return r
}

func (r *running) stop() error {
	r.cancel()
	<-r.done
	if r.err != nil {
		return fmt.Errorf("%s: %w", r.name, r.err)
	}
	return nil
}

// Group is parts that start and stop together.
type Group []Run

// Run runs them all; when one ends, or ctx is done, all stop.
func (g Group) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, len(g))
	for _, run := range g {
		go func() { defer cancel(); errs <- run(ctx) }()
	}
	var all []error
	for range g {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}
