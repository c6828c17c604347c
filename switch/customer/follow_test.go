package customer

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// stopped are the followers whose notices were forgotten.
type stopped struct {
	list []string
	err  error
}

func (s *stopped) Forget(_ context.Context, _ switching.Tx, channel, subject string) error {
	s.list = append(s.list, channel+" "+subject)
	return s.err
}

func TestUnfollow(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	session := w.loggedIn(f)
	outbox := new(stopped)
	w.service.Notices = outbox
	before := w.row(f)

	call := w.call(f)
	for range 2 { // WeChat repeats it
		a, err := w.service.Unfollow(w.Context(), call, time.Time{})
		w.want(a, err, switching.Approved, "")
	}
	c := w.row(f)
	if c.Followed || c.State != Authenticated || c.Login != before.Login || !c.Told || c.Cert != before.Cert {
		t.Errorf("%+v", c)
	}
	w.wantAccounts(f, "xjrcu 0004 primary active") // all is kept
	if !slices.Equal(outbox.list, []string{"wx a"}) {
		t.Errorf("notices stopped: %q", outbox.list)
	}
	_, a, err := w.service.Accounts(w.Context(), session)
	w.want(a, err, switching.Refused, ReasonNoSession)
	w.heard(codec.Movement, "xjrcu", cardA, "000001", nil)
	if kinds := w.told(f); len(kinds) != 0 {
		t.Errorf("told after it left: %v", kinds)
	}

	a, err = w.service.Follow(w.Context(), w.call(f), time.Time{})
	w.want(a, err, switching.Approved, "")
	if !w.row(f).Followed {
		t.Error("does not follow again")
	}
	a, err = w.service.Unfollow(w.Context(), call, time.Time{}) // an old repeat does nothing
	w.want(a, err, switching.Approved, "")
	if !w.row(f).Followed {
		t.Error("an old message was obeyed again")
	}
	if n := w.count(`SELECT COUNT(*) FROM customer_history WHERE event IN ('follow', 'unfollow')`); n != 2 {
		t.Errorf("%d events in the history", n)
	}
}

func TestUnfollowOfOneNeverSeen(t *testing.T) {
	w := newWorld(t)
	f := follower("a")
	a, err := w.service.Unfollow(w.Context(), w.call(f), time.Time{})
	w.want(a, err, switching.Approved, "")
	if c := w.row(f); c.Followed || c.State != Unknown {
		t.Errorf("%+v", c)
	}
	call := w.call(f)
	call.Key = ""
	if _, err := w.service.Follow(w.Context(), call, time.Time{}); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
}

func TestUnfollowIsWholeOrNothing(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	outbox := &stopped{err: errors.New("on purpose")}
	w.service.Notices = outbox
	call := w.call(f)
	if _, err := w.service.Unfollow(w.Context(), call, time.Time{}); !errors.Is(err, outbox.err) {
		t.Fatal(err)
	}
	if !w.row(f).Followed {
		t.Error("half of it was done")
	}
	outbox.err = nil
	a, err := w.service.Unfollow(w.Context(), call, time.Time{}) // the key is free
	w.want(a, err, switching.Approved, "")
}

func TestUnfollowCancelsNothingInFlight(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	w.inDoubt(f)
	a, err := w.service.Unfollow(w.Context(), w.call(f), time.Time{})
	w.want(a, err, switching.Approved, "")
	w.desk.answerAdvice("xjrcu", codec.Approved, codec.Done)
	w.state(f, Deregistered)
	if kinds := w.told(f); len(kinds) != 0 {
		t.Errorf("told after it left: %v", kinds)
	}
}

func (w *world) view(f Follower) View {
	w.Helper()
	v, err := w.service.View(w.Context(), f)
	w.must(err)
	return v
}

func TestView(t *testing.T) {
	w := newWorld(t)
	if v := w.view(follower("never")); v.State != Unknown || v.Followed || v.Consents != nil {
		t.Errorf("%+v", v)
	}
	if n := w.count(`SELECT COUNT(*) FROM customer`); n != 0 {
		t.Error("looking made a row")
	}

	f := w.authenticated("a", cardA)
	v := w.view(f)
	if v.State != Authenticated || !v.Followed || v.Login || v.Payment || !v.Notices || v.BankName != "新疆农村信用社" || v.Suffix != "0004" ||
		v.InDoubt || v.Changing || !v.SetupUntil.Equal(w.now.Add(w.store.Limits.Setup)) {
		t.Errorf("%+v", v)
	}
	if len(v.Consents) != 2 || v.Consents[0].Version != "2026-11" || !v.Consents[0].At.Equal(w.now) {
		t.Errorf("%+v", v.Consents)
	}
	if v := w.view(w.authenticatedOther("b", cardC)); len(v.Consents) != 2 {
		t.Errorf("of another's: %+v", v.Consents)
	}
	w.now = w.now.Add(w.store.Limits.Setup)
	if v := w.view(f); !v.SetupUntil.IsZero() {
		t.Errorf("passwords may be set until %s, at %s", v.SetupUntil, w.now)
	}
	w.loggedIn(f)
	if v := w.view(f); !v.Login || !v.Payment {
		t.Errorf("%+v", v)
	}
}

