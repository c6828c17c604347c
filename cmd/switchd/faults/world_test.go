package faults

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"wxswitch/banks"
	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/world"
	"wxswitch/codec"
	"wxswitch/codec/iso"
	"wxswitch/routing"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
	"wxswitch/switch/journal"
	"wxswitch/switch/saf"
	"wxswitch/switch/vault"
)

const modelBank = "xjrcu"

// modelWorld is a switch and a bank joined by pipes, without doors, so that
// waiting costs no time. Its databases are real.
type modelWorld struct {
	t       testing.TB
	dir     string
	key     *vault.Vault
	dialect codec.Dialect
	router  *routing.Router
	bank    *modelPeer
	down    atomic.Bool // the bank cannot be dialled
	runs    int
	seen    map[string]int // what the runs came across
	life    *modelLife
}

func newModelWorld(t *testing.T) *modelWorld {
	w := &modelWorld{t: t, dir: t.TempDir(), seen: make(map[string]int)}
	var err error
	w.key, err = vault.New()
	must(t, err)
	spec := world.Banks[1]
	w.dialect, err = iso.Builtin(spec.Dialect)
	must(t, err)
	routes := filepath.Join(w.dir, "routes.yaml")
	must(t, os.WriteFile(routes, []byte(world.Routes()), 0o600))
	table, err := routing.Load(routes, []routing.Bank{routing.Bank(world.Banks[0].ID), modelBank})
	must(t, err)
	w.router = routing.NewRouter(table)
	w.bank = &modelPeer{t: t, config: sim.Config{
		Name: modelBank, Dialect: w.dialect, Path: filepath.Join(w.dir, "bank.db"), Vault: w.key,
		Seed: 7, People: 5000, Cards: []sim.Range{spec.Card}, Passbooks: spec.Passbook, Log: zerolog.Nop(),
	}}
	w.bank.config.Kit.Drain = time.Second
	w.bank.start()
	w.born()
	t.Cleanup(func() {
		w.life.stop()
		w.bank.stop()
		time.Sleep(time.Minute) //nolint:forbidigo // fake time: what is on its way over a slow link arrives
	})
	return w
}

// modelPeer is a bank on pipes.
type modelPeer struct {
	*sim.Bank
	t      testing.TB
	config sim.Config
	people []sim.Person
	stop   func()

	mu   sync.Mutex // guards what links are served by, from one life to the next
	live *sim.Bank
	ctx  context.Context //nolint:containedctx // of this life, for its links
}

// serve serves one link by the bank that lives now.
func (p *modelPeer) serve(conn net.Conn) {
	p.mu.Lock()
	b, ctx := p.live, p.ctx
	p.mu.Unlock()
	b.ServeConn(ctx, conn)
}

func (p *modelPeer) start() {
	var err error
	p.Bank, err = sim.New(context.Background(), p.config)
	must(p.t, err)
	p.people = p.People()
	ctx, cancel := context.WithCancel(context.Background())
	p.mu.Lock()
	p.live, p.ctx = p.Bank, ctx
	p.mu.Unlock()
	ended := make(chan error, 1)
	go func(b *sim.Bank) { ended <- b.Run(ctx) }(p.Bank)
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			p.t.Errorf("bank: %v", err)
		}
	})
}

func (p *modelPeer) restart() {
	p.stop()
	p.start()
}

// modelLife is the switch from one start to its stop or crash.
type modelLife struct {
	t         testing.TB
	sw        *switching.Switch
	db        *db.DB
	journal   *journal.Journal
	forwarder *saf.Forwarder
	crashAt   atomic.Pointer[string]
	dead      atomic.Bool
	stop      func()

	mu    sync.Mutex // guards conns
	conns []*slowConn
}

// slowConn is the switch's end of a link. Until a time, what the switch writes
// is on its way and reaches the bank only then, though the switch be dead.
type slowConn struct {
	net.Conn
	theirs *slowEnd
}

// slowEnd is the bank's end.
type slowEnd struct {
	net.Conn
	until atomic.Int64
}

func (c *slowEnd) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if wait := time.Until(time.Unix(0, c.until.Load())); n > 0 && wait > 0 {
		time.Sleep(wait) //nolint:forbidigo // fake time
	}
	return n, err
}

// slow holds up what is sent over one link for so long.
func (l *modelLife) slow(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.conns); n > 0 {
		l.conns[n-1].theirs.until.Store(time.Now().Add(d).UnixNano())
	}
}

var errUnreachable = errors.New("planted: unreachable")

