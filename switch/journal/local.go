package journal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// Local does what sends nothing, once per idempotency key: fn and its answer are
// one transaction, and a repeat of the key gets the answer of the first. fn uses
// SQL only and runs at most once. Its answer is stored sealed, and must hold no
// token, code or password; a refusal that is to be kept, as one that counted a
// wrong try, is an answer. An error undoes everything and leaves the key free.
// Errors besides fn's: switching.ErrKeyReused, and switching.ErrOutcomeUnknown
// where repeating the key learns what happened.
func (j *Journal) Local(ctx context.Context, l switching.Local, fn func(context.Context, switching.Tx) ([]byte, error)) (answer []byte, replayed bool, err error) {
	key, body := j.localHashes(l)
	err = j.write(ctx, func(ctx context.Context, tx db.Tx) (err error) {
		answer, replayed, err = j.localBefore(ctx, tx, key, body)
		if err != nil || replayed {
			return err
		}
		if answer, err = fn(ctx, tx); err != nil {
			return err
		}
		return j.keepLocal(ctx, tx, l, key, body, answer)
	})
	if errors.Is(err, switching.ErrCommitUnknown) {
		return nil, false, fmt.Errorf("%w: %w", switching.ErrOutcomeUnknown, err)
	}
	return answer, replayed, err
}

// LocalDone returns the answer that the key got before, if it got one: so that
// a repeat need not be checked again.
func (j *Journal) LocalDone(ctx context.Context, l switching.Local) (answer []byte, done bool, err error) {
	key, body := j.localHashes(l)
	err = j.DB.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		answer, done, err = j.localBefore(ctx, tx, key, body)
		return err
	})
	return answer, done, err
}

// localHashes are what a work is found by, and what was asked.
func (j *Journal) localHashes(l switching.Local) (key, body []byte) {
	return j.Vault.Index("local", l.Client, l.Operation, l.Key), j.Vault.Hash("local body", l.Customer, strings.Join(l.Covers, "\x00"))
}

func (j *Journal) localBefore(ctx context.Context, tx db.Tx, key, body []byte) (answer []byte, known bool, err error) {
	var before, sealed []byte
	err = tx.QueryRowContext(ctx, `SELECT body_hash, answer FROM local WHERE key_hash = $1`, key).Scan(&before, &sealed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("read local work: %w", err)
	case !bytes.Equal(before, body):
		return nil, false, switching.ErrKeyReused
	}
	answer, err = j.Vault.Open(sealed, localContext(key))
	if err != nil {
		return nil, false, fmt.Errorf("read local work: %w", err)
	}
	return answer, true, nil
}

func (j *Journal) keepLocal(ctx context.Context, tx db.Tx, l switching.Local, key, body, answer []byte) error {
	sealed, err := j.Vault.Seal(answer, localContext(key))
	if err != nil {
		return fmt.Errorf("seal local work: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO local (key_hash, body_hash, operation, customer, answer, at) VALUES ($1, $2, $3, $4, $5, $6)`,
		key, body, l.Operation, l.Customer, sealed, j.Now().UnixMilli())
	if err != nil {
		return fmt.Errorf("keep local work: %w", err)
	}
	return nil
}

func localContext(key []byte) []byte { return append([]byte("local.answer "), key...) }
