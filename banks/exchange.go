package banks

import (
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"wxswitch/codec"
)

// Permit is leave to send one request: a place in the bulkhead and the
// breaker's. It ends by Exchange or Release; whichever comes second does
// nothing, so that Release may be deferred.
type Permit struct {
	// Shortened says that the deadline is a caller's, below the bank's own: silence
	// until then says nothing of the bank.
	Shortened bool

	bank *Bank
	done func(error) // the breaker's; to be called exactly once
	used atomic.Bool
}

// Admit asks for leave to send one request. The error is a *NotSent with
// Draining, BulkheadFull, NoLink or BreakerOpen, in this order of checks.
func (b *Bank) Admit() (*Permit, error) {
	p, refused := b.admit()
	if refused != nil {
		b.metrics.ended(Reply{}, refused)
		return nil, refused
	}
	return p, nil
}

func (b *Bank) admit() (*Permit, *NotSent) {
	if b.draining.Load() {
		return nil, &NotSent{Reason: Draining}
	}
	select {
	case b.slots <- struct{}{}:
	default:
		return nil, &NotSent{Reason: BulkheadFull}
	}
	if b.gate.count() == 0 {
		<-b.slots
		return nil, &NotSent{Reason: NoLink}
	}
	done, err := b.breaker.Allow()
	if err != nil {
		<-b.slots
		return nil, &NotSent{Reason: BreakerOpen, Err: err}
	}
	b.inFlight.Add(1)
	return &Permit{bank: b, done: done}, nil
}

// Release gives the permit back unused: nothing is counted.
func (p *Permit) Release() {
	if p.used.CompareAndSwap(false, true) {
		p.end(errExcluded)
	}
}

// end tells the breaker before the slot is free, so that who gets the slot
// meets the breaker as it is then.
func (p *Permit) end(verdict error) {
	p.done(verdict)
	p.bank.inFlight.Add(-1)
	<-p.bank.slots
}

// Exchange sends m and waits for its reply until the deadline. What m must
// carry of the deadline it sets itself (FieldRemaining). The error is *NotSent
// or *InDoubt. Nothing cancels it: a caller that hangs up leaves a request whose
// end must still be learnt.
//
// It tells the breaker how it ended. A reply that is Approved or Declined is a
// success, and so is any answer to an advice or an enquiry but one that is
// itself in doubt. InDoubt errors, InDoubt replies, and Unmapped replies to a
// Change are failures. NotSent counts neither way, nor does silence where the
// deadline was shortened, or left less than four fifths of the bank's own.
func (p *Permit) Exchange(m *codec.Message, deadline time.Time) (reply Reply, err error) {
	b, given := p.bank, time.Until(deadline)
	if !p.used.CompareAndSwap(false, true) {
		err = &NotSent{Reason: resultUsed, Err: errors.New("a permit is for one exchange")}
		b.metrics.ended(reply, err)
		return reply, err
	}
	told := errExcluded // holds if the dialect panics
	defer func() { p.end(told) }()
	reply, err = b.exchange(m, deadline, given)
	told = verdict(m.Type, p.Shortened || b.cfg.shortened(m.Type, given), reply, err)
	b.metrics.ended(reply, err)
	return reply, err
}

func (b *Bank) exchange(m *codec.Message, deadline time.Time, given time.Duration) (Reply, error) {
	if given <= 0 {
		return Reply{}, &NotSent{Reason: DeadlinePast}
	}
	expired := b.timer(given)
	defer func() { expired.Stop(); b.timers.Put(expired) }()
	m.Set(codec.FieldRemaining, strconv.FormatInt(given.Milliseconds(), 10))
	c, err := b.newCall(m, deadline)
	if err != nil {
		return Reply{}, &NotSent{Reason: Unwritable, Err: err}
	}
	if refused := b.enqueue(c); refused != nil {
		return Reply{}, refused
	}
	r := b.await(c, expired.C)
	if r.err != nil {
		return Reply{}, r.err
	}
	return b.read(m, c, r)
}

// timer returns a running timer, one that was used before if there is one.
func (b *Bank) timer(d time.Duration) *time.Timer {
	t, ok := b.timers.Get().(*time.Timer)
	if !ok {
		return time.NewTimer(d)
	}
	t.Reset(d)
	return t
}

// newCall writes the message, and reads back what its reply will be known by.
func (b *Bank) newCall(m *codec.Message, deadline time.Time) (*call, error) {
	framed, err := b.frame(m)
	if err != nil {
		return nil, err
	}
	head, err := b.dialect.Peek(framed[b.dialect.Frame().Prefix:])
	if err != nil {
		return nil, err
	}
	return &call{pair: head.Pair, frame: framed, begun: time.Now(), until: deadline, done: make(chan result, 1)}, nil
}

// enqueue registers the call, then lets links see it.
func (b *Bank) enqueue(c *call) error {
	if refused := b.mux.add(c); refused != nil {
		if refused.Reason == Duplicate {
			b.metrics.duplicate.Inc()
		}
		return refused
	}
	select {
	case b.queue <- c:
		return nil
	default:
	}
	b.mux.take(c)
	return &NotSent{Reason: BulkheadFull, Err: errors.New("queue full")}
}

// await returns the call's one result. What wins while the call is queued has
// provably not been sent; after that, a reply that was claimed is waited for,
// since it is being delivered.
func (b *Bank) await(c *call, expired <-chan time.Time) result {
	select {
	case r := <-c.done:
		return r
	case <-expired:
	}
	if c.leave(ended) {
		b.mux.take(c)
		if b.gate.count() == 0 {
			return result{err: &NotSent{Reason: NoLink}}
		}
		return result{err: &NotSent{Reason: DeadlinePast}}
	}
	if b.mux.take(c) {
		return result{err: &InDoubt{Reason: NoReply}}
	}
	return <-c.done
}

// read reads the reply on its waiter's goroutine, not on the link's.
func (b *Bank) read(request *codec.Message, c *call, r result) (Reply, error) {
	m, err := b.dialect.Unpack(r.raw)
	if err == nil {
		err = foreign(request, m)
	}
	if err != nil {
		b.metrics.format.Inc()
		return Reply{}, &InDoubt{Reason: BadReply, Err: err}
	}
	meaning := b.dialect.Meaning(request.Type, m.Get(codec.FieldCode))
	return Reply{Message: m, Meaning: meaning, Took: r.read.Sub(c.begun)}, nil
}

// foreign is the fault of a reply that pairs and names another operation or
// account: it may be another customer's, and says nothing of this request.
func foreign(request, reply *codec.Message) error {
	if f, is := request.Contradicts(&reply.Fields, codec.FieldRRN, codec.FieldPAN, codec.FieldAccount); is {
		return &codec.FormatError{Field: f.String(), Rule: "the same as in the request"}
	}
	return nil
}

// putBack returns a call that a link took off the queue and cannot send. Where
// the queue is full by now the call ends, provably not sent.
func (b *Bank) putBack(c *call) {
	select {
	case b.queue <- c:
		return
	default:
	}
	if b.mux.take(c) && c.leave(ended) {
		c.done <- result{err: &NotSent{Reason: NoLink}}
	}
}
