package faults

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/codec"
	switching "wxswitch/switch"
)

var errDisk = errors.New("planted: the disk says no")

// commits makes commits fail in one way, from one step on, so often.
type commits struct {
	how   string // commit-before: not persisted; commit-after: persisted anyway
	from  string // open: at once; reply: once a reply has come
	armed atomic.Bool
	left  atomic.Int64
}

func (c *commits) hook(h *house) {
	h.hooks.FailCommit = func(step string) error {
		if step != c.how || !c.armed.Load() || c.left.Add(-1) < 0 {
			return nil
		}
		return errDisk
	}
	h.hooks.Failpoint = func(step string) {
		if step == c.from {
			c.armed.Store(true)
		}
	}
}

// asked plants the failure for one question, on a switch whose numbers are
// reserved by now.
func (c *commits) asked(t *testing.T, times int64, kind func(string, int, string) question) (*house, heard) {
	h := newHouse(t, brisk)
	c.hook(h)
	h.start()
	h.online()
	h.answered(authenticate(plainBank, 1, "before"))
	eventually(t, "an idle database", func() bool { open, left, err := h.doubts(); return err == nil && open+left == 0 })
	c.left.Store(times)
	c.armed.Store(c.from == "open")
	a := h.ask(kind(plainBank, 1, "k"))
	c.armed.Store(false)
	c.left.Store(0)
	return h, a
}

var changes = map[codec.Type]func(string, int, string) question{
	codec.Authenticate: authenticate, codec.Deregister: deregister,
}

// TestOpenNotPersisted: without its row nothing is sent, and the key is free.
func TestOpenNotPersisted(t *testing.T) {
	for kind, q := range changes {
		t.Run(string(kind), func(t *testing.T) {
			c := &commits{how: "commit-before", from: "open"}
			h, a := c.asked(t, 1, q)
			if a.problem != "journal" || a.status != 503 {
				t.Errorf("status %d: %s", a.status, a.body)
			}
			if b := h.compare(); len(b.Rows) != 1 || len(b.Banks[plainBank].Arrivals) != 1 {
				t.Errorf("%d rows, %d arrivals", len(b.Rows), len(b.Banks[plainBank].Arrivals))
			}
			if a = h.answered(a.question); a.outcome() != switching.Approved || a.replayed {
				t.Errorf("again: %s, replayed %t", a.outcome(), a.replayed)
			}
			h.compare()
		})
	}
}

// TestOpenPersistedAnyway: the row is read back, and the walk goes on.
func TestOpenPersistedAnyway(t *testing.T) {
	for kind, q := range changes {
		t.Run(string(kind), func(t *testing.T) {
			c := &commits{how: "commit-after", from: "open"}
			h, a := c.asked(t, 1, q)
			if a.outcome() != switching.Approved {
				t.Errorf("status %d: %s", a.status, a.body)
			}
			h.sameAgain(a)
			h.compare()
		})
	}
}

// TestOpenThatCannotBeReadBack: neither is the commit of the open known nor can
// the row be read back. That is told as unknown, never as refused, and nothing
// is sent. What was persisted the scan ends, as in doubt, and the same key
// learns it; where nothing was, the key is free.
func TestOpenThatCannotBeReadBack(t *testing.T) {
	for kind, q := range changes {
		for how, persisted := range map[string]bool{"commit-before": false, "commit-after": true} {
			t.Run(string(kind)+" "+how, func(t *testing.T) {
				h := newHouse(t, brisk)
				var armed, failed atomic.Bool
				h.hooks.FailCommit = func(step string) error {
					switch {
					case !armed.Load():
						return nil
					case !failed.Load() && step == how, failed.Load() && step == "commit-before":
						failed.Store(true)
						return errDisk
					}
					return nil
				}
				h.start()
				h.online()
				h.answered(authenticate(plainBank, 1, "before"))
				eventually(t, "an idle database", func() bool { open, left, err := h.doubts(); return err == nil && open+left == 0 })
				before, err := h.banks[plainBank].Ledger(t.Context())
				must(t, err)
				armed.Store(true)
				a := h.ask(q(plainBank, 1, "k"))
				if a.problem != "outcome-unknown" || a.status != 500 {
					t.Errorf("status %d: %s", a.status, a.body)
				}
				if open, _, err := h.doubts(); err != nil || (open == 1) != persisted {
					t.Errorf("%d rows open, %v", open, err)
				}
				<-time.After(800 * time.Millisecond) // most of the deadline, in which it could be sent
				if sent, err := h.banks[plainBank].Ledger(t.Context()); err != nil || len(sent) != len(before) {
					t.Errorf("sent to the bank: %+v, %v", sent, err)
				}
				armed.Store(false)
				h.settle()
				a = h.answered(a.question)
				if persisted && (a.outcome() != switching.TimedOut || a.reason != "recovered" || !a.replayed) ||
					!persisted && (a.outcome() != switching.Approved || a.replayed) {
					t.Errorf("again: %s %s, replayed %t", a.outcome(), a.reason, a.replayed)
				}
				b := h.compare()
				for _, arrived := range b.Banks[plainBank].Arrivals {
					if persisted && arrived.RRN == a.RRN && arrived.Type == a.Type {
						t.Errorf("the %s itself was sent after all", a.Type)
					}
				}
			})
		}
	}
}

