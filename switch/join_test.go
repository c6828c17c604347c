package switching_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// script lets the bank answer each type by its code, and no other; it counts.
func (r *rig) script(codes map[codec.Type]string) (seen func(codec.Type) int) {
	count := map[codec.Type]*atomic.Int64{}
	for _, t := range []codec.Type{codec.Authenticate, codec.Deregister, codec.Balance, codec.Completion, codec.Reversal} {
		count[t] = new(atomic.Int64)
	}
	r.answers(func(m *codec.Message) *codec.Message {
		if n := count[m.Type]; n != nil {
			n.Add(1)
		}
		if code := codes[m.Type]; code != "" {
			return codec.NewReply(m, code)
		}
		return nil
	})
	return func(t codec.Type) int { return int(count[t].Load()) }
}

func (r *rig) do(q switching.Request) switching.Result {
	r.t.Helper()
	result, err := r.sw.Do(r.t.Context(), q)
	must(r.t, err)
	return result
}

// pausing waits until an advice has been met by silence often, and is not on its way.
func (r *rig) pausing() {
	for time.Sleep(20 * time.Minute); r.bank.Status().InFlight > 0; {
		time.Sleep(time.Second)
	}
}

// wantEnd checks an end.
func wantEnd(t *testing.T, got switching.Result, o switching.Outcome, reason switching.Reason, code string) {
	t.Helper()
	if got.End.Outcome != o || got.End.Reason != reason || got.End.Code != code {
		t.Errorf("%s %s %s, want %s %s %s", got.End.Outcome, got.End.Reason, got.End.Code, o, reason, code)
	}
}

// After many silences an advice pauses for minutes: who waits for its end wakes it,
// a second try that takes its answer as well as another change of the account.
func TestWhoWaitsForAnAdviceWakesIt(t *testing.T) {
	for code, want := range map[string]switching.Outcome{"00": switching.Approved, "14": switching.Declined} {
		synctest.Test(t, func(t *testing.T) {
			r, stop := newPlainRig(t, true)
			defer stop()
			seen := r.script(nil)
			first := r.do(request(codec.Deregister, "k"))
			r.pausing()
			r.script(map[codec.Type]string{codec.Completion: code})
			begun := time.Now()
			second := r.do(request(codec.Deregister, "another"))
			wantEnd(t, second, want, "", code)
			if took := time.Since(begun); took > 100*time.Millisecond { // not at the next poll
				t.Errorf("after %s", took)
			}
			if second.Joins != first.ID || seen(codec.Deregister) != 1 {
				t.Errorf("joins %d, not %d; sent %d times", second.Joins, first.ID, seen(codec.Deregister))
			}
			if n := r.bank.Status().InFlight; n != 0 {
				t.Errorf("%d places of the bank are kept", n)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, true)
		defer stop()
		r.script(nil)
		r.do(request(codec.Authenticate, "k"))
		r.pausing()
		r.script(map[codec.Type]string{codec.Reversal: "00", codec.Authenticate: "00"})
		wantEnd(t, r.do(request(codec.Authenticate, "another")), switching.Approved, "", "00")
	})
}

// A second try takes the end of a first that was never sent, with its reason.
func TestAJoinTakesARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.script(nil)
		go func() { _, _ = r.sw.Do(t.Context(), request(codec.Deregister, "k")) }()
		time.Sleep(time.Second)
		go func() {
			time.Sleep(time.Second)
			e, _, err := r.j.Find(t.Context(), r.keys.Index("idempotency", "c", "op", "k"))
			must(t, err)
			_, err = r.j.Close(t.Context(), e, switching.End{Outcome: switching.Refused, Reason: switching.ReasonUnwritable})
			must(t, err)
		}()
		wantEnd(t, r.do(request(codec.Deregister, "another")), switching.Refused, switching.ReasonUnwritable, "")
		time.Sleep(time.Minute)
	})
}

