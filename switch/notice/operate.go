package notice

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// Errors of what operators and fronts ask for.
var (
	ErrUnknown = errors.New("notice: no such notice")
	ErrEnded   = errors.New("notice: nothing of it is left to be sent")
	ErrStatus  = errors.New("notice: no such delivery status")
)

// Status is how a delivery ended, as the front reports it.
type Status string

// The delivery statuses.
const (
	StatusSuccess Status = "success"
	StatusBlocked Status = "user-block"    // the follower takes no messages, though it may follow
	StatusFailed  Status = "system-failed" // sent again, as the next round
)

// Item is a notice as operators see it: not what it says.
type Item struct {
	Seq      int64 // its place in the list
	ID       string
	Channel  string
	Subject  string
	Kind     switching.NoticeKind
	State    State
	Round    int
	Attempts int
	At       time.Time // of the cause
	Created  time.Time
	Next     time.Time // of pending: not before, or when its claim ends
	Ended    time.Time
	Answer   string // the last
	Note     string // what operators did
	lane     []byte
	reported int64
}

const itemColumns = `seq, id, channel, subject, kind, state, round, attempts, at, created, next, ended, answer, note, lane, reported`

func scanItem(scan func(...any) error) (Item, error) {
	var i Item
	var at, created, next, ended int64
	err := scan(&i.Seq, &i.ID, &i.Channel, &i.Subject, &i.Kind, &i.State, &i.Round, &i.Attempts,
		&at, &created, &next, &ended, &i.Answer, &i.Note, &i.lane, &i.reported)
	i.At, i.Created, i.Next, i.Ended = millis(at), millis(created), millis(next), millis(ended)
	return i, err
}

