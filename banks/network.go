package banks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wxswitch/codec"
)

// Network messages (08xx) concern one link: they are asked, answered and paired
// on it, past queue, bulkhead and breaker.

// codeOK is F39 of our answer to a network message. What a bank's says, its dialect
// knows.
const codeOK = "00"

// signing asks the bank to open the link for traffic.
func (l *link) signing(ctx context.Context) state {
	l.show(LinkSigning)
	answer, err := l.ask(ctx, codec.SignOn)
	if err != nil {
		return l.drop(err)
	}
	if code := answer.Get(codec.FieldCode); l.dialect.Meaning(codec.SignOn, code) != codec.Approved {
		return l.drop(fmt.Errorf("bank refused the sign-on with %s", code))
	}
	return l.online
}

// draining tells the bank that the link ends, and ends it. Replies that come
// before the bank's answer are still taken.
func (l *link) draining(ctx context.Context) state {
	l.show(LinkDraining)
	err := errDrained
	if l.tcp.cfg.SignOn {
		if _, failed := l.ask(context.WithoutCancel(ctx), codec.SignOff); failed != nil {
			err = failed
			l.log.Warn().Err(err).Msg("sign-off")
		}
	}
	l.conn.end(err)
	l.log.Info().Msg("link closed")
	return nil
}

var errDrained = errors.New("drained")

// echoTimer fires when the link may have been silent for too long.
func (l *link) echoTimer() *time.Timer {
	if l.tcp.cfg.EchoIdle > 0 {
		return time.NewTimer(l.untilEcho())
	}
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

func (l *link) untilEcho() time.Duration { return max(l.tcp.cfg.EchoIdle-l.conn.silence(), 1) }

// probe asks a silent link for a sign of life, and says when to look again. A peer
// that is half open has no other way to show. What we cannot number is no fault of
// the link's: the replies that the bank owes still come by it.
func (l *link) probe(ctx context.Context) (next time.Duration, err error) {
	if l.conn.silence() < l.tcp.cfg.EchoIdle {
		return l.untilEcho(), nil
	}
	_, err = l.ask(ctx, codec.Echo)
	if errors.Is(err, errUnnumbered) {
		l.noisy.Error().Err(err).Msg("link is not asked for a sign of life")
		return l.tcp.cfg.EchoIdle, nil
	}
	return l.untilEcho(), err
}

var errUnnumbered = errors.New("not sent")

// ask sends a network request and waits for its answer on this link, hearing
// what else the bank says on it meanwhile.
func (l *link) ask(ctx context.Context, t codec.Type) (*codec.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, l.tcp.cfg.NetworkTimeout)
	defer cancel()
	pair, framed, err := l.request(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t, err)
	}
	if !l.conn.send(framed) {
		return nil, l.conn.err // why it has gone: that it does not read is one of the reasons
	}
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: no answer: %w", t, ctx.Err())
		case <-l.conn.gone:
			return nil, l.conn.err
		case in := <-l.conn.network:
			if in.head.Reply && in.head.Pair == pair {
				return l.unpack(in)
			}
			l.hear(in)
			if t == codec.Echo && l.signedOff { // it lives, and wants no more requests from now on
				return nil, errSignedOff
			}
		}
	}
}

func (l *link) request(ctx context.Context, t codec.Type) (codec.Pair, []byte, error) {
	stan, sent, err := l.numbers.Next(ctx)
	if err != nil {
		return codec.Pair{}, nil, fmt.Errorf("%w: %w", errUnnumbered, err)
	}
	framed, err := l.frame(l.tcp.cfg.networkRequest(t, stan, sent))
	if err != nil {
		return codec.Pair{}, nil, err
	}
	head, err := l.dialect.Peek(framed[l.dialect.Frame().Prefix:])
	return head.Pair, framed, err
}

func (c Config) networkRequest(t codec.Type, stan codec.STAN, sent codec.Stamp) *codec.Message {
	m := codec.NewRequest(t)
	m.Set(codec.FieldSTAN, string(stan))
	m.Set(codec.FieldSent, string(sent))
	m.Set(codec.FieldAcquirer, c.Acquirer)
	m.Set(codec.FieldForwarder, c.Forwarder)
	return m
}

// hear takes what the bank says on the link that was not asked for.
func (l *link) hear(in inbound) {
	if in.head.Reply {
		l.metrics.unmatched.Inc()
		return
	}
	m, err := l.unpack(in)
	if err != nil {
		return
	}
	switch m.Type { //nolint:exhaustive // an echo only wants its answer
	case codec.SignOff:
		l.signedOff = true
	case codec.SignOn:
		l.signedOff = false
	}
	framed, err := l.frame(codec.NewReply(m, codeOK))
	if err != nil {
		l.noisy.Error().Err(err).Str("type", string(m.Type)).Msg("answer cannot be written")
		return
	}
	l.conn.send(framed)
}

func (l *link) unpack(in inbound) (*codec.Message, error) {
	m, err := l.dialect.Unpack(in.raw)
	if err != nil {
		l.metrics.format.Inc()
		l.noisy.Warn().Err(err).Str("type", string(in.head.Type)).Msg("unreadable network message")
	}
	return m, err
}
