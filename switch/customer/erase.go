package customer

import (
	"context"
	"fmt"
	"time"

	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// Clean deletes what has no use any more: what a front kept and is over (talk.go),
// who ended longer ago than Limits.Erase, spent nonces that are too old anyway, page
// keys that open nothing, sessions past their limit. To be called every minute or so,
// by any instance.
func (s *Store) Clean(ctx context.Context) error {
	now := s.Now()
	if err := s.forget(ctx, now); err != nil {
		return fmt.Errorf("customer: clean: %w", err)
	}
	if err := s.erase(ctx, now); err != nil {
		return fmt.Errorf("customer: clean: %w", err)
	}
	err := s.DB.Write(ctx, func(ctx context.Context, tx db.Tx) error {
		opens := s.Limits.PageKey + s.Limits.PageKeyOpens
		for query, at := range map[string]time.Time{
			`DELETE FROM page_nonce WHERE expires <= $1`: now.Add(-s.Limits.Nonce), // clocks of instances differ
			`DELETE FROM page_key WHERE created <= $1`:   now.Add(-opens),
			`DELETE FROM page_key WHERE created >= $1`:   now.Add(opens),
			`DELETE FROM session WHERE created <= $1`:    now.Add(-s.Limits.SessionMax),
		} {
			if _, err := tx.ExecContext(ctx, query, at.UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("customer: clean: %w", err)
	}
	return nil
}

// eraseStep bounds the customers that one transaction erases.
const eraseStep = 200

// erase deletes what names a customer who ended longer ago than Limits.Erase
// (A10): certificate, name, accounts and codes. State, consents and history stay.
func (s *Store) erase(ctx context.Context, now time.Time) error {
	for more := s.Limits.Erase > 0; more; {
		err := s.DB.Write(ctx, func(ctx context.Context, tx db.Tx) error {
			ids, err := s.ended(ctx, tx, now.Add(-s.Limits.Erase))
			for _, id := range ids {
				if err := s.eraseOne(ctx, tx, id); err != nil {
					return err
				}
			}
			more = len(ids) == eraseStep
			return err
		})
		if err != nil {
			return fmt.Errorf("erase: %w", err)
		}
	}
	return nil
}

// ended are customers who ended before the time and are still known by name.
func (s *Store) ended(ctx context.Context, tx switching.Tx, before time.Time) (ids []string, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT id FROM customer WHERE state IN ('deregistered', 'superseded') AND cert IS NOT NULL
		AND changed < $1 ORDER BY changed LIMIT $2`, before.UnixMilli(), eraseStep)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func (s *Store) eraseOne(ctx context.Context, tx switching.Tx, id string) error {
	for _, query := range []string{
		`UPDATE customer SET cert_type = '', cert_ix = NULL, cert = NULL, holder = NULL, version = version + 1 WHERE id = $1`,
		`DELETE FROM link WHERE customer = $1`,
		`DELETE FROM sms_code WHERE customer = $1`,
		`DELETE FROM visit WHERE customer = $1`,
	} {
		if _, err := tx.ExecContext(ctx, query, id); err != nil {
			return err
		}
	}
	c, err := s.byID(ctx, tx, id)
	if err != nil {
		return err
	}
	return s.remember(ctx, tx, id, "erased", c.State, c.State, cause{who: "period"})
}
