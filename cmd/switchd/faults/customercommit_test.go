package faults

import (
	"sync/atomic"
	"testing"
	"time"
)

// TestCustomerCommitsThatFail: the commit of the open, or those from the reply on,
// fail while the switch lives, not persisted or persisted anyway, once or until
// the scan ends what is open. Whatever was told, customer and bank agree.
func TestCustomerCommitsThatFail(t *testing.T) {
	for _, l := range lives {
		if l.wish == nil || l.faults != nil {
			continue
		}
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, plan{people: 60, deadline: 800 * time.Millisecond, pause: time.Millisecond})
			var f failing
			h.hooks.FailCommit, h.hooks.Failpoint = f.commit, f.pass
			h.start()
			h.online()
			k := &lifeKilled{life: l, t: t, h: h}
			for _, how := range commitSteps {
				for _, from := range []string{"open", "reply"} {
					for _, times := range []int64{1, 1000} {
						p := h.patron(len(k.patrons))
						k.patrons = append(k.patrons, p)
						k.before(p)
						w := k.wish(p)
						h.settleAll()
						f.arm(how, from, times)
						first, heard := k.carryOut(p, w)
						f.arm("", "", 0)
						h.settleAll()
						if err := k.settledAs(p, w, first, heard && first.Code() != "journal"); err != nil {
							t.Errorf("%s from %s, %d times, told %d %v: %v", how, from, times, first.Status, first.Body, err)
						}
					}
				}
			}
			h.compareCustomers(k.patrons, nil)
		})
	}
}

// failing makes commits fail in one way, from one step on, so often.
type failing struct {
	at    atomic.Pointer[[2]string] // how, and from which step on
	begun atomic.Bool
	left  atomic.Int64
}

func (f *failing) arm(how, from string, times int64) {
	f.at.Store(&[2]string{how, from})
	f.begun.Store(from == "open")
	f.left.Store(times)
}

func (f *failing) pass(step string) {
	if at := f.at.Load(); at != nil && at[1] == step {
		f.begun.Store(true)
	}
}

func (f *failing) commit(step string) error {
	if at := f.at.Load(); at == nil || at[0] != step || !f.begun.Load() || f.left.Add(-1) < 0 {
		return nil
	}
	return errDisk
}
