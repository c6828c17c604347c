package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"wxswitch/cmd/frontd/internal/delivery"
	"wxswitch/cmd/internal/world"
	"wxswitch/cmd/internal/world/worldtest"
	"wxswitch/switch/api/client"
)

const bank = "urmqccb"

// env is a switch with a customer, to whom movements are told.
type env struct {
	*testing.T
	f    *world.Follower
	c    *client.ClientWithResponses
	seen map[string]bool // notices, by id
}

func start(t *testing.T) *env {
	t.Helper()
	w := worldtest.Start(t, world.Options{})
	c, err := w.Client()
	if err != nil {
		t.Fatal(err)
	}
	e := &env{t, w.Follower("openid-1", 3), c, make(map[string]bool)}
	e.ask("/v1/customer/codes", world.Fields{"purpose": "authenticate", "account": e.f.Account(bank)})
	code, err := e.f.LastCode(t.Context(), bank)
	if err != nil {
		t.Fatal(err)
	}
	e.ask("/v1/customer/authentication", e.f.Form(bank, code))
	return e
}

func (e *env) ask(path string, body world.Fields) {
	e.Helper()
	if r, err := e.f.Ask(e.Context(), "POST", path, body); err != nil || r.Outcome() != "approved" {
		e.Fatal(path, r, err)
	}
}

// notice is one that the front has accepted, of a movement.
func (e *env) notice() string {
	e.Helper()
	if err := e.f.Sims[bank].Move(e.Context(), e.f.At(bank).Accounts[0].Number, true, 3250, "消费"); err != nil {
		e.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for _, n := range e.f.Front.Told(e.f.Subject) {
			if !e.seen[n.Id] {
				e.seen[n.Id] = true
				e.becomes(n.Id, client.NoticeStateSent)
				return n.Id
			}
		}
	}
	e.Fatal("not told")
	return ""
}

// look is how the notice stands.
func (e *env) look(id string) client.Notice {
	e.Helper()
	r, err := e.c.ListNoticesWithResponse(e.Context(), &client.ListNoticesParams{})
	if err != nil || r.JSON200 == nil {
		e.Fatal(err, r)
	}
	for _, n := range r.JSON200.Notices {
		if n.Id == id {
			return n
		}
	}
	e.Fatal("no notice ", id)
	return client.Notice{}
}

func (e *env) becomes(id string, want client.NoticeState) {
	e.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if e.look(id).State == want {
			return
		}
	}
	e.Fatalf("%s, never %s", e.look(id).State, want)
}

func (e *env) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

func TestSenderAndPlatformMeet(t *testing.T) {
	whole := start(t)
	run := func(name string, test func(e *env)) {
		t.Run(name, func(t *testing.T) { e := *whole; e.T = t; test(&e) })
	}
	a, b := delivery.New(whole.c), delivery.New(whole.c) // two instances
	ctx, at := t.Context(), time.Unix(time.Now().Unix(), 0)

	run("the sender first", func(e *env) {
		id := e.notice()
		e.must(a.Sent(ctx, "m1", id))
		e.must(a.Sent(ctx, "m1", id))
		if s := e.look(id).State; s != client.NoticeStateSent {
			e.Error(s)
		}
		e.must(b.Finished(ctx, "m1", client.DeliveryStatusSuccess, at))
		e.becomes(id, client.NoticeStateDelivered)
	})
	run("the platform first", func(e *env) {
		id := e.notice()
		e.must(b.Finished(ctx, "m2", client.DeliveryStatusSuccess, at))
		e.must(b.Finished(ctx, "m2", client.DeliveryStatusSuccess, at))
		if s := e.look(id).State; s != client.NoticeStateSent {
			e.Error(s)
		}
		e.must(a.Sent(ctx, "m2", id))
		e.becomes(id, client.NoticeStateDelivered)
	})
	run("at once", func(e *env) {
		id := e.notice()
		var both sync.WaitGroup
		var sent, finished error
		both.Go(func() { sent = a.Sent(ctx, "m3", id) })
		both.Go(func() { finished = b.Finished(ctx, "m3", client.DeliveryStatusSuccess, at) })
		both.Wait()
		e.must(errors.Join(sent, finished))
		e.becomes(id, client.NoticeStateDelivered)
	})
	// A repeat must not begin a third round, or the customer is told thrice.
	run("a failure counts once", func(e *env) {
		id := e.notice()
		e.must(b.Finished(ctx, "m4", client.DeliveryStatusSystemFailed, at))
		for range 3 {
			e.must(a.Sent(ctx, "m4", id))
			e.must(b.Finished(ctx, "m4", client.DeliveryStatusSystemFailed, at))
		}
		if n := e.look(id); n.Round != 2 || n.Answer != "delivery: system-failed" {
			e.Errorf("round %d, %s", n.Round, n.Answer)
		}
		e.must(a.Sent(ctx, "m5", id))
		for i := range 3 {
			e.must(b.Finished(ctx, "m5", client.DeliveryStatusSystemFailed, at.Add(time.Second)))
			if n := e.look(id); n.Round != 3 {
				e.Errorf("after %d reports: round %d", i+1, n.Round)
			}
		}
	})
	run("a notice that is not known", func(e *env) {
		e.must(a.Sent(ctx, "m6", "movement-of-long-ago"))
		e.must(b.Finished(ctx, "m6", client.DeliveryStatusSuccess, at))
	})
	run("blocked", func(e *env) { // the last: nothing is told after it
		id := e.notice()
		e.must(a.Sent(ctx, "m7", id))
		e.must(b.Finished(ctx, "m7", client.DeliveryStatusUserBlock, at))
		e.becomes(id, client.NoticeStateGone)
	})
}

func TestReadKnowsThePlatformsWords(t *testing.T) {
	for word, want := range map[string]client.DeliveryStatus{
		"success": client.DeliveryStatusSuccess, " Success ": client.DeliveryStatusSuccess,
		"failed:user block": client.DeliveryStatusUserBlock, "failed: user block": client.DeliveryStatusUserBlock,
		"failed: system failed": client.DeliveryStatusSystemFailed, "failed:system failed": client.DeliveryStatusSystemFailed,
		"failed:freq limit": client.DeliveryStatusSystemFailed, "": client.DeliveryStatusSystemFailed, "unsuccess": client.DeliveryStatusSystemFailed,
	} {
		if got := delivery.Read(word); got != want {
			t.Errorf("%q is %s", word, got)
		}
	}
}

// What the switch did not do is an error, so that it is tried again.
func TestErrors(t *testing.T) {
	status, body := http.StatusServiceUnavailable, `{}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/v1/kept/first" && body != "" {
			fmt.Fprint(w, body)
			return
		}
		w.WriteHeader(status)
		fmt.Fprint(w, `{}`)
	}))
	defer s.Close()
	c, err := client.NewClientWithResponses(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	d := delivery.New(c)
	for name, kept := range map[string]string{
		"not kept": "", "not reported": `{"before":"status/1409735669/success"}`, "not ours": `{"before":"status/success"}`,
	} {
		body = kept
		if err := d.Sent(t.Context(), "m", "n"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	body = `{"before":"notice/n"}`
	if err := d.Finished(t.Context(), "m", client.DeliveryStatusSuccess, time.Now()); err == nil {
		t.Error("not reported: no error")
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := d.Sent(ctx, "m", "n"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := d.Finished(t.Context(), "", client.DeliveryStatusSuccess, time.Now()); err == nil {
		t.Error("no msgid: no error")
	}
}
