package banks

import (
	"sync"
	"sync/atomic"
	"time"

	"wxswitch/codec"
)

// The states of a call, which leave by compare-and-set and only from queued.
const (
	queued  uint32 = iota // may still end as not sent
	writing               // a link took it: counts as sent, whatever the write returns
	ended                 // its waiter gave up while it was queued, or no link is left
)

// call is one request on its way.
type call struct {
	pair  codec.Pair
	frame []byte // message and header
	begun time.Time
	until time.Time // its deadline
	state atomic.Uint32
	// done gets the one result. Capacity 1: who delivers never waits. It is
	// never closed.
	done chan result
}

// result is what ended a call from outside: a reply or an error.
type result struct {
	raw  []byte
	read time.Time
	err  error
}

func (c *call) leave(to uint32) bool { return c.state.CompareAndSwap(queued, to) }

// mux pairs replies with calls, whichever link brings them.
type mux struct {
	mu      sync.Mutex // guards what follows; nothing is delivered under it
	waiting map[codec.Pair]*call
	closed  bool
}

func newMux() *mux { return &mux{waiting: make(map[codec.Pair]*call)} }

// add registers the call. Nothing of it may be sent before.
func (m *mux) add(c *call) *NotSent {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return &NotSent{Reason: Draining}
	}
	if _, known := m.waiting[c.pair]; known {
		return &NotSent{Reason: Duplicate}
	}
	m.waiting[c.pair] = c
	return nil
}

// reply claims the call that the pair answers; nil where none waits. A call not
// yet sent cannot have been answered: such a reply is not its own.
func (m *mux) reply(p codec.Pair) *call {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.waiting[p]
	if c == nil || c.state.Load() != writing {
		return nil
	}
	delete(m.waiting, p)
	return c
}

// take claims the call for who gives it up; false if another was faster, whose
// result is then in done or about to be.
func (m *mux) take(c *call) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.waiting[c.pair] != c {
		return false
	}
	delete(m.waiting, c.pair)
	return true
}

// close ends every call: no reply can come any more.
func (m *mux) close() {
	m.mu.Lock()
	left := m.waiting
	m.waiting, m.closed = nil, true
	m.mu.Unlock()
	for _, c := range left {
		if c.leave(ended) {
			c.done <- result{err: &NotSent{Reason: Draining}}
			continue
		}
		c.done <- result{err: &InDoubt{Reason: NoReply}}
	}
}
