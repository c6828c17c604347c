package journaltest

import (
	"context"
	"errors"
	"sync"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// here stands for the entry of what is none.
const here = 7

// local is a local work with a key, and what was asked.
func local(key string, covers ...string) switching.Local {
	return switching.Local{Client: "front", Operation: "login", Key: key, Customer: "c1", Covers: covers}
}

// counting answers, and counts in ran.
func counting(ran *int, answer string, err error) func(context.Context, switching.Tx) ([]byte, error) {
	return func(ctx context.Context, tx switching.Tx) ([]byte, error) {
		*ran++
		return []byte(answer), errors.Join(err, write(ctx, tx, here, answer))
	}
}

func (w *world) local(l switching.Local, fn func(context.Context, switching.Tx) ([]byte, error)) (string, bool) {
	w.Helper()
	answer, replayed, err := w.store.Local(w.Context(), l, fn)
	w.must(err)
	return string(answer), replayed
}

func testLocal(w *world) {
	ran := 0
	_, _, err := w.store.Local(w.Context(), local("k", "a"), counting(&ran, "failed", errEffect))
	w.equal("its own error", errors.Is(err, errEffect), true)
	answer, replayed := w.local(local("k", "a"), counting(&ran, "first", nil))
	w.equal("first", answer, "first")
	w.equal("replayed", replayed, false)
	w.start()
	answer, replayed = w.local(local("k", "a"), counting(&ran, "second", nil))
	w.equal("again", answer, "first")
	w.equal("replayed", replayed, true)
	w.equal("ran", ran, 2)
	for _, other := range []switching.Local{local("k", "b"), local("k", "a", ""), {Client: "front", Operation: "login", Key: "k", Customer: "c2", Covers: []string{"a"}}} {
		_, _, err = w.store.Local(w.Context(), other, counting(&ran, "other", nil))
		w.equal("reused", errors.Is(err, switching.ErrKeyReused), true)
	}
	for _, other := range []switching.Local{
		{Client: "other", Operation: "login", Key: "k", Customer: "c1", Covers: []string{"a"}},
		{Client: "front", Operation: "other", Key: "k", Customer: "c1", Covers: []string{"a"}},
	} {
		_, done, err := w.store.LocalDone(w.Context(), other)
		w.must(err)
		w.equal("done by another", done, false)
	}
	_, done, err := w.store.LocalDone(w.Context(), local("k", "a"))
	w.must(err)
	w.equal("done", done, true)
	_, done, err = w.store.LocalDone(w.Context(), local("other"))
	w.must(err)
	w.equal("another key's done", done, false)
	w.clock.add(8 * 24 * time.Hour)
	_, err = w.store.Forget(w.Context())
	w.must(err)
	_, replayed = w.local(local("k", "b"), counting(&ran, "later", nil))
	w.equal("key is free again", replayed, false)
	w.effects(here, "first", "later")
}

func testLocalAtOnce(w *world) {
	other := w.process()
	ran := 0
	var wg sync.WaitGroup
	for i := range 40 {
		from := w
		if i%2 == 1 {
			from = other
		}
		wg.Go(func() {
			answer, _, err := from.store.Local(w.Context(), local("k"), counting(&ran, "x", nil))
			if err != nil || string(answer) != "x" {
				w.Error(string(answer), err)
			}
		})
	}
	wg.Wait()
	w.equal("ran", ran, 1)
}

func testLocalCommit(w *world) {
	for step, persisted := range map[string]bool{"commit-before": false, "commit-after": true} {
		ran := 0
		stop := w.failing(step)
		_, _, err := w.store.Local(w.Context(), local(step), counting(&ran, "first", nil))
		w.equal(step+": unknown", errors.Is(err, switching.ErrOutcomeUnknown), true)
		stop()
		_, replayed := w.local(local(step), counting(&ran, "second", nil))
		w.equal(step+": replayed", replayed, persisted)
	}
}

// ear listens, writes, and tells; and keeps what it told.
type ear struct {
	mu   sync.Mutex // guards what follows
	fail error
	full error // of put
	told []string
}

func (l *ear) Hear(ctx context.Context, tx switching.Tx, h switching.Heard) (string, []switching.Notice, []switching.Advice, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := write(ctx, tx, here, h.Message.Get(codec.FieldSTAN)); err != nil {
		return "", nil, nil, err
	}
	return "00", []switching.Notice{{ID: h.Message.Get(codec.FieldSTAN)}}, nil, l.fail
}

func (l *ear) put(_ context.Context, _ switching.Tx, n switching.Notice) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full != nil {
		return l.full
	}
	l.told = append(l.told, n.ID)
	return nil
}

func (l *ear) failing(hear, put error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail, l.full = hear, put
}

func (w *world) heard(t codec.Type, stan, amount string, with ...func(*switching.Heard)) (code string, repeat bool, err error) {
	m := codec.NewRequest(t)
	m.SetAccount(codec.NewAccount(card), true)
	m.Set(codec.FieldSTAN, stan)
	m.Set(codec.FieldSent, "0701093000")
	m.Set(codec.FieldAcquirer, "10344")
	m.Set(codec.FieldAmount, amount)
	h := switching.Heard{Bank: bank, Message: m, At: w.clock.now()}
	for _, f := range with {
		f(&h)
	}
	return w.store.Hear(w.Context(), h)
}

func (w *world) hears(t codec.Type, stan, amount, want string, repeated bool) {
	w.Helper()
	code, repeat, err := w.heard(t, stan, amount)
	w.must(err)
	w.equal("code", code, want)
	w.equal("repeat", repeat, repeated)
}

