package faults

import (
	"slices"
	"testing"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/codec"
	switching "wxswitch/switch"
)

// TestLateDeclineMeetsACompletion that is on its way: the decline ends nothing.
// Were the account free, a new registration would be made, and ended by the
// completion.
func TestLateDeclineMeetsACompletion(t *testing.T) {
	h := running(t, plan{deadline: 10 * time.Second})
	h.answered(authenticate(plainBank, 1, "first"))
	account := h.banks[plainBank].people[1].Accounts[0].Number
	h.fault(plainBank, sim.Fault{Kind: sim.Decline, Code: "05", Type: codec.Deregister, Account: account, Count: 1})
	h.fault(plainBank, sim.Fault{Kind: sim.Late, Delay: 600 * time.Millisecond, Type: codec.Deregister, Account: account, Count: 1})
	h.fault(plainBank, sim.Fault{Kind: sim.Delay, Delay: 1500 * time.Millisecond, Type: codec.Completion, Account: account, Count: 1})
	late := deregister(plainBank, 1, "late")
	late.timeout = 400 * time.Millisecond
	if a := h.answered(late); a.outcome() != switching.TimedOut {
		t.Fatalf("%s", a.body)
	}
	h.metric(`wxswitch_late_messages_total{bank="xjrcu",result="journalled"} 1`)
	eventually(t, "a new registration", func() bool {
		a := h.ask(authenticate(plainBank, 1, "second"))
		if a.outcome() == switching.Refused && a.problem != "settling" {
			t.Fatalf("%s", a.body)
		}
		return a.outcome() == switching.Approved
	})
	eventually(t, "the bank's end of the completion", func() bool {
		effects, err := h.banks[plainBank].Effects(t.Context())
		must(t, err)
		return slices.ContainsFunc(effects, func(e sim.Effect) bool { return e.What == "deregistered" })
	})
	b := h.compare()
	for _, r := range b.Banks[plainBank].Registrations[1:] {
		if r.Ended != "" {
			t.Errorf("the new registration was ended by %s", r.Ended)
		}
	}
}
