package features

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/world"
	"wxswitch/cmd/switchd/app"
	"wxswitch/codec"
	"wxswitch/switch/api/frontapi"
)

// env is one world for all rows; each row takes people of its own.
type env struct {
	*world.World
	ahead atomic.Int64 // what the switch's clock is ahead of the real one
	who   atomic.Int64
}

const (
	bankA = "urmqccb"
	bankB = "xjrcu"
	// deadline is what banks are given: what is to time out takes as long.
	deadline = 2 * time.Second
)

func start(t *testing.T) *env {
	t.Helper()
	e := &env{}
	var err error
	e.World, err = world.New(t.Context(), world.Options{Dir: t.TempDir(), LogTo: t.Output(), Tune: func(c *app.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(e.ahead.Load())) }
		c.Argon = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
		c.Advices.BackoffMin, c.Advices.BackoffMax = 100*time.Millisecond, time.Second
		c.Log.Level = "warn"
		for i := range c.Banks {
			c.Banks[i].Deadline = deadline
			c.Banks[i].Breaker.ConsecutiveFailures = 1000
			c.Banks[i].Breaker.FailureRatio = 1
		}
	}, TuneBank: func(c *sim.Config) { c.Kit.RetryMin = 100 * time.Millisecond }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ran := make(chan error, 1)
	go func() { ran <- e.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	if err := e.WaitUp(t.Context(), ran); err != nil {
		t.Fatal(err)
	}
	return e
}

// row is one row's test.
type row struct {
	*testing.T
	*env
}

// follower is one of the made-up people, who follows the official account.
type follower struct {
	row
	*world.Follower
}

// person returns a follower whom no other row has: an ordinary one, with a
// resident ID and accounts in normal standing at both banks.
func (r row) person() *follower {
	for {
		n := int(r.who.Add(1))
		p := r.Sims[bankA].People()[n%50]
		if p.CertType != "01" || p.Accounts[0].Status != sim.Normal || n == 1 || n == 2 { // 1 and 2 share an account
			continue
		}
		return r.follower(fmt.Sprintf("openid-%s-%d", r.Name()[len("TestFeatures/"):], n), n%50)
	}
}

func (r row) follower(subject string, person int) *follower {
	return &follower{r, r.Follower(subject, person)}
}

// as is another follower, who is the same person.
func (f *follower) as(subject string) *follower { return f.follower(f.Subject+subject, f.Person) }

func (f *follower) at(bank string) sim.Person  { return f.At(bank) }
func (f *follower) account(bank string) string { return f.Account(bank) }

// ask calls the API for the follower, with a key of its own.
func (f *follower) ask(method, path string, body any) world.Reply {
	f.Helper()
	r, err := f.Ask(f.Context(), method, path, body)
	f.must(err)
	return r
}

func (f *follower) askWith(key, method, path string, body any) world.Reply {
	f.Helper()
	r, err := f.AskWith(f.Context(), key, method, path, body)
	f.must(err)
	return r
}

// hangsUp asks, and is gone once the bank has done it and before the answer.
func (f *follower) hangsUp(bank string, kind codec.Type, path string) {
	f.Helper()
	f.fault(bank, sim.Fault{Kind: sim.Late, Delay: deadline / 2, Type: kind})
	ctx, hangUp := context.WithCancel(f.Context())
	defer hangUp()
	asked := make(chan error, 1)
	go func() { _, err := f.Ask(ctx, "POST", path, nil); asked <- err }()
	f.eventually("the bank has done it", func() bool { return !f.registered(bank) })
	hangUp()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		f.Fatal(err)
	}
}

func (r row) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// ends wants an answer with the outcome, and the text if one is given.
func (f *follower) ends(r world.Reply, outcome, text string) world.Reply {
	f.Helper()
	if r.Status != http.StatusOK || r.Outcome() != outcome || text != "" && r.Text() != text {
		f.Fatalf("%d %v, want %s %s", r.Status, r.Body, outcome, text)
	}
	return r
}

// refused wants a problem with the code and words for the customer.
func (f *follower) refused(r world.Reply, code string) world.Reply {
	f.Helper()
	if r.Status < 400 || r.Code() != code || r.Text() == "" {
		f.Fatalf("%d %v, want the problem %s", r.Status, r.Body, code)
	}
	return r
}

type fields = world.Fields

