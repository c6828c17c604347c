package switching

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"wxswitch/banks"
	"wxswitch/codec"
	"wxswitch/routing"
)

// Do carries out one request and returns how it ended. A caller that hangs up
// cancels nothing: only the deadline ends the walk. Errors are ErrKeyReused,
// ErrInProgress and ErrOutcomeUnknown; everything else is an outcome.
func (s *Switch) Do(ctx context.Context, r Request) (Result, error) {
	s.inflight.Add(1)
	defer s.inflight.Add(-1)
	s.metrics.inFlight.Inc()
	defer s.metrics.inFlight.Dec()
	w := s.start(context.WithoutCancel(ctx), &r)
	defer w.leave()
	if w.err = w.run(); w.err != nil {
		return Result{}, w.err
	}
	return Result{Entry: w.entry, Journalled: w.journalled, Replayed: w.replayed}, nil
}

// run is the walk. Where it returns no error, entry is the result's.
func (w *walk) run() error {
	refusal := w.route()
	if !w.enter() {
		return ErrInProgress
	}
	for refusal == "" {
		var permit *banks.Permit
		if permit, refusal = w.admit(); refusal != "" {
			break
		}
		opening, err := w.open(permit)
		switch {
		case err != nil:
			return w.openFailed(err)
		case opening.Kind == Opened:
			return w.send(permit)
		case opening.Kind == Settling:
			refusal = w.waitSettled(opening.Blocker)
		default:
			return w.answer(&opening)
		}
	}
	return w.refuse(refusal)
}

// walk is one request on its way.
type walk struct {
	*Switch
	ctx      context.Context //nolint:containedctx // a walk lives as long as its call
	chosen   routing.Bank    // by the customer
	timeout  time.Duration   // the caller's
	gone     func() bool     // whether the caller is; may be nil
	started  time.Time       // monotonic
	deadline time.Time
	bank     *banks.Bank
	entry    Entry
	unkept   string // the SMS code, which is sent and never journalled
	id       int64  // of the entry that it opens
	key      string // the hash of its key, while it is the one walk of it that is undecided
	bankTime time.Duration
	cause    error // the rule that a message broke, of those exchanged
	closing  bool  // its row is closed after its answer

	journalled, replayed bool // of the result
	err                  error
}

// leave ends the walk.
func (w *walk) leave() {
	w.decided()
	if !w.closing {
		w.own.remove(w.id)
	}
	w.log()
}

func (s *Switch) start(ctx context.Context, r *Request) *walk {
	w := &walk{Switch: s, ctx: ctx, chosen: routing.Bank(r.Bank), timeout: r.Timeout, gone: r.Gone, started: time.Now()}
	w.unkept = r.Fields.Get(codec.FieldSMSCode)
	r.Fields.Set(codec.FieldSMSCode, "") // a repeat would have another
	hash := s.bodyHash(r)
	r.Fields.Set(codec.FieldAcquirer, s.Acquirer)
	r.Fields.Set(codec.FieldForwarder, s.Forwarder)
	w.entry = Entry{
		Client: r.Client, Operation: r.Operation, Type: r.Type, Customer: customerOf(r),
		Account: r.Account, Fields: r.Fields, Instance: s.Instance, BodyHash: hash, Proof: r.Proof,
	}
	if r.Key != "" {
		w.entry.KeyHash = s.keyHash(r)
	}
	return w
}

// customerOf keeps what different clients call their customers apart, and from
// ours.
func customerOf(r *Request) string {
	if r.Operation != Raw || r.Customer == "" {
		return r.Customer
	}
	return r.Client + " " + r.Customer
}

// keyHash is what the key is found by. That of a UUIDv7 (RFC 9562, 5.7) begins with
// its time, which tells nothing of anybody: keys of one moment then stand together
// in the index, where others make every commit write pages all over it.
func (s *Switch) keyHash(r *Request) []byte {
	hash := s.Hasher.Index("idempotency", r.Client, r.Operation, r.Key)
	const text, moment = 36, 6 // characters; bytes of its time
	if id, err := uuid.Parse(r.Key); err == nil && len(r.Key) == text && id.Version() == 7 {
		return append(id[:moment:moment], hash...)
	}
	return hash
}

