package routing

import "wxswitch/codec"

// Bank is a member bank's id, as configuration spells it.
type Bank string

// Reason is why an account has no route.
type Reason string

// The reasons.
const (
	UnknownBIN    Reason = "unknown-bin"     // no rule matches
	BankMismatch  Reason = "bank-mismatch"   // the chosen 开户行 contradicts the BIN
	BankAmbiguous Reason = "bank-needed"     // several banks have such passbooks: the customer must choose
	BadAccount    Reason = "account-invalid" // not digits, wrong length, or Luhn where the rule asks for it
)

// Refusal is the error of an account without a route: nothing was sent.
type Refusal struct{ Reason Reason }

func (e *Refusal) Error() string { return "no route: " + string(e.Reason) }

// Target is where an account is held.
type Target struct {
	Bank Bank
	// Card is true for a card number (F2), false for a passbook (F102).
	Card bool
}

// Router is a table that can be replaced under traffic. It is safe for
// concurrent use.
type Router struct{}

// Route finds the bank of an account. chosen is the 开户行 that the customer
// chose, empty for none. The error is a *Refusal. It does not allocate on success.
func (r *Router) Route(a codec.Account, chosen Bank) (Target, error) { panic("to be written") }
