package journal

import (
	"context"
	"errors"
	"fmt"

	"wxswitch/switch/db"
	"wxswitch/switch/vault"
)

// ErrWrongKey says that the newest rows were sealed with a key that the vault does not
// have.
var ErrWrongKey = errors.New("journal: sealed with another key")

// looked is how many damaged rows may hide the one that CheckKey wants.
const looked = 100

// CheckKey asks whether the vault opens what the database was written with: the
// newest row that is not damaged decides. A switch that started with the wrong
// key could read none of its rows, and would park every advice. The error is
// ErrWrongKey, or the database's. A database without rows fits every key.
func (j *Journal) CheckKey(ctx context.Context) error {
	return j.DB.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT id, asked FROM entry ORDER BY id DESC LIMIT $1`, looked)
		if err != nil {
			return fmt.Errorf("read entries: %w", err)
		}
		defer rows.Close() //nolint:errcheck // rows.Err tells
		for rows.Next() {
			var id int64
			var asked []byte
			if err := rows.Scan(&id, &asked); err != nil {
				return fmt.Errorf("read entries: %w", err)
			}
			switch _, err := j.Vault.Open(asked, askedContext(id)); {
			case errors.Is(err, vault.ErrKey):
				key, _ := vault.KeyID(asked)
				return fmt.Errorf("%w, whose id is %d", ErrWrongKey, key)
			case err == nil:
				return nil
			}
		}
		return rows.Err()
	})
}
