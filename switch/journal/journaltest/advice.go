package journaltest

import (
	"errors"
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// testAnswers: what a bank's answer does to the advice, the entry and its hold.
func testAnswers(w *world) {
	for _, c := range []struct {
		name  string
		of    codec.Type
		class codec.AdviceClass
		m     codec.Meaning
		state switching.AdviceState
		want  switching.Outcome
	}{
		{"reversal done", codec.Authenticate, codec.Done, 0, switching.AdviceDone, switching.TimedOut},
		{"reversal not found", codec.Authenticate, codec.NotFound, 0, switching.AdviceNotFound, switching.TimedOut},
		{"reversal retry", codec.Authenticate, codec.Retry, 0, switching.AdvicePending, switching.TimedOut},
		{"reversal park", codec.Authenticate, codec.Park, 0, switching.AdviceParked, switching.TimedOut},
		{"completion approved", codec.Deregister, 0, codec.Approved, switching.AdviceDone, switching.Approved},
		{"completion declined", codec.Deregister, 0, codec.Declined, switching.AdviceDone, switching.Declined},
		{"completion in doubt", codec.Deregister, 0, codec.InDoubt, switching.AdvicePending, switching.TimedOut},
		{"completion unmapped", codec.Deregister, 0, codec.Unmapped, switching.AdviceParked, switching.TimedOut},
	} {
		w.Run(c.name, func(*testing.T) {
			w := newWorld(w.T, w.opener)
			e, _ := w.timedOut(c.of)
			a := w.claim()
			w.equal("answered", w.answer(a, c.class, c.m).Standing, c.want)
			w.standing(e.ID, c.want, c.state.Settles())
			after := w.advice(a.ID)
			w.equal("state", after.State, c.state)
			w.equal("last code", after.LastCode, reply(e, c.m).Code)
			w.equal("attempts", after.Attempts, 1)
			want := []string{"open", "timed-out"}
			if c.want != switching.TimedOut {
				want = append(want, string(c.want))
			}
			w.effects(e.ID, want...)
			w.equal("on its way", after.Claimed.IsZero(), true)
			if c.state == switching.AdvicePending {
				w.equal("backs off", after.Next.After(w.clock.now()), true)
			}
		})
	}
}

// testLateAnswers: an answer to an advice that found no waiter is one all the
// same; a second one reopens nothing.
func testLateAnswers(w *world) {
	e, _ := w.timedOut(codec.Deregister)
	a := w.claim()
	r := reply(e, codec.Approved)
	r.Type, r.STAN, r.Sent = codec.Completion, codec.NewSTAN(777), "0101000000" // the advice's own numbers
	after, known := w.late(r)
	w.equal("known", known, true)
	w.equal("standing", after.Standing, switching.Approved)
	w.equal("state", w.advice(a.ID).State, switching.AdviceDone)
	r.Meaning = codec.InDoubt
	w.late(r)
	r.Meaning = codec.Declined
	w.late(r)
	w.equal("state", w.advice(a.ID).State, switching.AdviceDone)
	w.standing(e.ID, switching.Approved, false)
	w.effects(e.ID, "open", "timed-out", "approved")

	// A late "retry" to the first attempt does not put off the second's end.
	e, _ = w.timedOut(codec.Authenticate)
	w.must(w.store.Silent(w.Context(), w.claim()))
	w.clock.add(time.Minute)
	a = w.claim()
	w.answer(a, codec.Park, codec.Unmapped)
	w.equal("parked", w.answer(a, codec.Retry, codec.Unmapped).Holds, true)
	w.equal("still parked", w.advice(a.ID).State, switching.AdviceParked)
	w.answer(a, codec.Done, codec.Unmapped)
	w.standing(e.ID, switching.TimedOut, false)
}

// testPark: what cannot be sent waits for an operator, and holds its account.
func testPark(w *world) {
	e, a := w.timedOut(codec.Deregister)
	w.must(w.store.Park(w.Context(), a, "not claimed"))
	w.equal("unclaimed", w.advice(a.ID).State, switching.AdvicePending)
	w.must(w.store.Park(w.Context(), w.claim(), "cannot be written"))
	got := w.advice(a.ID)
	w.equal("state", got.State, switching.AdviceParked)
	w.equal("note", got.Note, "cannot be written")
	w.equal("attempts", got.Attempts, 0)
	w.standing(e.ID, switching.TimedOut, true)
	w.clock.add(time.Hour)
	if _, ok := w.tryClaim(); ok {
		w.Fatal("claimed a parked one")
	}
	_, err := w.store.RetryAdvice(w.Context(), a.ID)
	w.must(err)
	c := w.claim()
	w.answer(c, codec.Park, codec.Approved)
	w.must(w.store.Park(w.Context(), c, "too late"))
	w.equal("ended", w.advice(a.ID).State, switching.AdviceDone)
}

// testParkedBeside: a reversal that came back beside another change, and was parked
// meanwhile, holds the account after it.
func testParkedBeside(w *world) {
	for of, o := range map[string]switching.Outcome{card: switching.Declined, other: switching.Refused} {
		e, _ := w.timedOut(codec.Authenticate, account(of))
		w.answer(w.claim(), codec.NotFound, 0)
		second := w.opened(codec.Authenticate, account(of), noKey)
		w.lateOf(e, codec.Approved)
		a := w.claim()
		w.answer(a, codec.Park, 0)
		w.equal("advice", w.advice(a.ID).State, switching.AdviceParked)
		w.close(second, end(o))
		w.equal("holds", w.get(e.ID).Holds, true)
		third := w.entry(codec.Authenticate, account(of))
		w.equal("blocker", w.open(switching.Settling, third).Blocker, e.ID)
		_, err := w.store.CloseAdvice(w.Context(), a.ID, "settled by telephone", "")
		w.must(err)
		w.open(switching.Opened, third)
	}
}

// testOldestBeside: of two reversals that came back beside a change the older holds
// the account after it, and the younger after that.
func testOldestBeside(w *world) {
	var undone [2]switching.Entry
	for i := range undone {
		undone[i], _ = w.timedOut(codec.Authenticate)
		w.answer(w.claim(), codec.NotFound, 0)
	}
	third := w.opened(codec.Authenticate)
	for _, e := range undone {
		w.lateOf(e, codec.Approved)
	}
	w.close(third, end(switching.Declined))
	for i := range undone {
		w.standing(undone[i].ID, switching.TimedOut, true)
		w.equal("the other holds", w.get(undone[1-i].ID).Holds, false)
		a := w.claim()
		w.equal("goes first", a.Entry.ID, undone[i].ID)
		w.answer(a, codec.Done, 0)
	}
	w.opened(codec.Authenticate)
}

// testOthersBeside: what holds nothing ends beside a reversal that came back, and
// hands nothing over that another holds.
func testOthersBeside(w *world) {
	e, _ := w.timedOut(codec.Authenticate)
	w.answer(w.claim(), codec.NotFound, 0)
	dereg, _ := w.timedOut(codec.Deregister)
	w.lateOf(e, codec.Approved)
	w.equal("enquiry", w.close(w.opened(codec.Balance), end(switching.Approved)).Open, false)
	joined := w.open(switching.Joined, w.entry(codec.Deregister)).Entry
	w.equal("join", w.close(joined, end(switching.TimedOut)).Open, false)
	w.standing(dereg.ID, switching.TimedOut, true)
	w.standing(e.ID, switching.TimedOut, false)
}

// testBehindParked: what waits for an operator keeps no release of its account back,
// and holds the account when it is sent again.
func testBehindParked(w *world) {
	w.options.Effects[codec.Attach] = w.effect
	w.start()
	w.effect.returns(codec.Release)
	w.close(w.opened(codec.Attach), end(switching.Approved))
	parked := w.claim()
	w.answer(parked, codec.Park, 0)
	w.close(w.opened(codec.Attach), end(switching.Approved))
	a := w.claim()
	w.equal("type", a.Type, codec.Release)
	w.answer(a, codec.Done, 0)

	w.effect.returns()
	e, _ := w.timedOut(codec.Attach)
	a = w.claim()
	w.answer(a, codec.Park, 0)
	again, err := w.store.RetryAdvice(w.Context(), a.ID)
	w.must(err)
	w.equal("holds", again.Entry.Holds, true)
	w.standing(e.ID, switching.TimedOut, true)
}

// testOtherBanks: an account of the same number at another bank is another.
func testOtherBanks(w *world) {
	w.timedOut(codec.Authenticate, account(passbook), func(e *switching.Entry) { e.Bank = "klb" })
	e, _ := w.timedOut(codec.Authenticate, account(passbook))
	w.equal("claimed", w.claim().Entry.ID, e.ID)
	_, ok := w.tryClaim()
	w.equal("the other bank's", ok, false)
	w.answer(w.advicesOf(e.ID)[0], codec.NotFound, 0)
	w.lateOf(e, codec.Approved)
	w.standing(e.ID, switching.TimedOut, true)
}

// testOrder: of one account only the oldest goes out, even while it pauses.
func testOrder(w *world) {
	e, old := w.timedOut(codec.Authenticate)
	w.answer(w.claim(), codec.NotFound, codec.Unmapped)
	_, young := w.timedOut(codec.Authenticate)
	w.lateOf(e, codec.Approved) // the old one is back
	first := w.claim()
	w.equal("oldest", first.ID, old.ID)
	if _, ok := w.tryClaim(); ok {
		w.Fatal("two of one account in flight")
	}
	w.must(w.store.Silent(w.Context(), first))
	if a, ok := w.tryClaim(); ok {
		w.Fatalf("advice %d overtook", a.ID)
	}
	_, apart := w.timedOut(codec.Authenticate, account(other))
	w.equal("another account", w.claim().ID, apart.ID)
	w.answer(first, codec.Done, codec.Unmapped)
	w.equal("then the younger", w.claim().ID, young.ID)
}

// testWakeBehind: who waits for an advice waits for the older ones of the account,
// too, so that these are woken with it; younger ones are not.
func testWakeBehind(w *world) {
	_, before := w.timedOut(codec.Authenticate, account(passbook))
	w.must(w.store.Silent(w.Context(), w.claim()))
	e, old := w.timedOut(codec.Authenticate)
	w.answer(w.claim(), codec.NotFound, codec.Unmapped)
	_, young := w.timedOut(codec.Authenticate)
	w.lateOf(e, codec.Approved) // the old one is back
	_, apart := w.timedOut(codec.Authenticate, account(other))
	w.must(w.store.Silent(w.Context(), w.claim()))
	w.must(w.store.Silent(w.Context(), w.claim()))
	for _, entry := range []int64{young.Entry.ID, old.Entry.ID} {
		w.must(w.store.Wake(w.Context(), entry))
		c := w.claim()
		w.equal("woken", c.ID, old.ID)
		w.must(w.store.Silent(w.Context(), c))
	}
	_, err := w.store.RetryAdvice(w.Context(), young.ID)
	w.must(err)
	w.answer(w.claim(), codec.Done, codec.Unmapped)
	w.equal("then the younger", w.claim().ID, young.ID)
	for _, a := range []switching.Advice{before, apart} {
		w.equal("another account's waits on", w.advice(a.ID).Next.After(w.clock.now()), true)
	}
}

func testRetry(w *world) {
	e, a := w.timedOut(codec.Authenticate)
	retry := func() error {
		again, err := w.store.RetryAdvice(w.Context(), a.ID)
		if err == nil {
			w.equal("told as it then stands", again.Next.Equal(w.advice(a.ID).Next), true)
		}
		return err
	}
	c := w.claim()
	w.must(retry())
	if _, ok := w.tryClaim(); ok {
		w.Fatal("one that is on its way was sent again")
	}
	w.must(w.store.Silent(w.Context(), c))
	w.must(retry())
	w.answer(w.claim(), codec.Park, codec.Unmapped)
	if _, ok := w.tryClaim(); ok {
		w.Fatal("claimed a parked one")
	}
	w.must(retry())
	w.answer(w.claim(), codec.NotFound, codec.Unmapped)
	w.standing(e.ID, switching.TimedOut, false)
	w.must(retry())
	w.standing(e.ID, switching.TimedOut, true)
	w.answer(w.claim(), codec.Done, codec.Unmapped)
	if err := retry(); !errors.Is(err, switching.ErrAdviceEnded) {
		w.Fatalf("retry of a done one: %v", err)
	}
	a.ID += 1000
	if err := retry(); !errors.Is(err, switching.ErrNoAdvice) {
		w.Fatalf("retry of none: %v", err)
	}
}

func testCloseAdvice(w *world) {
	try := func(a switching.Advice, o switching.Outcome) error {
		after, err := w.store.CloseAdvice(w.Context(), a.ID, "bank said so by phone", o)
		if err == nil {
			w.equal("state", after.State, switching.AdviceClosed)
			w.equal("note", w.advice(a.ID).Note, "bank said so by phone")
		}
		return err
	}
	wantNeedEnd := func(err error) {
		w.Helper()
		w.equal("needs its end", errors.Is(err, switching.ErrAdviceNeedEnd), true)
	}
	reversal, a := w.timedOut(codec.Authenticate)
	wantNeedEnd(try(a, switching.Approved))
	w.must(try(a, ""))
	w.standing(reversal.ID, switching.TimedOut, false)
	w.equal("ended", errors.Is(try(a, ""), switching.ErrAdviceEnded), true)

	for _, o := range []switching.Outcome{switching.Approved, switching.Declined} {
		e, a := w.timedOut(codec.Deregister)
		wantNeedEnd(try(a, ""))
		wantNeedEnd(try(a, switching.TimedOut))
		claimed := w.claim()
		w.equal("on its way", errors.Is(try(a, o), switching.ErrAdviceOnItsWay), true)
		w.answer(claimed, 0, codec.Unmapped)
		w.must(try(a, o))
		w.standing(e.ID, o, false)
		w.effects(e.ID, "open", "timed-out", string(o))
	}
	// An approval is not talked away.
	e, _ := w.timedOut(codec.Deregister)
	c := w.claim()
	w.lateOf(e, codec.Approved)
	wantNeedEnd(try(c, switching.Declined))
	w.clock.add(2 * time.Minute) // its time is over
	w.must(try(c, switching.Approved))
	w.effects(e.ID, "open", "timed-out", "approved")
	// An answer after all: a decline changes nothing, nothing opens again.
	w.answer(c, 0, codec.Declined)
	w.answer(c, 0, codec.InDoubt)
	w.equal("closed stays closed", w.advice(c.ID).State, switching.AdviceClosed)
	w.standing(e.ID, switching.Approved, false)

	e, a = w.timedOut(codec.Deregister)
	c = w.claim()
	w.clock.add(2 * time.Minute)
	w.must(try(c, switching.Declined))
	w.answer(c, 0, codec.Approved)
	w.standing(e.ID, switching.Approved, false) // it did take effect
	w.equal("closed stays closed", w.advice(a.ID).State, switching.AdviceClosed)
}

func testList(w *world) {
	var ids []int64
	for _, a := range []string{card, other, passbook} {
		_, advice := w.timedOut(codec.Authenticate, account(a))
		ids = append(ids, advice.ID)
		w.clock.add(time.Minute)
	}
	w.close(w.opened(codec.Authenticate, func(e *switching.Entry) { e.Bank = "klb" }), end(switching.TimedOut))
	w.answer(w.claim(), codec.Park, codec.Unmapped)
	list := func(bank string, s switching.AdviceState, after int64, limit int) int {
		l, err := w.store.Advices(w.Context(), bank, s, after, limit)
		w.must(err)
		return len(l)
	}
	w.equal("all", list("", "", 0, 10), 4)
	w.equal("bank", list(bank, "", 0, 10), 3)
	w.equal("state", list(bank, switching.AdvicePending, 0, 10), 2)
	w.equal("page", list("", "", ids[1], 10), 2)
	w.equal("limit", list("", "", 0, 3), 3)

	stats, err := w.store.AdviceStats(w.Context())
	w.must(err)
	w.equal("stats", len(stats), 3)
	for _, s := range stats {
		if s.Bank == bank && s.State == switching.AdvicePending {
			w.equal("count", s.Count, 2)
			w.equal("age of the oldest", w.clock.now().Sub(s.Oldest), 2*time.Minute)
		}
	}
}
