package switching_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"wxswitch/codec"
	"wxswitch/codec/iso"
	switching "wxswitch/switch"
)

// TestABankIsHeardOnItsOwnAccounts (A14): what another says of them is answered
// as no account, and stored nowhere; what could not be stored is not answered. What
// was is remembered from when it was said.
func TestABankIsHeardOnItsOwnAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := iso.Builtin("cups")
		must(t, err)
		r, stop := newRig(t, d, switching.Options{}, false)
		defer stop()
		say := func(bank string, kind codec.Type, stan, account string) string {
			m := codec.NewRequest(kind)
			m.SetAccount(codec.NewAccount(account), true)
			m.Set(codec.FieldSTAN, stan)
			m.Set(codec.FieldSent, "1124101010")
			m.Set(codec.FieldAcquirer, "10344")
			if a := r.sw.Incoming(context.Background(), bank, m); a != nil {
				return a.Get(codec.FieldCode)
			}
			return ""
		}
		const ours, nobodys = "6210081234567892", "9999990000000000"
		for _, c := range []struct {
			bank, account string
			kind          codec.Type
			want          string
		}{
			{"klb", ours, codec.AccountEvent, "14"},
			{"klb", ours, codec.Movement, "14"},
			{"xjrcu", nobodys, codec.Movement, "14"},
			{"xjrcu", ours, codec.Balance, "40"},
			{"xjrcu", ours, codec.Movement, "40"}, // no listener is registered here
		} {
			if got := say(c.bank, c.kind, "000001", c.account); got != c.want {
				t.Errorf("%s of %s by %s: %q, want %s", c.kind, c.account, c.bank, got, c.want)
			}
		}
		full := func(string) error { return errors.New("full") }
		r.fail.Store(&full)
		if got := say("xjrcu", codec.Movement, "000002", ours); got != "" {
			t.Error("answered", got, "without a store")
		}
		r.fail.Store(nil)
		if got := say("xjrcu", codec.Movement, "000002", ours); got != "40" {
			t.Error(got)
		}
		_, err = r.j.Forget(context.Background())
		must(t, err)
		if got := say("xjrcu", codec.Movement, "000002", "6210081234567884"); got != "94" {
			t.Errorf("%q: its number is forgotten", got)
		}
	})
}
