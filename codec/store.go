package codec

import (
	"encoding/binary"
	"errors"
)

// ErrStored is the error of bytes that AppendClear did not write.
var ErrStored = errors.New("stored fields are damaged")

// AppendClear appends the fields to b in clear, for storage under encryption.
// Fields are written by name, so that their numbers may change.
func (s *Fields) AppendClear(b []byte) []byte {
	for f, v := range s.All {
		name := f.String()
		b = append(b, byte(len(name)))
		b = append(b, name...)
		b = binary.AppendUvarint(b, uint64(len(v)))
		b = append(b, v...)
	}
	return b
}

// ParseClear reads what AppendClear wrote. A field that this version does not
// know is left out.
func ParseClear(b []byte) (Fields, error) {
	var s Fields
	for len(b) > 0 {
		name, rest, ok := cut(b[1:], uint64(b[0]))
		if !ok {
			return Fields{}, ErrStored
		}
		n, size := binary.Uvarint(rest)
		if size <= 0 {
			return Fields{}, ErrStored
		}
		value, rest, ok := cut(rest[size:], n)
		if !ok {
			return Fields{}, ErrStored
		}
		if f, known := FieldNamed(string(name)); known {
			s.Set(f, string(value))
		}
		b = rest
	}
	return s, nil
}

func cut(b []byte, n uint64) (head, tail []byte, ok bool) {
	if n > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}
