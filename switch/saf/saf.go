package saf

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wxswitch/banks"
	"wxswitch/codec"
	switching "wxswitch/switch"
)

// Store is where advices are kept.
type Store interface {
	Waiting(ctx context.Context, bank string) (bool, error)
	Claim(ctx context.Context, bank string, inFlight int, lease time.Time) (switching.Advice, bool, error)
	Unclaim(ctx context.Context, a switching.Advice, next time.Time) error
	Silent(ctx context.Context, a switching.Advice) error
	Park(ctx context.Context, a switching.Advice, note string) error
	Answered(ctx context.Context, id int64, r switching.LateReply) (switching.Advice, error)
	Wake(ctx context.Context, entry int64) error
}

// Options are what a Forwarder is made of. Store, Switch and Numbers are
// required.
type Options struct {
	Store   Store
	Switch  *switching.Switch
	Numbers *switching.Numbers
	// Grace is how long after its deadline an attempt is left to who made it,
	// before another may be made; default 5 s.
	Grace      time.Duration
	Now        func() time.Time // default time.Now
	Log        zerolog.Logger
	Registerer prometheus.Registerer // may be nil
	// Failpoint, in tests, is called after "claim", when an answer was "heard"
	// that is not written down, and after "answer".
	Failpoint func(step string)
}

// Forwarder forwards the advices of every bank of a switch.
type Forwarder struct {
	Options
	lanes map[string]*lane
}

// lane is one bank's.
type lane struct {
	*Forwarder
	bank   *banks.Bank
	wake   chan int64    // entries whose advice is due now, 0 for none in particular
	places chan struct{} // of those on their way
	flying sync.WaitGroup
	sent   *prometheus.CounterVec
}

const (
	inFlight = 2                      // advices on their way to one bank
	poll     = 500 * time.Millisecond // between two looks for what is due
	maxWakes = 64                     // that wait; more are dropped, and the poll serves
)

// New returns a Forwarder for the banks that the switch now has.
func New(o Options) *Forwarder {
	if o.Grace == 0 {
		o.Grace = 5 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Failpoint == nil {
		o.Failpoint = func(string) {}
	}
	attempts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wxswitch_advice_attempts_total", Help: "Sendings of advices, by bank, type and result.",
	}, []string{"bank", "type", "result"})
	if o.Registerer != nil {
		o.Registerer.MustRegister(attempts)
	}
	f := &Forwarder{Options: o, lanes: make(map[string]*lane)}
	for name, b := range o.Switch.Banks() {
		f.lanes[name] = &lane{
			Forwarder: f, bank: b, sent: attempts,
			wake: make(chan int64, maxWakes), places: make(chan struct{}, inFlight),
		}
	}
	return f
}

// Wake looks at once for what is due at the bank; the entry's advice, if any,
// becomes due.
func (f *Forwarder) Wake(bank string, entry int64) {
	l, known := f.lanes[bank]
	if !known {
		return
	}
	select {
	case l.wake <- entry:
	default:
	}
}

// Run forwards until ctx is done, and returns when nothing is on its way.
func (f *Forwarder) Run(ctx context.Context) error {
	var lanes sync.WaitGroup
	for _, l := range f.lanes {
		lanes.Go(func() { l.run(ctx) })
	}
	lanes.Wait()
	return nil
}

func (l *lane) run(ctx context.Context) {
	defer l.flying.Wait()
	ticks := time.NewTicker(poll)
	defer ticks.Stop()
	for {
		for l.forwardOne(ctx) {
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		case entry := <-l.wake:
			l.hurry(ctx, entry)
		}
	}
}

func (l *lane) hurry(ctx context.Context, entry int64) {
	if entry == 0 {
		return
	}
	if err := l.Store.Wake(ctx, entry); err != nil && ctx.Err() == nil {
		l.Log.Error().Err(err).Int64("entry", entry).Msg("wake advice")
	}
}

// forwardOne sends one advice if one is due and may be sent. The permit is
// taken first, so that what is refused is never claimed.
func (l *lane) forwardOne(ctx context.Context) bool {
	select {
	case l.places <- struct{}{}:
	default:
		return false
	}
	a, permit, ok := l.claim(ctx)
	if !ok {
		<-l.places
		return false
	}
	l.flying.Go(func() {
		l.forward(context.WithoutCancel(ctx), a, permit)
		<-l.places
		l.Wake(l.bank.Name(), 0)
	})
	return true
}

