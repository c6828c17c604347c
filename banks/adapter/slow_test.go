package adapter

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"wxswitch/codec"
	"wxswitch/codec/frame"
)

// slowly makes a signed-on link whose peer reads only when next is called.
func slowly(t *testing.T, k *kit) (p *peer, next func() error) {
	ours, theirs := net.Pipe()
	k.link(theirs)
	t.Cleanup(func() { _ = ours.Close() })
	p = &peer{t: t, d: k.cfg.Dialect, conn: ours}
	r := frame.NewReader(ours, p.d.Frame())
	next = func() error { _, err := r.Next(); return err }
	p.send(p.message(codec.SignOn, ""))
	if err := next(); err != nil {
		t.Fatal(err)
	}
	return p, next
}

// An answer that waits behind a write that stalls leaves by another link.
func TestAnswersBehindAStalledWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, nil)
		p, _ := slowly(t, k)
		other := k.connect(t)
		want := map[string]bool{"000000000001": true, "000000000002": true, "000000000003": true}
		for rrn := range want {
			p.send(p.message(codec.Authenticate, rrn))
		}
		for range len(want) {
			delete(want, other.receive().Get(codec.FieldRRN))
		}
		if len(want) > 0 {
			t.Errorf("no answer to %v, though a link was up", want)
		}
	})
}

// Links that have gone, and whose work is under way still, keep no new one out.
func TestGoneLinksMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newBlocking()
		k := start(t, openDB(t, ledgerPath(t)), core.serve, func(c *Config) { c.Links = 2 })
		for _, rrn := range []string{"000000000001", "000000000002"} {
			p := k.connect(t)
			p.send(p.message(codec.Authenticate, rrn))
			<-core.begun
			_ = p.conn.Close()
		}
		synctest.Wait()
		back := k.connect(t)
		core.let <- "00"
		core.let <- "00"
		for range 2 {
			expect(t, "answer", back.receive().Get(codec.FieldCode), "00")
		}
	})
}

// A peer that reads slowly does not hold up the end.
func TestDrainOfASlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, nil)
		p, next := slowly(t, k)
		for i := range int64(30) {
			p.send(p.message(codec.Authenticate, string(codec.NewRRN(i))))
		}
		read := make(chan struct{})
		go func() {
			defer close(read)
			for next() == nil {
				time.Sleep(k.cfg.Write - time.Second)
			}
		}()
		synctest.Wait()
		begun := time.Now()
		k.stop()
		if took := time.Since(begun); took > k.cfg.Drain+time.Second {
			t.Errorf("draining took %s, the limit is %s", took, k.cfg.Drain)
		}
		_ = p.conn.Close()
		<-read
	})
}
