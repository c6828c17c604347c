package api

import (
	"bytes"
	"encoding/json"
	"math/bits"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// shape is what a body may look like: an object of strings and further objects.
// It is read off the generated type once, so that the two cannot drift apart.
type shape struct {
	names    []string
	nested   []*shape // nil for a string
	required uint64   // a bit for each that must be there
}

// shapeOf returns the shape of a struct type whose fields are strings, structs,
// or pointers to structs; what may be left out is omitempty.
func shapeOf(t reflect.Type) *shape {
	s := &shape{}
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if options == "" {
			s.required |= 1 << len(s.names)
		}
		field := f.Type
		if field.Kind() == reflect.Pointer {
			field = field.Elem()
		}
		var nested *shape
		if field.Kind() == reflect.Struct {
			nested = shapeOf(field)
		}
		s.names, s.nested = append(s.names, name), append(s.nested, nested)
	}
	return s
}

// read refuses a body that is not exactly one JSON object of the shape (RFC
// 8259): UTF-8, no unknown, repeated or missing field, no other type, nothing after it.
// It never recurses deeper than the shape. What it accepts it stores in into, a
// zero struct of the shape's type, as encoding/json would; the zero Value is for
// checking only.
func (s *shape) read(body []byte, into reflect.Value) *refusal {
	if !utf8.Valid(body) {
		return refuseField("", "not UTF-8")
	}
	p := parser{rest: body}
	if r := p.object(s, "", into); r != nil {
		return r
	}
	p.blanks()
	if len(p.rest) > 0 {
		return refuseField("", "something follows the object")
	}
	return nil
}

// parser reads JSON from the front of rest.
type parser struct{ rest []byte }

const malformed = "not JSON"

func (p *parser) blanks() {
	for len(p.rest) > 0 && strings.IndexByte(" \t\r\n", p.rest[0]) >= 0 {
		p.rest = p.rest[1:]
	}
}

// take reads c, after blanks, if it comes next.
func (p *parser) take(c byte) bool {
	p.blanks()
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *parser) object(s *shape, pointer string, into reflect.Value) *refusal {
	if !p.take('{') {
		return p.wrongType(pointer, "must be an object")
	}
	if p.take('}') {
		return s.missing(0, pointer)
	}
	var seen uint64
	for {
		i, r := p.name(s, pointer)
		if r != nil {
			return r
		}
		if seen&(1<<i) != 0 {
			return refuseField(pointer+"/"+s.names[i], "stands twice")
		}
		seen |= 1 << i
		if r := p.value(s, i, pointer, into); r != nil {
			return r
		}
		if p.take('}') {
			return s.missing(seen, pointer)
		}
		if !p.take(',') {
			return refuseField(pointer+"/"+s.names[i], malformed)
		}
	}
}

// missing refuses an object without a field that it must have: to leave one out
// is not to say that it is empty.
func (s *shape) missing(seen uint64, pointer string) *refusal {
	left := s.required &^ seen
	if left == 0 {
		return nil
	}
	return refuseField(pointer+"/"+s.names[bits.TrailingZeros64(left)], "required")
}

// name reads a field's name and the colon, and returns its place in the shape.
func (p *parser) name(s *shape, pointer string) (int, *refusal) {
	p.blanks()
	name, ok := p.text()
	if !ok || !p.take(':') {
		return 0, refuseField(pointer, malformed)
	}
	for i, known := range s.names {
		if string(name) == known {
			return i, nil
		}
	}
	if isPlain(name) {
		pointer += "/" + string(name)
	}
	return 0, refuseField(pointer, "unknown field")
}

// isPlain reports whether an unknown field's name may be shown: not one that
// could be somebody's number.
func isPlain(name []byte) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return len(name) > 0 && len(name) <= 32
}

// value reads the value of the shape's field i into into's.
func (p *parser) value(s *shape, i int, pointer string, into reflect.Value) *refusal {
	if into.IsValid() {
		into = into.Field(i)
	}
	if nested := s.nested[i]; nested != nil {
		return p.object(nested, pointer+"/"+s.names[i], pointed(into))
	}
	p.blanks()
	if len(p.rest) == 0 || p.rest[0] != '"' {
		return p.wrongType(pointer+"/"+s.names[i], "must be a string")
	}
	text, ok := p.text()
	if !ok {
		return refuseField(pointer+"/"+s.names[i], "not a JSON string")
	}
	if into.IsValid() {
		into.SetString(unescape(text))
	}
	return nil
}

// pointed is what a field of a struct type holds, itself or behind a pointer
// that is then set.
func pointed(v reflect.Value) reflect.Value {
	if !v.IsValid() || v.Kind() != reflect.Pointer {
		return v
	}
	v.Set(reflect.New(v.Type().Elem()))
	return v.Elem()
}

// unescape returns what text, which is good, says.
func unescape(text []byte) string {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text)
	}
	var s string
	_ = json.Unmarshal(slices.Concat([]byte{'"'}, text, []byte{'"'}), &s)
	return s
}

// wrongType tells a value of another type from what is no value.
func (p *parser) wrongType(pointer, rule string) *refusal {
	if len(p.rest) == 0 || strings.IndexByte("{[\"-0123456789tfn", p.rest[0]) < 0 {
		rule = malformed
	}
	return refuseField(pointer, rule)
}

// text reads a JSON string and returns what stands between its quotes, escapes
// as they are.
func (p *parser) text() ([]byte, bool) {
	b := p.rest
	if len(b) == 0 || b[0] != '"' {
		return nil, false
	}
	for i := 1; i < len(b); i++ {
		switch {
		case b[i] == '"':
			p.rest = b[i+1:]
			return b[1:i], true
		case b[i] < ' ':
			return nil, false
		case b[i] == '\\':
			n := escape(b[i:])
			if n == 0 {
				return nil, false
			}
			i += n - 1
		}
	}
	return nil, false
}

// escape returns the length of the escape that b begins with, 0 for a wrong
// one. A surrogate must have its other half (RFC 8259 section 7).
func escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	if b[1] != 'u' {
		if strings.IndexByte(`"\/bfnrt`, b[1]) < 0 {
			return 0
		}
		return 2
	}
	switch unit, ok := codeUnit(b); {
	case !ok || unit >= 0xDC00 && unit <= 0xDFFF:
		return 0
	case unit < 0xD800 || unit > 0xDFFF:
		return 6
	}
	if low, ok := codeUnit(b[6:]); !ok || low < 0xDC00 || low > 0xDFFF {
		return 0
	}
	return 12
}

// codeUnit reads \uXXXX.
func codeUnit(b []byte) (unit uint32, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		d := strings.IndexByte("0123456789abcdef", c|0x20)
		if d < 0 || c < '0' {
			return 0, false
		}
		unit = unit<<4 | uint32(d) //nolint:gosec // 0…15
	}
	return unit, true
}
