package adapter

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/rs/zerolog"

	"wxswitch/codec"
	"wxswitch/codec/frame"
	"wxswitch/codec/iso"
	"wxswitch/switch/db"
	"wxswitch/switch/vault"
)

const card = "6210081234567893"

// coreFunc is a Core for one test.
type coreFunc func(ctx context.Context, m *codec.Message) (*codec.Message, error)

func (f coreFunc) Serve(ctx context.Context, m *codec.Message) (*codec.Message, error) {
	return f(ctx, m)
}

func approve(_ context.Context, m *codec.Message) (*codec.Message, error) {
	return codec.NewReply(m, "00"), nil
}

// named approves, and names the holder.
func named(_ context.Context, m *codec.Message) (*codec.Message, error) {
	r := codec.NewReply(m, "00")
	r.Set(codec.FieldHolder, "陈𠮷")
	return r, nil
}

// kit is an adapter over a database and the links to it.
type kit struct {
	*Adapter
	stop func() // drains and waits; may be called twice
	link func(net.Conn)
}

// end stops the kit as its process would, with the ledger.
func (k *kit) end() {
	k.stop()
	_ = k.cfg.DB.Close()
}

// dropped is how many messages the kit has counted as dropped for the reason.
func (k *kit) dropped(t testing.TB, reason string) string {
	t.Helper()
	var m dto.Metric
	if err := k.metrics.dropped[reason].Write(&m); err != nil {
		t.Fatal(err)
	}
	return strconv.FormatFloat(m.GetCounter().GetValue(), 'f', -1, 64)
}

