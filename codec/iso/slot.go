package iso

import (
	"strings"

	"wxswitch/codec"
)

// source is where a slot's value comes from.
type source uint8

const (
	fromNowhere source = iota // never written; read and forgotten
	fromField                 // the message's field
	fromValue                 // a constant, which must also be read
	fromFill                  // a constant that is written; anything may be read
	fromCopy                  // a piece of another field; anything may be read
	fromNetwork               // F70: the type's network code
)

// slot is one value on the wire: a whole field, a part of one, a TLV tag's or
// a part of the header.
type slot struct {
	name, label string
	format
	from  source
	field codec.Field // of fromField and fromCopy
	skip  int         // of fromCopy: characters left out at its start
	text  string      // of fromValue and fromFill, as on the wire
	other string      // of fromValue in the header: what replies say, where it differs
	zeros bool        // numbers: leading zeros fill it, and are not part of the value
	// toWire and toCentre translate between the centre's words and the bank's.
	toWire, toCentre map[string]string

	lengthRule string
}

func (s *slot) fail(rule string) error { return &codec.FormatError{Field: s.label, Rule: rule} }

// constant reports whether a message of ours needs no field for the slot.
func (s *slot) constant() bool { return s.from > fromField }

// value returns what m says in this slot; empty for nothing.
func (s *slot) value(m *codec.Message, k *kind) string {
	switch s.from {
	case fromField:
		return m.Get(s.field)
	case fromCopy:
		v := m.Get(s.field)
		if len(v) < s.skip {
			return ""
		}
		return v[s.skip:min(len(v), s.skip+s.max)]
	case fromNetwork:
		return k.network
	case fromNowhere, fromValue, fromFill:
	}
	return ""
}

// append writes the slot's value without a length; present is false, and
// nothing written, where there is none.
func (s *slot) append(dst []byte, m *codec.Message, k *kind) (out []byte, present bool, err error) {
	if s.from == fromValue || s.from == fromFill {
		return append(dst, s.text...), true, nil
	}
	v := s.value(m, k)
	if v == "" {
		return dst, false, nil
	}
	wire, err := s.write(v)
	return append(dst, wire...), true, err
}

// write turns a value as people write it into the wire's, padded, or says
// which rule it breaks.
func (s *slot) write(v string) (string, error) {
	if s.toWire != nil {
		var known bool
		if v, known = s.toWire[v]; !known {
			return "", s.fail("a kind that the dialect names")
		}
	}
	var err error
	if s.class == classGB {
		if v, err = s.encode(v); err != nil {
			return "", err
		}
	}
	if s.fixed() || s.zeros {
		if v, err = s.pad(v); err != nil {
			return "", err
		}
	}
	if err = s.check([]byte(v)); err != nil {
		return "", err
	}
	return v, s.checkTime(v)
}

// encode turns text into GB 18030. A bank's words are cut where they are too long.
func (s *slot) encode(v string) (string, error) {
	if s.field == codec.FieldText && s.from == fromField {
		v = cutText(v, s.max)
		if s.fixed() { // what is cut off may have stood behind a blank
			v = strings.TrimRight(v, " ")
		}
		if v == "" {
			return "", s.fail(s.lengthRule)
		}
	}
	wire, ok := encodeText(v)
	if !ok {
		return "", s.fail(badText)
	}
	return wire, nil
}

// checkTime checks a time, in either direction.
func (s *slot) checkTime(v string) error {
	if s.from != fromField {
		return nil
	}
	if isStamp(s.field) && !validStamp(v) {
		return s.fail(stampRule)
	}
	if isMoment(s.field) {
		if _, ok := codec.Moment(v).Time(); !ok {
			return s.fail("a date and time of day")
		}
	}
	return nil
}

// pad fills a fixed slot: numbers from the left where the slot says so, text
// from the right. What could not be told from padding is refused.
func (s *slot) pad(v string) (string, error) {
	if s.zeros {
		if v[0] == '0' && len(v) > 1 && s.zero() {
			return "", s.fail("no leading zeros")
		}
		if s.fixed() && len(v) < s.max {
			v = strings.Repeat("0", s.max-len(v)) + v
		}
		return v, nil
	}
	if s.class == classN || s.class == classB || len(v) >= s.max {
		return v, nil
	}
	if v[len(v)-1] == ' ' {
		return "", s.fail("no space at the end")
	}
	return v + strings.Repeat(" ", s.max-len(v)), nil
}

// zero reports whether 0 is a value of the field, and not the lack of one. Such
// a number has one spelling; an institution's number may have leading zeros,
// which Unpack restores from F32.
func (s *slot) zero() bool {
	return s.field == codec.FieldAmount || s.field == codec.FieldRemaining
}

// check applies length and class to a value on the wire.
func (s *slot) check(wire []byte) error {
	if len(wire) < s.min || len(wire) > s.max {
		return s.fail(s.lengthRule)
	}
	if !s.class.holds(wire) && !s.blank(wire) {
		return s.fail(classRules[s.class])
	}
	return nil
}

// blank allows the spaces that fill a fixed slot of letters and digits.
func (s *slot) blank(wire []byte) bool {
	if !s.fixed() || s.class != classA && s.class != classAN {
		return false
	}
	text := strings.TrimRight(string(wire), " ")
	return s.class.holds([]byte(text))
}

// read turns a value on the wire, already checked, into the message's.
func (s *slot) read(wire string, m *codec.Message) error {
	if s.from == fromField {
		v, err := s.plain(wire)
		if err == nil {
			m.Set(s.field, v)
		}
		return err
	}
	if s.from == fromValue && wire != s.text {
		return s.fail("the dialect's own value")
	}
	if s.class == classGB {
		if _, ok := decodeText(wire); !ok {
			return s.fail(badText)
		}
	}
	return nil
}

// plain takes padding and the bank's spelling off.
func (s *slot) plain(wire string) (string, error) {
	v := wire
	switch {
	case s.zeros:
		v = strings.TrimLeft(wire, "0")
		if v == "" && s.zero() {
			v = "0"
		}
	case s.class == classGB:
		text, ok := decodeText(wire)
		if !ok {
			return "", s.fail(badText)
		}
		v = text
	}
	if s.fixed() && s.class != classN && s.class != classB {
		v = strings.TrimRight(v, " ")
	}
	if err := s.checkTime(v); err != nil {
		return "", err
	}
	if s.toCentre != nil {
		kind, ok := s.toCentre[v]
		if !ok {
			return "", s.fail("a kind that the dialect names")
		}
		v = kind
	}
	return v, nil
}

const stampRule = "a month, day and time of day"

func isStamp(f codec.Field) bool { return f == codec.FieldSent || f == codec.FieldOriginalSent }

func isMoment(f codec.Field) bool {
	return f == codec.FieldFrom || f == codec.FieldTo || f == codec.FieldMoved
}

// validStamp reports whether v is MMDDhhmmss.
func validStamp(v string) bool {
	if len(v) != 10 {
		return false
	}
	b := []byte(v)
	month, day := readLength(b, 2), readLength(b[2:], 2)
	return month >= 1 && month <= 12 && day >= 1 && day <= 31 &&
		readLength(b[4:], 2) >= 0 && readLength(b[4:], 2) < 24 &&
		readLength(b[6:], 2) >= 0 && readLength(b[6:], 2) < 60 &&
		readLength(b[8:], 2) >= 0 && readLength(b[8:], 2) < 60
}