func testHear(w *world) {
	w.hears(codec.Movement, "000001", "3250", "00", false)
	w.start()
	w.hears(codec.Movement, "000001", "3250", "00", true)
	w.hears(codec.Movement, "000001", "1", "94", true)
	w.hears(codec.Movement, "000002", "1", "00", false)
	w.hears(codec.AccountEvent, "000001", "", "40", false)
	w.equal("told", len(w.ear.told), 2)
	w.effects(here, "000001", "000002")
	for name, with := range map[string]func(*switching.Heard){
		"bank":     func(h *switching.Heard) { h.Bank = "klb" },
		"acquirer": func(h *switching.Heard) { h.Message.Set(codec.FieldAcquirer, "10345") },
		"stamp":    func(h *switching.Heard) { h.Message.Set(codec.FieldSent, "0702093000") },
	} {
		code, repeat, err := w.heard(codec.Movement, "000001", "1", with)
		w.must(err)
		w.equal("code of another "+name, code, "00")
		w.equal("repeat of another "+name, repeat, false)
	}
}

// testHearFails: what could not be heard, or told, left nothing; it is heard when the
// bank repeats it.
func testHearFails(w *world) {
	for _, fail := range [][2]error{{errEffect, nil}, {nil, errEffect}} {
		w.ear.failing(fail[0], fail[1])
		_, _, err := w.heard(codec.Movement, "000001", "3250")
		w.equal("its own error", errors.Is(err, errEffect), true)
	}
	w.ear.failing(nil, nil)
	w.hears(codec.Movement, "000001", "3250", "00", false)
	w.effects(here, "000001")
}

func testHearCommit(w *world) {
	for step, persisted := range map[string]bool{"commit-before": false, "commit-after": true} {
		stop := w.failing(step)
		_, _, err := w.heard(codec.Movement, map[bool]string{true: "000001", false: "000002"}[persisted], "1")
		w.equal(step+": unknown", errors.Is(err, switching.ErrCommitUnknown), true)
		stop()
		w.hears(codec.Movement, map[bool]string{true: "000001", false: "000002"}[persisted], "1", "00", persisted)
	}
}

// testHeardForgotten: F7 has no year, so that numbers come again; but a repeat is one
// for 60 days.
func testHeardForgotten(w *world) {
	w.hears(codec.Movement, "000001", "3250", "00", false)
	w.clock.add(60 * 24 * time.Hour)
	w.forget()
	w.hears(codec.Movement, "000001", "3250", "00", true)
	w.clock.add(24 * time.Hour)
	w.forget()
	w.hears(codec.Movement, "000001", "77", "00", false)
}

// testRelease: it holds nothing back, and not found is done.
func testRelease(w *world) {
	e := w.opened(codec.Attach)
	w.effect.returns(codec.Release)
	w.options.Effects[codec.Attach] = w.effect
	w.start()
	w.close(e, end(switching.Approved))
	a := w.claim()
	w.equal("type", a.Type, codec.Release)
	w.must(w.store.Silent(w.Context(), a))
	w.standing(e.ID, switching.Approved, false)
	w.clock.add(time.Hour)
	w.answer(w.claim(), codec.Retry, 0)
	w.standing(e.ID, switching.Approved, false)
	w.effect.returns()
	w.close(w.opened(codec.Attach), end(switching.Approved)) // beside it
	w.standing(e.ID, switching.Approved, false)
	w.clock.add(time.Hour)
	a = w.claim()
	w.answer(a, codec.NotFound, 0)
	w.equal("state", w.advice(a.ID).State, switching.AdviceDone)
}

// testNoAccount: what concerns no account keeps nothing back, itself neither.
func testNoAccount(w *world) {
	for range 2 {
		e := w.opened(codec.Appointment, account(""), customer(""))
		w.close(e, end(switching.TimedOut))
	}
	w.equal("reversals", len(w.advicesOf(w.opened(codec.Appointment, account(""), customer("")).ID)), 0)
	// A visit in doubt, of a customer, keeps its deregistration not back, nor the
	// other way round.
	w.close(w.opened(codec.Appointment, account("")), end(switching.TimedOut))
	w.close(w.opened(codec.Deregister), end(switching.TimedOut))
	w.opened(codec.Appointment, account(""))
	first := w.claim()
	w.equal("type", first.Type, codec.Reversal)
	w.answer(first, codec.Done, 0)
	w.standing(first.Entry.ID, switching.TimedOut, false)
}

// testHearBeside: the end of an account is not heard while a registration of it is
// under way, and is after it, also where that is in doubt, and beside another account's.
// A movement is.
func testHearBeside(w *world) {
	for stan, t := range map[string]codec.Type{"000001": codec.Authenticate, "000002": codec.Attach} {
		e := w.opened(t)
		if _, _, err := w.heard(codec.AccountEvent, stan, ""); err == nil {
			w.Errorf("heard beside %s", t)
		}
		w.hears(codec.Movement, stan, "1", "00", false)
		w.close(e, end(switching.Approved))
		w.hears(codec.AccountEvent, stan, "", "40", false)
	}
	w.opened(codec.Authenticate, account(other))
	w.opened(codec.Authenticate, func(e *switching.Entry) { e.Bank = "klb" })
	w.hears(codec.AccountEvent, "000003", "", "40", false)
	w.timedOut(codec.Authenticate)
	w.hears(codec.AccountEvent, "000004", "", "40", false)
	w.answer(w.claim(), codec.Done, 0)
	w.opened(codec.Deregister, customer("c2"))
	w.hears(codec.AccountEvent, "000005", "", "40", false)
}
