package customer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	switching "wxswitch/switch"
)

func TestLogin(t *testing.T) {
	d := newTeller(t).customer()
	ctx := context.Background()
	call, box := d.call(), d.typed(goodLogin)
	a, err := d.Login(ctx, call, box)
	d.must(err)
	d.equal("outcome", a.Outcome, switching.Approved)
	d.equal("idle", a.Idle, 15*time.Minute)
	d.equal("until", a.Until.Equal(d.Now().Add(2*time.Hour)), true)
	d.equal("enters", d.enters(a.Token, tellerFollower), switching.Reason(""))

	d.wait(20 * time.Second)
	again, err := d.Login(ctx, call, box)
	d.must(err)
	d.equal("the token again", again.Token.Reveal(), a.Token.Reveal())
	d.equal("until again", again.Until.Equal(a.Until), true)
	again, err = d.Login(ctx, call, d.typed(goodLogin))
	d.must(err)
	d.equal("the token again, encrypted anew", again.Token.Reveal(), a.Token.Reveal())
	again, err = d.another().Login(ctx, call, box)
	d.must(err)
	d.equal("the token again at another instance", again.Token.Reveal(), a.Token.Reveal())
	d.equal("sessions", d.one(`SELECT COUNT(*) FROM session`), int64(1))

	covers := inputs{{given: true, value: NewPassword(goodLogin)}}.covers()
	kept, done, err := d.Journal.LocalDone(ctx, call.local("login", d.row(tellerFollower).ID, covers...))
	d.must(err)
	if !done || bytes.Contains(kept, []byte(a.Token.Reveal())) || bytes.Contains(kept, []byte(goodLogin)) {
		t.Errorf("kept: %s", kept)
	}
	if _, err := d.Login(ctx, call, d.typed("Another#77y")); !errors.Is(err, switching.ErrKeyReused) {
		t.Error("another body under the key:", err)
	}
	call.Key = ""
	if _, err := d.Login(ctx, call, d.typed(goodLogin)); !errors.Is(err, ErrNoKey) {
		t.Error("no key:", err)
	}
}

func TestLoginRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*row)
		want   switching.Reason
	}{
		"wrong":           {func(*row) {}, ReasonLoginWrong},
		"no password":     {func(c *row) { c.Login = credential{} }, ReasonNoLogin},
		"frozen":          {func(c *row) { c.Frozen = true }, ReasonFrozen},
		"deregistered":    {func(c *row) { c.State = Deregistered }, ReasonNotAuthenticated},
		"superseded":      {func(c *row) { c.State = Superseded }, ReasonNotAuthenticated},
		"authenticating":  {func(c *row) { c.State = Authenticating }, ReasonNotAuthenticated},
		"deregistering":   {func(c *row) { c.State = Deregistering }, ReasonLoginWrong},
		"another's hash":  {func(c *row) { c.Login.Hash = c.Payment.Hash }, ReasonLoginWrong},
		"locked for good": {func(c *row) { c.Login.Until = time.Now().Add(1e5 * time.Hour) }, ReasonLoginLocked},
	} {
		t.Run(name, func(t *testing.T) {
			d := newTeller(t).customer()
			d.change(tellerFollower, c.change)
			a := d.enter(goodPay + "x")
			d.equal("reason", a.Reason, c.want)
			d.equal("outcome", a.Outcome, switching.Refused)
			d.equal("token", a.Token.IsZero(), true)
			d.equal("sessions", d.one(`SELECT COUNT(*) FROM session`), int64(0))
		})
	}
	d := newTeller(t)
	d.equal("a stranger", d.enter(goodLogin).Reason, ReasonNotAuthenticated)
	d.equal("rows of strangers", d.one(`SELECT COUNT(*) FROM customer`), int64(0))
}

// A commit whose end is unknown is learnt by repeating the key.
func TestLoginUnknown(t *testing.T) {
	for step, sessions := range map[string]int64{"commit-before": 0, "commit-after": 1} {
		d := newTeller(t).customer()
		call, box := d.call(), d.typed(goodLogin)
		d.fail.Store(&step)
		if _, err := d.Login(context.Background(), call, box); !errors.Is(err, switching.ErrOutcomeUnknown) {
			t.Fatal(step, err)
		}
		d.equal(step+": sessions", d.one(`SELECT COUNT(*) FROM session`), sessions)
		a, err := d.Login(context.Background(), call, box)
		d.must(err)
		d.equal(step, d.enters(a.Token, tellerFollower), switching.Reason(""))
		d.equal(step+": sessions", d.one(`SELECT COUNT(*) FROM session`), int64(1))
	}
}

