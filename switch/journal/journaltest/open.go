package journaltest

import (
	"errors"
	"reflect"
	"sync"
	"testing"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// testRow: what is read back is what was written, and is bound to nothing in
// memory.
func testRow(w *world) {
	for name, with := range map[string]func(*switching.Entry){
		"card":     func(*switching.Entry) {},
		"passbook": func(e *switching.Entry) { e.Card, e.Account = false, codec.NewAccount(passbook) },
		"enquiry":  func(e *switching.Entry) { e.Type = codec.Balance },
		"no key":   func(e *switching.Entry) { noKey(e); e.Account = codec.NewAccount(other) },
	} {
		w.Run(name, func(t *testing.T) {
			e := w.entry(codec.Authenticate, with)
			o := w.open(switching.Opened, e)
			e.Open, e.Holds = true, e.Type.Class() == codec.Change
			sameRow(t, "opened", o.Entry, e)
			sameRow(t, "on disk", w.get(e.ID), e)
			found, ok, err := w.store.Find(t.Context(), e.KeyHash)
			w.must(err)
			if ok != (e.KeyHash != nil) || ok && found.ID != e.ID {
				t.Errorf("Find: %v, %v", found.ID, ok)
			}
		})
	}
}

func sameRow(t *testing.T, what string, got, want switching.Entry) {
	t.Helper()
	if !got.Opened.Equal(want.Opened) || !got.Deadline.Equal(want.Deadline) {
		t.Errorf("%s: times %v, %v; want %v, %v", what, got.Opened, got.Deadline, want.Opened, want.Deadline)
	}
	got.Opened, got.Deadline = want.Opened, want.Deadline
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n%+v\nwant\n%+v", what, got, want)
	}
}

func testKey(w *world) {
	first := w.opened(codec.Authenticate)
	again := w.entry(codec.Authenticate, keyOf(first))
	w.equal("while open", w.open(switching.Known, again).Entry.ID, first.ID)
	w.missing(again.ID)

	otherBody := w.entry(codec.Authenticate, keyOf(first), account(other))
	otherBody.BodyHash = w.options.Vault.Hash("other")
	w.open(switching.KeyReused, otherBody)
	w.missing(otherBody.ID)

	w.close(first, end(switching.Declined))
	o := w.open(switching.Known, w.entry(codec.Authenticate, keyOf(first)))
	w.equal("ended", o.Entry.End.Code, "14")

	// A repeat is a repeat, though what it asks would now wait, or join.
	dereg := w.opened(codec.Deregister)
	w.equal("holder's own key", w.open(switching.Known, w.entry(codec.Deregister, keyOf(dereg))).Entry.ID, dereg.ID)
	w.equal("key ended before", w.open(switching.Known, w.entry(codec.Authenticate, keyOf(first))).Entry.ID, first.ID)

	w.opened(codec.Balance, noKey)
	w.opened(codec.Balance, noKey)
}

func testKeyAtOnce(w *world) {
	const callers = 24
	first := w.entry(codec.Authenticate)
	entries := make([]switching.Entry, callers)
	for i := range entries {
		entries[i] = w.entry(codec.Authenticate, keyOf(first))
	}
	kinds := w.openAtOnce(entries)
	w.equal("opened", kinds[switching.Opened], 1)
	w.equal("known", kinds[switching.Known], callers-1)
}

// openAtOnce opens all entries at once, and counts what was found.
func (w *world) openAtOnce(entries []switching.Entry) map[switching.OpenKind]int {
	w.Helper()
	var mu sync.Mutex
	kinds := make(map[switching.OpenKind]int)
	var callers sync.WaitGroup
	for _, e := range entries {
		callers.Go(func() {
			o, err := w.store.Open(w.Context(), e)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				w.Errorf("open: %v", err)
			}
			kinds[o.Kind]++
		})
	}
	callers.Wait()
	return kinds
}

