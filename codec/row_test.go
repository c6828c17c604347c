package codec_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"wxswitch/codec"
)

func TestRowsAreReadAsWritten(t *testing.T) {
	rows := []codec.Row{
		{At: time.Date(2028, 2, 29, 23, 59, 59, 0, codec.Shanghai), Out: true, Amount: 3250, Balance: -1, Summary: "消费 𠮷野家"},
		{At: time.Date(2026, 1, 1, 0, 0, 0, 0, codec.Shanghai), Amount: 1, Balance: 0},
	}
	got, err := codec.ParseRows(codec.FormatRows(rows))
	if err != nil || !slices.Equal(got, rows) {
		t.Fatal(got, err)
	}
	got, err = codec.ParseRows(codec.FormatRows([]codec.Row{{At: rows[0].At, Summary: "a\tb\nc"}}))
	if err != nil || got[0].Summary != "a b c" {
		t.Fatal(got, err)
	}
}

func TestDamagedRowsAreRefused(t *testing.T) {
	for _, s := range []string{"x", "20260101000000\tin\t1\t2", "20260101000000\tup\t1\t2\t", "20261301000000\tin\t1\t2\t", "20260101000000\tin\t-1\t2\t", "20260101000000\tin\t1\t\t"} {
		_, err := codec.ParseRows(s)
		if !errors.Is(err, codec.ErrRows) {
			t.Errorf("%q: %v", s, err)
		}
	}
}
