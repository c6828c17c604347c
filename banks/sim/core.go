package sim

import (
	"context"
	"database/sql"
	"errors"
	"strconv"

	"wxswitch/banks/adapter"
	"wxswitch/codec"
	"wxswitch/switch/db"
)

// core is the bank's own system. It follows the contract of adapter.Core: each
// change is decided in one transaction that also keeps the decision under its
// number, so that a second call for it finds what the first one did.
type core struct{ *Bank }

// The answers of the core (F39).
const (
	codeDone       = "00"
	codeIdentity   = "05" // certificate and account do not belong together
	codeNoAccount  = "14"
	codeRestricted = "62" // frozen
	codeInvalid    = "12"
)

// Serve does what a bank does.
func (c core) Serve(ctx context.Context, m *codec.Message) (*codec.Message, error) {
	f, _ := c.faults.take(m, true)
	if f.Kind == Delay {
		if rest(ctx, f.Delay); ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	if m.Type.Class() == codec.Enquiry {
		return c.balance(m, f.Code), nil
	}
	d := decision{bank: c.Bank, m: m, forced: f.Code, number: adapter.NumberOf(m)}
	err := c.db.Write(ctx, func(ctx context.Context, tx db.Tx) error {
		d.tx = tx
		return d.decide(ctx)
	})
	if err != nil {
		return nil, err
	}
	reply := codec.NewReply(m, d.code)
	if m.Type == codec.Authenticate && d.code == codeDone {
		reply.Set(codec.FieldHolder, c.people[c.accounts[m.AccountNumber()].person].Holder)
	}
	return reply, nil
}

func (c core) balance(m *codec.Message, forced string) *codec.Message {
	if forced != "" {
		return codec.NewReply(m, forced)
	}
	at, ok := c.accounts[m.AccountNumber()]
	if !ok {
		return codec.NewReply(m, codeNoAccount)
	}
	a := c.account(at)
	if a.Status == Frozen {
		return codec.NewReply(m, codeRestricted)
	}
	r := codec.NewReply(m, codeDone)
	r.Set(codec.FieldHolder, c.people[at.person].Holder)
	r.Set(codec.FieldBalance, strconv.FormatInt(int64(a.Balance), 10))
	r.Set(codec.FieldAvailable, strconv.FormatInt(int64(a.Available), 10))
	r.Set(codec.FieldCurrency, "156")
	return r
}

// decision is one call for one change, in its transaction.
type decision struct {
	bank   *Bank
	tx     db.Tx
	m      *codec.Message
	number adapter.Number
	forced string // an ordered decline, empty for none
	code   string
}

func (d *decision) decide(ctx context.Context) (err error) {
	part := "operation"
	if d.m.Type == codec.Reversal {
		part = "reversal"
	}
	earlier, err := d.earlier(ctx, part)
	// A completion brings to its end what was declined before, and a reversal is
	// tried again: only what was done, or needed no doing, needs no more.
	final := d.m.Type.Class() != codec.Advice || earlier == codeDone || earlier == d.bank.cfg.NotRegistered
	if err != nil || earlier != "" && final {
		d.code = earlier
		return err
	}
	if d.code = d.forced; d.code == "" {
		if d.code, err = d.act(ctx); err != nil {
			return err
		}
	}
	_, err = d.tx.ExecContext(ctx, `INSERT INTO sim_decision (acquirer, rrn, code3, part, code) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT DO UPDATE SET code = excluded.code`, d.number.Acquirer, string(d.number.RRN), d.number.Code, part, d.code)
	return err
}

func (d *decision) earlier(ctx context.Context, part string) (code string, err error) {
	err = d.tx.QueryRowContext(ctx, `SELECT code FROM sim_decision
		WHERE acquirer = $1 AND rrn = $2 AND code3 = $3 AND part = $4`,
		d.number.Acquirer, string(d.number.RRN), d.number.Code, part).Scan(&code)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return code, err
}

// act changes the bank's state, and returns the answer.
func (d *decision) act(ctx context.Context) (string, error) {
	at, ok := d.bank.accounts[d.m.AccountNumber()]
	if !ok {
		return codeNoAccount, nil
	}
	switch d.m.Type {
	case codec.Authenticate:
		return d.authenticate(ctx, at)
	case codec.Deregister, codec.Completion:
		return d.deregister(ctx, at)
	case codec.Reversal:
		return codeDone, d.reverse(ctx, at)
	}
	return codeInvalid, nil
}

func (d *decision) authenticate(ctx context.Context, at position) (string, error) {
	p := d.bank.people[at.person]
	switch {
	case d.bank.account(at).Status == Frozen:
		return codeRestricted, nil
	case d.m.Get(codec.FieldCertType) != p.CertType || d.m.Get(codec.FieldCertNumber) != p.Cert.Reveal():
		return codeIdentity, nil
	}
	_, err := d.tx.ExecContext(ctx, `INSERT INTO sim_registration (account, acquirer, rrn, code3, ended)
		VALUES ($1, $2, $3, $4, '')`, at.id, d.number.Acquirer, string(d.number.RRN), d.number.Code)
	if err != nil {
		return "", err
	}
	return codeDone, d.effect(ctx, at, "registered")
}

// deregister ends every approval of the account that came before it. That it is
// done once keeps it from ending a later one.
func (d *decision) deregister(ctx context.Context, at position) (string, error) {
	n, err := d.change(ctx, `UPDATE sim_registration SET ended = $1 WHERE account = $2 AND ended = ''`,
		d.number.String(), at.id)
	if err != nil || n == 0 {
		return d.bank.cfg.NotRegistered, err
	}
	return codeDone, d.effect(ctx, at, "deregistered")
}

// reverse takes back what its number did, and nothing else: its own approval,
// for good, or the end that it put to others.
func (d *decision) reverse(ctx context.Context, at position) error {
	own, err := d.change(ctx, `UPDATE sim_registration SET ended = $1
		WHERE acquirer = $2 AND rrn = $3 AND code3 = $4 AND ended <> $1`,
		"reversal", d.number.Acquirer, string(d.number.RRN), d.number.Code)
	if err != nil {
		return err
	}
	others, err := d.change(ctx, `UPDATE sim_registration SET ended = '' WHERE ended = $1`, d.number.String())
	if err != nil || own+others == 0 {
		return err
	}
	return d.effect(ctx, at, "reversed")
}

func (d *decision) change(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := d.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (d *decision) effect(ctx context.Context, at position, what string) error {
	_, err := d.tx.ExecContext(ctx, `INSERT INTO sim_effect (at, acquirer, rrn, code3, what, account)
		VALUES ($1, $2, $3, $4, $5, $6)`, d.bank.cfg.Now().UnixMilli(),
		d.number.Acquirer, string(d.number.RRN), d.number.Code, what, at.id)
	return err
}