// bodyHash covers what was asked, and nothing that configuration decides.
func (s *Switch) bodyHash(r *Request) []byte {
	proof := ""
	if r.Proof != nil {
		proof = r.Proof.Covers()
	}
	if r.Asked != "" {
		return s.Hasher.Hash("asked", string(r.Type), r.Customer, r.Asked, proof)
	}
	var some [256]byte
	return s.Hasher.Hash("body", string(r.Type), r.Customer, r.Account.Reveal(), r.Bank, string(r.Fields.AppendClear(some[:0])), proof)
}

// route finds the bank and fixes the deadline. It journals nothing.
func (w *walk) route() Reason {
	if refusal := w.find(); refusal != "" {
		return refusal
	}
	var known bool
	if w.bank, known = w.banks[w.entry.Bank]; !known {
		return ReasonUnknownBank
	}
	mti, code, known := w.bank.Dialect().Wire(w.entry.Type)
	if class := w.entry.Type.Class(); !known || (class != codec.Enquiry && class != codec.Change) {
		return ReasonUnsupported
	}
	w.entry.MTI, w.entry.Code3 = mti, code
	limit := w.bank.Deadline(w.entry.Type)
	if t := w.timeout; t != 0 && t < limit {
		limit = t
	}
	w.deadline = w.started.Add(limit)
	return ""
}

// find names the account's bank. What concerns no account goes to the bank that
// the request names.
func (w *walk) find() Reason {
	if w.entry.Account.IsZero() {
		w.entry.Bank = string(w.chosen)
		return ""
	}
	target, err := w.Router.Route(w.entry.Account, w.chosen)
	if err != nil {
		return refusalReason(err)
	}
	w.entry.Bank, w.entry.Card = string(target.Bank), target.Card
	return ""
}

// admit asks the bank for leave to send.
func (w *walk) admit() (*banks.Permit, Reason) {
	if w.draining.Load() {
		return nil, ReasonDraining
	}
	if !time.Now().Before(w.deadline) {
		return nil, ReasonDeadline
	}
	permit, err := w.bank.Admit()
	if err != nil {
		return nil, refusalReason(err)
	}
	return permit, ""
}

// open writes the row under a number of its own. Where that does not let the walk
// send, the permit is given back. A crash after it leaves an open row, which the scan
// ends as timed out.
func (w *walk) open(permit *banks.Permit) (opening Opening, err error) {
	defer func() {
		if opening.Kind != Opened { // also where it panics
			permit.Release()
		}
	}()
	ctx, cancel := context.WithDeadline(w.ctx, w.deadline)
	defer cancel()
	n, err := w.Numbers.Take(ctx)
	if err != nil {
		return Opening{}, err
	}
	e := &w.entry
	if w.id != 0 {
		w.own.remove(w.id) // of an earlier turn that found the account held
	}
	w.id = n.ID
	e.ID, e.STAN, e.Sent, e.RRN = n.ID, n.STAN, n.Sent, codec.NewRRN(n.ID)
	w.own.add(e.ID, e.Sent)
	e.Opened = w.Now().Truncate(time.Millisecond) // as the journal keeps it
	e.Deadline = e.Opened.Add(time.Until(w.deadline))
	opening, err = w.Journal.Open(ctx, *e)
	if errors.Is(err, ErrCommitUnknown) {
		opening, err = w.readBackOpen(err)
	}
	if err != nil {
		return Opening{}, err
	}
	if opening.Kind == Opened || opening.Kind == Joined {
		w.entry = opening.Entry
	}
	if opening.Kind != Settling {
		w.decided()
	}
	w.Failpoint("open")
	return opening, nil
}

// readBackOpen clears up an open whose commit is unknown. What is not on disk
// was not opened; what cannot be confirmed stays unknown, and nothing is sent.
func (w *walk) readBackOpen(cause error) (Opening, error) {
	ctx, cancel := context.WithTimeout(w.ctx, w.Grace)
	defer cancel()
	e, found, err := w.Journal.Confirm(ctx, w.entry.ID)
	switch {
	case err != nil:
		return Opening{}, fmt.Errorf("%w: %w", ErrOutcomeUnknown, cause)
	case !found:
		return Opening{}, fmt.Errorf("open not persisted: %s", cause.Error())
	case !e.Open:
		return Opening{Kind: EffectRefused, Entry: e}, nil
	case e.Joins != 0:
		return Opening{Kind: Joined, Entry: e}, nil
	}
	return Opening{Kind: Opened, Entry: e}, nil
}

