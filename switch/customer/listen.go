package customer

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// Listeners are what the messages of banks' own do to customers.
func (s *Store) Listeners() map[codec.Type]switching.Listener {
	return map[codec.Type]switching.Listener{
		codec.Movement:     movementListener{s},
		codec.AccountEvent: eventListener{s},
	}
}

// codeHeard is F39 of what was heard, whether anybody is told or not: a bank
// does not learn who follows.
const codeHeard = "00"

// movementListener is 动账通知 (D4): every follower who has the account, and
// consented, is told.
type movementListener struct{ *Store }

// Hear writes one notice a follower.
func (x movementListener) Hear(ctx context.Context, tx switching.Tx, h switching.Heard) (string, []switching.Notice, []switching.Advice, error) {
	list, err := x.hearers(ctx, tx, h)
	if err != nil {
		return "", nil, nil, err
	}
	m := h.Message
	data := map[string]string{
		"amount": m.Get(codec.FieldAmount), "direction": m.Get(codec.FieldDirection), "balance": m.Get(codec.FieldBalance),
		"summary": m.Get(codec.FieldSummary), "at": m.Get(codec.FieldMoved), "bank": h.Bank,
	}
	var notices []switching.Notice
	order := hex.EncodeToString(x.accountIx(m.AccountNumber())[:8])
	for _, l := range list {
		mine := maps.Clone(data)
		mine["account"] = l.suffix
		for _, n := range x.tell(&l.row, switching.NoticeMovement, x.movementID(h, l.ID), mine) {
			n.Order = order
			notices = append(notices, n)
		}
	}
	return codeHeard, notices, nil, nil
}

// hearer is a customer who is told of an account: of the row what names it.
type hearer struct {
	row
	suffix string
}

const hearersOfAccount = `SELECT customer.id, channel, subject, followed, suffix FROM link JOIN customer ON customer.id = link.customer
	WHERE bank = $1 AND account_ix = $2 AND link.state IN ('active', 'detaching') AND told = 1 AND frozen = 0`

// hearers are found by one query, which opens nothing sealed: movements come in
// thousands.
func (s *Store) hearers(ctx context.Context, tx switching.Tx, h switching.Heard) (list []hearer, err error) {
	rows, err := tx.QueryContext(ctx, hearersOfAccount, h.Bank, s.accountIx(h.Message.AccountNumber()))
	if err != nil {
		return nil, fmt.Errorf("read who is told: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		var l hearer
		if err := rows.Scan(&l.ID, &l.Channel, &l.Subject, &l.Followed, &l.suffix); err != nil {
			return nil, fmt.Errorf("read who is told: %w", err)
		}
		list = append(list, l)
	}
	return list, rows.Err()
}

const linksOfAccount = `bank = $1 AND account_ix = $2 AND state IN ('active', 'detaching')`

// linksOf returns the links of the account that the message is about, whoever
// has them. The switch has made sure that it is the bank's own.
func (s *Store) linksOf(ctx context.Context, tx switching.Tx, h switching.Heard) ([]link, error) {
	return s.links(ctx, tx, linksOfAccount, h.Bank, s.accountIx(h.Message.AccountNumber()))
}

// eventListener is a bank's advice that an account or its registration ended
// there (A14).
type eventListener struct{ *Store }

// Hear ends the links of the account; of a primary the customer with it. The
// other banks get releases; this one has ended its own.
func (x eventListener) Hear(ctx context.Context, tx switching.Tx, h switching.Heard) (code string, notices []switching.Notice, advices []switching.Advice, err error) {
	list, err := x.linksOf(ctx, tx, h)
	if err != nil {
		return "", nil, nil, err
	}
	for _, l := range list {
		n, a, err := x.ended(ctx, tx, h, l)
		if err != nil {
			return "", nil, nil, err
		}
		notices, advices = append(notices, n...), append(advices, a...)
	}
	return codeHeard, notices, advices, nil
}

func (x eventListener) ended(ctx context.Context, tx switching.Tx, h switching.Heard, l link) ([]switching.Notice, []switching.Advice, error) {
	c, err := x.byID(ctx, tx, l.Customer)
	if err != nil {
		return nil, nil, err
	}
	event := h.Message.Get(codec.FieldEvent)
	why := cause{who: "bank " + h.Bank, note: event}
	kind := switching.NoticeAccountEnded
	var releases []switching.Advice
	if l.Role == Primary {
		kind = switching.NoticeCustomerEnded
		releases, err = x.end(ctx, tx, &c, BankEnded, l.ID, why)
	} else {
		err = x.bankEnded(ctx, tx, &c, l, why)
	}
	if err != nil {
		return nil, nil, err
	}
	notices := x.tellAccount(&c, l, kind, x.movementID(h, c.ID))
	for i := range notices {
		notices[i].Data["event"] = event
	}
	return notices, releases, nil
}

// movementID names the notice of one bank's message to one follower.
func (s *Store) movementID(h switching.Heard, customer string) string {
	m := h.Message
	return "movement-" + hex.EncodeToString(s.Vault.Index("notice", h.Bank, string(m.Type), m.Get(codec.FieldAcquirer),
		m.Get(codec.FieldSTAN), m.Get(codec.FieldSent), m.Get(codec.FieldRRN), customer)[:16])
}
