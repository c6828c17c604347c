package journaltest

import (
	"sync"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

func testClaim(w *world) {
	if _, ok := w.tryClaim(); ok {
		w.Fatal("claimed nothing")
	}
	var ids []int64
	for _, a := range []string{card, other, passbook} {
		_, advice := w.timedOut(codec.Authenticate, account(a))
		ids = append(ids, advice.ID)
		w.clock.add(time.Second)
	}
	waiting, err := w.store.Waiting(w.Context(), bank)
	w.must(err)
	w.equal("waiting", waiting, true)
	waiting, err = w.store.Waiting(w.Context(), "klb")
	w.must(err)
	w.equal("waiting at another bank", waiting, false)

	first, second := w.claim(), w.claim()
	w.equal("oldest first", first.ID, ids[0])
	w.equal("then the next", second.ID, ids[1])
	w.equal("attempts", first.Attempts, 1)
	w.equal("entry", first.Entry.Account.Reveal(), card)
	if _, ok := w.tryClaim(); ok {
		w.Fatal("a third in flight")
	}
	w.must(w.store.Unclaim(w.Context(), second, w.clock.now().Add(time.Second)))
	w.must(w.store.Unclaim(w.Context(), second, w.clock.now().Add(time.Second)))
	w.equal("not sent, not counted", w.advice(second.ID).Attempts, 0)
	w.equal("a place is free", w.claim().ID, ids[2])

	// Leases pass: what a crash left is sent again, counted as sent.
	w.clock.add(31 * time.Second)
	again := w.claim()
	w.equal("after the lease", again.ID, ids[0])
	w.equal("attempts", again.Attempts, 2)
}

// testPastItsLease: an attempt that ends after its lease leaves the claim alone that
// another made since, who has the advice on its way.
func testPastItsLease(w *world) {
	_, advice := w.timedOut(codec.Authenticate)
	ends := map[string]func(switching.Advice) error{
		"silent": func(a switching.Advice) error { return w.store.Silent(w.Context(), a) },
		"unclaimed": func(a switching.Advice) error {
			return w.store.Unclaim(w.Context(), a, w.clock.now())
		},
		"parked": func(a switching.Advice) error { return w.store.Park(w.Context(), a, "cannot be written") },
	}
	for name, ended := range ends {
		first := w.claim()
		w.clock.add(31 * time.Second)
		second := w.process().claim()
		w.must(ended(first))
		w.equal(name+": state", w.advice(advice.ID).State, switching.AdvicePending)
		w.equal(name+": attempts", w.advice(advice.ID).Attempts, second.Attempts)
		w.clock.add(5 * time.Second)
		if _, ok := w.tryClaim(); ok {
			w.Fatal(name + ": on its way twice")
		}
		w.clock.add(26 * time.Second)
	}
}

// testLateAnswerBesideAnAttempt: a late answer to one attempt, that it be made again,
// is what the next on its way does already.
func testLateAnswerBesideAnAttempt(w *world) {
	e, _ := w.timedOut(codec.Authenticate)
	w.must(w.store.Silent(w.Context(), w.claim()))
	w.clock.add(time.Second)
	second := w.claim()
	r := reply(e, codec.InDoubt)
	r.Type, r.Class = codec.Reversal, codec.Retry
	w.late(r)
	w.equal("last code", w.advice(second.ID).LastCode, r.Code)
	w.clock.add(10 * time.Second)
	if _, ok := w.tryClaim(); ok {
		w.Fatal("on its way twice")
	}
	w.must(w.store.Silent(w.Context(), second))
	w.late(r)
	w.clock.add(10 * time.Second)
	w.equal("attempts", w.claim().Attempts, 3)
}

func testClaimAtOnce(w *world) {
	p := w.process()
	for i := range 6 {
		w.timedOut(codec.Authenticate, account(card[:15]+string(rune('0'+i))))
	}
	var mu sync.Mutex
	claimed := make(map[int64]int)
	var lanes sync.WaitGroup
	for i := range 12 {
		lanes.Go(func() {
			a, ok, err := []*world{w, p}[i%2].store.Claim(w.Context(), bank, 2, w.clock.now().Add(time.Minute))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				w.Error(err)
			}
			if ok {
				claimed[a.ID]++
			}
		})
	}
	lanes.Wait()
	w.equal("in flight", len(claimed), 2)
	for id, n := range claimed {
		w.equal("claims of one", n, 1)
		w.equal("attempts", w.advice(id).Attempts, 1)
	}
}

// testBackoff: silence is an attempt, and pauses double to the longest.
func testBackoff(w *world) {
	_, a := w.timedOut(codec.Deregister)
	for n := 1; n <= 9; n++ {
		c := w.claim()
		w.equal("attempts", c.Attempts, n)
		w.must(w.store.Silent(w.Context(), c))
		pause := w.advice(a.ID).Next.Sub(w.clock.now())
		longest := min(time.Second<<(n-1), time.Minute)
		if pause < longest/2-time.Millisecond || pause > longest {
			w.Fatalf("pause after %d: %v, want half of %v to all", n, pause, longest)
		}
		if _, ok := w.tryClaim(); ok {
			w.Fatal("claimed during its pause")
		}
		w.clock.add(pause)
	}
	w.must(w.store.Silent(w.Context(), w.claim()))
	w.must(w.store.Wake(w.Context(), a.Entry.ID))
	c := w.claim() // a wake ends the pause
	w.must(w.store.Wake(w.Context(), a.Entry.ID))
	if _, ok := w.tryClaim(); ok {
		w.Fatal("woken while on its way")
	}
	w.must(w.store.Silent(w.Context(), c))
	w.must(w.store.Silent(w.Context(), c)) // once is enough
	w.equal("attempts", w.advice(a.ID).Attempts, c.Attempts)
}
