package sim

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/rs/zerolog"

	"wxswitch/banks/adapter"
	"wxswitch/codec"
	"wxswitch/switch/db"
	"wxswitch/switch/vault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config is what New needs. Zero values take the default named beside them.
type Config struct {
	Name    string        // the bank's id, for logs; sim
	Title   string        // the bank's name, for its customers; Name
	Dialect codec.Dialect // required
	Path    string        // of the database; required
	// Vault seals the kit's ledger; nil makes keys that last as long as the
	// Bank: no other Bank opens its file, once there are answers in it.
	Vault *vault.Vault
	// Listen are the addresses on which links are accepted; none serves only
	// what is given to ServeConn.
	Listen []string
	// Control is the loopback address of the control API; empty for none.
	Control string

	Seed   uint64 // the same seed makes the same people
	People int    // how many; 100
	// Cards and Passbooks are the numbers it issues; one card BIN (621008,
	// 16 digits) and passbooks 1008… of 17 digits.
	Cards     []Range
	Passbooks Range

	// NotRegistered is the F39 of a deregistration that finds no registration;
	// 25. The dialects that ship take it for approved.
	NotRegistered string
	// Kit is handed to the adapter: limits and times. What the simulator sets
	// itself (Core, Dialect, DB, Keys, Listen, Wrap, Observe, Log) is overwritten.
	// Kit.Identity is Forwarder 48980000, Acquirer 10344 unless set.
	Kit adapter.Config
	Log zerolog.Logger
}

func (c *Config) complete() error {
	if c.Dialect == nil || c.Path == "" {
		return errors.New("simulated bank: dialect and path are required")
	}
	c.Name = cmp.Or(c.Name, "sim")
	c.Title = cmp.Or(c.Title, c.Name)
	c.People = cmp.Or(c.People, 100)
	c.NotRegistered = cmp.Or(c.NotRegistered, "25")
	if len(c.Cards) == 0 {
		c.Cards = []Range{{"621008", 16}}
		c.Passbooks = cmp.Or(c.Passbooks, Range{"1008", 17})
	}
	if c.Kit.Identity.Empty() {
		c.Kit.Identity.Set(codec.FieldForwarder, "48980000")
		c.Kit.Identity.Set(codec.FieldAcquirer, "10344")
	}
	if c.People < 1 || c.People > MaxPeople {
		return fmt.Errorf("simulated bank: people: 1 to %d", MaxPeople)
	}
	if !codec.IsCode(c.NotRegistered) {
		return errors.New("simulated bank: not registered: two letters or digits")
	}
	for _, r := range append([]Range{c.Passbooks}, c.Cards...) {
		if rule := r.Rule(); rule != "" {
			return fmt.Errorf("simulated bank: prefix %s: %s", r.Prefix, rule)
		}
	}
	return nil
}

// MaxPeople is how many people a bank has at most.
const MaxPeople = 100_000

const maxLength = 28 // of F102

// position is where an account stands among the people; id is its number in the
// database.
type position struct{ person, account, id int }

// accountsEach is room for the accounts of one person among the ids.
const accountsEach = 10

// Bank is a simulated member bank.
type Bank struct {
	cfg      Config
	kit      *adapter.Adapter
	db       *db.DB
	people   []Person
	accounts map[codec.Account]position
	faults   faults
	feed     feed
	control  net.Listener // nil for none

	starts chan *life // lives that Run is to serve
	mu     sync.Mutex // guards what follows
	addrs  []string   // as first listened on
	now    *life      // nil while down
}

// life is a time during which the bank listens.
type life struct {
	listeners []net.Listener
	over      chan struct{} // closed by Down
}

// New opens the database, makes the people up and listens, so that Addr is
// known. It starts nothing; Run serves, and closes what New opened.
func New(ctx context.Context, cfg Config) (*Bank, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	b := &Bank{
		cfg: cfg, people: people(cfg.Seed, cfg.People, cfg.Cards, cfg.Passbooks),
		accounts: map[codec.Account]position{}, addrs: cfg.Listen, starts: make(chan *life, 8),
	}
	for i, p := range b.people {
		for j, a := range p.Accounts {
			b.accounts[a.Number] = position{i, j, i*accountsEach + j}
		}
	}
	if err := b.open(ctx); err != nil {
		_ = b.Close()
		return nil, fmt.Errorf("simulated bank: %w", err)
	}
	return b, nil
}

