package app_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/world"
	"wxswitch/cmd/internal/world/worldtest"
	"wxswitch/cmd/switchd/app"
	"wxswitch/codec"
	"wxswitch/codec/iso"
	"wxswitch/switch/api"
	"wxswitch/switch/api/client"
)

// ask sends one transaction and wants an answer, not a problem.
func ask(t *testing.T, w *world.World, kind client.Type, p sim.Person, key string) client.Answer {
	t.Helper()
	r, err := w.Ask(context.Background(), kind, p, key, 0)
	if err != nil {
		t.Fatal(err)
	}
	if r.JSON200 == nil {
		t.Fatalf("%s: status %d: %s", kind, r.StatusCode(), r.Body)
	}
	return *r.JSON200
}

func brisk(c *app.Config) {
	for i := range c.Banks {
		c.Banks[i].Deadline = time.Second
	}
	c.Advices = app.Advices{BackoffMin: 50 * time.Millisecond, BackoffMax: 200 * time.Millisecond}
}

func TestEachTypeGoesToItsBankAndComesBack(t *testing.T) {
	w := worldtest.Start(t, world.Options{})
	for _, spec := range world.Banks {
		p := w.Sims[spec.ID].People()[0]
		if a := ask(t, w, client.TypeBalance, p, ""); a.Outcome != "approved" || a.Bank != spec.ID ||
			a.Balance == nil || *a.Balance.Ledger != int64(p.Accounts[0].Balance) {
			t.Errorf("balance at %s: %+v", spec.ID, a)
		}
		if a := ask(t, w, client.TypeAuthenticate, p, "auth"+spec.ID); a.Outcome != "approved" || a.Holder != p.Holder {
			t.Errorf("authenticate at %s: %+v", spec.ID, a)
		}
		if a := ask(t, w, client.TypeDeregister, p, "dereg"+spec.ID); a.Outcome != "approved" {
			t.Errorf("deregister at %s: %+v", spec.ID, a)
		}
	}
}

func TestSilenceToADeregistrationIsCompletedAndJoined(t *testing.T) {
	w := worldtest.Start(t, world.Options{Tune: brisk})
	bank := w.Sims["urmqccb"]
	p := bank.People()[1]
	ask(t, w, client.TypeAuthenticate, p, "a")
	if _, err := bank.SetFault(sim.Fault{Kind: sim.Silence, Type: codec.Deregister, Count: 1}); err != nil {
		t.Fatal(err)
	}
	first := ask(t, w, client.TypeDeregister, p, "d1")
	if first.Outcome != "timed-out" || first.Reason != "no-reply" {
		t.Fatalf("first: %+v", first)
	}
	second := ask(t, w, client.TypeDeregister, p, "d2")
	if second.Outcome != "approved" || second.Rrn != first.Rrn || second.Id == first.Id {
		t.Fatalf("second try does not join the first: %+v after %+v", second, first)
	}
	if again := ask(t, w, client.TypeDeregister, p, "d1"); again.Outcome != "timed-out" || !again.Replayed {
		t.Fatalf("the first key is answered anew: %+v", again)
	}
	if registrations, err := bank.Registrations(t.Context()); err != nil || len(registrations) != 1 || registrations[0].Ended == "" {
		t.Fatalf("registrations %+v, %v", registrations, err)
	}
}

func TestSilenceToAnAuthenticationIsReversed(t *testing.T) {
	w := worldtest.Start(t, world.Options{Tune: brisk})
	bank := w.Sims["xjrcu"]
	p := bank.People()[1]
	if _, err := bank.SetFault(sim.Fault{Kind: sim.Late, Delay: 1500 * time.Millisecond, Type: codec.Authenticate, Count: 1}); err != nil {
		t.Fatal(err)
	}
	first := ask(t, w, client.TypeAuthenticate, p, "a1")
	if first.Outcome != "timed-out" {
		t.Fatalf("first: %+v", first)
	}
	if second := ask(t, w, client.TypeAuthenticate, p, "a2"); second.Outcome != "approved" || second.Rrn == first.Rrn {
		t.Fatalf("second: %+v", second)
	}
	registrations, err := bank.Registrations(t.Context())
	if err != nil || len(registrations) != 2 || registrations[0].Ended != "reversal" || registrations[1].Ended != "" {
		t.Fatalf("registrations %+v, %v", registrations, err)
	}
}

func TestAClockSetAheadEndsNothingThatIsInFlight(t *testing.T) {
	var ahead atomic.Int64
	w := worldtest.Start(t, world.Options{Tune: func(c *app.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	}})
	bank := w.Sims["urmqccb"]
	if _, err := bank.SetFault(sim.Fault{Kind: sim.Delay, Delay: 3 * time.Second, Count: 1}); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(500*time.Millisecond, func() { ahead.Store(int64(time.Hour)) })
	if a := ask(t, w, client.TypeAuthenticate, bank.People()[2], "ahead"); a.Outcome != "approved" {
		t.Fatalf("ended by the scan: %+v", a)
	}
}

