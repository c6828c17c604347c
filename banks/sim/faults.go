package sim

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"wxswitch/codec"
)

// Kind is a way of misbehaving.
type Kind string

// The kinds. What is done or not done is the bank's side of the operation; the
// ledger tells it.
const (
	Decline      Kind = "decline"       // not done; answered with Code
	Delay        Kind = "delay"         // done after Delay, then answered
	Silence      Kind = "silence"       // not done, not answered: as if lost on its way
	SilenceAfter Kind = "silence-after" // done, never answered
	Late         Kind = "late"          // done at once, answered after Delay
	DropBefore   Kind = "drop-before"   // not done; the line drops
	DropAfter    Kind = "drop-after"    // done; the line drops before the answer
	Garbage      Kind = "garbage"       // done; the answer is a frame of noise
	BadLength    Kind = "bad-length"    // done; the answer is noise without a frame
	Twice        Kind = "duplicate"     // done; answered twice
	WrongSTAN    Kind = "wrong-stan"    // done; the answer has another's number
	Unreadable   Kind = "unreadable"    // done; the answer can be paired and not read
	OtherName    Kind = "other-name"    // done; the answer names another holder
)

// atCore are the kinds that the core plays: they meet what reaches it, so no
// repeats of what has ended. All others play on the wire.
var atCore = []Kind{Decline, Delay, OtherName}

var kinds = []Kind{
	Decline, Delay, Silence, SilenceAfter, Late, DropBefore, DropAfter, Garbage, BadLength, Twice, WrongSTAN, Unreadable,
	OtherName,
}

// Fault is an order to misbehave.
type Fault struct {
	ID   int // set by SetFault
	Kind Kind
	// Account narrows it to one account, Type to one type; empty is all.
	Account codec.Account
	Type    codec.Type
	// Count is for how many messages it holds; 0 is until cleared.
	Count int
	Code  string        // of Decline; not 00
	Delay time.Duration // of Delay and Late
}

func (f Fault) check() error {
	class := f.Type.Class()
	switch {
	case !slices.Contains(kinds, f.Kind):
		return fmt.Errorf("kind: one of %v", kinds)
	case f.Type != "" && (class == 0 || class == codec.Network || class == codec.Inbound):
		return errors.New("type: not one that a bank's core serves")
	case f.Count < 0:
		return errors.New("count: 0 or more")
	case f.Kind == Decline && (!codec.IsCode(f.Code) || f.Code == codeDone):
		return errors.New("code: two letters or digits, and not 00")
	case f.Delay < 0 || f.Delay > maxDelay:
		return fmt.Errorf("delay: 0 to %s", maxDelay)
	case f.Delay == 0 && (f.Kind == Delay || f.Kind == Late):
		return errors.New("delay: missing")
	}
	return nil
}

const (
	maxDelay  = time.Minute
	maxFaults = 1000
)

// faults are the orders in force, oldest first.
type faults struct {
	mu   sync.Mutex // guards what follows
	all  []Fault
	next int
}

func (f *faults) add(one Fault) (int, error) {
	if err := one.check(); err != nil {
		return 0, fmt.Errorf("fault: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.all) >= maxFaults {
		return 0, fmt.Errorf("fault: %d are in force already", maxFaults)
	}
	f.next++
	one.ID = f.next
	f.all = append(f.all, one)
	return one.ID, nil
}

// clear removes one, or all for 0.
func (f *faults) clear(id int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = slices.DeleteFunc(f.all, func(one Fault) bool { return id == 0 || one.ID == id })
}

func (f *faults) list() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.all)
}

// take returns the first fault that meets the message at this place, and counts
// it.
func (f *faults) take(m *codec.Message, core bool) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.all, func(one Fault) bool {
		return slices.Contains(atCore, one.Kind) == core && (one.Type == "" || one.Type == m.Type) &&
			(one.Account.IsZero() || one.Account == m.AccountNumber())
	})
	if i < 0 {
		return Fault{}, false
	}
	met := f.all[i]
	if met.Count == 1 {
		f.all = slices.Delete(f.all, i, i+1)
	} else if met.Count > 1 {
		f.all[i].Count--
	}
	return met, true
}
