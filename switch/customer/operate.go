package customer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	switching "wxswitch/switch"
)

// ErrNoCustomer is the error of operators' calls for a customer that is not there.
var ErrNoCustomer = errors.New("customer: no such customer")

// Shown is a customer as operators see it: never a secret, nor a whole account.
type Shown struct {
	ID string
	Follower
	Followed bool
	State    State
	Frozen   bool
	Notices  bool // consents to 动账
	Sessions int  // open
	Login    ShownPassword
	Payment  ShownPassword
	Links    []ShownLink  // also those that ended, oldest first
	Codes    []ShownCode  // the last ones, newest first
	History  []ShownEvent // the last ones, oldest first
}

// ShownPassword is the state of a password.
type ShownPassword struct {
	Set    bool
	Wrong  int       // tries since it was right or locked
	Locked time.Time // until then; zero where it is not locked
}

// ShownLink is an account of a customer.
type ShownLink struct {
	ID, Bank, Suffix, Role, State string
	Entry                         int64 // the transaction that registered it
}

// ShownCode is an SMS code, but for its digits.
type ShownCode struct {
	Purpose     Purpose
	Bank, State string
	Sent        time.Time
	Wrong       int   // tries
	Entry       int64 // the transaction that sent it
}

// ShownEvent is a line of a customer's history.
type ShownEvent struct {
	At        time.Time
	Event     string
	From, To  State
	Entry     int64 // the transaction, 0 for none
	Who, Note string
}

// How much of a customer is shown.
const (
	shownCodes  = 20
	shownEvents = 200
)

// ShowCustomer shows operators the customer with the id, or that of the follower
// where the id is empty. Errors: ErrNoCustomer.
func (s *Store) ShowCustomer(ctx context.Context, id string, f Follower) (shown Shown, err error) {
	err = s.reading(ctx, func(ctx context.Context, tx switching.Tx) error {
		c, found, err := s.byFollower(ctx, tx, f)
		if id != "" {
			c, found, err = s.read(ctx, tx, `id = $1`, id)
		}
		switch {
		case err != nil:
			return err
		case !found:
			return ErrNoCustomer
		}
		shown, err = s.show(ctx, tx, c)
		return err
	})
	return shown, err
}

// Freeze lets a customer do nothing until it is released: its sessions end, and
// what it tries is refused as ReasonFrozen. who is the operator's; it and the
// reason stand in the history. A customer that is frozen stays as it is. Errors:
// ErrNoCustomer, switching.ErrOutcomeUnknown.
func (s *Store) Freeze(ctx context.Context, id, who, reason string) (Shown, error) {
	return s.setFrozen(ctx, id, true, "frozen", cause{who: "operator " + who, note: reason})
}

// Release ends a freeze; see Freeze.
func (s *Store) Release(ctx context.Context, id, who, reason string) (Shown, error) {
	return s.setFrozen(ctx, id, false, "released", cause{who: "operator " + who, note: reason})
}

func (s *Store) setFrozen(ctx context.Context, id string, frozen bool, event string, why cause) (shown Shown, err error) {
	err = s.keeping(ctx, func(ctx context.Context, tx switching.Tx) error {
		c, found, err := s.read(ctx, tx, `id = $1`, id)
		switch {
		case err != nil:
			return err
		case !found:
			return ErrNoCustomer
		case c.Frozen != frozen:
			if err := s.changeFrozen(ctx, tx, &c, frozen, event, why); err != nil {
				return err
			}
		}
		shown, err = s.show(ctx, tx, c)
		return err
	})
	if err != nil {
		return Shown{}, fmt.Errorf("customer: %w", err)
	}
	return shown, nil
}

func (s *Store) changeFrozen(ctx context.Context, tx switching.Tx, c *row, frozen bool, event string, why cause) error {
	c.Frozen = frozen
	c.Setup = time.Time{} // who is released shows again who it is before it sets passwords
	if err := s.save(ctx, tx, c); err != nil {
		return err
	}
	if err := s.remember(ctx, tx, c.ID, event, c.State, c.State, why); err != nil || !frozen {
		return err
	}
	if err := s.hush(ctx, tx, c); err != nil {
		return err
	}
	return s.endSessions(ctx, tx, c.ID, event)
}

func (s *Store) show(ctx context.Context, tx switching.Tx, c row) (v Shown, err error) {
	v = Shown{
		ID: c.ID, Follower: c.Follower, Followed: c.Followed, State: c.State, Frozen: c.Frozen, Notices: c.Told,
		Login: s.showPassword(c.Login), Payment: s.showPassword(c.Payment),
	}
	now := s.Now()
	err = tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM session WHERE customer = $1 AND ended = 0 AND used > $2 AND created > $3`,
		c.ID, now.Add(-s.Limits.SessionIdle).UnixMilli(), now.Add(-s.Limits.SessionMax).UnixMilli()).Scan(&v.Sessions)
	if err != nil {
		return v, fmt.Errorf("count sessions: %w", err)
	}
	list, err := s.links(ctx, tx, `customer = $1 ORDER BY created, id`, c.ID)
	if err != nil {
		return v, err
	}
	for _, l := range list {
		v.Links = append(v.Links, ShownLink{l.ID, l.Bank, l.Suffix, l.Role, l.State, l.Entry})
	}
	if v.Codes, err = s.showCodes(ctx, tx, c.ID); err != nil {
		return v, err
	}
	v.History, err = s.showHistory(ctx, tx, c.ID)
	return v, err
}

func (s *Store) showPassword(c credential) ShownPassword {
	p := ShownPassword{Set: c.Hash != "", Wrong: c.Wrong}
	if c.locked(s.Now()) {
		p.Locked = c.Until
	}
	return p
}

func (s *Store) showCodes(ctx context.Context, tx switching.Tx, id string) (list []ShownCode, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT purpose, bank, state, sent, wrong, entry FROM sms_code WHERE customer = $1
		ORDER BY sent DESC, id DESC LIMIT $2`, id, shownCodes)
	if err != nil {
		return nil, fmt.Errorf("read codes: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		var c ShownCode
		var sent int64
		if err := rows.Scan(&c.Purpose, &c.Bank, &c.State, &sent, &c.Wrong, &c.Entry); err != nil {
			return nil, fmt.Errorf("read codes: %w", err)
		}
		c.Sent = moment(sent)
		list = append(list, c)
	}
	return list, rows.Err()
}

func (s *Store) showHistory(ctx context.Context, tx switching.Tx, id string) (list []ShownEvent, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT at, event, from_state, to_state, entry, who, note FROM customer_history WHERE customer = $1
		ORDER BY id DESC LIMIT $2`, id, shownEvents)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		var e ShownEvent
		var at int64
		if err := rows.Scan(&at, &e.Event, &e.From, &e.To, &e.Entry, &e.Who, &e.Note); err != nil {
			return nil, fmt.Errorf("read history: %w", err)
		}
		e.At = moment(at)
		list = append(list, e)
	}
	slices.Reverse(list)
	return list, rows.Err()
}
