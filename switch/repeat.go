package switching

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"wxswitch/banks"
)

// Replay answers as the request with the same key ended, and waits for it within
// the caller's deadline if it has not ended; found is false if the key is free.
// Nothing is sent. Errors are Do's.
func (s *Switch) Replay(ctx context.Context, r Request) (result Result, found bool, err error) {
	w := s.start(context.WithoutCancel(ctx), &r)
	if !w.enter() {
		return Result{}, true, ErrInProgress
	}
	defer w.decided() // also where it panics
	if found, w.err = w.known(); !found {
		return Result{}, false, w.err
	}
	defer w.leave()
	if w.err != nil {
		return Result{}, true, w.err
	}
	return Result{Entry: w.entry, Journalled: true, Replayed: true}, true, nil
}

// findLimit is how long a row is looked up, also past the deadline.
const findLimit = 2 * time.Second

// known answers as the request with the same key ended; found is false if the
// key is free, or if that could not be looked up.
func (w *walk) known() (found bool, err error) {
	if w.entry.KeyHash == nil {
		return false, nil
	}
	e, found, err := w.lookUp()
	w.decided()
	switch {
	case err != nil:
		return false, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	case !found:
		return false, nil
	case !bytes.Equal(e.BodyHash, w.entry.BodyHash):
		return true, ErrKeyReused
	}
	return true, w.replay(&e)
}

// lookUp finds the key's row. That there is none it believes only where all that was
// to be opened is on disk or never will be.
func (w *walk) lookUp() (e Entry, found bool, err error) {
	ctx, cancel := context.WithTimeout(w.ctx, findLimit)
	defer cancel()
	e, found, err = w.Journal.Find(ctx, w.entry.KeyHash)
	unknown := w.unknown.Load()
	if err != nil || found || unknown == 0 {
		return e, found, err
	}
	if _, _, err = w.Journal.Confirm(ctx, 0); err != nil {
		return e, false, err
	}
	w.unknown.CompareAndSwap(unknown, 0)
	return w.Journal.Find(ctx, w.entry.KeyHash)
}

// undecided are the keys whose requests are on their way to a row, or to none. A
// repeat that came meanwhile would find no row, and be told that nothing was sent.
type undecided struct {
	mu sync.Mutex               // guards m
	m  map[string]chan struct{} // closed once it is decided; nil where nobody waits
}

// enter waits until no other request of the key is undecided; false where the
// deadline came first.
func (u *undecided) enter(key string, deadline time.Time) bool {
	for {
		ahead := u.ahead(key)
		if ahead == nil {
			return true
		}
		select {
		case <-ahead:
		case <-time.After(time.Until(deadline)):
			return false
		}
	}
}

// ahead makes the caller the key's, and returns nil, or whom to wait for.
func (u *undecided) ahead(key string) chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.m == nil {
		u.m = make(map[string]chan struct{})
	}
	ahead, taken := u.m[key]
	if taken && ahead == nil {
		ahead = make(chan struct{})
	}
	u.m[key] = ahead
	return ahead
}

func (u *undecided) leave(key string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if waited := u.m[key]; waited != nil {
		close(waited)
	}
	delete(u.m, key)
}

// enter makes the walk the only one of its key that is undecided; false where
// another still is by the walk's deadline.
func (w *walk) enter() bool {
	key := string(w.entry.KeyHash)
	if key == "" {
		return true
	}
	if !w.keys.enter(key, w.replayDeadline()) {
		return false
	}
	w.key = key
	return true
}

// decided lets the next of the key come: the row is on disk, or will never be.
func (w *walk) decided() {
	if w.key != "" {
		w.keys.leave(w.key)
		w.key = ""
	}
}

// replay answers as the first request with the key ended, or waits for its end.
func (w *walk) replay(e *Entry) error {
	if e.Open {
		ended, ok, err := w.await(w.ctx, e.ID, w.replayDeadline(), func(e Entry) bool { return !e.Open })
		if err != nil {
			return ErrOutcomeUnknown
		}
		if !ok {
			return ErrInProgress
		}
		e = &ended
	}
	w.entry = *e
	return w.done(true)
}

// replayDeadline is the repeat's own deadline: with no route there is none, and
// the caller's or a short one serves.
func (w *walk) replayDeadline() time.Time {
	if !w.deadline.IsZero() {
		return w.deadline
	}
	if t := w.timeout; t != 0 {
		return w.started.Add(t)
	}
	return w.started.Add(5 * time.Second)
}

// join waits, within its own deadline, for the end of the operation it joined.
func (w *walk) join() error {
	w.Wake(w.entry.Bank, w.entry.Joins)
	root, ok, err := w.await(w.ctx, w.entry.Joins, w.deadline, settled)
	switch {
	case err != nil:
		return ErrOutcomeUnknown // the scan ends the row
	case !ok:
		return w.end(&End{Outcome: TimedOut, Reason: Reason(banks.NoReply)})
	}
	end := joinedEnd(root)
	return w.end(&end)
}

// settled reports whether an operation has an end that those who joined it can
// take.
func settled(e Entry) bool { return !e.Open && e.Standing != TimedOut }

// joinedEnd is the end that an entry takes from the one it joined.
func joinedEnd(root Entry) End {
	end := End{Outcome: root.Standing, Code: root.End.Code, Reply: root.End.Reply}
	if root.Standing == Refused {
		end.Reason = root.End.Reason
	}
	if root.Standing != root.End.Outcome {
		end.Code = root.LateCode
	}
	return end
}

// waitSettled waits until the blocker holds its account no more, and wakes its advice,
// which may be for another bank.
func (w *walk) waitSettled(blocker int64) Reason {
	woken := false
	_, ok, err := w.await(w.ctx, blocker, w.deadline, func(e Entry) bool {
		if e.Holds && !woken {
			w.Wake(e.Bank, blocker)
			woken = true
		}
		return !e.Holds
	})
	if err != nil {
		return ReasonJournal
	}
	if !ok {
		return ReasonSettling
	}
	return ""
}
