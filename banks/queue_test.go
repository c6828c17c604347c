package banks

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wxswitch/codec"
)

func TestBankDiesWith200InFlight(t *testing.T) {
	inBubble(t, silent, func(t *testing.T, r *rig) {
		var wg sync.WaitGroup
		for n := range 200 {
			wg.Go(func() {
				begun := time.Now()
				_, err := ask(r.Bank, request(codec.Deregister, n), 10*time.Second)
				wantInDoubt(t, err, NoReply)
				want(t, "waited", time.Since(begun), 10*time.Second)
			})
		}
		synctest.Wait()
		want(t, "in flight", r.Status().InFlight, 200)
		r.peer.goDown("bank:1", true)
		r.peer.nth(0).hangUp()
		synctest.Wait()
		want(t, "online", r.Status().Online, 0)
		_, err := ask(r.Bank, request(codec.Deregister, 999), time.Second)
		wantNotSent(t, err, NoLink)
		wg.Wait()
		want(t, "in flight", r.Status().InFlight, 0)
		want(t, "sent", len(r.peer.requests()), 200)
	})
}

// A reply may come over the link that is dialled after the request's own died.
func TestReplyAfterReconnect(t *testing.T) {
	inBubble(t, silent, func(t *testing.T, r *rig) {
		var wg sync.WaitGroup
		wg.Go(func() {
			reply, err := ask(r.Bank, request(codec.Deregister, 1), 10*time.Second)
			wantApproved(t, reply, err)
		})
		synctest.Wait()
		r.peer.nth(0).hangUp()
		synctest.Wait()
		<-r.Online()
		r.peer.nth(1).say(codec.NewReply(request(codec.Deregister, 1), "00"))
		wg.Wait()
		want(t, "reconnects", r.metric(t, "reconnects_total"), 1)
	})
}

// Requests that nobody took yet go out on another link, exactly once.
func TestQueuedCallsOutliveTheirLink(t *testing.T) {
	first := true
	serve := func(l *line, m *codec.Message) {
		if first { // the first request's link reads no further
			first = false
			<-l.peer.stuck
			return
		}
		l.say(codec.NewReply(m, "00"))
	}
	inBubble(t, serve, func(t *testing.T, r *rig) {
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := ask(r.Bank, request(codec.Balance, 0), 20*time.Second)
			wantInDoubt(t, err, NoReply)
		})
		synctest.Wait()
		wg.Go(func() { // is stuck in the link's write
			_, err := ask(r.Bank, request(codec.Balance, 1), 20*time.Second)
			wantInDoubt(t, err, NoReply)
		})
		synctest.Wait()
		for n := range 20 {
			wg.Go(func() {
				reply, err := ask(r.Bank, request(codec.Balance, 100+n), 20*time.Second)
				wantApproved(t, reply, err)
			})
		}
		synctest.Wait()
		want(t, "queued", r.Status().Queued, 20)
		want(t, "queued", r.metric(t, "queue"), 20)
		r.peer.nth(0).hangUp()
		close(r.peer.stuck)
		wg.Wait()
		seen := r.peer.requests()
		slices.Sort(seen)
		want(t, "requests seen", len(seen), 21)
		want(t, "different ones", len(slices.Compact(seen)), 21)
	})
}

// A deadline that passes while the request waits for a link that does not read.
func TestDeadlineWhileQueued(t *testing.T) {
	inBubble(t, deaf, func(t *testing.T, r *rig) {
		defer close(r.peer.stuck)
		var wg sync.WaitGroup
		for n := range 2 {
			wg.Go(func() { _, _ = ask(r.Bank, request(codec.Balance, n), time.Second) })
			synctest.Wait()
		}
		_, err := ask(r.Bank, request(codec.Balance, 2), time.Second)
		wantNotSent(t, err, DeadlinePast)
		wg.Wait()

		wg.Go(func() {
			_, err := ask(r.Bank, request(codec.Balance, 3), 30*time.Second)
			wantNotSent(t, err, NoLink)
		})
		synctest.Wait()
		r.peer.goDown("bank:1", true)
		wg.Wait()
		if seen := r.peer.requests(); !slices.Equal(seen, []string{"000000"}) {
			t.Errorf("the bank saw %v", seen)
		}
	})
}

// A deadline that passes while the message is packed: no link takes it.
func TestDeadlineWhilePacking(t *testing.T) {
	inBubble(t, approve, func(t *testing.T, r *rig) {
		for n := range 50 {
			_, err := ask(r.Bank, saying(codec.Balance, n, "slow to pack"), time.Second)
			wantNotSent(t, err, DeadlinePast)
		}
		want(t, "sent", len(r.peer.requests()), 0)
		want(t, "queued", r.Status().Queued, 0)
	})
}

func TestQueueFull(t *testing.T) {
	inBubble(t, deaf, func(t *testing.T, r *rig) {
		defer close(r.peer.stuck)
		var wg sync.WaitGroup
		for n := range 5 { // one at the bank, one in the writer, three queued
			wg.Go(func() { _, _ = ask(r.Bank, request(codec.Balance, n), time.Second) })
			synctest.Wait()
		}
		_, err := ask(r.Bank, request(codec.Balance, 5), time.Second)
		wantNotSent(t, err, BulkheadFull)
		wg.Wait()
		want(t, "waiting calls", len(r.mux.waiting), 0)
	}, func(c *Config) { c.Queue = 3 })
}

// What a writer finds in the queue and must not take.
func TestWriterLeavesWhatItMayNotTake(t *testing.T) {
	b, err := New(testConfig(), fake{}, &listener{}, Options{Numbers: &counting{}})
	if err != nil {
		t.Fatal(err)
	}
	c := newConn(b.transport.(*tcp), nil)
	var out batch
	soon := func(d time.Duration) *call { return &call{until: time.Now().Add(d), done: make(chan result, 1)} }

	c.pull(true)
	late := soon(-time.Millisecond)
	if !c.addCall(&out, late) || out.messages != 0 || !late.leave(ended) {
		t.Error("a call past its deadline was taken")
	}
	c.pull(false)
	early := soon(time.Hour)
	if c.addCall(&out, early) || out.messages != 0 || <-b.queue != early {
		t.Error("a call was not put back by a link that may not carry it")
	}
	if refused := b.mux.add(early); refused != nil {
		t.Fatal(refused)
	}
	for len(b.queue) < cap(b.queue) {
		b.queue <- soon(time.Hour)
	}
	c.addCall(&out, early)
	wantNotSent(t, (<-early.done).err, NoLink)
	want(t, "waiting calls", len(b.mux.waiting), 0)
}
