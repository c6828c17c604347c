package banks

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wxswitch/codec"
)

// listen makes the peer a bank on a real socket and returns its address.
func (p *peer) listen(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	p.wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			p.accept(nc)
		}
	})
	t.Cleanup(func() { _ = ln.Close(); p.wg.Wait() })
	return ln.Addr().String()
}

// counted counts the writes of a connection and what they carry.
type counted struct {
	net.Conn
	writes *atomic.Int64
	hold   func()
}

func (c counted) Write(b []byte) (int, error) {
	c.writes.Add(1)
	c.hold()
	return c.Conn.Write(b)
}

// finishSocket ends the bank; its peer ends with the test.
func (r *rig) finishSocket(t testing.TB) {
	t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func at(address string) func(*Config) {
	return func(c *Config) { c.Links[0].Addresses = []string{address} }
}

// What gathers while one write is under way leaves in the next, all together.
func TestOneWriteForWhatWaits(t *testing.T) {
	p := newPeer(approve)
	address := p.listen(t)
	var writes atomic.Int64
	release, entered := make(chan struct{}), make(chan struct{}, 100)
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, network, address)
		return counted{nc, &writes, func() {
			entered <- struct{}{}
			<-release
		}}, err
	}
	r := begin(t, p, dial, at(address))
	defer r.finishSocket(t)
	<-r.Online()
	var wg sync.WaitGroup
	exchange := func(n int) {
		wg.Go(func() {
			reply, err := ask(r.Bank, request(codec.Balance, n), 30*time.Second)
			wantApproved(t, reply, err)
		})
	}
	exchange(0)
	<-entered // the first is in its write
	for n := 1; n <= 2*batchMessages+1; n++ {
		exchange(n)
	}
	for r.Status().Queued < 2*batchMessages+1 {
		<-time.After(time.Millisecond)
	}
	close(release)
	wg.Wait()
	want(t, "writes of 130 messages", writes.Load(), 4) // 1 + 64 + 64 + 1
}

// A bank that accepts and never reads: no caller waits past its own deadline,
// the link drops by its write deadline, and what no link took was not sent.
func TestPeerThatNeverReads(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 10)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- nc
		}
	})
	narrow := func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			err = nc.(*net.TCPConn).SetWriteBuffer(4096)
		}
		return nc, err
	}
	r := begin(t, newPeer(nil), narrow, at(ln.Addr().String()), func(c *Config) {
		c.WriteTimeout, c.Limit, c.BackoffMin = 300*time.Millisecond, 20_000, time.Second
	})
	<-r.Online()
	sent, notSent := r.flood(t, 10_000, time.Second)
	if sent == 0 || notSent == 0 {
		t.Errorf("%d in doubt, %d not sent, want some of each", sent, notSent)
	}
	if e := r.Status().Links[0].LastError; !strings.Contains(e, "timeout") {
		t.Errorf("last error %q, want the write's deadline", e)
	}
	_ = ln.Close()
	for nc := range accepted {
		_ = nc.Close()
	}
	accepting.Wait()
	r.finishSocket(t)
}

// flood sends n large requests at once and returns how they ended.
func (r *rig) flood(t *testing.T, n int, within time.Duration) (doubt, notSent int64) {
	t.Helper()
	text := strings.Repeat("x", 1900)
	var inDoubt, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			begun := time.Now()
			_, err := ask(r.Bank, saying(codec.Balance, i, text), within)
			if took := time.Since(begun); took > within+5*time.Second {
				t.Errorf("held for %v", took)
			}
			var d *InDoubt
			if errors.As(err, &d) {
				inDoubt.Add(1)
				return
			}
			refused.Add(1)
		})
	}
	wg.Wait()
	return inDoubt.Load(), refused.Load()
}

// A peer that went without a word (no FIN ever comes) is found by the echo.
func TestHalfOpenPeer(t *testing.T) {
	var deaf atomic.Bool
	p := newPeer(func(l *line, m *codec.Message) {
		if !deaf.Load() {
			approve(l, m)
		}
	})
	r := begin(t, p, new(net.Dialer).DialContext, at(p.listen(t)), func(c *Config) {
		c.EchoIdle, c.NetworkTimeout = 30*time.Millisecond, 100*time.Millisecond
	})
	defer r.finishSocket(t)
	<-r.Online()
	reply, err := ask(r.Bank, request(codec.Balance, 1), 10*time.Second)
	wantApproved(t, reply, err)
	deaf.Store(true)
	for r.metric(t, "reconnects_total") == 0 {
		<-time.After(5 * time.Millisecond)
	}
	deaf.Store(false)
	<-r.Online()
	reply, err = ask(r.Bank, request(codec.Balance, 2), 10*time.Second)
	wantApproved(t, reply, err)
}

// Links are killed at random under load: every request ends in one of the
// three ways, none reaches the bank twice, none gets another's reply.
func TestKilledLinksUnderLoad(t *testing.T) {
	p := newPeer(func(l *line, m *codec.Message) {
		reply := codec.NewReply(m, "00")
		reply.Set(codec.FieldText, m.Get(codec.FieldText))
		l.say(reply)
	})
	address := p.listen(t)
	r := begin(t, p, new(net.Dialer).DialContext, twoLinks, func(c *Config) {
		c.Links[0].Addresses, c.Links[1].Addresses = []string{address}, []string{address}
		c.BackoffMin, c.BackoffMax = time.Millisecond, 2*time.Millisecond
		c.Breaker.ConsecutiveFailures, c.Breaker.MinRequests = 1<<20, 1<<20
	})
	<-r.Online()
	var workers sync.WaitGroup
	var next, approved, notSent, doubt atomic.Int64
	stop := make(chan struct{})
	for range 32 {
		workers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r.tally(t, int(next.Add(1)), &approved, &notSent, &doubt)
			}
		})
	}
	for n := range 40 {
		<-time.After(5 * time.Millisecond)
		if l := p.nth(n); l != nil {
			l.hangUp()
		}
	}
	close(stop)
	workers.Wait()
	r.finishSocket(t)
	seen := make(map[string]bool)
	for _, stan := range p.requests() {
		if seen[stan] {
			t.Errorf("request %s reached the bank twice", stan)
		}
		seen[stan] = true
	}
	if sent := approved.Load() + doubt.Load(); int64(len(seen)) > sent || approved.Load() == 0 {
		t.Errorf("bank saw %d; %d approved, %d in doubt, %d not sent", len(seen), approved.Load(), doubt.Load(), notSent.Load())
	}
}

// tally runs one request and counts how it ended.
func (r *rig) tally(t *testing.T, n int, approved, notSent, doubt *atomic.Int64) {
	m := request(codec.Balance, n)
	m.Set(codec.FieldText, "for "+m.Get(codec.FieldSTAN))
	reply, err := ask(r.Bank, m, 100*time.Millisecond)
	var refused *NotSent
	var unknown *InDoubt
	switch {
	case err == nil:
		approved.Add(1)
		want(t, "reply", reply.Get(codec.FieldText), m.Get(codec.FieldText))
	case errors.As(err, &refused):
		notSent.Add(1)
	case errors.As(err, &unknown):
		doubt.Add(1)
	default:
		t.Errorf("ended as %v", err)
	}
}
