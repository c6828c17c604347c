package iso

import (
	"slices"

	"wxswitch/codec"
)

// Pack writes the message, unframed but for a length that stands in its own
// header. A value that the dialect has no place for is an error, but for
// FieldRemaining, which a bank may not want to know.
func (d *Dialect) Pack(m *codec.Message) ([]byte, error) {
	k := d.kinds[m.Type]
	if k == nil {
		return nil, &codec.FormatError{Field: "type", Rule: "one that the dialect names"}
	}
	p := packing{d: d, k: k, m: *m, dir: direction(m.Reply)}
	if err := p.prepare(); err != nil {
		return nil, err
	}
	if err := p.values(); err != nil {
		return nil, err
	}
	if err := d.complete(k, &p.m, &p.bits); err != nil {
		return nil, err
	}
	return p.assemble()
}

// direction is the index of requests or replies in a kind.
func direction(reply bool) int {
	if reply {
		return 1
	}
	return 0
}

// packing is one message being written. Its message is a copy.
type packing struct {
	d    *Dialect
	k    *kind
	m    codec.Message
	dir  int
	bits bitset
	// wanted are the fields that the type lists: constants stand in no others.
	wanted bitset
	span   [maxField + 1]span
	buf    []byte
}

func (p *packing) prepare() error {
	if p.k.code != "" {
		if c := p.m.Get(codec.FieldProcessingCode); c != "" && c != p.k.code {
			return p.d.fields[p.d.code].fail("the type's own")
		}
		p.m.Set(codec.FieldProcessingCode, p.k.code)
	}
	for f := range p.m.All {
		if p.d.places&(1<<f) == 0 && f != codec.FieldRemaining {
			return &codec.FormatError{Field: f.String(), Rule: "has no place in this dialect"}
		}
	}
	p.wanted = p.k.wanted[p.dir]
	if p.d.approves(p.k, &p.m) {
		p.wanted.add(p.k.wantedApproved)
	}
	return nil
}

// values writes each field into buf, its length before it.
func (p *packing) values() error {
	p.buf = make([]byte, 0, 512)
	for _, n := range p.d.numbers {
		f, start := p.d.fields[n], len(p.buf)
		body := start + f.digits
		out, present, err := f.appendTo(appendNumber(p.buf, 0, f.digits), &p.m, p.k, p.wanted.has(n))
		if err != nil {
			return err
		}
		if !present {
			continue
		}
		appendNumber(out[:start], len(out)-body, f.digits)
		p.buf = out
		p.bits.set(n)
		p.span[n] = span{start, len(out)}
	}
	return nil
}

// complete checks what the type needs.
func (d *Dialect) complete(k *kind, m *codec.Message, bits *bitset) error {
	if err := d.lacking(k, k.needs[direction(m.Reply)], m, bits); err != nil {
		return err
	}
	if d.approves(k, m) {
		return d.lacking(k, k.approved, m, bits)
	}
	return nil
}

// approves reports whether the message is an approval of which the type wants more.
func (d *Dialect) approves(k *kind, m *codec.Message) bool {
	return m.Reply && k.approved != nil && d.Meaning(k.t, m.Get(codec.FieldCode)) == codec.Approved
}

// lacking is the fault of the first need that is not met. An advice about what
// names no account needs none.
func (d *Dialect) lacking(k *kind, needs []need, m *codec.Message, bits *bitset) error {
	for i := range needs {
		n := &needs[i]
		if n.met(m, bits) || n.account && k.code == "" && d.aboutNoAccount(m.Get(codec.FieldProcessingCode)) {
			continue
		}
		return &codec.FormatError{Field: n.label, Rule: "missing"}
	}
	return nil
}

func (n *need) met(m *codec.Message, bits *bitset) bool {
	if n.oneOf == nil {
		return m.Has(n.field)
	}
	return slices.ContainsFunc(n.oneOf, bits.has)
}

// aboutNoAccount reports whether the code is that of a type that names none, such
// as an appointment: then its reversal names none either.
func (d *Dialect) aboutNoAccount(code string) bool {
	for _, k := range d.kinds {
		if k.code != code || code == "" {
			continue
		}
		for i := range k.needs[0] {
			if k.needs[0][i].account {
				return false
			}
		}
		return true
	}
	return false
}

// errLibrary stands for errors of the library, whose text may hold values.
var errLibrary = &codec.FormatError{Field: "message", Rule: "ISO 8583"}

func (p *packing) assemble() ([]byte, error) {
	k := p.d.desks.Get().(*desk) //nolint:forcetypeassert,errcheck // the pool holds nothing else
	defer p.d.desks.Put(k)
	body, err := k.pack(p.mti(), &p.bits, func(n int) []byte { return p.buf[p.span[n].at:p.span[n].end] })
	if err != nil {
		return nil, errLibrary
	}
	dir := p.dir
	if p.k.t.Class() == codec.Inbound { // the bank asks, and the centre replies
		dir = 1 - dir
	}
	return p.d.finish(body, dir)
}

func (p *packing) mti() string {
	switch {
	case p.m.Reply:
		return p.k.reply
	case p.m.Repeat && p.k.repeat != "":
		return p.k.repeat
	}
	return p.k.requestMTI
}

// finish puts the header before the body, and the length into it: for 0 that of
// what the centre sends, for 1 that of what the bank does.
func (d *Dialect) finish(body []byte, dir int) ([]byte, error) {
	if d.format.Prefix+d.headerSize+len(body) > d.format.Max {
		return nil, &codec.FormatError{Field: "message", Rule: "at most the frame's largest"}
	}
	if d.headerSize == 0 {
		return body, nil
	}
	raw := make([]byte, 0, d.headerSize+len(body))
	for i := range d.header {
		raw = append(raw, d.header[i].write[dir]...)
	}
	raw = append(raw, body...)
	if d.format.Prefix == 0 {
		if d.format.WriteLength(raw) != nil {
			return nil, &codec.FormatError{Field: "header", Rule: "a length that can be written"}
		}
	}
	return raw, nil
}
