package adapter

import (
	"bytes"
	"context"

	"wxswitch/codec"
	"wxswitch/switch/db"
)

// claim is the decision about one arrival, inside its transaction. The gate of
// its number is held: no other message of the number is being worked on, so
// that a row that is running was left so by a crash, by Core's silence, or by an
// answer that decided nothing.
type claim struct {
	*ledger
	tx        db.Tx
	x         *Exchange
	completes codec.Type
	account   []byte
}

func (c *claim) decide(ctx context.Context) (found, error) {
	own, err := c.part(ctx, c.x.part)
	if err != nil {
		return found{}, err
	}
	if own != nil {
		if err := c.count(ctx); err != nil {
			return found{}, err
		}
		switch {
		case !c.same(own):
			return c.refuse(), nil
		case own.answered:
			return found{answer: own.answer}, nil
		}
	}
	var f found
	switch c.x.part {
	case reversal, release:
		f, err = c.undo(ctx, own)
	case completion:
		f, err = c.completion(ctx, own)
	default:
		f, err = c.original(ctx, own)
	}
	if own != nil || err != nil {
		return f, err
	}
	return f, c.count(ctx)
}

// original: a number that is new is worked on, one that was left running once
// more. What was answered, or reversed before it came, never gets here.
func (c *claim) original(ctx context.Context, own *row) (found, error) {
	if own != nil {
		return found{call: true, repeat: true}, nil
	}
	return found{call: true}, c.run(ctx, original, c.x.Request.Type)
}

// undo is a reversal or a release: from now on the original must not be done any
// more, which is on disk before Core hears of it. One that was not seen, or only
// after it was refused beforehand, leaves Core nothing to undo.
func (c *claim) undo(ctx context.Context, own *row) (found, error) {
	op, err := c.part(ctx, original)
	if err != nil {
		return found{}, err
	}
	if op == nil {
		tombstone := row{account: c.account, answered: true, reversed: true, answer: c.refuse().answer}
		if err := c.insert(ctx, c.tx, c.x.number, original, tombstone); err != nil {
			return found{}, err
		}
	}
	if op == nil || own == nil && op.kind == "" && c.same(op) {
		unseen := answer{code: c.unseen}
		told := row{kind: c.x.Request.Type, account: c.account, answered: true, answer: unseen}
		return found{answer: unseen}, c.insert(ctx, c.tx, c.x.number, c.x.part, told)
	}
	meant, err := c.means(ctx, op)
	if err != nil || !meant {
		return c.refuse(), err
	}
	if err := c.forbid(ctx, op); err != nil {
		return found{}, err
	}
	if own != nil {
		return found{call: true, repeat: true}, nil
	}
	return found{call: true}, c.run(ctx, c.x.part, c.x.Request.Type)
}

// completion: what was approved needs no more doing; everything else Core
// brings to its end. An original that was not seen counts as running from now
// on, so that it is done once whichever of the two comes next.
func (c *claim) completion(ctx context.Context, own *row) (found, error) {
	op, err := c.part(ctx, original)
	if err != nil {
		return found{}, err
	}
	f := found{call: true, repeat: own != nil || op != nil && c.begun(op)}
	switch {
	case op == nil:
		err = c.run(ctx, original, c.completes)
	case !c.same(op):
		return c.refuse(), nil
	case op.reversed:
		f = c.refuse()
	case op.answered && c.dialect.Meaning(op.kind, op.code) == codec.Approved:
		f = found{answer: op.answer}
	}
	if err != nil {
		return found{}, err
	}
	if own == nil {
		r := row{kind: c.x.Request.Type, account: c.account, answered: !f.call, answer: f.answer}
		return f, c.insert(ctx, c.tx, c.x.number, completion, r)
	}
	if f.call {
		return f, nil
	}
	return f, c.end(ctx, c.tx, c.x.number, completion, f.answer)
}

// begun reports whether Core may have done the original without having said so.
func (c *claim) begun(op *row) bool {
	return !op.answered || c.dialect.Meaning(op.kind, op.code) != codec.Declined
}

func (c *claim) part(ctx context.Context, p part) (*row, error) {
	return c.get(ctx, c.tx, c.x.number, p)
}

func (c *claim) run(ctx context.Context, p part, t codec.Type) error {
	return c.insert(ctx, c.tx, c.x.number, p, row{kind: t, account: c.account})
}

func (c *claim) refuse() found { return found{answer: answer{code: c.refusal}} }

// same reports whether the message is about the account that its number was
// first used for. Another's answer must never be given.
func (c *claim) same(r *row) bool {
	return len(c.account) == 0 || len(r.account) == 0 || bytes.Equal(c.account, r.account)
}

// forbid keeps the original from being done, or completed, after its reversal.
// One whose end nobody knows is refused from now on.
func (c *claim) forbid(ctx context.Context, op *row) error {
	n := c.x.number
	if !op.answered {
		if err := c.end(ctx, c.tx, n, original, c.refuse().answer); err != nil {
			return err
		}
	}
	_, err := c.tx.ExecContext(ctx, `UPDATE adapter_part SET reversed = 1
		WHERE acquirer = $1 AND rrn = $2 AND code3 = $3 AND part = 'original'`, n.Acquirer, string(n.RRN), n.Code)
	return err
}

// means reports whether a reversal is about the original that its number
// names: the account is the same, and a sending that F90 names, if it names
// any, was seen.
func (c *claim) means(ctx context.Context, op *row) (bool, error) {
	m, n := c.x.Request, c.x.number
	stan, sent := m.Get(codec.FieldOriginalSTAN), m.Get(codec.FieldOriginalSent)
	if !c.same(op) || stan == "" {
		return c.same(op), nil
	}
	var seen, named int
	err := c.tx.QueryRowContext(ctx, `SELECT count(*), count(CASE WHEN stan = $4 AND sent = $5 THEN 1 END)
		FROM adapter_arrival WHERE acquirer = $1 AND rrn = $2 AND code3 = $3 AND part = 'original'`,
		n.Acquirer, string(n.RRN), n.Code, stan, sent).Scan(&seen, &named)
	return seen == 0 || named > 0, err
}

func (c *claim) count(ctx context.Context) error {
	n := c.x.number
	_, err := c.tx.ExecContext(ctx, `UPDATE adapter_part SET seen = seen + 1
		WHERE acquirer = $1 AND rrn = $2 AND code3 = $3 AND part = $4`,
		n.Acquirer, string(n.RRN), n.Code, string(c.x.part))
	return err
}
