package adapter

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"wxswitch/codec"
	"wxswitch/switch/db"
	"wxswitch/switch/vault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ledger is the memory of the adapter: what each number was asked and told, and
// each arrival. What claim and remember write is on disk when they return.
type ledger struct {
	db      *db.DB
	keys    Keys
	dialect codec.Dialect
	now     func() time.Time
	refusal string
	unseen  string
}

func openLedger(ctx context.Context, cfg *Config) (*ledger, error) {
	if err := cfg.DB.Migrate(ctx, migrations, "adapter_version"); err != nil {
		return nil, err
	}
	l := &ledger{
		db: cfg.DB, keys: cfg.Keys, dialect: cfg.Dialect, now: cfg.Now,
		refusal: cfg.Refusal, unseen: cfg.Unseen,
	}
	return l, l.checkKeys(ctx)
}

// checkKeys refuses keys that do not open the newest sealed answer: under them every
// old number would be another account's, and its reversal refused.
func (l *ledger) checkKeys(ctx context.Context) error {
	return l.db.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		var n Number
		var p part
		var sealed []byte
		err := tx.QueryRowContext(ctx, `SELECT p.acquirer, p.rrn, p.code3, p.part, p.fields
			FROM adapter_arrival a JOIN adapter_part p USING (acquirer, rrn, code3, part)
			WHERE p.fields IS NOT NULL ORDER BY a.id DESC LIMIT 1`).Scan(&n.Acquirer, &n.RRN, &n.Code, &p, &sealed)
		if err == nil {
			_, err = l.unseal(n, p, sealed)
		}
		switch {
		case errors.Is(err, vault.ErrKey):
			return fmt.Errorf("%w: put back the keys that it was written with", err)
		case errors.Is(err, vault.ErrOpen), errors.Is(err, sql.ErrNoRows): // a damaged one is told when it is asked for
			return nil
		}
		return err
	})
}

// row is one part of a number.
type row struct {
	kind     codec.Type // the type; empty for an original known by its reversal only
	account  []byte
	answered bool
	reversed bool
	answer
	sealed []byte
}

// found is what a message's arrival means.
type found struct {
	call   bool // Core is to be called
	repeat bool // and may have been before
	answer      // else: what to say
}

// claim records the arrival and decides what is to be done, in one transaction.
func (l *ledger) claim(ctx context.Context, x *Exchange, completes codec.Type) (found, error) {
	var f found
	err := l.db.Write(ctx, func(ctx context.Context, tx db.Tx) (err error) {
		c := claim{ledger: l, tx: tx, x: x, completes: completes, account: l.index(x)}
		if f, err = c.decide(ctx); err != nil {
			return err
		}
		x.arrival, err = l.arrive(ctx, tx, x, f, "")
		return err
	})
	return f, err
}

// remember ends a part with Core's answer, if that decides it. That of a
// completion is from then on also what a later original is told.
func (l *ledger) remember(ctx context.Context, x *Exchange, a answer) error {
	var parts []part
	switch {
	case !l.decides(x.part, x.Request.Type, a.code):
	case x.part == completion:
		parts = []part{completion, original}
	default:
		parts = []part{x.part}
	}
	return l.db.Write(ctx, func(ctx context.Context, tx db.Tx) error {
		for _, p := range parts {
			if err := l.end(ctx, tx, x.number, p, a); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `UPDATE adapter_arrival SET code = $1 WHERE id = $2`, a.code, x.arrival)
		return err
	})
}

// decides reports whether an answer is the last word on its part. An advice is
// repeated until one is: what says "not now", or says nothing to the switch, is
// sent and not kept, so that the repeat calls Core again.
func (l *ledger) decides(p part, t codec.Type, code string) bool {
	switch p {
	case reversal, release:
		class := l.dialect.AdviceClass(t, code)
		return class == codec.Done || class == codec.NotFound
	case completion:
		meaning := l.dialect.Meaning(t, code)
		return meaning == codec.Approved || meaning == codec.Declined
	case original:
	}
	return true
}

