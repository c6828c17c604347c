package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"wxswitch/codec"
	"wxswitch/codec/iso"
)

// isoBank is one member bank of the switch.
type isoBank struct {
	dialect *iso.Dialect
	rate    atomic.Int64 // answers a second; 0 for as many as can be
	silent  atomic.Bool  // answers network messages only
	delay   atomic.Int64 // of each answer but to network messages, in ns
	speaker
}

// answerer answers the whole frames that in begins with: it appends to out and
// returns how much of in it has used.
type answerer func(in, out []byte) (used int, answer []byte, err error)

// bank is the process of all banks: first the relay's, then the switch's.
func (p *player) bank(ctx context.Context, n int) error {
	dialect, err := iso.Builtin("plain")
	if err != nil {
		return err
	}
	addresses, failed := make([]string, 0, n+1), make(chan error, n+1)
	listen := func(answers func(net.Conn) answerer) error {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		addresses = append(addresses, l.Addr().String())
		go func() { failed <- accept(l, answers) }()
		return nil
	}
	errs := []error{listen(func(net.Conn) answerer { return answerRelay })}
	for range n {
		b := newIsoBank(dialect)
		p.banks = append(p.banks, b)
		errs = append(errs, listen(b.answers))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	p.hello(addresses...)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// carryOut changes what the bank does, or has it say something.
func (b *isoBank) carryOut(o order) (code string, err error) {
	switch {
	case o.CodeOf != "":
		return b.codeOf(o.CodeOf), nil
	case o.Movements != nil:
		return "", b.prepare(o.Movements, o.Times)
	case o.Say:
		return "", b.say()
	}
	b.rate.Store(int64(o.Rate))
	b.silent.Store(o.Silent)
	b.delay.Store(int64(o.Delay))
	return "", nil
}

func accept(l net.Listener, answers func(net.Conn) answerer) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close() //nolint:errcheck // nobody is told
			converse(conn, answers(conn))
		}()
	}
}

// converse answers all that one read brought in one write, or in several where
// the answerer takes its time.
func converse(conn net.Conn, answer answerer) {
	in, room := make([]byte, 0, 256<<10), make([]byte, 0, 256<<10)
	for {
		n, err := conn.Read(in[len(in):cap(in)])
		if err != nil {
			return
		}
		in = in[:len(in)+n]
		for used := -1; used != 0; in = in[:copy(in, in[used:])] {
			var out []byte
			if used, out, err = answer(in, room[:0]); err != nil {
				return
			}
			if _, err := conn.Write(out); err != nil {
				return
			}
		}
	}
}

// fixedReply is the relay's bank's one answer, but for the number.
var fixedReply = func() (f replyFrame) {
	copy(f[8:], "00000000123456")
	return f
}()

func answerRelay(in, out []byte) (used int, answer []byte, err error) {
	for ; len(in)-used >= askSize; used += askSize {
		out = append(out, in[used:used+8]...)
		out = append(out, fixedReply[8:]...)
	}
	return used, out, nil
}

// newIsoBank returns a bank that writes the dialect.
func newIsoBank(d *iso.Dialect) *isoBank {
	return &isoBank{dialect: d, speaker: speaker{places: make(chan struct{}, sayAtOnce), codes: make(map[string]string)}}
}

// answers returns the answerer of one connection.
func (b *isoBank) answers(conn net.Conn) answerer {
	b.speakOver(conn)
	c := &isoConversation{isoBank: b, conn: conn, templates: make(map[string]*template)}
	return c.answer
}

// isoConversation is one connection of a bank.
type isoConversation struct {
	*isoBank
	conn      net.Conn
	templates map[string]*template
	next      time.Time // when the next answer of a slow bank is due
}

func (c *isoConversation) answer(in, out []byte) (used int, answer []byte, err error) {
	rate := c.rate.Load()
	for {
		size, err := wholeFrame(in[used:])
		if err != nil || size == 0 {
			return used, out, err
		}
		if rate > 0 && !c.due(rate) {
			return c.later(in, out, used)
		}
		message := in[used+prefixSize : used+size]
		used += size
		network := message[1] == '8'
		switch delay := time.Duration(c.delay.Load()); {
		case string(message[:4]) == movementReply:
			c.heard(message)
		case c.silent.Load() && !network:
		case delay > 0 && !network:
			err = c.replyAfter(delay, message)
		default:
			out, err = c.reply(message, out)
		}
		if err != nil {
			return used, out, err
		}
	}
}

// later waits for the next answer's turn if nothing else is to be written; the
// rest of in comes again.
func (c *isoConversation) later(in, out []byte, used int) (int, []byte, error) {
	if used > 0 {
		return used, out, nil
	}
	time.Sleep(time.Until(c.next)) //nolint:forbidigo // a bank that is slow on purpose
	return c.answer(in, out)
}

// due reports whether a slow bank may answer now, and counts the answer. One
// that had nothing to do catches up no more than 50 ms.
func (c *isoConversation) due(rate int64) bool {
	now := time.Now()
	if c.next.After(now) {
		return false
	}
	if behind := now.Add(-50 * time.Millisecond); c.next.Before(behind) {
		c.next = behind
	}
	c.next = c.next.Add(time.Second / time.Duration(rate))
	return true
}

// replyAfter answers by itself, so that one message holds no other up.
func (c *isoConversation) replyAfter(delay time.Duration, message []byte) error {
	out, err := c.reply(message, nil)
	if err == nil {
		time.AfterFunc(delay, func() { _, _ = c.conn.Write(out) })
	}
	return err
}

// reply appends the framed answer to a message.
func (c *isoConversation) reply(message, out []byte) ([]byte, error) {
	t := c.templates[string(layoutKey(message))]
	if t == nil {
		var err error
		if t, err = newTemplate(c.dialect, message); err != nil {
			return out, fmt.Errorf("a message of %d bytes: %w", len(message), err)
		}
		c.templates[string(layoutKey(message))] = t
	}
	if t.isCode {
		if err := c.keepCode(message); err != nil {
			return out, err
		}
	}
	return t.appendTo(out, message), nil
}

// fixedBalance is everybody's, in fen.
const fixedBalance = 123456

// fixedAnswer is what the banks answer to everything.
func fixedAnswer(m *codec.Message) *codec.Message {
	r := codec.NewReply(m, "00")
	switch m.Type {
	case codec.Authenticate, codec.Attach:
		r.Set(codec.FieldHolder, "古丽娜尔·买买提")
	case codec.Balance:
		r.Set(codec.FieldBalance, strconv.Itoa(fixedBalance))
		r.Set(codec.FieldAvailable, "100000")
		r.Set(codec.FieldCurrency, "156")
	case codec.SignOn, codec.SignOff, codec.Echo:
	}
	return r
}
