package iso

import (
	"errors"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/encoding"
	"github.com/moov-io/iso8583/field"
	"github.com/moov-io/iso8583/prefix"
)

// desk is one message of the library and its fields, for one message at a time
// and used again and again: the library makes each field anew for each message,
// which cost more than all the rest.
type desk struct {
	message *iso8583.Message
	mti     *value
	values  [maxField + 1]*value
	numbers []int  // of values
	set     bitset // the fields that the message may have
}

// every is what a message may have that was not wholly written.
var every = bitset{^uint64(0), ^uint64(0)}

func newDesk(d *Dialect) *desk {
	k := &desk{mti: newValue(&slot{name: "MTI", format: format{class: classN, min: 4, max: 4}})}
	spec := &iso8583.MessageSpec{Name: d.name, Fields: map[int]field.Field{
		0: k.mti,
		1: field.NewBitmap(&field.Spec{Length: 8, Description: "bitmap", Enc: encoding.Binary, Pref: prefix.Binary.Fixed}),
	}}
	if d.hexBitmap {
		spec.Fields[1] = field.NewBitmap(&field.Spec{
			Length: 8, Description: "bitmap", Enc: encoding.BytesToASCIIHex, Pref: prefix.Hex.Fixed,
		})
	}
	for n, f := range d.fields {
		if f != nil {
			k.values[n] = newValue(&f.slot)
			k.numbers = append(k.numbers, n)
			spec.Fields[n] = k.values[n]
		}
	}
	k.message = iso8583.NewMessage(spec)
	return k
}

// pack returns the message with these fields, each as it is on the wire.
func (k *desk) pack(mti string, bits *bitset, wire func(n int) []byte) ([]byte, error) {
	defer k.clear()
	before := k.set
	k.set = every
	k.message.MTI(mti)
	for _, n := range k.numbers {
		switch {
		case bits.has(n):
			if err := k.message.BinaryField(n, wire(n)); err != nil {
				return nil, err
			}
		case before.has(n):
			k.message.UnsetField(n)
		}
	}
	k.set = *bits
	return k.message.Pack()
}

// clear forgets the message: it holds secrets.
func (k *desk) clear() {
	k.mti.wire = nil
	for _, n := range k.numbers {
		k.values[n].wire = nil
	}
}

// value is a field of the library's messages. The library's own accept a sign
// in a length, and copy each value three times, and all that is left of the
// message for each binary one. This one counts bytes and aliases them.
type value struct {
	s    *slot
	spec *field.Spec
	wire []byte // its length before it
}

var (
	_ field.Field        = (*value)(nil)
	_ field.Instantiator = (*value)(nil)
)

func newValue(s *slot) *value {
	return &value{s: s, spec: &field.Spec{Length: s.max, Description: s.name}}
}

var errValue = errors.New("not a value of this field")

// NewInstance returns the field itself: a desk has one message.
func (v *value) NewInstance() field.Field { return v }

// Spec is the library's description of the field.
func (v *value) Spec() *field.Spec { return v.spec }

// SetSpec replaces it.
func (v *value) SetSpec(spec *field.Spec) { v.spec = spec }

// SetBytes takes the field as it is on the wire, its length before it.
func (v *value) SetBytes(wire []byte) error {
	v.wire = wire
	return nil
}

// Pack returns the field as it is on the wire.
func (v *value) Pack() ([]byte, error) { return v.wire, nil }

// Unpack takes the field that data begins with.
func (v *value) Unpack(data []byte) (int, error) {
	size := v.s.max
	if v.s.digits > 0 {
		size = readLength(data, v.s.digits)
	}
	if size < v.s.min || size > v.s.max || size > len(data)-v.s.digits {
		return 0, errValue
	}
	v.wire = data[:v.s.digits+size]
	return len(v.wire), nil
}

// Bytes returns the content, without its length.
func (v *value) Bytes() ([]byte, error) {
	if len(v.wire) < v.s.digits {
		return nil, errValue
	}
	return v.wire[v.s.digits:], nil
}

// String returns the content.
func (v *value) String() (string, error) {
	b, err := v.Bytes()
	return string(b), err
}

// SetData, Marshal and Unmarshal are for the library's structs, which we do not
// use.
func (v *value) SetData(any) error { return errValue }

// Marshal does nothing.
func (v *value) Marshal(any) error { return errValue }

// Unmarshal does nothing.
func (v *value) Unmarshal(any) error { return errValue }