// note records an arrival about which nothing was done, also one that was claimed
// for Core.
func (l *ledger) note(ctx context.Context, x *Exchange, note string) error {
	return l.db.Write(ctx, func(ctx context.Context, tx db.Tx) (err error) {
		if x.arrival != 0 {
			_, err = tx.ExecContext(ctx, `UPDATE adapter_arrival SET called = 0, note = $1 WHERE id = $2`, note, x.arrival)
			return err
		}
		_, err = l.arrive(ctx, tx, x, found{}, note)
		return err
	})
}

func (l *ledger) arrive(ctx context.Context, tx db.Tx, x *Exchange, f found, note string) (int64, error) {
	m := x.Request
	res, err := tx.ExecContext(ctx, `INSERT INTO adapter_arrival
		(at, link, acquirer, rrn, code3, part, type, stan, sent, repeat, called, code, note)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		x.arrived.UnixMilli(), x.link.name, x.number.Acquirer, string(x.number.RRN), x.number.Code, string(x.part),
		string(m.Type), m.Get(codec.FieldSTAN), m.Get(codec.FieldSent), m.Repeat, f.call, f.code, note)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// index is the account as the ledger knows it; nil where the message names none.
func (l *ledger) index(x *Exchange) []byte {
	account := x.Request.AccountNumber()
	if account.IsZero() {
		return []byte{}
	}
	return l.keys.Index("adapter account", account.Reveal())
}

func (l *ledger) get(ctx context.Context, tx db.Tx, n Number, p part) (*row, error) {
	var r row
	err := tx.QueryRowContext(ctx, `SELECT type, account, state = 'answered', reversed, code, fields FROM adapter_part
		WHERE acquirer = $1 AND rrn = $2 AND code3 = $3 AND part = $4`, n.Acquirer, string(n.RRN), n.Code, string(p)).
		Scan(&r.kind, &r.account, &r.answered, &r.reversed, &r.code, &r.sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // no row is no error, and no row
	}
	if err != nil {
		return nil, err
	}
	r.fields, err = l.unseal(n, p, r.sealed)
	return &r, err
}

func (l *ledger) insert(ctx context.Context, tx db.Tx, n Number, p part, r row) error {
	var ended int64
	state := "running"
	if r.answered {
		state, ended = "answered", l.now().UnixMilli()
	}
	sealed, err := l.seal(n, p, r.fields)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO adapter_part
		(acquirer, rrn, code3, part, type, account, state, reversed, code, fields, seen, first_at, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $12)`,
		n.Acquirer, string(n.RRN), n.Code, string(p), string(r.kind), r.account, state, r.reversed,
		r.code, sealed, l.now().UnixMilli(), ended)
	return err
}

func (l *ledger) end(ctx context.Context, tx db.Tx, n Number, p part, a answer) error {
	sealed, err := l.seal(n, p, a.fields)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE adapter_part SET state = 'answered', code = $1, fields = $2, ended_at = $3
		WHERE acquirer = $4 AND rrn = $5 AND code3 = $6 AND part = $7`,
		a.code, sealed, l.now().UnixMilli(), n.Acquirer, string(n.RRN), n.Code, string(p))
	return err
}

// bind ties a sealed answer to its row, so that it opens in no other.
func bind(n Number, p part) []byte {
	return fmt.Appendf(nil, "adapter answer %s %s", n, p)
}

func (l *ledger) seal(n Number, p part, f codec.Fields) ([]byte, error) {
	clear := f.AppendClear(nil)
	if len(clear) == 0 {
		return nil, nil
	}
	return l.keys.Seal(clear, bind(n, p))
}

func (l *ledger) unseal(n Number, p part, sealed []byte) (codec.Fields, error) {
	if len(sealed) == 0 {
		return codec.Fields{}, nil
	}
	clear, err := l.keys.Open(sealed, bind(n, p))
	if err != nil {
		return codec.Fields{}, err
	}
	return codec.ParseClear(clear)
}
