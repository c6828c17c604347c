package faults

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/rs/zerolog"

	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/world"
	"wxswitch/cmd/switchd/app"
	"wxswitch/codec/iso"
	switching "wxswitch/switch"
	"wxswitch/switch/api/client"
	"wxswitch/switch/customer"
	"wxswitch/switch/db"
	"wxswitch/switch/journal"
	"wxswitch/switch/notice"
	"wxswitch/switch/vault"
)

// limit bounds every wait of these tests: far above what a loaded machine
// takes, so that what runs into it hangs.
const limit = 60 * time.Second

// house is a switch and its simulated banks on disk. Each is stopped and
// started by itself; the switch in this process, or as a child of it.
type house struct {
	t     testing.TB
	dir   string
	data  string // the switch's database
	token string
	banks map[string]*peer
	hooks app.Hooks // of a switch in this process
	front *world.Front
	pause time.Duration

	http *http.Client
	mu   sync.Mutex // guards what follows
	api  *client.ClientWithResponses
	at   app.Addresses
	told []Told
	stop func() // of the switch in this process; nil while there is none
}

// plan is what a house is built to; zero values take the defaults.
type plan struct {
	people   int           // of each bank; 40
	seed     uint64        // of the people; 7
	deadline time.Duration // of each bank; 2 s
	breaker  string        // of each bank; {open_for: 200ms}
	bank     string        // further lines of each bank's configuration
	more     string        // further lines of the configuration
	data     string        // the switch's database; switch.db beside its configuration
	pause    time.Duration // between two SMS codes, whose number is then not limited; 60 s
	tune     func(*sim.Config)
}

// brisk is for what times out: deadlines are short, though not so short that a busy
// machine passes them by itself.
var brisk = plan{deadline: time.Second}

// running is a house whose switch runs in this process and has its links.
func running(t testing.TB, p plan) *house {
	h := newHouse(t, p)
	h.start()
	h.online()
	return h
}

// newHouse builds the banks, which run at once, and the switch's files.
func newHouse(t testing.TB, p plan) *house {
	h := &house{
		t: t, dir: t.TempDir(), token: "0123456789abcdef0123456789abcdef", banks: make(map[string]*peer), pause: p.pause,
		hooks: briskly(p.pause, func(string) error { return nil }),
		http:  &http.Client{Timeout: limit, Transport: &http.Transport{MaxIdleConnsPerHost: 512}},
	}
	h.data = cmp.Or(p.data, h.path("switch.db"))
	t.Cleanup(h.http.CloseIdleConnections)
	for _, spec := range world.Banks {
		h.banks[spec.ID] = newPeer(t, h.dir, spec, p)
	}
	h.openFront()
	must(t, vault.NewKeyFile(h.path("key.json")))
	must(t, os.WriteFile(h.path("front.token"), []byte(h.token), 0o600))
	must(t, os.WriteFile(h.path("places.yaml"), []byte(world.Places), 0o600))
	must(t, os.WriteFile(h.path("routes.yaml"), []byte(world.Routes()), 0o600))
	must(t, os.WriteFile(h.path("switchd.yaml"), []byte(h.configuration(p)), 0o600))
	return h
}

// briskly is how the switches of these tests differ from one that serves
// customers: passwords cost little, and a notice waits for nothing long. fail is
// called between the durable steps of a notice.
func briskly(pause time.Duration, fail func(step string) error) app.Hooks {
	o := app.Hooks{
		Argon: argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32},
		Notices: func(o *notice.Options) {
			o.Deadline, o.Lease, o.Poll = 500*time.Millisecond, 1500*time.Millisecond, 50*time.Millisecond
			o.Backoff = switching.Backoff{Min: 50 * time.Millisecond, Max: 500 * time.Millisecond}
			o.Fail = func(step string) error { return fail("notice-" + step) }
		},
	}
	if pause != 0 {
		o.Limits = customer.Limits{CodePause: pause, CodesADay: 10_000, Sessions: 50}
	}
	return o
}

// openFront runs the stub that followers are told by until the test ends.
func (h *house) openFront() {
	var err error
	h.front, err = world.NewFront(context.Background(), h.token)
	must(h.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.front.Run(ctx) }()
	h.t.Cleanup(func() {
		cancel()
		must(h.t, <-ended)
	})
}

func (h *house) path(name string) string { return filepath.Join(h.dir, name) }

func (h *house) configuration(p plan) string {
	deadline := cmp.Or(p.deadline, 2*time.Second)
	sum := sha256.Sum256([]byte(h.token))
	var b strings.Builder
	fmt.Fprintf(&b, `listen: 127.0.0.1:0
ops: 127.0.0.1:0
key_file: key.json
database: %s
routes: routes.yaml
places: places.yaml
front: {url: %q, token_file: front.token}
acquirer: "48980000"
grace: 200ms
drain: 10s
advices: {backoff_min: 30ms, backoff_max: 200ms}
clients: [{id: bench, token_sha256: %s, scopes: [bank, operate, customer]}]
%s
banks:
`, h.data, h.front.URL(), hex.EncodeToString(sum[:]), p.more)
	for _, spec := range world.Banks {
		fmt.Fprintf(&b, `  - name: %s
    dialect: %s
    deadline: %s
    sign_on: true
    backoff_min: 10ms
    backoff_max: 100ms
    breaker: %s
    links:
      - {name: %s-1, addresses: ["%s"]}
      - {name: %s-2, addresses: ["%s"]}
%s
`, spec.ID, spec.Dialect, deadline, cmp.Or(p.breaker, "{open_for: 200ms}"), spec.ID, h.banks[spec.ID].address(), spec.ID, h.banks[spec.ID].address(), p.bank)
	}
	return b.String()
}

