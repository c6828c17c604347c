package switching

import (
	"fmt"
	"testing"

	"wxswitch/codec"
)

// situation is all that the rules of doubt look at.
type situation struct {
	of       codec.Type // the original
	standing Outcome
	late     codec.Meaning     // noted before
	state    AdviceState       // "" for no advice
	attempts int               // of the advice
	newer    bool              // a newer registration was approved
	m        codec.Meaning     // what the event says
	class    codec.AdviceClass // likewise, of an answer to a reversal
	said     bool              // the bank's answer before was the same
}

func (s situation) String() string {
	return fmt.Sprintf("%s %s (noted %d), advice %q after %d, newer %v, meaning %d, class %d",
		s.of, s.standing, s.late, s.state, s.attempts, s.newer, s.m, s.class)
}

func (s situation) entry() Entry { return Entry{Type: s.of, Standing: s.standing, Late: s.late} }

func (s situation) advice() Advice {
	a := Advice{Type: s.of.Doubt(), State: s.state, Attempts: s.attempts}
	if s.said {
		a.LastCode = answerCode
	}
	return a
}

// answerCode is F39 of every answer; what it says is the situation's.
const answerCode = "25"

func (s situation) lateAnswer() Change {
	if s.state == "" {
		return LateAnswer(s.entry(), nil, s.newer, s.m)
	}
	a := s.advice()
	return LateAnswer(s.entry(), &a, s.newer, s.m)
}

func (s situation) answer() Change {
	return Answer(s.entry(), s.advice(), s.newer, LateReply{Code: answerCode, Meaning: s.m, Class: s.class})
}

var (
	allOutcomes = []Outcome{Approved, Declined, TimedOut, Refused}
	allMeanings = []codec.Meaning{codec.Unmapped, codec.Approved, codec.Declined, codec.InDoubt}
	allClasses  = []codec.AdviceClass{codec.Park, codec.Done, codec.NotFound, codec.Retry}
	allStates   = []AdviceState{
		"", AdvicePending, AdviceDone, AdviceNotFound, AdviceCancelled, AdviceParked, AdviceClosed,
	}
)

// situations calls yield with every one there is.
func situations(yield func(situation)) {
	for _, of := range []codec.Type{codec.Authenticate, codec.Deregister} {
		for _, standing := range allOutcomes {
			for _, state := range allStates {
				for attempts := range 3 {
					for _, m := range allMeanings {
						for _, late := range allMeanings {
							for _, class := range allClasses {
								for i := range 4 {
									yield(situation{of, standing, late, state, attempts, i&1 != 0, m, class, i&2 != 0})
								}
							}
						}
					}
				}
			}
		}
	}
}

// TestInvariants: what no event may do, in any situation, reachable or not.
func TestInvariants(t *testing.T) {
	situations(func(s situation) {
		checkInvariants(t, s, "late reply", s.lateAnswer(), true)
		if s.state != "" {
			checkInvariants(t, s, "answer", s.answer(), false)
		}
	})
}

func checkInvariants(t *testing.T, s situation, event string, c Change, late bool) {
	t.Helper()
	for rule, broken := range map[string]bool{
		"a settled approval never goes back":    s.standing == Approved && c.Standing != "",
		"what was refused was never sent":       s.standing == Refused && s.state == "" && c != Change{},
		"nothing revives an authenticate":       s.of == codec.Authenticate && c.Standing != "",
		"only a clear answer settles":           c.Standing != "" && c.Standing != outcomeOf(s.m),
		"a newer registration is not ended":     s.newer && c.Standing == Approved,
		"a decline undoes nothing that settled": c.Standing == Declined && s.standing != TimedOut,
		"Again is for what pends":               c.Again && (s.state != AdvicePending || c.Advice != ""),
		"an ended advice stays ended":           reopens(s.state, c) && !crossed(s, late),
		"cancelled means never sent":            c.Advice == AdviceCancelled && (s.state != AdvicePending || s.attempts > 0),
		"only an answer acknowledges":           late && c.Advice == AdviceDone && s.m != codec.Approved,
		"an operator's close stays":             s.state == AdviceClosed && c.Advice != "",
		"not found ends reversals only":         c.Advice == AdviceNotFound && s.of != codec.Authenticate,
		"a completion ends with an end": s.of == codec.Deregister && s.standing == TimedOut && !s.newer && s.state.Settles() &&
			c.Advice != "" && !c.Advice.Settles() && c.Standing == "",
		"what is settled leaves nothing to hold": c.Standing == Declined && s.state.Settles() && (c.Advice == "" || c.Advice.Settles()),
	} {
		if broken {
			t.Errorf("%s: %s: %s gives %+v", rule, s, event, c)
		}
	}
}

func outcomeOf(m codec.Meaning) Outcome {
	return map[codec.Meaning]Outcome{codec.Approved: Approved, codec.Declined: Declined}[m]
}

