package routing

import (
	"fmt"
	"math/bits"
)

const (
	// anyLength stands in a key for every length of account.
	anyLength = 0
	// headDigits is by how many digits heads are told apart: those of the
	// shortest BIN.
	headDigits = minBIN
)

// index finds the longest prefix of a number by hashing: at most eleven
// look-ups of one cache line each, and few in practice.
type index struct {
	// heads tells, by length of account and first three digits, which lengths
	// of prefix are worth a look: bit p for p digits.
	heads [maxDigits + 1][1000]uint16
	// slots is a hash table with open addressing: a power of two of slots, at
	// most half of them taken.
	slots []slot
	// answers are the different ones, few; places finds them while building.
	answers []answer
	places  map[string]int
}

type slot struct {
	key    uint64 // 0 for a free one
	answer int    // place in answers
}

// newIndex returns an index with room for so many prefixes.
func newIndex(size int) *index {
	return &index{slots: make([]slot, 1<<bits.Len(uint(2*size))), places: make(map[string]int)}
}

// longest returns the answer for the longest prefix of the number, nil for
// none. The number has digits only, at least three.
func (x *index) longest(number string, length int) *answer {
	var value [maxPrefix + 1]uint64 // of the prefix, by its digits
	var v uint64
	for i := 0; i < maxPrefix && i < len(number); i++ {
		v = v*10 + uint64(number[i]-'0')
		value[i+1] = v //nolint:gosec // i < maxPrefix
	}
	for left := x.heads[length][value[headDigits]]; left != 0; {
		digits := bits.Len16(left) - 1
		if s := x.slot(key(length, digits, value[digits])); s.key != 0 {
			return &x.answers[s.answer]
		}
		left &^= 1 << digits
	}
	return nil
}

// exact returns the answer for this very prefix, an empty one for none.
func (x *index) exact(prefix string, length int) answer {
	if s := x.slot(prefixKey(prefix, length)); s.key != 0 {
		return x.answers[s.answer]
	}
	return answer{}
}

// put stores the answer for a prefix, over an earlier one.
func (x *index) put(prefix string, length int, a answer) {
	name := fmt.Sprintf("%q %v %v", a.banks, a.card, a.luhn)
	place, ok := x.places[name]
	if !ok {
		place = len(x.answers)
		x.answers = append(x.answers, a)
		x.places[name] = place
	}
	k := prefixKey(prefix, length)
	*x.slot(k) = slot{k, place}
	first, last := heads(prefix)
	for head := first; head <= last; head++ {
		x.heads[length][head] |= 1 << len(prefix)
	}
}

// heads returns the first and last head of the numbers with the prefix.
func heads(prefix string) (first, last uint64) {
	return decimal((prefix + "000")[:headDigits]), decimal((prefix + "999")[:headDigits])
}

// slot returns the slot of the key, or the free one where it would stand.
func (x *index) slot(key uint64) *slot {
	last := uint64(len(x.slots) - 1)
	// Fibonacci hashing: the upper bits of the product depend on all of the key.
	for i := key * 0x9E3779B97F4A7C15 >> 32; ; i++ {
		if s := &x.slots[i&last]; s.key == key || s.key == 0 {
			return s
		}
	}
}

// key packs an account length (5 bits), the number of digits of a prefix (4
// bits) and its value (34 bits, enough for ten digits). It is never 0.
func key(length, digits int, value uint64) uint64 {
	return 1<<43 | uint64(length)<<38 | uint64(digits)<<34 | value
}

func prefixKey(prefix string, length int) uint64 { return key(length, len(prefix), decimal(prefix)) }

func decimal(digits string) uint64 {
	var value uint64
	for _, d := range []byte(digits) {
		value = value*10 + uint64(d-'0')
	}
	return value
}
