package codec_test

import (
	"math"
	"testing"
	"time"

	"wxswitch/codec"
)

func TestFieldNames(t *testing.T) {
	seen := 0
	for f := codec.FieldPAN; f <= codec.FieldText; f++ {
		if got, ok := codec.FieldNamed(f.String()); !ok || got != f {
			t.Errorf("%s: %v, %v", f, got, ok)
		}
		seen++
	}
	if _, ok := codec.FieldNamed("pam"); ok || codec.Field(200).String() != "field(200)" || seen < 20 {
		t.Error("a field of nobody has a name")
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{string(codec.NewSTAN(7)), "000007"},
		{string(codec.NewSTAN(1234567)), "1234567"},
		{string(codec.NewRRN(77)), "000000000077"},
		{string(codec.NewStamp(time.Date(2026, 11, 24, 20, 5, 9, 0, time.UTC))), "1125040509"},
		{codec.Amount(-1).String(), "-0.01"},
		{codec.Amount(123456).String(), "1234.56"},
		{codec.Amount(math.MinInt64).String(), "-92233720368547758.08"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	if n, ok := codec.NewRRN(77).Number(); !ok || n != 77 {
		t.Error(n, ok)
	}
	for _, other := range []codec.RRN{"", "77", "-00000000077", "00000000007A"} {
		if _, ok := other.Number(); ok {
			t.Errorf("%q is taken for ours", other)
		}
	}
}

// TestReplyEchoes: a reply names the exchange and the account, and nothing of
// what was asked.
func TestReplyEchoes(t *testing.T) {
	m := message()
	r := codec.NewReply(m, "05")
	if !r.Reply || r.Type != m.Type || r.Get(codec.FieldPAN) != pan || r.Get(codec.FieldSTAN) != "000123" || r.Get(codec.FieldCode) != "05" {
		t.Error(r)
	}
	if r.Has(codec.FieldCertNumber) || r.Has(codec.FieldHolder) || r.Raw != nil {
		t.Error("the reply repeats what was asked")
	}
}

func TestCatalogue(t *testing.T) {
	for _, class := range []codec.Class{codec.Enquiry, codec.Change, codec.Advice, codec.Network, codec.Inbound} {
		for _, typ := range codec.Types(class) {
			if typ.Class() != class {
				t.Errorf("%s: %v", typ, typ.Class())
			}
			if (typ.Doubt() != "") != (class == codec.Change) {
				t.Errorf("%s: doubt ends by %q", typ, typ.Doubt())
			}
		}
	}
	if codec.Type("loan").Class() != 0 {
		t.Error("a type of nobody has a class")
	}
}
