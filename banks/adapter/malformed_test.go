package adapter

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"wxswitch/codec"
)

func TestMalformedIsAnsweredWhereItCanBePaired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, func(c *Config) { c.Metrics = prometheus.NewRegistry() })
		p := k.connect(t)
		raw, err := p.d.Pack(p.message(codec.Authenticate, "000000000001"))
		if err != nil {
			t.Fatal(err)
		}
		p.write(append(raw, 'x')) // a trailing byte
		got := p.receive()
		expect(t, "code", got.Get(codec.FieldCode), "30")
		expect(t, "RRN", got.Get(codec.FieldRRN), "000000000001")
		off, err := p.d.Pack(p.message(codec.SignOff, ""))
		if err != nil {
			t.Fatal(err)
		}
		p.write(append(off, 'x')) // and is not signed off by it
		expect(t, "network message", p.receive().Get(codec.FieldCode), "30")
		p.write([]byte("0100 but nothing else"))
		expect(t, "what cannot be paired", p.receive().Get(codec.FieldCode), "")
		expect(t, "the same, whole", p.code(p.message(codec.Authenticate, "000000000001")), "00")
		expect(t, "counted", k.dropped(t, droppedMalformed), "3")
	})
}

// What is dropped is counted; a peer that sends nothing else, signed on or not, fills
// no disk with lines.
func TestAPeerFillsNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		k := start(t, openDB(t, ledgerPath(t)), approve, func(c *Config) {
			c.Log, c.Metrics = zerolog.New(&log), prometheus.NewRegistry()
		})
		p := k.connect(t)
		for range 1000 {
			p.write([]byte("0100 but nothing else"))
		}
		expect(t, "then", p.code(p.message(codec.SignOn, "")), "00")
		synctest.Wait()
		expect(t, "counted", k.dropped(t, droppedMalformed), "1000")
		if lines := strings.Count(log.String(), "message dropped"); lines < 1 || lines > 10 {
			t.Errorf("%d lines in a moment", lines)
		}
	})
}

// TestMutatedBytes sends messages with some bytes changed: whatever it answers,
// the link answers the next good message.
func TestMutatedBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, nil)
		p := k.connect(t)
		rapid.Check(noDeadline{t}, func(r *rapid.T) {
			kind := rapid.SampledFrom([]codec.Type{codec.Authenticate, codec.Balance, codec.Echo}).Draw(r, "type")
			raw, err := p.d.Pack(p.message(kind, map[bool]string{false: "000000000001"}[kind == codec.Echo]))
			if err != nil {
				r.Fatal(err)
			}
			for range rapid.IntRange(1, 4).Draw(r, "changes") {
				raw[rapid.IntRange(0, len(raw)-1).Draw(r, "at")] = rapid.Byte().Draw(r, "byte")
			}
			p.write(raw[:rapid.IntRange(1, len(raw)).Draw(r, "length")])
			synctest.Wait()
			for len(p.replies) > 0 {
				<-p.replies
			}
			if got := p.code(p.message(codec.SignOn, "")); got != "00" {
				r.Fatalf("then: got %q", got)
			}
		})
	})
}

func TestLengthThatCannotBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, nil)
		for _, head := range []string{"9999", "-001", "0000", "\xff\xff\xff\xff"} {
			p := k.connect(t)
			if _, err := p.conn.Write([]byte(head)); err != nil {
				t.Fatal(err)
			}
			for m := range p.replies { // until the line ends
				t.Errorf("%q was answered: %v", head, m)
			}
		}
	})
}

func TestPeerThatNeverReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, nil)
		ours, theirs := net.Pipe()
		k.link(theirs)
		p := &peer{t: t, d: k.cfg.Dialect, conn: ours}
		raw, err := p.d.Pack(p.message(codec.SignOn, ""))
		if err != nil {
			t.Fatal(err)
		}
		p.write(raw)
		synctest.Wait()
		k.stop() // returns although its answer and its sign-off cannot be written
		_ = ours.Close()
	})
}

func TestByteByByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, nil)
		p := k.connect(t)
		raw, err := p.d.Pack(p.message(codec.Authenticate, "000000000001"))
		if err != nil {
			t.Fatal(err)
		}
		framed, err := p.d.Frame().Append(nil, raw)
		if err != nil {
			t.Fatal(err)
		}
		for i := range framed {
			if _, err := p.conn.Write(framed[i : i+1]); err != nil {
				t.Fatal(err)
			}
		}
		expect(t, "answer", p.receive().Get(codec.FieldCode), "00")
	})
}

