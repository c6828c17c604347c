package vault

import (
	"strings"
	"testing"
)

func BenchmarkSeal(b *testing.B) {
	v, err := New()
	must(b, err)
	plain, context := make([]byte, 120), []byte("entry.asked 32700000001")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Seal(plain, context); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	v, err := New()
	must(b, err)
	sealed := seal(b, v, strings.Repeat("x", 120), "entry.asked 32700000001")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Open(sealed, []byte("entry.asked 32700000001")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIndex(b *testing.B) {
	v, err := New()
	must(b, err)
	b.ReportAllocs()
	for b.Loop() {
		v.Index("account", "6210081234567890")
	}
}

func BenchmarkHash(b *testing.B) {
	v, err := New()
	must(b, err)
	body := strings.Repeat("x", 300)
	b.ReportAllocs()
	for b.Loop() {
		v.Hash("body", body)
	}
}
