package journaltest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// forget forgets all that may be forgotten.
func (w *world) forget() {
	w.Helper()
	for more := true; more; {
		var err error
		more, err = w.store.Forget(w.Context())
		w.must(err)
	}
}

// testForget: keys are kept for seven days, and for as long as the row is open.
func testForget(w *world) {
	open := w.opened(codec.Balance)
	ended := w.close(w.opened(codec.Authenticate), end(switching.Approved))
	doubt, _ := w.timedOut(codec.Deregister)
	w.clock.add(time.Hour)
	young := w.close(w.opened(codec.Balance), end(switching.Approved))
	w.clock.add(7*24*time.Hour - time.Hour)
	w.forget()
	for _, e := range []switching.Entry{open, ended, doubt, young} {
		w.open(switching.Known, w.entry(e.Type, keyOf(e)))
	}
	w.clock.add(time.Second)
	w.forget()
	w.open(switching.Known, w.entry(codec.Balance, keyOf(open)))
	w.open(switching.Known, w.entry(codec.Balance, keyOf(young)))
	w.equal("the row stays", w.get(ended.ID).End.Outcome, switching.Approved)
	w.standing(doubt.ID, switching.TimedOut, true)
	w.open(switching.Settling, w.entry(codec.Authenticate, keyOf(ended)))
	w.answer(w.claim(), 0, codec.Approved)
	w.open(switching.Opened, w.entry(codec.Authenticate, keyOf(ended)))
	w.clock.add(2 * time.Hour)
	w.forget()
	w.open(switching.Opened, w.entry(codec.Balance, keyOf(young)))
}

// testForgetBatches: more says that rows are left; a young one before old ones,
// in the order of numbers, is not forgotten with them.
func testForgetBatches(w *world) {
	const rows = 1100
	late := w.process()
	slow := late.entry(codec.Balance) // a lower number that is used later
	entries := make([]switching.Entry, rows)
	for i := range entries {
		entries[i] = w.entry(codec.Balance)
	}
	w.openAtOnce(entries)
	for _, e := range []switching.Entry{entries[0], entries[rows-1]} {
		w.close(e, end(switching.Declined))
	}
	w.clock.add(time.Hour)
	slow.Opened = w.clock.now()
	w.close(w.open(switching.Opened, slow).Entry, end(switching.Approved))
	w.clock.add(7 * 24 * time.Hour)
	slower := slow
	w.forget()
	w.open(switching.Known, w.entry(codec.Balance, keyOf(slower)))
	w.clock.add(time.Hour)
	more, err := w.store.Forget(w.Context())
	w.must(err)
	w.equal("more", more, true)
	w.forget()
	w.open(switching.Opened, w.entry(codec.Balance, keyOf(entries[rows-1])))
	w.open(switching.Opened, w.entry(codec.Balance, keyOf(slower)))
}

// testForgetClockBack: what was written under a clock far ahead is kept, and keeps
// nothing else.
func testForgetClockBack(w *world) {
	const rows = 600 // more than are looked at in one transaction
	local := func(key string) {
		_, _, err := w.store.Local(w.Context(), switching.Local{Client: "c", Operation: "o", Key: key},
			func(context.Context, switching.Tx) ([]byte, error) { return []byte("a"), nil })
		w.must(err)
	}
	done := func(key string) bool {
		_, done, err := w.store.LocalDone(w.Context(), switching.Local{Client: "c", Operation: "o", Key: key})
		w.must(err)
		return done
	}
	w.clock.add(300 * 24 * time.Hour)
	ahead := w.close(w.opened(codec.Balance), end(switching.Approved))
	for i := range rows {
		local(fmt.Sprint(i))
	}
	w.clock.add(-300 * 24 * time.Hour)
	now := w.close(w.opened(codec.Balance), end(switching.Approved))
	local("now")
	w.clock.add(7*24*time.Hour + time.Hour)
	w.forget()
	w.open(switching.Known, w.entry(codec.Balance, keyOf(ahead)))
	w.open(switching.Opened, w.entry(codec.Balance, keyOf(now)))
	w.equal("done under the clock ahead", done("0"), true)
	w.equal("done after it", done("now"), false)
}

