package banks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wxswitch/codec"
)

// Options are what a Bank is given beside its configuration.
type Options struct {
	Log zerolog.Logger
	// Registerer takes the bank's collectors, each labelled with the bank; nil
	// for none.
	Registerer prometheus.Registerer
	// Numbers names network messages. Required.
	Numbers Numberer
	// Dial opens a connection; nil for TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Tap is shown every message, unframed and in clear, from the goroutine
	// that reads or writes it; it must not keep raw. For a demo's display;
	// nil in production.
	Tap func(bank string, out bool, raw []byte)
}

// Numberer hands out the numbers of network messages, never the same twice.
type Numberer interface {
	Next(ctx context.Context) (codec.STAN, codec.Stamp, error)
}

// Bank is one member bank.
type Bank struct {
	cfg       Config
	dialect   codec.Dialect
	handler   Handler
	log       zerolog.Logger
	noisy     zerolog.Logger // for lines that a bank can cause at will
	metrics   *metrics
	breaker   *breaker
	mux       *mux
	inbox     *inbox
	transport transport
	gate      *gate
	// queue holds what waits for a link. It is never closed; a call whose
	// waiter has gone stays in it until a writer skips it.
	queue    chan *call
	timers   sync.Pool     // of *time.Timer, stopped
	slots    chan struct{} // the bulkhead: one for each permit given
	inFlight atomic.Int64  // permits given, for status: a drain fills slots itself
	draining atomic.Bool
}

// noisyLines is how many lines a second a bank can cause; the rest is counted.
const noisyLines = 5

// Noisy bounds the lines of a log that a bank can cause at will.
func Noisy(log zerolog.Logger) zerolog.Logger {
	return log.Sample(&zerolog.BurstSampler{Burst: noisyLines, Period: time.Second})
}

// New returns a Bank that is not connected: Run connects it. The error names
// the key of the configuration and the rule that it breaks.
func New(cfg Config, d codec.Dialect, h Handler, o Options) (*Bank, error) {
	if err := validate(cfg, d, o); err != nil {
		return nil, fmt.Errorf("bank %s: %w", cfg.Name, err)
	}
	cfg = cfg.withDefaults()
	b := &Bank{
		cfg: cfg, dialect: d, handler: h,
		log:   o.Log.With().Str("bank", cfg.Name).Logger(),
		mux:   newMux(),
		gate:  newGate(),
		queue: make(chan *call, cfg.Queue),
		slots: make(chan struct{}, cfg.Limit),
	}
	b.noisy = Noisy(b.log)
	b.breaker = newBreaker(cfg.Name, cfg.Breaker, b.log)
	b.inbox = newInbox(b)
	registry := o.Registerer
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	registry = prometheus.WrapRegistererWith(prometheus.Labels{"bank": cfg.Name}, registry)
	var err error
	if b.metrics, err = newMetrics(registry); err != nil {
		return nil, fmt.Errorf("bank %s: metrics: %w", cfg.Name, err)
	}
	b.transport = newTCP(b, o)
	if err := b.registerGauges(registry); err != nil {
		return nil, fmt.Errorf("bank %s: metrics: %w", cfg.Name, err)
	}
	return b, nil
}

func validate(cfg Config, d codec.Dialect, o Options) error {
	errs := []error{cfg.Validate()}
	if cfg.SignOn {
		errs = append(errs, writable(cfg, d, "sign_on", codec.SignOn), writable(cfg, d, "sign_on", codec.SignOff))
	}
	if cfg.EchoIdle >= 0 {
		errs = append(errs, writable(cfg, d, "echo_idle", codec.Echo))
	}
	if o.Numbers == nil {
		errs = append(errs, errors.New("Options.Numbers is missing"))
	}
	return errors.Join(errs...)
}

// writable tries to write a network message that the configuration asks for,
// so that a number missing in it shows at the start, not as a link that never
// comes up.
func writable(cfg Config, d codec.Dialect, key string, t codec.Type) error {
	if _, _, ok := d.Wire(t); !ok {
		return &ConfigError{key, "the dialect has no " + string(t)}
	}
	if _, err := d.Pack(cfg.networkRequest(t, codec.NewSTAN(1), "0101000000")); err != nil {
		return &ConfigError{key, fmt.Sprintf("%s cannot be written: %v", t, err)}
	}
	return nil
}

// Name returns the bank's id.
func (b *Bank) Name() string { return b.cfg.Name }

// Dialect returns the dialect in which the bank is spoken to.
func (b *Bank) Dialect() codec.Dialect { return b.dialect }

// Deadline returns how long the bank is given for a request of the type.
func (b *Bank) Deadline(t codec.Type) time.Duration { return b.cfg.deadline(t) }

// Run keeps the bank's links up until ctx is done, then drains: it refuses new
// work, waits for what is in flight (at most DrainLimit), signs off (at most
// NetworkTimeout), and returns when every goroutine of the bank has ended. What
// is in flight even then ends at once: queued as not sent, else in doubt. It
// runs once.
func (b *Bank) Run(ctx context.Context) error {
	base := context.WithoutCancel(ctx)
	carrying, stopCarrying := context.WithCancel(base)
	handling, stopHandling := context.WithCancel(base)
	defer stopCarrying()
	defer stopHandling()
	var links, workers sync.WaitGroup
	b.inbox.start(handling, &workers)
	links.Go(func() { b.transport.run(carrying) })

	<-ctx.Done()
	b.drain()
	stopCarrying()
	links.Wait()
	b.mux.close()
	b.inbox.close()
	kill := time.AfterFunc(b.cfg.NetworkTimeout, stopHandling)
	defer kill.Stop()
	workers.Wait()
	return nil
}

// drain refuses new permits and waits for those given, at most DrainLimit: it
// takes their slots as they come back.
func (b *Bank) drain() {
	b.draining.Store(true)
	limit := time.NewTimer(b.cfg.DrainLimit)
	defer limit.Stop()
	for range cap(b.slots) {
		select {
		case b.slots <- struct{}{}:
		case <-limit.C:
			b.log.Warn().Int64("in_flight", b.inFlight.Load()).Msg("drain limit reached")
			return
		}
	}
}

// receive takes what a link brought and is no network message, on the link's
// reader: it must not block.
func (b *Bank) receive(in inbound) {
	if in.head.Reply {
		if c := b.mux.reply(in.head.Pair); c != nil {
			c.done <- result{raw: in.raw, read: time.Now()}
			return
		}
		b.metrics.late.Inc()
	}
	b.inbox.put(in)
}

// frame writes a message as it goes over the wire. A MAC, where a bank wants
// one, is made here between pack and header.
func (b *Bank) frame(m *codec.Message) ([]byte, error) {
	raw, err := b.dialect.Pack(m)
	if err != nil {
		return nil, err
	}
	f := b.dialect.Frame()
	return f.Append(make([]byte, 0, len(raw)+f.Prefix), raw)
}

// Status returns a snapshot.
func (b *Bank) Status() Status {
	return Status{
		Bank: b.cfg.Name, Breaker: b.breaker.State().String(),
		InFlight: int(b.inFlight.Load()), Limit: b.cfg.Limit,
		Queued: len(b.queue), Online: b.gate.count(), Links: b.transport.status(),
	}
}

func (b *Bank) linksIn(s LinkState) (n int) {
	for _, l := range b.transport.status() {
		if l.State == s {
			n++
		}
	}
	return n
}

// Online returns a channel that is closed when the bank next gets its first
// link online; the channel is closed already while one is.
func (b *Bank) Online() <-chan struct{} { return b.gate.wait() }