// start runs the switch in this process until the test ends or stopSwitch.
func (h *house) start() {
	h.t.Helper()
	c, err := app.Load(h.path("switchd.yaml"))
	must(h.t, err)
	ready := make(chan app.Addresses, 1)
	c.Hooks = h.hooks
	c.Ready = func(a app.Addresses) { ready <- a }
	if c.LogTo == nil {
		c.LogTo = zerolog.Nop()
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx, c) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				h.t.Errorf("switch: %v", err)
			}
		case <-time.After(limit):
			h.t.Error("the switch does not stop")
		}
		h.http.CloseIdleConnections()
	})
	h.t.Cleanup(h.stop)
	select {
	case a := <-ready:
		h.up(a)
	case err := <-ended:
		ended <- err
		h.t.Fatalf("the switch does not start: %v", err)
	case <-time.After(limit):
		h.t.Fatal("the switch does not start")
	}
}

// restart stops the switch and starts it again on what is on disk.
func (h *house) restart() {
	h.stop()
	h.start()
}

// up makes the addresses those that callers use, and waits for every link.
func (h *house) up(a app.Addresses) {
	c, err := client.NewClientWithResponses("http://"+a.API, client.WithHTTPClient(h.http), client.WithRequestEditorFn(client.Bearer(h.token)))
	must(h.t, err)
	h.mu.Lock()
	h.api, h.at = c, a
	h.mu.Unlock()
}

// online waits until every bank that listens has both its links.
func (h *house) online() {
	h.t.Helper()
	eventually(h.t, "links", func() bool {
		r, err := h.client().ListBanksWithResponse(context.Background())
		if err != nil || r.JSON200 == nil {
			return false
		}
		for _, b := range r.JSON200.Banks {
			if b.Online < 2 {
				return false
			}
		}
		return true
	})
}

func (h *house) client() *client.ClientWithResponses {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.api
}

// books reads the three books as they stand.
func (h *house) books() Books {
	h.t.Helper()
	h.mu.Lock()
	b := Books{Told: h.told[:len(h.told):len(h.told)], Banks: make(map[string]Ledger), Settled: time.Now()}
	h.mu.Unlock()
	ctx := context.Background()
	key, err := vault.Load(h.path("key.json"))
	must(h.t, err)
	d, err := db.Open(ctx, db.Options{Path: h.data})
	must(h.t, err)
	defer func() { must(h.t, d.Close()) }()
	b.KeyHash = func(k string) []byte { return key.Index("idempotency", "bench", switching.Raw, k) }
	j, err := journal.New(ctx, journal.Options{DB: d, Vault: key})
	must(h.t, err)
	b.Rows, b.Advices, err = ReadJournal(ctx, d, j, 0)
	must(h.t, err)
	for name, p := range h.banks {
		b.Banks[name], err = ReadBank(ctx, p.Bank)
		must(h.t, err)
	}
	return b
}

// compare waits until nothing is in doubt, and compares the books.
func (h *house) compare() Books {
	h.t.Helper()
	h.settle()
	b := h.books()
	for _, wrong := range b.Compare() {
		h.t.Error(wrong)
	}
	return b
}

// calm ends all faults and has every bank listening.
func (h *house) calm() {
	for _, p := range h.banks {
		p.ClearFault(0)
		must(h.t, p.Up(context.Background()))
	}
}

func (h *house) fault(bank string, f sim.Fault) {
	h.t.Helper()
	_, err := h.banks[bank].SetFault(f)
	must(h.t, err)
}

// peer is a simulated bank that can be started again on its database.
type peer struct {
	*sim.Bank
	t      testing.TB
	config sim.Config
	people []sim.Person // the same in every life
	stop   func()
}

func newPeer(t testing.TB, dir string, spec world.Spec, p plan) *peer {
	d, err := iso.Builtin(spec.Dialect)
	must(t, err)
	keys, err := vault.New()
	must(t, err)
	c := sim.Config{
		Name: spec.ID, Dialect: d, Path: filepath.Join(dir, "bank-"+spec.ID+".db"), Vault: keys, Listen: []string{"127.0.0.1:0"},
		Seed: cmp.Or(p.seed, 7), People: max(p.people, 40), Cards: []sim.Range{spec.Card}, Passbooks: spec.Passbook, Log: zerolog.Nop(),
	}
	c.Kit.Drain = 200 * time.Millisecond
	c.Kit.Told, c.Kit.RetryMin, c.Kit.RetryMax = 500*time.Millisecond, 50*time.Millisecond, 500*time.Millisecond
	if p.tune != nil {
		p.tune(&c)
	}
	b := &peer{t: t, config: c}
	b.start()
	b.config.Listen, b.people = b.Addrs(), b.People()
	balances := make(map[any]bool)
	for _, person := range b.people {
		for _, a := range person.Accounts {
			if balances[a.Balance] {
				t.Fatal("two accounts have one balance: choose another seed")
			}
			balances[a.Balance] = true
		}
	}
	return b
}

func (p *peer) address() string { return p.Addr() }

func (p *peer) start() {
	p.t.Helper()
	var err error
	eventually(p.t, "the bank's address", func() bool {
		p.Bank, err = sim.New(context.Background(), p.config)
		return err == nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func(b *sim.Bank) { ended <- b.Run(ctx) }(p.Bank)
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			p.t.Errorf("bank: %v", err)
		}
	})
	p.t.Cleanup(p.stop)
}

// restart stops the bank, with all it has under way, and starts it again.
func (p *peer) restart() {
	p.stop()
	p.start()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, limit)
		}
		<-time.After(10 * time.Millisecond)
	}
}
