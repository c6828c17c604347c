package journal

import (
	"context"
	"fmt"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// Late journals a reply that nobody waits for and applies what it changes. An
// entry still open is closed by it, as if it had been in time: nobody has been answered
// otherwise.
func (j *Journal) Late(ctx context.Context, r switching.LateReply) (e switching.Entry, known bool, err error) {
	id, ours := r.RRN.Number()
	if !ours {
		return e, false, nil
	}
	err = j.write(ctx, func(ctx context.Context, tx db.Tx) error {
		e, known, err = j.one(ctx, tx, `id = $1`, id)
		switch {
		case err != nil || !known:
			return err
		case e.Bank != r.Bank || foreign(&e, &r.Reply):
			known = false
			return nil
		case r.Type.Class() == codec.Advice:
			e, known, err = j.lateAdvice(ctx, tx, e, r)
			return err
		case e.Type != r.Type || e.Sent != r.Sent || e.STAN != r.STAN || e.Joins != 0:
			known = false
			return nil
		case e.Open:
			end := switching.EndOf(e.Type, r.Reply, r.Meaning)
			e.Unheard = true
			return j.close(ctx, tx, &e, &end)
		}
		e, err = j.lateEntry(ctx, tx, e, r)
		return err
	})
	return e, known, err
}

// foreign reports whether a reply names another account than was asked about: it
// is another customer's, and says nothing of this one.
func foreign(e *switching.Entry, reply *codec.Fields) bool {
	var asked codec.Fields
	asked.SetAccount(e.Account, e.Card)
	_, is := asked.Contradicts(reply, codec.FieldPAN, codec.FieldAccount)
	return is
}

func (j *Journal) lateAdvice(ctx context.Context, tx db.Tx, e switching.Entry, r switching.LateReply) (switching.Entry, bool, error) {
	a, err := j.adviceOf(ctx, tx, e, r.Type)
	if err != nil || a == nil || a.Attempts == 0 {
		return e, false, err
	}
	e, err = j.answer(ctx, tx, a, r)
	return e, true, err
}

// lateEntry records the reply beside the first answer.
func (j *Journal) lateEntry(ctx context.Context, tx db.Tx, e switching.Entry, r switching.LateReply) (switching.Entry, error) {
	a, newer, err := j.doubt(ctx, tx, e)
	if err != nil {
		return e, err
	}
	change := switching.LateAnswer(e, a, newer, r.Meaning)
	if err := note(ctx, tx, &e, r, change.Standing != ""); err != nil {
		return e, err
	}
	return j.apply(ctx, tx, e, a, change)
}

// note writes what a late reply, or the answer to a completion, said. One that
// decided nothing does not write over a clear one, except an approval over a
// decline.
func note(ctx context.Context, tx db.Tx, e *switching.Entry, r switching.LateReply, decided bool) error {
	clear := e.Late == codec.Approved || e.Late == codec.Declined && r.Meaning != codec.Approved
	if clear && !decided {
		return nil
	}
	e.Late, e.LateCode = r.Meaning, r.Code
	_, err := tx.ExecContext(ctx, `UPDATE entry SET late = $1, late_code = $2 WHERE id = $3`, int(r.Meaning), r.Code, e.ID)
	if err != nil {
		return fmt.Errorf("note late reply: %w", err)
	}
	return nil
}

// doubt reads what the rules need to know: the entry's advice, and whether a
// newer registration of its account was approved.
func (j *Journal) doubt(ctx context.Context, tx db.Tx, e switching.Entry) (*switching.Advice, bool, error) {
	a, err := j.adviceOf(ctx, tx, e, e.Type.Doubt()) // of an enquiry there is none
	if err != nil || a == nil {
		return nil, false, err
	}
	newer, err := j.newerRegistration(ctx, tx, *a)
	return a, newer, err
}

// registrations counts the approved registrations of an account that are the
// customer's, or may be. Another's is of another certificate, or has superseded it:
// it keeps nobody's own from its end.
const registrations = `(SELECT COUNT(*) FROM entry WHERE type IN ('authenticate', 'attach') AND bank = $1 AND account_ix = $2 AND standing = 'approved'
	AND (customer = $3 OR customer = '' OR $3 = ''))`

// newerRegistration reports whether a registration of the account was approved
// after the advice was stored. Until then the original held the account, so one
// that is newer than the original is newer than the advice; and an approval is
// never taken back, so counting tells.
func (j *Journal) newerRegistration(ctx context.Context, tx db.Tx, a switching.Advice) (newer bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT `+registrations+` > (SELECT approved FROM advice WHERE id = $4)`,
		a.Entry.Bank, j.accountIx(&a.Entry), a.Entry.Customer, a.ID).Scan(&newer)
	if err != nil {
		return false, fmt.Errorf("look for a newer registration: %w", err)
	}
	return newer, nil
}

// apply carries out a change, and then lets the entry hold its account or not.
func (j *Journal) apply(ctx context.Context, tx db.Tx, e switching.Entry, a *switching.Advice, c switching.Change) (switching.Entry, error) {
	if c.Standing != "" {
		e.Standing = c.Standing
		_, err := tx.ExecContext(ctx, `UPDATE entry SET standing = $1 WHERE id = $2`, string(c.Standing), e.ID)
		if err != nil {
			return e, fmt.Errorf("standing: %w", err)
		}
		if err := j.effect(ctx, tx, &e, c.Standing); err != nil {
			return e, err
		}
	}
	if a == nil || (c.Advice == "" && !c.Again) {
		return e, nil
	}
	if c.Advice != "" {
		a.State = c.Advice
	}
	if err := j.moveAdvice(ctx, tx, *a, c.Again); err != nil {
		return e, err
	}
	if a.Type == codec.Release {
		return e, nil // it keeps no change back: a later registration it cannot end
	}
	return j.setHold(ctx, tx, e, a.State.Settles())
}

// setHold lets the entry hold its account, or no longer. A reversal that comes
// back while another change holds the account runs beside it, for it can undo
// its own original only, and holds the account after it.
func (j *Journal) setHold(ctx context.Context, tx db.Tx, e switching.Entry, holds bool) (switching.Entry, error) {
	ok, err := db.Changed(tx.ExecContext(ctx, `UPDATE entry SET holds = $1 WHERE id = $2 AND NOT ($1 AND EXISTS (
		SELECT 1 FROM entry o WHERE o.bank = entry.bank AND o.account_ix = entry.account_ix AND o.holds = 1 AND o.id <> $2))`,
		holds, e.ID))
	if err != nil {
		return e, fmt.Errorf("hold account: %w", err)
	}
	e.Holds = holds && ok
	if !holds {
		err = handOver(ctx, tx, e.ID)
	}
	return e, err
}

// handOver lets the oldest reversal hold the entry's account that came back
// while the entry held it, if there is one.
func handOver(ctx context.Context, tx db.Tx, id int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE entry SET holds = 1 WHERE id = (
		SELECT MIN(a.entry) FROM advice a JOIN entry e ON e.bank = a.bank AND e.account_ix = a.account_ix
		WHERE e.id = $1 AND a.type = $2 AND a.state IN ('pending', 'parked'))
		AND NOT EXISTS (SELECT 1 FROM entry o WHERE o.bank = entry.bank AND o.account_ix = entry.account_ix AND o.holds = 1)`,
		id, string(codec.Reversal))
	if err != nil {
		return fmt.Errorf("hand account over: %w", err)
	}
	return nil
}
