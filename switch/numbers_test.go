package switching_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// slowBlocks takes as long as it says to reserve a block, whose stamps may be
// used for 30 s.
type slowBlocks struct {
	takes    time.Duration
	reserved int64
}

func (s *slowBlocks) Numbers(context.Context) (switching.Block, error) {
	now := time.Now()
	<-time.After(s.takes)
	s.reserved++
	first := s.reserved * 10
	return switching.Block{First: first, Last: first + 4, NotBefore: now, NotAfter: now.Add(30 * time.Second)}, nil
}

// TestStampOfASlowBlock: the stamp is read after the block is there, and stays
// in it though that took too long.
func TestStampOfASlowBlock(t *testing.T) {
	for takes, want := range map[time.Duration]time.Duration{10 * time.Second: 10 * time.Second, time.Minute: 30 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			asked := time.Now()
			n, err := switching.NewNumbers(&slowBlocks{takes: takes}, time.Now).Take(t.Context())
			if want := codec.NewStamp(asked.Add(want)); err != nil || n.Sent != want {
				t.Errorf("block after %v: stamp %s, %v; want %s", takes, n.Sent, err, want)
			}
		})
	}
}

// TestNumbersHoldNobodyUp: who waits for a block that another reserves waits no
// longer than its own deadline, and one block serves all.
func TestNumbersHoldNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		blocks := &slowBlocks{takes: 20 * time.Second}
		numbers := switching.NewNumbers(blocks, time.Now)
		ids := make(chan int64, 3)
		for range cap(ids) {
			go func() {
				n, err := numbers.Take(t.Context())
				if err != nil {
					t.Error(err)
				}
				ids <- n.ID
			}()
		}
		synctest.Wait()
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := numbers.Take(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("a deadline of 1 s: %v after %v", err, time.Since(begun))
		}
		seen := make(map[int64]bool)
		for range cap(ids) {
			seen[<-ids] = true
		}
		if len(seen) != 3 || blocks.reserved != 1 {
			t.Errorf("numbers %v of %d blocks", seen, blocks.reserved)
		}
	})
}

// walls are blocks that begin when they are reserved, by a clock that may be set.
type walls struct {
	now      func() time.Time
	reserved int64
}

func (w *walls) Numbers(context.Context) (switching.Block, error) {
	w.reserved++
	first := w.reserved * 5_000
	return switching.Block{First: first, Last: first + 4_999, NotBefore: w.now(), NotAfter: w.now().Add(30 * time.Second)}, nil
}

// TestStampAfterTheClockWasSetBack: no message is stamped with the time that the clock
// showed when the block was reserved, until the block is used up; a small step back
// costs no block.
func TestStampAfterTheClockWasSetBack(t *testing.T) {
	now := time.Date(2026, 12, 31, 23, 59, 50, 0, codec.Shanghai)
	blocks := &walls{now: func() time.Time { return now }}
	numbers := switching.NewNumbers(blocks, blocks.now)
	for _, step := range []struct {
		by     time.Duration
		sent   codec.Stamp
		blocks int64
	}{
		{0, "1231235950", 1},
		{-5 * time.Second, "1231235950", 1},
		{8 * time.Hour, "0101075945", 2},
		{-8 * time.Hour, "1231235945", 3},
		{time.Second, "1231235946", 3},
	} {
		now = now.Add(step.by)
		n, err := numbers.Take(t.Context())
		if err != nil || n.Sent != step.sent || blocks.reserved != step.blocks {
			t.Errorf("the clock set by %s: stamp %s of block %d, %v; want %s of %d", step.by, n.Sent, blocks.reserved, err, step.sent, step.blocks)
		}
	}
}
