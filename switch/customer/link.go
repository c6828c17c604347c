package customer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// Roles of a link.
const (
	Primary  = "primary"  // the account used to authenticate
	Attached = "attached" // 加挂
)

// States of a link.
const (
	linkPending   = "pending"   // its bank is being asked
	linkActive    = "active"    // it stands
	linkDetaching = "detaching" // its bank is being asked to end it, or in doubt
	linkEnded     = "ended"
)

// link is an account of a customer.
type link struct {
	ID       string
	Customer string
	Bank     string
	Ix       []byte
	Account  codec.Account
	Suffix   string
	Holder   codec.Secret
	Role     string
	State    string
	Entry    int64 // the transaction that registered it
	Created  int64 // Unix milliseconds
}

// active reports whether the account is the customer's to read.
func (l link) active() bool { return l.State == linkActive || l.State == linkDetaching }

const linkColumns = `link.id, link.customer, bank, account_ix, account, suffix, link.holder, role, link.state, entry, link.created`

// links returns the links that the condition names.
func (s *Store) links(ctx context.Context, tx switching.Tx, where string, args ...any) (list []link, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+linkColumns+` FROM link WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read links: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		l, err := s.scanLink(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, rows.Err()
}

// scanner is a row of a result.
type scanner interface{ Scan(dest ...any) error }

// scanLink reads a link, whose columns stand behind what goes into before.
func (s *Store) scanLink(r scanner, before ...any) (l link, err error) {
	var account, holder []byte
	if err := r.Scan(append(before, &l.ID, &l.Customer, &l.Bank, &l.Ix, &account, &l.Suffix, &holder, &l.Role, &l.State, &l.Entry, &l.Created)...); err != nil {
		return l, fmt.Errorf("read link: %w", err)
	}
	number, err := s.unseal(account, "link.account", l.ID)
	if err != nil {
		return l, err
	}
	name, err := s.unseal(holder, "link.holder", l.ID)
	l.Account, l.Holder = codec.NewAccount(number), codec.NewSecret(name)
	return l, err
}

// oneLink returns the link that the condition names, its zero value for none.
func (s *Store) oneLink(ctx context.Context, tx switching.Tx, where string, args ...any) (link, error) {
	l, err := s.scanLink(tx.QueryRowContext(ctx, `SELECT `+linkColumns+` FROM link WHERE `+where+` LIMIT 1`, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return link{}, nil
	}
	return l, err
}

// linkOf returns the customer's link of the account that has not ended.
func (s *Store) linkOf(ctx context.Context, tx switching.Tx, customer, bank string, ix []byte) (link, error) {
	return s.oneLink(ctx, tx, `customer = $1 AND bank = $2 AND account_ix = $3 AND state <> 'ended'`, customer, bank, ix)
}

// linksNow returns the customer's links that have not ended.
func (s *Store) linksNow(ctx context.Context, tx switching.Tx, customer string) ([]link, error) {
	return s.links(ctx, tx, `customer = $1 AND state <> 'ended'`, customer)
}

// primaryOf returns the customer's primary, its zero value for none.
func (s *Store) primaryOf(ctx context.Context, tx switching.Tx, customer string) (link, error) {
	return s.oneLink(ctx, tx, `customer = $1 AND role = 'primary' AND state <> 'ended'`, customer)
}

// addLink stores a new link.
func (s *Store) addLink(ctx context.Context, tx switching.Tx, l link) error {
	account, err := s.seal(l.Account.Reveal(), "link.account", l.ID)
	if err != nil {
		return err
	}
	holder, err := s.seal(l.Holder.Reveal(), "link.holder", l.ID)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO link (id, customer, bank, account_ix, account, suffix, holder, role, state, entry, created, changed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)`,
		l.ID, l.Customer, l.Bank, s.accountIx(l.Account), account, l.Account.Suffix(), holder, l.Role, l.State, l.Entry, s.Now().UnixMilli())
	if err != nil {
		return fmt.Errorf("add link: %w", err)
	}
	return nil
}

// setLink writes role, state, holder and registration of a link.
func (s *Store) setLink(ctx context.Context, tx switching.Tx, l link) error {
	holder, err := s.seal(l.Holder.Reveal(), "link.holder", l.ID)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE link SET role = $1, state = $2, holder = $3, entry = $4, changed = $5 WHERE id = $6`,
		l.Role, l.State, holder, l.Entry, s.Now().UnixMilli(), l.ID)
	if err != nil {
		return fmt.Errorf("set link: %w", err)
	}
	return nil
}

// releaseOf is the release of what the transaction registered.
func releaseOf(entry int64) switching.Advice {
	return switching.Advice{Entry: switching.Entry{ID: entry}, Type: codec.Release}
}

// endLinks ends the customer's links. It returns the releases of those that are
// still registered at their banks: not the one that is excepted, which its bank
// has ended, nor one whose detach is on its way, which ends it.
func (s *Store) endLinks(ctx context.Context, tx switching.Tx, customer, except string) (releases []switching.Advice, err error) {
	list, err := s.linksNow(ctx, tx, customer)
	if err != nil {
		return nil, err
	}
	for _, l := range list {
		// One that is pending ends with its attach, which finds the customer gone.
		if l.State == linkActive && l.ID != except {
			releases = append(releases, releaseOf(l.Entry))
		}
		l.State = linkEnded
		if err := s.setLink(ctx, tx, l); err != nil {
			return nil, err
		}
	}
	return releases, nil
}
