package written

import (
	"math"
	"testing"
)

func TestMoney(t *testing.T) {
	for fen, want := range map[int64][2]string{
		0: {"¥0.00", "¥0.00"}, -5: {"-¥0.05", "-¥0.05"}, 3250: {"¥32.50", "¥32.50"}, 100_000: {"¥1000.00", "¥1,000.00"},
		-123_456_789: {"-¥1234567.89", "-¥1,234,567.89"}, math.MinInt64: {"-¥92233720368547758.08", "-¥92,233,720,368,547,758.08"},
	} {
		if got := [2]string{Money(fen, false), Money(fen, true)}; got != want {
			t.Errorf("%d: %q", fen, got)
		}
	}
}

func TestDistance(t *testing.T) {
	for metres, want := range map[int]string{0: "0米", 999: "999米", 1000: "1.0公里", 2860: "2.9公里"} {
		if got := Distance(metres); got != want {
			t.Errorf("%d: %q", metres, got)
		}
	}
}
