package iso

import (
	"errors"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/encoding"
	"github.com/moov-io/iso8583/field"
	"github.com/moov-io/iso8583/prefix"
)

// librarySpec describes the dialect to the library. Its own prefixes accept a
// sign and its encoders copy all that is left of the message for each field, so
// both are replaced by ours, which count bytes.
func librarySpec(d *Dialect) *iso8583.MessageSpec {
	spec := &iso8583.MessageSpec{Name: d.name, Fields: map[int]field.Field{
		0: field.NewString(fieldSpecOf(&slot{name: "MTI", format: format{class: classN, min: 4, max: 4}})),
		1: field.NewBitmap(&field.Spec{Length: 8, Description: "bitmap", Enc: encoding.Binary, Pref: prefix.Binary.Fixed}),
	}}
	if d.hexBitmap {
		spec.Fields[1] = field.NewBitmap(&field.Spec{
			Length: 8, Description: "bitmap", Enc: encoding.BytesToASCIIHex, Pref: prefix.Hex.Fixed,
		})
	}
	for n, f := range d.fields {
		if f != nil {
			spec.Fields[n] = field.NewString(fieldSpecOf(&f.slot))
		}
	}
	return spec
}

func fieldSpecOf(s *slot) *field.Spec {
	return &field.Spec{
		Length:      s.max,
		Description: s.name,
		Packer: field.PackerFunc(func(data []byte, _ *field.Spec) ([]byte, error) {
			if len(data) < s.min || len(data) > s.max {
				return nil, errLength
			}
			out := make([]byte, 0, s.digits+len(data))
			return append(appendNumber(out, len(data), s.digits), data...), nil
		}),
		Unpacker: field.UnpackerFunc(func(data []byte, _ *field.Spec) ([]byte, int, error) {
			size := s.max
			if s.digits > 0 {
				size = readLength(data, s.digits)
			}
			if size < s.min || size > s.max || size > len(data)-s.digits {
				return nil, 0, errLength
			}
			return data[s.digits : s.digits+size], s.digits + size, nil
		}),
	}
}

var errLength = errors.New("length")
