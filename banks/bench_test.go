package banks

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wxswitch/codec"
	"wxswitch/codec/frame"
)

// echoing is a bank that turns requests into replies in place, and writes all
// that it has read at once: it costs next to nothing.
func echoing(tb testing.TB) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var wg sync.WaitGroup
	tb.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { echoOn(nc) })
		}
	})
	return ln.Addr().String()
}

func echoOn(nc net.Conn) {
	defer func() { _ = nc.Close() }()
	buf := make([]byte, 0, 256<<10)
	for {
		n, err := nc.Read(buf[len(buf):cap(buf)])
		if err != nil {
			return
		}
		buf = buf[:len(buf)+n]
		whole := turn(buf)
		if _, err := nc.Write(buf[:whole]); err != nil {
			return
		}
		buf = buf[:copy(buf, buf[whole:])]
	}
}

// turn makes replies of the whole frames in b and returns where they end. The
// code that a request leaves empty stays empty: cheap, and Unmapped.
func turn(b []byte) (end int) {
	for end+fakeFormat.Prefix <= len(b) {
		size, err := fakeFormat.ReadLength(b[end:])
		if err != nil || end+size > len(b) {
			return end
		}
		for i := end; i < end+size; i++ {
			if b[i] == '|' {
				b[i+1] = 'R'
				break
			}
		}
		end += size
	}
	return end
}

// BenchmarkExchange is the whole way of a request through a bank but for a real
// dialect: permit, mux, queue, link, socket and back. It reports how many
// messages leave in one write.
func BenchmarkExchange(b *testing.B) {
	for _, inFlight := range []int{1, 64, 256} {
		b.Run(map[int]string{1: "1", 64: "64", 256: "256"}[inFlight], func(b *testing.B) {
			r := begin(b, newPeer(nil), (&net.Dialer{}).DialContext, at(echoing(b)), func(c *Config) { c.Limit = 512 })
			<-r.Online()
			b.ReportAllocs()
			b.ResetTimer()
			var next atomic.Int64
			var wg sync.WaitGroup
			for range inFlight {
				wg.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						if _, err := ask(r.Bank, benchRequest(n), 10*time.Second); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			writes, messages := r.written(b)
			b.ReportMetric(messages/writes, "messages/write")
			r.stop()
			<-r.ended
		})
	}
}

// benchRequest has a number and no more, so that it allocates little itself.
func benchRequest(n int64) *codec.Message {
	m := codec.NewRequest(codec.Balance)
	m.Set(codec.FieldSTAN, string(codec.NewSTAN(n)))
	m.Set(codec.FieldSent, "1124115959")
	return m
}

// written reads how many writes there were, and of how many messages.
func (r *rig) written(tb testing.TB) (writes, messages float64) {
	families, err := r.registry.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "wxswitch_bank_write_messages" {
			h := f.GetMetric()[0].GetHistogram()
			return float64(h.GetSampleCount()), h.GetSampleSum()
		}
	}
	return 0, 0
}

// BenchmarkMux registers and claims with 64 in flight.
func BenchmarkMux(b *testing.B) {
	m := newMux()
	calls := make([]*call, 64)
	for i := range calls {
		calls[i] = &call{pair: codec.Pair{Class: "0200", ProcessingCode: "310000", STAN: string(codec.NewSTAN(int64(i))), Sent: "1124115959"}}
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, c := range calls {
			c.state.Store(queued)
			_ = m.add(c)
			c.leave(writing)
		}
		for _, c := range calls {
			if m.reply(c.pair) != c {
				b.Fatal("not paired")
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/message")
}

// BenchmarkFrame writes and reads frames without a socket.
func BenchmarkFrame(b *testing.B) {
	message := make([]byte, 300)
	framed, err := fakeFormat.Append(nil, message)
	if err != nil {
		b.Fatal(err)
	}
	r := frame.NewReader(endless{framed}, fakeFormat)
	b.ReportAllocs()
	for b.Loop() {
		framed, _ = fakeFormat.Append(framed[:0], message)
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

// endless repeats a frame.
type endless struct{ frame []byte }

func (e endless) Read(b []byte) (n int, err error) {
	for len(b)-n >= len(e.frame) {
		n += copy(b[n:], e.frame)
	}
	return n, nil
}
