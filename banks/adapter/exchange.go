package adapter

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"wxswitch/codec"
)

// Exchange is one request that was read and is to be answered.
type Exchange struct {
	Request *codec.Message

	arrived  time.Time // by the wall clock
	link     *link
	number   Number
	part     part
	deadline time.Time
	arrival  int64 // the ledger's row of this arrival, once claimed
}

// errNoNumber is the fault of a message that a dialect lets pass without RRN:
// all such would be one operation.
var errNoNumber = &codec.FormatError{Field: codec.FieldRRN.String(), Rule: "missing"}

// errUnknown is the end of a call of Core that does not say how it ended.
var errUnknown = errors.New("core did not say how it ended")

// admit gives the request a goroutine of its own, or drops it: silence says
// truly that nothing is known, while an answer might be taken for a decision.
func (l *link) admit(work context.Context, raw []byte, head codec.Head) {
	arrived := time.Now()
	select {
	case l.a.places <- struct{}{}:
	default:
		l.drop(droppedFull, nil)
		return
	}
	if !l.begin() {
		<-l.a.places
		l.drop(droppedDraining, nil)
		return
	}
	go func() {
		defer func() { <-l.a.places; l.work.Done() }()
		l.a.serve(work, l, raw, head, arrived)
	}()
}

func (a *Adapter) serve(ctx context.Context, l *link, raw []byte, head codec.Head, arrived time.Time) {
	a.metrics.received[head.Type].Inc()
	m, err := a.cfg.Dialect.Unpack(raw)
	if err != nil {
		l.malformed(raw, head, err)
		return
	}
	if !m.Has(codec.FieldRRN) {
		l.malformed(raw, head, errNoNumber)
		return
	}
	l.observe(m, false, "")
	x := &Exchange{
		Request: m, arrived: a.cfg.Now(),
		link: l, number: NumberOf(m), part: partOf(m.Type), deadline: a.deadline(m, arrived),
	}
	a.cfg.Wrap(ctx, x, func(ctx context.Context) *codec.Message { return a.answer(ctx, x) })
}

// answer returns what is to be sent, nil for nothing. It is on disk by then.
func (a *Adapter) answer(ctx context.Context, x *Exchange) *codec.Message {
	reply, reason, err := a.decide(ctx, x)
	if reason == "" {
		return reply
	}
	a.metrics.dropped[reason].Inc()
	a.cfg.Log.Warn().Str("link", x.link.name).Str("type", string(x.Request.Type)).Str("rrn", string(x.number.RRN)).
		Str("reason", reason).Str("cause", beginning(err.Error())).Msg("request not answered")
	if reason == droppedExpired {
		_ = a.ledger.note(ctx, x, reason)
	}
	return nil
}

// maxCause bounds in bytes what is logged of a cause: Core's text may be a page that
// another system showed it.
const maxCause = 500

// beginning is as much of s as is logged. Of a character that is cut in two the log
// writes U+FFFD, as of all that is no UTF-8.
func beginning(s string) string {
	if len(s) <= maxCause {
		return s
	}
	return s[:maxCause] + "…"
}

// decide answers from the ledger or by Core. Until Core is called every wait
// ends with the request's deadline: work whose time is past is not begun.
func (a *Adapter) decide(ctx context.Context, x *Exchange) (reply *codec.Message, dropped string, err error) {
	wait, cancel := context.WithDeadline(ctx, x.deadline)
	defer cancel()
	if err = wait.Err(); err != nil {
		return nil, droppedExpired, err
	}
	leave, err := a.gates.enter(wait, x.number)
	if err != nil {
		return nil, droppedExpired, fmt.Errorf("a message of the same number is still worked on: %w", err)
	}
	defer leave()
	if err = a.takeSlot(wait); err != nil {
		return nil, droppedExpired, fmt.Errorf("as many calls of core as may be (%d) are under way: %w", a.cfg.Workers, err)
	}
	defer func() { <-a.slots }()

	found, err := a.ledger.claim(ctx, x, a.completes(x.number.Code))
	if err != nil {
		return nil, droppedLedger, err
	}
	if !found.call {
		a.metrics.repeats.Inc()
		return found.reply(x.Request), "", nil
	}
	if err = wait.Err(); err != nil { // the ledger took its time; the row is left running
		return nil, droppedExpired, err
	}
	// A crash from here to the end of remember leaves the row running, as does
	// an answer to an advice that decides nothing: the next arrival of this number and part calls Core again, as a repeat.
	given, err := a.call(ctx, x, found.repeat)
	if err != nil {
		return nil, droppedUnknown, err
	}
	if err = a.ledger.remember(ctx, x, given); err != nil {
		return nil, droppedLedger, err
	}
	return given.reply(x.Request), "", nil
}

