package customer

import (
	"context"
	"fmt"
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// What was made while the clock was ahead is no newer than what came after.
func TestWrongTriesCountAfterTheClockWasSetBack(t *testing.T) {
	w := newWorld(t)
	f := follower("f")
	w.now = w.now.Add(time.Hour)
	first := w.code(f, ForAuthenticate, cardA)
	w.now = w.now.Add(-time.Hour)
	a, err := w.service.Authenticate(w.Context(), w.call(f), authRequest(cardA, first))
	w.want(a, err, switching.Refused, ReasonCodeExpired)
	c, err := w.service.Codes(w.Context(), f, ForAuthenticate)
	w.must(err)
	if c != (CodeClocks{}) {
		t.Errorf("the clocks of a code from the future: %+v", c)
	}
	code := w.code(f, ForAuthenticate, cardA)
	if c, err = w.service.Codes(w.Context(), f, ForAuthenticate); err != nil || c.Again != time.Minute || c.Valid != 5*time.Minute {
		t.Errorf("the clocks of the code after it: %+v, %v", c, err)
	}
	for i := range w.store.Limits.CodeTries {
		try := codec.NewSecret(fmt.Sprintf("%06d", i))
		if try == code || try == first {
			try = codec.NewSecret("999999")
		}
		a, err := w.service.Authenticate(w.Context(), w.call(f), authRequest(cardA, try))
		w.want(a, err, switching.Refused, ReasonCodeWrong)
	}
	a, err = w.service.Authenticate(w.Context(), w.call(f), authRequest(cardA, code))
	w.want(a, err, switching.Refused, ReasonCodeVoid)
}

func TestALoginAfterTheClockWasSetBackIsNotOneTooMany(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("f", cardA)
	w.now = w.now.Add(3 * time.Hour)
	for range w.store.Limits.Sessions {
		w.loggedIn(f)
	}
	w.now = w.now.Add(-3 * time.Hour)
	_, a, err := w.service.Accounts(w.Context(), w.loggedIn(f))
	w.want(a, err, switching.Approved, "")
}

// Whom a front found gone while the clock was ahead follows again when it comes back,
// not only when that time has come.
func TestAFollowerComesBackAfterTheClockWasSetBack(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("f", cardA)
	w.now = w.now.Add(24 * time.Hour)
	w.must(w.db.Write(w.Context(), func(ctx context.Context, tx db.Tx) error {
		return w.store.Gone(ctx, tx, f.Channel, f.Subject, w.now)
	}))
	w.now = w.now.Add(-24*time.Hour + time.Minute)
	a, err := w.service.Follow(w.Context(), w.call(f), w.now)
	w.want(a, err, switching.Approved, "")
	if !w.row(f).Followed {
		t.Error("does not follow again")
	}
	a, err = w.service.Unfollow(w.Context(), w.call(f), w.now.Add(-time.Minute)) // told late
	w.want(a, err, switching.Approved, "")
	if !w.row(f).Followed {
		t.Error("an older word counted")
	}
}

// What ended by the clock ended, too, if the clock was set back farther than that.
func TestASessionAndASettingAfterTheClockWasSetBack(t *testing.T) {
	w := newWorld(t)
	w.now = w.now.Add(24 * time.Hour)
	f := w.authenticated("f", cardA)
	call := w.loggedIn(f)
	w.now = w.now.Add(-time.Second)
	_, a, err := w.service.Accounts(w.Context(), call)
	w.want(a, err, switching.Approved, "")
	w.now = w.now.Add(-24 * time.Hour)
	_, a, err = w.service.Accounts(w.Context(), call)
	w.want(a, err, switching.Refused, ReasonNoSession)
	if v, err := w.service.View(w.Context(), f); err != nil || !v.SetupUntil.IsZero() {
		t.Error("may set passwords until", v.SetupUntil, err)
	}
	a, err = w.service.SetPasswords(w.Context(), w.call(f), SetRequest{Login: w.sealed("Intruder-77x")})
	w.want(a, err, switching.Refused, ReasonSetupOver)
}

// A lock does not last until the time that a clock showed which was set back since; a
// small step back frees nobody.
func TestALockAfterTheClockWasSetBack(t *testing.T) {
	d := newTeller(t).customer()
	d.wait(24 * time.Hour)
	for range d.Limits.PasswordTries {
		d.enter("Wrong-77x")
	}
	d.wait(-time.Second)
	d.equal("just after", d.enter(goodLogin).Reason, ReasonLoginLocked)
	d.wait(-24 * time.Hour)
	v, err := d.ShowCustomer(t.Context(), "", tellerFollower)
	d.must(err)
	d.equal("shown as locked until", v.Login.Locked, time.Time{})
	d.equal("a day before", d.enter(goodLogin).Reason, switching.Reason(""))
}

// What a front kept while the clock was ahead takes no room until then.
func TestWhatWasKeptBeforeTheClockWasSetBack(t *testing.T) {
	w := newWorld(t)
	w.store.Limits.Kept = 2
	keep := func(name string) error {
		return w.store.PutOnce(w.Context(), name, codec.NewSecret("v"), MaxOnceLife)
	}
	w.now = w.now.Add(24 * time.Hour)
	w.must(keep("ahead"))
	w.must(w.store.SetTalk(w.Context(), follower("f"), codec.NewSecret("v"), MaxTalkLife))
	w.now = w.now.Add(-24 * time.Hour)
	w.must(keep("now"))
	w.must(w.store.Clean(w.Context()))
	w.must(keep("next"))
	if _, found, err := w.store.Talk(w.Context(), follower("f")); err != nil || found {
		t.Error("a conversation that ends tomorrow", err)
	}
}

// A page key that was made while the clock was ahead is not the key of every day until
// then, and opens nothing that long.
func TestAPageKeyFromBeforeTheClockWasSetBack(t *testing.T) {
	const year = 365 * 24 * time.Hour
	d := newTeller(t)
	first := d.page()
	d.wait(year)
	ahead := d.page()
	d.wait(-year)
	opens := func(at *teller) switching.Reason {
		_, _, reason, err := at.openSealed(t.Context(), d.box(ahead, "x"))
		d.must(err)
		return reason
	}
	for name, at := range map[string]*teller{"here": d, "at another": d.another()} {
		d.equal("given again "+name, at.page().KID, first.KID)
		d.equal("opens "+name, opens(at), ReasonPageKey)
	}
	d.wait(24 * time.Hour)
	second := d.page()
	d.equal("rotates", second.KID != first.KID && second.KID != ahead.KID, true)
	d.equal("and no more often", d.another().page().KID, second.KID)
	d.must(d.Clean(t.Context()))
	d.equal("deleted", d.one(`SELECT COUNT(*) FROM page_key WHERE kid = $1`, ahead.KID), int64(0))
}
