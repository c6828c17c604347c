package faults

import (
	"context"
	"fmt"
	"slices"
	"time"

	"wxswitch/banks/adapter"
	"wxswitch/banks/sim"
	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
	"wxswitch/switch/journal"
)

// Told is one call, and the answer that its caller heard.
type Told struct {
	Began   time.Time
	Key     string
	ID      int64 // of the transaction; 0 for a refusal before the journal
	RRN     codec.RRN
	Type    codec.Type
	Bank    string
	Account codec.Account
	Outcome switching.Outcome // empty where he heard none
	Problem string            // its code, where that was the answer
	Code    string            // the bank's F39
	Holder  string            // empty where the answer names none
	Balance *int64            // fen; nil where the answer has none
}

// Ledger is what one bank's books say.
type Ledger struct {
	Arrivals      []sim.Row
	Records       []adapter.Record
	Effects       []sim.Effect
	Registrations []sim.Registration
	People        []sim.Person
}

// Books are the three books that must agree: what callers heard, what the
// journal holds, and what the banks did.
type Books struct {
	Told    []Told
	Rows    []switching.Entry
	Advices []switching.Advice
	Banks   map[string]Ledger
	// Closed is how an operator ended a row's completion, by row, where that is known.
	Closed map[int64]switching.Outcome
	// KeyHash is what the journal finds a caller's key by.
	KeyHash func(key string) []byte
	// Settled is until when rows must have ended: an open one whose deadline is
	// before it is an unsettled doubt.
	Settled time.Time
}

// ReadBank reads a bank's books.
func ReadBank(ctx context.Context, b *sim.Bank) (l Ledger, err error) {
	l.People = b.People()
	if l.Arrivals, err = b.Ledger(ctx); err != nil {
		return l, fmt.Errorf("arrivals: %w", err)
	}
	if l.Records, err = b.Records(ctx); err != nil {
		return l, fmt.Errorf("records: %w", err)
	}
	if l.Effects, err = b.Effects(ctx); err != nil {
		return l, fmt.Errorf("effects: %w", err)
	}
	if l.Registrations, err = b.Registrations(ctx); err != nil {
		return l, fmt.Errorf("registrations: %w", err)
	}
	return l, nil
}

// ReadJournal reads every row with a number above after, and every advice of
// one.
func ReadJournal(ctx context.Context, d *db.DB, j *journal.Journal, after int64) ([]switching.Entry, []switching.Advice, error) {
	ids, err := entryIDs(ctx, d, after)
	if err != nil {
		return nil, nil, fmt.Errorf("rows: %w", err)
	}
	rows := make([]switching.Entry, 0, len(ids))
	for _, id := range ids {
		e, _, err := j.Get(ctx, id)
		if err != nil {
			return nil, nil, fmt.Errorf("row %d: %w", id, err)
		}
		rows = append(rows, e)
	}
	advices, err := j.Advices(ctx, "", "", 0, 1_000_000)
	if err != nil {
		return nil, nil, fmt.Errorf("advices: %w", err)
	}
	advices = slices.DeleteFunc(advices, func(a switching.Advice) bool { return a.Entry.ID <= after })
	return rows, advices, nil
}

func entryIDs(ctx context.Context, d *db.DB, after int64) (ids []int64, err error) {
	err = d.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT id FROM entry WHERE id > $1 ORDER BY id`, after)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // rows.Err tells
		for rows.Next() {
			var id int64
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return rows.Err()
	})
	return ids, err
}
