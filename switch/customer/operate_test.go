package customer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

func (w *world) shown(f Follower) Shown {
	w.Helper()
	v, err := w.store.ShowCustomer(w.Context(), "", f)
	w.must(err)
	return v
}

func TestShowCustomer(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	call := w.loggedIn(f)
	w.attached(f, cardB)
	_, err := w.service.Login(w.Context(), w.call(f), w.sealed("kashgar-1848"))
	w.must(err)

	v := w.shown(f)
	byID, err := w.store.ShowCustomer(w.Context(), v.ID, Follower{})
	w.must(err)
	if fmt.Sprintf("%+v", byID) != fmt.Sprintf("%+v", v) {
		t.Errorf("by id %+v, by follower %+v", byID, v)
	}
	if v.Follower != f || v.State != Authenticated || v.Frozen || !v.Followed || !v.Notices || v.Sessions != 2 {
		t.Errorf("%+v", v)
	}
	if !v.Login.Set || v.Login.Wrong != 1 || !v.Login.Locked.IsZero() || !v.Payment.Set || v.Payment.Wrong != 0 {
		t.Errorf("passwords %+v %+v", v.Login, v.Payment)
	}
	if len(v.Links) != 2 || v.Links[0].Role != Primary || v.Links[0].Suffix != "0004" || v.Links[1].Bank != "klb" || v.Links[1].State != linkActive {
		t.Errorf("links %+v", v.Links)
	}
	if len(v.Codes) != 2 || v.Codes[0].Purpose != ForAttach || v.Codes[0].State != "used" || v.Codes[1].Entry == 0 || v.Codes[1].Sent.IsZero() {
		t.Errorf("codes %+v", v.Codes)
	}
	if h := v.History; len(h) < 3 || h[0].Event != string(AuthAsked) || h[0].Who != "follower" || h[1].To != Authenticated || h[1].Entry == 0 {
		t.Errorf("history %+v", h)
	}
	c := w.row(f)
	text := fmt.Sprintf("%+v", v)
	for _, secret := range []string{cardA, cardB, cert, c.Login.Hash, c.Payment.Hash, call.Session.Reveal(), w.desk.codes[cardA], "阿依古丽"} {
		if strings.Contains(text, secret) {
			t.Errorf("shows %s", secret)
		}
	}
}