// TestCloseNotPersistedOnce: the close is tried again.
func TestCloseNotPersistedOnce(t *testing.T) {
	for kind, q := range changes {
		t.Run(string(kind), func(t *testing.T) {
			c := &commits{how: "commit-before", from: "reply"}
			h, a := c.asked(t, 1, q)
			if a.outcome() != switching.Approved {
				t.Errorf("status %d: %s", a.status, a.body)
			}
			h.sameAgain(a)
			h.compare()
		})
	}
}

// TestCloseNotPersisted: nothing is told that is not on disk; the scan ends the
// row in doubt, and the same key learns it.
func TestCloseNotPersisted(t *testing.T) {
	for kind, q := range changes {
		t.Run(string(kind), func(t *testing.T) {
			c := &commits{how: "commit-before", from: "reply"}
			h, a := c.asked(t, 1000, q)
			if a.problem != "outcome-unknown" || a.status != 500 {
				t.Errorf("status %d: %s", a.status, a.body)
			}
			h.settle()
			if a = h.answered(a.question); a.outcome() != switching.TimedOut || a.reason != "recovered" || !a.replayed {
				t.Errorf("again: %s %s, replayed %t", a.outcome(), a.reason, a.replayed)
			}
			h.compare()
		})
	}
}

// TestClosePersistedAnyway: the row is read back, and told.
func TestClosePersistedAnyway(t *testing.T) {
	for _, times := range []int64{1, 3} {
		for kind, q := range changes {
			t.Run(fmt.Sprint(kind, times), func(t *testing.T) {
				c := &commits{how: "commit-after", from: "reply"}
				h, a := c.asked(t, times, q)
				if a.outcome() != switching.Approved {
					t.Errorf("status %d: %s", a.status, a.body)
				}
				h.sameAgain(a)
				h.compare()
			})
		}
	}
}

// TestCommitsThatFailUnderLoad: now and then, both ways, while banks misbehave.
func TestCommitsThatFailUnderLoad(t *testing.T) {
	p := brisk
	p.breaker = "{consecutive_failures: 1000, min_requests: 1000}"
	h := newHouse(t, p)
	var n atomic.Int64
	var well atomic.Bool
	h.hooks.FailCommit = func(step string) error {
		if step == "commit-before" {
			n.Add(1)
		}
		fails := map[int64]string{0: "commit-before", 3: "commit-after"}[n.Load()%6]
		if !well.Load() && step == fails {
			return errDisk
		}
		return nil
	}
	h.start()
	h.online()
	for _, bank := range []string{cupsBank, plainBank} {
		h.fault(bank, sim.Fault{Kind: sim.SilenceAfter, Count: 20})
		h.fault(bank, sim.Fault{Kind: sim.Late, Delay: 1200 * time.Millisecond, Count: 20})
		h.fault(bank, sim.Fault{Kind: sim.Silence, Count: 20})
	}
	unknown := 0
	for round := range 10 {
		var questions []question
		for i := range 32 {
			bank := []string{cupsBank, plainBank}[i%2]
			key := fmt.Sprintf("k%d-%d", round, i)
			q := authenticate(bank, i/2, key)
			if (round+i/2)%2 == 0 {
				q = deregister(bank, i/2, key)
			}
			questions = append(questions, q)
		}
		for _, a := range h.each(questions) {
			if a.problem == "outcome-unknown" {
				unknown++
			}
		}
	}
	well.Store(true)
	h.calm()
	t.Logf("%d commits failed, %d outcomes unknown", n.Load()/3, unknown)
	h.compare()
}
