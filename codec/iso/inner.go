package iso

import (
	"slices"
	"strconv"
	"strings"

	"wxswitch/codec"
)

// wireField is one numbered field of the dialect. At most one of parts,
// balances, tlv and rows is set; a plain field has none.
type wireField struct {
	slot
	number   int
	parts    []slot
	balances *balances
	tlv      *tlv
	rows     *rows
}

// composite reports whether the field has values inside.
func (f *wireField) composite() bool {
	return f.parts != nil || f.balances != nil || f.tlv != nil || f.rows != nil
}

// appendTo writes the field's content without its length. wanted says that the
// type lists the field: only then are constants written.
func (f *wireField) appendTo(dst []byte, m *codec.Message, k *kind, wanted bool) ([]byte, bool, error) {
	if !wanted && f.constant() {
		return dst, false, nil
	}
	if !f.composite() {
		return f.append(dst, m, k) // checks
	}
	start := len(dst)
	out, present, err := f.appendInner(dst, m, k, wanted)
	if err != nil || !present {
		return dst, false, err
	}
	return out, true, f.check(out[start:])
}

func (f *wireField) appendInner(dst []byte, m *codec.Message, k *kind, wanted bool) ([]byte, bool, error) {
	switch {
	case f.parts != nil:
		return f.appendParts(dst, m, k)
	case f.balances != nil:
		return f.balances.append(dst, m, &f.slot)
	case f.rows != nil:
		return f.rows.append(dst, m, &f.slot)
	}
	return f.tlv.append(dst, m, k, wanted)
}

// readInto reads the field's content, already checked, into m.
func (f *wireField) readInto(wire string, m *codec.Message) error {
	switch {
	case f.parts != nil:
		return f.readParts(wire, m)
	case f.balances != nil:
		return f.balances.read(wire, m, &f.slot)
	case f.tlv != nil:
		return f.tlv.read(wire, m, &f.slot)
	case f.rows != nil:
		return f.rows.read(wire, m, &f.slot)
	}
	return f.read(wire, m)
}

// saysNothing reports whether the field, which was read into m, is all padding,
// or has only balances of kinds that nobody asked for.
func (f *wireField) saysNothing(m *codec.Message) bool {
	if f.balances != nil {
		return !m.Has(codec.FieldBalance) && !m.Has(codec.FieldAvailable)
	}
	return f.from == fromField && !m.Has(f.field)
}

// appendParts writes all parts where the message has a value for any; a part
// that is then missing is an error, but for numbers that zeros may stand for.
func (f *wireField) appendParts(dst []byte, m *codec.Message, k *kind) ([]byte, bool, error) {
	some := false
	for i := range f.parts {
		p := &f.parts[i]
		some = some || p.from == fromField && m.Has(p.field)
	}
	if !some {
		return dst, false, nil
	}
	for i := range f.parts {
		p := &f.parts[i]
		out, present, err := p.append(dst, m, k)
		switch {
		case err != nil:
			return dst, false, err
		case !present && p.zeros:
			out = append(dst, strings.Repeat("0", p.max)...)
		case !present:
			return dst, false, p.fail("missing")
		}
		dst = out
	}
	return dst, true, nil
}

func (f *wireField) readParts(wire string, m *codec.Message) error {
	for i := range f.parts {
		p := &f.parts[i]
		if len(wire) < p.max {
			return p.fail("missing")
		}
		if err := p.check([]byte(wire[:p.max])); err != nil {
			return err
		}
		if err := p.read(wire[:p.max], m); err != nil {
			return err
		}
		if p.from == fromField && !p.zeros && !m.Has(p.field) {
			return p.fail("missing")
		}
		wire = wire[p.max:]
	}
	if wire != "" {
		return f.fail("bytes after the last part")
	}
	return nil
}

// balances is F54: rows of account type 2, balance type 2, currency 3, sign 1
// (C or D), amount 12 (ISO 8583:1987, additional amounts). currency is the only one
// that is taken, if any is named.
type balances struct{ account, currency, ledger, available string }

const (
	balanceRow    = 20
	maxBalance    = 999_999_999_999
	balanceRule   = "an integer of fen, at most 12 digits"
	balanceRowFmt = "rows of account type, balance type, currency, C or D, 12 digits"
)

var balanceFields = [...]codec.Field{codec.FieldBalance, codec.FieldAvailable, codec.FieldCurrency}

