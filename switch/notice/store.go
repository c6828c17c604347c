package notice

import (
	"context"
	"errors"
	"fmt"
	"time"

	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// due returns the channels for which something is due, by one look into the
// index each.
func (n *Notices) due(ctx context.Context) (channels []string, err error) {
	now := n.o.Now().UnixMilli()
	err = n.o.DB.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		for last := ""; ; {
			var is bool
			err := tx.QueryRowContext(ctx, `SELECT COALESCE(MIN(channel), '') FROM notice WHERE head = 1 AND channel > $1`, last).Scan(&last)
			if err != nil || last == "" {
				return err
			}
			err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM notice WHERE head = 1 AND channel = $1 AND next <= $2)`, last, now).Scan(&is)
			if err != nil {
				return err
			}
			if is {
				channels = append(channels, last)
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("look for due notices: %w", err)
	}
	return channels, nil
}

// claim takes up to so many of the channel that are due, so that nobody else
// sends them until the lease is over. The attempt is counted now: a crash after
// this is a sending without an answer.
func (n *Notices) claim(ctx context.Context, channel string, limit int) (list []claimed, err error) {
	if limit == 0 {
		return nil, nil
	}
	err = n.o.DB.Write(ctx, func(ctx context.Context, tx db.Tx) error {
		now := n.o.Now()
		rows, err := tx.QueryContext(ctx, `UPDATE notice SET claims = claims + 1, attempts = attempts + 1, next = $1
			WHERE seq IN (SELECT seq FROM notice WHERE head = 1 AND channel = $2 AND next <= $3 ORDER BY next LIMIT $4)
			RETURNING seq, id, channel, subject, lane, kind, data, at, round, claims, attempts, next`,
			now.Add(n.o.Lease).UnixMilli(), channel, now.UnixMilli(), limit)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // rows.Err tells
		for rows.Next() {
			var c claimed
			if err := rows.Scan(&c.Seq, &c.ID, &c.Channel, &c.Subject, &c.Lane, &c.Kind, &c.Data, &c.At, &c.Round, &c.Claim, &c.Attempts, &c.Until); err != nil {
				return err
			}
			list = append(list, c)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("claim notices: %w", err)
	}
	return list, nil
}

// step is what becomes of a notice after a sending.
type step struct {
	state    State
	attempts int
	next     time.Time // of pending
	answer   string
	follower bool      // all of the follower's waits as long, or goes as well
	began    time.Time // the sending
}

// after is the table of what a verdict makes a notice do. What does not count
// is no attempt; it is tried again at next.
func (n *Notices) after(c claimed, a Answer, counts bool, next time.Time) step {
	s := step{state: StatePending, attempts: c.Attempts, answer: a.Detail}
	switch a.Verdict {
	case Accepted:
		s.state = StateSent
	case Away:
		s.state, s.follower = StateGone, true
	case Never:
		s.state = StateParked
	case Later:
		s.attempts, s.next, s.follower = c.Attempts-1, a.At, true
	default:
		switch {
		case !counts:
			s.attempts, s.next = c.Attempts-1, next
		case c.Attempts >= n.o.Attempts:
			s.state = StateParked
		default:
			s.next = n.o.Now().Add(n.o.Backoff.After(c.Attempts))
		}
	}
	if soon := n.o.Now().Add(pauses.Min / 2); s.next.Before(soon) { // whatever a Sender says
		s.next = soon
	}
	return s
}

// settle writes down how a sending ended. Where another claim, a delivery event,
// an operator or an unfollowing was first, that stands.
func (n *Notices) settle(ctx context.Context, c claimed, s step) error {
	more := false
	err := n.o.DB.Write(ctx, func(ctx context.Context, tx db.Tx) (err error) {
		more, err = n.write(ctx, tx, c, s)
		return err
	})
	if err != nil {
		return fmt.Errorf("settle notice %s: %w", c.ID, err)
	}
	if more {
		n.Kick()
	}
	return nil
}

// Of one follower among all that wait, which may be a million while the front is
// away: the index of followers is of pending and parked together, and is used where
// neither the state alone nor the heads could be looked for instead.
const (
	putOffFollower = `UPDATE notice SET next = $1 WHERE channel = $2 AND subject = $3 AND state IN ('pending', 'parked')
		AND head + 0 = 1 AND next < $1`
	promoteFollower = `UPDATE notice SET head = 1 WHERE seq IN (SELECT MIN(seq) FROM notice
		WHERE channel = $1 AND subject = $2 AND state IN ('pending', 'parked') AND state <> 'parked' GROUP BY lane HAVING MAX(head) = 0)`
)

// write reports whether the next of the lane can be sent now.
func (n *Notices) write(ctx context.Context, tx switching.Tx, c claimed, s step) (more bool, err error) {
	head, ended, next := 1, int64(0), s.next.UnixMilli()
	if s.state != StatePending {
		head, next = 0, 0
	}
	if s.state == StateSent || s.state == StateGone {
		ended = n.o.Now().UnixMilli()
	}
	// That it was accepted is true whoever claimed it since.
	changed, err := db.Changed(tx.ExecContext(ctx, `UPDATE notice SET state = $1, head = $2, attempts = $3, next = $4, ended = $5, answer = $6,
		data = CASE WHEN $1 = 'gone' THEN $11 ELSE data END
		WHERE seq = $7 AND id = $8 AND state = 'pending' AND round = $9 AND (claims = $10 OR $1 = 'sent')`,
		string(s.state), head, s.attempts, next, ended, s.answer, c.Seq, c.ID, c.Round, c.Claim, nothing))
	switch {
	case err != nil || !changed:
		return false, err
	case s.state == StateGone:
		return true, n.lost(ctx, tx, c.Channel, c.Subject, s.began)
	case s.state != StatePending:
		return n.promote(ctx, tx, c.Lane)
	case s.follower:
		_, err = tx.ExecContext(ctx, putOffFollower, next, c.Channel, c.Subject)
	}
	return false, err
}

// lost ends what waited for a follower that was gone at the time: what was written
// since may be for one who came back, and is the first of its lane now.
func (n *Notices) lost(ctx context.Context, tx switching.Tx, channel, subject string, at time.Time) error {
	if err := n.drop(ctx, tx, channel, subject, "", at, StateGone, "the follower is gone"); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, promoteFollower, channel, subject)
	if err != nil {
		return fmt.Errorf("promote notices of a follower: %w", err)
	}
	return n.o.Gone(ctx, tx, channel, subject, at)
}

// promote makes the oldest pending one of a lane that has no head its head.
func (n *Notices) promote(ctx context.Context, tx switching.Tx, lane []byte) (was bool, err error) {
	return db.Changed(tx.ExecContext(ctx, `UPDATE notice SET head = 1 WHERE seq = (SELECT MIN(seq) FROM notice WHERE lane = $1 AND state = 'pending')
		AND NOT EXISTS (SELECT 1 FROM notice WHERE lane = $1 AND head = 1)`, lane))
}

const (
	tidyPause = time.Hour
	tidyBatch = 1000
	// ahead is farther than any notice is put off, unless the clock was set back
	// since.
	ahead = farthest + time.Hour
)

// tidy deletes some of what ended long ago, and frees what a clock that was set
// back would keep for too long. More than one batch waits for the next tick.
func (n *Notices) tidy(ctx context.Context) {
	now := n.o.Now().Round(0) // the wall's clock: the monotonic one is not set back
	if now.Sub(n.tidied).Abs() < tidyPause {
		return
	}
	more := false
	err := n.o.DB.Write(ctx, func(ctx context.Context, tx db.Tx) error {
		r, err := tx.ExecContext(ctx, `DELETE FROM notice WHERE seq IN (SELECT seq FROM notice WHERE ended > 0 AND ended < $1 LIMIT $2)`,
			now.Add(-n.o.Keep).UnixMilli(), tidyBatch)
		if err != nil {
			return err
		}
		rows, err := r.RowsAffected()
		more = rows == tidyBatch
		return err
	})
	if err == nil {
		err = n.hasten(ctx, now)
	}
	if err != nil && !errors.Is(err, db.ErrBusy) {
		n.complain(ctx, err, "tidy notices")
	}
	if err == nil && !more {
		n.tidied = now
	}
}

// hasten makes due what is put off for too long. To look at all that wait takes too
// long for the writer's transaction, and mostly finds nothing.
func (n *Notices) hasten(ctx context.Context, now time.Time) error {
	const putOff = `state = 'pending' AND next > $1`
	late := now.Add(ahead)
	if now.Before(n.tidied) {
		late = now // what was put off for good reason is at worst tried early
	}
	var some bool
	err := n.o.DB.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM notice WHERE `+putOff+`)`, late.UnixMilli()).Scan(&some)
	})
	if err != nil || !some {
		return err
	}
	return n.o.DB.Write(ctx, func(ctx context.Context, tx db.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE notice SET next = $2 WHERE `+putOff, late.UnixMilli(), now.UnixMilli())
		return err
	})
}
