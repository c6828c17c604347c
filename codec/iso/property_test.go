package iso_test

import (
	"strconv"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"wxswitch/codec"
	"wxswitch/codec/iso"
)

var (
	digits = func(least, most int) *rapid.Generator[string] {
		return rapid.StringOfN(rapid.RuneFrom([]rune("0123456789")), least, most, -1)
	}
	number = func(most int) *rapid.Generator[string] {
		return rapid.Map(rapid.IntRange(0, most), strconv.Itoa)
	}
	fen = rapid.Map(rapid.IntRange(-999_999_999_999, 999_999_999_999), strconv.Itoa)
	// letters has what GBK cannot hold, what needs four bytes, and what looks
	// like syntax of the wire.
	letters = rapid.RuneFrom([]rune("王阿卜·•𠮷𡃁ئەۇ鿿€ΑЯ가Az09 +=:|"))
	words   = rapid.StringOfN(letters, 1, 22, -1).Filter(func(s string) bool { return s[len(s)-1] != ' ' })
	stamps  = rapid.Custom(func(t *rapid.T) string {
		two := func(label string, from, to int) string {
			return strconv.Itoa(100 + rapid.IntRange(from, to).Draw(t, label))[1:]
		}
		return two("month", 1, 12) + two("day", 1, 31) + two("hour", 0, 23) + two("minute", 0, 59) + two("second", 0, 59)
	})
)

// message draws a valid message of any type and direction.
func message(t *rapid.T, d *iso.Dialect) *codec.Message {
	types := []codec.Type{
		codec.Authenticate, codec.Deregister, codec.Balance, codec.Reversal,
		codec.Completion, codec.SignOn, codec.Echo, codec.SignOff,
	}
	m := request(d, rapid.SampledFrom(types).Draw(t, "type"))
	set := func(f codec.Field, g *rapid.Generator[string]) { m.Set(f, g.Draw(t, f.String())) }
	set(codec.FieldSTAN, digits(6, 6))
	set(codec.FieldSent, stamps)
	m.Reply = rapid.Bool().Draw(t, "reply")
	if m.Reply {
		m.Set(codec.FieldCode, rapid.SampledFrom([]string{"00", "25", "51", "68", "A2", "zZ"}).Draw(t, "code"))
	}
	if m.Type.Class() == codec.Network {
		return m
	}
	m.Repeat = !m.Reply && m.Type.Class() == codec.Advice && rapid.Bool().Draw(t, "repeat")
	set(codec.FieldPAN, digits(12, 19))
	if rapid.Bool().Draw(t, "passbook") {
		m.Set(codec.FieldPAN, "")
		set(codec.FieldAccount, digits(1, 28))
	}
	set(codec.FieldRRN, rapid.StringMatching(`[0-9A-Za-z]{1,12}`))
	set(codec.FieldAcquirer, digits(1, 11))
	set(codec.FieldRemaining, number(99999999))
	if rapid.Bool().Draw(t, "optional") {
		set(codec.FieldHolder, words)
		set(codec.FieldText, words)
		set(codec.FieldAmount, number(999999999999))
		set(codec.FieldAuthCode, rapid.StringMatching(`[0-9A-Z]{1,6}`))
	}
	drawTypes(t, m, set)
	return m
}

// drawTypes adds what single types need.
func drawTypes(t *rapid.T, m *codec.Message, set func(codec.Field, *rapid.Generator[string])) {
	switch {
	case m.Type == codec.Authenticate && !m.Reply:
		set(codec.FieldCertType, rapid.SampledFrom([]string{"01", "02", "03", "99"}))
		set(codec.FieldCertNumber, rapid.StringMatching(`[0-9A-Z]{1,20}`))
	case m.Type == codec.Balance && m.Reply:
		set(codec.FieldBalance, fen)
		set(codec.FieldAvailable, fen)
		m.Set(codec.FieldCurrency, "156")
	case m.Type == codec.Reversal && !m.Reply:
		m.Set(codec.FieldOriginalMTI, "0100")
		set(codec.FieldOriginalSTAN, digits(6, 6))
		set(codec.FieldOriginalSent, stamps)
		if acquirer := m.Get(codec.FieldAcquirer); acquirer != "00000000000"[:len(acquirer)] {
			m.Set(codec.FieldOriginalAcquirer, acquirer)
		}
	}
}

// TestRoundTrip: what is packed is unpacked, and paired, as it was.
func TestRoundTrip(t *testing.T) {
	for _, name := range iso.Builtins() {
		d := builtin(t, name)
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			m := message(t, d)
			raw, err := d.Pack(m)
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.Unpack(raw)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Equal(&m.Fields) || got.Type != m.Type || got.Reply != m.Reply || got.Repeat != m.Repeat {
				t.Fatalf("got  %q\nwant %q", got.AppendClear(nil), m.AppendClear(nil))
			}
			h, err := d.Peek(raw)
			if err != nil || string(h.RRN) != m.Get(codec.FieldRRN) || h.Type != m.Type || h.Reply != m.Reply ||
				h.Pair.STAN != m.Get(codec.FieldSTAN) || h.Pair.Sent != m.Get(codec.FieldSent) ||
				h.Pair.ProcessingCode != m.Get(codec.FieldProcessingCode) {
				t.Fatal(h, err)
			}
		}))
	}
}

// TestSharedByGoroutines is for the race detector.
func TestSharedByGoroutines(t *testing.T) {
	d := builtin(t, "cups")
	m := authenticate(d)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				raw, err := d.Pack(m)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := d.Unpack(raw); err != nil || !got.Equal(&m.Fields) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
