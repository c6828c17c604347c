package iso

import (
	"errors"
	"fmt"
	"strconv"

	"wxswitch/codec"
	"wxswitch/codec/frame"
)

// Reading is a message as people may see it: every field by number and name,
// masked. It may be printed, stored and shown.
type Reading struct {
	Dialect string     `json:"dialect"`
	Size    int        `json:"size"` // in bytes, unframed
	Header  []Line     `json:"header,omitempty"`
	MTI     string     `json:"mti,omitempty"`
	Type    codec.Type `json:"type,omitempty"`
	Kind    string     `json:"kind,omitempty"`    // request, repeat or reply
	Meaning string     `json:"meaning,omitempty"` // of a reply's code
	Fields  []Line     `json:"fields"`
	// Error is the first rule that the message breaks.
	Error string `json:"error,omitempty"`
}

// Line is one value of a Reading. Value is in brackets where only its shape may
// be seen.
type Line struct {
	Field string `json:"field,omitempty"` // "61", "48.HN"
	Name  string `json:"name"`
	Value string `json:"value"`
	Error string `json:"error,omitempty"`
}

// Describe reads a message for people, also one that breaks rules: what could
// be read stands beside the error. A prefix that frames the message is skipped; one
// with another length is the error.
//
// In a message whose structure is broken a secret may stand in any field, so
// that only the shape of values is shown, and what the dialect itself names.
// Fields that the dialect gives no meaning are never shown.
func Describe(d *Dialect, raw []byte) Reading {
	raw, misframed := d.unframed(raw)
	r := Reading{Dialect: d.name, Size: len(raw), Fields: []Line{}}
	var s scan
	broken := d.scan(raw, &s, maxField)
	if _, err := d.Unpack(raw); err != nil {
		r.Error = err.Error()
	}
	if misframed != nil { // what stands first is told first
		r.Error = misframed.Error()
	}
	v := viewer{d: d, sound: broken == nil, scratch: &codec.Message{}}
	r.Header = v.header(raw)
	if s.mti == nil {
		return r
	}
	r.MTI = string(raw[d.headerSize : d.headerSize+4])
	r.Kind = kindWord(s.mti)
	if k := d.kindOf(&s); k != nil {
		r.Type = k.t
	}
	for n := 2; n <= maxField; n++ {
		if s.has(n) && d.fields[n] != nil {
			r.Fields = append(r.Fields, v.field(d.fields[n], s.bytes(n))...)
		}
	}
	if code := v.scratch.Get(codec.FieldCode); s.mti.reply && v.sound && r.Type != "" {
		r.Meaning = d.Meaning(r.Type, code).String()
	}
	return r
}

// unframed takes a prefix off, if the message makes sense without it only. The error
// is that of a prefix which is not the message's.
func (d *Dialect) unframed(raw []byte) ([]byte, error) {
	if d.format.Prefix == 0 || len(raw) < d.format.Prefix || d.begins(raw) {
		return raw, nil
	}
	n, err := d.format.ReadLength(raw)
	body := raw[d.format.Prefix:]
	switch {
	case err == nil && n == len(raw):
		return body, nil
	case !d.begins(body):
		return raw, nil
	case err == nil:
		err = &frame.LengthError{Rule: fmt.Sprintf("of %d bytes with its prefix, where %d are", n, len(raw))}
	}
	return body, err
}

// begins reports whether a message of the dialect begins here.
func (d *Dialect) begins(raw []byte) bool {
	var s scan
	_ = d.scan(raw, &s, 1)
	return s.mti != nil
}

func kindWord(m *mti) string {
	switch {
	case m.reply:
		return "reply"
	case m.repeat:
		return "repeat"
	}
	return "request"
}

// viewer shows the fields of one message. sound says that each field is where
// the table has it; scratch takes values as they are read.
type viewer struct {
	d       *Dialect
	sound   bool
	scratch *codec.Message
}

func (v *viewer) header(raw []byte) []Line {
	if len(raw) < v.d.headerSize {
		return nil
	}
	var lines []Line
	for i := range v.d.header {
		p := &v.d.header[i]
		wire := string(raw[:p.max])
		raw = raw[p.max:]
		l := Line{Name: p.name, Value: shape(wire)}
		if wire == p.write[0] || wire == p.write[1] || p.length && classN.holds([]byte(wire)) {
			l.Value = legibleBytes(&p.slot, wire)
		}
		lines = append(lines, l)
	}
	return lines
}

