package routing

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"wxswitch/codec"
)

// The model: the rules as they stand, walked one by one.
type model []rule

// contradicts compares every two rules for every length.
func (m model) contradicts() bool {
	for i := range m {
		for j := range m[:i] {
			if slices.ContainsFunc(m[i].lengths, func(n int) bool { return slices.Contains(m[j].lengths, n) }) && clash(m[i], m[j]) {
				return true
			}
		}
	}
	return false
}

func clash(a, b rule) bool {
	overlap := strings.HasPrefix(a.prefix, b.prefix) || strings.HasPrefix(b.prefix, a.prefix)
	switch {
	case a.card && b.card:
		return a.prefix == b.prefix
	case a.card || b.card:
		return overlap
	case a.bank == b.bank:
		return a.prefix == b.prefix
	}
	return overlap && (!a.shared || !b.shared)
}

func (m model) route(number string, chosen Bank) (Target, Reason) {
	var best *rule
	banks := map[Bank]bool{}
	knownBIN := false
	for i := range m {
		r := &m[i]
		if !strings.HasPrefix(number, r.prefix) {
			continue
		}
		knownBIN = knownBIN || r.card
		if slices.Contains(r.lengths, len(number)) {
			banks[r.bank] = true
			if best == nil || len(r.prefix) > len(best.prefix) {
				best = r
			}
		}
	}
	switch {
	case best == nil && knownBIN:
		return Target{}, BadAccount
	case best == nil:
		return Target{}, UnknownBIN
	case best.card:
		banks = map[Bank]bool{best.bank: true}
	}
	switch {
	case best.luhn && withCheckDigit(number[:len(number)-1]) != number:
		return Target{}, BadAccount
	case chosen != "" && !banks[chosen]:
		return Target{}, BankMismatch
	case chosen != "":
		return Target{chosen, best.card}, ""
	case len(banks) > 1:
		return Target{}, BankAmbiguous
	}
	return Target{best.bank, best.card}, ""
}

// file writes the rules as a file.
func (m model) file() string {
	var cards, passbooks string
	for _, r := range m {
		if r.card {
			lengths := strings.ReplaceAll(fmt.Sprint(r.lengths), " ", ", ")
			cards += fmt.Sprintf("- {bank: %s, prefix: %q, lengths: %s, luhn: %v}\n", r.bank, r.prefix, lengths, r.luhn)
			continue
		}
		passbooks += fmt.Sprintf("- {bank: %s, prefix: %q, length: %d, shared: %v}\n", r.bank, r.prefix, r.lengths[0], r.shared)
	}
	if cards != "" {
		cards = "cards:\n" + cards
	}
	if passbooks != "" {
		passbooks = "passbooks:\n" + passbooks
	}
	return cards + passbooks
}

// Few digits, lengths and banks, so that rules nest and meet often.
var (
	lengths = rapid.SampledFrom([]int{16, 18, 19})
	banks   = rapid.SampledFrom(testBanks)
	cards   = rapid.Custom(func(t *rapid.T) rule {
		return rule{
			card: true, bank: banks.Draw(t, "bank"), luhn: rapid.Bool().Draw(t, "luhn"),
			prefix:  rapid.StringMatching(`[01]{3,10}`).Draw(t, "prefix"),
			lengths: rapid.SliceOfNDistinct(lengths, 1, 3, rapid.ID).Draw(t, "lengths"),
		}
	})
	passbooks = rapid.Custom(func(t *rapid.T) rule {
		return rule{
			bank: banks.Draw(t, "bank"), shared: rapid.IntRange(0, 3).Draw(t, "shared") > 0,
			prefix:  rapid.StringMatching(`|[2]{0,3}[01]{0,4}`).Draw(t, "prefix"),
			lengths: []int{rapid.SampledFrom([]int{15, 17, 18, 19}).Draw(t, "length")},
		}
	})
)

// TestModel: a file is refused just when two of its rules contradict each
// other; else every number goes where walking the rules says.
func TestModel(t *testing.T) {
	taken, routed := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		var m model
		for _, r := range rapid.SliceOfN(rapid.OneOf(cards, passbooks), 1, 20).Draw(t, "rules") {
			// Mostly files without contradictions: they say more.
			if next := append(slices.Clone(m), r); !next.contradicts() || rapid.IntRange(0, 9).Draw(t, "keep") == 0 {
				m = next
			}
		}
		if len(m) == 0 {
			return
		}
		table, err := Parse("t.yaml", []byte(m.file()), testBanks)
		if m.contradicts() != (err != nil) {
			t.Fatalf("contradicts: %v, but %v, of\n%s", m.contradicts(), err, m.file())
		}
		if err != nil {
			return
		}
		taken++
		for range 20 {
			routed += compare(t, m, table)
		}
	})
	if taken == 0 || routed == 0 {
		t.Errorf("%d files, %d numbers with a route: nothing was tried", taken, routed)
	}
}

func compare(t *rapid.T, m model, table *Table) int {
	prefix := rapid.SampledFrom(m).Draw(t, "rule").prefix
	length := rapid.SampledFrom([]int{15, 16, 17, 18, 19}).Draw(t, "length")
	number := (prefix + rapid.StringMatching(`[012]{19}`).Draw(t, "rest"))[:length]
	if rapid.Bool().Draw(t, "check digit") {
		number = withCheckDigit(number[:length-1])
	}
	chosen := rapid.SampledFrom(append([]Bank{"", "", ""}, testBanks...)).Draw(t, "chosen")
	want, reason := m.route(number, chosen)
	got, err := table.Route(codec.NewAccount(number), chosen)
	if reason == "" && (err != nil || got != want) || reason != "" && (err == nil || err.Error() != (&Refusal{reason}).Error()) {
		t.Fatalf("%s, chosen %q: got %v, %v, want %v, %q, of\n%s", number, chosen, got, err, want, reason, m.file())
	}
	e := table.Explain(codec.NewAccount(number), chosen)
	won := slices.IndexFunc(e.Rules, func(v Verdict) bool { return v.Won })
	if e.Bank != want.Bank || e.Reason != reason || (won == 0) != (reason == "") || won > 0 {
		t.Fatalf("explained as %s", e)
	}
	if reason == "" {
		return 1
	}
	return 0
}
