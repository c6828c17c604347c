package banks

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"wxswitch/codec"
	"wxswitch/codec/frame"
)

// Bounds of one connection.
const (
	batchMessages = 64       // per write
	batchBytes    = 64 << 10 // per write, but for one larger message
	outboxSize    = 1024     // network messages and answers waiting to be written: those of a whole inbox, which may end at once
	networkSize   = 16       // network messages waiting to be heard
	badInARow     = 8        // unreadable messages, one after another, that end it
)

var (
	errOutboxFull = errors.New("peer does not read: too much waits to be written")
	errStalled    = errors.New("peer stopped inside a message")
	errHungUp     = errors.New("the bank closed the connection")
	errUnreadable = errors.New("too many unreadable messages in a row")
)

// conn is one connection of a link: a reader and a writer, which end when it
// fails.
type conn struct {
	*tcp
	nc   net.Conn
	born time.Time

	network chan inbound  // reader → state machine; never closed
	outbox  chan []byte   // frames that go out on this link alone; never closed
	changed chan struct{} // capacity 1: pulling has changed; never closed
	pulling atomic.Bool   // requests may leave here
	begun   bool          // the reader's: a message was under way at the last read deadline
	heard   atomic.Int64  // when the last message came, in ns since born

	once sync.Once
	err  error         // why it failed; set before gone is closed
	gone chan struct{} // closed by fail
	wg   sync.WaitGroup
}

func newConn(t *tcp, nc net.Conn) *conn {
	return &conn{
		tcp: t, nc: nc, born: time.Now(),
		network: make(chan inbound, networkSize),
		outbox:  make(chan []byte, outboxSize),
		changed: make(chan struct{}, 1),
		gone:    make(chan struct{}),
	}
}

func (c *conn) start() {
	c.wg.Go(c.read)
	c.wg.Go(c.write)
}

// fail ends the connection; the first reason is kept.
func (c *conn) fail(err error) {
	c.once.Do(func() {
		c.err = err
		close(c.gone)
		_ = c.nc.Close()
	})
}

// end fails the connection and waits for its goroutines.
func (c *conn) end(err error) {
	c.fail(err)
	c.wg.Wait()
}

// silence is how long no message has come.
func (c *conn) silence() time.Duration { return time.Since(c.born) - time.Duration(c.heard.Load()) }

// send puts a frame in the outbox. One that is full ends the connection: its
// peer asks and does not read.
func (c *conn) send(framed []byte) bool {
	select {
	case <-c.gone:
		return false
	case c.outbox <- framed:
		return true
	default:
		c.fail(errOutboxFull)
		return false
	}
}

// pull says whether requests may leave here.
func (c *conn) pull(on bool) {
	c.pulling.Store(on)
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *conn) read() { c.fail(c.readAll(frame.NewReader(c.nc, c.dialect.Frame()))) }

// readAll returns why reading ended.
func (c *conn) readAll(r *frame.Reader) error {
	if err := c.extend(); err != nil {
		return err
	}
	bad, send := 0, c.send
	for {
		raw, err := c.next(r)
		if err != nil {
			return err
		}
		c.tap(false, raw)
		head, err := c.dialect.Peek(raw)
		if err != nil {
			c.metrics.format.Inc()
			c.noisy.Warn().Err(err).Msg("unreadable message")
			if bad++; bad == badInARow {
				return errUnreadable
			}
			continue
		}
		bad = 0
		c.hand(inbound{head: head, raw: raw, answer: send})
	}
}

// hand passes a message on. Network messages wait for the state machine, which
// is never long in coming.
func (c *conn) hand(in inbound) {
	if in.head.Type.Class() != codec.Network {
		c.receive(in)
		return
	}
	select {
	case c.network <- in:
	case <-c.gone:
	}
}

// next returns the next message.
func (c *conn) next(r *frame.Reader) ([]byte, error) {
	for {
		raw, err := r.Next()
		if err == nil {
			c.begun = false
			c.heard.Store(int64(time.Since(c.born)))
			return raw, nil
		}
		var length *frame.LengthError
		if errors.As(err, &length) {
			c.metrics.format.Inc()
		}
		if errors.Is(err, io.EOF) { // between two messages
			return nil, errHungUp
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, err
		}
		begun := r.Begun()
		if c.begun && begun { // what was under way may have been a sign of life, which is skipped
			return nil, errStalled
		}
		c.begun = begun
		if err := c.extend(); err != nil {
			return nil, err
		}
	}
}

// extend sets the next read deadline. That is done when the last has passed,
// not for every message: a deadline only asks whether a message that was under
// way at the one before still is. Silence between two messages is the echo's
// business.
func (c *conn) extend() error { return c.nc.SetReadDeadline(time.Now().Add(c.cfg.ReadTimeout)) }
