package adapter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wxswitch/codec"
	"wxswitch/switch/db"
)

// Core is what a bank's engineer writes: the way into the bank's own system.
//
// Serve does what m asks and returns the answer, made by codec.NewReply with
// the response code (F39) and whatever else the type's answer says. It is
// called from many goroutines, but never twice at once for one number
// (acquirer, RRN, processing code).
//
// Beside the code an approval says, in codec's fields:
//
//	authenticate, attach   FieldHolder
//	balance                FieldBalance and FieldAvailable, in fen; FieldCurrency, 156; FieldHolder
//	details                FieldRows, and FieldMore where there are more
//	appointment            FieldAppointment; FieldText, if any
//
// An answer that the dialect cannot write is logged with the rule that it broke
// and not sent: the switch hears nothing, and what was done is in doubt. So is
// one that names another RRN or account than m: it would be another customer's.
//
// An error, a nil answer or a panic means that it is not known how it ended:
// nothing is answered, and a repeat calls Serve again. The error's text is
// logged, at most 500 bytes of it, so it must name no account and no customer; of
// a panic its place is, and not its value. m.Repeat tells that an earlier call for
// this number and type may have done its work already, in this process or in one
// that crashed: Serve must then return what the first call would have, and not do
// it again. The package's documentation shows how.
//
// ctx ends after Config.Work, and a call that goes on is logged; what the caller
// has left, in milliseconds, is m.Get(codec.FieldRemaining), if it is known. An
// answer that comes later than that is still sent.
type Core interface {
	Serve(ctx context.Context, m *codec.Message) (*codec.Message, error)
}

// Keys keeps the ledger's secrets: *vault.Vault does it.
type Keys interface {
	Seal(plain, context []byte) ([]byte, error)
	Open(sealed, context []byte) ([]byte, error)
	Index(parts ...string) []byte
}

// Config is what New needs. Zero values take the default named beside them.
type Config struct {
	Core    Core          // required
	Dialect codec.Dialect // required
	// DB holds the ledger; required. Its Run must outlive the adapter's.
	DB *db.DB
	// Keys seals the remembered answers and indexes account numbers; required.
	Keys Keys
	// Listen are the TCP addresses on which Run accepts links.
	Listen []string
	// Identity are fields that the bank's own messages carry, such as
	// FieldAcquirer and FieldForwarder; New refuses it where a network message
	// of the dialect wants more.
	Identity codec.Fields

	Workers int // calls of Core at once; 64
	Queue   int // requests that wait for one; 1024. What is beyond is dropped
	Links   int // links at once; 16. What is beyond is closed

	Deadline time.Duration // of a request that does not say its own; 30 s
	Work     time.Duration // the longest a call of Core may take; 2 min
	Idle     time.Duration // silence on a link after which it is echoed; 30 s
	EchoWait time.Duration // further silence after which it is closed; 10 s
	Write    time.Duration // the longest a write may take; 10 s
	Drain    time.Duration // how long Run waits for work under way; 10 s

	// Told waits for the answer to what the bank says by itself; 10 s. Pauses
	// between two tries grow from RetryMin, 1 s, to RetryMax, 5 min.
	Told, RetryMin, RetryMax time.Duration
	// Words may wait to be told; 10,000. Beyond that Tell refuses.
	Words int

	// Refusal is the F39 of what must not be done: an original that was
	// reversed before it came, a number used for two accounts; 12.
	Refusal string
	// Unseen is the F39 of a reversal whose original was not seen; 25.
	Unseen string
	// Malformed is the F39 of what cannot be read but can be paired; 30.
	Malformed string

	// Wrap, where set, stands around the answering of each request that is not
	// a network message; it calls answer and sends what that returned, or does
	// something worse. Simulators use it to misbehave.
	Wrap func(ctx context.Context, x *Exchange, answer func(context.Context) *codec.Message)
	// Observe, where set, is shown each message read and written. It must not
	// block.
	Observe func(Event)

	Now func() time.Time // dates in the ledger; time.Now
	// Log is written to by those who serve: where a pipe may not be read, give one that
	// drops lines rather than wait, as zerolog's diode does.
	Log     zerolog.Logger
	Metrics prometheus.Registerer // nil registers none
}

// Event is one message on a link.
type Event struct {
	At      time.Time      `json:"at"`
	Link    string         `json:"link"`
	Out     bool           `json:"out"`               // written by the bank
	Message *codec.Message `json:"message,omitempty"` // nil where it cannot be read; prints masked
	Note    string         `json:"note,omitempty"`
}

// complete fills in the defaults, and refuses what cannot work.
func (c *Config) complete() error {
	if err := c.required(); err != nil {
		return err
	}
	c.defaults()
	if err := errors.Join(c.bounded(), c.coded()); err != nil {
		return err
	}
	return c.identified()
}

func (c *Config) required() error {
	switch {
	case c.Core == nil:
		return errors.New("adapter: no core")
	case c.Dialect == nil:
		return errors.New("adapter: no dialect")
	case c.DB == nil:
		return errors.New("adapter: no database")
	case !c.DB.Alone():
		return errors.New("adapter: the database must be opened alone")
	case c.Keys == nil:
		return errors.New("adapter: no keys")
	}
	return nil
}