// A repeat of a wrong try is the same try.
func TestWrongTryCountsOnce(t *testing.T) {
	d := newTeller(t).customer()
	call, box := d.call(), d.typed("wrong")
	for range 8 {
		a, err := d.Login(context.Background(), call, box)
		d.must(err)
		d.equal("reason", a.Reason, ReasonLoginWrong)
	}
	d.equal("wrong", d.row(tellerFollower).Login.Wrong, 1)
	d.equal("right", d.enter(goodLogin).Reason, switching.Reason(""))
	d.equal("forgotten", d.row(tellerFollower).Login.Wrong, 0)
}

func TestLocksGrow(t *testing.T) {
	d := newTeller(t).customer()
	for _, lock := range []time.Duration{5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 24 * time.Hour, 24 * time.Hour} {
		for range 4 {
			d.equal("before the lock", d.enter("wrong").Reason, ReasonLoginWrong)
		}
		d.equal("the fifth", d.enter("wrong").Reason, ReasonLoginLocked)
		d.equal("until", d.row(tellerFollower).Login.Until.Equal(d.Now().Add(lock)), true)
		d.wait(lock - time.Millisecond)
		d.equal("right, too early", d.enter(goodLogin).Reason, ReasonLoginLocked)
		d.wait(time.Millisecond)
	}
	d.equal("right, in time", d.enter(goodLogin).Reason, switching.Reason(""))
	d.equal("forgotten", d.row(tellerFollower).Login, credential{Hash: d.row(tellerFollower).Login.Hash})
	d.equal("told", d.one(`SELECT COUNT(*) FROM customer_history WHERE event = 'login-locked'`), int64(5))
}

// A thousand tries, one a second, at two instances in turn: what is judged is
// what the locks allow.
func TestBruteForce(t *testing.T) {
	d := newTeller(t).customer()
	tellers := []*teller{d, d.another()}
	got := make(map[switching.Reason]int)
	for i := range 1000 {
		got[tellers[i%2].enter(fmt.Sprint("guess-", i)).Reason]++
		d.wait(time.Second)
	}
	d.equal("judged wrong", got[ReasonLoginWrong], 8)
	d.equal("locked", got[ReasonLoginLocked], 992)
	d.equal("locks", d.row(tellerFollower).Login.Locks, 2)
	d.equal("right", tellers[1].enter(goodLogin).Reason, ReasonLoginLocked)
}

// Tries at once, at two instances: each was compared before any was judged.
func TestBruteForceAtOnce(t *testing.T) {
	d := newTeller(t).customer()
	tellers := []*teller{d, d.another()}
	reasons := make(chan switching.Reason, 40)
	var g sync.WaitGroup
	for i := range cap(reasons) {
		box, call, at := d.typed(fmt.Sprint("guess-", i)), d.call(), tellers[i%2]
		g.Go(func() {
			a, err := at.Login(context.Background(), call, box)
			if err != nil {
				t.Error(err)
			}
			reasons <- a.Reason
		})
	}
	g.Wait()
	close(reasons)
	got := make(map[switching.Reason]int)
	for r := range reasons {
		got[r]++
	}
	d.equal("judged wrong", got[ReasonLoginWrong], 4)
	d.equal("locked", got[ReasonLoginLocked], 36)
	d.equal("locks", d.row(tellerFollower).Login.Locks, 1)
}

func TestLogout(t *testing.T) {
	d := newTeller(t).customer()
	a, b := d.enter(goodLogin), d.enter(goodLogin)
	call := d.call()
	call.Session = a.Token
	for range 2 {
		out, err := d.Logout(context.Background(), call)
		d.must(err)
		d.equal("outcome", out.Outcome, switching.Approved)
	}
	d.equal("ended", d.enters(a.Token, tellerFollower), ReasonNoSession)
	d.equal("the other stands", d.enters(b.Token, tellerFollower), switching.Reason(""))

	stranger := d.call()
	stranger.Follower.Subject, stranger.Session = "oABC-2", b.Token
	out, err := d.Logout(context.Background(), stranger)
	d.must(err)
	d.equal("outcome", out.Outcome, switching.Approved)
	d.equal("not a stranger's to end", d.enters(b.Token, tellerFollower), switching.Reason(""))
}
