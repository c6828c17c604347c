package adapter

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"wxswitch/codec"
	"wxswitch/codec/frame"
)

// link is one connection from the switch. Its reader takes messages off the
// wire; its run goroutine echoes when it is idle, and drains.
type link struct {
	a    *Adapter
	name string
	conn net.Conn

	signed  atomic.Bool  // the switch has signed on, and not off
	closed  atomic.Bool  // no answer can leave by it
	heard   atomic.Int64 // when a byte was last read, in ns since start
	start   time.Time
	writing chan struct{} // capacity 1: holds the token while a write is under way

	mu       sync.Mutex // guards draining, and work.Add against work.Wait
	draining bool
	work     sync.WaitGroup // requests read here and not yet done with
}

func newLink(a *Adapter, conn net.Conn, name string) *link {
	return &link{a: a, conn: conn, name: name, start: time.Now(), writing: make(chan struct{}, 1)}
}

// Read counts every byte as a sign of life, also inside a frame.
func (l *link) Read(b []byte) (int, error) {
	n, err := l.conn.Read(b)
	if n > 0 {
		l.heard.Store(int64(time.Since(l.start)))
	}
	return n, err
}

func (l *link) close() {
	l.closed.Store(true)
	_ = l.conn.Close()
}

// run serves the link to its end, which it returns the cause of.
func (l *link) run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	read := make(chan error, 1) // closed by nobody; holds the reader's end
	go func() { read <- l.read(work) }()
	err := l.attend(ctx, read)
	ended := err != nil
	l.drain(ctx, cancel, ended)
	l.close()
	if !ended {
		<-read
	}
	return err
}

// attend watches the link while it is in use. The error is the reader's; nil
// means that ctx is done.
func (l *link) attend(ctx context.Context, read <-chan error) error {
	idle := time.NewTicker(l.a.cfg.EchoWait)
	defer idle.Stop()
	if _, _, ok := l.a.cfg.Dialect.Wire(codec.Echo); !ok {
		idle.Stop() // nothing to ask with: TCP's own keep-alive must do
	}
	greeted := time.NewTimer(l.a.cfg.Idle) // by then it has signed on
	defer greeted.Stop()
	var asked time.Duration // when the last echo went; 0 for none
	for {
		select {
		case err := <-read:
			return err
		case <-ctx.Done():
			return nil
		case <-greeted.C:
			if !l.signedOn() {
				l.close() // its place is another's
			}
			continue
		case <-idle.C:
		}
		now, heard := time.Since(l.start), time.Duration(l.heard.Load())
		switch {
		case heard >= asked && now-heard >= l.a.cfg.Idle:
			asked = now
			l.say(codec.Echo)
		case heard < asked && now-asked >= l.a.cfg.EchoWait:
			l.close() // half open: the reader ends with an error
		}
	}
}

// drain takes no more work, and waits for what is under way: as long as Work
// lets it while others serve on, at most Drain once ctx is done.
func (l *link) drain(ctx context.Context, cancel func(), ended bool) {
	l.mu.Lock()
	l.draining = true
	l.mu.Unlock()
	if ended {
		l.close()
	} else {
		l.say(codec.SignOff)
	}
	idle := make(chan struct{})
	go func() { l.work.Wait(); close(idle) }()
	select {
	case <-idle:
		return
	case <-ctx.Done():
	}
	limit := time.NewTimer(l.a.cfg.Drain)
	defer limit.Stop()
	select {
	case <-idle:
	case <-limit.C:
		cancel()
		<-idle
	}
}

// begin counts a request as under way; false once the link drains.
func (l *link) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.draining {
		l.work.Add(1)
	}
	return !l.draining
}

// read hands on messages until the line ends; the error is never nil.
func (l *link) read(work context.Context) error {
	r := frame.NewReader(l, l.a.cfg.Dialect.Frame())
	for {
		raw, err := r.Next()
		if err != nil {
			l.closed.Store(true)
			return err
		}
		l.take(work, raw)
	}
}

var errNoType = &codec.FormatError{Field: "type", Rule: "one that the dialect names"}

// take decides what becomes of one message, without reading all of it.
func (l *link) take(work context.Context, raw []byte) {
	head, err := l.a.cfg.Dialect.Peek(raw)
	switch {
	case err != nil:
		l.drop(droppedMalformed, err)
	case head.Type.Class() == 0: // of no type that the dialect names: nor has it an answer
		l.drop(droppedMalformed, errNoType)
	case head.Reply && head.Type == codec.Echo, head.Reply && head.Type == codec.SignOff:
		l.observe(nil, false, "reply to "+string(head.Type))
	case head.Reply && head.Type.Class() == codec.Inbound:
		l.answered(raw, head)
	case head.Reply:
		l.drop(droppedUnasked, nil)
	case head.Type.Class() == codec.Network:
		l.network(raw, head)
	case !l.signedOn():
		l.drop(droppedUnsigned, nil)
	default:
		l.admit(work, raw, head)
	}
}

