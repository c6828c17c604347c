package journaltest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/vault"
)

// world is one test's: a store, and a process's numbers.
type world struct {
	*testing.T
	opener  Opener
	options Options
	clock   *clock
	effect  *effect
	ear     *ear
	store   Store
	numbers *switching.Numbers
	keys    int
}

const (
	bank     = "xjrcu"
	card     = "6210081234567890"
	other    = "6210081234567891"
	passbook = "0401012345678901234"
)

func newWorld(t *testing.T, open Opener) *world {
	v, err := vault.New()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		T: t, opener: open, effect: &effect{}, ear: &ear{},
		clock: &clock{t: time.Date(2026, 7, 1, 9, 30, 0, 0, codec.Shanghai)},
	}
	w.options = Options{
		At: t.TempDir(), Vault: v, Now: w.clock.now, Backoff: switching.Backoff{Min: time.Second, Max: time.Minute},
		Effects: map[codec.Type]switching.Effect{
			codec.Authenticate: w.effect, codec.Deregister: w.effect, codec.Echo: probe{},
		},
		Listeners: map[codec.Type]switching.Listener{codec.Movement: w.ear}, Put: w.ear.put,
	}
	w.start()
	return w
}

// start opens the store once more, as a process that starts.
func (w *world) start() {
	w.store = w.opener(w.T, w.options)
	w.numbers = switching.NewNumbers(w.store, w.clock.now)
}

// process is another process on the same database.
func (w *world) process() *world {
	p := *w
	p.start()
	return &p
}

