package iso_test

import (
	"testing"

	"wxswitch/codec"
)

func BenchmarkPack(b *testing.B) {
	d := builtin(b, "cups")
	m := request(d, codec.Balance)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Pack(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnpack(b *testing.B) {
	d := builtin(b, "cups")
	raw, err := d.Pack(request(d, codec.Balance))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Unpack(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPeek(b *testing.B) {
	d := builtin(b, "cups")
	raw, err := d.Pack(request(d, codec.Balance))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Peek(raw); err != nil {
			b.Fatal(err)
		}
	}
}
