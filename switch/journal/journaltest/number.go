package journaltest

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// sent are the blocks that a database gave out.
type sent struct{ blocks []switching.Block }

// add fails where the block could repeat a number, or a STAN with its stamp, or
// has STAN 000000.
func (s *sent) add(t interface{ Fatalf(string, ...any) }, b switching.Block) {
	if b.First > b.Last || b.First/1_000_000 != b.Last/1_000_000 || b.First%1_000_000 == 0 {
		t.Fatalf("block %+v", b)
	}
	if b.NotAfter.Before(b.NotBefore) {
		t.Fatalf("stamps of block %+v", b)
	}
	for _, o := range s.blocks {
		if b.First <= o.Last && o.First <= b.Last {
			t.Fatalf("%+v and %+v share numbers", o, b)
		}
		stans := b.First%1_000_000 <= o.Last%1_000_000 && o.First%1_000_000 <= b.Last%1_000_000
		stamps := !b.NotBefore.Truncate(time.Second).After(o.NotAfter) && !o.NotBefore.Truncate(time.Second).After(b.NotAfter)
		if stans && stamps {
			t.Fatalf("%+v and %+v share a STAN and a stamp", o, b)
		}
	}
	s.blocks = append(s.blocks, b)
}

// testBlocks: over processes, restarts, clocks set back, and STANs that come
// round, no (STAN, stamp) can come twice.
func testBlocks(w *world) {
	all := &sent{}
	processes := []*world{w, w.process()}
	reserve := func(t *rapid.T, p *world, n int) {
		for range n {
			b, err := p.store.Numbers(w.Context())
			if err != nil {
				t.Fatal(err)
			}
			all.add(t, b)
		}
	}
	rapid.Check(w.T, func(t *rapid.T) {
		for range rapid.IntRange(1, 3).Draw(t, "steps") {
			p := processes[rapid.IntRange(0, 1).Draw(t, "process")]
			jump := rapid.SampledFrom([]time.Duration{
				0, 0, time.Millisecond, time.Second, time.Minute, time.Hour, 24 * time.Hour, -time.Second, -time.Hour, -24 * time.Hour,
			}).Draw(t, "clock")
			w.clock.add(jump)
			reserve(t, p, rapid.IntRange(1, 5).Draw(t, "blocks"))
		}
	})
	first, last := all.blocks[0], all.blocks[len(all.blocks)-1]
	if last.Last/1_000_000 <= first.First/1_000_000 {
		w.Fatal("STANs did not come round")
	}
}

// testTwoNumbers: two processes never hand out the same number.
func testTwoNumbers(w *world) {
	p := w.process()
	seen := make(map[string]bool)
	for range 2000 {
		for _, n := range []*switching.Numbers{w.numbers, p.numbers} {
			got, err := n.Take(w.Context())
			w.must(err)
			id, pair := fmt.Sprint(got.ID), string(got.STAN)+" "+string(got.Sent)
			if seen[id] || seen[pair] {
				w.Fatalf("%+v came before", got)
			}
			seen[id], seen[pair] = true, true
		}
	}
	p.start() // killed and started again
	got, err := p.numbers.Take(w.Context())
	w.must(err)
	w.equal("after a restart, twice", seen[fmt.Sprint(got.ID)], false)
}

// testStamps: stamps keep to the clock, but never go outside their block.
func testStamps(w *world) {
	take := func() switching.Number {
		n, err := w.numbers.Take(w.Context())
		w.must(err)
		return n
	}
	first := take()
	w.equal("the time", first.Sent, codec.NewStamp(w.clock.now()))
	w.clock.add(-time.Hour)
	back := take()
	w.equal("not before the block", back.Sent, first.Sent)
	w.clock.add(25 * time.Hour)
	w.equal("a fresh block", take().Sent, codec.NewStamp(w.clock.now()))

	// Numbers used up faster than the clock moves: stamps stay near it.
	for range 1_200_000 / 5000 {
		w.clock.add(500 * time.Millisecond) // 10,000 a second
		b, err := w.store.Numbers(w.Context())
		w.must(err)
		if ahead := b.NotBefore.Sub(w.clock.now()); ahead > time.Second {
			w.Fatalf("stamps run %v ahead at 10,000 numbers a second", ahead)
		}
	}
}