// clock is held; tests move it.
type clock struct {
	mu sync.Mutex // guards t
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func (c *clock) set(t time.Time) { c.add(t.Sub(c.now())) }

// entry is a request of customer c1, with a key and a number of its own.
func (w *world) entry(t codec.Type, with ...func(*switching.Entry)) switching.Entry {
	w.Helper()
	n, err := w.numbers.Take(w.Context())
	w.must(err)
	w.keys++
	now := w.clock.now()
	e := switching.Entry{
		ID: n.ID, Client: "front", Operation: "op", KeyHash: w.options.Vault.Index("key", fmt.Sprint(n.ID, w.keys)),
		BodyHash: w.options.Vault.Hash("body"), Type: t, Customer: "c1", Bank: bank, Card: true,
		Account: codec.NewAccount(card), MTI: "0100", Code3: "930000", STAN: n.STAN, Sent: n.Sent,
		RRN: codec.NewRRN(n.ID), Instance: "i1", Opened: now, Deadline: now.Add(10 * time.Second),
	}
	e.Fields.Set(codec.FieldCertType, "01")
	e.Fields.Set(codec.FieldCertNumber, "650102199001011234")
	e.Fields.Set(codec.FieldHolder, "阿依古丽")
	e.Fields.Set(codec.FieldAcquirer, "48980000")
	e.Fields.Set(codec.FieldForwarder, "48981111")
	for _, f := range with {
		f(&e)
	}
	return e
}

func account(a string) func(*switching.Entry) {
	return func(e *switching.Entry) { e.Account = codec.NewAccount(a) }
}

func customer(c string) func(*switching.Entry) { return func(e *switching.Entry) { e.Customer = c } }

func keyOf(o switching.Entry) func(*switching.Entry) {
	return func(e *switching.Entry) { e.KeyHash = o.KeyHash }
}

func noKey(e *switching.Entry) { e.KeyHash = nil }

// open opens the entry and wants what is found to be of the kind.
func (w *world) open(want switching.OpenKind, e switching.Entry) switching.Opening {
	w.Helper()
	o, err := w.store.Open(w.Context(), e)
	w.must(err)
	w.equal("kind of opening", o.Kind, want)
	return o
}

// opened opens a fresh entry.
func (w *world) opened(t codec.Type, with ...func(*switching.Entry)) switching.Entry {
	w.Helper()
	return w.open(switching.Opened, w.entry(t, with...)).Entry
}

// timedOut is a fresh entry that timed out, and its advice.
func (w *world) timedOut(t codec.Type, with ...func(*switching.Entry)) (switching.Entry, switching.Advice) {
	w.Helper()
	e := w.close(w.opened(t, with...), end(switching.TimedOut))
	list := w.advicesOf(e.ID)
	w.equal("advices", len(list), 1)
	return e, list[0]
}

func end(o switching.Outcome) switching.End {
	switch o {
	case switching.Approved:
		return switching.End{Outcome: o, Code: "00"}
	case switching.Declined:
		return switching.End{Outcome: o, Code: "14"}
	case switching.TimedOut:
		return switching.End{Outcome: o, Reason: "no-reply"}
	case switching.Refused:
		return switching.End{Outcome: o, Reason: switching.ReasonDeadline}
	}
	panic("no such outcome: " + o)
}

func (w *world) close(e switching.Entry, end switching.End) switching.Entry {
	w.Helper()
	e, err := w.store.Close(w.Context(), e, end)
	w.must(err)
	return e
}

func (w *world) get(id int64) switching.Entry {
	w.Helper()
	e, found, err := w.store.Get(w.Context(), id)
	w.must(err)
	w.equal("found", found, true)
	return e
}

func (w *world) missing(id int64) {
	w.Helper()
	_, found, err := w.store.Get(w.Context(), id)
	w.must(err)
	w.equal("found", found, false)
}

// reply is a bank's reply to the entry's request.
func reply(e switching.Entry, m codec.Meaning) switching.LateReply {
	code := map[codec.Meaning]string{codec.Approved: "00", codec.Declined: "14", codec.InDoubt: "68", codec.Unmapped: "77"}[m]
	r := switching.LateReply{Bank: e.Bank, Type: e.Type, RRN: e.RRN, STAN: e.STAN, Sent: e.Sent, Code: code, Meaning: m}
	r.Reply.Set(codec.FieldCode, code)
	return r
}

func (w *world) late(r switching.LateReply) (switching.Entry, bool) {
	w.Helper()
	e, known, err := w.store.Late(w.Context(), r)
	w.must(err)
	return e, known
}

// lateOf is the entry after a late reply to it.
func (w *world) lateOf(e switching.Entry, m codec.Meaning) switching.Entry {
	w.Helper()
	after, known := w.late(reply(e, m))
	w.equal("known", known, true)
	return after
}

// claim claims an advice that must be there.
func (w *world) claim() switching.Advice {
	w.Helper()
	a, ok := w.tryClaim()
	w.equal("claimed", ok, true)
	return a
}

func (w *world) tryClaim() (switching.Advice, bool) {
	w.Helper()
	a, ok, err := w.store.Claim(w.Context(), bank, 2, w.clock.now().Add(30*time.Second))
	w.must(err)
	return a, ok
}

// answer gives an advice the bank's answer; a class for a reversal, a meaning
// for a completion.
func (w *world) answer(a switching.Advice, c codec.AdviceClass, m codec.Meaning) switching.Entry {
	w.Helper()
	r := reply(a.Entry, m)
	r.Type, r.Class = a.Type, c
	a, err := w.store.Answered(w.Context(), a.ID, r)
	w.must(err)
	return a.Entry
}

func (w *world) advicesOf(entry int64) (list []switching.Advice) {
	w.Helper()
	all, err := w.store.Advices(w.Context(), "", "", 0, 1000)
	w.must(err)
	for _, a := range all {
		if a.Entry.ID == entry {
			list = append(list, a)
		}
	}
	return list
}

func (w *world) advice(id int64) switching.Advice {
	w.Helper()
	list, err := w.store.Advices(w.Context(), "", "", id-1, 1)
	w.must(err)
	if len(list) != 1 || list[0].ID != id {
		w.Fatalf("no advice %d", id)
	}
	return list[0]
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) equal(what string, got, want any) {
	w.Helper()
	if got != want {
		w.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// standing wants the row, as it is on disk, to stand so and to hold or not.
func (w *world) standing(id int64, o switching.Outcome, holds bool) {
	w.Helper()
	e := w.get(id)
	w.equal("standing", e.Standing, o)
	w.equal("holds", e.Holds, holds)
}
