package banks

import (
	"runtime"
	"time"
)

// batch is what one write carries. It belongs to the writer.
type batch struct {
	buf      []byte
	messages int
}

func (b *batch) full() bool { return b.messages >= batchMessages || len(b.buf) >= batchBytes }

// write drains whatever waits into one write after another. A crash after a
// call has left for writing and before the write leaves a row that is open and
// ends in doubt.
func (c *conn) write() {
	var b batch
	for {
		b.buf, b.messages = b.buf[:0], 0
		if !c.first(&b) {
			return
		}
		// Callers that are ready to run get to the queue before the write: at 64
		// in flight this makes ten messages a write of two, and costs a lone one
		// nothing that can be measured.
		runtime.Gosched()
		c.more(&b)
		if b.messages == 0 {
			continue
		}
		if err := c.flush(&b); err != nil {
			c.fail(err)
			return
		}
	}
}

// first waits for something to write; false when the connection has failed.
// The batch may be empty still.
func (c *conn) first(b *batch) bool {
	select {
	case <-c.gone:
		return false
	case <-c.changed:
	case framed := <-c.outbox:
		c.add(b, framed)
	case next := <-c.requests():
		c.addCall(b, next)
	}
	return true
}

// more adds what else is waiting, without waiting for it.
func (c *conn) more(b *batch) {
	for !b.full() {
		select {
		case framed := <-c.outbox:
			c.add(b, framed)
		case next := <-c.requests():
			if !c.addCall(b, next) {
				return
			}
		default:
			return
		}
	}
}

// requests is the queue while requests may leave here, else nil.
func (c *conn) requests() <-chan *call {
	if !c.pulling.Load() {
		return nil
	}
	return c.queue
}

// addCall takes the call, unless its deadline is past, which its waiter is about
// to see, or its waiter has gone. Where this link may not carry it any more it
// returns false.
func (c *conn) addCall(b *batch, next *call) bool {
	if !c.usable() {
		c.putBack(next)
		return false
	}
	if time.Now().Before(next.until) && next.leave(writing) {
		c.add(b, next.frame)
	}
	return true
}

func (c *conn) usable() bool {
	select {
	case <-c.gone:
		return false
	default:
		return c.pulling.Load()
	}
}

func (c *conn) add(b *batch, framed []byte) {
	c.tap(true, framed[c.dialect.Frame().Prefix:])
	b.buf = append(b.buf, framed...)
	b.messages++
}

// flush writes the batch. Its deadline is the link's own: no caller waits on
// it, and a peer that does not read ends the link, not its callers.
func (c *conn) flush(b *batch) error {
	if err := c.nc.SetWriteDeadline(time.Now().Add(c.cfg.WriteTimeout)); err != nil {
		return err
	}
	if _, err := c.nc.Write(b.buf); err != nil {
		return err
	}
	c.metrics.messages.Observe(float64(b.messages))
	c.metrics.bytes.Observe(float64(len(b.buf)))
	return nil
}
