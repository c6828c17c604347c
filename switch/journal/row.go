package journal

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// row is an entry on its way into the database, and what becomes of it.
type row struct {
	switching.Opening
	accountIx []byte
	asked     []byte // sealed
}

// accountIx is the keyed index by which rows of one account find one another.
// What concerns no account is alone.
func (j *Journal) accountIx(e *switching.Entry) []byte {
	if e.Account.IsZero() {
		return j.Vault.Index("no account", strconv.FormatInt(e.ID, 10))
	}
	return j.Vault.Index("account", e.Account.Reveal())
}

// askedContext and replyContext bind a sealed value to its row and column, so
// that one copied to another row does not open.
func askedContext(id int64) []byte { return valueContext("entry.asked ", id) }
func replyContext(id int64) []byte { return valueContext("entry.reply ", id) }

func valueContext(column string, id int64) []byte {
	const number = 20 // digits
	return strconv.AppendInt(append(make([]byte, 0, len(column)+number), column...), id, 10)
}

// clearSize is what the fields of most requests take in clear.
const clearSize = 192

// seal makes of the entry what is stored in its stead.
func (j *Journal) seal(r *row) (err error) {
	e := &r.Entry
	asked := e.Fields
	asked.SetAccount(e.Account, e.Card)
	r.accountIx = j.accountIx(e)
	r.asked, err = j.Vault.Seal(asked.AppendClear(make([]byte, 0, clearSize)), askedContext(e.ID))
	if err != nil {
		return fmt.Errorf("seal entry: %w", err)
	}
	return nil
}

// kept are the fields of a reply that its caller is told, or told again.
var kept = []codec.Field{
	codec.FieldAuthCode, codec.FieldHolder, codec.FieldBalance, codec.FieldAvailable, codec.FieldCurrency, codec.FieldText, codec.FieldAppointment,
}

func (j *Journal) sealReply(id int64, reply *codec.Fields) ([]byte, error) {
	var keep codec.Fields
	for _, f := range kept {
		keep.Set(f, reply.Get(f))
	}
	if keep.Empty() {
		return nil, nil
	}
	sealed, err := j.Vault.Seal(keep.AppendClear(make([]byte, 0, clearSize)), replyContext(id))
	if err != nil {
		return nil, fmt.Errorf("seal reply: %w", err)
	}
	return sealed, nil
}

// exec executes a statement: cheaper if, having changed a row, it is all that its
// transaction changes, which then cannot fail.
func exec(ctx context.Context, tx db.Tx, sole bool, query string, args ...any) (sql.Result, error) {
	if sole {
		return db.ExecSole(ctx, tx, query, args...)
	}
	return tx.ExecContext(ctx, query, args...)
}

// insert writes the row; inserted is false where a unique index kept it out.
func (j *Journal) insert(ctx context.Context, tx db.Tx, r *row) (inserted bool, err error) {
	e := &r.Entry
	sending, err := joinSending(e)
	if err != nil {
		return false, fmt.Errorf("insert entry: %w", err)
	}
	inserted, err = db.Changed(exec(ctx, tx, j.effectOf(e) == nil, `INSERT INTO entry (id, key_hash, body_hash, type, customer, bank,
		account_ix, asked, sending, joins, opened, deadline, open, holds)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13) ON CONFLICT DO NOTHING`,
		e.ID, e.KeyHash, e.BodyHash, string(e.Type), e.Customer, e.Bank,
		r.accountIx, r.asked, sending, e.Joins, e.Opened.UnixMilli(), e.Deadline.UnixMilli(), e.Holds))
	if err != nil {
		return false, fmt.Errorf("insert entry: %w", err)
	}
	return inserted, nil
}

// joinSending is one column for what nobody searches for: a column each costs
// more, at an open and again at a close. Only the client, the last, may have
// spaces.
func joinSending(e *switching.Entry) (string, error) {
	before := e.MTI + " " + e.Code3 + " " + string(e.Sent) + " " + e.Instance + " " + e.Operation + " "
	if strings.Count(before, " ") != 5 {
		return "", fmt.Errorf("a space in %q", before)
	}
	return before + e.Client, nil
}

func splitSending(e *switching.Entry, s string) error {
	part := strings.SplitN(s, " ", 6)
	if len(part) != 6 {
		return errors.New("sending: parts are missing")
	}
	e.MTI, e.Code3, e.Sent, e.Instance, e.Operation, e.Client = part[0], part[1], codec.Stamp(part[2]), part[3], part[4], part[5]
	return nil
}

