package switching_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wxswitch/banks"
	"wxswitch/codec"
	"wxswitch/routing"
	switching "wxswitch/switch"
)

// TestOnlyItsClientReadsATransaction: another finds nothing under its number. What
// cannot be read is not told as what is not there.
func TestOnlyItsClientReadsATransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.answers(approves)
		q := request(codec.Deregister, "k")
		result, err := r.sw.Do(t.Context(), q)
		must(t, err)
		for client, want := range map[string]bool{q.Client: true, "other": false, "": false} {
			e, found, err := r.sw.Get(t.Context(), client, result.ID)
			if err != nil || found != want || !want && (e.ID != 0 || !e.Account.IsZero()) {
				t.Errorf("%q reads %d: found %v, %+v, %v", client, result.ID, found, e, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r.sw.Journal = hanging{r.sw.Journal}
		if _, found, err := r.sw.Get(ctx, q.Client, result.ID); err == nil {
			t.Error("of a disk that hangs: found", found)
		}
	})
}

// A customer's request is all that is sent as one: neither an advice nor what only
// links or banks say.
func TestOnlyCustomersRequestsAreSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.answers(func(m *codec.Message) *codec.Message { t.Error("sent", m.Type); return approves(m) })
		for _, kind := range []codec.Type{codec.Reversal, codec.Completion, codec.Release, codec.Movement, codec.SignOn, "made-up"} {
			wantEnd(t, r.do(request(kind, string(kind))), switching.Refused, switching.ReasonUnsupported, "")
		}
	})
}

// What concerns no account, as a visit, goes to the bank that it names; to one that is
// none, nowhere.
func TestWithoutAnAccountTheNamedBankIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.answers(func(m *codec.Message) *codec.Message {
			reply := approves(m)
			reply.Set(codec.FieldAppointment, "YY-000017")
			return reply
		})
		for bank, want := range map[string]switching.End{
			"xjrcu": {Outcome: switching.Approved},
			"klb":   {Outcome: switching.Refused, Reason: switching.ReasonUnknownBank},
			"":      {Outcome: switching.Refused, Reason: switching.ReasonUnknownBank},
		} {
			q := switching.Request{Type: codec.Appointment, Client: "c", Operation: "visit", Key: bank + "k", Bank: bank}
			q.Fields.Set(codec.FieldBranch, "0101")
			q.Fields.Set(codec.FieldBusiness, "vip")
			q.Fields.Set(codec.FieldPhone, "13800000000")
			if got := r.do(q); got.Bank != bank || got.End.Outcome != want.Outcome || got.End.Reason != want.Reason {
				t.Errorf("%q: %q %s %s", bank, got.Bank, got.End.Outcome, got.End.Reason)
			}
		}
	})
}

// TestTheSMSCodeIsSentAndNotKept: another under the same key is a repeat.
func TestTheSMSCodeIsSentAndNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		var sent []string
		r.answers(func(m *codec.Message) *codec.Message {
			sent = append(sent, m.Get(codec.FieldSMSCode))
			return approves(m)
		})
		for _, code := range []string{"042137", "731240"} {
			q := request(codec.SMSCode, "k")
			q.Fields.Set(codec.FieldSMSCode, code)
			q.Fields.Set(codec.FieldSeconds, "300")
			q.Fields.Set(codec.FieldPurpose, "attach")
			result := r.do(q)
			time.Sleep(time.Second)
			e, _, err := r.j.Get(t.Context(), result.ID)
			must(t, err)
			if result.Fields.Has(codec.FieldSMSCode) || e.Fields.Has(codec.FieldSMSCode) {
				t.Error("kept", code)
			}
		}
		if !slices.Equal(sent, []string{"042137"}) {
			t.Error("sent", sent)
		}
	})
}

// TestTheShorterDeadlineCounts: the bank's (10 s here) or the caller's. A caller
// that would wait longer keeps no link and no place of the bank for longer.
func TestTheShorterDeadlineCounts(t *testing.T) {
	for caller, want := range map[time.Duration]time.Duration{
		0: 10 * time.Second, 2 * time.Second: 2 * time.Second, 10 * time.Second: 10 * time.Second, time.Minute: 10 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			r, stop := newPlainRig(t, false)
			defer stop()
			r.answers(silent)
			q := request(codec.Balance, "k")
			q.Timeout = caller
			begun := time.Now()
			result, err := r.sw.Do(t.Context(), q)
			must(t, err)
			if took := time.Since(begun); took != want || result.End.Outcome != switching.TimedOut || result.End.Reason != switching.Reason(banks.NoReply) {
				t.Errorf("the caller waits %s: %s (%s) after %s, want timed-out after %s", caller, result.End.Outcome, result.End.Reason, took, want)
			}
		})
	}
}

