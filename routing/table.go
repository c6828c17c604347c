package routing

import (
	"slices"
	"sync/atomic"

	"wxswitch/codec"
)

// Bank is a member bank's id, as configuration spells it.
type Bank string

// Reason is why an account has no route.
type Reason string

// The reasons.
const (
	UnknownBIN    Reason = "unknown-bin"     // no rule matches
	BankMismatch  Reason = "bank-mismatch"   // the chosen 开户行 contradicts the rules
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
type Router struct{ table atomic.Pointer[Table] }

// NewRouter returns a router that starts with the table.
func NewRouter(t *Table) *Router {
	r := &Router{}
	r.table.Store(t)
	return r
}

// Swap puts another table in use. A Route that runs meanwhile sees the old
// table or the new one, whole.
func (r *Router) Swap(t *Table) { r.table.Store(t) }

// Table returns the table in use.
func (r *Router) Table() *Table { return r.table.Load() }

// Route finds the bank of an account in the table in use; see [Table.Route].
func (r *Router) Route(a codec.Account, chosen Bank) (Target, error) {
	return r.Table().Route(a, chosen)
}

// Table is one file's rules, ready for look-up. It never changes.
type Table struct {
	version string
	rules   []rule
	found   *index // what a prefix means for a length of account
	bins    *index // the BINs, whatever the length
}

// answer is what the table knows of a prefix and a length of account.
type answer struct {
	// banks has one bank for a card; for a passbook those of all its prefixes.
	banks      []Bank
	card, luhn bool
}

// Version is a short hash of the file, to tell which one is in use.
func (t *Table) Version() string { return t.version }

// Rules returns the number of rules in the file.
func (t *Table) Rules() int { return len(t.rules) }

// Route finds the bank of an account. chosen is the 开户行 that the customer
// chose, empty for none. The error is a *Refusal. It does not allocate on success.
func (t *Table) Route(a codec.Account, chosen Bank) (Target, error) {
	target, reason := t.route(a.Reveal(), chosen)
	if reason != "" {
		return Target{}, &Refusal{reason}
	}
	return target, nil
}

func (t *Table) route(number string, chosen Bank) (Target, Reason) {
	if !isAccount(number) {
		return Target{}, BadAccount
	}
	found := t.found.longest(number, len(number))
	switch {
	case found == nil && t.bins.longest(number, anyLength) != nil:
		return Target{}, BadAccount
	case found == nil:
		return Target{}, UnknownBIN
	case found.luhn && !luhn(number):
		return Target{}, BadAccount
	}
	return found.choose(chosen)
}

func (a *answer) choose(chosen Bank) (Target, Reason) {
	switch {
	case chosen == "" && len(a.banks) > 1:
		return Target{}, BankAmbiguous
	case chosen == "":
		return Target{a.banks[0], a.card}, ""
	case !slices.Contains(a.banks, chosen):
		return Target{}, BankMismatch
	}
	return Target{chosen, a.card}, ""
}

// newTable builds the table of rules that do not contradict one another.
func newTable(version string, rules []rule) *Table {
	claims := claimsOf(rules)
	t := &Table{version: version, rules: rules, found: newIndex(len(claims)), bins: newIndex(len(claims))}
	// Shorter prefixes first: a longer one takes over the banks of the shorter.
	slices.SortStableFunc(claims, func(a, b claim) int { return len(a.prefix) - len(b.prefix) })
	for _, c := range claims {
		t.add(c)
	}
	return t
}

func (t *Table) add(c claim) {
	banks := []Bank{c.bank}
	if c.card {
		t.bins.put(c.prefix, anyLength, answer{})
	} else {
		for digits := range len(c.prefix) + 1 {
			banks = append(banks, t.found.exact(c.prefix[:digits], c.length).banks...)
		}
	}
	slices.Sort(banks)
	t.found.put(c.prefix, c.length, answer{slices.Compact(banks), c.card, c.luhn})
}
