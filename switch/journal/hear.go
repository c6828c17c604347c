package journal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// keepHeard is how long a message of a bank's own is recognised: F7 has no year.
const keepHeard = 60 * 24 * time.Hour

// codeDuplicate is F39 "duplicate transmission": the numbers were used before
// with another content.
const codeDuplicate = "94"

// Hear remembers what a bank said and runs its type's Listener, once: what names
// the message is bank, F32, F11 and F7. The answer may be sent when it returns:
// all is on disk. An error leaves it unanswered, and the bank repeats it.
func (j *Journal) Hear(ctx context.Context, h switching.Heard) (code string, repeat bool, err error) {
	body := j.Vault.Hash("heard", string(h.Message.AppendClear(nil)))
	err = j.write(ctx, func(ctx context.Context, tx db.Tx) (err error) {
		if code, repeat, err = heardBefore(ctx, tx, h, body); err != nil || repeat {
			return err
		}
		if err = j.beside(ctx, tx, h); err != nil {
			return err
		}
		if code, err = j.listen(ctx, tx, h); err != nil {
			return err
		}
		return remember(ctx, tx, h, body, code)
	})
	return code, repeat, err
}

func heardBefore(ctx context.Context, tx db.Tx, h switching.Heard, body []byte) (code string, repeat bool, err error) {
	m := h.Message
	var before []byte
	err = tx.QueryRowContext(ctx, `SELECT body_hash, code FROM heard WHERE bank = $1 AND type = $2 AND acquirer = $3 AND stan = $4 AND sent = $5`,
		h.Bank, string(m.Type), m.Get(codec.FieldAcquirer), m.Get(codec.FieldSTAN), m.Get(codec.FieldSent)).Scan(&before, &code)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("look for an earlier message: %w", err)
	case !bytes.Equal(before, body):
		return codeDuplicate, true, nil
	}
	return code, true, nil
}

// errBeside: what the bank said may be about a registration that is under way.
var errBeside = errors.New("the account is being registered: to be heard when it is repeated")

// beside keeps the end of an account from being heard while a registration of it is
// open: the approval, which the bank gave before, may come in after it.
func (j *Journal) beside(ctx context.Context, tx db.Tx, h switching.Heard) error {
	if h.Message.Type != codec.AccountEvent {
		return nil
	}
	e := switching.Entry{Account: h.Message.AccountNumber()}
	var open bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM entry WHERE bank = $1 AND account_ix = $2 AND holds = 1
		AND open = 1 AND type IN ($3, $4))`, h.Bank, j.accountIx(&e), string(codec.Authenticate), string(codec.Attach)).Scan(&open)
	if err == nil && open {
		err = errBeside
	}
	return err
}

func (j *Journal) listen(ctx context.Context, tx db.Tx, h switching.Heard) (string, error) {
	listener := j.Listeners[h.Message.Type]
	if listener == nil {
		return switching.CodeUnsupported, nil
	}
	code, notices, advices, err := listener.Hear(ctx, tx, h)
	if err != nil {
		return "", fmt.Errorf("hear %s: %w", h.Message.Type, err)
	}
	return code, j.consequences(ctx, tx, notices, advices)
}

func remember(ctx context.Context, tx db.Tx, h switching.Heard, body []byte, code string) error {
	m := h.Message
	_, err := tx.ExecContext(ctx, `INSERT INTO heard (bank, type, acquirer, stan, sent, body_hash, code, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		h.Bank, string(m.Type), m.Get(codec.FieldAcquirer), m.Get(codec.FieldSTAN), m.Get(codec.FieldSent), body, code, h.At.UnixMilli())
	if err != nil {
		return fmt.Errorf("remember message: %w", err)
	}
	return nil
}

// consequences writes what an effect or a listener wants told.
func (j *Journal) consequences(ctx context.Context, tx db.Tx, notices []switching.Notice, advices []switching.Advice) error {
	for _, n := range notices {
		if j.Outbox == nil {
			return errors.New("a notice, and no outbox")
		}
		if err := j.Outbox.Put(ctx, tx, n); err != nil {
			return err
		}
	}
	for _, a := range advices {
		// Of what is in clear: an original that cannot be read keeps nothing back.
		var e switching.Entry
		var ix []byte
		err := tx.QueryRowContext(ctx, `SELECT id, bank, account_ix FROM entry WHERE id = $1`, a.Entry.ID).Scan(&e.ID, &e.Bank, &ix)
		if err != nil {
			return fmt.Errorf("original of an advice: entry %d: %w", a.Entry.ID, err)
		}
		if err := j.addAdvice(ctx, tx, e, ix, a.Type); err != nil {
			return err
		}
	}
	return nil
}
