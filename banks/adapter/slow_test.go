package adapter

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wxswitch/codec"
	"wxswitch/codec/frame"
	"wxswitch/switch/db"
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

// worksForGoneLinks leaves Core at work for two links that have gone.
func (k *kit) worksForGoneLinks(t *testing.T, core *blocking) {
	for _, rrn := range []string{"000000000001", "000000000002"} {
		p := k.connect(t)
		p.send(p.message(codec.Authenticate, rrn))
		<-core.begun
		_ = p.conn.Close()
	}
	synctest.Wait()
}

// Links that have gone, and whose work is under way still, keep no new one out.
func TestGoneLinksMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newBlocking()
		k := start(t, openDB(t, ledgerPath(t)), core.serve, func(c *Config) { c.Links = 2 })
		k.worksForGoneLinks(t, core)
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

// What its deadline overtakes while the ledger is written is not begun either.
func TestTimePastWhileItIsClaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow atomic.Bool
		d := openWith(t, db.Options{Path: ledgerPath(t), Alone: true, Fail: func(point string) error {
			if point == "commit-before" && slow.Swap(false) {
				time.Sleep(8 * time.Second)
			}
			return nil
		}})
		var repeats []bool
		k := start(t, d, func(_ context.Context, m *codec.Message) (*codec.Message, error) {
			repeats = append(repeats, m.Repeat)
			return codec.NewReply(m, "00"), nil
		}, nil)
		p := k.connect(t)
		m := p.message(codec.Authenticate, "000000000001") // has 5 s
		slow.Store(true)
		expect(t, "past", p.code(m), "")
		if len(repeats) > 0 {
			t.Error("core was called after the deadline")
		}
		rows, err := k.Arrivals(t.Context(), 0, 0)
		if err != nil || len(rows) != 1 || rows[0].Called || rows[0].Note != droppedExpired {
			t.Errorf("arrivals: %+v %v", rows, err)
		}
		expect(t, "again", p.code(m), "00")
	})
}

// A link that only holds a place is closed; one that has signed on, and says
// nothing more than that it lives, is not.
func TestLinkThatDoesNotSignOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, nil)
		ours, theirs := net.Pipe()
		k.link(theirs)
		mute, signed := newPeer(t, k.cfg.Dialect, ours), k.connect(t)
		for range 4 {
			<-time.After(k.cfg.Idle / 3)
			if got := signed.ask(signed.message(codec.Echo, "")); got == nil {
				t.Fatal("the signed-on link is gone")
			}
		}
		select {
		case _, open := <-mute.replies:
			if open {
				t.Error("an answer that nobody asked for")
			}
		default:
			t.Error("the link that never signed on is there still")
		}
	})
}
