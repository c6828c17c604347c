package banks

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wxswitch/codec"
	"wxswitch/codec/frame"
)

// peer is the bank at the other end: a real one, in that it reads and writes
// frames. Each request that it reads it gives to serve, on the line's reader.
type peer struct {
	dialect codec.Dialect
	serve   func(l *line, m *codec.Message)
	// stuck holds up whoever waits for it until it is closed; told takes what
	// serve has to tell. They are made in the test's bubble, as peers are.
	stuck chan struct{}
	told  chan string

	mu    sync.Mutex // guards what follows
	lines []*line
	dials []string
	times []time.Time     // of the dials
	down  map[string]bool // addresses where nobody listens
	seen  []string        // STANs of requests that are no network messages, as they came
	wg    sync.WaitGroup
}

// line is one connection as the bank sees it.
type line struct {
	peer *peer
	nc   net.Conn
	mu   sync.Mutex // held while writing
}

func newPeer(serve func(*line, *codec.Message)) *peer {
	return &peer{
		dialect: fake{}, serve: serve, down: make(map[string]bool),
		stuck: make(chan struct{}), told: make(chan string, 100),
	}
}

// dial is Options.Dial over net.Pipe.
func (p *peer) dial(_ context.Context, _, address string) (net.Conn, error) {
	p.mu.Lock()
	p.dials, p.times = append(p.dials, address), append(p.times, time.Now())
	down := p.down[address]
	p.mu.Unlock()
	if down {
		return nil, errRefused
	}
	ours, theirs := net.Pipe()
	p.accept(theirs)
	return ours, nil
}

func (p *peer) goDown(address string, down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down[address] = down
}

func (p *peer) accept(nc net.Conn) {
	l := &line{peer: p, nc: nc}
	p.mu.Lock()
	p.lines = append(p.lines, l)
	p.mu.Unlock()
	p.wg.Go(l.read)
}

func (l *line) read() {
	defer func() { _ = l.nc.Close() }()
	r := frame.NewReader(l.nc, l.peer.dialect.Frame())
	for {
		raw, err := r.Next()
		if err != nil {
			return
		}
		m, err := l.peer.dialect.Unpack(raw)
		if err != nil {
			return
		}
		if m.Type.Class() != codec.Network {
			l.peer.mu.Lock()
			l.peer.seen = append(l.peer.seen, m.Get(codec.FieldSTAN))
			l.peer.mu.Unlock()
		}
		l.peer.serve(l, m)
	}
}

// say writes a message.
func (l *line) say(m *codec.Message) {
	raw, err := l.peer.dialect.Pack(m)
	if err != nil {
		panic(err)
	}
	framed, err := l.peer.dialect.Frame().Append(nil, raw)
	if err != nil {
		panic(err)
	}
	l.sayBytes(framed)
}

func (l *line) sayBytes(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.nc.Write(b) // a line that was dropped meanwhile takes nothing
}

func (l *line) hangUp() { _ = l.nc.Close() }

// nth returns the nth connection, counted from 0.
func (p *peer) nth(n int) *line {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n >= len(p.lines) {
		return nil
	}
	return p.lines[n]
}

func (p *peer) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lines)
}

func (p *peer) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.seen...)
}

func (p *peer) dialled() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.dials...)
}

// approve answers every request, network messages among them.
func approve(l *line, m *codec.Message) {
	if !m.Reply {
		l.say(codec.NewReply(m, "00"))
	}
}

// network answers network messages and leaves the rest to then.
func network(then func(*line, *codec.Message)) func(*line, *codec.Message) {
	return func(l *line, m *codec.Message) {
		if m.Type.Class() == codec.Network {
			approve(l, m)
			return
		}
		then(l, m)
	}
}

func silent(*line, *codec.Message) {}

// deaf reads one request and no more.
func deaf(l *line, _ *codec.Message) { <-l.peer.stuck }

// rig is a Bank running against a peer.
type rig struct {
	*Bank
	peer     *peer
	listener *listener
	registry *prometheus.Registry
	logged   lineCount
	stop     context.CancelFunc
	ended    chan error
}

// lineCount counts the lines of a log.
type lineCount struct{ atomic.Int64 }

func (c *lineCount) Write(b []byte) (int, error) {
	c.Add(1)
	return len(b), nil
}

// testConfig has one link, and an echo that stays out of the way.
func testConfig() Config {
	return Config{
		Name:       "wlmq",
		Links:      []LinkConfig{{Name: "wlmq-1", Addresses: []string{"bank:1"}}},
		EchoIdle:   -1,
		BackoffMin: 10 * time.Millisecond,
		BackoffMax: time.Second,
	}
}

func twoLinks(c *Config) {
	c.Links = append(c.Links, LinkConfig{Name: "wlmq-2", Addresses: []string{"bank:2"}})
}

// start runs a Bank and returns once a link is online.
func start(t testing.TB, p *peer, change ...func(*Config)) *rig {
	t.Helper()
	r := begin(t, p, p.dial, change...)
	select {
	case <-r.Online():
	case <-time.After(time.Minute):
		t.Errorf("no link comes online: %+v", r.Status())
	}
	return r
}

func begin(t testing.TB, p *peer, dial func(context.Context, string, string) (net.Conn, error), change ...func(*Config)) *rig {
	t.Helper()
	cfg := testConfig()
	for _, f := range change {
		f(&cfg)
	}
	r := &rig{peer: p, listener: &listener{}, registry: prometheus.NewRegistry(), ended: make(chan error, 1)}
	b, err := New(cfg, p.dialect, r.listener, Options{
		Log: zerolog.New(&r.logged), Registerer: r.registry, Numbers: &counting{}, Dial: dial,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Bank = b
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() { r.ended <- b.Run(ctx) }()
	return r
}

// finish drains the bank and waits for both sides.
func (r *rig) finish(t testing.TB) {
	t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	r.peer.mu.Lock()
	for _, l := range r.peer.lines {
		l.hangUp()
	}
	r.peer.mu.Unlock()
	r.peer.wg.Wait()
}

// metric is the value of a counter or gauge, summed over its other labels.
func (r *rig) metric(t testing.TB, name string, labels ...string) (sum float64) {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "wxswitch_bank_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if len(labels) == 2 && l.GetName() == labels[0] && l.GetValue() != labels[1] {
					m = nil
					break
				}
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetHistogram().GetSampleSum()
		}
	}
	return sum
}

var errRefused = errors.New("connection refused")
