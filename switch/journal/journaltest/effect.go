package journaltest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

var errEffect = errors.New("effect fails")

// effect writes what it is asked into a table, and fails as it is told.
type effect struct {
	mu              sync.Mutex // guards what follows
	refuse          switching.Reason
	undone          bool // what it refuses
	failOpen, fails bool
	advices         []codec.Type // that Close returns
}

func (f *effect) set(refuse switching.Reason, failOpen, failClose bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse, f.failOpen, f.fails = refuse, failOpen, failClose
}

// undo says that refusals are undone.
func (f *effect) undo(undone bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.undone = undone
}

// returns sets the advices that Close returns.
func (f *effect) returns(types ...codec.Type) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.advices = types
}

// Open writes, and then refuses or fails.
func (f *effect) Open(ctx context.Context, tx switching.Tx, e *switching.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := write(ctx, tx, e.ID, "open"); err != nil {
		return err
	}
	if f.refuse != "" {
		return fmt.Errorf("wrapped: %w", &switching.EffectRefusal{Reason: f.refuse, Undone: f.undone})
	}
	if f.failOpen {
		return errEffect
	}
	return nil
}

// Close writes, and then fails.
func (f *effect) Close(ctx context.Context, tx switching.Tx, e switching.Entry, o switching.Outcome) ([]switching.Notice, []switching.Advice, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := write(ctx, tx, e.ID, string(o)); err != nil {
		return nil, nil, err
	}
	if f.fails {
		return nil, nil, errEffect
	}
	var advices []switching.Advice
	for _, t := range f.advices {
		advices = append(advices, switching.Advice{Entry: e, Type: t})
	}
	return nil, advices, nil
}

func write(ctx context.Context, tx switching.Tx, id int64, what string) error {
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS effects (n INTEGER, entry BIGINT, what TEXT)`); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO effects (n, entry, what) VALUES ((SELECT COUNT(*) FROM effects), $1, $2)`, id, what)
	return err
}

// probe reads what effects wrote: an Effect is all that sees the database.
type probe struct{}

type seen struct{ what []string }

func (s *seen) Error() string { return fmt.Sprint("effects: ", s.what) }

// Open reads what was written for the entry that e joins, and fails with it.
func (probe) Open(ctx context.Context, tx switching.Tx, e *switching.Entry) error {
	if err := write(ctx, tx, 0, "probe"); err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, `SELECT what FROM effects WHERE entry = $1 ORDER BY n`, e.Joins)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	s := &seen{}
	for rows.Next() {
		var what string
		if err := rows.Scan(&what); err != nil {
			return err
		}
		s.what = append(s.what, what)
	}
	return errors.Join(rows.Err(), s)
}

// Close does nothing.
func (probe) Close(context.Context, switching.Tx, switching.Entry, switching.Outcome) ([]switching.Notice, []switching.Advice, error) {
	return nil, nil, nil
}

// effects wants the effect to have run for the entry, so and in this order.
func (w *world) effects(id int64, want ...string) {
	w.Helper()
	e := w.entry(codec.Echo, noKey)
	e.Joins = id
	_, err := w.store.Open(w.Context(), e)
	var s *seen
	if !errors.As(err, &s) {
		w.Fatalf("probe: %v", err)
	}
	w.equal("effects", fmt.Sprint(s.what), fmt.Sprint(want))
}
