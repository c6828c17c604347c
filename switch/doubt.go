package switching

import "wxswitch/codec"

// Change is what an event does to an entry and to its advice. The rules below
// decide it; the journal applies it in the transaction of the event.
type Change struct {
	// Standing is how the entry stands from now on, and what its Effect is run
	// with; empty leaves both.
	Standing Outcome
	// Advice is the advice's new state; empty leaves it.
	Advice AdviceState
	// Again sends a pending advice again after its back-off.
	Again bool
}

// Doubt returns the advice that an end leaves to be forwarded: that of the type
// if it timed out. An entry that joined another sends and stores nothing.
func Doubt(e Entry, end End) (codec.Type, bool) {
	advice := e.Type.Doubt()
	return advice, end.Outcome == TimedOut && e.Joins == 0 && advice != ""
}

// FreesKey reports whether an end leaves the idempotency key free: a message
// that was never sent can be asked for again. A refusal by an Effect replays.
func FreesKey(end End) bool { return end.Outcome == Refused }

// LateAnswer decides what a late reply to the original does. a is the entry's
// advice, nil for none; newer says that a newer registration of the account was
// approved.
func LateAnswer(e Entry, a *Advice, newer bool, m codec.Meaning) Change {
	if e.Standing != TimedOut || a == nil {
		return lateToSettled(e, a, newer, m)
	}
	switch {
	case a.Type == codec.Reversal:
		return lateToReversal(a, m)
	case m == codec.Approved && !newer:
		return Change{Standing: Approved, Advice: afterApproval(a)}
	case m == codec.Declined && unsent(a):
		return Change{Standing: Declined, Advice: AdviceCancelled}
	}
	return Change{}
}

// lateToSettled: a deregistration that an advice ended as declined still ended
// at the bank if the original was approved. Everything else stays as it ended.
func lateToSettled(e Entry, a *Advice, newer bool, m codec.Meaning) Change {
	if a != nil && a.Type == codec.Completion && e.Standing == Declined && m == codec.Approved && !newer {
		return Change{Standing: Approved}
	}
	return Change{}
}

// lateToReversal: the operation counts as not done whatever comes late. But a
// bank that approves what it had not found when it was told to undo it must be
// told again.
func lateToReversal(a *Advice, m codec.Meaning) Change {
	if m == codec.Approved && a.State == AdviceNotFound {
		return Change{Advice: AdvicePending}
	}
	return Change{}
}

// unsent reports whether no attempt of the advice may have left.
func unsent(a *Advice) bool { return a.State == AdvicePending && a.Attempts == 0 }

// afterApproval: an advice that was to bring about what the bank now says it
// did is needless, unless it is on its way: then its answer ends it.
func afterApproval(a *Advice) AdviceState {
	switch {
	case unsent(a):
		return AdviceCancelled
	case a.State == AdviceParked:
		return AdviceDone
	}
	return ""
}

// Answer decides what a bank's answer to an advice does, in time or late. An
// advice that has ended is not opened again by a second answer.
func Answer(e Entry, a Advice, newer bool, r LateReply) Change {
	var c Change
	if a.Type == codec.Completion {
		c = completionAnswer(e, newer, r.Meaning)
	} else {
		c = undoAnswer(e, a, r)
	}
	if !moves(a.State, c.Advice) {
		c.Advice, c.Again = "", false
	}
	return c
}

// moves reports whether an answer may take an advice from one state to another.
// A pending one goes where the answer says; of the others a second answer can
// only end a provisional or a parked one for good.
func moves(from, to AdviceState) bool {
	switch from {
	case AdvicePending:
		return true
	case AdviceParked:
		return to == AdviceDone || to == AdviceNotFound
	case AdviceNotFound, AdviceDone:
		return to == AdviceDone
	}
	return false
}

// undoAnswer: not found ends a reversal provisionally, unless the bank is known
// to have approved the original: then the two crossed on their way, and it must
// be told again. Whose answer stays the same contradicts itself, and would keep the
// account from every change for ever: an operator decides.
// To a release it is as good as done.
func undoAnswer(e Entry, a Advice, r LateReply) Change {
	switch r.Class {
	case codec.Done:
		return Change{Advice: AdviceDone}
	case codec.NotFound:
		switch {
		case a.Type == codec.Release:
			return Change{Advice: AdviceDone}
		case e.Late == codec.Approved && a.LastCode == r.Code:
			return Change{Advice: AdviceParked}
		case e.Late == codec.Approved:
			return Change{Again: true}
		}
		return Change{Advice: AdviceNotFound}
	case codec.Retry:
		return Change{Again: true}
	case codec.Park:
	}
	return Change{Advice: AdviceParked}
}

// completionAnswer counts as the late answer of the original. Where the bank has
// approved the original meanwhile, nothing is left to bring about, whatever it
// says of the advice.
func completionAnswer(e Entry, newer bool, m codec.Meaning) Change {
	if e.Standing == Approved {
		return Change{Advice: AdviceDone}
	}
	switch m {
	case codec.Approved:
		if newer {
			return Change{Advice: AdviceDone}
		}
		return Change{Standing: Approved, Advice: AdviceDone}
	case codec.Declined:
		if e.Standing != TimedOut {
			return Change{Advice: AdviceDone}
		}
		return Change{Standing: Declined, Advice: AdviceDone}
	case codec.InDoubt:
		return Change{Again: true}
	case codec.Unmapped:
	}
	return Change{Advice: AdviceParked}
}

// Settles reports whether an advice in this state still holds its account: no
// other change of it may run.
func (s AdviceState) Settles() bool { return s == AdvicePending || s == AdviceParked }