// legibleBytes writes bytes in hexadecimal digits and text as it is.
func legibleBytes(s *slot, wire string) string {
	if s.class == classB || !classANS.holds([]byte(wire)) {
		return fmt.Sprintf("%X", wire)
	}
	return wire
}

func (v *viewer) field(f *wireField, raw []byte) []Line {
	number, wire := strconv.Itoa(f.number), string(raw)
	l := Line{Field: number, Name: f.name, Value: shape(wire)}
	if !v.sound {
		if v.named(f, wire) {
			l.Value = wire
		}
		return []Line{l}
	}
	err := f.check(raw)
	if err == nil {
		err = f.readInto(wire, v.scratch)
	}
	var rule *codec.FormatError
	switch {
	case errors.As(err, &rule):
		l.Error = rule.Error()
	case f.parts != nil:
		return v.parts(f, wire)
	case f.tlv != nil:
		return v.tags(f, wire)
	case f.balances != nil:
		return v.balances(f)
	case f.rows != nil:
		l.Value = fmt.Sprintf("(%d rows)", len(wire)/f.rows.size())
	default:
		l.Value = v.value(&f.slot, wire)
	}
	return []Line{l}
}

// named reports whether the value is one of the dialect's own: a constant, a
// type's code or network code, a response code.
func (v *viewer) named(f *wireField, wire string) bool {
	switch {
	case f.from == fromValue || f.from == fromFill:
		return wire == f.text
	case f.from == fromField && f.field == codec.FieldCode:
		return v.d.Meaning("", wire) != codec.Unmapped
	}
	for _, k := range v.d.kinds {
		if f.number == v.d.code && wire == k.code || f.from == fromNetwork && wire == k.network {
			return true
		}
	}
	return false
}

// value shows one value of a sound message that keeps its own rules.
func (v *viewer) value(s *slot, wire string) string {
	switch {
	case s.from == fromField:
		plain, err := s.plain(wire)
		if err != nil {
			return shape(wire)
		}
		return s.field.Mask(plain)
	case s.from == fromNowhere, s.from == fromFill && wire != s.text, s.from == fromCopy && !v.copied(s, wire):
		return shape(wire)
	}
	return legibleBytes(s, wire)
}

// copied reports whether the value is the copy that it should be, of a field that
// was read and may be seen: else a bank may have put anything there.
func (v *viewer) copied(s *slot, wire string) bool {
	value := s.value(v.scratch, nil)
	if value == "" || s.field.Mask("0000") != "0000" {
		return false
	}
	own, err := s.write(value)
	return err == nil && own == wire
}

func (v *viewer) parts(f *wireField, wire string) []Line {
	var lines []Line
	for i := range f.parts {
		p := &f.parts[i]
		lines = append(lines, Line{Field: strconv.Itoa(f.number), Name: p.name, Value: v.value(p, wire[:p.max])})
		wire = wire[p.max:]
	}
	return lines
}

func (v *viewer) tags(f *wireField, wire string) []Line {
	var lines []Line
	for wire = wire[len(f.tlv.usage):]; wire != ""; {
		id, value, rest, _ := f.tlv.next(wire)
		wire = rest
		l := Line{Field: strconv.Itoa(f.number), Name: "unknown tag", Value: shape(value)}
		if i := f.tlv.find(id); i >= 0 {
			g := &f.tlv.tags[i]
			l.Field += "." + id
			l.Name, l.Value = g.name, v.value(&g.slot, value)
		}
		lines = append(lines, l)
	}
	return lines
}

func (v *viewer) balances(f *wireField) []Line {
	var lines []Line
	for _, field := range balanceFields {
		if v.scratch.Has(field) {
			lines = append(lines, Line{strconv.Itoa(f.number), field.String(), v.scratch.Get(field), ""})
		}
	}
	return lines
}

// shape tells what a value looks like and nothing of what it says.
func shape(wire string) string {
	what := "bytes"
	switch {
	case classN.holds([]byte(wire)):
		what = "digits"
	case classANS.holds([]byte(wire)):
		what = "characters"
	}
	return fmt.Sprintf("(%d %s)", len(wire), what)
}
