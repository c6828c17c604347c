package banks

import (
	"context"
	"sync"

	"wxswitch/codec"
)

// transport carries a bank's messages. What waits in the bank's queue it takes
// by [call.leave] to writing, right before the bytes are handed over; what
// comes in it hands to [Bank.receive].
type transport interface {
	// run carries until ctx is done, then takes leave of the bank. It waits
	// for every goroutine that it started.
	run(ctx context.Context)
	// status describes the ways to the bank.
	status() []LinkStatus
}

// inbound is a message as it came.
type inbound struct {
	head codec.Head
	raw  []byte
	// answer sends a framed message back the way this one came. It does not
	// block; false if that way is gone or full.
	answer func(frame []byte) bool
}

// gate counts the links on which a request can leave.
type gate struct {
	mu   sync.Mutex // guards what follows
	n    int
	open chan struct{} // closed while n > 0; made anew when it gets back to 0
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) up() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n++; g.n == 1 {
		close(g.open)
	}
}

func (g *gate) down() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n--; g.n == 0 {
		g.open = make(chan struct{})
	}
}

func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.n
}

func (g *gate) wait() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}
