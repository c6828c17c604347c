package banks

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// state is one state of a link: it runs until the link leaves it and returns
// the next, nil for the end.
type state func(ctx context.Context) state

// link keeps one connection to a bank up. All but the snapshot belongs to the
// goroutine of run.
//
//	dialing → signing → online → draining → the end
//	   ↑         ↓        ↓ ↑
//	   └─────────┴────────┴─┴─ resting (signed off by the bank)
type link struct {
	*tcp
	cfg  LinkConfig
	log  zerolog.Logger
	conn *conn

	at        int       // index of the address to dial next
	failures  int       // since the link last held; 0 before the first dial
	connected bool      // ever
	since     time.Time // when the connection came online; zero before
	signedOff bool      // by the bank

	mu     sync.Mutex // guards what follows
	shown  LinkStatus
	active string // address
}

func newLink(t *tcp, c LinkConfig) *link {
	return &link{
		tcp: t, cfg: c, log: t.log.With().Str("link", c.Name).Logger(),
		shown: LinkStatus{Name: c.Name, State: LinkDown, Since: time.Now()},
	}
}

func (l *link) run(ctx context.Context) {
	for next := state(l.dialing); next != nil; {
		next = next(ctx)
	}
	l.show(LinkDown)
}

// dialing waits its time, then tries each address once, beginning with the one
// that served last.
func (l *link) dialing(ctx context.Context) state {
	l.show(LinkDown)
	if !l.pause(ctx) {
		return nil
	}
	l.show(LinkDialing)
	nc, err := l.connect(ctx)
	if err != nil {
		l.failures++
		l.fault(err)
		return l.dialing
	}
	if l.connected {
		l.metrics.reconnects.Inc()
	}
	l.connected, l.since, l.signedOff = true, time.Time{}, false
	l.conn = newConn(l.tcp, nc)
	l.conn.start()
	if l.tcp.cfg.SignOn {
		return l.signing
	}
	return l.online
}

func (l *link) connect(ctx context.Context) (net.Conn, error) {
	var errs []error
	for range l.cfg.Addresses {
		nc, err := l.dialOne(ctx, l.cfg.Addresses[l.at])
		if err == nil {
			return nc, nil
		}
		errs = append(errs, err)
		l.nextAddress()
	}
	return nil, errors.Join(errs...)
}

func (l *link) dialOne(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.tcp.cfg.DialTimeout)
	defer cancel()
	l.mu.Lock()
	l.active = address
	l.mu.Unlock()
	return l.dial(ctx, "tcp", address)
}

func (l *link) nextAddress() { l.at = (l.at + 1) % len(l.cfg.Addresses) }

// pause waits before a redial; false if the link is to end. Full jitter: after
// a bank's restart its peers do not come back in step.
func (l *link) pause(ctx context.Context) bool {
	if l.failures == 0 {
		return ctx.Err() == nil
	}
	bound, least, doublings := l.tcp.cfg.BackoffMax, l.tcp.cfg.BackoffMin, l.failures-1
	if least <= bound>>doublings { // else it would be more, or overflow
		bound = least << doublings
	}
	t := time.NewTimer(rand.N(max(bound, 1))) //nolint:gosec // jitter, no secret
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// online lets requests leave on the link, and asks for a sign of life when it
// has been silent for long.
func (l *link) online(ctx context.Context) state {
	l.show(LinkOnline)
	if l.since.IsZero() {
		l.since = time.Now()
		l.log.Info().Str("address", l.address()).Msg("link online")
	}
	if l.cfg.Role != Receive {
		l.conn.pull(true)
		l.gate.up()
		defer l.gate.down()
		defer l.conn.pull(false)
	}
	echo := l.echoTimer()
	defer echo.Stop()
	for !l.signedOff {
		select {
		case <-ctx.Done():
			return l.draining
		case <-l.conn.gone:
			return l.drop(l.conn.err)
		case in := <-l.conn.network:
			l.hear(in)
		case <-echo.C:
			next, err := l.probe(ctx)
			if err != nil && ctx.Err() == nil && !l.signedOff {
				return l.drop(err)
			}
			echo.Reset(next)
		}
	}
	return l.resting
}

// resting keeps the link for the replies that the bank still owes, until it
// signs on again or closes. A bank that does neither is dialled anew, once none
// that it owes would come in time.
func (l *link) resting(ctx context.Context) state {
	l.show(LinkDraining)
	l.noisy.Info().Msg("bank signed off")
	limit := time.NewTimer(l.tcp.cfg.longest())
	defer limit.Stop()
	for l.signedOff {
		select {
		case <-ctx.Done():
			return l.draining
		case <-l.conn.gone:
			return l.drop(l.conn.err)
		case in := <-l.conn.network:
			l.hear(in)
		case <-limit.C:
			return l.drop(errSignedOff)
		}
	}
	return l.online
}

var errSignedOff = errors.New("bank signed off and stayed so")

// drop ends the connection. Its calls stay in the mux: their replies may come
// over another link. One that never held lets the next address try.
func (l *link) drop(err error) state {
	l.conn.end(err)
	if !l.since.IsZero() && time.Since(l.since) >= l.tcp.cfg.BackoffMax {
		l.failures = 0
	} else {
		l.nextAddress()
	}
	l.failures++
	l.fault(err)
	return l.dialing
}

func (l *link) fault(err error) {
	l.log.Warn().Err(err).Str("address", l.address()).Int("failures", l.failures).Msg("link down")
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shown.LastError = err.Error()
}

func (l *link) show(s LinkState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown.State != s && (!l.shown.State.away() || !s.away()) {
		l.shown.Since = time.Now()
	}
	l.shown.State = s
}

// away: between two connections that held, whatever is tried meanwhile.
func (s LinkState) away() bool { return s == LinkDown || s == LinkDialing || s == LinkSigning }

func (l *link) address() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.active
}

func (l *link) snapshot() LinkStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.shown
	if l.active != "" {
		s.Name += " " + l.active
	}
	return s
}
