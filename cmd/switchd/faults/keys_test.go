package faults

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/api/client"
)

const (
	cupsBank  = "urmqccb"
	plainBank = "xjrcu"
)

func authenticate(bank string, person int, key string) question {
	return question{kind: client.TypeAuthenticate, bank: bank, person: person, key: key}
}

func deregister(bank string, person int, key string) question {
	return question{kind: client.TypeDeregister, bank: bank, person: person, key: key}
}

func balance(bank string, person int) question {
	return question{kind: client.TypeBalance, bank: bank, person: person}
}

func repeated(q question, n int) (all []question) {
	for range n {
		all = append(all, q)
	}
	return all
}

func TestOneKeyAtOnceIsOneTransaction(t *testing.T) {
	h := running(t, plan{})
	h.fault(plainBank, sim.Fault{Kind: sim.Delay, Delay: 100 * time.Millisecond})
	first := 0
	answers := h.each(repeated(authenticate(plainBank, 1, "k"), 30))
	for _, a := range answers {
		if a.outcome() != switching.Approved || a.ID != answers[0].ID {
			t.Errorf("status %d: %s", a.status, a.body)
		}
		if !a.replayed {
			first++
		}
	}
	if first != 1 {
		t.Errorf("%d answers are not marked as repeats", first)
	}
	if b := h.compare(); len(b.Rows) != 1 || len(b.Banks[plainBank].Arrivals) != 1 {
		t.Errorf("%d rows, %d arrivals", len(b.Rows), len(b.Banks[plainBank].Arrivals))
	}
}

func TestOneKeyAtOnceWithTwoBodies(t *testing.T) {
	h := running(t, plan{})
	h.fault(plainBank, sim.Fault{Kind: sim.Delay, Delay: 50 * time.Millisecond})
	for i := range 10 {
		key := fmt.Sprint("k", i)
		answers := h.each(append(repeated(authenticate(plainBank, 1+i, key), 3), repeated(deregister(plainBank, 1+i, key), 3)...))
		told, reused := 0, 0
		for _, a := range answers {
			switch {
			case a.outcome() == switching.Approved:
				told++
			case a.problem == "idempotency-key-reused":
				reused++
			default:
				t.Errorf("status %d: %s", a.status, a.body)
			}
		}
		if told != 3 || reused != 3 {
			t.Errorf("%d told, %d refused", told, reused)
		}
	}
	h.compare()
}

// sameAgain wants the answer that was told before.
func (h *house) sameAgain(before heard) {
	h.t.Helper()
	a := h.answered(before.question)
	if a.outcome() != before.outcome() || a.ID != before.ID || a.RRN != before.RRN || a.Code != before.Code || !a.replayed {
		h.t.Errorf("told %s %d, and again %s %d (replayed %t)", before.outcome(), before.ID, a.outcome(), a.ID, a.replayed)
	}
}

// TestFinishedKeyIsAnsweredWhateverCame: with the bank down, its route gone,
// its customer's state changed, after 100 others, and after a restart.
func TestFinishedKeyIsAnsweredWhateverCame(t *testing.T) {
	h := running(t, brisk)
	approved := h.answered(authenticate(plainBank, 1, "approved"))
	h.fault(plainBank, sim.Fault{Kind: sim.Decline, Code: "05", Type: codec.Authenticate, Count: 1})
	declined := h.answered(authenticate(plainBank, 2, "declined"))
	h.fault(plainBank, sim.Fault{Kind: sim.SilenceAfter, Type: codec.Authenticate, Count: 1})
	timedOut := h.answered(authenticate(plainBank, 3, "timed-out"))
	keyed := balance(plainBank, 4)
	keyed.key = "balance"
	enquiry := h.answered(keyed)
	for i, want := range []switching.Outcome{switching.Approved, switching.Declined, switching.TimedOut, switching.Approved} {
		if got := []heard{approved, declined, timedOut, enquiry}[i].outcome(); got != want {
			t.Fatalf("%d: %s, want %s", i, got, want)
		}
	}
	all := func(when string) {
		t.Helper()
		for _, a := range []heard{approved, declined, timedOut, enquiry} {
			h.sameAgain(a)
		}
		other := approved.question
		other.kind = client.TypeDeregister
		h.refused(other, "idempotency-key-reused")
		if t.Failed() {
			t.Fatal(when)
		}
	}
	all("at once")
	h.answered(deregister(plainBank, 1, "state-changed"))
	all("after the state changed")
	h.banks[plainBank].Down()
	eventually(t, "links gone", func() bool { return h.ask(balance(plainBank, 5)).problem == "no-link" })
	all("with the bank down")
	old, err := os.ReadFile(h.path("routes.yaml"))
	must(t, err)
	must(t, os.WriteFile(h.path("routes.yaml"), []byte(without(string(old), plainBank)), 0o600))
	h.reload(200)
	h.refused(balance(plainBank, 5), "unknown-bin")
	all("with its route gone")
	for i := range 100 {
		h.answered(balance(cupsBank, i%40))
	}
	all("after 100 others")
	h.restart()
	all("after a restart")
	must(t, os.WriteFile(h.path("routes.yaml"), old, 0o600))
	h.reload(200)
	h.calm()
	h.online()
	all("with everything back")
	h.compare()
}

func without(routes, bank string) (left string) {
	for line := range strings.Lines(routes) {
		if !strings.Contains(line, bank) {
			left += line
		}
	}
	return left
}

// reload has the route file read again, and wants that status.
func (h *house) reload(want int) []byte {
	h.t.Helper()
	r, err := h.client().ReloadRoutesWithResponse(h.t.Context())
	must(h.t, err)
	if r.StatusCode() != want {
		h.t.Fatalf("reload: status %d: %s", r.StatusCode(), r.Body)
	}
	return r.Body
}

// TestRefusedKeyIsFree: what was not sent may be asked again under its key.
func TestRefusedKeyIsFree(t *testing.T) {
	h := running(t, plan{})
	h.banks[plainBank].Down()
	eventually(t, "links gone", func() bool { return h.ask(balance(plainBank, 5)).problem == "no-link" })
	h.refused(authenticate(plainBank, 1, "k"), "no-link")
	h.calm()
	h.online()
	if a := h.answered(authenticate(plainBank, 1, "k")); a.outcome() != switching.Approved || a.replayed {
		t.Errorf("%s, replayed %t", a.outcome(), a.replayed)
	}
	h.compare()
}

// TestKeysAreKeptForAWeek: a repeat is answered so long, over restarts; then the key
// is free, and what is asked under it is asked anew. (The books are not compared: to
// them a key is of one transaction.)
func TestKeysAreKeptForAWeek(t *testing.T) {
	h := newHouse(t, plan{})
	days := func(n time.Duration) func() time.Time {
		return func() time.Time { return time.Now().Add(n * 24 * time.Hour) }
	}
	h.start()
	h.online()
	first := h.answered(authenticate(plainBank, 1, "k"))
	h.hooks.Now = days(6)
	h.restart()
	h.online()
	for range 20 {
		h.sameAgain(first)
	}
	h.hooks.Now = days(8)
	h.restart()
	h.online()
	eventually(t, "a free key", func() bool {
		a := h.ask(first.question)
		return a.outcome() == switching.Approved && a.ID != first.ID && !a.replayed
	})
}
