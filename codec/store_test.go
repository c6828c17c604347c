package codec_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"wxswitch/codec"
)

func TestStoredFieldsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s codec.Fields
		for f := codec.FieldPAN; f <= codec.FieldEvent; f++ {
			s.Set(f, rapid.String().Draw(t, f.String()))
		}
		stored := s.AppendClear([]byte("before"))[6:]
		got, err := codec.ParseClear(stored)
		if err != nil || !got.Equal(&s) {
			t.Fatalf("%v, %v, want %v", got, err, s)
		}
		for n := range stored {
			if got, err := codec.ParseClear(stored[:n]); err == nil && got.Equal(&s) {
				t.Fatal("all fields from a part of the bytes")
			}
		}
	})
}

func TestStoredFieldsRefuseDamage(t *testing.T) {
	for _, damaged := range []string{"\x04sta", "\x04stan", "\x04stan\x06123", "\x04stan\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\xff"} {
		if _, err := codec.ParseClear([]byte(damaged)); !errors.Is(err, codec.ErrStored) {
			t.Errorf("%q: %v", damaged, err)
		}
	}
	got, err := codec.ParseClear([]byte("\x03new\x01x\x04stan\x06000123"))
	if err != nil || got.Get(codec.FieldSTAN) != "000123" {
		t.Error(got, err)
	}
	if all, err := codec.ParseClear(nil); err != nil || !all.Empty() {
		t.Error(all, err)
	}
}

func FuzzParseClear(f *testing.F) {
	m := message()
	f.Add(m.AppendClear(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := codec.ParseClear(b)
		if err != nil {
			return
		}
		if again, err := codec.ParseClear(s.AppendClear(nil)); err != nil || !again.Equal(&s) {
			t.Fatal(again, err)
		}
	})
}
