package sim

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wxswitch/codec"
	"wxswitch/codec/frame"
	"wxswitch/codec/iso"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a bank until the test ends, or stop is called.
func start(t testing.TB, config func(*Config)) (b *Bank, stop func()) {
	t.Helper()
	d, err := iso.Builtin("cups")
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Dialect: d, Path: filepath.Join(t.TempDir(), "bank.db"), Listen: []string{"127.0.0.1:0"}, Seed: 1, People: 20}
	if config != nil {
		config(&c)
	}
	if b, err = New(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	}
	t.Cleanup(stop)
	return b, stop
}

// line is the switch's end of a link.
type line struct {
	t    testing.TB
	d    codec.Dialect
	conn net.Conn
	r    *frame.Reader
	next int64
}

func dial(t testing.TB, b *Bank) *line {
	t.Helper()
	conn, err := net.Dial("tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	l := &line{t: t, d: b.cfg.Dialect, conn: conn, r: frame.NewReader(conn, b.cfg.Dialect.Frame())}
	m := codec.NewRequest(codec.SignOn)
	l.number(m)
	if got := l.ask(m); got.Get(codec.FieldCode) != "00" {
		t.Fatalf("sign-on: %v", got)
	}
	return l
}

func (l *line) number(m *codec.Message) {
	l.next++
	m.Set(codec.FieldSTAN, string(codec.NewSTAN(l.next)))
	m.Set(codec.FieldSent, "1124101010")
	m.Set(codec.FieldForwarder, "48980000")
}

// request makes a request about a person's account.
func (l *line) request(kind codec.Type, rrn int64, p Person, account int) *codec.Message {
	m := codec.NewRequest(kind)
	l.number(m)
	a := p.Accounts[account]
	m.SetAccount(a.Number, a.Card)
	m.Set(codec.FieldRRN, string(codec.NewRRN(rrn)))
	m.Set(codec.FieldAcquirer, "48980000")
	m.Set(codec.FieldRemaining, "5000")
	if kind == codec.Authenticate || kind == codec.Attach {
		m.Set(codec.FieldCertType, p.CertType)
		m.Set(codec.FieldCertNumber, p.Cert.Reveal())
	}
	return m
}

func (l *line) advice(kind codec.Type, about *codec.Message) *codec.Message {
	m := codec.NewRequest(kind)
	m.Fields = about.Fields
	m.Set(codec.FieldCertType, "")
	m.Set(codec.FieldCertNumber, "")
	l.number(m)
	mti, code, _ := l.d.Wire(about.Type)
	m.Set(codec.FieldProcessingCode, code)
	m.Set(codec.FieldOriginalMTI, mti)
	m.Set(codec.FieldOriginalSTAN, about.Get(codec.FieldSTAN))
	m.Set(codec.FieldOriginalSent, about.Get(codec.FieldSent))
	m.Set(codec.FieldOriginalAcquirer, about.Get(codec.FieldAcquirer))
	return m
}

func (l *line) send(m *codec.Message) {
	l.t.Helper()
	raw, err := l.d.Pack(m)
	if err == nil {
		raw, err = l.d.Frame().Append(nil, raw)
	}
	if err == nil {
		_, err = l.conn.Write(raw)
	}
	if err != nil {
		l.t.Fatalf("send %s: %v", m.Type, err)
	}
}

// raw returns the next message's bytes, within the time.
func (l *line) raw(within time.Duration) ([]byte, error) {
	if err := l.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	return l.r.Next()
}

func (l *line) ask(m *codec.Message) *codec.Message {
	l.t.Helper()
	l.send(m)
	raw, err := l.raw(10 * time.Second)
	if err != nil {
		l.t.Fatalf("no answer to %s: %v", m.Type, err)
	}
	r, err := l.d.Unpack(raw)
	if err != nil {
		l.t.Fatalf("answer to %s: %v", m.Type, err)
	}
	return r
}

func (l *line) expect(m *codec.Message, code string) *codec.Message {
	l.t.Helper()
	r := l.ask(m)
	if got := r.Get(codec.FieldCode); got != code || r.Get(codec.FieldRRN) != m.Get(codec.FieldRRN) {
		l.t.Fatalf("%s: got %s for RRN %s, want %s", m.Type, got, r.Get(codec.FieldRRN), code)
	}
	return r
}
