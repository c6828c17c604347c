package switching_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wxswitch/banks"
	"wxswitch/codec"
	switching "wxswitch/switch"
)

// slow makes each commit from now on take so long.
func (r *rig) slow(d time.Duration) {
	slow := func(step string) error {
		if step == "commit-before" {
			time.Sleep(d)
		}
		return nil
	}
	r.fail.Store(&slow)
}

// A customer taps twice while the bank is nearly full and the disk slow: the second
// tap must not be told that nothing was sent, for then comes a third with a new key.
func TestARepeatWaitsUntilTheFirstHasItsRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, true)
		defer stop()
		var booked atomic.Int64
		r.answers(func(m *codec.Message) *codec.Message {
			booked.Add(1)
			reply := approves(m)
			reply.Set(codec.FieldAppointment, "YY-000017")
			return reply
		})
		var places []*banks.Permit
		for range 255 {
			p, err := r.bank.Admit()
			must(t, err)
			places = append(places, p)
		}
		visit := switching.Request{Type: codec.Appointment, Client: "c", Operation: "visit", Key: "k", Bank: "xjrcu"}
		visit.Fields.Set(codec.FieldBranch, "0101")
		visit.Fields.Set(codec.FieldBusiness, "vip")
		visit.Fields.Set(codec.FieldPhone, "13800000000")
		r.slow(100 * time.Millisecond)
		first := make(chan switching.Result, 1)
		go func() { first <- r.do(visit) }()
		time.Sleep(50 * time.Millisecond)
		second := r.do(visit)
		if want := <-first; second.ID != want.ID || second.End.Outcome != switching.Approved || !second.Replayed {
			t.Errorf("told %s (%s) and %s (%s)", want.End.Outcome, want.End.Reason, second.End.Outcome, second.End.Reason)
		}
		for _, p := range places {
			p.Release()
		}
		if booked.Load() != 1 {
			t.Errorf("booked %d times", booked.Load())
		}
	})
}

// One key has one answer, also where the first still waits to be opened when the
// repeat has no time left.
func TestARepeatOfWhatIsNotOpenedYet(t *testing.T) {
	for name, again := range map[string]func(*rig, switching.Request) error{
		"asked again": func(r *rig, q switching.Request) error { _, err := r.sw.Do(context.Background(), q); return err },
		"looked up": func(r *rig, q switching.Request) error {
			_, found, err := r.sw.Replay(context.Background(), q)
			if !found {
				return errors.New("found nothing")
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, stop := newPlainRig(t, true)
				defer stop()
				r.answers(silent)
				go r.do(request(codec.Authenticate, "other"))
				time.Sleep(9 * time.Second)
				first := make(chan switching.Result, 1)
				go func() { first <- r.do(request(codec.Deregister, "k")) }()
				time.Sleep(500 * time.Millisecond)
				q := request(codec.Deregister, "k")
				q.Timeout = 500 * time.Millisecond
				if err := again(r, q); !errors.Is(err, switching.ErrInProgress) {
					t.Error(err)
				}
				r.answers(approves)
				if f := <-first; f.End.Outcome != switching.Approved {
					t.Errorf("the first: %s (%s)", f.End.Outcome, f.End.Reason)
				}
			})
		})
	}
}

// An open that hangs may be on disk later. Until that is known a repeat is told to
// come again with the key, not that nothing was sent; then it learns the end.
func TestARepeatOfAnOpenThatHangs(t *testing.T) {
	for name, timeout := range map[string]time.Duration{"within its time": 0, "past it": -1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, stop := newPlainRig(t, true)
				defer stop()
				r.answers(approves)
				var once atomic.Bool
				hang := func(step string) error {
					if step == "commit-before" && once.CompareAndSwap(false, true) {
						time.Sleep(45 * time.Second)
					}
					return nil
				}
				r.fail.Store(&hang)
				if _, err := r.sw.Do(t.Context(), request(codec.Deregister, "k")); !errors.Is(err, switching.ErrOutcomeUnknown) {
					t.Fatal(err)
				}
				q := request(codec.Deregister, "k")
				q.Timeout = timeout
				if again := r.do(q); again.End.Outcome != switching.Refused || again.End.Reason != switching.ReasonJournal {
					t.Errorf("while it hangs: %s (%s)", again.End.Outcome, again.End.Reason)
				}
				time.Sleep(2 * time.Minute)
				q.Timeout = -1
				if again := r.do(q); !again.Replayed || again.Standing != switching.Approved {
					t.Errorf("when it is known: %s (%s)", again.Standing, again.End.Reason)
				}
				var commits atomic.Int64
				count := func(step string) error {
					if step == "commit-before" {
						commits.Add(1)
					}
					return nil
				}
				r.fail.Store(&count)
				for _, q.Key = range []string{"free", "free too"} {
					if other := r.do(q); other.End.Reason != switching.ReasonDeadline {
						t.Errorf("another, when it is known: %s (%s)", other.End.Outcome, other.End.Reason)
					}
				}
				if n := commits.Load(); n > 1 {
					t.Errorf("%d commits to learn what is known", n)
				}
			})
		})
	}
}

// A disk that hangs when the bank has approved: the caller is told that nobody knows,
// soon after its deadline. Then the key learns the end.
func TestACloseThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, true)
		defer stop()
		var commits atomic.Int64
		hang := func(step string) error {
			if step == "commit-before" && commits.Add(1) == 2 {
				time.Sleep(2 * time.Minute)
			}
			return nil
		}
		r.answers(approves)
		r.fail.Store(&hang)
		begun := time.Now()
		q := request(codec.Deregister, "k")
		q.Timeout = 2 * time.Second
		_, err := r.sw.Do(t.Context(), q)
		if took := time.Since(begun); !errors.Is(err, switching.ErrOutcomeUnknown) || took > 20*time.Second {
			t.Errorf("after %s: %v", took, err)
		}
		time.Sleep(5 * time.Minute)
		if again := r.do(q); !again.Replayed || again.End.Outcome != switching.Approved {
			t.Errorf("%s (%s)", again.End.Outcome, again.End.Reason)
		}
	})
}

type panicking struct{ switching.Journal }

func (panicking) Open(context.Context, switching.Entry) (switching.Opening, error) { panic("planted") }

// Whoever answers a panic goes on with one request less, and with no place less.
func TestAPanicKeepsNeitherPlaceNorKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.answers(approves)
		sound := r.sw.Journal
		r.sw.Journal = panicking{sound}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			_, _ = r.sw.Do(t.Context(), request(codec.Deregister, "k"))
		}()
		r.sw.Journal = sound
		if s := r.bank.Status(); s.InFlight != 0 {
			t.Errorf("%d places are taken", s.InFlight)
		}
		if again := r.do(request(codec.Deregister, "k")); again.End.Outcome != switching.Approved {
			t.Errorf("%s (%s)", again.End.Outcome, again.End.Reason)
		}
	})
}