// failing is a listener that once has no descriptor for a link.
type failing struct {
	net.Listener
	failed bool
}

func (f *failing) Accept() (net.Conn, error) {
	if !f.failed {
		f.failed = true
		return nil, errors.New("too many open files")
	}
	return f.Listener.Accept()
}

func TestOverTCP(t *testing.T) {
	k := start(t, openDB(t, ledgerPath(t)), approve, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	ctx, cancel := newContext(t)
	go func() { done <- k.Accept(ctx, &failing{Listener: l}) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	for range 3 {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		p := newPeer(t, k.cfg.Dialect, conn)
		expect(t, "sign-on", p.code(p.message(codec.SignOn, "")), "00")
		expect(t, "answer", p.code(p.message(codec.Authenticate, "000000000001")), "00")
	}
}

// addresses is a log that hands on where the adapter listens.
type addresses chan string

func (a addresses) Write(line []byte) (int, error) {
	var told struct{ Address string }
	if err := json.Unmarshal(line, &told); err == nil && told.Address != "" {
		a <- told.Address
	}
	return len(line), nil
}

// Run listens, serves, tells and takes leave, and may be called again after; an address
// that is taken is an error, and none is served.
func TestRun(t *testing.T) {
	at := make(addresses, 2)
	k := start(t, openDB(t, ledgerPath(t)), approve, func(c *Config) {
		c.Log, c.Listen = zerolog.New(at), []string{"127.0.0.1:0"}
	})
	for n := range 2 {
		ctx, cancel := newContext(t)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- k.Run(ctx) }()
		conn, err := net.Dial("tcp", <-at)
		if err != nil {
			t.Fatal(err)
		}
		p := newPeer(t, k.cfg.Dialect, conn)
		expect(t, "sign-on", p.code(p.message(codec.SignOn, "")), "00")
		expect(t, "answer", p.code(p.message(codec.Authenticate, fmt.Sprintf("%012d", n))), "00")
		if err := k.Tell(ctx, movement()); err != nil {
			t.Fatal(err)
		}
		p.send(codec.NewReply(<-p.echoes, "00"))
		cancel()
		expect(t, "leave", string((<-p.echoes).Type), string(codec.SignOff))
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test is over
	k.cfg.Listen = append(k.cfg.Listen, l.Addr().String())
	if err := k.Run(t.Context()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", <-at); err == nil {
		t.Error("the other address is served")
	}
}

// A dialect may have no network messages: its links carry requests as they come, and
// one that is idle is left alone.
func TestDialectWithoutNetworkMessages(t *testing.T) {
	d := onPlain(t, "types: {sign-on: null, echo: null, sign-off: null}")
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, func(c *Config) { c.Dialect = d })
		ours, theirs := net.Pipe()
		k.link(theirs)
		p := newPeer(t, d, ours)
		expect(t, "at once", p.code(p.message(codec.Authenticate, "000000000001")), "00")
		time.Sleep(time.Hour)
		expect(t, "after an hour", p.code(p.message(codec.Authenticate, "000000000002")), "00")
	})
}

func TestTooManyLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, func(c *Config) { c.Links = 1 })
		first := k.connect(t)
		expect(t, "a second link is up for", k.unsigned(t).String(), "0s")
		expect(t, "the first link", first.code(first.message(codec.Echo, "")), "00")
	})
}

// A dialect may pair by less than F3, F7 and F11: what it does not pair by is
// salvaged all the same, and the answer can be written.
func TestMalformedWherePairingIsShort(t *testing.T) {
	d := onPlain(t, "pairing: [stan]")
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, func(c *Config) { c.Dialect = d })
		p := k.connect(t)
		m := p.message(codec.Authenticate, "000000000001")
		for _, m := range []*codec.Message{m, p.advice(codec.Reversal, m)} {
			raw, err := d.Pack(m)
			if err != nil {
				t.Fatal(err)
			}
			p.write(append(raw, 'x')) // a trailing byte
			expect(t, string(m.Type), p.receive().Get(codec.FieldCode), "30")
		}
	})
}
