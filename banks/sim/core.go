package sim

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"

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
	codeLost       = "41"
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
		return c.enquiry(ctx, m, f.Code)
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
	if d.code == codeDone {
		c.tell(&d, reply, f.Kind == OtherName)
	}
	return reply, nil
}

// tell adds what an approval tells.
func (c core) tell(d *decision, reply *codec.Message, otherName bool) {
	switch d.m.Type {
	case codec.Authenticate, codec.Attach:
		reply.Set(codec.FieldHolder, c.people[c.accounts[d.m.AccountNumber()].person].Holder)
		if otherName {
			reply.Set(codec.FieldHolder, "张三")
		}
	case codec.Appointment:
		reply.Set(codec.FieldAppointment, d.visit)
		reply.Set(codec.FieldText, "预约成功，请携带有效身份证件按时到网点办理")
	}
}

func (c core) enquiry(ctx context.Context, m *codec.Message, forced string) (*codec.Message, error) {
	if forced != "" {
		return codec.NewReply(m, forced), nil
	}
	at, ok := c.accounts[m.AccountNumber()]
	if !ok {
		return codec.NewReply(m, codeNoAccount), nil
	}
	code, err := c.refuses(ctx, at)
	if err != nil || code != "" {
		return codec.NewReply(m, code), err
	}
	switch m.Type {
	case codec.SMSCode:
		return c.sendCode(ctx, m, at)
	case codec.Details:
		return c.details(ctx, m, at)
	}
	return c.balance(ctx, m, at)
}

func (c core) balance(ctx context.Context, m *codec.Message, at position) (*codec.Message, error) {
	moved, err := c.moved(ctx, at)
	if err != nil {
		return nil, err
	}
	a := c.account(at)
	r := codec.NewReply(m, codeDone)
	r.Set(codec.FieldHolder, c.people[at.person].Holder)
	r.Set(codec.FieldBalance, strconv.FormatInt(int64(a.Balance+moved), 10))
	r.Set(codec.FieldAvailable, strconv.FormatInt(int64(a.Available+moved), 10))
	r.Set(codec.FieldCurrency, "156")
	return r, nil
}

// decision is one call for one change, in its transaction.
type decision struct {
	bank   *Bank
	tx     db.Tx
	m      *codec.Message
	number adapter.Number
	forced string // an ordered decline, empty for none
	code   string
	visit  string // number of an appointment
}

// operation is the part of a number that every decision is of but a reversal's or a
// release's.
const operation = "operation"

func (d *decision) decide(ctx context.Context) (err error) {
	part := operation
	if d.m.Type == codec.Reversal || d.m.Type == codec.Release {
		part = string(d.m.Type)
	}
	earlier, err := d.earlier(ctx, part)
	// A completion brings to its end what was declined before, and a reversal is
	// tried again: only what was done, or needed no doing, needs no more.
	final := d.m.Type.Class() != codec.Advice || earlier == codeDone || earlier == d.bank.cfg.NotRegistered
	if err == nil && earlier != "" && d.m.Type == codec.Appointment {
		d.visit, err = d.booked(ctx)
	}
	if err != nil || earlier != "" && final {
		d.code = earlier
		return err
	}
	if d.code = d.forced; d.code == "" {
		if d.code, err = d.act(ctx); err != nil {
			return err
		}
	}
	return d.keep(ctx, part)
}

// keep keeps what was decided for a second call.
func (d *decision) keep(ctx context.Context, part string) error {
	_, err := d.tx.ExecContext(ctx, `INSERT INTO sim_decision (acquirer, rrn, code3, part, code) VALUES ($1, $2, $3, $4, $5)
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
	if d.m.AccountNumber().IsZero() {
		return d.visiting(ctx)
	}
	at, ok := d.bank.accounts[d.m.AccountNumber()]
	switch {
	case !ok && d.m.Type == codec.Reversal:
		return codeDone, nil // nothing was done with it
	case !ok:
		return codeNoAccount, nil
	}
	switch d.m.Type {
	case codec.Authenticate, codec.Attach:
		return d.authenticate(ctx, at)
	case codec.Deregister, codec.Detach, codec.Completion:
		return d.deregister(ctx, at)
	case codec.Reversal:
		return codeDone, d.reverse(ctx, at)
	case codec.Release:
		return d.release(ctx, at)
	}
	return codeInvalid, nil
}

// release ends what its number registered, and what earlier ones did.
func (d *decision) release(ctx context.Context, at position) (string, error) {
	n, err := d.change(ctx, `UPDATE sim_registration SET ended = $1 WHERE account = $2 AND ended = '' AND id <= (
		SELECT MAX(id) FROM sim_registration WHERE acquirer = $3 AND rrn = $4 AND code3 = $5)`,
		"release "+d.number.String(), at.id, d.number.Acquirer, string(d.number.RRN), d.number.Code)
	if err != nil || n == 0 {
		return d.bank.cfg.NotRegistered, err
	}
	return codeDone, d.effect(ctx, at, "released")
}

func (d *decision) authenticate(ctx context.Context, at position) (string, error) {
	code, err := d.bank.refusesNow(ctx, d.tx, at)
	switch {
	case err != nil || code != "":
		return code, err
	case !d.holds(at.person) && (d.bank.account(at).Joint == 0 || !d.holds(d.bank.account(at).Joint)):
		return codeIdentity, nil
	}
	_, err = d.tx.ExecContext(ctx, `INSERT INTO sim_registration (account, acquirer, rrn, code3, ended)
		VALUES ($1, $2, $3, $4, '')`, at.id, d.number.Acquirer, string(d.number.RRN), d.number.Code)
	if err != nil {
		return "", err
	}
	return codeDone, d.effect(ctx, at, "registered")
}

// holds reports whether the message's certificate is the person's.
func (d *decision) holds(person int) bool {
	p := d.bank.people[person]
	return d.m.Get(codec.FieldCertType) == p.CertType && d.m.Get(codec.FieldCertNumber) == p.Cert.Reveal()
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
		VALUES ($1, $2, $3, $4, $5, $6)`, time.Now().UnixMilli(),
		d.number.Acquirer, string(d.number.RRN), d.number.Code, what, at.id)
	return err
}