func (w *walk) openFailed(err error) error {
	var undone *EffectRefusal
	if errors.As(err, &undone) {
		return w.refuse(undone.Reason)
	}
	w.Log.Error().Err(err).Int64("id", w.entry.ID).Msg("open entry")
	if errors.Is(err, ErrOutcomeUnknown) {
		w.unknown.Add(1)
		return ErrOutcomeUnknown
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return w.refuse(ReasonDeadline)
	}
	return w.refuse(ReasonJournal)
}

// send exchanges the message and closes the row.
func (w *walk) send(permit *banks.Permit) error {
	defer permit.Release()
	permit.Shortened = w.timeout != 0 && w.timeout < w.bank.Deadline(w.entry.Type)
	begun := time.Now()
	m := message(&w.entry)
	m.Set(codec.FieldSMSCode, w.unkept)
	reply, err := permit.Exchange(m, w.deadline)
	w.bankTime = time.Since(begun)
	if broken := (*codec.FormatError)(nil); errors.As(err, &broken) {
		w.cause = broken
	}
	w.Failpoint("reply")
	end := settle(w.entry.Type, &reply, err)
	if w.entry.Type.Stateless() && end.Outcome != TimedOut && w.closeLater(&end) {
		w.entry.Open, w.entry.End, w.entry.Standing = false, end, end.Outcome // as it will stand
		return w.done(false)
	}
	if err := w.end(&end); err != nil {
		return err
	}
	if answered := end.Outcome == Approved || end.Outcome == Declined; answered && w.entry.End.Outcome != end.Outcome {
		// Another instance took the row for abandoned: what the bank said is late.
		w.late(w.ctx, lateMessage{NewLateReply(w.bank, reply.Message), reply.Message})
	}
	return nil
}

// end closes the row and answers what it then holds. Where the disk takes longer than
// the grace, the caller hears that nobody knows; the scan then ends the row, if the close
// does not after all.
func (w *walk) end(end *End) error {
	w.entry.Unheard = w.gone != nil && w.gone()
	ctx, cancel := context.WithTimeout(w.ctx, max(time.Until(w.deadline), 0)+w.Grace)
	defer cancel()
	e, err := w.close(ctx, &w.entry, end)
	w.Failpoint("close")
	if err != nil {
		w.Log.Error().Err(err).Int64("id", w.entry.ID).Msg("close entry")
		return ErrOutcomeUnknown
	}
	w.entry = e
	return w.done(false)
}

// closeLater closes an enquiry after its answer, where there is a place left. Not
// one that timed out: a late reply could end its row first, and otherwise. A
// crash before it leaves the row open, and nothing in doubt.
func (w *walk) closeLater(end *End) bool {
	select {
	case w.closers <- struct{}{}:
	default:
		return false
	}
	w.inflight.Add(1)
	s, ctx, entry, last := w.Switch, w.ctx, w.entry, *end
	w.closing = true
	go func() {
		defer s.own.remove(entry.ID)
		defer s.inflight.Add(-1)
		defer func() { <-s.closers }()
		if _, err := s.close(ctx, &entry, &last); err != nil {
			s.Log.Error().Err(err).Int64("id", entry.ID).Msg("close enquiry")
		}
	}()
	return true
}

// answer ends a walk that sends nothing itself.
func (w *walk) answer(o *Opening) error {
	switch o.Kind {
	case KeyReused:
		return ErrKeyReused
	case Known:
		return w.replay(&o.Entry)
	case Joined:
		return w.join()
	case Opened, Settling, EffectRefused:
	}
	w.entry = o.Entry
	return w.done(false)
}

// refuse ends a walk before anything was sent or journalled. But a repeat of a
// key that has ended is answered as it ended, even with the bank down.
func (w *walk) refuse(reason Reason) error {
	found, err := w.known()
	switch {
	case found:
		return err
	case err != nil:
		w.Log.Error().Err(err).Msg("find key")
		reason = ReasonJournal
	}
	w.entry = Entry{
		Client: w.entry.Client, Type: w.entry.Type, Bank: w.entry.Bank, End: End{Outcome: Refused, Reason: reason},
	}
	return nil
}

// done ends the walk with what the journal holds, or will.
func (w *walk) done(replayed bool) error {
	w.journalled, w.replayed = true, replayed
	return nil
}

// refusalReason passes on the reason of routing and banks.
func refusalReason(err error) Reason {
	var noRoute *routing.Refusal
	if errors.As(err, &noRoute) {
		return Reason(noRoute.Reason)
	}
	var notSent *banks.NotSent
	if errors.As(err, &notSent) {
		return Reason(notSent.Reason)
	}
	return ReasonUnsupported
}