func (a *Adapter) takeSlot(ctx context.Context) error {
	select {
	case a.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil { // both were ready
		<-a.slots
		return err
	}
	return nil
}

// call asks Core, and makes sure that its answer can be written before it is
// remembered.
func (a *Adapter) call(ctx context.Context, x *Exchange, repeat bool) (given answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Work)
	defer cancel()
	defer func() {
		if p := recover(); p != nil { // its value may hold a customer's data
			err = fmt.Errorf("%w: panic with a %T%s", errUnknown, p, places())
		}
	}()
	m := *x.Request
	m.Repeat = repeat
	m.Set(codec.FieldRemaining, strconv.FormatInt(max(0, time.Until(x.deadline).Milliseconds()), 10))
	begun := time.Now()
	long := time.AfterFunc(a.cfg.Work, func() { // else one that never ends is never told of
		a.cfg.Log.Warn().Str("type", string(x.Request.Type)).Str("rrn", string(x.number.RRN)).
			Dur("took", a.cfg.Work).Msg("core is still at it")
	})
	defer long.Stop()
	reply, err := a.cfg.Core.Serve(ctx, &m)
	a.metrics.core.Observe(time.Since(begun).Seconds())
	switch {
	case err != nil:
		return answer{}, errors.New(err.Error()) // asked for here, where a panic is Core's
	case reply == nil || reply.Get(codec.FieldCode) == "":
		return answer{}, errUnknown
	}
	if f, is := x.Request.Contradicts(&reply.Fields, codec.FieldRRN, codec.FieldPAN, codec.FieldAccount); is {
		return answer{}, fmt.Errorf("answer is another's: %w", &codec.FormatError{Field: f.String(), Rule: "the same as in the request"})
	}
	given = answerOf(reply)
	if _, err = a.cfg.Dialect.Pack(given.reply(x.Request)); err != nil {
		return answer{}, fmt.Errorf("answer cannot be written: %w", err)
	}
	return given, nil
}

// places says where Core panicked, innermost first, to one who recovered it: files
// and lines, which hold nothing of a customer's.
func places() (s string) {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)]) // behind Callers, places, and who recovered
	for word := " at "; ; {
		f, more := frames.Next()
		if !more || strings.HasSuffix(f.Function, ".(*Adapter).call") {
			return s
		}
		if !strings.HasPrefix(f.Function, "runtime.") {
			s, word = fmt.Sprintf("%s%s%s:%d", s, word, filepath.Base(f.File), f.Line), " from "
		}
	}
}

// Reply sends m as the answer, over another link if the request's own has gone,
// also if that shows only when it is written or has waited to be.
func (x *Exchange) Reply(m *codec.Message) error {
	l := x.link
	err := l.send(m)
	for err != nil && l.closed.Load() {
		other := l.a.another(l)
		if other == nil {
			break
		}
		l = other
		err = l.send(m)
	}
	if err != nil {
		l.a.metrics.dropped[droppedUnsent].Inc()
	}
	return err
}

// Write sends raw in a frame, whatever it is.
func (x *Exchange) Write(raw []byte) error {
	x.link.observe(nil, true, "bytes of a fault")
	return x.link.write(raw)
}

// WriteBare sends b as it is, with no frame around it.
func (x *Exchange) WriteBare(b []byte) error {
	x.link.observe(nil, true, "bytes of a fault")
	return x.link.put(b)
}

// Drop closes the request's link.
func (x *Exchange) Drop() { x.link.close() }

// Ignore notes in the ledger that the request came and that nothing was done
// about it.
func (x *Exchange) Ignore(ctx context.Context) error { return x.link.a.ledger.note(ctx, x, "ignored") }
