package switching

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wxswitch/banks"
	"wxswitch/codec"
)

// settle turns what the exchange brought into an end.
func settle(t codec.Type, reply *banks.Reply, err error) End {
	if err != nil {
		return settleError(err)
	}
	return EndOf(t, reply.Fields, reply.Meaning)
}

// EndOf is the end that a bank's reply to a transaction of the type means.
func EndOf(t codec.Type, reply codec.Fields, m codec.Meaning) End {
	end := End{Code: reply.Get(codec.FieldCode), Reply: reply}
	switch m {
	case codec.Approved:
		end.Outcome = Approved
	case codec.Declined:
		end.Outcome = Declined
	case codec.InDoubt:
		end.Outcome, end.Reason = TimedOut, ReasonBankInDoubt
	case codec.Unmapped:
		end.Outcome, end.Reason = unmapped(t)
	}
	return end
}

// unmapped: a code nobody configured says nothing of a change of state; an
// enquiry without an answer is as good as declined.
func unmapped(t codec.Type) (Outcome, Reason) {
	if t.Class() == codec.Enquiry {
		return Declined, ""
	}
	return TimedOut, ReasonUnmappedCode
}

func settleError(err error) End {
	var notSent *banks.NotSent
	if errors.As(err, &notSent) {
		return End{Outcome: Refused, Reason: Reason(notSent.Reason)}
	}
	var doubt *banks.InDoubt
	if errors.As(err, &doubt) {
		return End{Outcome: TimedOut, Reason: Reason(doubt.Reason)}
	}
	return End{Outcome: TimedOut, Reason: Reason(banks.NoReply)}
}

// closeTries bounds how often a close is tried whose commit failed. Where all
// fail the row is left to the scan.
const closeTries = 3

// close ends the entry and wakes whoever waits for it or for its advice. A
// commit that failed is read back: the row tells. A crash before the commit
// leaves the row open, to be ended as timed out.
func (s *Switch) close(ctx context.Context, e *Entry, end *End) (Entry, error) {
	var row Entry
	var err error
	for range closeTries {
		if row, err = s.Journal.Close(ctx, *e, *end); err == nil {
			s.closed(&row, end)
			return row, nil
		}
		back, found, readErr := s.Journal.Confirm(ctx, e.ID)
		if readErr == nil && found && !back.Open {
			back.Won = back.End.Outcome == end.Outcome && back.End.Reason == end.Reason // as far as can be known
			s.closed(&back, end)
			return back, nil
		}
		<-time.After(closePause)
	}
	return Entry{}, fmt.Errorf("close: %w", err)
}

const (
	closePause = 20 * time.Millisecond
	ownPause   = 2 * time.Millisecond
)

func (s *Switch) closed(row *Entry, end *End) {
	if _, doubt := Doubt(*row, *end); doubt {
		s.Wake(row.Bank, 0)
	}
	if row.Operation != Raw && !row.Type.Stateless() { // others run no Effect that could tell anything
		s.Told()
	}
	s.Changed(row.ID)
}

// Late journals a reply that nobody waits for (banks.Handler).
func (s *Switch) Late(ctx context.Context, bank string, m *codec.Message) {
	b, known := s.banks[bank]
	if !known {
		return
	}
	r := NewLateReply(b, m)
	// A row that this process is about to close is waited for: of two replies that
	// contradict each other the first counts.
	for end := time.Now().Add(s.Grace); s.own.answers(&r) && time.Now().Before(end); {
		<-time.After(ownPause)
	}
	s.late(ctx, lateMessage{r, m})
}

// lateMessage is a late reply and how it came.
type lateMessage struct {
	LateReply
	m *codec.Message
}

// late tries as often as close does, and then at every scan: a late approval that is
// lost may leave a registration at the bank that counts as not done.
func (s *Switch) late(ctx context.Context, l lateMessage) {
	var err error
	for range closeTries {
		if err = s.journalLate(ctx, l); err == nil {
			return
		}
		<-time.After(closePause)
	}
	s.keepLate(l, err)
}

func (s *Switch) journalLate(ctx context.Context, l lateMessage) error {
	e, known, err := s.Journal.Late(ctx, l.LateReply)
	noisy := s.noisy[l.Bank]
	switch {
	case err != nil:
		return err
	case !known:
		noisy.Warn().Str("bank", l.Bank).Object("reply", l.m).Msg("reply to nothing that was sent")
		s.metrics.late(l.Bank, lateUnmatched)
	default:
		noisy.Info().Str("bank", l.Bank).Int64("id", e.ID).Str("code", l.Code).
			Str("standing", string(e.Standing)).Msg("late reply")
		s.metrics.late(l.Bank, lateJournalled)
		s.Wake(l.Bank, 0)
		s.Told()
		s.Changed(e.ID)
	}
	return nil
}

// keepLate keeps what the journal would not take, if it matters and there is room. A
// crash loses it.
func (s *Switch) keepLate(l lateMessage, err error) {
	if l.Type.Class() == codec.Change {
		select {
		case s.unheard <- l:
			s.Log.Error().Err(err).Str("bank", l.Bank).Str("rrn", string(l.RRN)).Msg("late reply waits for the journal")
			return
		default:
		}
	}
	s.lateLost(l, err)
}

func (s *Switch) lateLost(l lateMessage, err error) {
	s.Log.Error().Err(err).Str("bank", l.Bank).Str("rrn", string(l.RRN)).Msg("late reply is lost")
	s.metrics.late(l.Bank, lateError)
}

// lateAgain tries what was kept, until the journal still does not take one: that is
// last the next time, so that one that it never takes holds up no other.
func (s *Switch) lateAgain(ctx context.Context) {
	for range len(s.unheard) {
		l := <-s.unheard
		if err := s.journalLate(ctx, l); err != nil {
			s.keepLate(l, err)
			return
		}
	}
}

// lateLast tries a last time, and counts what is lost.
func (s *Switch) lateLast(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), findLimit)
	defer cancel()
	s.lateAgain(ctx)
	for range len(s.unheard) {
		s.lateLost(<-s.unheard, errEnding)
	}
}

var errEnding = errors.New("the switch ends, and the journal does not take it")

// NewLateReply reads a reply as what it says of an entry or of its advice.
func NewLateReply(b *banks.Bank, m *codec.Message) LateReply {
	code, d := m.Get(codec.FieldCode), b.Dialect()
	return LateReply{
		Bank: b.Name(), Type: m.Type, Code: code, Reply: m.Fields,
		RRN: codec.RRN(m.Get(codec.FieldRRN)), STAN: codec.STAN(m.Get(codec.FieldSTAN)), Sent: codec.Stamp(m.Get(codec.FieldSent)),
		Meaning: d.Meaning(m.Type, code), Class: d.AdviceClass(m.Type, code),
	}
}

// Get returns the client's own entry as it stands today. An entry that joined
// another stands as that one does, and holds back other changes while that does; one
// that was refused beside it does neither.
func (s *Switch) Get(ctx context.Context, client string, id int64) (Entry, bool, error) {
	e, found, err := s.Journal.Get(ctx, id)
	if err != nil || !found || e.Client != client {
		return Entry{}, false, err
	}
	if e.Joins != 0 && e.End.Outcome != Refused {
		root, found, err := s.Journal.Get(ctx, e.Joins)
		if err != nil || !found {
			return Entry{}, false, err
		}
		e.Holds = root.Holds
		if !e.Open && !root.Open { // till then it stands as it ended itself, in doubt
			e.Standing, e.Late, e.LateCode = root.Standing, root.Late, root.LateCode
		}
	}
	return e, true, nil
}