// born starts the switch on what is on disk.
func (w *modelWorld) born() {
	l := &modelLife{t: w.t}
	ctx := context.Background()
	var err error
	l.db, err = db.Open(ctx, db.Options{Path: filepath.Join(w.dir, "switch.db"), Fail: l.fail})
	must(w.t, err)
	l.journal, err = journal.New(ctx, journal.Options{
		DB: l.db, Vault: w.key, Backoff: switching.Backoff{Min: time.Second, Max: 8 * time.Second},
	})
	must(w.t, err)
	numbers := switching.NewNumbers(l.journal, time.Now)
	l.sw = switching.New(switching.Options{
		Router: w.router, Journal: l.journal, Numbers: numbers, Hasher: w.key, Acquirer: "48980000", Forwarder: "48980000",
		Log: zerolog.Nop(), Failpoint: l.pass, Wake: func(bank string, entry int64) { l.forwarder.Wake(bank, entry) },
	})
	b, err := banks.New(banks.Config{
		Name: modelBank, Deadline: 10 * time.Second, SignOn: true, Acquirer: "48980000", Forwarder: "48980000",
		BackoffMax: time.Second, DrainLimit: 15 * time.Second, Breaker: banks.BreakerConfig{OpenFor: 2 * time.Second},
		Links: []banks.LinkConfig{{Name: "1", Addresses: []string{"pipe:1"}}, {Name: "2", Addresses: []string{"pipe:1"}}},
	}, w.dialect, l.sw, banks.Options{Log: zerolog.Nop(), Numbers: numbers, Dial: w.dialer(l)})
	must(w.t, err)
	l.sw.AddBank(b)
	l.forwarder = saf.New(saf.Options{Store: l.journal, Switch: l.sw, Numbers: numbers, Log: zerolog.Nop(), Failpoint: l.pass})
	l.run(l.db.Run, b.Run, l.forwarder.Run, l.sw.Run)
	w.life = l
}

// run starts the parts in this order; stop stops them in the opposite one, each
// before the next.
func (l *modelLife) run(parts ...func(context.Context) error) {
	var stops []func()
	for _, part := range parts {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- part(ctx) }()
		stops = append(stops, func() {
			cancel()
			if err := <-ended; err != nil && !l.dead.Load() {
				l.t.Errorf("switch: %v", err)
			}
		})
	}
	l.stop = sync.OnceFunc(func() {
		for i := range slices.Backward(stops) {
			stops[i]()
		}
		if err := l.db.Close(); err != nil {
			l.t.Errorf("database: %v", err)
		}
	})
}

func (l *modelLife) fail(step string) error {
	if l.dead.Load() && step != "commit-after" {
		return errCrashed
	}
	return nil
}

func (l *modelLife) pass(step string) {
	if at := l.crashAt.Load(); at != nil && *at == step && l.crashAt.CompareAndSwap(at, nil) {
		l.die()
	}
}

// die is a crash: from now on nothing of this life reaches a disk, a bank or a
// caller.
func (l *modelLife) die() {
	l.dead.Store(true)
	l.cut()
}

// cut drops every link.
func (l *modelLife) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

func (w *modelWorld) dialer(l *modelLife) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		if w.down.Load() || l.dead.Load() {
			return nil, errUnreachable
		}
		ours, theirs := net.Pipe()
		c := &slowConn{ours, &slowEnd{Conn: theirs}}
		l.mu.Lock()
		l.conns = append(l.conns, c)
		l.mu.Unlock()
		go w.bank.serve(c.theirs)
		return c, nil
	}
}

func (w *modelWorld) unreachable(down bool) {
	w.down.Store(down)
	if down {
		w.life.cut()
	}
}

// calm ends faults.
func (w *modelWorld) calm() {
	w.down.Store(false)
	w.bank.ClearFault(0)
}

// last is the last number of the table: numbers only grow.
func (w *modelWorld) last(table string) (last int64) {
	must(w.t, w.life.db.Read(context.Background(), func(ctx context.Context, tx db.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(id), 0) FROM `+table).Scan(&last)
	}))
	return last
}

// books are those of the run.
func (o *run) books(r fataler) Books {
	ctx := context.Background()
	b := Books{Told: o.told, Closed: o.closed, Settled: time.Now(), Banks: make(map[string]Ledger)}
	b.KeyHash = func(k string) []byte { return o.key.Index("idempotency", "model", "model", k) }
	var err error
	b.Rows, b.Advices, err = ReadJournal(ctx, o.life.db, o.life.journal, o.since)
	if err != nil {
		r.Fatal(err)
	}
	ledger, err := ReadBank(ctx, o.bank.Bank)
	if err != nil {
		r.Fatal(err)
	}
	b.Banks[modelBank] = ledger.after(o.since)
	return b
}

type fataler interface{ Fatal(args ...any) }

// after is the ledger without what concerns numbers up to since.
func (l Ledger) after(since int64) Ledger {
	out := Ledger{People: l.People}
	later := func(rrn codec.RRN) bool { n, _ := rrn.Number(); return n > since }
	for _, a := range l.Arrivals {
		if later(a.RRN) {
			out.Arrivals = append(out.Arrivals, a)
		}
	}
	for _, a := range l.Records {
		if later(a.RRN) {
			out.Records = append(out.Records, a)
		}
	}
	for _, a := range l.Effects {
		if later(a.RRN) {
			out.Effects = append(out.Effects, a)
		}
	}
	for _, a := range l.Registrations {
		if later(a.RRN) {
			out.Registrations = append(out.Registrations, a)
		}
	}
	return out
}