// Silence until a deadline that the caller shortened, however little, says nothing of
// the bank.
func TestACallersDeadlineOpensNoBreaker(t *testing.T) {
	for caller, want := range map[time.Duration]string{0: "open", 9900 * time.Millisecond: "closed", 10 * time.Second: "open"} {
		synctest.Test(t, func(t *testing.T) {
			r, stop := newPlainRig(t, false)
			defer stop()
			r.answers(silent)
			var asking sync.WaitGroup
			for n := range 10 { // as many as open it
				asking.Go(func() {
					q := request(codec.Balance, fmt.Sprint(n))
					q.Timeout = caller
					r.do(q)
				})
			}
			asking.Wait()
			if got := r.bank.Status().Breaker; got != want {
				t.Errorf("the caller waits %s: the breaker is %s, not %s", caller, got, want)
			}
		})
	}
}

// TestAKeyIsOfOneBody: whatever is asked otherwise under the key is refused,
// also where the account alone would lead to the same bank.
func TestAKeyIsOfOneBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.answers(approves)
		_, err := r.sw.Do(t.Context(), request(codec.Authenticate, "k"))
		must(t, err)
		for name, change := range map[string]func(*switching.Request){
			"nothing":     func(*switching.Request) {},
			"timeout":     func(q *switching.Request) { q.Timeout = time.Second },
			"type":        func(q *switching.Request) { q.Type = codec.Deregister },
			"customer":    func(q *switching.Request) { q.Customer = "1001" },
			"account":     func(q *switching.Request) { q.Account = codec.NewAccount("6210081234567884") },
			"bank":        func(q *switching.Request) { q.Bank = "xjrcu" },
			"asked":       func(q *switching.Request) { q.Asked = "another" },
			"proof":       func(q *switching.Request) { q.Proof = shown("000000") },
			"certificate": func(q *switching.Request) { q.Fields.Set(codec.FieldCertNumber, "65010219900101123X") },
		} {
			var want error
			if name != "nothing" && name != "timeout" {
				want = switching.ErrKeyReused
			}
			q := request(codec.Authenticate, "k")
			change(&q)
			if result, err := r.sw.Do(t.Context(), q); !errors.Is(err, want) || want == nil && !result.Replayed {
				t.Errorf("another %s: %v, replayed %v", name, err, result.Replayed)
			}
		}
	})
}

// TestADrainingSwitchOnlyRepeats: what is new is refused and sent to nobody; what
// has ended is answered as it ended.
func TestADrainingSwitchOnlyRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		sent := 0
		r.answers(func(m *codec.Message) *codec.Message { sent++; return approves(m) })
		before, err := r.sw.Do(t.Context(), request(codec.Authenticate, "k"))
		must(t, err)
		ctx, drain := context.WithCancel(t.Context())
		drain()
		must(t, r.sw.Run(ctx))
		for key, want := range map[string]switching.End{
			"k":   before.End,
			"new": {Outcome: switching.Refused, Reason: switching.ReasonDraining},
		} {
			result, err := r.sw.Do(t.Context(), request(codec.Authenticate, key))
			must(t, err)
			if known := key == "k"; result.End.Outcome != want.Outcome || result.End.Reason != want.Reason ||
				result.Replayed != known || (result.ID == before.ID) != known {
				t.Errorf("key %s: %+v, want %+v", key, result, want)
			}
		}
		if _, found, err := r.j.Find(t.Context(), r.keys.Index("idempotency", "c", "op", "new")); err != nil || found || sent != 1 {
			t.Errorf("the refused one is journalled: %v, %v; %d sent", found, err, sent)
		}
	})
}

