package customer

import (
	"context"
	"syscall"
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

func TestSessionLimits(t *testing.T) {
	d := newTeller(t).customer()
	token := d.enter(goodLogin).Token
	d.wait(15*time.Minute - time.Millisecond)
	d.equal("just before it is idle", d.enters(token, tellerFollower), switching.Reason(""))
	d.wait(15*time.Minute - time.Millisecond)
	d.equal("it was used", d.enters(token, tellerFollower), switching.Reason(""))
	d.wait(15 * time.Minute)
	d.equal("idle", d.enters(token, tellerFollower), ReasonNoSession)
	d.equal("idle, to operators", d.sessions(), 0)
	d.equal("still idle", d.enters(token, tellerFollower), ReasonNoSession)

	begun := d.Now()
	token = d.enter(goodLogin).Token
	for d.Now().Before(begun.Add(110 * time.Minute)) {
		d.wait(10 * time.Minute)
		d.equal("used", d.enters(token, tellerFollower), switching.Reason(""))
	}
	d.wait(10*time.Minute - time.Millisecond)
	d.equal("just before the end", d.enters(token, tellerFollower), switching.Reason(""))
	d.equal("just before the end, to operators", d.sessions(), 1)
	d.wait(time.Millisecond)
	d.equal("the end", d.enters(token, tellerFollower), ReasonNoSession)
	d.equal("the end, to operators", d.sessions(), 0)
}

// sessions is how many operators see open.
func (d *teller) sessions() int {
	d.Helper()
	v, err := d.ShowCustomer(context.Background(), "", tellerFollower)
	d.must(err)
	return v.Sessions
}

// A use is written at most once in a tenth of the idle limit.
func TestSessionIsSeldomWritten(t *testing.T) {
	d := newTeller(t).customer()
	begun := d.clock.Load()
	token := d.enter(goodLogin).Token
	used := func() int64 { return d.one(`SELECT used FROM session`) - begun }
	for range 90 {
		d.equal("used", d.enters(token, tellerFollower), switching.Reason(""))
		d.equal("not written", used(), int64(0))
		d.wait(time.Second)
	}
	d.wait(time.Second)
	d.equal("used", d.enters(token, tellerFollower), switching.Reason(""))
	d.equal("written", used(), int64(91_000))
}

// A call that ends long after its session was looked at does not keep the session
// open: that it was used is as old as the look.
func TestSlowCallProlongsNoSession(t *testing.T) {
	d := newTeller(t).customer()
	token := d.enter(goodLogin).Token
	c := d.call()
	c.Session = token
	reason, err := d.withSession(t.Context(), c, func(context.Context, switching.Tx, visitor) error {
		d.wait(d.Limits.SessionIdle)
		return nil
	})
	d.must(err)
	d.equal("open as it began", reason, switching.Reason(""))
	d.equal("idle since", d.enters(token, tellerFollower), ReasonNoSession)
}

func TestSessionRefused(t *testing.T) {
	d := newTeller(t).customer()
	token := d.enter(goodLogin).Token
	other := Follower{"wechat", "oABC-2"}
	d.authenticated(other, "110105194912310038", "6210081234567900")
	for name, c := range map[string]struct {
		token codec.Secret
		f     Follower
		want  switching.Reason
	}{
		"own":                 {token, tellerFollower, ""},
		"another's":           {token, other, ReasonNoLogin}, // as without a token
		"of another channel":  {token, Follower{"alipay", tellerFollower.Subject}, ReasonNotAuthenticated},
		"none":                {codec.Secret{}, tellerFollower, ReasonNoSession},
		"unknown":             {codec.NewSecret("x"), tellerFollower, ReasonNoSession},
		"cut":                 {codec.NewSecret(token.Reveal()[1:]), tellerFollower, ReasonNoSession},
		"SQL":                 {codec.NewSecret("' OR 1=1 --"), tellerFollower, ReasonNoSession},
		"a stranger's":        {codec.NewSecret("x"), Follower{"wechat", "oABC-3"}, ReasonNotAuthenticated},
		"the session's id":    {codec.NewSecret(d.text(`SELECT id FROM session`)), tellerFollower, ReasonNoSession},
		"what is kept of one": {codec.NewSecret(d.text(`SELECT token_hash FROM session`)), tellerFollower, ReasonNoSession},
	} {
		d.equal(name, d.enters(c.token, c.f), c.want)
	}
	for state, want := range map[State]switching.Reason{
		Authenticated: "", Deregistering: "", Deregistered: ReasonNotAuthenticated, Superseded: ReasonNotAuthenticated, Unknown: ReasonNotAuthenticated,
	} {
		d.change(tellerFollower, func(c *row) { c.State = state })
		d.equal(string(state), d.enters(token, tellerFollower), want)
	}
	d.change(tellerFollower, func(c *row) { c.State, c.Frozen = Authenticated, true })
	d.equal("frozen", d.enters(token, tellerFollower), ReasonFrozen)
}

func (d *teller) text(query string) (v string) {
	d.Helper()
	d.must(d.DB.Read(context.Background(), func(ctx context.Context, tx db.Tx) error {
		return tx.QueryRowContext(ctx, query).Scan(&v)
	}))
	return v
}

// What ends a customer's sessions ends no other's.
func TestOthersSessionsStand(t *testing.T) {
	w := newWorld(t)
	f, g := w.authenticated("a", cardA), w.authenticatedOther("b", cardC)
	theirs := w.loggedIn(g)
	stands := func(after string) {
		t.Helper()
		if _, a, err := w.service.Accounts(t.Context(), theirs); err != nil || a.Refused() {
			t.Errorf("after %s: %s, %v", after, a.Reason, err)
		}
	}
	for range w.store.Limits.Sessions {
		w.loggedIn(f)
	}
	stands("too many logins")
	a, err := w.service.SetPasswords(t.Context(), w.call(f), SetRequest{Login: w.sealed(otherLogin)})
	w.want(a, err, switching.Approved, "")
	stands("a setting")
	_, err = w.store.Freeze(t.Context(), w.row(f).ID, "ops", "why")
	w.must(err)
	stands("a freeze")
}

func TestSessionsEnd(t *testing.T) {
	d := newTeller(t).customer()
	var tokens []codec.Secret
	for range 7 { // two more than may be open
		tokens = append(tokens, d.enter(goodLogin).Token)
		d.wait(time.Second)
	}
	for i, token := range tokens {
		want := switching.Reason("")
		if i < 2 {
			want = ReasonNoSession
		}
		d.equal("of seven", d.enters(token, tellerFollower), want)
	}
	c, id, _, err := d.session(context.Background(), Call{Follower: tellerFollower, Session: tokens[6]})
	d.must(err)
	open := func(id, customer string) (open bool) {
		d.must(d.write(func(ctx context.Context, tx switching.Tx) (err error) {
			open, err = d.sessionOpen(ctx, tx, id, customer)
			return err
		}))
		return open
	}
	d.equal("open", open(id, c.ID), true)
	d.equal("open for another", open(id, "x"), false)
	d.must(d.write(func(ctx context.Context, tx switching.Tx) error {
		return d.endSessions(ctx, tx, c.ID, "superseded")
	}))
	for _, token := range tokens {
		d.equal("ended", d.enters(token, tellerFollower), ReasonNoSession)
	}
	d.equal("ended", open(id, c.ID), false)
	d.equal("why", d.one(`SELECT COUNT(*) FROM session WHERE why = 'superseded'`), int64(5))

	d.must(d.Clean(context.Background()))
	d.equal("kept", d.one(`SELECT COUNT(*) FROM session`), int64(7))
	d.wait(2 * time.Hour)
	d.must(d.Clean(context.Background()))
	d.equal("cleaned", d.one(`SELECT COUNT(*) FROM session`), int64(0))
}

// One that is idle is open no more, and one that is used does not end for it; nor for
// one of a clock that was set back since.
func TestAnIdleSessionTakesNoPlace(t *testing.T) {
	d := newTeller(t).customer()
	for _, dead := range []time.Duration{0, 3 * time.Hour} {
		d.wait(dead)
		for range d.Limits.Sessions {
			d.enter(goodLogin)
			d.wait(time.Second)
		}
		d.wait(-dead)
		d.wait(-time.Minute)
		used := d.enter(goodLogin).Token // before them
		for range 2 {
			d.wait(10 * time.Minute)
			d.equal("used", d.enters(used, tellerFollower), switching.Reason(""))
		}
		for range d.Limits.Sessions - 1 {
			d.enter(goodLogin)
		}
		d.equal("used, and one of five", d.enters(used, tellerFollower), switching.Reason(""))
		d.enter(goodLogin)
		d.equal("one of six", d.enters(used, tellerFollower), ReasonNoSession)
	}
}

func BenchmarkSession(b *testing.B) {
	d := newTeller(b).customer()
	call := Call{Follower: tellerFollower, Session: d.enter(goodLogin).Token}
	b.ReportAllocs()
	before := cpu()
	for b.Loop() {
		reason, err := d.withSession(context.Background(), call, func(context.Context, switching.Tx, visitor) error { return nil })
		if reason != "" || err != nil {
			b.Fatal(reason, err)
		}
	}
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// cpu is what the process has used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