var errCommit = errors.New("disk says no")

// testForgetOthers: more also says that what was done here is left, where there
// are no entries.
func testForgetOthers(w *world) {
	const rows = 1100
	for i := range rows {
		_, _, err := w.store.Local(w.Context(), switching.Local{Client: "c", Operation: "o", Key: fmt.Sprint(i)},
			func(context.Context, switching.Tx) ([]byte, error) { return []byte("a"), nil })
		w.must(err)
	}
	w.clock.add(7*24*time.Hour + time.Hour)
	w.forget()
	for _, i := range []int{0, rows - 1} {
		_, done, err := w.store.LocalDone(w.Context(), switching.Local{Client: "c", Operation: "o", Key: fmt.Sprint(i)})
		w.must(err)
		w.equal("still there", done, false)
	}
}

// failing makes commits fail in the one way until the returned function is
// called.
func (w *world) failing(step string) (stop func()) {
	on := true
	w.options.Fail = func(s string) error {
		if on && s == step {
			return errCommit
		}
		return nil
	}
	w.start()
	on = false
	w.entry(codec.Balance) // reserves the numbers
	on = true
	return func() { on = false }
}

// testCommitOpen: a commit that failed is unknown; the row tells.
func testCommitOpen(w *world) {
	for step, persisted := range map[string]bool{"commit-before": false, "commit-after": true} {
		stop := w.failing(step)
		e := w.entry(codec.Authenticate, account(step))
		_, err := w.store.Open(w.Context(), e)
		w.equal(step+": unknown", errors.Is(err, switching.ErrCommitUnknown), true)
		row, found, err := w.store.Get(w.Context(), e.ID)
		w.must(err)
		w.equal(step+": on disk", found, persisted)
		w.equal(step+": open", row.Open, persisted)
		stop()
		want := switching.Opened
		if persisted {
			want = switching.Known
		}
		w.open(want, w.entry(codec.Authenticate, account(step), keyOf(e)))
	}
}

// testCommitClose: the end, its effect and its advice are there together or not
// at all.
func testCommitClose(w *world) {
	for step, persisted := range map[string]bool{"commit-before": false, "commit-after": true} {
		e := w.opened(codec.Deregister, account(step), customer(step))
		stop := w.failing(step)
		_, err := w.store.Close(w.Context(), e, end(switching.TimedOut))
		w.equal(step+": unknown", errors.Is(err, switching.ErrCommitUnknown), true)
		stop()
		w.equal(step+": open", w.get(e.ID).Open, !persisted)
		want, advices := []string{"open"}, 0
		if persisted {
			want, advices = append(want, "timed-out"), 1
		}
		w.effects(e.ID, want...)
		w.equal(step+": advices", len(w.advicesOf(e.ID)), advices)
		again := w.close(e, end(switching.Approved))
		w.equal(step+": closed again", again.End.Outcome == switching.TimedOut, persisted)
	}
}

// testTwoProcesses: what one does the other sees and is bound by.
func testTwoProcesses(w *world) {
	p := w.process()
	e := w.opened(codec.Deregister)
	p.equal("its row", p.get(e.ID).Open, true)
	p.equal("its key", p.open(switching.Known, p.entry(codec.Deregister, keyOf(e))).Entry.ID, e.ID)
	joined := p.open(switching.Joined, p.entry(codec.Deregister)).Entry
	p.equal("joins", joined.RRN, e.RRN)
	p.equal("blocker", p.open(switching.Settling, p.entry(codec.Authenticate)).Blocker, e.ID)
	p.close(e, end(switching.TimedOut)) // the stranger's scan
	w.equal("the owner loses", w.close(e, end(switching.Approved)).End.Outcome, switching.TimedOut)
	a := w.claim()
	if _, ok := p.tryClaim(); ok {
		w.Fatal("claimed by both")
	}
	p.answer(a, 0, codec.Approved)
	w.standing(e.ID, switching.Approved, false)

	const callers = 12
	entries := make([]switching.Entry, 0, 2*callers)
	for range callers {
		entries = append(entries, w.entry(codec.Authenticate), p.entry(codec.Authenticate))
	}
	kinds := w.openAtOnce(entries[:callers])
	for k, n := range p.openAtOnce(entries[callers:]) {
		kinds[k] += n
	}
	w.equal("opened over both", kinds[switching.Opened], 1)
}