func (b *balances) append(dst []byte, m *codec.Message, s *slot) ([]byte, bool, error) {
	start := len(dst)
	for _, row := range [...]struct {
		kind  string
		field codec.Field
	}{{b.ledger, codec.FieldBalance}, {b.available, codec.FieldAvailable}} {
		v := m.Get(row.field)
		if v == "" {
			continue
		}
		n, err := strconv.Atoi(v)
		if err != nil || strconv.Itoa(n) != v || n > maxBalance || n < -maxBalance {
			return dst, false, s.fail(balanceRule)
		}
		currency := m.Get(codec.FieldCurrency)
		if !isCurrency(currency) {
			return dst, false, s.fail("a balance needs a currency of 3 digits")
		}
		if b.another(currency) {
			return dst, false, s.fail("a balance in " + b.currency)
		}
		dst = append(append(append(dst, b.account...), row.kind...), currency...)
		dst = append(dst, sign(n))
		dst = appendNumber(dst, max(n, -n), 12)
	}
	if len(dst) == start && m.Has(codec.FieldCurrency) {
		return dst, false, s.fail("a currency needs a balance")
	}
	return dst, len(dst) > start, nil
}

func isCurrency(s string) bool { return len(s) == 3 && classN.holds([]byte(s)) }

func (b *balances) another(currency string) bool { return b.currency != "" && currency != b.currency }

func sign(n int) byte {
	if n < 0 {
		return 'D'
	}
	return 'C'
}

// read takes the two balances it knows; rows of other kinds and currencies are
// checked only.
func (b *balances) read(wire string, m *codec.Message, s *slot) error {
	if len(wire)%balanceRow != 0 {
		return s.fail(balanceRowFmt)
	}
	for ; wire != ""; wire = wire[balanceRow:] {
		amount := readLength([]byte(wire[8:]), 12)
		currency := wire[4:7]
		if amount < 0 || !isCurrency(currency) || wire[7] != 'C' && wire[7] != 'D' {
			return s.fail(balanceRowFmt)
		}
		if wire[7] == 'D' {
			amount = -amount
		}
		var field codec.Field
		switch account, kind := wire[:2], wire[2:4]; {
		case account != b.account, b.another(currency):
			continue
		case kind == b.ledger:
			field = codec.FieldBalance
		case kind == b.available:
			field = codec.FieldAvailable
		default:
			continue
		}
		if m.Has(field) {
			return s.fail("each balance once")
		}
		if m.Has(codec.FieldCurrency) && m.Get(codec.FieldCurrency) != currency {
			return s.fail("one currency")
		}
		m.Set(field, strconv.Itoa(amount))
		m.Set(codec.FieldCurrency, currency)
	}
	return nil
}

// tlv is a field of tags, each with its length in ASCII digits, after an
// optional constant (the usage of CUPS' F48, such as AS).
type tlv struct {
	usage         string
	tag, digits   int
	tags          []tag // in the order they are written
	ignoreUnknown bool
}

type tag struct {
	slot
	id string
}

func (t *tlv) append(dst []byte, m *codec.Message, k *kind, wanted bool) ([]byte, bool, error) {
	dst = append(dst, t.usage...)
	some := false
	for i := range t.tags {
		g := &t.tags[i]
		if g.constant() && !wanted {
			continue
		}
		head := len(dst)
		out := append(dst, g.id...)
		out = appendNumber(out, 0, t.digits)
		body := len(out)
		out, present, err := g.append(out, m, k)
		if err != nil {
			return dst, false, err
		}
		if !present {
			continue
		}
		some = true
		appendNumber(out[:head+t.tag], len(out)-body, t.digits)
		dst = out
	}
	return dst, some, nil
}

func (t *tlv) read(wire string, m *codec.Message, s *slot) error {
	if len(wire) < len(t.usage) || wire[:len(t.usage)] != t.usage {
		return s.fail("begins with the dialect's usage")
	}
	var seen uint64
	var ignored []string
	for wire = wire[len(t.usage):]; wire != ""; {
		id, value, rest, ok := t.next(wire)
		if !ok {
			return s.fail("tags with their lengths")
		}
		wire = rest
		i := t.find(id)
		switch {
		case i >= 0:
		case !t.ignoreUnknown:
			return s.fail("tags that the dialect names")
		case slices.Contains(ignored, id):
			return s.fail("each tag once")
		default:
			ignored = append(ignored, id)
			continue
		}
		if seen&(1<<i) != 0 {
			return t.tags[i].fail("each tag once")
		}
		seen |= 1 << i
		g := &t.tags[i]
		if err := g.check([]byte(value)); err != nil {
			return err
		}
		if err := g.read(value, m); err != nil {
			return err
		}
	}
	return nil
}

// next splits the first tag off.
func (t *tlv) next(wire string) (id, value, rest string, ok bool) {
	head := t.tag + t.digits
	if len(wire) < head {
		return "", "", "", false
	}
	n := readLength([]byte(wire[t.tag:head]), t.digits)
	if n < 0 || n > len(wire)-head {
		return "", "", "", false
	}
	return wire[:t.tag], wire[head : head+n], wire[head+n:], true
}

func (t *tlv) find(id string) int {
	for i := range t.tags {
		if t.tags[i].id == id {
			return i
		}
	}
	return -1
}
