package iso

import (
	"fmt"
	"strconv"
	"strings"
)

// class is the set of characters a field may hold, in the notation of ISO 8583
// (clause 4: n, a, an, ans, z, b); gb is GB 18030 text.
type class uint8

const (
	classN class = iota + 1
	classA
	classAN
	classANS
	classZ
	classB
	classGB
)

var classNames = map[string]class{
	"n": classN, "a": classA, "an": classAN, "ans": classANS, "z": classZ, "b": classB, "gb": classGB,
}

var classRules = [...]string{
	classN: "digits only", classA: "letters only", classAN: "letters and digits only",
	classANS: "printable ASCII only", classZ: "track data only", classB: "", classGB: "GB 18030 text only",
}

// holds reports whether every byte is of the class. GB 18030 is checked where
// it is decoded.
func (c class) holds(b []byte) bool {
	for _, x := range b {
		if classBits[x]&(1<<c) == 0 {
			return false
		}
	}
	return true
}

// classBits has a bit for each class that a byte belongs to.
var classBits = func() (t [256]uint16) {
	for i := range t {
		x := byte(i)
		digit := x >= '0' && x <= '9'
		letter := x >= 'A' && x <= 'Z' || x >= 'a' && x <= 'z'
		in := map[class]bool{
			classN: digit, classA: letter, classAN: digit || letter, classANS: x >= ' ' && x <= '~',
			classZ: digit || x == '=' || x == 'D' || x == '^', classB: true, classGB: true,
		}
		for c, ok := range in {
			if ok {
				t[i] |= 1 << c
			}
		}
	}
	return t
}()

// format is what a field looks like on the wire. digits is how many digits of
// length precede it, 0 for a fixed length; min and max count bytes.
type format struct {
	class            class
	digits, min, max int
}

// parseFormat reads ISO 8583's notation: n6 is fixed, n..19 has two digits of
// length before at most 19 bytes.
func parseFormat(s string, least int) (format, error) {
	i := strings.IndexAny(s, ".0123456789")
	if i < 0 {
		return format{}, fmt.Errorf("format %q: written like n6, n..19 or gb...512", s)
	}
	size := strings.TrimLeft(s[i:], ".")
	f := format{class: classNames[s[:i]], digits: len(s) - i - len(size)}
	n, err := strconv.Atoi(size)
	switch {
	case f.class == 0:
		return format{}, fmt.Errorf("format %q: one of n, a, an, ans, z, b, gb", s)
	case err != nil || n < 1 || n > 9999 || size[0] == '0':
		return format{}, fmt.Errorf("format %q: a length of 1 to 9999", s)
	case f.digits > 4 || f.digits > 0 && f.digits < len(size):
		return format{}, fmt.Errorf("format %q: as many dots as the length has digits, at most 4", s)
	case f.digits == 0 && least != 0:
		return format{}, fmt.Errorf("min: not for the fixed format %q", s)
	case least < 0 || least > n:
		return format{}, fmt.Errorf("min: 1 to %d", n)
	}
	f.max, f.min = n, n
	if f.digits > 0 {
		f.min = max(1, least)
	}
	return f, nil
}

func (f format) fixed() bool { return f.digits == 0 }

func (f format) lengthRule() string {
	if f.min == f.max {
		return fmt.Sprintf("exactly %d bytes", f.max)
	}
	return fmt.Sprintf("%d to %d bytes", f.min, f.max)
}

// readLength reads n digits of length; -1 for anything else, a sign included.
func readLength(b []byte, n int) int {
	if len(b) < n {
		return -1
	}
	v := 0
	for _, c := range b[:n] {
		if c < '0' || c > '9' {
			return -1
		}
		v = v*10 + int(c-'0')
	}
	return v
}

// appendNumber appends the last n digits of v; n is at most 18.
func appendNumber(dst []byte, v, n int) []byte {
	for p := pow10(n) / 10; p > 0; p /= 10 {
		dst = append(dst, byte('0'+v/p%10))
	}
	return dst
}

func pow10(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}