func (c *Config) defaults() {
	c.Workers = cmp.Or(c.Workers, 64)
	c.Queue = cmp.Or(c.Queue, 1024)
	c.Links = cmp.Or(c.Links, 16)
	c.Deadline = cmp.Or(c.Deadline, 30*time.Second)
	c.Work = cmp.Or(c.Work, 2*time.Minute)
	c.Idle = cmp.Or(c.Idle, 30*time.Second)
	c.EchoWait = cmp.Or(c.EchoWait, 10*time.Second)
	c.Write = cmp.Or(c.Write, 10*time.Second)
	c.Drain = cmp.Or(c.Drain, 10*time.Second)
	c.Told = cmp.Or(c.Told, 10*time.Second)
	c.RetryMin = cmp.Or(c.RetryMin, time.Second)
	c.RetryMax = cmp.Or(c.RetryMax, 5*time.Minute)
	c.Words = cmp.Or(c.Words, 10_000)
	c.Refusal = cmp.Or(c.Refusal, "12")
	c.Unseen = cmp.Or(c.Unseen, "25")
	c.Malformed = cmp.Or(c.Malformed, "30")
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Observe == nil {
		c.Observe = func(Event) {}
	}
	if c.Wrap == nil {
		c.Wrap = func(ctx context.Context, x *Exchange, answer func(context.Context) *codec.Message) {
			if m := answer(ctx); m != nil {
				_ = x.Reply(m)
			}
		}
	}
}

// coded refuses codes that F39 cannot hold (ISO 8583: an2), or that would not be
// understood.
func (c *Config) coded() error {
	for _, b := range []struct{ name, code string }{{"Refusal", c.Refusal}, {"Unseen", c.Unseen}, {"Malformed", c.Malformed}} {
		if !codec.IsCode(b.code) {
			return fmt.Errorf("adapter: %s %q: two letters or digits", b.name, b.code)
		}
	}
	_, _, reverses := c.Dialect.Wire(codec.Reversal)
	if reverses && c.Dialect.AdviceClass(codec.Reversal, c.Unseen) != codec.NotFound {
		return fmt.Errorf("adapter: Unseen %q: the dialect does not class it as not found", c.Unseen)
	}
	return nil
}

func (c *Config) bounded() error {
	for _, b := range []struct {
		name string
		n    int64
	}{
		{"Workers", int64(c.Workers)},
		{"Queue", int64(c.Queue)},
		{"Links", int64(c.Links)},
		{"Words", int64(c.Words)},
		{"Deadline", int64(c.Deadline)},
		{"Work", int64(c.Work)},
		{"Idle", int64(c.Idle)},
		{"EchoWait", int64(c.EchoWait)},
		{"Write", int64(c.Write)},
		{"Drain", int64(c.Drain)},
		{"Told", int64(c.Told)},
		{"RetryMin", int64(c.RetryMin)},
		{"RetryMax", int64(c.RetryMax)},
	} {
		if b.n < 0 {
			return fmt.Errorf("adapter: %s is negative", b.name)
		}
	}
	return nil
}

// identified refuses an Identity with which the bank could say nothing itself:
// its links would be closed for want of an answer that nothing had asked for.
func (c *Config) identified() error {
	for _, t := range []codec.Type{codec.Echo, codec.SignOff} {
		if _, _, ok := c.Dialect.Wire(t); !ok {
			continue
		}
		if _, err := c.Dialect.Pack(c.own(t, codec.NewSTAN(1))); err != nil {
			return fmt.Errorf("adapter: identity: %s cannot be written: %w", t, err)
		}
	}
	return nil
}

// Adapter answers the switch on behalf of a bank's Core.
type Adapter struct {
	cfg     Config
	ledger  *ledger
	gates   gates
	metrics *metrics
	noisy   zerolog.Logger // for lines that a peer can cause at will
	places  chan struct{}  // taken by each request read and not yet answered
	slots   chan struct{}  // taken by each call of Core
	kick    chan struct{}  // capacity 1: a word was stored
	waiting waiting        // words that were said and not yet answered

	mu    sync.Mutex // guards what follows
	links map[*link]struct{}
	made  int // links accepted so far, to name them
	stan  int64
}

// noisyLines is how many lines a second a peer can cause; the rest is counted.
const noisyLines = 5

// New prepares the ledger's tables in cfg.DB and returns an Adapter. It starts
// nothing.
func New(ctx context.Context, cfg Config) (*Adapter, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	l, err := openLedger(ctx, &cfg)
	if err != nil {
		return nil, fmt.Errorf("adapter: ledger: %w", err)
	}
	m, err := newMetrics(cfg.Metrics)
	if err != nil {
		return nil, fmt.Errorf("adapter: metrics: %w", err)
	}
	return &Adapter{
		cfg: cfg, ledger: l, metrics: m,
		noisy:  cfg.Log.Sample(&zerolog.BurstSampler{Burst: noisyLines, Period: time.Second}),
		gates:  gates{at: map[Number]*gate{}},
		places: make(chan struct{}, cfg.Workers+cfg.Queue),
		slots:  make(chan struct{}, cfg.Workers),
		links:  map[*link]struct{}{},
		kick:   make(chan struct{}, 1), waiting: waiting{at: map[codec.Pair]chan *codec.Message{}},
	}, nil
}

// nextSTAN numbers the bank's own network messages.
func (a *Adapter) nextSTAN() codec.STAN {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stan = a.stan%999_999 + 1
	return codec.NewSTAN(a.stan)
}
