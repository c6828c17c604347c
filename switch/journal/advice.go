package journal

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// addAdvice stores an advice of the entry. One of the same type that is there
// already stays: an entry is told of once.
func (j *Journal) addAdvice(ctx context.Context, tx db.Tx, e switching.Entry, accountIx []byte, t codec.Type) error {
	now := j.Now().UnixMilli()
	_, err := tx.ExecContext(ctx, `INSERT INTO advice (bank, account_ix, entry, type, state, attempts, next, claimed, created, approved)
		VALUES ($1, $2, $4, $5, 'pending', 0, $6, 0, $6, `+registrations+`)
		ON CONFLICT (entry, type) DO NOTHING`, e.Bank, accountIx, e.Customer, e.ID, string(t), now)
	if err != nil {
		return fmt.Errorf("store advice: %w", err)
	}
	return nil
}

const adviceColumns = `id, entry, type, state, attempts, next, claimed, created, last_code, note`

// scanAdvice reads an advice; of its entry the ID only.
func scanAdvice(s scanner) (switching.Advice, error) {
	var a switching.Advice
	var next, claimed, created int64
	err := s.Scan(&a.ID, &a.Entry.ID, &a.Type, &a.State, &a.Attempts, &next, &claimed, &created, &a.LastCode, &a.Note)
	a.Next, a.Claimed, a.Created = millis(next), millis(claimed), millis(created)
	return a, err
}

// adviceOf returns the entry's advice of the type, nil if there is none.
func (j *Journal) adviceOf(ctx context.Context, tx db.Tx, e switching.Entry, t codec.Type) (*switching.Advice, error) {
	a, err := scanAdvice(tx.QueryRowContext(ctx, `SELECT `+adviceColumns+` FROM advice WHERE entry = $1 AND type = $2`, e.ID, string(t)))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read advice: %w", err)
	}
	a.Entry = e
	return &a, nil
}

// adviceByID returns the advice with its entry.
func (j *Journal) adviceByID(ctx context.Context, tx db.Tx, id int64) (switching.Advice, error) {
	list, err := j.advices(ctx, tx, `id = $1`, id)
	if len(list) == 0 {
		return switching.Advice{}, cmp.Or(err, switching.ErrNoAdvice)
	}
	return list[0], err
}

// advices returns the advices that the condition names, with their entries. Of
// an unreadable entry only what is in clear is there, and the error says so,
// beside the list.
func (j *Journal) advices(ctx context.Context, tx db.Tx, where string, args ...any) ([]switching.Advice, error) {
	list, err := adviceRows(ctx, tx, where, args...)
	if err != nil {
		return nil, fmt.Errorf("read advices: %w", err)
	}
	var unreadable error
	for i := range list {
		e, found, err := j.one(ctx, tx, `id = $1`, list[i].Entry.ID)
		switch {
		case errors.Is(err, errUnreadable):
			unreadable = fmt.Errorf("advice %d: %w", list[i].ID, err)
			e.ID = list[i].Entry.ID
		case err != nil:
			return nil, fmt.Errorf("entry of advice %d: %w", list[i].ID, err)
		case !found:
			return nil, fmt.Errorf("advice %d has no entry", list[i].ID)
		}
		list[i].Entry = e
	}
	return list, unreadable
}

