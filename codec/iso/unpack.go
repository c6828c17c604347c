package iso

import (
	"strings"

	"wxswitch/codec"
)

// Unpack reads the whole message strictly. The message keeps raw.
func (d *Dialect) Unpack(raw []byte) (*codec.Message, error) {
	var s scan
	if err := d.scan(raw, &s, maxField); err != nil {
		return nil, err
	}
	if err := d.readHeader(raw); err != nil {
		return nil, err
	}
	k := d.kindOf(&s)
	if k == nil {
		return nil, d.untold(&s)
	}
	m := &codec.Message{Type: k.t, Reply: s.mti.reply, Repeat: s.mti.repeat, Raw: raw}
	if err := d.readValues(&s, m); err != nil {
		return nil, err
	}
	if err := d.complete(k, m, &s.bits); err != nil {
		return nil, err
	}
	return m, nil
}

// Salvage reads what it can of a message that Unpack refuses: the plain fields
// that are whole and good. They serve to answer it, never to act on it.
func (d *Dialect) Salvage(raw []byte) codec.Fields {
	var s scan
	_ = d.scan(raw, &s, maxField) // how far it came stands in s
	var m codec.Message
	for n := 2; n <= s.read; n++ {
		f := d.fields[n]
		if s.has(n) && !f.composite() && f.check(s.bytes(n)) == nil {
			_ = f.read(string(s.bytes(n)), &m)
		}
	}
	return m.Fields
}

// untold says why the type cannot be told.
func (d *Dialect) untold(s *scan) error {
	if s.mti.network {
		return &codec.FormatError{Field: "F70", Rule: "a code that the dialect names"}
	}
	return d.fields[d.code].fail("a code that the dialect names for this MTI")
}

// readValues reads the values where scan found them. The library, which would
// find them in the same places, is not asked: tests hold it against scan.
func (d *Dialect) readValues(s *scan, m *codec.Message) error {
	all := string(s.raw) // one allocation for all values
	for n := 2; n <= maxField; n++ {
		if !s.bits.has(n) {
			continue
		}
		f, at := d.fields[n], s.span[n]
		if err := f.check(s.bytes(n)); err != nil {
			return err
		}
		if err := f.readInto(all[at.at:at.end], m); err != nil {
			return err
		}
		if f.saysNothing(m) {
			s.bits.unset(n) // as good as absent
		}
	}
	d.restoreZeros(m)
	return nil
}

// restoreZeros gives F90's acquirer, from which leading zeros were taken, the
// spelling of F32 where they are the same number.
func (d *Dialect) restoreZeros(m *codec.Message) {
	acquirer := m.Get(codec.FieldAcquirer)
	if original := m.Get(codec.FieldOriginalAcquirer); original != "" && strings.TrimLeft(acquirer, "0") == original {
		m.Set(codec.FieldOriginalAcquirer, acquirer)
	}
}

// headerPart is one part of the header before the MTI.
type headerPart struct {
	slot
	write  [2]string // in requests, in replies
	length bool      // where the frame's length stands
}

func (d *Dialect) readHeader(raw []byte) error {
	if d.format.Prefix == 0 {
		if n, err := d.format.ReadLength(raw); err != nil || n != len(raw) {
			return &codec.FormatError{Field: "header", Rule: "the message's own length"}
		}
	}
	at := 0
	for i := range d.header {
		p := &d.header[i]
		wire := raw[at : at+p.max]
		at += p.max
		if p.length || p.from == fromFill && p.class.holds(wire) {
			continue
		}
		if string(wire) != p.write[0] && string(wire) != p.write[1] {
			return p.fail("the dialect's own value")
		}
	}
	return nil
}