func testAccountHeld(w *world) {
	holder := w.opened(codec.Authenticate)
	wait := w.entry(codec.Authenticate, customer("c2"))
	w.equal("blocker", w.open(switching.Settling, wait).Blocker, holder.ID)
	w.missing(wait.ID)
	if _, found, err := w.store.Find(w.Context(), wait.KeyHash); err != nil || found {
		w.Fatalf("key of what had to wait: %v, %v", found, err)
	}
	w.opened(codec.Balance)
	w.opened(codec.Authenticate, customer("c3"), account(other))
	w.opened(codec.Authenticate, customer("c2"), func(e *switching.Entry) { e.Bank = "klb" })

	w.close(holder, end(switching.Approved))
	w.standing(holder.ID, switching.Approved, false)
	next := w.open(switching.Opened, wait).Entry
	w.close(next, end(switching.TimedOut))
	w.standing(next.ID, switching.TimedOut, true)
	again := w.entry(codec.Authenticate, customer("c4"))
	w.equal("blocker in doubt", w.open(switching.Settling, again).Blocker, next.ID)
	w.answer(w.claim(), codec.Done, codec.Unmapped)
	w.standing(next.ID, switching.TimedOut, false)
	w.open(switching.Opened, again)
}

func testAccountAtOnce(w *world) {
	const callers = 24
	entries := make([]switching.Entry, callers)
	for i := range entries {
		entries[i] = w.entry(codec.Authenticate)
	}
	kinds := w.openAtOnce(entries)
	w.equal("opened", kinds[switching.Opened], 1)
	w.equal("settling", kinds[switching.Settling], callers-1)
}

// testCustomerHeld: a deregistration excludes every other change of its
// customer, before it and after.
func testCustomerHeld(w *world) {
	dereg := w.opened(codec.Deregister)
	w.equal("authenticate", w.open(switching.Settling, w.entry(codec.Authenticate, account(other))).Blocker, dereg.ID)
	w.equal("other account", w.open(switching.Settling, w.entry(codec.Deregister, account(other))).Blocker, dereg.ID)
	w.opened(codec.Balance, account(other))
	w.opened(codec.Authenticate, account(other), customer("c2"))
	w.close(dereg, end(switching.TimedOut))
	w.open(switching.Settling, w.entry(codec.Authenticate, account(passbook)))
	w.answer(w.claim(), 0, codec.Declined)

	one := w.opened(codec.Authenticate)
	w.opened(codec.Authenticate, account(passbook))
	w.equal("dereg waits", w.open(switching.Settling, w.entry(codec.Deregister, account("6210081234567899"))).Blocker, one.ID)

	// Raw transactions are nobody's.
	w.opened(codec.Deregister, customer(""), account("6210081234567801"))
	w.opened(codec.Authenticate, customer(""), account("6210081234567802"))
}

func testJoin(w *world) {
	first := w.opened(codec.Deregister)
	second := w.entry(codec.Deregister)
	joined := w.open(switching.Joined, second).Entry
	for what, e := range map[string]switching.Entry{"answer": joined, "disk": w.get(second.ID)} {
		w.equal(what+": joins", e.Joins, first.ID)
		w.equal(what+": RRN", e.RRN, first.RRN)
		w.equal(what+": STAN", e.STAN, second.STAN)
		w.equal(what+": holds", e.Holds, false)
		w.equal(what+": open", e.Open, true)
	}
	w.effects(second.ID, "open") // it may refuse a second try, too
	w.equal("its key", w.open(switching.Known, w.entry(codec.Deregister, keyOf(second))).Entry.ID, second.ID)
	w.close(first, end(switching.TimedOut))
	third := w.open(switching.Joined, w.entry(codec.Deregister)).Entry
	w.equal("joins the first, not the second", third.Joins, first.ID)

	w.close(third, end(switching.TimedOut)) // stores nothing, settles nothing
	w.equal("advices of a joined row", len(w.advicesOf(third.ID)), 0)
	w.effects(third.ID, "open", string(switching.TimedOut))
	w.standing(third.ID, switching.TimedOut, false)
	w.standing(first.ID, switching.TimedOut, true)

	w.answer(w.claim(), 0, codec.Declined)
	w.close(joined, end(switching.Declined))
	w.equal("first answer", w.get(second.ID).End.Outcome, switching.Declined)
	fresh := w.opened(codec.Deregister)
	w.equal("a new try after declined has a number of its own", fresh.RRN, codec.NewRRN(fresh.ID))
}

