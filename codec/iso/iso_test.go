package iso

import (
	"testing"

	"wxswitch/codec"
)

func sample(t codec.Type) *codec.Message {
	m := codec.NewRequest(t)
	m.Set(codec.FieldPAN, "6210081234567890")
	m.Set(codec.FieldSTAN, "000123")
	m.Set(codec.FieldSent, "1124101010")
	m.Set(codec.FieldRRN, "000000000077")
	m.Set(codec.FieldAcquirer, "48980000")
	m.Set(codec.FieldForwarder, "48980000")
	m.Set(codec.FieldRemaining, "4500")
	return m
}

func TestSmoke(t *testing.T) {
	for _, name := range Builtins() {
		d, err := Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		m := sample(codec.Balance)
		raw, err := d.Pack(m)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%q", raw)
		h, err := d.Peek(raw)
		t.Logf("%+v %v", h, err)
		got, err := d.Unpack(raw)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(got)
		r := codec.NewReply(got, "00")
		r.Set(codec.FieldBalance, "-12345")
		r.Set(codec.FieldAvailable, "12345")
		r.Set(codec.FieldCurrency, "156")
		r.Set(codec.FieldHolder, "阿卜杜拉•艾买提𠮷")
		raw, err = d.Pack(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err = d.Unpack(raw)
		t.Log(got, err)
	}
}

func BenchmarkPack(b *testing.B) {
	d, _ := Builtin("cups")
	m := sample(codec.Balance)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Pack(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnpack(b *testing.B) {
	d, _ := Builtin("cups")
	raw, _ := d.Pack(sample(codec.Balance))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Unpack(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPeek(b *testing.B) {
	d, _ := Builtin("cups")
	raw, _ := d.Pack(sample(codec.Balance))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Peek(raw); err != nil {
			b.Fatal(err)
		}
	}
}
