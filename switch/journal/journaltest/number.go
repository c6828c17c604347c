package journaltest

import (
	"fmt"
	"sync"
	"time"

	"pgregory.net/rapid"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// round is how many blocks it takes until STANs come round.
const round = 1_000_000 / 5000

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

// reserve reserves n blocks at once.
func (s *sent) reserve(t interface{ Fatalf(string, ...any) }, p *world, n int) {
	blocks, errs := make([]switching.Block, n), make([]error, n)
	var callers sync.WaitGroup
	for i := range n {
		callers.Go(func() { blocks[i], errs[i] = p.store.Numbers(p.Context()) })
	}
	callers.Wait()
	for i, b := range blocks {
		if errs[i] != nil {
			t.Fatalf("%v", errs[i])
		}
		s.add(t, b)
	}
}

// testBlocks: over processes, restarts, clocks set back, and STANs that come
// round, no (STAN, stamp) can come twice.
func testBlocks(w *world) {
	all := &sent{}
	processes := []*world{w, w.process()}
	// Round and round within one second, and again in a second that was before.
	for _, jump := range []time.Duration{0, 0, -time.Hour, time.Hour, -24 * time.Hour, 24 * time.Hour, time.Minute} {
		w.clock.add(jump)
		for at := all.last(); all.last() < at+1_000_000; {
			all.reserve(w, processes[len(all.blocks)%2], 29)
		}
	}
	rapid.Check(w.T, func(t *rapid.T) {
		for range rapid.IntRange(1, 3).Draw(t, "steps") {
			w.clock.add(rapid.SampledFrom([]time.Duration{
				0, 0, time.Millisecond, time.Second, time.Minute, time.Hour, 24 * time.Hour, -time.Second, -time.Hour, -24 * time.Hour,
			}).Draw(t, "clock"))
			all.reserve(t, processes[rapid.IntRange(0, 1).Draw(t, "process")], rapid.IntRange(1, 40).Draw(t, "blocks"))
		}
	})
}

// last is the last number given out.
func (s *sent) last() (n int64) {
	for _, b := range s.blocks {
		n = max(n, b.Last)
	}
	return n
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
	w.clock.add(-30 * time.Second)
	w.equal("not before the block", take().Sent, first.Sent)
	w.clock.add(-time.Hour)
	w.equal("a fresh block, of the time before", take().Sent, codec.NewStamp(w.clock.now()))
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

// testLostNumbers: a database made anew goes on above the one that was lost, and
// so does a copy from before.
func testLostNumbers(w *world) {
	all := &sent{}
	all.reserve(w, w, 3)
	for range 3 {
		w.clock.add(20 * time.Second)
		p := *w
		p.options.At = w.TempDir()
		p.start()
		all.reserve(w, &p, 4) // as many as the clock counts until the next
	}
	w.clock.add(20 * time.Second)
	all.reserve(w, w, 1) // the first one is the copy
}

// testStampsAstray: a clock that was years ahead for long enough that all STANs came
// round leaves no stamps of those years to the messages after it.
func testStampsAstray(w *world) {
	all := &sent{}
	all.reserve(w, w, round)
	for _, years := range []int{3, -3} {
		w.clock.set(w.clock.now().AddDate(years, 0, 1))
		for range round {
			all.reserve(w, w, 1)
			b := all.blocks[len(all.blocks)-1]
			if ahead := b.NotBefore.Sub(w.clock.now()); ahead > time.Minute {
				w.Fatalf("stamps run %v ahead of a clock that is right again", ahead)
			}
		}
	}
}

// testStampsOfAnotherYear: what was sent under a clock of a wrong year bore the stamps of
// the right one.
func testStampsOfAnotherYear(w *world) {
	for _, years := range []int{1, -1, 3} {
		all, right := &sent{}, w.clock.now()
		w.clock.set(right.AddDate(years, 0, 0))
		all.reserve(w, w, round)
		w.clock.set(right)
		for i, b := range all.blocks {
			all.blocks[i].NotBefore, all.blocks[i].NotAfter = b.NotBefore.AddDate(-years, 0, 0), b.NotAfter.AddDate(-years, 0, 0)
		}
		all.reserve(w, w, round)
		w.clock.add(time.Hour)
	}
}

// testYears: what names a sending has no year, so of the years in which the second
// comes again each has STANs of its own for it, though both follow the clock.
func testYears(w *world) {
	used := map[codec.STAN]int{}
	for year := range 10 {
		w.clock.set(time.Date(2026+year, 11, 30, 9, 30, 0, 0, codec.Shanghai))
		for _, block := range []time.Duration{0, 30 * time.Second} { // both may be used in that second
			w.clock.add(block)
			b, err := w.store.Numbers(w.Context())
			w.must(err)
			for id := b.First; id <= b.Last; id++ {
				stan := switching.STANOf(id)
				if before, is := used[stan]; is && before != year {
					w.Fatalf("STAN %s in that second of year %d and again of year %d", stan, before, year)
				}
				used[stan] = year
			}
		}
	}
}

// testNumbersLast: an RRN has room for a number for decades, after a clock that
// was once set far too late too.
func testNumbersLast(w *world) {
	for _, years := range []int{25, 10, 1000, -1010} {
		w.clock.add(time.Until(time.Now().AddDate(years, 0, 0)))
		b, err := w.store.Numbers(w.Context())
		w.must(err)
		if b.Last >= 950_000_000_000 {
			w.Fatalf("after %d years: %d", years, b.Last)
		}
	}
}
