package journaltest

import (
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// testLateOpen: a reply that comes before anybody ended the row ends it.
func testLateOpen(w *world) {
	for i, c := range []struct {
		m    codec.Meaning
		want switching.Outcome
	}{
		{codec.Approved, switching.Approved},
		{codec.Declined, switching.Declined},
		{codec.InDoubt, switching.TimedOut},
		{codec.Unmapped, switching.TimedOut},
	} {
		e := w.opened(codec.Authenticate, account(card[:15]+string(rune('0'+i))))
		after := w.lateOf(e, c.m)
		w.equal("outcome", after.End.Outcome, c.want)
		w.equal("open", after.Open, false)
		w.equal("code", w.get(e.ID).End.Code, reply(e, c.m).Code)
		w.equal("advice", len(w.advicesOf(e.ID)) == 1, c.want == switching.TimedOut)
		w.effects(e.ID, "open", string(c.want))
		w.equal("the waiter loses", w.close(e, end(switching.TimedOut)).End.Outcome, c.want)
	}
}

// testLateForeign: nor does what names another account end a row that is open.
func testLateForeign(w *world) {
	e := w.opened(codec.Authenticate)
	r := reply(e, codec.Approved)
	r.Reply.Set(codec.FieldPAN, other)
	r.Reply.Set(codec.FieldHolder, "somebody else")
	if after, known := w.late(r); known || after.End.Outcome != "" {
		w.Errorf("ended %s by a reply about another account", after.End.Outcome)
	}
	r.Reply.Set(codec.FieldPAN, card)
	after, _ := w.late(r)
	w.equal("outcome", after.End.Outcome, switching.Approved)
}

// testLateStranger: what does not answer the sending changes nothing.
func testLateStranger(w *world) {
	e, _ := w.timedOut(codec.Deregister)
	joined := w.open(switching.Joined, w.entry(codec.Deregister)).Entry
	for name, with := range map[string]func(*switching.LateReply){
		"bank":        func(r *switching.LateReply) { r.Bank = "klb" },
		"type":        func(r *switching.LateReply) { r.Type = codec.Balance },
		"STAN":        func(r *switching.LateReply) { r.STAN = codec.NewSTAN(999_998) },
		"stamp":       func(r *switching.LateReply) { r.Sent = codec.NewStamp(w.clock.now().Add(time.Hour)) },
		"RRN":         func(r *switching.LateReply) { r.RRN = codec.NewRRN(e.ID + 4999) },
		"RRN unread":  func(r *switching.LateReply) { r.RRN = "ABC" },
		"RRN empty":   func(r *switching.LateReply) { r.RRN = "" },
		"joined row":  func(r *switching.LateReply) { *r = reply(joined, codec.Approved) },
		"joined id":   func(r *switching.LateReply) { *r = reply(joined, codec.Approved); r.RRN = codec.NewRRN(joined.ID) },
		"no advice":   func(r *switching.LateReply) { r.Type = codec.Reversal },
		"unsent one":  func(r *switching.LateReply) { r.Type = codec.Completion },
		"account":     func(r *switching.LateReply) { r.Reply.Set(codec.FieldPAN, other) },
		"advice bank": func(r *switching.LateReply) { r.Type, r.Bank = codec.Completion, "klb" },
	} {
		w.Run(name, func(t *testing.T) {
			r := reply(e, codec.Approved)
			with(&r)
			if _, known := w.late(r); known {
				t.Error("known")
			}
			w.standing(e.ID, switching.TimedOut, true)
			w.equal("joined row", w.get(joined.ID).Open, true)
		})
	}
	w.effects(e.ID, "open", "timed-out")
}

// testLateSettled: what ended clearly stays so; the reply is noted.
func testLateSettled(w *world) {
	for _, typ := range []codec.Type{codec.Authenticate, codec.Deregister, codec.Balance} {
		for _, o := range []switching.Outcome{switching.Approved, switching.Declined, switching.Refused} {
			for _, m := range []codec.Meaning{codec.Approved, codec.Declined, codec.InDoubt, codec.Unmapped} {
				e := w.opened(typ)
				w.close(e, end(o))
				after := w.lateOf(e, m)
				w.equal("standing", after.Standing, o)
				w.standing(e.ID, o, false)
				w.equal("first answer", w.get(e.ID).End.Outcome, o)
				w.equal("noted", w.get(e.ID).Late, m)
				w.equal("advices", len(w.advicesOf(e.ID)), 0)
			}
		}
	}
	e := w.opened(codec.Balance)
	w.close(e, end(switching.TimedOut))
	w.equal("enquiry", w.lateOf(e, codec.Approved).Standing, switching.TimedOut)
}

// testLateCompletion: a completion that was not sent yet is overtaken by a clear
// late answer; one that was sent decides, but for an approval.
func testLateCompletion(w *world) {
	for _, c := range []struct {
		name   string
		m      codec.Meaning
		sent   bool
		want   switching.Outcome
		state  switching.AdviceState
		effect []string
	}{
		{"approved unsent", codec.Approved, false, switching.Approved, switching.AdviceCancelled, []string{"approved"}},
		{"approved sent", codec.Approved, true, switching.Approved, switching.AdvicePending, []string{"approved"}},
		{"declined unsent", codec.Declined, false, switching.Declined, switching.AdviceCancelled, []string{"declined"}},
		{"declined sent", codec.Declined, true, switching.TimedOut, switching.AdvicePending, nil},
		{"in doubt", codec.InDoubt, false, switching.TimedOut, switching.AdvicePending, nil},
		{"unmapped", codec.Unmapped, false, switching.TimedOut, switching.AdvicePending, nil},
	} {
		w.Run(c.name, func(*testing.T) {
			e, a := w.timedOut(codec.Deregister)
			if c.sent {
				a = w.claim()
			}
			after := w.lateOf(e, c.m)
			w.equal("standing", after.Standing, c.want)
			w.standing(e.ID, c.want, c.state.Settles())
			w.equal("advice", w.advice(a.ID).State, c.state)
			w.effects(e.ID, append([]string{"open", "timed-out"}, c.effect...)...)
			w.equal("first answer", w.get(e.ID).End.Outcome, switching.TimedOut)

			w.lateOf(e, c.m) // the same again changes nothing
			w.effects(e.ID, append([]string{"open", "timed-out"}, c.effect...)...)
			if !c.state.Settles() {
				return
			}
			if !c.sent {
				a = w.claim()
			}
			done := w.answer(a, 0, codec.Declined)
			if c.want == switching.Approved {
				w.equal("an approval stays", done.Standing, switching.Approved)
			} else {
				w.equal("the advice's answer decides", done.Standing, switching.Declined)
			}
			w.standing(e.ID, done.Standing, false)
		})
	}
}

// testLateReversal: nothing revives what is being undone; but an approval after
// "not found" sends the reversal again, beside whatever runs by then.
func testLateReversal(w *world) {
	e, a := w.timedOut(codec.Authenticate)
	w.equal("approved while pending", w.lateOf(e, codec.Approved).Standing, switching.TimedOut)
	w.equal("advice", w.advice(a.ID).State, switching.AdvicePending)
	// Answer and approval crossed: the reversal is sent again.
	w.answer(w.claim(), codec.NotFound, codec.Unmapped)
	w.equal("not found, but approved", w.advice(a.ID).State, switching.AdvicePending)
	w.standing(e.ID, switching.TimedOut, true)
	w.clock.add(time.Minute)
	w.answer(w.claim(), codec.Done, codec.Unmapped)
	w.standing(e.ID, switching.TimedOut, false)
	w.lateOf(e, codec.Approved)
	w.equal("done stays done", w.advice(a.ID).State, switching.AdviceDone)

	e, a = w.timedOut(codec.Authenticate)
	w.answer(w.claim(), codec.NotFound, codec.Unmapped)
	w.equal("provisional", w.advice(a.ID).State, switching.AdviceNotFound)
	w.standing(e.ID, switching.TimedOut, false)
	w.lateOf(e, codec.Declined)
	w.equal("declined reopens nothing", w.advice(a.ID).State, switching.AdviceNotFound)

	holder := w.opened(codec.Deregister)
	w.equal("revives nothing", w.lateOf(e, codec.Approved).Standing, switching.TimedOut)
	w.equal("reopened", w.advice(a.ID).State, switching.AdvicePending)
	w.standing(e.ID, switching.TimedOut, false) // the holder's account
	w.equal("reversal goes out", w.claim().ID, a.ID)
	w.close(holder, end(switching.Approved))
	w.standing(e.ID, switching.TimedOut, true) // its turn
	w.standing(holder.ID, switching.Approved, false)
	w.equal("holds", w.open(switching.Settling, w.entry(codec.Deregister)).Blocker, e.ID)
	w.answer(w.advice(a.ID), codec.Done, codec.Unmapped)
	w.standing(e.ID, switching.TimedOut, false)
	w.effects(e.ID, "open", "timed-out")

	// The same where the holder ends in doubt, and gives up the account later.
	e, _ = w.timedOut(codec.Authenticate)
	w.answer(w.claim(), codec.NotFound, codec.Unmapped)
	doubt := w.opened(codec.Deregister)
	w.lateOf(e, codec.Approved)
	w.close(doubt, end(switching.TimedOut))
	w.standing(e.ID, switching.TimedOut, false)
	w.lateOf(doubt, codec.Approved)
	w.standing(doubt.ID, switching.Approved, false)
	w.standing(e.ID, switching.TimedOut, true)
	w.answer(w.claim(), codec.Done, codec.Unmapped)
	w.standing(e.ID, switching.TimedOut, false)

	// Without another holder it holds again.
	e, a = w.timedOut(codec.Authenticate)
	w.answer(w.claim(), codec.NotFound, codec.Unmapped)
	w.lateOf(e, codec.Approved)
	w.standing(e.ID, switching.TimedOut, true)
	w.equal("holds", w.open(switching.Settling, w.entry(codec.Authenticate)).Blocker, e.ID)
	w.equal("goes at once", w.claim().ID, a.ID)
}

// testLateNote: a clear answer is not written over by one that decides nothing.
func testLateNote(w *world) {
	e, _ := w.timedOut(codec.Deregister)
	w.lateOf(e, codec.InDoubt)
	w.equal("in doubt", w.get(e.ID).LateCode, "68")
	w.lateOf(e, codec.Declined)
	w.lateOf(e, codec.InDoubt)
	w.equal("declined stays", w.get(e.ID).LateCode, "14")
	w.lateOf(e, codec.Approved) // the bank contradicts itself: it was done
	w.lateOf(e, codec.Declined)
	row := w.get(e.ID)
	w.equal("approved stays", row.Late, codec.Approved)
	w.equal("code", row.LateCode, "00")
	w.equal("standing", row.Standing, switching.Approved)

	// The completion's answer is what the joined are told.
	e, _ = w.timedOut(codec.Deregister)
	a := w.claim()
	w.lateOf(e, codec.Unmapped)
	w.answer(a, 0, codec.Declined)
	w.equal("code of the answer", w.get(e.ID).LateCode, "14")
}

// testNewerRegistration: what was approved since is not ended by an old
// approval, whoever numbered it.
func testNewerRegistration(w *world) {
	p := w.process() // its numbers are higher than all of w's
	p.opened(codec.Balance)
	for name, newer := range map[string]*world{"same process": w, "lower number": w, "other process": p} {
		w.Run(name, func(*testing.T) {
			older := w
			if name == "lower number" {
				older = p
			}
			w.close(w.opened(codec.Authenticate), end(switching.Approved)) // an older registration
			e, _ := older.timedOut(codec.Deregister)
			w.lateOf(e, codec.Declined)
			w.standing(e.ID, switching.Declined, false)
			auth := newer.opened(codec.Authenticate)
			w.close(auth, end(switching.Approved))
			w.equal("superseded", w.lateOf(e, codec.Approved).Standing, switching.Declined)
			w.equal("noted", w.get(e.ID).Late, codec.Approved)
		})
	}
	// A registration that was declined, or is another account's or another bank's, or
	// another customer's of the same account, is not newer: it keeps nobody's own from
	// its end.
	e, _ := w.timedOut(codec.Deregister)
	w.answer(w.claim(), 0, codec.Declined)
	w.close(w.opened(codec.Authenticate), end(switching.Declined))
	w.close(w.opened(codec.Authenticate, account(other)), end(switching.Approved))
	w.close(w.opened(codec.Authenticate, func(e *switching.Entry) { e.Bank = "klb" }), end(switching.Approved))
	w.close(w.opened(codec.Authenticate, customer("c2")), end(switching.Approved))
	w.equal("takes effect", w.lateOf(e, codec.Approved).Standing, switching.Approved)
	// One that names no customer may be anybody's.
	e, _ = w.timedOut(codec.Deregister)
	w.lateOf(e, codec.Declined)
	w.close(w.opened(codec.Authenticate, customer("")), end(switching.Approved))
	w.equal("superseded by one of no customer", w.lateOf(e, codec.Approved).Standing, switching.Declined)
	// An account that was linked anew is.
	e, _ = w.timedOut(codec.Deregister, account(other))
	w.lateOf(e, codec.Declined)
	w.close(w.opened(codec.Attach, account(other)), end(switching.Approved))
	w.equal("superseded by a link", w.lateOf(e, codec.Approved).Standing, switching.Declined)
}