func (l *lane) claim(ctx context.Context) (a switching.Advice, p *banks.Permit, ok bool) {
	waiting, err := l.Store.Waiting(ctx, l.bank.Name())
	if err != nil || !waiting {
		l.complain(ctx, err)
		return a, nil, false
	}
	if p, err = l.bank.Admit(); err != nil {
		return a, nil, false
	}
	longest := max(l.bank.Deadline(codec.Reversal), l.bank.Deadline(codec.Completion), l.bank.Deadline(codec.Release))
	a, ok, err = l.Store.Claim(ctx, l.bank.Name(), inFlight, l.Now().Add(longest+l.Grace))
	if err != nil || !ok {
		p.Release()
		l.complain(ctx, err)
		return a, nil, false
	}
	l.Failpoint("claim")
	return a, p, true
}

func (l *lane) complain(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		l.Log.Error().Err(err).Str("bank", l.bank.Name()).Msg("claim advice")
	}
}

// forward sends the advice and writes down how that ended. A crash before the
// end is written leaves the claim, which passes with its lease.
func (l *lane) forward(ctx context.Context, a switching.Advice, p *banks.Permit) {
	result, cause, err := l.attempt(ctx, a, p)
	l.sent.WithLabelValues(l.bank.Name(), string(a.Type), result).Inc()
	level := zerolog.InfoLevel
	if err != nil || result == resultParked {
		level = zerolog.ErrorLevel
	}
	l.Log.WithLevel(level).Str("bank", l.bank.Name()).Int64("advice", a.ID).Int64("entry", a.Entry.ID).
		Str("type", string(a.Type)).Int("attempts", a.Attempts).Str("result", result).
		AnErr("cause", cause).Err(err).Msg("advice")
}

// The results of an attempt.
const (
	resultNotSent  = "not-sent"
	resultParked   = "parked"
	resultSilence  = "silence"
	resultAnswered = "answered"
)

// attempt returns how the sending ended and why, and as err what went wrong on
// this side.
func (l *lane) attempt(ctx context.Context, a switching.Advice, p *banks.Permit) (result string, cause, err error) {
	n, err := l.Numbers.Take(ctx)
	if err != nil {
		p.Release()
		return resultNotSent, nil, errors.Join(err, l.unclaim(ctx, a))
	}
	// After the lease another may have it on its way, or it has ended.
	left := a.Claimed.Sub(l.Now())
	reply, cause := p.Exchange(switching.AdviceMessage(a, n), time.Now().Add(min(l.bank.Deadline(a.Type), left)))
	var notSent *banks.NotSent
	switch {
	case errors.As(cause, &notSent):
		result, err = l.notSent(ctx, a, notSent)
		return result, cause, err
	case cause != nil:
		return resultSilence, cause, l.Store.Silent(ctx, a)
	}
	l.Failpoint("heard")
	after, err := l.Store.Answered(ctx, a.ID, switching.NewLateReply(l.bank, reply.Message))
	l.Failpoint("answer")
	l.Switch.Changed(a.Entry.ID)
	if a.Type == codec.Completion {
		l.Switch.Told() // its answer is the customer's end
	}
	if err == nil && after.State == switching.AdviceParked {
		return resultParked, fmt.Errorf("the bank answered %q", after.LastCode), nil
	}
	return resultAnswered, nil, err
}

// notSent tries again soon, but what the bank's dialect cannot write: that would
// fail for ever.
func (l *lane) notSent(ctx context.Context, a switching.Advice, why *banks.NotSent) (string, error) {
	if why.Reason != banks.Unwritable {
		return resultNotSent, l.unclaim(ctx, a)
	}
	err := l.Store.Park(ctx, a, fmt.Sprintf("cannot be written: %v", why.Err))
	l.Switch.Changed(a.Entry.ID)
	return resultParked, err
}

func (l *lane) unclaim(ctx context.Context, a switching.Advice) error {
	return l.Store.Unclaim(ctx, a, l.Now().Add(poll))
}