func millis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// List lists notices in the order in which they were written; an empty state
// means any. after is the last Seq of the page before.
func (n *Notices) List(ctx context.Context, state State, after int64, limit int) (list []Item, err error) {
	where, args := `state = $3`, []any{after, limit, string(state)}
	if state == "" {
		where, args = `1 = 1`, args[:2]
	}
	err = n.o.DB.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT `+itemColumns+` FROM notice WHERE `+where+` AND seq > $1 ORDER BY seq LIMIT $2`, args...)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // rows.Err tells
		for rows.Next() {
			i, err := scanItem(rows.Scan)
			if err != nil {
				return err
			}
			list = append(list, i)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list notices: %w", err)
	}
	return list, nil
}

func find(ctx context.Context, tx switching.Tx, id string) (Item, error) {
	i, err := scanItem(tx.QueryRowContext(ctx, `SELECT `+itemColumns+` FROM notice WHERE id = $1`, id).Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return i, ErrUnknown
	case err != nil:
		return i, fmt.Errorf("find notice: %w", err)
	}
	return i, nil
}

// change runs fn on a notice and kicks the relay.
func (n *Notices) change(ctx context.Context, id string, fn func(ctx context.Context, tx switching.Tx, i Item) error) error {
	err := n.o.DB.Write(ctx, func(ctx context.Context, tx db.Tx) error {
		i, err := find(ctx, tx, id)
		if err != nil {
			return err
		}
		return fn(ctx, tx, i)
	})
	if err == nil {
		n.Kick()
	}
	return err
}

// Resend makes a parked notice pending again, with all its attempts, or a pending
// one due at once, where it is first of its lane and not on its way. Errors:
// ErrUnknown, ErrEnded.
func (n *Notices) Resend(ctx context.Context, id string) error {
	return n.change(ctx, id, func(ctx context.Context, tx switching.Tx, i Item) error {
		switch i.State {
		case StateParked:
			return n.revive(ctx, tx, i, n.audit(i, "resent"))
		case StatePending:
			// A claim's lease is not shortened: it is not the notice that is late.
			_, err := tx.ExecContext(ctx, `UPDATE notice SET next = CASE WHEN next > $1 THEN $2 ELSE next END, note = $3 WHERE seq = $4`,
				n.o.Now().Add(n.o.Lease).UnixMilli(), n.o.Now().UnixMilli(), n.audit(i, "resent"), i.Seq)
			return err
		default:
			return ErrEnded
		}
	})
}

// Discard ends a parked or pending notice without telling it, with the operator's
// reason. Errors: ErrUnknown, ErrEnded.
func (n *Notices) Discard(ctx context.Context, id, reason string) error {
	return n.change(ctx, id, func(ctx context.Context, tx switching.Tx, i Item) error {
		if i.State != StateParked && i.State != StatePending {
			return ErrEnded
		}
		return n.end(ctx, tx, i, StateDiscarded, i.Answer, n.audit(i, "discarded: "+reason))
	})
}

// maxNote bounds what is kept of what operators did, in characters.
const maxNote = 500

// audit is the row's note with one more thing done, the newest first.
func (n *Notices) audit(i Item, what string) string {
	note := []rune(n.o.Now().UTC().Format(time.RFC3339) + " " + what)
	if i.Note != "" {
		note = append(note, []rune("; "+i.Note)...)
	}
	return string(note[:min(len(note), maxNote)])
}

// end ends a notice for good.
func (n *Notices) end(ctx context.Context, tx switching.Tx, i Item, state State, answer, note string) error {
	_, err := tx.ExecContext(ctx, `UPDATE notice SET state = $1, head = 0, data = $2, ended = $3, answer = $4, note = $5 WHERE seq = $6`,
		string(state), nothing, n.o.Now().UnixMilli(), answer, note, i.Seq)
	if err != nil {
		return err
	}
	_, err = n.promote(ctx, tx, i.lane)
	return err
}

// revive makes a parked notice pending.
func (n *Notices) revive(ctx context.Context, tx switching.Tx, i Item, note string) error {
	_, err := tx.ExecContext(ctx, `UPDATE notice SET state = 'pending', attempts = 0, next = $1, note = $2 WHERE seq = $3`,
		n.o.Now().UnixMilli(), note, i.Seq)
	if err != nil {
		return err
	}
	_, err = n.promote(ctx, tx, i.lane)
	return err
}

// Delivered takes the front's report on what became of a notice that it had
// accepted, at which time. A report that comes again changes nothing. Errors:
// ErrUnknown, ErrStatus.
func (n *Notices) Delivered(ctx context.Context, id string, status Status, at time.Time) error {
	if status != StatusSuccess && status != StatusBlocked && status != StatusFailed {
		return fmt.Errorf("%w: %q", ErrStatus, status)
	}
	err := n.change(ctx, id, func(ctx context.Context, tx switching.Tx, i Item) error {
		if at.UnixMilli() <= i.reported || i.State != StateSent && i.State != StatePending && i.State != StateParked {
			return nil
		}
		if _, err := tx.ExecContext(ctx, `UPDATE notice SET reported = $1 WHERE seq = $2`, at.UnixMilli(), i.Seq); err != nil {
			return err
		}
		return n.delivered(ctx, tx, i, status)
	})
	if err != nil && !errors.Is(err, ErrUnknown) {
		return fmt.Errorf("delivery of notice: %w", err)
	}
	return err
}

// delivered: the report may come before the front's answer was written down, or
// instead of it, so that the notice is still pending or parked.
func (n *Notices) delivered(ctx context.Context, tx switching.Tx, i Item, status Status) error {
	answer := "delivery: " + string(status)
	switch status {
	case StatusSuccess:
		return n.end(ctx, tx, i, StateDelivered, answer, i.Note)
	case StatusBlocked:
		if err := n.end(ctx, tx, i, StateGone, answer, i.Note); err != nil {
			return err
		}
		return n.drop(ctx, tx, i.Channel, i.Subject, "", whenever, StateGone, "the follower takes no messages") // and follows still
	default:
		return n.undelivered(ctx, tx, i, answer)
	}
}

// rounds are the pauses before a notice's next round: what the platform could not
// deliver it can seldom deliver a moment later.
var rounds = switching.Backoff{Min: time.Minute, Max: time.Hour}

// undelivered begins the notice's next round, or parks it after the last; of one who
// is told no longer it ends the notice. A next round also makes void the answer to
// this one, should it be written down later. It waits in a lane of its own, since it
// is out of order, and holds up nothing.
func (n *Notices) undelivered(ctx context.Context, tx switching.Tx, i Item, answer string) error {
	told, err := n.o.Told(ctx, tx, i.Channel, i.Subject, i.Kind)
	if err != nil {
		return err
	}
	if !told {
		return n.end(ctx, tx, i, StateDiscarded, answer, i.Note)
	}
	state, head, next := StatePending, 1, n.o.Now().Add(rounds.After(i.Round)).UnixMilli()
	if i.Round >= n.o.Rounds || i.State == StateParked {
		state, head, next = StateParked, 0, 0
	}
	_, err = tx.ExecContext(ctx, `UPDATE notice SET state = $1, head = $2, lane = $3, round = round + 1, attempts = 0, next = $4, ended = 0, answer = $5 WHERE seq = $6`,
		string(state), head, n.o.Vault.Index("notice lane of its own", i.ID), next, answer, i.Seq)
	if err != nil {
		return err
	}
	_, err = n.promote(ctx, tx, i.lane)
	return err
}

// Stats counts what is not told, for metrics.
type Stats struct {
	Pending, Parked int
	Oldest          time.Time // when the oldest pending one was written; zero if there is none
}

// Stats counts what is not told.
func (n *Notices) Stats(ctx context.Context) (s Stats, err error) {
	err = n.o.DB.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		var oldest int64
		err := tx.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM notice WHERE state = $1), (SELECT COUNT(*) FROM notice WHERE state = $2),
			COALESCE((SELECT created FROM notice WHERE state = $1 ORDER BY seq LIMIT 1), 0)`,
			string(StatePending), string(StateParked)).Scan(&s.Pending, &s.Parked, &oldest)
		s.Oldest = millis(oldest)
		return err
	})
	if err != nil {
		return s, fmt.Errorf("count notices: %w", err)
	}
	return s, nil
}