func TestShowNobody(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"", "x", "' OR 1=1 --"} {
		if _, err := w.store.ShowCustomer(w.Context(), id, follower("nobody")); !errors.Is(err, ErrNoCustomer) {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := w.store.Freeze(w.Context(), id, "ops", "why"); !errors.Is(err, ErrNoCustomer) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if n := w.count(`SELECT COUNT(*) FROM customer`); n != 0 {
		t.Errorf("%d customers were made", n)
	}
}

func TestFreeze(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	call := w.loggedIn(f)
	id := w.row(f).ID
	for range 2 { // idempotent
		v, err := w.store.Freeze(w.Context(), id, "ops", "手机被盗 4714")
		w.must(err)
		if !v.Frozen || v.Sessions != 0 || v.State != Authenticated {
			t.Fatalf("%+v", v)
		}
		last := v.History[len(v.History)-1]
		if last.Event != "frozen" || last.Who != "operator ops" || last.Note != "手机被盗 4714" {
			t.Errorf("%+v", last)
		}
	}
	if n := w.count(`SELECT COUNT(*) FROM customer_history WHERE event = 'frozen'`); n != 1 {
		t.Errorf("%d lines in the history", n)
	}

	_, a, err := w.service.Accounts(w.Context(), call)
	w.want(a, err, switching.Refused, ReasonFrozen)
	l, err := w.service.Login(w.Context(), w.call(f), w.sealed(login))
	w.want(l.Answer, err, switching.Refused, ReasonFrozen)
	a, err = w.service.Deregister(w.Context(), w.call(f))
	w.want(a, err, switching.Refused, ReasonFrozen)
	a, err = w.service.SetPasswords(w.Context(), w.call(f), SetRequest{Payment: w.sealed("864213")})
	w.want(a, err, switching.Refused, ReasonFrozen)

	v, err := w.store.Release(w.Context(), id, "chief", "柜台核实")
	w.must(err)
	if last := v.History[len(v.History)-1]; v.Frozen || last.Event != "released" || last.Who != "operator chief" {
		t.Errorf("%+v", v)
	}
	_, a, err = w.service.Accounts(w.Context(), call)
	w.want(a, err, switching.Refused, ReasonNoSession) // it ended for good
	a, err = w.service.SetPasswords(w.Context(), w.call(f), SetRequest{Payment: w.sealed("864213")})
	w.want(a, err, switching.Refused, ReasonSetupOver)
	w.loggedIn(f)
}

// A freeze whose commit is not known says so, and its repeat is told how it stands.
func TestFreezeThatMayBeDone(t *testing.T) {
	for step, done := range map[string]bool{"commit-before": false, "commit-after": true} {
		d := newTeller(t).customer()
		id := d.row(tellerFollower).ID
		d.fail.Store(&step)
		if _, err := d.Freeze(t.Context(), id, "ops", "why"); !errors.Is(err, switching.ErrOutcomeUnknown) || !errors.Is(err, db.ErrUnknown) {
			t.Errorf("%s: %v", step, err)
		}
		v, err := d.ShowCustomer(t.Context(), id, Follower{})
		d.must(err)
		d.equal(step, v.Frozen, done)
		v, err = d.Freeze(t.Context(), id, "ops", "why")
		d.must(err)
		d.equal("frozen in the end", v.Frozen, true)
		d.equal("lines", d.one(`SELECT COUNT(*) FROM customer_history WHERE event = 'frozen'`), int64(1))
	}
}

// TestAFrozenCertificateComesFreeByNobody: not by another follower either.
func TestAFrozenCertificateComesFreeByNobody(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	_, err := w.service.Freeze(w.Context(), w.row(f).ID, "operator", "lost phone")
	w.must(err)
	g := follower("b")
	a, err := w.service.Authenticate(w.Context(), w.call(g), authRequest(cardB, codec.NewSecret("000000")))
	w.want(a, err, switching.Refused, ReasonCodeWrong) // nor does anybody learn whose is frozen
	a, err = w.authenticate(g, cardB)
	w.want(a, err, switching.Refused, ReasonFrozen)
	w.state(f, Authenticated)
	_, err = w.service.Release(w.Context(), w.row(f).ID, "operator", "found")
	w.must(err)
	a, err = w.authenticate(g, cardB)
	w.want(a, err, switching.Approved, "")
	w.state(f, Superseded)
}

// TestFrozenWhileAnotherFollowerAuthenticates: nor by one who had asked before.
func TestFrozenWhileAnotherFollowerAuthenticates(t *testing.T) {
	w := newWorld(t)
	a := w.authenticated("a", cardA)
	b := follower("b")
	e := w.opened(b, codec.Authenticate, cardB)
	_, err := w.store.Freeze(w.Context(), w.row(a).ID, "op", "fraud")
	w.must(err)
	_, err = w.journal.Close(w.Context(), e, switching.End{Outcome: switching.Approved, Code: "00"})
	w.must(err)
	w.state(a, Superseded)
	if c := w.row(b); !c.Frozen || c.Setup.After(w.now) {
		t.Errorf("%s, frozen %v, may set passwords until %s", c.State, c.Frozen, c.Setup)
	}
}

// TestAFrozenCertificateThatItsBankEnded: nor once its own bank has ended who is
// frozen, whether another asks after that or had asked before.
func TestAFrozenCertificateThatItsBankEnded(t *testing.T) {
	ended := map[codec.Field]string{codec.FieldEvent: "closed"}
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	before := w.opened(follower("b"), codec.Authenticate, cardB)
	_, err := w.service.Freeze(w.Context(), w.row(f).ID, "operator", "fraud")
	w.must(err)
	w.heard(codec.AccountEvent, "xjrcu", cardA, "000002", ended)
	w.state(f, Deregistered)
	a, err := w.authenticate(follower("c"), cardC)
	w.want(a, err, switching.Refused, ReasonFrozen)
	_, err = w.journal.Close(w.Context(), before, switching.End{Outcome: switching.Approved, Code: "00"})
	w.must(err)
	if c := w.row(follower("b")); !c.Frozen {
		t.Error(c.State, "and free")
	}
	for _, name := range []string{"a", "b"} { // each is released for itself
		_, err = w.service.Release(w.Context(), w.row(follower(name)).ID, "operator", "cleared")
		w.must(err)
	}
	a, err = w.authenticate(follower("c"), cardC)
	w.want(a, err, switching.Approved, "")
}

// TestWhomAFreezeFollowed is free once released, whatever became of who was frozen
// first.
func TestWhomAFreezeFollowed(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	e := w.opened(follower("b"), codec.Authenticate, cardB)
	_, err := w.service.Freeze(w.Context(), w.row(f).ID, "operator", "fraud")
	w.must(err)
	_, err = w.journal.Close(w.Context(), e, switching.End{Outcome: switching.Approved, Code: "00"})
	w.must(err)
	w.state(f, Superseded)
	_, err = w.service.Release(w.Context(), w.row(follower("b")).ID, "operator", "cleared")
	w.must(err)
	a, err := w.authenticate(follower("b"), cardC)
	w.want(a, err, switching.Approved, "")
}

// TestFrozenHearsNothing: no movement, and no setting of passwords by an
// authentication that was under way.
func TestFrozenHearsNothing(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	e := w.opened(f, codec.Authenticate, cardB)
	_, err := w.store.Freeze(w.Context(), w.row(f).ID, "op", "fraud")
	w.must(err)
	w.heard(codec.Movement, "xjrcu", cardA, "000007", map[codec.Field]string{codec.FieldAmount: "1", codec.FieldDirection: "out"})
	if got := w.told(f); len(got) != 0 {
		t.Error(got)
	}
	_, err = w.journal.Close(w.Context(), e, switching.End{Outcome: switching.Approved, Code: "00"})
	w.must(err)
	if c := w.row(f); c.Setup.After(w.now) {
		t.Error("may set passwords until", c.Setup)
	}
	if !slices.Equal(w.hushed, []Follower{f}) {
		t.Error("movements that wait are told still, but to", w.hushed)
	}
}
