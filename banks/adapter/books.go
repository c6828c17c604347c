package adapter

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"wxswitch/codec"
	"wxswitch/switch/db"
)

// Record is what the ledger holds of one part of a number. It names no account.
type Record struct {
	Number   `json:"number"`
	Part     string     `json:"part"` // original, reversal, completion, release
	Type     codec.Type `json:"type"` // empty for an original known by its reversal only
	Answered bool       `json:"answered"`
	Reversed bool       `json:"reversed"` // of an original: refused from now on
	Answer   string     `json:"answer"`   // F39
	Seen     int        `json:"seen"`     // how often the part arrived
	First    time.Time  `json:"first"`
	Ended    time.Time  `json:"ended"` // zero while running
}

// Arrival is one message that came, in the order of coming.
type Arrival struct {
	ID     int64     `json:"id"`
	At     time.Time `json:"at"`
	Link   string    `json:"link"`
	Number `json:"number"`
	Part   string      `json:"part"`
	Type   codec.Type  `json:"type"`
	STAN   codec.STAN  `json:"stan"`
	Sent   codec.Stamp `json:"sent"`
	Repeat bool        `json:"repeat"` // marked so by the sender
	Called bool        `json:"called"` // Core was called for it
	Answer string      `json:"answer"` // F39, empty for none
	Note   string      `json:"note"`   // why nothing was done: expired, ignored
}

// Records returns what the ledger holds, by number.
func (a *Adapter) Records(ctx context.Context) ([]Record, error) {
	return query(ctx, a.ledger.db, `SELECT acquirer, rrn, code3, part, type, state = 'answered', reversed, code, seen,
		first_at, ended_at FROM adapter_part ORDER BY acquirer, rrn, code3, part`, func(rows *sql.Rows) (r Record, err error) {
		var first, ended int64
		err = rows.Scan(&r.Acquirer, &r.RRN, &r.Code, &r.Part, &r.Type, &r.Answered, &r.Reversed, &r.Answer, &r.Seen,
			&first, &ended)
		r.First = time.UnixMilli(first)
		if ended > 0 {
			r.Ended = time.UnixMilli(ended)
		}
		return r, err
	})
}

// Arrivals returns the messages that came after the one with that ID, 0 for
// all; at most limit, 0 for no limit.
func (a *Adapter) Arrivals(ctx context.Context, after int64, limit int) ([]Arrival, error) {
	if limit <= 0 {
		limit = -1
	}
	return query(ctx, a.ledger.db, `SELECT id, at, link, acquirer, rrn, code3, part, type, stan, sent, repeat, called,
		code, note FROM adapter_arrival WHERE id > $1 ORDER BY id LIMIT $2`, func(rows *sql.Rows) (r Arrival, err error) {
		var at int64
		err = rows.Scan(&r.ID, &at, &r.Link, &r.Acquirer, &r.RRN, &r.Code, &r.Part, &r.Type, &r.STAN, &r.Sent,
			&r.Repeat, &r.Called, &r.Answer, &r.Note)
		r.At = time.UnixMilli(at)
		return r, err
	}, after, limit)
}

// query reads rows outside the writer.
func query[T any](
	ctx context.Context, d *db.DB, text string, scan func(*sql.Rows) (T, error), args ...any,
) (all []T, err error) {
	err = d.Read(ctx, func(ctx context.Context, tx db.Tx) (err error) {
		rows, err := tx.QueryContext(ctx, text, args...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			one, err := scan(rows)
			if err != nil {
				return err
			}
			all = append(all, one)
		}
		return rows.Err()
	})
	return all, err
}
