package switching

import (
	"context"
	"fmt"
	"sync"
	"time"

	"wxswitch/codec"
)

// Number names one sending of one message.
type Number struct {
	ID   int64 // cycle·10⁶ + STAN, never used twice
	STAN codec.STAN
	Sent codec.Stamp
}

// STANOf is the STAN in a number: its last six digits.
func STANOf(id int64) codec.STAN { return codec.NewSTAN(id % 1_000_000) }

// reserver is the part of [Journal] that Numbers needs.
type reserver interface {
	Numbers(ctx context.Context) (Block, error)
}

// Numbers hands out sending numbers from durably reserved blocks. A crash
// wastes the rest of a block; it never hands out a number twice.
type Numbers struct {
	journal reserver
	now     func() time.Time

	reserving chan struct{} // holds one while a block is reserved

	mu    sync.Mutex // guards what follows
	block Block
	since time.Time // when the block was asked for, by the wall's clock
	next  int64
}

// setBack is how far the clock is set back at least where that costs a block: the
// stamps of the one before would be from the future until it is used up.
const setBack = time.Minute

// NewNumbers returns Numbers that reserve their blocks in the journal.
func NewNumbers(j reserver, now func() time.Time) *Numbers {
	return &Numbers{journal: j, now: now, next: 1, reserving: make(chan struct{}, 1)}
}

// Next returns the STAN and stamp of a network message.
func (n *Numbers) Next(ctx context.Context) (codec.STAN, codec.Stamp, error) {
	number, err := n.Take(ctx)
	return number.STAN, number.Sent, err
}

// Take returns the next number. Its stamp is the time, but never outside what
// the block allows: then a fresh block is reserved, by one caller, while the
// others wait for it no longer than their contexts allow.
func (n *Numbers) Take(ctx context.Context) (Number, error) {
	if number, ok := n.take(); ok {
		return number, nil
	}
	select {
	case n.reserving <- struct{}{}:
		defer func() { <-n.reserving }()
	case <-ctx.Done():
		return Number{}, fmt.Errorf("wait for numbers: %w", ctx.Err())
	}
	if number, ok := n.take(); ok { // of the block that was waited for
		return number, nil
	}
	since := n.now().Round(0)
	b, err := n.journal.Numbers(ctx)
	if err != nil {
		return Number{}, fmt.Errorf("reserve numbers: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.block, n.since, n.next = b, since, b.First
	return n.number(n.now()), nil
}

// take returns no number where the block is used up, its time is past, or the clock was
// set back since it was reserved.
func (n *Numbers) take() (Number, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.now()
	if n.next > n.block.Last || t.After(n.block.NotAfter) || t.Before(n.since.Add(-setBack)) {
		return Number{}, false
	}
	return n.number(t), true
}

// number is the next of the block, stamped with t as far as the block allows:
// reserving may have taken longer than that.
func (n *Numbers) number(t time.Time) Number {
	if t.Before(n.block.NotBefore) {
		t = n.block.NotBefore
	}
	if t.After(n.block.NotAfter) {
		t = n.block.NotAfter
	}
	id := n.next
	n.next++
	return Number{ID: id, STAN: STANOf(id), Sent: codec.NewStamp(t)}
}