// later sets the switch's clock ahead.
func (r row) later(d time.Duration) { r.ahead.Add(int64(d)) }

// sms has a code sent and returns it, as the phone shows it.
func (f *follower) sms(purpose, bank string) string {
	f.Helper()
	f.later(time.Minute)
	f.ends(f.ask("POST", "/v1/customer/codes", fields{"purpose": purpose, "account": f.account(bank)}), "approved", "")
	return f.lastCode(bank)
}

func (f *follower) lastCode(bank string) string {
	f.Helper()
	code, err := f.LastCode(f.Context(), bank)
	f.must(err)
	return code
}

func (f *follower) tryAuthenticate(bank string) world.Reply {
	f.Helper()
	return f.ask("POST", "/v1/customer/authentication", f.Form(bank, f.sms("authenticate", bank)))
}

// authenticated authenticates by the account at the bank.
func (f *follower) authenticated(bank string) *follower {
	f.Helper()
	f.ends(f.tryAuthenticate(bank), "approved", "认证成功，感谢您的使用")
	return f
}

const (
	login   = "kashgar-1847"
	payment = "806175"
)

// sealed is a password as a page seals it.
func (f *follower) sealed(password string) string {
	f.Helper()
	sealed, err := f.Seal(f.Context(), password)
	f.must(err)
	return sealed
}

// loggedIn sets passwords and logs in.
func (f *follower) loggedIn() *follower {
	f.Helper()
	f.ends(f.ask("POST", "/v1/customer/passwords", fields{"login": f.sealed(login)}), "approved", "")
	f.ends(f.ask("POST", "/v1/customer/passwords", fields{"payment": f.sealed(payment)}), "approved", "")
	return f.login()
}

func (f *follower) login() *follower {
	f.Helper()
	r := f.ends(f.ask("POST", "/v1/customer/session", fields{"password": f.sealed(login)}), "approved", "")
	f.Session, _ = r.Body["token"].(string)
	return f
}

// attached links the account at the bank.
func (f *follower) attached(bank string) *follower {
	f.Helper()
	code := f.sms("attach", bank)
	f.ends(f.ask("POST", "/v1/customer/accounts", fields{"account": f.account(bank), "code": code, "payment": f.sealed(payment)}), "approved", "")
	return f
}

// linked are the accounts of who is logged in.
func (f *follower) linked() []map[string]any {
	f.Helper()
	return f.list(f.ask("GET", "/v1/customer/accounts", nil), "accounts")
}

func (f *follower) list(r world.Reply, name string) []map[string]any {
	f.Helper()
	if r.Status != http.StatusOK {
		f.Fatal(r.Status, r.Body)
	}
	return r.List(name)
}

// view is where the follower stands.
func (f *follower) view() map[string]any {
	f.Helper()
	return f.ask("GET", "/v1/customer", nil).Body
}

func (f *follower) state(want string) {
	f.Helper()
	if got := f.view()["state"]; got != want {
		f.Fatalf("state %v, want %s", got, want)
	}
}

// until waits for a state that comes by itself.
func (f *follower) until(want string) {
	f.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if f.view()["state"] == want {
			return
		}
	}
	f.Fatalf("state is %v, and never was %s", f.view()["state"], want)
}

// told waits until the follower was told n notices, and returns the last.
func (f *follower) told(n int) frontapi.Notice {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), 20*time.Second)
	defer cancel()
	list, err := f.Front.Await(ctx, f.Subject, n)
	if err != nil || len(list) != n {
		f.Fatalf("told %d notices, not %d: %v", len(list), n, err)
	}
	return list[n-1]
}

// fault makes the bank misbehave once with the follower's account.
func (f *follower) fault(bank string, fault sim.Fault) {
	f.Helper()
	fault.Account, fault.Count = f.at(bank).Accounts[0].Number, 1
	_, err := f.Sims[bank].SetFault(fault)
	f.must(err)
}

// registered reports whether the account is registered at the bank.
func (f *follower) registered(bank string) bool {
	f.Helper()
	all, err := f.Sims[bank].Registrations(f.Context())
	f.must(err)
	for _, r := range all {
		if r.Person == f.Person && r.Index == 0 && r.Ended == "" {
			return true
		}
	}
	return false
}

// eventually waits for what comes by itself.
func (r row) eventually(what string, is func() bool) {
	r.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	r.Fatal("never: ", what)
}