func TestViewOfDoubt(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	w.attached(f, cardB)
	if v := w.view(f); v.Changing || v.InDoubt {
		t.Errorf("%+v", v)
	}
	call := w.loggedIn(f)
	w.desk.will(switching.TimedOut)
	a, err := w.service.Detach(w.Context(), call, w.linkID(f, "0004"))
	w.want(a, err, switching.TimedOut, "")
	if v := w.view(f); !v.Changing || v.InDoubt {
		t.Errorf("%+v", v)
	}
	w.now = w.now.Add(time.Minute)
	g := w.authenticatedOther("b", cardC)
	for range 2 { // the second joins the first
		w.inDoubt(g)
		if v := w.view(g); v.State != Deregistering || !v.InDoubt || v.Suffix != "0012" {
			t.Errorf("%+v", v)
		}
	}
	w.desk.answerAdvice("xjrcu", codec.Approved, codec.Done)
	if v := w.view(g); v.State != Deregistered || v.InDoubt || v.Suffix != "" {
		t.Errorf("%+v", v)
	}
}

// authenticatedOther is a follower with another certificate.
func (w *world) authenticatedOther(name, account string) Follower {
	w.Helper()
	f := follower(name)
	r := authRequest(account, w.code(f, ForAuthenticate, account))
	r.CertType, r.CertNumber = "03", "E12345678"
	a, err := w.service.Authenticate(w.Context(), w.call(f), r)
	w.want(a, err, switching.Approved, "")
	return f
}

func TestWhoIsGoneWhenToldHasLeft(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	session := w.loggedIn(f)
	gone := func(subject string, at time.Time) {
		w.must(w.db.Write(w.Context(), func(ctx context.Context, tx db.Tx) error { return w.store.Gone(ctx, tx, "wx", subject, at) }))
	}
	_, err := w.service.Follow(w.Context(), w.call(f), w.now)
	w.must(err)
	gone("a", w.now.Add(-time.Minute)) // was away when it was told, and has come since
	if !w.row(f).Followed {
		t.Error("who came back is gone")
	}
	for _, subject := range []string{"a", "a", "never"} {
		gone(subject, w.now)
	}
	if c := w.row(f); c.Followed || c.State != Authenticated {
		t.Errorf("%+v", c)
	}
	_, a, err := w.service.Accounts(w.Context(), session)
	w.want(a, err, switching.Refused, ReasonNoSession)
	if n := w.count(`SELECT COUNT(*) FROM customer_history WHERE event = 'unfollow'`); n != 1 {
		t.Errorf("%d events in the history", n)
	}
}

// A platform delivers again what it was not acknowledged, so a leaving may come
// after the coming that followed it. Whichever is told last, the newer counts.
func TestComingAndLeavingInTheirOwnOrder(t *testing.T) {
	w := newWorld(t)
	f := follower("late")
	left, back := w.now.Add(-20*time.Second), w.now.Add(-10*time.Second)
	tell := func(what func(context.Context, Call, time.Time) (Answer, error), at time.Time, want bool) {
		t.Helper()
		a, err := what(w.Context(), w.call(f), at)
		w.want(a, err, switching.Approved, "")
		if v, err := w.service.View(w.Context(), f); err != nil || v.Followed != want {
			t.Fatalf("follows: %v, %v", v.Followed, err)
		}
	}
	tell(w.service.Follow, back, true) // which changes nothing, and is heard
	tell(w.service.Unfollow, left, true)
	tell(w.service.Unfollow, back, false) // in the same second: as they are told
	tell(w.service.Follow, w.now.Add(time.Hour), true)
	tell(w.service.Unfollow, left, true)
	tell(w.service.Unfollow, time.Time{}, false) // nothing is later than now
}

// TestWhoIsTold: of movements a customer who consented; of its end also one who is
// none any more; one who has left, or never came, of nothing.
func TestWhoIsTold(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	told := func(subject string) (movement, end bool) {
		w.must(w.store.reading(w.Context(), func(ctx context.Context, tx switching.Tx) (err error) {
			if movement, err = w.store.IsTold(ctx, tx, f.Channel, subject, switching.NoticeMovement); err != nil {
				return err
			}
			end, err = w.store.IsTold(ctx, tx, f.Channel, subject, switching.NoticeDeregistered)
			return err
		}))
		return movement, end
	}
	want := func(what string, movement, end bool) {
		t.Helper()
		if m, e := told(f.Subject); m != movement || e != end {
			t.Errorf("%s: movements %v, ends %v", what, m, e)
		}
	}
	want("a customer", true, true)
	_, err := w.store.Freeze(w.Context(), w.row(f).ID, "op", "why")
	w.must(err)
	want("frozen", false, true)
	_, err = w.store.Release(w.Context(), w.row(f).ID, "op", "why")
	w.must(err)
	want("released", true, true)
	w.authenticated("b", cardC)
	want("superseded", false, true)
	_, err = w.service.Unfollow(w.Context(), w.call(f), w.now)
	w.must(err)
	want("left", false, false)
	if m, e := told("nobody"); m || e {
		t.Error("a stranger is told")
	}
}