const columns = `id, key_hash, body_hash, type, customer, bank, asked, sending, joins,
	opened, deadline, open, holds, outcome, reason, code, reply, ended, standing, late, late_code`

// errUnreadable: the row is damaged, or was sealed by a key that this process
// does not have. No other row is kept back by it.
var errUnreadable = errors.New("unreadable entry")

// one returns the row that the condition names; of one that is unreadable what
// is in clear.
func (j *Journal) one(ctx context.Context, tx db.Tx, where string, args ...any) (e switching.Entry, found bool, err error) {
	var unreadable error
	err = j.each(ctx, tx, where, args, func(row switching.Entry, bad error) bool {
		e, found, unreadable = row, bad == nil, bad
		return false
	})
	return e, found && err == nil, cmp.Or(err, unreadable)
}

// many returns the rows that the condition names, no more than limit; beside
// them an error that counts the unreadable ones before the last.
func (j *Journal) many(ctx context.Context, tx db.Tx, limit int, where string, args ...any) (list []switching.Entry, err error) {
	var unreadable error
	others := 0
	err = j.each(ctx, tx, where, args, func(row switching.Entry, bad error) bool {
		switch {
		case bad == nil:
			list = append(list, row)
		case unreadable == nil:
			unreadable = bad
		default:
			others++
		}
		return len(list) < limit
	})
	if others > 0 {
		unreadable = fmt.Errorf("%w, and %d others", unreadable, others)
	}
	return list, cmp.Or(err, unreadable)
}

// each yields the rows that the condition names, until one is enough.
func (j *Journal) each(ctx context.Context, tx db.Tx, where string, args []any, yield func(switching.Entry, error) bool) error {
	rows, err := tx.QueryContext(ctx, `SELECT `+columns+` FROM entry WHERE `+where, args...)
	if err != nil {
		return fmt.Errorf("read entries: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		e, err := j.scan(rows)
		if err != nil {
			err = fmt.Errorf("%w %d: %w", errUnreadable, e.ID, err)
		}
		if !yield(e, err) {
			break
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read entries: %w", err)
	}
	return nil
}

type scanner interface{ Scan(dest ...any) error }

func (j *Journal) scan(s scanner) (switching.Entry, error) {
	var e switching.Entry
	var asked, reply []byte
	var opened, deadline, ended int64
	var sending string
	err := s.Scan(&e.ID, &e.KeyHash, &e.BodyHash, &e.Type, &e.Customer, &e.Bank, &asked, &sending, &e.Joins,
		&opened, &deadline, &e.Open, &e.Holds, &e.End.Outcome,
		&e.End.Reason, &e.End.Code, &reply, &ended, &e.Standing, &e.Late, &e.LateCode)
	if err != nil {
		return e, err
	}
	e.STAN, e.RRN = switching.STANOf(e.ID), codec.NewRRN(operation(e))
	e.Opened, e.Deadline, e.Ended = millis(opened), millis(deadline), millis(ended)
	return e, cmp.Or(j.unseal(&e, asked, reply), splitSending(&e, sending))
}

// operation is the number of the sending that began the entry's operation.
func operation(e switching.Entry) int64 {
	if e.Joins != 0 {
		return e.Joins
	}
	return e.ID
}

func millis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func (j *Journal) unseal(e *switching.Entry, asked, reply []byte) error {
	clear, err := j.Vault.Open(asked, askedContext(e.ID))
	if err != nil {
		return fmt.Errorf("asked: %w", err)
	}
	if e.Fields, err = codec.ParseClear(clear); err != nil {
		return fmt.Errorf("asked: %w", err)
	}
	e.Card = e.Fields.Has(codec.FieldPAN)
	e.Account = codec.NewAccount(e.Fields.Get(codec.FieldPAN) + e.Fields.Get(codec.FieldAccount))
	e.Fields.Set(codec.FieldPAN, "")
	e.Fields.Set(codec.FieldAccount, "")
	if reply != nil {
		if clear, err = j.Vault.Open(reply, replyContext(e.ID)); err != nil {
			return fmt.Errorf("reply: %w", err)
		}
		if e.End.Reply, err = codec.ParseClear(clear); err != nil {
			return fmt.Errorf("reply: %w", err)
		}
	}
	if e.End.Code != "" {
		e.End.Reply.Set(codec.FieldCode, e.End.Code)
	}
	return nil
}