func adviceRows(ctx context.Context, tx db.Tx, where string, args ...any) ([]switching.Advice, error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+adviceColumns+` FROM advice WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	var list []switching.Advice
	for rows.Next() {
		a, err := scanAdvice(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, rows.Err()
}

// moveAdvice writes the advice's state; again puts its next sending off by the
// back-off, but for one that comes back to life, which goes at once. A claim stands
// while the advice is pending: an attempt on its way is left to its own answer.
func (j *Journal) moveAdvice(ctx context.Context, tx db.Tx, a switching.Advice, again bool) error {
	next := j.Now()
	if again && a.State == switching.AdvicePending {
		next = next.Add(j.Backoff.After(a.Attempts))
	}
	claimed := int64(0)
	if a.State == switching.AdvicePending && !a.Claimed.IsZero() {
		claimed = a.Claimed.UnixMilli()
	}
	_, err := tx.ExecContext(ctx, `UPDATE advice SET state = $1, next = $2, claimed = $3, last_code = $4, note = $5 WHERE id = $6`,
		string(a.State), next.UnixMilli(), claimed, a.LastCode, a.Note, a.ID)
	if err != nil {
		return fmt.Errorf("move advice: %w", err)
	}
	return nil
}

// free is an advice that is not on its way, at $2; $3 is farther ahead than any
// claim goes, unless the clock was set back since.
const free = `(claimed <= $2 OR claimed > $3)`

// isFree is the same of an advice that was read.
func isFree(a *switching.Advice, now time.Time) bool {
	return !a.Claimed.After(now) || a.Claimed.After(now.Add(longest))
}

// Waiting reports whether an advice of the bank is due: two questions, so that
// each is a look into the index.
func (j *Journal) Waiting(ctx context.Context, bank string) (waiting bool, err error) {
	err = j.DB.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		const of = `EXISTS (SELECT 1 FROM advice WHERE bank = $1 AND state = 'pending' AND ` + free
		now := j.Now()
		return tx.QueryRowContext(ctx, `SELECT `+of+` AND next <= $2) OR `+of+` AND next > $4)`,
			bank, now.UnixMilli(), now.Add(longest).UnixMilli(), j.farthest(now)).Scan(&waiting)
	})
	return waiting, err
}

// Claim takes an advice of the bank that is due, so that no other instance
// sends it until the lease is past, and counts the attempt: a crash after it is
// a sending that got no answer. Of one account only the oldest is taken.
// inFlight bounds how many of the bank may be on their way at once. One whose
// entry is unreadable cannot be written: it is parked, for an operator, and the
// next is taken.
func (j *Journal) Claim(ctx context.Context, bank string, inFlight int, lease time.Time) (a switching.Advice, ok bool, err error) {
	err = j.write(ctx, func(ctx context.Context, tx db.Tx) error {
		a, ok, err = j.claim(ctx, tx, bank, inFlight, lease)
		return err
	})
	return a, ok, err
}

func (j *Journal) claim(ctx context.Context, tx db.Tx, bank string, inFlight int, lease time.Time) (a switching.Advice, ok bool, err error) {
	for range maxParked {
		a, ok, err = j.claimNext(ctx, tx, bank, inFlight, lease)
		if !errors.Is(err, errUnreadable) {
			return a, ok, err
		}
		a.State, a.Note = switching.AdviceParked, "its entry cannot be read"
		if err := j.moveAdvice(ctx, tx, a, false); err != nil {
			return a, false, err
		}
	}
	return a, false, nil
}

// maxParked bounds the work of one claim.
const maxParked = 100

// flying is an advice on its way, which is one that is not free. It names what its
// index holds: each claim counts them, among all that wait for a bank that was away.
const flying = `claimed > 0 AND claimed > $2 AND claimed <= $3`

const nextAdvice = `bank = $1 AND state = 'pending' AND (next <= $2 OR next > $4) AND ` + free + ` AND NOT EXISTS (
	SELECT 1 FROM advice o WHERE o.bank = advice.bank AND o.account_ix = advice.account_ix AND o.state = 'pending'
	AND o.id < advice.id) AND (SELECT COUNT(*) FROM advice WHERE bank = $1 AND state = 'pending' AND ` + flying + `) < $5
	ORDER BY next LIMIT 1`

func (j *Journal) claimNext(ctx context.Context, tx db.Tx, bank string, inFlight int, lease time.Time) (a switching.Advice, ok bool, err error) {
	now := j.Now()
	list, err := j.advices(ctx, tx, nextAdvice, bank, now.UnixMilli(), now.Add(longest).UnixMilli(), j.farthest(now), inFlight)
	if len(list) == 0 {
		return a, false, err
	}
	if a = list[0]; err != nil {
		return a, false, err
	}
	a.Attempts++
	if a.Claimed = lease; lease.After(now.Add(longest)) {
		a.Claimed = now.Add(longest)
	}
	_, err = tx.ExecContext(ctx, `UPDATE advice SET attempts = attempts + 1, claimed = $1 WHERE id = $2`, a.Claimed.UnixMilli(), a.ID)
	if err != nil {
		return a, false, fmt.Errorf("claim advice: %w", err)
	}
	return a, true, nil
}

// farthest is farther ahead than any advice is put off, unless the clock was set
// back since.
func (j *Journal) farthest(now time.Time) int64 {
	return now.Add(j.Backoff.Max + time.Minute).UnixMilli()
}

// Unclaim takes a claim back: nothing was sent, and no attempt is counted.
func (j *Journal) Unclaim(ctx context.Context, a switching.Advice, next time.Time) error {
	return j.afterAttempt(ctx, a, next, 1)
}

// Silent puts an advice off whose attempt got no clear answer.
func (j *Journal) Silent(ctx context.Context, a switching.Advice) error {
	return j.afterAttempt(ctx, a, j.Now().Add(j.Backoff.After(a.Attempts)), 0)
}

// ownClaim is an advice, at $1, under the claim until $2 and no other: whoever took
// it since, when that was past, has it on its way.
const ownClaim = `id = $1 AND state = 'pending' AND claimed = $2 AND claimed > 0`

func (j *Journal) afterAttempt(ctx context.Context, a switching.Advice, next time.Time, unsent int) error {
	return j.write(ctx, func(ctx context.Context, tx db.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE advice SET attempts = attempts - $3, claimed = 0, next = $4 WHERE `+ownClaim,
			a.ID, a.Claimed.UnixMilli(), unsent, next.UnixMilli())
		return err
	})
}

