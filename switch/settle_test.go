package switching_test

import (
	"testing"
	"testing/synctest"

	"wxswitch/codec"
	"wxswitch/codec/iso"
	switching "wxswitch/switch"
)

// TestWhatABanksCodeEnds: by type. What a code leaves in doubt of a change of state
// is stored as an advice in the transaction that says so; of an enquiry nothing is.
func TestWhatABanksCodeEnds(t *testing.T) {
	for _, c := range []struct {
		kind    codec.Type
		code    string
		outcome switching.Outcome
		reason  switching.Reason
		advice  codec.Type
	}{
		{codec.Authenticate, "00", switching.Approved, "", ""},
		{codec.Authenticate, "A2", switching.Approved, "", ""},
		{codec.Authenticate, "25", switching.Declined, "", ""},
		{codec.Authenticate, "68", switching.TimedOut, switching.ReasonBankInDoubt, codec.Reversal},
		{codec.Authenticate, "98", switching.TimedOut, switching.ReasonBankInDoubt, codec.Reversal},
		{codec.Authenticate, "A3", switching.TimedOut, switching.ReasonUnmappedCode, codec.Reversal},
		{codec.Deregister, "A6", switching.Approved, "", ""},
		{codec.Deregister, "25", switching.Approved, "", ""},
		{codec.Deregister, "05", switching.Declined, "", ""},
		{codec.Deregister, "98", switching.TimedOut, switching.ReasonBankInDoubt, codec.Completion},
		{codec.Deregister, "A3", switching.TimedOut, switching.ReasonUnmappedCode, codec.Completion},
		{codec.Balance, "68", switching.TimedOut, switching.ReasonBankInDoubt, ""},
		{codec.Balance, "A3", switching.Declined, "", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			d, err := iso.Builtin("cups")
			must(t, err)
			r, stop := newRig(t, d, switching.Options{}, false)
			defer stop()
			r.answers(func(m *codec.Message) *codec.Message { return codec.NewReply(m, c.code) })
			result, err := r.sw.Do(t.Context(), request(c.kind, "k"))
			must(t, err)
			if end := result.End; end.Outcome != c.outcome || end.Reason != c.reason || end.Code != c.code {
				t.Errorf("%s %s: %s (%s) with code %q, want %s (%s)", c.kind, c.code, end.Outcome, end.Reason, end.Code, c.outcome, c.reason)
			}
			advices, err := r.j.Advices(t.Context(), "", "", 0, 10)
			must(t, err)
			if c.advice == "" && len(advices) != 0 || c.advice != "" && (len(advices) != 1 || advices[0].Type != c.advice) {
				t.Errorf("%s %s: stored %+v, want %q", c.kind, c.code, advices, c.advice)
			}
		})
	}
}
