package sim

import (
	"context"
	"errors"
	"time"

	"wxswitch/banks/adapter"
	"wxswitch/switch/db"
)

// Row is one message that came, and what became of it.
type Row struct {
	adapter.Arrival
	// Effect: the operation that the row's number names has changed the bank's
	// state, and that change stands (was not reversed).
	Effect bool `json:"effect"`
}

// Effect is one change of the bank's state, in the order of changing.
type Effect struct {
	ID             int64     `json:"id"`
	At             time.Time `json:"at"`
	adapter.Number `json:"number"`
	What           string `json:"what"`    // registered, deregistered, released, reversed
	Account        string `json:"account"` // masked
}

// Registration is one approved authentication.
type Registration struct {
	adapter.Number `json:"number"`
	Person         int    `json:"person"` // index in People
	Index          int    `json:"index"`  // of the account in Person.Accounts
	Ended          string `json:"ended"`  // the number that ended it, after "release " if it was one, an event, "reversal", or empty while it stands
}

// Ledger returns every message that came, in the order of coming.
func (b *Bank) Ledger(ctx context.Context) ([]Row, error) { return b.ledger(ctx, 0, 0) }

func (b *Bank) ledger(ctx context.Context, after int64, limit int) ([]Row, error) {
	arrivals, err := b.kit.Arrivals(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	effects, err := b.Effects(ctx)
	if err != nil {
		return nil, err
	}
	stands := map[adapter.Number]bool{}
	for _, e := range effects {
		stands[e.Number] = e.What != "reversed"
	}
	rows := make([]Row, len(arrivals))
	for i, a := range arrivals {
		rows[i] = Row{a, stands[a.Number]}
	}
	return rows, nil
}

// Records returns what the kit's ledger holds by number.
func (b *Bank) Records(ctx context.Context) ([]adapter.Record, error) { return b.kit.Records(ctx) }

// Effects returns every change of the bank's state.
func (b *Bank) Effects(ctx context.Context) ([]Effect, error) {
	var all []Effect
	err := b.read(ctx, `SELECT id, at, acquirer, rrn, code3, what, account FROM sim_effect ORDER BY id`,
		func(scan func(...any) error) error {
			var e Effect
			var at int64
			var id int
			err := scan(&e.ID, &at, &e.Acquirer, &e.RRN, &e.Code, &e.What, &id)
			e.At, e.Account = time.UnixMilli(at), b.numbered(id).String()
			all = append(all, e)
			return err
		})
	return all, err
}

// Registrations returns every approved authentication, ended or not, in the
// order of approval. An account is registered while one of its own stands.
func (b *Bank) Registrations(ctx context.Context) ([]Registration, error) {
	var all []Registration
	err := b.read(ctx, `SELECT account, acquirer, rrn, code3, ended FROM sim_registration ORDER BY id`,
		func(scan func(...any) error) error {
			var r Registration
			var id int
			err := scan(&id, &r.Acquirer, &r.RRN, &r.Code, &r.Ended)
			r.Person, r.Index = id/accountsEach, id%accountsEach
			all = append(all, r)
			return err
		})
	return all, err
}

func (b *Bank) read(ctx context.Context, query string, row func(scan func(...any) error) error, args ...any) error {
	return b.db.Read(ctx, func(ctx context.Context, tx db.Tx) (err error) {
		rows, err := tx.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			if err := row(rows.Scan); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}