// A crash leaves a join open; the scan ends it as what it joined had ended, and in
// doubt while that has no end.
func TestTheScanEndsAJoinAsItsFirst(t *testing.T) {
	for name, c := range map[string]struct{ first, want switching.End }{
		"declined": {switching.End{Outcome: switching.Declined, Code: "14"}, switching.End{Outcome: switching.Declined, Code: "14"}},
		"in doubt": {switching.End{Outcome: switching.TimedOut, Code: "98"}, switching.End{Outcome: switching.TimedOut, Reason: switching.ReasonRecovered}},
		"open":     {switching.End{}, switching.End{Outcome: switching.TimedOut, Reason: switching.ReasonRecovered}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, stop := newPlainRig(t, true)
			defer stop()
			open := func(key string, within time.Duration) switching.Entry {
				n, err := r.numbers.Take(t.Context())
				must(t, err)
				o, err := r.j.Open(t.Context(), switching.Entry{
					ID: n.ID, STAN: n.STAN, Sent: n.Sent, RRN: codec.NewRRN(n.ID), Client: "c", Operation: "op", Type: codec.Deregister,
					KeyHash: []byte(key), BodyHash: []byte("b"), Bank: "xjrcu", Card: true, Account: codec.NewAccount("6210081234567892"),
					Instance: "gone", Opened: time.Now(), Deadline: time.Now().Add(within),
				})
				must(t, err)
				return o.Entry
			}
			first, joined := open("k", 2*time.Minute), open("another", 10*time.Second)
			if c.first.Outcome != "" {
				_, err := r.j.Close(t.Context(), first, c.first)
				must(t, err)
			}
			time.Sleep(time.Minute)
			e, _, err := r.j.Get(t.Context(), joined.ID)
			must(t, err)
			if e.Joins != first.ID || e.End.Outcome != c.want.Outcome || e.End.Reason != c.want.Reason || e.End.Code != c.want.Code {
				t.Errorf("%s: joins %d, ended %q %s %s", name, e.Joins, e.End.Outcome, e.End.Reason, e.End.Code)
			}
		})
	}
}

// A join whose commit was not told of is a join still: nothing is sent for it.
func TestAJoinOfAnUnknownCommitSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		seen := r.script(nil)
		r.do(request(codec.Deregister, "k"))
		r.failsCommits("commit-after", true)
		wantEnd(t, r.do(request(codec.Deregister, "another")), switching.TimedOut, "no-reply", "")
		if n := seen(codec.Deregister); n != 1 {
			t.Errorf("sent %d times", n)
		}
	})
}

// refusing is an Effect that lets nobody.
type refusing struct{}

func (refusing) Open(context.Context, switching.Tx, *switching.Entry) error {
	return &switching.EffectRefusal{Reason: "sms-code-wrong"}
}

func (refusing) Close(context.Context, switching.Tx, switching.Entry, switching.Outcome) ([]switching.Notice, []switching.Advice, error) {
	return nil, nil, nil
}

// Nor is what an Effect refused, as a wrong code, sent because its commit is unknown.
func TestARefusalOfAnUnknownCommitSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.j.Effects = map[codec.Type]switching.Effect{codec.Authenticate: refusing{}}
		seen := r.script(map[codec.Type]string{codec.Authenticate: "00"})
		r.failsCommits("commit-after", true)
		wantEnd(t, r.do(request(codec.Authenticate, "k")), switching.Refused, "sms-code-wrong", "")
		if n := seen(codec.Authenticate); n != 0 {
			t.Errorf("sent %d times", n)
		}
	})
}

// The clock is set ahead while the bank is at work: this process's own row is left
// to it.
func TestTheScanLeavesWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		r, stop := newPlainRigWith(t, switching.Options{Now: now, Log: zerolog.Nop()}, true)
		defer stop()
		r.answers(func(m *codec.Message) *codec.Message {
			ahead.Store(int64(time.Hour))
			time.Sleep(5 * time.Second)
			return codec.NewReply(m, "00")
		})
		wantEnd(t, r.do(request(codec.Authenticate, "k")), switching.Approved, "", "00")
	})
}

// A switch that goes down has first closed what it has answered.
func TestADrainWaitsForClosesAfterTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.script(map[codec.Type]string{codec.Balance: "14"})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.sw.Run(ctx) }()
		result := r.do(request(codec.Balance, "k"))
		cancel()
		must(t, <-done)
		e, _, err := r.j.Get(t.Context(), result.ID)
		must(t, err)
		if e.Open {
			t.Error("the switch ended before it closed the row")
		}
	})
}

// A repeat that waits for the first is answered when that is, not at the next poll.
func TestARepeatIsWokenByTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.answers(func(m *codec.Message) *codec.Message { time.Sleep(1100 * time.Millisecond); return approves(m) })
		begun, done := time.Now(), make(chan struct{})
		go func() { defer close(done); r.do(request(codec.Deregister, "k")) }()
		time.Sleep(time.Millisecond)
		again := r.do(request(codec.Deregister, "k"))
		if took := time.Since(begun); !again.Replayed || took > 1150*time.Millisecond {
			t.Errorf("replayed %v, after %s", again.Replayed, took)
		}
		<-done
	})
}

