package iso

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestLibraryReadsTheSame: where scan accepts a message, whatever is in it, the
// library accepts it and finds the same values.
func TestLibraryReadsTheSame(t *testing.T) {
	for _, name := range Builtins() {
		d, err := Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			raw := drawWire(t, d)
			var s scan
			if err := d.scan(raw, &s, maxField); err != nil {
				t.Fatal(err)
			}
			k := newDesk(d)
			if err := k.message.Unpack(raw[d.headerSize:]); err != nil {
				t.Fatal(err)
			}
			for _, n := range k.numbers {
				content, err := k.values[n].Bytes()
				if s.bits.has(n) && (err != nil || !bytes.Equal(content, s.bytes(n))) {
					t.Fatalf("field %d: %q, %v, want %q", n, content, err, s.bytes(n))
				}
				if !s.bits.has(n) && k.values[n].wire != nil {
					t.Fatalf("field %d is not there, and was read", n)
				}
			}
		}))
	}
}

// drawWire draws a message of any fields of the dialect, of whole structure and
// any content.
func drawWire(t *rapid.T, d *Dialect) []byte {
	var bits bitset
	var content []byte
	fields := rapid.SliceOfNDistinct(rapid.SampledFrom(d.numbers), 0, len(d.numbers), rapid.ID).Draw(t, "fields")
	for _, n := range fields {
		bits.set(n)
	}
	for _, n := range d.numbers {
		if bits.has(n) {
			f := d.fields[n]
			body := rapid.SliceOfN(rapid.Byte(), f.min, f.max).Draw(t, f.name)
			content = append(appendNumber(content, len(body), f.digits), body...)
		}
	}
	mti := rapid.SampledFrom(slices.Sorted(maps.Keys(d.mtis))).Draw(t, "MTI")
	raw := append(make([]byte, d.headerSize), mti...)
	return append(d.appendBitmap(raw, bits), content...)
}

// appendBitmap appends one bitmap, or two where a field needs the second.
func (d *Dialect) appendBitmap(raw []byte, bits bitset) []byte {
	words := bits[:1]
	if bits[1] != 0 {
		bits.set(1)
		words = bits[:]
	}
	const digit = "0123456789ABCDEF"
	for _, w := range words {
		for shift := 60; shift >= 0; shift -= 4 {
			if d.hexBitmap {
				raw = append(raw, digit[w>>shift&15])
			} else if shift%8 == 0 {
				raw = append(raw, byte(w>>shift))
			}
		}
	}
	return raw
}