// testJoinBesideReversal: a reversal of the same customer that came back meanwhile
// keeps no second try from its first.
func testJoinBesideReversal(w *world) {
	auth, _ := w.timedOut(codec.Authenticate, account(other))
	w.answer(w.claim(), codec.NotFound, 0)
	first, _ := w.timedOut(codec.Deregister)
	w.lateOf(auth, codec.Approved)
	w.standing(auth.ID, switching.TimedOut, true)
	w.equal("joins", w.open(switching.Joined, w.entry(codec.Deregister)).Entry.Joins, first.ID)
}

func testNoJoin(w *world) {
	w.opened(codec.Deregister)
	for name, with := range map[string]func(*switching.Entry){
		"customer": customer("c2"),
		"client":   func(e *switching.Entry) { e.Client = "other" },
		"account":  account(other),
		"type":     func(e *switching.Entry) { e.Type = codec.Authenticate },
		"raw":      func(e *switching.Entry) { e.Operation = switching.Raw },
	} {
		w.Run(name, func(*testing.T) { w.open(switching.Settling, w.entry(codec.Deregister, with)) })
	}
	w.opened(codec.Deregister, account(other), customer("c9"))
	w.open(switching.Settling, w.entry(codec.Deregister, customer("c9"), account(other),
		func(e *switching.Entry) { e.Bank = "klb" }))
	auth := w.opened(codec.Authenticate, customer("c7"), account(passbook))
	w.equal("deregister behind it", w.open(switching.Settling, w.entry(codec.Deregister, customer("c7"), account(passbook))).Blocker, auth.ID)
	w.equal("same authenticate", w.open(switching.Settling, w.entry(codec.Authenticate, customer("c7"), account(passbook))).Blocker, auth.ID)
}

// testEffectRefuses: the refusal is a row that replays, and keeps what the
// effect wrote, but not the account.
func testEffectRefuses(w *world) {
	w.effect.set("wrong-code", false, false)
	e := w.entry(codec.Authenticate)
	o := w.open(switching.EffectRefused, e)
	for what, row := range map[string]switching.Entry{"answer": o.Entry, "disk": w.get(e.ID)} {
		w.equal(what+": outcome", row.End.Outcome, switching.Refused)
		w.equal(what+": reason", row.End.Reason, switching.Reason("wrong-code"))
		w.equal(what+": open", row.Open, false)
		w.equal(what+": holds", row.Holds, false)
	}
	w.effects(e.ID, "open")
	w.effect.set("", false, false)
	w.equal("repeat", w.open(switching.Known, w.entry(codec.Authenticate, keyOf(e))).Entry.ID, e.ID)
	w.effects(e.ID, "open")
	w.opened(codec.Authenticate)
}

func testEffectFails(w *world) {
	w.effect.set("", true, false)
	e := w.entry(codec.Authenticate)
	if _, err := w.store.Open(w.Context(), e); !errors.Is(err, errEffect) || errors.Is(err, switching.ErrCommitUnknown) {
		w.Fatalf("got %v", err)
	}
	w.missing(e.ID)
	w.effects(e.ID)
	w.effect.set("", false, false)
	w.open(switching.Opened, e)
	w.effects(e.ID, "open")
}

// testEffectUndone: nothing is left of what was undone, and its key is free.
func testEffectUndone(w *world) {
	w.effect.set("busy", false, false)
	w.effect.undo(true)
	e := w.entry(codec.Authenticate)
	var refusal *switching.EffectRefusal
	if _, err := w.store.Open(w.Context(), e); !errors.As(err, &refusal) || refusal.Reason != "busy" {
		w.Fatalf("got %v", err)
	}
	w.missing(e.ID)
	w.effects(e.ID)
	w.effect.set("", false, false)
	w.effect.undo(false)
	w.opened(codec.Authenticate, keyOf(e))
}