// testRestart: a process that never ended in order left everything.
func testRestart(w *world) {
	open := w.opened(codec.Authenticate, account(other))
	doubt, a := w.timedOut(codec.Deregister, customer("c2"))
	ended := w.close(w.opened(codec.Balance), end(switching.Approved))
	w.claim()
	p := w.process()
	p.equal("open", p.get(open.ID).Open, true)
	p.equal("key", p.open(switching.Known, p.entry(codec.Balance, keyOf(ended))).Entry.End.Code, "00")
	p.equal("blocker", p.open(switching.Settling, p.entry(codec.Authenticate, account(other), customer("c3"))).Blocker, open.ID)
	if _, ok := p.tryClaim(); ok {
		w.Fatal("a claim is kept over a restart, until its lease")
	}
	w.clock.add(time.Minute)
	due, err := p.store.Due(w.Context(), w.clock.now(), 10)
	w.must(err)
	w.equal("due", len(due), 1)
	p.close(due[0], end(switching.TimedOut))
	again := p.claim()
	p.equal("advice", again.ID, a.ID)
	p.equal("attempts", again.Attempts, 2)
	p.answer(again, 0, codec.Declined)
	p.standing(doubt.ID, switching.Declined, false)
}

// testConfirm: what was unknown is told behind a commit, not before it.
func testConfirm(w *world) {
	for step, persisted := range map[string]bool{"commit-before": false, "commit-after": true} {
		stop := w.failing(step)
		e := w.entry(codec.Authenticate, account(step))
		_, err := w.store.Open(w.Context(), e)
		w.equal(step+": unknown", errors.Is(err, switching.ErrCommitUnknown), true)
		_, _, err = w.store.Confirm(w.Context(), e.ID)
		w.equal(step+": still unknown", errors.Is(err, switching.ErrCommitUnknown), true)
		stop()
		row, found, err := w.store.Confirm(w.Context(), e.ID)
		w.must(err)
		w.equal(step+": on disk", found, persisted)
		w.equal(step+": open", row.Open, persisted)
	}
}

// testClockBack: what was written under a clock far ahead does not wait until
// the clock is there again.
func testClockBack(w *world) {
	e := w.opened(codec.Authenticate)
	_, claimed := w.timedOut(codec.Authenticate, account(other))
	w.claim()
	_, waits := w.timedOut(codec.Authenticate, account(passbook))
	w.clock.add(-240 * time.Hour)
	due, err := w.store.Due(w.Context(), w.clock.now().Add(-5*time.Second), 10)
	w.must(err)
	w.equal("due", len(due) == 1 && due[0].ID == e.ID, true)
	waiting, err := w.store.Waiting(w.Context(), bank)
	w.must(err)
	w.equal("waiting", waiting, true)
	w.equal("claim that was ahead", w.claim().ID, claimed.ID)
	w.equal("one that waited", w.claim().ID, waits.ID)
	if _, ok := w.tryClaim(); ok {
		w.Fatal("claimed once more")
	}
	// A lease longer than any is cut: else it would be free at once.
	w.clock.add(time.Hour)
	a, _, err := w.store.Claim(w.Context(), bank, 1, w.clock.now().Add(time.Hour))
	w.must(err)
	w.equal("an hour's lease", a.Claimed.Sub(w.clock.now()) < time.Hour, true)
	if _, ok, err := w.store.Claim(w.Context(), bank, 1, w.clock.now().Add(time.Hour)); ok || err != nil {
		w.Fatal("claimed twice", err)
	}
}