// The writer does not come to an open by its deadline: nothing was done, and the
// reason is the time.
func TestAnOpenThatWaitsTooLongIsRefusedByItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		seen := r.script(map[codec.Type]string{codec.Deregister: "00"})
		once := new(atomic.Bool)
		hang := func(step string) error {
			if step == "commit-before" && once.CompareAndSwap(false, true) {
				time.Sleep(20 * time.Second)
			}
			return nil
		}
		r.fail.Store(&hang)
		go func() { must(t, r.j.Wake(t.Context(), 1)) }()
		time.Sleep(time.Second)
		wantEnd(t, r.do(request(codec.Deregister, "k")), switching.Refused, switching.ReasonDeadline, "")
		time.Sleep(time.Minute)
		if n := seen(codec.Deregister); n != 0 {
			t.Errorf("sent %d times", n)
		}
	})
}

// What a late reply or a bank by itself may have written to tell is told at once.
func TestALateReplyIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int64
		r, stop := newPlainRigWith(t, switching.Options{Told: func() { told.Add(1) }}, false)
		defer stop()
		var original atomic.Pointer[codec.Message]
		r.answers(func(m *codec.Message) *codec.Message { original.Store(m); return nil })
		r.do(request(codec.Deregister, "k"))
		before := told.Load()
		r.sw.Late(t.Context(), "xjrcu", codec.NewReply(original.Load(), "00"))
		if told.Load() != before+1 {
			t.Error("not after a late reply")
		}
		m := codec.NewRequest(codec.Movement)
		m.SetAccount(codec.NewAccount("6210081234567892"), true)
		r.sw.Incoming(t.Context(), "xjrcu", m)
		if told.Load() != before+2 {
			t.Error("not after what a bank said")
		}
	})
}

// hanging is a journal whose disk reads nothing any more.
type hanging struct{ switching.Journal }

func (hanging) Get(ctx context.Context, _ int64) (switching.Entry, bool, error) {
	<-ctx.Done()
	return switching.Entry{}, false, ctx.Err()
}

// Who waits for another's end waits no longer for the disk than its deadline and a
// little: a change that was not begun is refused, a second try not known.
func TestWhoWaitsWhileTheDiskHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.script(nil)
		r.do(request(codec.Deregister, "k"))
		sound := r.sw.Journal
		r.sw.Journal = hanging{sound}
		defer func() { r.sw.Journal = sound }()
		for kind, want := range map[codec.Type]error{codec.Authenticate: nil, codec.Deregister: switching.ErrOutcomeUnknown} {
			type ending struct {
				switching.Result
				error
			}
			ended := make(chan ending, 1)
			go func() {
				result, err := r.sw.Do(context.WithoutCancel(t.Context()), request(kind, "another "+string(kind)))
				ended <- ending{result, err}
			}()
			select {
			case e := <-ended:
				if !errors.Is(e.error, want) || want == nil && e.End.Reason != switching.ReasonJournal {
					t.Error(kind, e.End, e.error)
				}
			case <-time.After(20 * time.Second):
				t.Fatal(kind, "waits on")
			}
		}
	})
}

// What holds a customer back may stand at another bank than the one that is asked: its
// advice is woken there.
func TestWhatHoldsBackIsWokenAtItsOwnBank(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		n, err := r.numbers.Take(t.Context())
		must(t, err)
		o, err := r.j.Open(t.Context(), switching.Entry{
			ID: n.ID, Client: "c", Operation: "op", BodyHash: []byte("b"), Type: codec.Deregister, Customer: "anna", Bank: "wlmq",
			Account: codec.NewAccount("6217510000000000007"), Card: true, MTI: "0100", Code3: "890100", STAN: n.STAN, Sent: n.Sent,
			RRN: codec.NewRRN(n.ID), Opened: time.Now(), Deadline: time.Now().Add(time.Second),
		})
		must(t, err)
		_, err = r.j.Close(t.Context(), o.Entry, switching.End{Outcome: switching.TimedOut})
		must(t, err)
		var woken []string
		r.sw.Wake = func(bank string, id int64) { woken = append(woken, fmt.Sprint(bank, " ", id)) }
		q := request(codec.Deregister, "k")
		q.Customer, q.Timeout = "anna", 2*time.Second
		result, err := r.sw.Do(t.Context(), q)
		must(t, err)
		if want := []string{fmt.Sprint("wlmq ", n.ID)}; result.End.Reason != switching.ReasonSettling || !slices.Equal(woken, want) {
			t.Errorf("%+v, woken %v, want %v", result.End, woken, want)
		}
	})
}
