package codec

import (
	"math/bits"
	"slices"
)

// few is how many values most messages have at most.
const few = 12

// Fields are a message's values by field; the empty string is no value. The
// zero value is empty and ready. Fields are copied by assignment, and compared
// by Equal.
type Fields struct {
	set  uint64      // a bit for each field that has a value
	some [few]string // their values, in order of Field
	more []string    // those that some has no room for; shared by copies, so never changed
}

const _ = uint(64 - fieldCount) // bits of set

// place is the field's bit, and where its value stands or would.
func (s *Fields) place(f Field) (bit uint64, i int) {
	bit = 1 << f
	return bit, bits.OnesCount64(s.set & (bit - 1))
}

// Get returns the value in clear, empty where there is none.
func (s *Fields) Get(f Field) string {
	bit, i := s.place(f)
	switch {
	case s.set&bit == 0:
		return ""
	case i < few:
		return s.some[i]
	}
	return s.more[i-few]
}

// Set stores a value; empty removes it.
func (s *Fields) Set(f Field, v string) {
	bit, i := s.place(f)
	has := s.set&bit != 0
	switch {
	case has && v == "":
		s.remove(i)
		s.set &^= bit
	case has && i < few:
		s.some[i] = v
	case has:
		s.more = slices.Clone(s.more)
		s.more[i-few] = v
	case v != "":
		s.insert(i, v)
		s.set |= bit
	}
}

func (s *Fields) insert(i int, v string) {
	if i >= few {
		s.more = slices.Concat(s.more[:i-few], []string{v}, s.more[i-few:])
		return
	}
	if last := s.some[few-1]; last != "" {
		s.more = slices.Concat([]string{last}, s.more)
	}
	copy(s.some[i+1:], s.some[i:])
	s.some[i] = v
}

func (s *Fields) remove(i int) {
	if i >= few {
		s.more = slices.Concat(s.more[:i-few], s.more[i-few+1:])
		return
	}
	copy(s.some[i:], s.some[i+1:])
	s.some[few-1] = ""
	if len(s.more) > 0 {
		s.some[few-1], s.more = s.more[0], s.more[1:]
	}
}

// Has reports whether the field has a value.
func (s *Fields) Has(f Field) bool { return s.set&(1<<f) != 0 }

// SetAccount stores an account number as the card or passbook number it is.
func (s *Fields) SetAccount(a Account, card bool) {
	if card {
		s.Set(FieldPAN, a.Reveal())
		return
	}
	s.Set(FieldAccount, a.Reveal())
}

// Contradicts returns the first of the fields that both have, and not the same.
func (s *Fields) Contradicts(other *Fields, fields ...Field) (f Field, contradicts bool) {
	for _, f := range fields {
		if s.Has(f) && other.Has(f) && s.Get(f) != other.Get(f) {
			return f, true
		}
	}
	return 0, false
}

// All calls yield with each field that has a value, in order of Field.
func (s *Fields) All(yield func(Field, string) bool) {
	for set := s.set; set != 0; set &= set - 1 {
		f := Field(bits.TrailingZeros64(set)) //nolint:gosec // below 64
		if !yield(f, s.Get(f)) {
			return
		}
	}
}

// Empty reports whether there is no value at all.
func (s *Fields) Empty() bool { return s.set == 0 }

// Equal reports whether both have the same values.
func (s *Fields) Equal(other *Fields) bool {
	return s.set == other.set && s.some == other.some && slices.Equal(s.more, other.more)
}