// The stop is the world's, at the test's end: it comes within a minute, without a
// fault, and the bank has answered the sign-off of each of its links.
func TestAStopSignsOffAlsoWhenARequestOutlastsIt(t *testing.T) {
	cups, err := iso.Builtin("cups")
	if err != nil {
		t.Fatal(err)
	}
	var signedOff atomic.Int64
	t.Cleanup(func() { // after the stop
		if n := int(signedOff.Load()); n != world.Banks[0].Links {
			t.Errorf("%d of %d links were signed off", n, world.Banks[0].Links)
		}
	})
	w := worldtest.Start(t, world.Options{Tune: func(c *app.Config) {
		c.Drain = time.Second
		c.Tap = func(bank string, out bool, raw []byte) {
			if m, err := cups.Unpack(raw); bank == "urmqccb" && !out && err == nil && m.Reply && m.Type == codec.SignOff {
				signedOff.Add(1)
			}
		}
		for i := range c.Banks {
			c.Banks[i].Deadline = time.Minute
		}
	}})
	bank := w.Sims["urmqccb"]
	if _, err := bank.SetFault(sim.Fault{Kind: sim.Silence, Count: 1}); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = w.Ask(context.Background(), client.TypeDeregister, bank.People()[1], "k", 0) }()
	for came := false; !came; {
		rows, err := bank.Ledger(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		came = len(rows) > 0
	}
}

// What is configured reaches the part that it is for: the centre's numbers, a type's
// deadline at its bank, and the pauses of advices, all of which have other defaults.
func TestWhatIsConfiguredIsKept(t *testing.T) {
	var mu sync.Mutex
	var sent []string // F32 and F33 of deregistrations
	plain, err := iso.Builtin("plain")
	if err != nil {
		t.Fatal(err)
	}
	w := worldtest.Start(t, world.Options{Tune: func(c *app.Config) {
		c.Forwarder = "48981111"
		c.Advices = app.Advices{BackoffMin: 10 * time.Millisecond, BackoffMax: 20 * time.Millisecond}
		c.Banks[1].Deadlines = map[codec.Type]time.Duration{codec.Deregister: 200 * time.Millisecond, codec.Completion: 50 * time.Millisecond}
		c.Tap = func(bank string, out bool, raw []byte) {
			m, err := plain.Unpack(raw)
			if bank != "xjrcu" || !out || err != nil || m.Type != codec.Deregister {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			sent = append(sent, m.Get(codec.FieldAcquirer)+" "+m.Get(codec.FieldForwarder))
		}
	}})
	bank := w.Sims["xjrcu"]
	p := bank.People()[1]
	ask(t, w, client.TypeAuthenticate, p, "a")
	for _, kind := range []codec.Type{codec.Deregister, codec.Completion} {
		if _, err := bank.SetFault(sim.Fault{Kind: sim.Silence, Type: kind}); err != nil {
			t.Fatal(err)
		}
	}
	begun := time.Now()
	if a := ask(t, w, client.TypeDeregister, p, "d"); a.Outcome != "timed-out" || time.Since(begun) > 5*time.Second {
		t.Errorf("%+v after %s, of the bank's 10 s for other types", a, time.Since(begun))
	}
	mu.Lock()
	if !slices.Equal(sent, []string{"48980000 48981111"}) {
		t.Errorf("acquirer and forwarder %q", sent)
	}
	mu.Unlock()
	c, err := w.Client()
	if err != nil {
		t.Fatal(err)
	}
	for attempts, end := 0, time.Now().Add(10*time.Second); attempts < 6; { // with a second's pause, doubled, they take 15 s at least
		r, err := c.ListAdvicesWithResponse(t.Context(), &client.ListAdvicesParams{})
		if err != nil || r.JSON200 == nil || len(r.JSON200.Advices) != 1 {
			t.Fatalf("advices: %+v, %v", r, err)
		}
		if attempts = r.JSON200.Advices[0].Attempts; time.Now().After(end) {
			t.Fatalf("%d attempts in 10 s", attempts)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// Who has no token may what is configured, and no more.
func TestAnonymousCallersMayWhatIsConfigured(t *testing.T) {
	w := worldtest.Start(t, world.Options{Tune: func(c *app.Config) { c.Anonymous = []api.Scope{api.ScopeOperate} }})
	for path, status := range map[string]int{"/v1/banks": http.StatusOK, "/v1/choices": http.StatusForbidden} {
		r, err := http.Get("http://" + w.Addresses.API + path)
		if err != nil {
			t.Fatal(err)
		}
		if r.Body.Close(); r.StatusCode != status {
			t.Errorf("%s: %s, want %d", path, r.Status, status)
		}
	}
}