func reopens(from AdviceState, c Change) bool {
	return from != "" && !from.Settles() && (c.Advice.Settles() || c.Again)
}

// crossed is the one way back: not found, and then the original is approved.
func crossed(s situation, late bool) bool {
	return late && s.state == AdviceNotFound && s.m == codec.Approved && s.of == codec.Authenticate
}

// TestLateReply and TestAnswer are the rules themselves, case by case.
func TestLateReply(t *testing.T) {
	dereg, auth := codec.Deregister, codec.Authenticate
	for _, c := range []struct {
		name string
		s    situation
		want Change
	}{
		{"approved before the advice left", situation{of: dereg, standing: TimedOut, state: AdvicePending, m: codec.Approved}, Change{Standing: Approved, Advice: AdviceCancelled}},
		{"approved while the advice is out", situation{of: dereg, standing: TimedOut, state: AdvicePending, attempts: 1, m: codec.Approved}, Change{Standing: Approved}},
		{"approved while it is parked", situation{of: dereg, standing: TimedOut, state: AdviceParked, attempts: 1, m: codec.Approved}, Change{Standing: Approved, Advice: AdviceDone}},
		{"approved, but a newer registration", situation{of: dereg, standing: TimedOut, state: AdvicePending, newer: true, m: codec.Approved}, Change{}},
		{"declined before the advice left", situation{of: dereg, standing: TimedOut, state: AdvicePending, m: codec.Declined}, Change{Standing: Declined, Advice: AdviceCancelled}},
		{"declined while the advice is out", situation{of: dereg, standing: TimedOut, state: AdvicePending, attempts: 1, m: codec.Declined}, Change{}},
		{"declined while it is parked", situation{of: dereg, standing: TimedOut, state: AdviceParked, attempts: 1, m: codec.Declined}, Change{}},
		{"in doubt", situation{of: dereg, standing: TimedOut, state: AdvicePending, m: codec.InDoubt}, Change{}},
		{"approved after the advice was declined", situation{of: dereg, standing: Declined, state: AdviceDone, attempts: 1, m: codec.Approved}, Change{Standing: Approved}},
		{"the same, superseded", situation{of: dereg, standing: Declined, state: AdviceDone, attempts: 1, newer: true, m: codec.Approved}, Change{}},
		{"approved after an operator said declined", situation{of: dereg, standing: Declined, state: AdviceClosed, m: codec.Approved}, Change{Standing: Approved}},
		{"declined after the advice was approved", situation{of: dereg, standing: Approved, state: AdviceDone, attempts: 1, m: codec.Declined}, Change{}},
		{"approved after a decline in time", situation{of: dereg, standing: Declined, m: codec.Approved}, Change{}},
		{"approved while being undone", situation{of: auth, standing: TimedOut, state: AdvicePending, attempts: 1, m: codec.Approved}, Change{}},
		{"approved after not found", situation{of: auth, standing: TimedOut, state: AdviceNotFound, attempts: 1, m: codec.Approved}, Change{Advice: AdvicePending}},
		{"declined after not found", situation{of: auth, standing: TimedOut, state: AdviceNotFound, attempts: 1, m: codec.Declined}, Change{}},
		{"approved after undone", situation{of: auth, standing: TimedOut, state: AdviceDone, attempts: 1, m: codec.Approved}, Change{}},
		{"an enquiry", situation{of: codec.Balance, standing: TimedOut, m: codec.Approved}, Change{}},
	} {
		if got := c.s.lateAnswer(); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestAnswer(t *testing.T) {
	dereg, auth := codec.Deregister, codec.Authenticate
	for _, c := range []struct {
		name string
		s    situation
		want Change
	}{
		{"completion approved", situation{of: dereg, standing: TimedOut, state: AdvicePending, m: codec.Approved}, Change{Standing: Approved, Advice: AdviceDone}},
		{"completion declined", situation{of: dereg, standing: TimedOut, state: AdvicePending, m: codec.Declined}, Change{Standing: Declined, Advice: AdviceDone}},
		{"completion declined after a late approval", situation{of: dereg, standing: Approved, state: AdvicePending, m: codec.Declined}, Change{Advice: AdviceDone}},
		{"completion unmapped after a late approval", situation{of: dereg, standing: Approved, state: AdvicePending}, Change{Advice: AdviceDone}},
		{"completion in doubt after a late approval", situation{of: dereg, standing: Approved, state: AdvicePending, m: codec.InDoubt}, Change{Advice: AdviceDone}},
		{"completion in doubt", situation{of: dereg, standing: TimedOut, state: AdvicePending, m: codec.InDoubt}, Change{Again: true}},
		{"completion unmapped", situation{of: dereg, standing: TimedOut, state: AdvicePending}, Change{Advice: AdviceParked}},
		{"second answer approved after declined", situation{of: dereg, standing: Declined, state: AdviceDone, m: codec.Approved}, Change{Standing: Approved, Advice: AdviceDone}},
		{"answer to a parked one", situation{of: dereg, standing: TimedOut, state: AdviceParked, m: codec.Declined}, Change{Standing: Declined, Advice: AdviceDone}},
		{"in doubt, parked", situation{of: dereg, standing: TimedOut, state: AdviceParked, m: codec.InDoubt}, Change{}},
		{"approved after an operator said declined", situation{of: dereg, standing: Declined, state: AdviceClosed, m: codec.Approved}, Change{Standing: Approved}},
		{"reversal done", situation{of: auth, standing: TimedOut, state: AdvicePending, class: codec.Done}, Change{Advice: AdviceDone}},
		{"reversal not found", situation{of: auth, standing: TimedOut, state: AdvicePending, class: codec.NotFound}, Change{Advice: AdviceNotFound}},
		{"reversal not found, yet approved", situation{of: auth, standing: TimedOut, late: codec.Approved, state: AdvicePending, class: codec.NotFound}, Change{Again: true}},
		{"the same again, after it was told again", situation{of: auth, standing: TimedOut, late: codec.Approved, state: AdvicePending, class: codec.NotFound, said: true}, Change{Advice: AdviceParked}},
		{"not found twice, and nothing approved", situation{of: auth, standing: TimedOut, state: AdvicePending, class: codec.NotFound, said: true}, Change{Advice: AdviceNotFound}},
		{"reversal retry", situation{of: auth, standing: TimedOut, state: AdvicePending, class: codec.Retry}, Change{Again: true}},
		{"reversal unknown code", situation{of: auth, standing: TimedOut, state: AdvicePending, class: codec.Park}, Change{Advice: AdviceParked}},
		{"parked, done after all", situation{of: auth, standing: TimedOut, state: AdviceParked, class: codec.Done}, Change{Advice: AdviceDone}},
		{"parked, not found after all", situation{of: auth, standing: TimedOut, state: AdviceParked, class: codec.NotFound}, Change{Advice: AdviceNotFound}},
		{"parked, retry", situation{of: auth, standing: TimedOut, state: AdviceParked, class: codec.Retry}, Change{}},
		{"done, retry", situation{of: auth, standing: TimedOut, state: AdviceDone, class: codec.Retry}, Change{}},
		{"done, not found", situation{of: auth, standing: TimedOut, state: AdviceDone, class: codec.NotFound}, Change{}},
		{"closed, done", situation{of: auth, standing: TimedOut, state: AdviceClosed, class: codec.Done}, Change{}},
	} {
		if got := c.s.answer(); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestDoubt: which ends leave an advice, and which free the key.
func TestDoubt(t *testing.T) {
	for _, of := range []codec.Type{codec.Authenticate, codec.Deregister, codec.Balance} {
		for _, o := range allOutcomes {
			for _, joins := range []int64{0, 7} {
				want := of.Doubt() != "" && o == TimedOut && joins == 0
				advice, got := Doubt(Entry{Type: of, Joins: joins}, End{Outcome: o})
				if got != want || got && advice != of.Doubt() {
					t.Errorf("%s %s, joins %d: %q, %v", of, o, joins, advice, got)
				}
				if FreesKey(End{Outcome: o}) != (o == Refused) {
					t.Errorf("%s frees its key: %v", o, FreesKey(End{Outcome: o}))
				}
			}
		}
	}
}

// TestAnAdviceNamesItsOriginal: by account, RRN, processing code and F90, under a
// number of its own; the first sending is no repeat, each after it is.
func TestAnAdviceNamesItsOriginal(t *testing.T) {
	e := Entry{
		Type: codec.Authenticate, Account: codec.NewAccount("6210081234567892"), Card: true, MTI: "0100", Code3: "870100",
		STAN: "000122", Sent: "1124100955", RRN: "000000000122",
	}
	e.Fields.Set(codec.FieldAcquirer, "48980000")
	for attempts := 1; attempts <= 2; attempts++ {
		m := AdviceMessage(Advice{Type: codec.Reversal, Entry: e, Attempts: attempts}, Number{ID: 123, STAN: "000123", Sent: "1124101005"})
		if m.Type != codec.Reversal || m.Repeat != (attempts > 1) {
			t.Errorf("attempt %d: %s, repeat %v", attempts, m.Type, m.Repeat)
		}
		for field, want := range map[codec.Field]string{
			codec.FieldPAN: "6210081234567892", codec.FieldRRN: "000000000122", codec.FieldProcessingCode: "870100",
			codec.FieldSTAN: "000123", codec.FieldSent: "1124101005", codec.FieldAcquirer: "48980000",
			codec.FieldOriginalMTI: "0100", codec.FieldOriginalSTAN: "000122", codec.FieldOriginalSent: "1124100955",
			codec.FieldOriginalAcquirer: "48980000",
		} {
			if got := m.Get(field); got != want {
				t.Errorf("attempt %d: %s %q, want %q", attempts, field, got, want)
			}
		}
	}
}
