package sim

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"wxswitch/codec"
)

// approval is what the reference knows of one authentication.
type approval struct {
	rrn      int64
	reversed bool
	endedBy  int64 // RRN of the deregistration, 0 for none
}

// TestRegistrations: an account is registered while an approval of it stands; a
// reversal ends its own alone, a deregistration those before it.
func TestRegistrations(t *testing.T) {
	b, _ := start(t, func(c *Config) { c.People = 2000 })
	l := dial(t, b)
	rrn, person := int64(0), 0
	rapid.Check(t, func(r *rapid.T) {
		for person++; b.People()[person].Accounts[0].Status != Normal; person++ {
		}
		who := b.People()[person]
		var approvals []*approval
		sent := map[int64]*codec.Message{}
		for range rapid.IntRange(1, 12).Draw(r, "length") {
			kind := rapid.SampledFrom([]codec.Type{
				codec.Authenticate, codec.Authenticate, codec.Deregister, codec.Completion,
				codec.Reversal, "repeat",
			}).Draw(r, "kind")
			if kind == codec.Reversal || kind == "repeat" {
				if len(sent) > 0 {
					again(r, l, kind, rapid.SampledFrom(sorted(sent)).Draw(r, "which"), sent, approvals)
				}
				continue
			}
			rrn++
			approvals = fresh(r, l, kind, rrn, who, sent, approvals)
		}
		stands(r, b, who, approvals)
	})
}

// fresh sends a new operation and keeps the reference.
func fresh(
	r *rapid.T, l *line, kind codec.Type, rrn int64, who Person, sent map[int64]*codec.Message, all []*approval,
) []*approval {
	of := kind
	if kind == codec.Completion {
		of = codec.Deregister
	}
	m := l.request(of, rrn, who, 0)
	sent[rrn] = m
	if kind == codec.Authenticate {
		check(r, l.ask(m), "00")
		return append(all, &approval{rrn: rrn})
	}
	want := "25"
	for _, a := range all {
		if a.endedBy == 0 && !a.reversed {
			a.endedBy, want = rrn, "00"
		}
	}
	if kind == codec.Completion {
		m = l.advice(codec.Completion, m)
	}
	check(r, l.ask(m), want)
	return all
}

// again repeats or reverses an operation: a repeat changes nothing, a reversal
// takes back what its own number did.
func again(r *rapid.T, l *line, kind codec.Type, rrn int64, sent map[int64]*codec.Message, all []*approval) {
	m := sent[rrn]
	if kind == "repeat" {
		l.ask(m)
		return
	}
	l.ask(l.advice(codec.Reversal, m))
	for _, a := range all {
		a.reversed = a.reversed || a.rrn == rrn
		if a.endedBy == rrn {
			a.endedBy = 0
		}
	}
}

func stands(r *rapid.T, b *Bank, who Person, approvals []*approval) {
	want := map[codec.RRN]bool{}
	for _, a := range approvals {
		want[codec.NewRRN(a.rrn)] = !a.reversed && a.endedBy == 0
	}
	got, err := b.Registrations(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	found := 0
	for _, g := range got {
		if b.People()[g.Person].Cert != who.Cert {
			continue
		}
		found++
		if stands := g.Ended == ""; stands != want[g.RRN] {
			r.Fatalf("%s: stands = %t, want %t", g.RRN, stands, want[g.RRN])
		}
	}
	if found != len(approvals) {
		r.Fatalf("%d approvals are on the books, want %d", found, len(approvals))
	}
}

func check(r *rapid.T, m *codec.Message, code string) {
	if got := m.Get(codec.FieldCode); got != code {
		r.Fatalf("%s: got %s, want %s", m.Type, got, code)
	}
}

func sorted(sent map[int64]*codec.Message) []int64 {
	var all []int64
	for rrn := range sent {
		all = append(all, rrn)
	}
	slices.Sort(all)
	return all
}
