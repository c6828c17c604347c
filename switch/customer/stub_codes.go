package customer

// Stands in for smscode.go, link.go and the forms until they are merged.

import (
	"context"
	"database/sql"
	"errors"

	"wxswitch/codec"
	"wxswitch/routing"
	switching "wxswitch/switch"
)

type Purpose string

const ForReset Purpose = "reset"

func (s *Store) codeHash(customer string, p Purpose, bank string, ix []byte, code codec.Secret) []byte {
	return s.Vault.Hash("sms code", customer, string(p), bank, string(ix), code.Reveal())
}

func (s *Store) useCode(ctx context.Context, tx switching.Tx, c *row, p Purpose, bank string, ix []byte, code codec.Secret, by int64) (switching.Reason, error) {
	r, err := tx.ExecContext(ctx, `UPDATE sms_code SET state = 'used', used_by = $1 WHERE customer = $2 AND state = 'sent' AND wrong < $3 AND sent > $4 AND code_hash = $5`,
		by, c.ID, s.Limits.CodeTries, s.Now().Add(-s.Limits.CodeLife).UnixMilli(), s.codeHash(c.ID, p, bank, ix, code))
	if err != nil {
		return "", err
	}
	if n, err := r.RowsAffected(); err != nil || n == 1 {
		return "", err
	}
	_, err = tx.ExecContext(ctx, `UPDATE sms_code SET wrong = wrong + 1 WHERE customer = $1 AND state = 'sent'`, c.ID)
	return ReasonCodeWrong, err
}

type link struct {
	ID, Customer, Bank, State string
	Account                   codec.Account
}

func (l link) active() bool { return l.State == "active" || l.State == "detaching" }

func (s *Store) links(ctx context.Context, tx switching.Tx, where string, args ...any) (list []link, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, customer, bank, state, account FROM link WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // a stub
	for rows.Next() {
		var l link
		var account []byte
		if err := rows.Scan(&l.ID, &l.Customer, &l.Bank, &l.State, &account); err != nil {
			return nil, err
		}
		number, err := s.unseal(account, "link.account", l.ID)
		if err != nil {
			return nil, err
		}
		l.Account = codec.NewAccount(number)
		list = append(list, l)
	}
	return list, rows.Err()
}

func (s *Store) linkOf(ctx context.Context, tx switching.Tx, customer, bank string, ix []byte) (l link, err error) {
	err = tx.QueryRowContext(ctx, `SELECT id, state FROM link WHERE customer = $1 AND bank = $2 AND account_ix = $3 AND state <> 'ended'`, customer, bank, ix).
		Scan(&l.ID, &l.State)
	if errors.Is(err, sql.ErrNoRows) {
		return link{}, nil
	}
	return l, err
}

func (s *Service) bankOf(a codec.Account, chosen string) (string, switching.Reason) {
	t, err := s.Router.Route(a, routing.Bank(chosen))
	var none *routing.Refusal
	if errors.As(err, &none) {
		return "", switching.Reason(none.Reason)
	}
	return string(t.Bank), ""
}

func checkCert(_, number string) (codec.CertNumber, switching.Reason) {
	return codec.NewCertNumber(number), ""
}