// signedOn reports whether the link carries requests: a dialect without sign-on
// lets every link do so.
func (l *link) signedOn() bool {
	_, _, needed := l.a.cfg.Dialect.Wire(codec.SignOn)
	return !needed || l.signed.Load()
}

func (l *link) drop(reason string, err error) {
	l.a.metrics.dropped[reason].Inc()
	l.observe(nil, false, "dropped: "+reason)
	l.a.noisy.Warn().Str("link", l.name).Str("reason", reason).AnErr("cause", err).Msg("message dropped")
}

func (l *link) observe(m *codec.Message, out bool, note string) {
	l.a.cfg.Observe(Event{At: l.a.cfg.Now(), Link: l.name, Out: out, Message: m, Note: note})
}

// network answers what concerns the link alone, past every queue.
func (l *link) network(raw []byte, head codec.Head) {
	l.a.metrics.received[head.Type].Inc()
	m, err := l.a.cfg.Dialect.Unpack(raw)
	if err != nil {
		l.malformed(raw, head, err)
		return
	}
	l.observe(m, false, "")
	switch head.Type {
	case codec.SignOn:
		l.signed.Store(true)
	case codec.SignOff:
		l.signed.Store(false)
	}
	_ = l.send(codec.NewReply(m, "00"))
}

// salvager is a dialect that can tell what is good in a message that it refuses.
type salvager interface {
	Salvage(raw []byte) codec.Fields
}

// malformed answers what can be paired and no more, with what else can be read
// of it: without that, many dialects cannot write the answer.
func (l *link) malformed(raw []byte, head codec.Head, cause error) {
	l.drop(droppedMalformed, cause)
	m := codec.NewRequest(head.Type)
	if s, ok := l.a.cfg.Dialect.(salvager); ok {
		m.Fields = s.Salvage(raw)
	}
	for f, v := range map[codec.Field]string{
		codec.FieldProcessingCode: head.Pair.ProcessingCode, codec.FieldSTAN: head.Pair.STAN,
		codec.FieldSent: head.Pair.Sent, codec.FieldRRN: string(head.RRN),
	} {
		if v != "" { // else the dialect does not pair by it
			m.Set(f, v)
		}
	}
	_ = l.send(codec.NewReply(m, l.a.cfg.Malformed))
}

// say sends a network message of the bank's own, where the dialect has it.
func (l *link) say(t codec.Type) {
	if _, _, ok := l.a.cfg.Dialect.Wire(t); !ok {
		return
	}
	_ = l.send(l.a.cfg.own(t, l.a.nextSTAN()))
}

// own returns a network message of the bank's own.
func (c *Config) own(t codec.Type, stan codec.STAN) *codec.Message {
	m := codec.NewRequest(t)
	m.Fields = c.Identity
	m.Set(codec.FieldSTAN, string(stan))
	m.Set(codec.FieldSent, string(codec.NewStamp(c.Now())))
	return m
}

func (l *link) send(m *codec.Message) error {
	raw, err := l.a.cfg.Dialect.Pack(m)
	if err != nil {
		l.a.noisy.Warn().Str("link", l.name).Str("type", string(m.Type)).Err(err).Msg("message cannot be written")
		return err
	}
	if err = l.write(raw); err == nil {
		l.observe(m, true, "")
	}
	return err
}

// write frames raw and writes it whole; a link that cannot is closed.
func (l *link) write(raw []byte) error {
	b, err := l.a.cfg.Dialect.Frame().Append(nil, raw)
	if err != nil {
		return err
	}
	return l.put(b)
}

var errSlow = errors.New("peer reads too slowly: too much waits to be written")

// turn waits for the writing token, as long as a write may take: many that each
// take a little less would hold answers, echo and sign-off without end.
func (l *link) turn() bool {
	late := time.NewTimer(l.a.cfg.Write)
	defer late.Stop()
	select {
	case l.writing <- struct{}{}:
		return true
	case <-late.C:
		return false
	}
}

func (l *link) put(b []byte) error {
	if !l.turn() {
		l.close()
		return errSlow
	}
	defer func() { <-l.writing }()
	if l.closed.Load() {
		return net.ErrClosed
	}
	err := l.conn.SetWriteDeadline(time.Now().Add(l.a.cfg.Write))
	if err == nil {
		_, err = l.conn.Write(b)
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		l.close()
	}
	return err
}
