package iso

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"wxswitch/codec"
	"wxswitch/codec/frame"
)

// compiler turns a file into a Dialect. Its steps stop at the first fault.
type compiler struct {
	f *file
	d *Dialect
	// placed is where each codec.Field stands.
	placed map[codec.Field]string
}

func compile(f *file) (*Dialect, error) {
	c := &compiler{f: f, d: &Dialect{name: f.Name}, placed: map[codec.Field]string{}}
	steps := []func() error{
		c.frame, c.fields, c.header, c.pairing, c.types, c.mtis, c.codes, c.advices,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	d := c.d
	d.desks = &sync.Pool{New: func() any { return newDesk(d) }}
	return c.d, nil
}

func bad(reason string, path ...string) error { return &fault{path, reason} }

// oneOf returns the index of v in names, or a fault that lists them.
func oneOf(v string, names []string, path ...string) (int, error) {
	if i := slices.Index(names, v); i >= 0 {
		return i, nil
	}
	return 0, bad(fmt.Sprintf("%q: one of %s", v, strings.Join(names, ", ")), path...)
}

func (c *compiler) frame() error {
	if c.f.Name == "" {
		return bad("name: missing", "name")
	}
	s := c.f.Frame
	if s == (frameSpec{}) {
		return bad("no frame, and no base that has one", "frame")
	}
	encoding, err := oneOf(s.Encoding, []string{"ascii", "binary", "bcd"}, "frame", "encoding")
	if err != nil {
		return err
	}
	c.d.format = frame.Format{
		Prefix: s.Prefix, Offset: s.Offset, Size: s.Size, Encoding: frame.Encoding(encoding),
		Adjust: s.Adjust, Max: s.Max, Idle: s.Idle,
	}
	if err := c.d.format.Validate(); err != nil {
		return bad("frame: "+err.Error(), "frame")
	}
	form, err := oneOf(c.f.Bitmap, []string{"binary", "hex"}, "bitmap")
	c.d.hexBitmap = form == 1
	return err
}

// fields compiles the table in order of number, so that the same file always
// gives the same fault.
func (c *compiler) fields() error {
	for _, n := range slices.Sorted(maps.Keys(c.f.Fields)) {
		path := []string{"fields", strconv.Itoa(n)}
		spec := c.f.Fields[n]
		if n < 2 || n > maxField || n == 65 {
			return bad("a field number of 2 to 128, not 65", path...)
		}
		if spec == nil {
			return bad("a field's definition is missing", path...)
		}
		f, err := c.field(n, spec, path)
		if err != nil {
			return err
		}
		c.d.fields[n] = f
		if f.from != fromNowhere || f.composite() {
			c.d.numbers = append(c.d.numbers, n)
		}
	}
	return nil
}

func (c *compiler) field(n int, spec *fieldSpec, path []string) (*wireField, error) {
	s, err := c.slot("F"+strconv.Itoa(n), &spec.One, path)
	if err != nil {
		return nil, err
	}
	f := &wireField{slot: s, number: n}
	inner := 0
	for _, set := range [...]bool{s.from != fromNowhere, spec.Parts != nil, spec.Balances != nil, spec.TLV != nil, spec.Rows != nil} {
		if set {
			inner++
		}
	}
	if inner > 1 {
		return nil, bad("one of is, value, fill, copy, parts, balances, tlv, rows", path...)
	}
	switch {
	case spec.Parts != nil:
		f.parts, err = c.parts(&s, spec.Parts, append(path, "parts"))
	case spec.Balances != nil:
		f.balances, err = c.balances(&s, spec.Balances, append(path, "balances"))
	case spec.TLV != nil:
		f.tlv, err = c.tlv(&s, spec.TLV, append(path, "tlv"))
	case spec.Rows != nil:
		f.rows, err = c.rows(&s, spec.Rows, append(path, "rows"))
	case n == networkField && s.from == fromNowhere:
		f.from = fromNetwork
	}
	return f, err
}

// slot compiles one value.
func (c *compiler) slot(label string, spec *partSpec, path []string) (slot, error) {
	if spec.Name == "" {
		return slot{}, bad("name: missing", path...)
	}
	form, err := parseFormat(spec.Format, spec.Min)
	if err != nil {
		return slot{}, bad(err.Error(), append(path, "format")...)
	}
	s := slot{name: spec.Name, label: label + " " + spec.Name, format: form, lengthRule: form.lengthRule()}
	if spec.Pad != "" {
		if spec.Pad != "zeros" || s.class != classN {
			return slot{}, bad("pad: zeros, and for format n only", append(path, "pad")...)
		}
		s.zeros = true
	}
	return s, c.source(&s, spec, path)
}

func (c *compiler) source(s *slot, spec *partSpec, path []string) error {
	set := 0
	for _, v := range []string{spec.Is, spec.Value, spec.Fill, spec.Copy} {
		if v != "" {
			set++
		}
	}
	switch {
	case set > 1:
		return bad("one of is, value, fill, copy", path...)
	case spec.From < 0 || spec.From > 0 && spec.Copy == "":
		return bad("from: with copy only", append(path, "from")...)
	case spec.Reply != "" && (spec.Value == "" || path[0] != "header"):
		return bad("reply: beside a header's value only", append(path, "reply")...)
	case spec.Words != nil && spec.Is == "":
		return bad("words: with is only", append(path, "words")...)
	case spec.Is != "":
		if err := c.is(s, spec.Is, append(slices.Clone(path), "is")); err != nil || spec.Words == nil {
			return err
		}
		return c.words(s, spec.Words, append(slices.Clone(path), "words"))
	case spec.Copy != "":
		f, ok := codec.FieldNamed(spec.Copy)
		if !ok {
			return bad(fmt.Sprintf("copy: no field %q", spec.Copy), append(path, "copy")...)
		}
		s.from, s.field, s.skip = fromCopy, f, spec.From
	case spec.Value != "":
		s.from = fromValue
		return s.constants(spec.Value, spec.Reply, append(path, "value"))
	case spec.Fill != "":
		s.from = fromFill
		return s.constants(spec.Fill, "", append(path, "fill"))
	}
	return nil
}

// constants sets what the slot says, and what it says in replies where that
// differs.
func (s *slot) constants(text, reply string, path []string) (err error) {
	if s.text, err = s.wired(text, path); err != nil {
		return err
	}
	s.other, err = s.wired(cmp.Or(reply, text), path)
	return err
}

// wired brings a constant into its form on the wire. Bytes are written in
// hexadecimal digits.
func (s *slot) wired(v string, path []string) (string, error) {
	if s.class == classB {
		b, err := hex.DecodeString(v)
		if err != nil {
			return "", bad("bytes are written in hexadecimal digits", path...)
		}
		v = string(b)
	}
	wire, err := s.write(v)
	if err != nil {
		return "", bad(err.Error(), path...)
	}
	return wire, nil
}

// place gives the field of the message to what has the label: it stands in one
// place only.
func (c *compiler) place(f codec.Field, label string, path []string) error {
	if c.placed[f] != "" {
		return bad(fmt.Sprintf("%s stands in %s already", f, c.placed[f]), path...)
	}
	c.placed[f] = label
	c.d.places |= 1 << f
	return nil
}

// is gives the slot to a field of the message.
func (c *compiler) is(s *slot, name string, path []string) error {
	f, ok := codec.FieldNamed(name)
	if !ok {
		return bad(fmt.Sprintf("is: no field %q", name), path...)
	}
	if err := c.place(f, s.label, path); err != nil {
		return err
	}
	s.from, s.field = fromField, f
	if s.zero() {
		if s.class != classN {
			return bad(name+": format n only", path...)
		}
		s.zeros = true
	}
	if f == codec.FieldCertType && c.f.CertTypes != nil {
		return c.words(s, c.f.CertTypes, []string{"cert-types"})
	}
	return nil
}

// words lets the slot translate between the centre's words and the bank's.
func (c *compiler) words(s *slot, words map[string]string, path []string) error {
	s.toWire, s.toCentre = words, map[string]string{}
	for _, centre := range slices.Sorted(maps.Keys(words)) {
		wire := words[centre]
		path := append(slices.Clone(path), centre)
		if centre == "" || s.fixed() && len(wire) != s.max || s.check([]byte(wire)) != nil {
			return bad(fmt.Sprintf("%q: as %s is written, %s, %s", wire, s.label, s.lengthRule, classRules[s.class]), path...)
		}
		if _, twice := s.toCentre[wire]; twice {
			return bad(fmt.Sprintf("%q stands for two kinds", wire), path...)
		}
		s.toCentre[wire] = centre
	}
	return nil
}

// header compiles the parts before the MTI. A part without a value is where
// the frame's length stands.
func (c *compiler) header() error {
	at, lengths := 0, 0
	for i := range c.f.Header {
		spec, path := &c.f.Header[i], []string{"header", strconv.Itoa(i)}
		s, err := c.slot("header", spec, path)
		if err != nil {
			return err
		}
		p := headerPart{slot: s, write: [2]string{s.text, s.other}}
		switch {
		case !s.fixed() || s.from != fromNowhere && s.from != fromValue && s.from != fromFill:
			return bad("a header's part has a fixed format, and value, fill or neither", path...)
		case s.from == fromNowhere:
			fr := c.d.format
			if fr.Prefix != 0 || fr.Offset != at || fr.Size != s.max {
				return bad("a part without a value must be where the frame's length stands", path...)
			}
			p.length, lengths = true, lengths+1
			p.write[0], p.write[1] = strings.Repeat("0", s.max), strings.Repeat("0", s.max)
		}
		at += s.max
		c.d.header = append(c.d.header, p)
	}
	if c.d.format.Prefix == 0 && lengths == 0 {
		return bad("frame: without a prefix, the header needs a part for the length", "frame")
	}
	c.d.headerSize = at
	return nil
}
