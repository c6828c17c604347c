package faults

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/codec"
	switching "wxswitch/switch"
)

// other is a second switch of the house, on the same database and the same
// banks, for a child of its own.
func (h *house) other() *house {
	return &house{t: h.t, dir: h.dir, data: h.data, token: h.token, banks: h.banks, http: h.http, front: h.front, pause: h.pause}
}

// took moves to this switch's answers those that the other's callers heard.
func (h *house) took(other *house) {
	h.told = append(h.told, other.told...)
	other.told = nil
}

// sentOf is how often a message of the type arrived for the transaction.
func (h *house) sentOf(bank string, a heard) (n int) {
	rows, err := h.banks[bank].Ledger(h.t.Context())
	must(h.t, err)
	for _, r := range rows {
		if r.RRN == a.RRN && r.Type == a.Type {
			n++
		}
	}
	return n
}

// TestTwoInstances share one database and one bank: what one has begun the other
// neither does again nor beside it, and what one leaves open at its death the
// other settles.
func TestTwoInstances(t *testing.T) {
	h := newHouse(t, plan{people: 120, deadline: time.Second, bank: "    deadlines: {reversal: 300ms, completion: 300ms}"})
	two := h.other()
	c, c2 := h.startChild(), two.startChild()
	h.online()
	two.online()

	t.Run("keys", func(t *testing.T) { keysAtBoth(t, h, two) })
	t.Run("doubt", func(t *testing.T) { doubtAtBoth(t, h, two) })
	t.Run("in flight", func(t *testing.T) { leftAlone(t, h, two) })

	k := &killing{random: rand.New(rand.NewPCG(2, 2))} //nolint:gosec // reproducible
	l, l2 := k.load(h, 0), k.load(two, 1)
	approved := func(a heard) bool { return a.outcome() == switching.Approved && a.key != "" }
	l.more(t, 20, "approvals of the first", approved)
	l2.more(t, 20, "approvals of the second", approved)
	c.kill()
	l2.more(t, 10, "approvals of the second alone", approved)
	heard := slices.Concat(l.end(), l2.end())
	lost := lostAt(heard, c.killed)
	t.Logf("%d requests, %d in flight at the first's death", len(heard), len(lost))
	if len(lost) < inFlight {
		t.Errorf("only %d in flight", len(lost))
	}
	k.repeat(t, two, heard)
	h.took(two)
	h.compare()
	if err := c2.stop(); err != nil {
		t.Errorf("stop: %v: %s", err, c2.tail())
	}
	c2.sane()
}

// keysAtBoth: one key at both at once is one transaction, sent once.
func keysAtBoth(t *testing.T, h, two *house) {
	for i := range 5 {
		q := repeated(authenticate(plainBank, i, fmt.Sprint("both", i)), 4)
		first := make(chan []heard)
		go func() { first <- h.each(q) }()
		answers := append(two.each(q), <-first...)
		fresh := 0
		for _, a := range answers {
			if a.outcome() == "" || a.outcome() == switching.Refused || a.ID != answers[0].ID || a.outcome() != answers[0].outcome() {
				t.Errorf("status %d, %v: %s", a.status, a.err, a.body)
			}
			if !a.replayed {
				fresh++
			}
		}
		if n := h.sentOf(plainBank, answers[0]); n != 1 || fresh != 1 {
			t.Errorf("key %d: %d sendings, %d answers that are no repeats", i, n, fresh)
		}
	}
	h.took(two)
	h.compare()
}

// doubtAtBoth: a deregistration in doubt at one is joined at the other by the
// same customer's second try, and waited for by another change of the account.
func doubtAtBoth(t *testing.T, h, two *house) {
	const person = 20
	h.answered(authenticate(plainBank, person, "doubt-auth"))
	h.fault(plainBank, sim.Fault{Kind: sim.Silence, Type: codec.Deregister, Count: 1})
	h.fault(plainBank, sim.Fault{Kind: sim.Silence, Type: codec.Completion, Count: 1})
	first := h.answered(deregister(plainBank, person, "doubt-1"))
	answers := two.each([]question{deregister(plainBank, person, "doubt-2"), authenticate(plainBank, person, "doubt-3")})
	joined, after := answers[0], answers[1]
	if first.outcome() != switching.TimedOut || joined.outcome() != switching.Approved || joined.RRN != first.RRN {
		t.Errorf("first %s, joined %s: %s", first.body, joined.outcome(), joined.body)
	}
	if after.outcome() != switching.Approved || after.RRN == first.RRN {
		t.Errorf("the change that waited: status %d, %v: %s", after.status, after.err, after.body)
	}
	if n := h.sentOf(plainBank, first); n != 1 {
		t.Errorf("%d deregistrations were sent", n)
	}
	h.took(two)
	h.compare()
}

// leftAlone: what one has in flight the other's scan does not end, however often
// it looks; and the same account waits at the other.
func leftAlone(t *testing.T, h, two *house) {
	h.fault(plainBank, sim.Fault{Kind: sim.Delay, Delay: 700 * time.Millisecond, Type: codec.Authenticate})
	var questions []question
	for i := range 5 {
		questions = append(questions, authenticate(cupsBank, 40+i, fmt.Sprint("alone", i)), authenticate(plainBank, 40+i, fmt.Sprint("alone-slow", i)))
	}
	first := make(chan []heard)
	go func() { first <- h.each(questions) }()
	same := slices.Clone(questions)
	for i := range same {
		same[i].key += "-two"
	}
	answers := append(two.each(same), <-first...)
	for _, a := range answers {
		if a.outcome() == switching.TimedOut && a.reason == "recovered" {
			t.Errorf("a scan ended what was in flight: %s", a.body)
		}
	}
	h.calm()
	h.took(two)
	h.compare()
}
