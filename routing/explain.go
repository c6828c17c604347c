package routing

import (
	"fmt"
	"slices"
	"strings"

	"wxswitch/codec"
)

// Explanation says why an account is held where the table says. It may be
// shown to operators: the account is masked.
type Explanation struct {
	Table   string        `json:"table"` // its version
	Account codec.Account `json:"account"`
	Digits  int           `json:"digits"` // of the account
	Chosen  Bank          `json:"chosen,omitempty"`
	Bank    Bank          `json:"bank,omitempty"` // empty for a refusal
	Kind    string        `json:"kind,omitempty"` // card or passbook
	Reason  Reason        `json:"reason,omitempty"`
	Why     string        `json:"why"`
	// Rules are those whose prefix the number has: the winner first, then those
	// that have its length, then the others, each by length of prefix.
	Rules []Verdict `json:"rules"`
}

// Verdict is what became of one rule.
type Verdict struct {
	At      string `json:"at"` // file:line:column
	Kind    string `json:"kind"`
	Bank    Bank   `json:"bank"`
	Prefix  string `json:"prefix"`
	Lengths []int  `json:"lengths"`
	Won     bool   `json:"won"`
	Why     string `json:"why"`
}

// String is the explanation for a terminal, a line for each rule.
func (e Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "account %s (%d digits), table %s: ", e.Account, e.Digits, e.Table)
	if e.Reason != "" {
		fmt.Fprintf(&b, "%s: ", e.Reason)
	}
	fmt.Fprintln(&b, e.Why)
	for _, v := range e.Rules {
		mark := "lost"
		if v.Won {
			mark = "won "
		}
		fmt.Fprintf(&b, "  %s  %s  %s %q %v of %s: %s\n", mark, v.At, v.Kind, v.Prefix, v.Lengths, v.Bank, v.Why)
	}
	return b.String()
}

// Explain routes the account and says which rules were looked at, which won,
// and why the others lost. It walks all rules: it is for people, not for traffic.
func (t *Table) Explain(a codec.Account, chosen Bank) Explanation {
	number := a.Reveal()
	e := Explanation{Table: t.version, Account: a, Digits: len(number), Chosen: t.shown(chosen), Rules: []Verdict{}}
	matching, others := t.candidates(number)
	target, reason := t.route(number, chosen)
	e.Reason, e.Why = reason, why(number, matching, reason)
	var winner *rule
	if reason == "" {
		winner = matching[slices.IndexFunc(matching, func(r *rule) bool { return r.bank == target.Bank })]
		e.Bank, e.Kind = winner.bank, winner.kind()
		e.Why = fmt.Sprintf("%s of %s", e.Kind, e.Bank)
		e.Rules = append(e.Rules, verdict(winner, "longest prefix with this length"))
		e.Rules[0].Won = true
	}
	for _, r := range matching {
		if r != winner {
			e.Rules = append(e.Rules, verdict(r, lost(r, matching[0], winner, reason, e.Chosen)))
		}
	}
	for _, r := range others {
		e.Rules = append(e.Rules, verdict(r, fmt.Sprintf("wrong length: the number has %d digits", len(number))))
	}
	return e
}

// shown is the chosen bank as people may read it. What is no bank of the table
// may be anything, even an account number in the wrong field.
func (t *Table) shown(chosen Bank) Bank {
	if chosen == "" || slices.ContainsFunc(t.rules, func(r rule) bool { return r.bank == chosen }) {
		return chosen
	}
	return "unknown"
}

// candidates returns the rules whose prefix the number has, longest first:
// those that have its length, and the others.
func (t *Table) candidates(number string) (matching, others []*rule) {
	if !isAccount(number) {
		return nil, nil
	}
	for i := range t.rules {
		r := &t.rules[i]
		switch {
		case !strings.HasPrefix(number, r.prefix):
		case slices.Contains(r.lengths, len(number)):
			matching = append(matching, r)
		default:
			others = append(others, r)
		}
	}
	longest := func(a, b *rule) int { return len(b.prefix) - len(a.prefix) }
	slices.SortStableFunc(matching, longest)
	slices.SortStableFunc(others, longest)
	if len(matching) > 0 { // then a passbook of any beginning but another length tells nothing
		others = slices.DeleteFunc(others, func(r *rule) bool { return r.prefix == "" })
	}
	return matching, others
}

func verdict(r *rule, why string) Verdict {
	return Verdict{At: r.at.String(), Kind: r.kind(), Bank: r.bank, Prefix: r.prefix, Lengths: r.lengths, Why: why}
}

// lost says why a rule that matches did not win. longest is the matching rule
// with the longest prefix, winner nil for a refusal.
func lost(r, longest, winner *rule, reason Reason, chosen Bank) string {
	switch {
	case r.card && r != longest:
		return "shorter prefix than " + longest.at.String()
	case reason == BadAccount:
		return "the number's Luhn check digit is wrong"
	case reason == BankAmbiguous:
		return "shared, and no bank was chosen"
	case winner != nil && r.bank == winner.bank:
		return "shorter prefix than " + winner.at.String()
	}
	return "another bank than the chosen " + string(chosen)
}

// why says a refusal in words.
func why(number string, matching []*rule, reason Reason) string {
	switch {
	case !isDigits(number):
		return "not digits only"
	case !isAccount(number):
		return fmt.Sprintf("accounts have %d to %d digits", minDigits, maxDigits)
	case reason == BadAccount && len(matching) > 0:
		return "the Luhn check digit is wrong: mistyped?"
	case reason == BadAccount:
		return "cards of this BIN have another length"
	case reason == UnknownBIN:
		return "no rule for such a number"
	case reason == BankMismatch:
		return "the chosen bank has no such numbers"
	}
	return "several banks have such passbooks: the customer must choose"
}
