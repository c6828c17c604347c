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

// Numbers hands out sending numbers from durably reserved blocks. A crash
// wastes the rest of a block; it never hands out a number twice.
type Numbers struct {
	journal interface {
		Numbers(ctx context.Context) (Block, error)
	}
	now func() time.Time

	mu    sync.Mutex // guards what follows; held while a block is reserved
	block Block
	next  int64
}

// NewNumbers returns Numbers that reserve their blocks in the journal.
func NewNumbers(j interface {
	Numbers(ctx context.Context) (Block, error)
}, now func() time.Time,
) *Numbers {
	return &Numbers{journal: j, now: now, next: 1}
}

// Next returns the STAN and stamp of a network message.
func (n *Numbers) Next(ctx context.Context) (codec.STAN, codec.Stamp, error) {
	number, err := n.Take(ctx)
	return number.STAN, number.Sent, err
}

// Take returns the next number. Its stamp is the time, but never outside what
// the block allows: then a fresh block is reserved.
func (n *Numbers) Take(ctx context.Context) (Number, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.now()
	if n.next > n.block.Last || t.After(n.block.NotAfter) {
		if err := n.reserve(ctx); err != nil {
			return Number{}, err
		}
	}
	if t.Before(n.block.NotBefore) {
		t = n.block.NotBefore
	}
	id := n.next
	n.next++
	return Number{ID: id, STAN: codec.NewSTAN(id % 1_000_000), Sent: codec.NewStamp(t)}, nil
}

func (n *Numbers) reserve(ctx context.Context) error {
	b, err := n.journal.Numbers(ctx)
	if err != nil {
		return fmt.Errorf("reserve numbers: %w", err)
	}
	n.block, n.next = b, b.First
	return nil
}