func (b *Bank) open(ctx context.Context) (err error) {
	if b.cfg.Vault == nil {
		if b.cfg.Vault, err = vault.New(); err != nil {
			return err
		}
	}
	if b.db, err = db.Open(ctx, db.Options{Path: b.cfg.Path, Alone: true}); err != nil {
		return err
	}
	if err = b.db.Migrate(ctx, migrations, "sim_version"); err != nil {
		return err
	}
	k := b.cfg.Kit
	k.Core, k.Dialect, k.DB, k.Keys, k.Listen = core{b}, b.cfg.Dialect, b.db, b.cfg.Vault, nil
	k.Wrap, k.Observe, k.Log = b.wire, b.feed.publish, b.cfg.Log
	if b.kit, err = adapter.New(ctx, k); err != nil {
		return err
	}
	if err = b.Up(ctx); err != nil || b.cfg.Control == "" {
		return err
	}
	b.control, err = listenLoopback(ctx, b.cfg.Control)
	return err
}

// Close gives back what New opened. It is for a bank whose Run is not called.
func (b *Bank) Close() error {
	b.Down()
	if b.control != nil {
		_ = b.control.Close()
	}
	if b.db == nil {
		return nil
	}
	return b.db.Close()
}

// Run serves until ctx is done, then drains and closes the database. It is
// called once.
func (b *Bank) Run(ctx context.Context) error {
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	written := make(chan error, 1)
	go func() { written <- b.db.Run(writing) }()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var controlErr error
	if b.control != nil {
		wg.Go(func() { controlErr = b.serveControl(ctx); cancel() })
	}
	wg.Go(func() { b.kit.Speak(ctx) })
	b.live(ctx)
	wg.Wait()
	stop() // only now: what was under way has been remembered
	return errors.Join(controlErr, <-written, b.Close())
}

// live serves each life until ctx is done, and waits for their links.
func (b *Bank) live(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		select {
		case l := <-b.starts:
			ctx, cancel := context.WithCancel(ctx)
			wg.Go(func() {
				defer cancel()
				select {
				case <-l.over:
				case <-ctx.Done():
				}
			})
			for _, listener := range l.listeners {
				wg.Go(func() { b.accept(ctx, listener) })
			}
		case <-ctx.Done():
			return
		}
	}
}

func (b *Bank) accept(ctx context.Context, listener net.Listener) {
	if err := b.kit.Accept(ctx, listener); !errors.Is(err, net.ErrClosed) { // else by Down
		b.failed(err)
	}
}

// ServeConn serves one link that was not accepted, such as an end of a
// net.Pipe. Run must be running.
func (b *Bank) ServeConn(ctx context.Context, conn net.Conn) { b.kit.ServeConn(ctx, conn) }

// Up listens again, on the addresses it had.
func (b *Bank) Up(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now != nil {
		return nil
	}
	l := &life{over: make(chan struct{})}
	addrs := make([]string, 0, len(b.addrs))
	for _, address := range b.addrs {
		var lc net.ListenConfig
		one, err := lc.Listen(ctx, "tcp", address)
		if err != nil {
			l.refuse()
			return err
		}
		l.listeners = append(l.listeners, one)
		addrs = append(addrs, one.Addr().String())
	}
	select {
	case b.starts <- l:
	default:
		l.refuse()
		return errors.New("the bank is not running")
	}
	b.now, b.addrs = l, addrs
	return nil
}

// Down stops listening and drops every link at once, as a bank does that falls
// over. Work under way goes on.
func (b *Bank) Down() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now == nil {
		return
	}
	b.now.refuse()
	if b.kit != nil {
		b.kit.DropLinks()
	}
	close(b.now.over) // for a link that slipped in between
	b.now = nil
}

// refuse accepts no more links.
func (l *life) refuse() {
	for _, one := range l.listeners {
		_ = one.Close()
	}
}

// Addr returns the first address listened on, also while down.
func (b *Bank) Addr() string {
	if all := b.Addrs(); len(all) > 0 {
		return all[0]
	}
	return ""
}

// Addrs returns the addresses listened on, also while down.
func (b *Bank) Addrs() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.addrs
}

// ControlAddr returns the address of the control API, empty for none.
func (b *Bank) ControlAddr() string {
	if b.control == nil {
		return ""
	}
	return b.control.Addr().String()
}

// People returns the made-up customers.
func (b *Bank) People() []Person { return b.people }

func (b *Bank) account(at position) Account { return b.people[at.person].Accounts[at.account] }

// numbered is the number of the account with the id; zero for an id below 0, and
// for one that the database has from a run with more people.
func (b *Bank) numbered(id int) codec.Account {
	person, account := id/accountsEach, id%accountsEach
	if id < 0 || person >= len(b.people) || account >= len(b.people[person].Accounts) {
		return codec.Account{}
	}
	return b.people[person].Accounts[account].Number
}

// SetFault puts a fault in force and returns its ID.
func (b *Bank) SetFault(f Fault) (int, error) { return b.faults.add(f) }

// ClearFault removes one fault, or all for 0.
func (b *Bank) ClearFault(id int) { b.faults.clear(id) }

// Faults returns the faults in force, oldest first.
func (b *Bank) Faults() []Fault { return b.faults.list() }
