package routing

import (
	"fmt"
	"slices"
	"strings"

	"wxswitch/routing/strict"
)

// The lengths of numbers, in digits. Cards have up to 19 (ISO/IEC 7812-1), a
// passbook must fit F102 (28). BINs of 3 to 10 digits are in use.
const (
	minCard, maxCard     = 12, 19
	minDigits, maxDigits = 8, 28
	minBIN, maxPrefix    = 3, 10
	// minOpen is how many digits a prefix leaves open, so that no rule is the
	// number of one person.
	minOpen = 6
)

// rule is one entry of the file.
type rule struct {
	at      strict.Place
	card    bool
	bank    Bank
	prefix  string
	lengths []int // one for a passbook; none if the rule could not be read
	luhn    bool
	shared  bool
}

func (r *rule) kind() string {
	if r.card {
		return "card"
	}
	return "passbook"
}

// String names the rule in messages.
func (r *rule) String() string { return fmt.Sprintf("%s %q of %s", r.kind(), r.prefix, r.bank) }

// claim is a rule for one of its lengths.
type claim struct {
	*rule
	length int
}

func claimsOf(rules []rule) []claim {
	var claims []claim
	for i := range rules {
		for _, length := range rules[i].lengths {
			claims = append(claims, claim{&rules[i], length})
		}
	}
	return claims
}

// contradictions reports every pair of rules that one number could match and
// that do not say which of them it then belongs to.
func (p *reader) contradictions(rules []rule) {
	claims := claimsOf(rules)
	// Sorted so, what begins with a prefix stands right behind it.
	slices.SortStableFunc(claims, func(a, b claim) int {
		if a.length != b.length {
			return a.length - b.length
		}
		return strings.Compare(a.prefix, b.prefix)
	})
	for i, a := range claims {
		for _, b := range claims[i+1:] {
			if p.Full() || a.length != b.length || !strings.HasPrefix(b.prefix, a.prefix) {
				break
			}
			p.compare(a, b)
		}
	}
}

func (p *reader) compare(a, b claim) {
	first, second := a, b
	if b.at.Line < a.at.Line || b.at.Line == a.at.Line && b.at.Column < a.at.Column {
		first, second = b, a
	}
	if why := contradiction(a, b); why != "" {
		p.Report(second.at, "%s: "+why, second.rule, a.length, first.rule, first.at)
	}
}

// contradiction returns a format for the length, the earlier rule and its
// place, or nothing where the two can stand beside one another. The prefix of
// b begins with that of a; the lengths are equal.
func contradiction(a, b claim) string {
	switch {
	case a.card != b.card:
		return "numbers of %d digits could also be of %s at %s; cards and passbooks must not overlap"
	case a.prefix == b.prefix && (a.card || a.bank == b.bank):
		return "prefix and length %d are taken by %s at %s"
	case a.card || a.bank == b.bank || a.shared && b.shared:
		return ""
	}
	return "numbers of %d digits could also be of %s at %s; mark both shared: true if customers must choose the bank"
}

// luhn reports whether the last digit is the check digit of the others
// (ISO/IEC 7812-1 annex B).
func luhn(number string) bool {
	sum, i := 0, len(number)-1
	for ; i > 0; i -= 2 {
		sum += int(number[i]-'0') + doubled[number[i-1]-'0']
	}
	if i == 0 {
		sum += int(number[0] - '0')
	}
	return sum%10 == 0
}

// doubled has the sum of the digits of twice a digit.
var doubled = [10]int{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// isAccount reports whether the number could be an account at all.
func isAccount(number string) bool {
	return len(number) >= minDigits && len(number) <= maxDigits && isDigits(number)
}
