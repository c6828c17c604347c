package customer

import (
	"context"
	"fmt"

	switching "wxswitch/switch"
)

// State is where a customer stands.
type State string

// The states.
const (
	Unknown        State = "unknown"        // a follower that never was authenticated
	Authenticating State = "authenticating" // its bank is being asked
	Authenticated  State = "authenticated"
	Deregistering  State = "deregistering" // its bank is being asked, or in doubt
	Deregistered   State = "deregistered"
	Superseded     State = "superseded" // authenticated by another follower since (A13)
)

// Active reports whether the customer's certificate and links stand: reading
// and notices go on, also while a deregistration is in doubt (A9).
func (s State) Active() bool { return s == Authenticated || s == Deregistering }

// Event is what moves a customer.
type Event string

// The events.
const (
	AuthAsked    Event = "authenticate-asked"
	AuthApproved Event = "authenticate-approved"
	AuthEnded    Event = "authenticate-ended" // declined, timed out, or not sent
	DeregAsked   Event = "deregister-asked"
	DeregDone    Event = "deregister-approved" // also late, and "not registered"
	DeregBack    Event = "deregister-restored" // declined, also late, or not sent
	DeregDoubt   Event = "deregister-timed-out"
	Supersede    Event = "superseded"
	BankEnded    Event = "ended-by-bank" // A14, of the primary
)

// back stands for the state before the authentication was asked for.
const back State = "(before)"

// moves is the whole table: what is not in it does not happen.
var moves = map[State]map[Event]State{
	Unknown: {AuthAsked: Authenticating},
	Authenticating: {
		AuthApproved: Authenticated,
		AuthEnded:    back,
	},
	// Authenticated asks for another account of the same certificate and stays.
	Authenticated: {
		AuthAsked:    Authenticated,
		AuthApproved: Authenticated,
		AuthEnded:    Authenticated,
		DeregAsked:   Deregistering,
		DeregDone:    Deregistered, // after all, though it was declined
		Supersede:    Superseded,
		BankEnded:    Deregistered,
	},
	// An authentication with another account may still be under way when a
	// deregistration in doubt begins to be settled by the scan.
	Deregistering: {
		AuthEnded:  Deregistering,
		DeregAsked: Deregistering,
		DeregDone:  Deregistered,
		DeregBack:  Authenticated,
		DeregDoubt: Deregistering,
		Supersede:  Superseded,
		BankEnded:  Deregistered,
	},
	Deregistered: {AuthAsked: Authenticating},
	Superseded:   {AuthAsked: Authenticating},
}

// next returns where the event takes a customer, false if it does not apply.
func next(from, prior State, e Event) (State, bool) {
	to, ok := moves[from][e]
	if to == back {
		to = prior
	}
	return to, ok
}

// cause is by what a customer was moved.
type cause struct {
	entry int64  // the transaction, 0 for none
	who   string // follower, bank and its id, operator and name
	note  string
}

// move applies the event and appends it to the history; moved is false, and
// nothing done, where it does not apply. The row is saved.
func (s *Store) move(ctx context.Context, tx switching.Tx, c *row, e Event, why cause) (moved bool, err error) {
	to, ok := next(c.State, c.Prior, e)
	if !ok {
		return false, nil
	}
	from := c.State
	if to == Authenticating {
		c.Prior = from
	}
	c.State = to
	if err := s.save(ctx, tx, c); err != nil {
		return false, err
	}
	return true, s.remember(ctx, tx, c.ID, string(e), from, to, why)
}

// remember appends to the customer's history.
func (s *Store) remember(ctx context.Context, tx switching.Tx, id, event string, from, to State, why cause) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO customer_history (customer, at, event, from_state, to_state, entry, who, note)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, id, s.Now().UnixMilli(), event, string(from), string(to), why.entry, why.who, why.note)
	if err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}