// Answered applies a bank's answer to an advice; it returns the advice, and in
// it the entry, as they then stand.
func (j *Journal) Answered(ctx context.Context, id int64, r switching.LateReply) (a switching.Advice, err error) {
	err = j.write(ctx, func(ctx context.Context, tx db.Tx) error {
		if a, err = j.adviceByID(ctx, tx, id); err != nil {
			return err
		}
		a.Claimed = time.Time{} // this is the answer to the attempt
		a.Entry, err = j.answer(ctx, tx, &a, r)
		return err
	})
	return a, err
}

func (j *Journal) answer(ctx context.Context, tx db.Tx, a *switching.Advice, r switching.LateReply) (switching.Entry, error) {
	newer, err := j.newerRegistration(ctx, tx, *a)
	if err != nil {
		return a.Entry, err
	}
	change := switching.Answer(a.Entry, *a, newer, r)
	if change.Standing != "" {
		if err := note(ctx, tx, &a.Entry, r, true); err != nil {
			return a.Entry, err
		}
	}
	a.LastCode = r.Code
	return j.apply(ctx, tx, a.Entry, a, change)
}

// Wake makes the entry's pending advice due at once, and with it the older ones of
// the account, which go before it; those on their way are left to their answers.
func (j *Journal) Wake(ctx context.Context, entry int64) error {
	return j.write(ctx, func(ctx context.Context, tx db.Tx) error { return j.wake(ctx, tx, entry) })
}

func (j *Journal) wake(ctx context.Context, tx db.Tx, entry int64) error {
	now := j.Now()
	_, err := tx.ExecContext(ctx, `UPDATE advice SET next = $2 WHERE state = 'pending' AND `+free+` AND id IN (
		SELECT o.id FROM advice w JOIN advice o ON o.bank = w.bank AND o.account_ix = w.account_ix AND o.state = 'pending' AND o.id <= w.id
		WHERE w.entry = $1 AND w.state = 'pending')`, entry, now.UnixMilli(), now.Add(longest).UnixMilli())
	return err
}

// Advices lists advices for operators, the oldest first; empty bank or state
// means any. after is the last ID of the page before. Of an unreadable entry
// there is only what is in clear, and no account.
func (j *Journal) Advices(ctx context.Context, bank string, state switching.AdviceState, after int64, limit int) (list []switching.Advice, err error) {
	err = j.DB.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		list, err = j.advices(ctx, tx, `($1 = '' OR bank = $1) AND ($2 = '' OR state = $2) AND id > $3 ORDER BY id LIMIT $4`,
			bank, string(state), after, limit)
		if errors.Is(err, errUnreadable) {
			return nil
		}
		return err
	})
	return list, err
}