// TestAJoinThatGaveUpStandsInDoubt: while the operation it joined is still open.
func TestAJoinThatGaveUpStandsInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.answers(silent)
		first := make(chan struct{})
		go func() {
			defer close(first)
			_, _ = r.sw.Do(t.Context(), request(codec.Deregister, "k"))
		}()
		time.Sleep(time.Second)
		q := request(codec.Deregister, "another")
		q.Timeout = time.Second
		joined, err := r.sw.Do(t.Context(), q)
		must(t, err)
		e, _, err := r.sw.Get(t.Context(), q.Client, joined.ID)
		must(t, err)
		if joined.Joins == 0 || joined.End.Outcome != switching.TimedOut || e.Standing != switching.TimedOut {
			t.Errorf("joins %d, ended %s, stands as %q", joined.Joins, joined.End.Outcome, e.Standing)
		}
		<-first
		root, _, err := r.j.Get(t.Context(), joined.Joins)
		must(t, err)
		r.lateTook(codec.Deregister, root.ID, root.Sent) // approved, as both stand today
		e, _, err = r.sw.Get(t.Context(), q.Client, joined.ID)
		must(t, err)
		if e.Standing != switching.Approved || e.LateCode != "00" || e.End.Outcome != switching.TimedOut {
			t.Errorf("ended %s, stands as %q, %q", e.End.Outcome, e.Standing, e.LateCode)
		}
	})
}

// What a second try joined holds back other changes until it is settled: so does the
// second try to who asks, while it waits and after it gave up.
func TestAJoinIsSettlingAsLongAsWhatItJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, true)
		defer stop()
		r.answers(silent)
		go r.do(request(codec.Deregister, "k"))
		time.Sleep(time.Second)
		gaveUp := make(chan switching.Result, 1)
		go func() { gaveUp <- r.do(request(codec.Deregister, "another")) }()
		time.Sleep(time.Second)
		waiting, err := r.j.Due(t.Context(), time.Now().Add(time.Minute), 2)
		must(t, err)
		settling := func(id int64) bool {
			e, found, err := r.sw.Get(t.Context(), "c", id)
			must(t, err)
			return found && e.Holds
		}
		if len(waiting) != 2 || waiting[1].Joins == 0 || !settling(waiting[1].ID) {
			t.Error("waiting, and not settling")
		}
		joined := <-gaveUp
		if !settling(joined.ID) {
			t.Error("in doubt, and not settling")
		}
		r.answers(approves)
		time.Sleep(time.Minute)
		if settling(joined.ID) {
			t.Error("settled, and still settling")
		}
	})
}

// refusingJoins is an Effect that refuses second tries.
type refusingJoins struct{ refusing }

func (refusingJoins) Open(_ context.Context, _ switching.Tx, e *switching.Entry) error {
	if e.Joins != 0 {
		return &switching.EffectRefusal{Reason: "frozen"}
	}
	return nil
}

// A second try that the customer's state refuses stands as refused, however what it
// would have joined ends.
func TestARefusedJoinStandsAsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, true)
		defer stop()
		r.j.Effects = map[codec.Type]switching.Effect{codec.Deregister: refusingJoins{}}
		r.answers(silent)
		go r.do(request(codec.Deregister, "k"))
		time.Sleep(time.Second)
		refused := r.do(request(codec.Deregister, "another"))
		wantEnd(t, refused, switching.Refused, "frozen", "")
		e, found, err := r.sw.Get(t.Context(), "c", refused.ID)
		must(t, err)
		if !found || e.Joins == 0 || e.Standing != switching.Refused || e.Holds {
			t.Errorf("joins %d, stands as %q, holds %t", e.Joins, e.Standing, e.Holds)
		}
		r.answers(approves)
		time.Sleep(time.Minute)
		e, _, err = r.sw.Get(t.Context(), "c", refused.ID)
		must(t, err)
		if e.Standing != switching.Refused || e.LateCode != "" {
			t.Errorf("stands as %q, late %q", e.Standing, e.LateCode)
		}
	})
}

// shown is a proof.
type shown string

func (s shown) Covers() string { return string(s) }

// A repeat of what is in flight waits as long as its own deadline, and where its
// account has no route any more as long as its caller says, or for 5 s.
func TestARepeatWithoutARouteWaitsAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.answers(silent)
		go r.do(request(codec.Deregister, "k"))
		time.Sleep(time.Second)
		none, err := routing.Parse("routes.yaml", []byte("cards:\n  - {bank: xjrcu, prefix: \"999999\", lengths: [16]}\n"), []routing.Bank{"xjrcu"})
		must(t, err)
		r.sw.Router.Swap(none)
		for _, within := range []time.Duration{time.Second, 0} {
			begun, q := time.Now(), request(codec.Deregister, "k")
			q.Timeout = within
			_, err := r.sw.Do(t.Context(), q)
			if took := time.Since(begun); !errors.Is(err, switching.ErrInProgress) || took != cmp.Or(within, 5*time.Second) {
				t.Errorf("%v after %s", err, took)
			}
		}
		time.Sleep(10 * time.Second)
	})
}
