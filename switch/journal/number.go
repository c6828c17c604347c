package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

const (
	cycle     = 1_000_000 // STANs before they come round
	blockSize = 5_000     // of them, reserved at a time
	// lease is how long the stamps of a block may be used. Where STANs come
	// round faster than this the stamps run ahead of the clock: that is above
	// cycle / lease, 33,000 numbers a second.
	lease = 30 * time.Second
	// astray is farther than a clock that was right is set back. Stamps beyond it are
	// long past, or of a clock that was wrong: the messages of all the time until then
	// would bear them.
	astray = 31 * 24 * time.Hour
	// rate is how many numbers the clock counts a second, and mostly more than
	// are used.
	rate = 1_000
	// yearly is counted for each year besides: stamps have no year, and 365 days
	// alone are so many whole cycles that the STANs of a second would come again
	// with it. By 70,000 those of ten years, with leap years, lie apart by more than
	// a block and what the clock counts in a lease.
	yearly = 70_000
	// clockEnds is where numbers no longer follow the clock, in 2054: after it,
	// or after a clock that was set wrong that far, 10¹¹ RRNs are left.
	clockEnds = 900_000 * cycle
)

// Numbers reserves a block of sending numbers. (STAN, stamp) never repeats: a
// slot of STANs that comes round again begins after the last stamp that may
// have gone with it, though the clock was set back meanwhile, by less than
// astray, or was a year wrong. (Stamps have no year: while the numbers follow the
// clock a later year has other STANs for the same second; above that a slot would
// have to come round to the second.)
func (j *Journal) Numbers(ctx context.Context) (b switching.Block, err error) {
	err = j.write(ctx, func(ctx context.Context, tx db.Tx) error {
		b, err = j.reserve(ctx, tx)
		return err
	})
	return b, err
}

func (j *Journal) reserve(ctx context.Context, tx db.Tx) (switching.Block, error) {
	now := j.Now().Truncate(time.Second)
	first, err := advance(ctx, tx, "next number", clockNumber(now), blockSize)
	if err != nil {
		return switching.Block{}, fmt.Errorf("reserve numbers: %w", err)
	}
	slot := first % cycle / blockSize
	notBefore := now
	var used int64
	switch err := tx.QueryRowContext(ctx, `SELECT used_until FROM stan_slot WHERE slot = $1`, slot).Scan(&used); {
	case err == nil:
		if u := nextOf(time.UnixMilli(used).Add(time.Second), now); u.Before(now.Add(astray)) {
			notBefore = u
		}
	case !errors.Is(err, sql.ErrNoRows):
		return switching.Block{}, fmt.Errorf("read STAN slot: %w", err)
	}
	b := switching.Block{First: first, Last: first + blockSize - 1, NotBefore: notBefore, NotAfter: notBefore.Add(lease)}
	if first%cycle == 0 {
		b.First = first + 1 // STAN 000000 is none
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO stan_slot (slot, used_until) VALUES ($1, $2)
		ON CONFLICT (slot) DO UPDATE SET used_until = excluded.used_until`, slot, b.NotAfter.UnixMilli())
	if err != nil {
		return switching.Block{}, fmt.Errorf("write STAN slot: %w", err)
	}
	return b, nil
}

// nextOf returns when the stamp of u, which has no year, comes at or after now.
func nextOf(u, now time.Time) time.Time {
	u, now = u.In(codec.Shanghai), now.In(codec.Shanghai)
	next := u.AddDate(now.Year()-u.Year(), 0, 0)
	if next.Before(now) {
		next = u.AddDate(now.Year()+1-u.Year(), 0, 0)
	}
	return next
}

// clockNumber is the least number to give out now. A database that was lost and
// made anew, or restored from a copy, so goes on above the numbers that the bank
// has seen, unless they had run ahead of the clock: rate a second, and a block.
func clockNumber(now time.Time) int64 {
	n := int64(now.Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) / time.Second * rate)
	n += int64(now.In(codec.Shanghai).Year()-2026) * yearly
	return min(max(n/blockSize*blockSize, blockSize), clockEnds)
}

// advance raises a mark to least, if it is below, adds n and returns what it was
// before that.
func advance(ctx context.Context, tx db.Tx, name string, least, n int64) (before int64, err error) {
	err = tx.QueryRowContext(ctx, `INSERT INTO mark (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = $3 + CASE WHEN mark.value > $4 THEN mark.value ELSE $4 END
		RETURNING value`, name, least+n, n, least).Scan(&before)
	return before - n, err
}

// keepKeys is how long idempotency keys are kept.
const keepKeys = 7 * 24 * time.Hour

// forgotten is the number up to which Forget has been.
const forgotten = `COALESCE((SELECT value FROM mark WHERE name = 'forgotten'), 0)`

// Forget frees the idempotency keys that were kept long enough, and deletes what
// else was. It looks at no more than a batch of each; more says that it should be
// called again.
func (j *Journal) Forget(ctx context.Context) (more bool, err error) {
	const batch = 500
	err = j.write(ctx, func(ctx context.Context, tx db.Tx) error {
		keys, err := j.forgetKeys(ctx, tx, batch)
		if err != nil {
			return fmt.Errorf("forget keys: %w", err)
		}
		others, err := j.forgetOthers(ctx, tx, batch)
		more = keys || others
		return err
	})
	return more, err
}

// forgetKeys looks at rows in the order of their numbers, and stops before the
// first that is too young; more says that it reached its limit. A row that is
// still open keeps its key, and so does one that was opened under a clock that
// was set back since: others do not wait for it.
func (j *Journal) forgetKeys(ctx context.Context, tx db.Tx, limit int64) (more bool, err error) {
	var n, last int64
	var young sql.NullInt64
	now := j.Now()
	old := now.Add(-keepKeys).UnixMilli()
	err = tx.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(MAX(id), 0), MIN(CASE WHEN opened >= $1 AND opened <= $3 THEN id END)
		FROM (SELECT id, opened FROM entry WHERE id > `+forgotten+` ORDER BY id LIMIT $2) AS oldest`,
		old, limit, now.Add(longest).UnixMilli()).Scan(&n, &last, &young)
	if err != nil || n == 0 {
		return false, err
	}
	if young.Valid {
		last = young.Int64 - 1
	}
	if _, err = tx.ExecContext(ctx, `UPDATE entry SET key_hash = NULL WHERE key_hash IS NOT NULL AND open = 0
		AND opened < $2 AND id <= $1 AND id > `+forgotten, last, old); err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO mark (name, value) VALUES ('forgotten', $1)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, last)
	return n == limit && !young.Valid, err
}

// forgetOthers deletes what was done here, and what banks said, that was kept
// long enough; ids follow the clock, so that it looks at the oldest only. more
// says that it reached its limit.
func (j *Journal) forgetOthers(ctx context.Context, tx db.Tx, limit int64) (more bool, err error) {
	now := j.Now()
	for table, keep := range map[string]time.Duration{"local": keepKeys, "heard": keepHeard} {
		r, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE at < $1 AND id IN (SELECT id FROM `+table+` WHERE at <= $3 ORDER BY id LIMIT $2)`,
			now.Add(-keep).UnixMilli(), limit, now.Add(longest).UnixMilli())
		if err != nil {
			return false, fmt.Errorf("forget %s: %w", table, err)
		}
		n, err := r.RowsAffected()
		if err != nil {
			return false, err
		}
		more = more || n == limit
	}
	return more, nil
}