func dialect(t testing.TB) codec.Dialect {
	d, err := iso.Builtin("plain")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// onPlain is plain with a bank's own lines.
func onPlain(t testing.TB, lines string) codec.Dialect {
	d, err := iso.Parse("bank.yaml", []byte("name: bank\nbase: plain\n"+lines+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// keys are the bank's, over every restart.
var keys = sync.OnceValue(func() *vault.Vault {
	v, err := vault.New()
	if err != nil {
		panic(err)
	}
	return v
})

// openDB opens a database whose writer runs until the test ends.
func openDB(t testing.TB, path string) *db.DB {
	return openWith(t, db.Options{Path: path, Alone: true})
}

func openWith(t testing.TB, o db.Options) *db.DB {
	d, err := db.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := newContext(t)
	done := make(chan struct{})
	go func() { defer close(done); _ = d.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; _ = d.Close() })
	return d
}

func ledgerPath(t testing.TB) string { return filepath.Join(t.TempDir(), "ledger.db") }

// start makes a kit; config may change what New is given.
func start(t testing.TB, d *db.DB, core coreFunc, config func(*Config)) *kit {
	cfg := Config{Core: core, Dialect: dialect(t), DB: d, Keys: keys(), Log: zerolog.Nop()}
	cfg.Identity.Set(codec.FieldForwarder, "48980000")
	if config != nil {
		config(&cfg)
	}
	a, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := newContext(t)
	var wg sync.WaitGroup
	k := &kit{Adapter: a, stop: func() { cancel(); wg.Wait() }}
	k.link = func(c net.Conn) { wg.Go(func() { a.ServeConn(ctx, c) }) }
	t.Cleanup(k.stop)
	return k
}

// peer is the switch's end of one link.
type peer struct {
	t       testing.TB
	d       codec.Dialect
	conn    net.Conn
	replies chan *codec.Message // closed by the reader when the line ends
	echoes  chan *codec.Message // requests of the bank's
	next    int64
}

// connect makes a signed-on link over a pipe.
func (k *kit) connect(t testing.TB) *peer {
	ours, theirs := net.Pipe()
	k.link(theirs)
	p := newPeer(t, k.cfg.Dialect, ours)
	if got := p.ask(p.message(codec.SignOn, "")); got.Get(codec.FieldCode) != "00" {
		t.Fatalf("sign-on: %v", got)
	}
	return p
}

// unsigned makes a link that does not sign on, and returns for how long it is kept.
func (k *kit) unsigned(t testing.TB) time.Duration {
	ours, theirs := net.Pipe()
	begun := time.Now()
	k.link(theirs)
	for range newPeer(t, k.cfg.Dialect, ours).replies { // until the line ends
		t.Error("a reply to nothing")
	}
	return time.Since(begun)
}

func newPeer(t testing.TB, d codec.Dialect, conn net.Conn) *peer {
	p := &peer{
		t: t, d: d, conn: conn,
		replies: make(chan *codec.Message, 1000), echoes: make(chan *codec.Message, 1000),
	}
	done := make(chan struct{})
	go func() { defer close(done); defer close(p.replies); p.read() }()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return p
}

func (p *peer) read() {
	r := frame.NewReader(p.conn, p.d.Frame())
	for {
		raw, err := r.Next()
		if err != nil {
			return
		}
		m, err := p.d.Unpack(raw)
		switch {
		case err != nil:
			p.t.Errorf("the bank wrote what cannot be read: %v", err)
		case m.Reply:
			p.replies <- m
		default:
			p.echoes <- m
		}
	}
}

// message makes a request with numbers of its own; rrn is empty for network
// messages.
func (p *peer) message(t codec.Type, rrn string) *codec.Message {
	p.next++
	m := codec.NewRequest(t)
	m.Set(codec.FieldSTAN, string(codec.NewSTAN(p.next)))
	m.Set(codec.FieldSent, "1124101010")
	m.Set(codec.FieldForwarder, "48980000")
	if rrn == "" {
		return m
	}
	m.Set(codec.FieldRRN, rrn)
	m.Set(codec.FieldPAN, card)
	m.Set(codec.FieldAcquirer, "48980000")
	m.Set(codec.FieldRemaining, "5000")
	if t == codec.Authenticate {
		m.Set(codec.FieldCertType, "01")
		m.Set(codec.FieldCertNumber, "11010519491231002X")
	}
	return m
}

// advice makes an advice about an original.
func (p *peer) advice(t codec.Type, about *codec.Message) *codec.Message {
	m := p.message(t, about.Get(codec.FieldRRN))
	m.Set(codec.FieldPAN, about.Get(codec.FieldPAN))
	mti, code, _ := p.d.Wire(about.Type)
	m.Set(codec.FieldProcessingCode, code)
	m.Set(codec.FieldOriginalMTI, mti)
	m.Set(codec.FieldOriginalSTAN, about.Get(codec.FieldSTAN))
	m.Set(codec.FieldOriginalSent, about.Get(codec.FieldSent))
	m.Set(codec.FieldOriginalAcquirer, about.Get(codec.FieldAcquirer))
	return m
}

func (p *peer) send(m *codec.Message) {
	raw, err := p.d.Pack(m)
	if err != nil {
		p.t.Fatalf("pack %s: %v", m.Type, err)
	}
	p.write(raw)
}

func (p *peer) write(raw []byte) {
	b, err := p.d.Frame().Append(nil, raw)
	if err == nil {
		_, err = p.conn.Write(b)
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		p.t.Errorf("write: %v", err)
	}
}

// receive returns the next reply; an empty message if there is none for 20 s,
// or the line has ended.
func (p *peer) receive() *codec.Message {
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	select {
	case m, ok := <-p.replies:
		if ok {
			return m
		}
	case <-limit.C:
	}
	return &codec.Message{}
}

func (p *peer) ask(m *codec.Message) *codec.Message {
	p.send(m)
	return p.receive()
}

// code asks and returns the reply's F39, empty for silence.
func (p *peer) code(m *codec.Message) string {
	return p.ask(m).Get(codec.FieldCode)
}

func expect(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func newContext(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithCancel(context.WithoutCancel(t.Context()))
}
