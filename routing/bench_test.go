package routing

import (
	"fmt"
	"strings"
	"testing"

	"wxswitch/codec"
)

// bins returns 10,000 prefixes of every length from 3 to 10 digits. They nest
// more than in a public table, of which 93 in 100 have six digits, so that a
// look-up has more to try.
func bins() []string {
	var bins []string
	for i := range 10_000 {
		deep := fmt.Sprintf("62%08d", i*9973)
		switch {
		case i < 8:
			bins = append(bins, "6210080012"[:3+i])
		case i%16 < 4: // 10, 9, 8 and 7 digits
			bins = append(bins, deep[:10-i%16])
		default:
			bins = append(bins, fmt.Sprintf("%06d", 300_000+i*7))
		}
	}
	return bins
}

func BenchmarkRoute10k(b *testing.B) {
	var file strings.Builder
	var accounts []codec.Account
	file.WriteString("cards:\n")
	for i, bin := range bins() {
		fmt.Fprintf(&file, "  - {bank: bank%d, prefix: %q, lengths: [%d]}\n", i%20, bin, 16+3*(i%2))
		if i%9 != 0 { // spread over the table
			continue
		}
		accounts = append(accounts, codec.NewAccount(withCheckDigit((bin + "0123456789012345")[:15+3*(i%2)])))
	}
	table, err := Parse("bench.yaml", []byte(file.String()), benchBanks())
	if err != nil {
		b.Fatal(err)
	}
	router := NewRouter(table)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := router.Route(accounts[i%len(accounts)], ""); err != nil {
			b.Fatal(err)
		}
	}
}

func benchBanks() []Bank {
	var banks []Bank
	for i := range 20 {
		banks = append(banks, Bank(fmt.Sprintf("bank%d", i)))
	}
	return banks
}

// withCheckDigit appends the digit that makes the number pass Luhn.
func withCheckDigit(number string) string {
	for d := byte('0'); d <= '9'; d++ {
		if luhn(number + string(d)) {
			return number + string(d)
		}
	}
	panic("no check digit")
}
