package journaltest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

func testEnds(w *world) {
	ends := []switching.End{end(switching.Approved), end(switching.Declined), end(switching.TimedOut)}
	for i := range ends {
		ends[i].Reply.Set(codec.FieldCode, ends[i].Code)
	}
	ends[0].Reply.Set(codec.FieldBalance, "-1250")
	ends[0].Reply.Set(codec.FieldText, "成功")
	ends[0].Reply.Set(codec.FieldPAN, card) // not kept: nobody is told it
	for _, want := range ends {
		w.Run(string(want.Outcome), func(*testing.T) {
			e := w.opened(codec.Balance)
			w.clock.add(time.Second)
			closed := w.close(e, want)
			row := w.get(e.ID)
			for what, e := range map[string]switching.Entry{"answer": closed, "disk": row} {
				w.equal(what+": outcome", e.End.Outcome, want.Outcome)
				w.equal(what+": reason", e.End.Reason, want.Reason)
				w.equal(what+": code", e.End.Code, want.Code)
				w.equal(what+": standing", e.Standing, want.Outcome)
				w.equal(what+": open", e.Open, false)
				w.equal(what+": ended", e.Ended.Equal(w.clock.now()), true)
			}
			for f, kept := range map[codec.Field]bool{
				codec.FieldCode: true, codec.FieldBalance: true, codec.FieldText: true, codec.FieldPAN: false,
			} {
				if v := want.Reply.Get(f); kept && row.End.Reply.Get(f) != v || !kept && row.End.Reply.Has(f) {
					w.Errorf("%s: %q of %q", f, row.End.Reply.Get(f), v)
				}
			}
		})
	}
}

// testCloseOnce: one end wins; who loses gets the row.
func testCloseOnce(w *world) {
	e := w.opened(codec.Authenticate)
	w.close(e, end(switching.Declined))
	late := w.close(e, end(switching.TimedOut))
	w.equal("loser", late.End.Outcome, switching.Declined)
	w.equal("loser's code", late.End.Code, "14")
	w.equal("loser's advices", len(w.advicesOf(e.ID)), 0)
	w.effects(e.ID, "open", "declined")

	e = w.opened(codec.Deregister)
	outcomes := []switching.Outcome{switching.Approved, switching.Declined, switching.TimedOut, switching.Refused}
	heard := make(chan switching.Outcome, 4*len(outcomes))
	var callers sync.WaitGroup
	for range 4 {
		for _, o := range outcomes {
			callers.Go(func() {
				row, err := w.store.Close(w.Context(), e, end(o))
				if err != nil {
					w.Error(err)
				}
				heard <- row.End.Outcome
			})
		}
	}
	callers.Wait()
	close(heard)
	won := w.get(e.ID).End.Outcome
	for o := range heard {
		w.equal("heard", o, won)
	}
	w.effects(e.ID, "open", string(won))
}

// testCloseRefused: what was never sent leaves the key free, and the account.
func testCloseRefused(w *world) {
	e := w.opened(codec.Deregister)
	row := w.close(e, end(switching.Refused))
	w.equal("standing", row.Standing, switching.Refused)
	w.effects(e.ID, "open", "refused")
	again := w.open(switching.Opened, w.entry(codec.Deregister, keyOf(e))).Entry
	w.equal("the old row stays", w.get(e.ID).End.Outcome, switching.Refused)
	w.equal("the new one holds", again.Holds, true)
}

func testCloseEffect(w *world) {
	for _, o := range []switching.Outcome{switching.Approved, switching.Declined, switching.TimedOut, switching.Refused} {
		e := w.opened(codec.Authenticate, account(string("621008000000000")+string(o[0])))
		w.effect.set("", false, true)
		if _, err := w.store.Close(w.Context(), e, end(o)); !errors.Is(err, errEffect) {
			w.Fatalf("%s: got %v", o, err)
		}
		row := w.get(e.ID)
		w.equal("still open", row.Open && row.Holds, true)
		w.equal("advices", len(w.advicesOf(e.ID)), 0)
		w.effect.set("", false, false)
		w.close(e, end(o))
		w.effects(e.ID, "open", string(o))
	}
}

// testEffectAdvices: what an effect wants told is stored with the end, once.
func testEffectAdvices(w *world) {
	w.effect.advices = []codec.Type{codec.Reversal}
	e := w.opened(codec.Deregister)
	w.close(e, end(switching.Approved))
	list := w.advicesOf(e.ID)
	w.equal("advices", len(list), 1)
	w.equal("type", list[0].Type, codec.Reversal)
	w.equal("claimed", w.claim().ID, list[0].ID)

	e = w.close(w.opened(codec.Deregister, account(other)), end(switching.TimedOut))
	w.equal("advices in doubt", len(w.advicesOf(e.ID)), 2)
	w.equal("its own end", w.lateOf(e, codec.Approved).Standing, switching.Approved)
	w.equal("told once", len(w.advicesOf(e.ID)), 2)
}

// testDoubt: what timed out leaves exactly one advice, of its type's kind.
func testDoubt(w *world) {
	for i, c := range []struct{ of, advice codec.Type }{
		{codec.Authenticate, codec.Reversal}, {codec.Deregister, codec.Completion}, {codec.Balance, ""},
	} {
		e := w.opened(c.of, account(card[:15]+string(rune('0'+i))), customer(string(c.of)))
		w.close(e, end(switching.TimedOut))
		w.close(e, end(switching.TimedOut))
		list := w.advicesOf(e.ID)
		if c.advice == "" {
			w.equal("advices", len(list), 0)
			continue
		}
		w.equal("advices", len(list), 1)
		a := list[0]
		w.equal("type", a.Type, c.advice)
		w.equal("state", a.State, switching.AdvicePending)
		w.equal("attempts", a.Attempts, 0)
		w.equal("account", a.Entry.Account.Reveal(), e.Account.Reveal())
		w.equal("RRN", a.Entry.RRN, e.RRN)
		w.equal("fields to repeat", a.Entry.Fields.Equal(&e.Fields), true)
		w.equal("created", a.Created.Equal(w.clock.now()), true)
	}
}

func testDue(w *world) {
	due := func(limit int) (ids []int64) {
		list, err := w.store.Due(w.Context(), w.clock.now(), limit)
		w.must(err)
		for _, e := range list {
			ids = append(ids, e.ID)
		}
		return ids
	}
	late := w.opened(codec.Authenticate)
	soon := w.opened(codec.Balance, func(e *switching.Entry) { e.Deadline = e.Opened.Add(time.Second) })
	w.equal("none yet", len(due(10)), 0)
	w.clock.add(time.Second)
	w.equal("at its deadline", len(due(10)), 0)
	w.clock.add(time.Minute)
	if ids := due(10); len(ids) != 2 || ids[0] != soon.ID || ids[1] != late.ID {
		w.Fatalf("due: %v, want %d, %d", ids, soon.ID, late.ID)
	}
	w.equal("limit", len(due(1)), 1)
	list, err := w.store.Due(w.Context(), w.clock.now(), 10)
	w.must(err)
	w.close(list[1], end(switching.TimedOut)) // as a stranger does
	w.equal("advice of a stranger's close", len(w.advicesOf(late.ID)), 1)
	w.equal("one left", len(due(10)), 1)
}