// RetryAdvice sends a parked or pending advice, or a reversal that was not
// found, again at once; one that is on its way is left to its answer.
func (j *Journal) RetryAdvice(ctx context.Context, id int64) (a switching.Advice, err error) {
	err = j.write(ctx, func(ctx context.Context, tx db.Tx) error {
		if a, err = j.adviceByID(ctx, tx, id); err != nil {
			return err
		}
		switch a.State {
		case switching.AdvicePending:
			err = j.wake(ctx, tx, a.Entry.ID)
		case switching.AdviceParked, switching.AdviceNotFound:
			_, err = j.apply(ctx, tx, a.Entry, &a, switching.Change{Advice: switching.AdvicePending})
		default:
			err = switching.ErrAdviceEnded
		}
		if err == nil {
			a, err = j.adviceByID(ctx, tx, id) // with its new time
		}
		return err
	})
	return a, err
}

// CloseAdvice ends an advice without the bank, with the operator's reason. For
// a completion outcome names its end, which takes effect; for a reversal it is
// empty, and its entry may be unreadable. One that is on its way is left to its
// answer: the bank may be doing what it says, after whatever the close lets begin.
func (j *Journal) CloseAdvice(ctx context.Context, id int64, reason string, outcome switching.Outcome) (a switching.Advice, err error) {
	err = j.write(ctx, func(ctx context.Context, tx db.Tx) error {
		a, err = j.adviceByID(ctx, tx, id)
		if err != nil && (!errors.Is(err, errUnreadable) || a.Type == codec.Completion) {
			return err
		}
		change, err := operatorClose(a, outcome)
		if err != nil {
			return err
		}
		if !isFree(&a, j.Now()) {
			return switching.ErrAdviceOnItsWay
		}
		a.Note = reason
		a.Entry, err = j.apply(ctx, tx, a.Entry, &a, change)
		return err
	})
	return a, err
}

func operatorClose(a switching.Advice, outcome switching.Outcome) (switching.Change, error) {
	change := switching.Change{Advice: switching.AdviceClosed}
	named := outcome == switching.Approved || outcome == switching.Declined
	switch {
	case !a.State.Settles():
		return change, switching.ErrAdviceEnded
	case a.Type == codec.Completion && !named, a.Type != codec.Completion && outcome != "":
		return change, switching.ErrAdviceNeedEnd
	case a.Entry.Standing == switching.Approved && outcome == switching.Declined:
		return change, fmt.Errorf("%w, and the bank has approved this one", switching.ErrAdviceNeedEnd)
	case a.Type == codec.Completion && outcome != a.Entry.Standing:
		change.Standing = outcome
	}
	return change, nil
}

// AdviceStats returns counts of what has not been acknowledged, for metrics.
func (j *Journal) AdviceStats(ctx context.Context) (stats []switching.AdviceStat, err error) {
	err = j.DB.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT bank, state, COUNT(*), MIN(created) FROM advice
			WHERE state IN ('pending', 'parked') GROUP BY bank, state`)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // rows.Err tells
		for rows.Next() {
			var s switching.AdviceStat
			var oldest int64
			if err := rows.Scan(&s.Bank, &s.State, &s.Count, &oldest); err != nil {
				return err
			}
			s.Oldest = millis(oldest)
			stats = append(stats, s)
		}
		return rows.Err()
	})
	return stats, err
}

// Park leaves an advice that was claimed and cannot be sent to an operator, with
// a note that says why. Nothing was sent, and no attempt is counted.
func (j *Journal) Park(ctx context.Context, a switching.Advice, note string) error {
	return j.write(ctx, func(ctx context.Context, tx db.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE advice SET state = 'parked', note = $3, attempts = attempts - 1, claimed = 0 WHERE `+ownClaim,
			a.ID, a.Claimed.UnixMilli(), note)
		return err
	})
}
