package iso

import (
	"encoding/hex"
	"strconv"
	"strings"

	"wxswitch/codec"
)

// maxField is the highest field number: two bitmaps of 64 (ISO 8583:1987).
const maxField = 128

// bitset is the set of fields 1 to 128, in the wire's order of bits.
type bitset [2]uint64

func (b *bitset) has(n int) bool { return b[(n-1)>>6]&(1<<(63-(n-1)&63)) != 0 }
func (b *bitset) set(n int)      { b[(n-1)>>6] |= 1 << (63 - (n-1)&63) }
func (b *bitset) add(o bitset)   { b[0], b[1] = b[0]|o[0], b[1]|o[1] }
func (b *bitset) unset(n int)    { b[(n-1)>>6] &^= 1 << (63 - (n-1)&63) }

type span struct{ at, end int }

// scan is the structure of one message: which fields stand where. It is found
// over the dialect's table alone, so that what is unreadable further on does
// not hide what came before.
type scan struct {
	raw  []byte
	mti  *mti
	bits bitset
	span [maxField + 1]span
	// read is the last field whose place is known.
	read int
}

func (s *scan) bytes(n int) []byte { return s.raw[s.span[n].at:s.span[n].end] }

// has reports whether the message has the field and its place is known.
func (s *scan) has(n int) bool { return n > 0 && n <= s.read && s.bits.has(n) }

var (
	errShort    = &codec.FormatError{Field: "message", Rule: "long enough for header, MTI and bitmap"}
	errMTI      = &codec.FormatError{Field: "MTI", Rule: "one that the dialect names"}
	errBitmap   = &codec.FormatError{Field: "bitmap", Rule: "upper-case hexadecimal digits"}
	errThird    = &codec.FormatError{Field: "bitmap", Rule: "no third bitmap"}
	errTrailing = &codec.FormatError{Field: "message", Rule: "no bytes after the last field"}
)

// scan finds the fields up to last. What it found before an error stays in s.
func (d *Dialect) scan(raw []byte, s *scan, last int) error {
	s.raw = raw
	at, err := d.scanHead(s)
	if err != nil {
		return err
	}
	for n := 2; n <= last; n++ {
		if !s.bits.has(n) {
			continue
		}
		f := d.fields[n]
		if f == nil {
			return &codec.FormatError{Field: "F" + strconv.Itoa(n), Rule: "a field that the dialect names"}
		}
		size := f.max
		if f.digits > 0 {
			if size = readLength(raw[at:], f.digits); size < 0 {
				return f.fail("a length in digits")
			}
			at += f.digits
		}
		if size < f.min || size > f.max {
			return f.fail(f.lengthRule)
		}
		if size > len(raw)-at {
			return f.fail("cut short")
		}
		s.span[n] = span{at, at + size}
		at += size
		s.read = n
	}
	s.read = last
	if last == maxField && at != len(raw) {
		return errTrailing
	}
	return nil
}

// scanHead reads MTI and bitmap and returns where the fields begin.
func (d *Dialect) scanHead(s *scan) (at int, err error) {
	at = d.headerSize + 4
	if len(s.raw) < at+d.bitmapSize() {
		return 0, errShort
	}
	s.mti = d.mtis[string(s.raw[d.headerSize:at])]
	if s.mti == nil {
		if err := d.readHeader(s.raw); err != nil {
			return 0, err // of another length, perhaps: then what follows is no MTI
		}
		return 0, errMTI
	}
	for i := range s.bits {
		if at+d.bitmapSize() > len(s.raw) {
			return 0, errShort
		}
		var ok bool
		if s.bits[i], ok = d.bitmap(s.raw[at:]); !ok {
			return 0, errBitmap
		}
		at += d.bitmapSize()
		if s.bits[0]>>63 == 0 {
			break
		}
	}
	if s.bits[1]>>63 != 0 {
		return 0, errThird
	}
	return at, nil
}

func (d *Dialect) bitmapSize() int {
	if d.hexBitmap {
		return 16
	}
	return 8
}

// bitmap reads 64 bits. Lower-case hexadecimal digits are refused, so that a
// message has one spelling.
func (d *Dialect) bitmap(b []byte) (bits uint64, ok bool) {
	var plain [8]byte
	if d.hexBitmap {
		if strings.ContainsAny(string(b[:16]), "abcdef") {
			return 0, false
		}
		if _, err := hex.Decode(plain[:], b[:16]); err != nil {
			return 0, false
		}
		b = plain[:]
	}
	for _, x := range b[:8] {
		bits = bits<<8 | uint64(x)
	}
	return bits, true
}

// Peek reads what pairs a message with its request. It needs the pairing
// fields alone: of a message that is unreadable behind them it still tells
// whose it is, without the RRN or the type if those are what cannot be read.
func (d *Dialect) Peek(raw []byte) (codec.Head, error) {
	var s scan
	broken := d.scan(raw, &s, d.peekLast)
	if s.mti == nil {
		return codec.Head{}, broken
	}
	if missing := d.unpaired(&s, broken); missing != nil {
		return codec.Head{}, missing
	}
	return d.head(&s), nil
}

// unpaired says why the message cannot be paired, nil if it can.
func (d *Dialect) unpaired(s *scan, broken error) error {
	for _, n := range d.pairing {
		if n == 0 || n == d.code && s.mti.network {
			continue
		}
		switch {
		case s.has(n):
			if err := d.fields[n].check(s.bytes(n)); err != nil {
				return err
			}
		case broken != nil:
			return broken
		default:
			return d.fields[n].fail("missing")
		}
	}
	return nil
}

// head copies the pairing values into one string, so that it costs one
// allocation.
func (d *Dialect) head(s *scan) codec.Head {
	var buf [128]byte
	text := buf[:0]
	var end [4]int
	for i, n := range [4]int{d.pairing[pairCode], d.pairing[pairSTAN], d.pairing[pairSent], d.rrn} {
		if s.has(n) && d.fields[n].check(s.bytes(n)) == nil {
			text = append(text, s.bytes(n)...)
		}
		end[i] = len(text)
	}
	all := string(text)
	h := codec.Head{
		Pair: codec.Pair{
			Class:          s.mti.class,
			ProcessingCode: all[:end[0]],
			STAN:           all[end[0]:end[1]],
			Sent:           all[end[1]:end[2]],
		},
		Reply: s.mti.reply,
		RRN:   codec.RRN(strings.TrimRight(all[end[2]:], " ")),
	}
	if k := d.kindOf(s); k != nil {
		h.Type = k.t
	}
	return h
}

// kindOf tells the type of a scanned message: by its MTI alone, its processing
// code, or for network management by F70. nil for none.
func (d *Dialect) kindOf(s *scan) *kind {
	for _, k := range s.mti.kinds {
		switch {
		case k.network != "":
			if s.has(networkField) && string(s.bytes(networkField)) == k.network {
				return k
			}
		case k.code == "":
			return k
		case s.has(d.code) && string(s.bytes(d.code)) == k.code:
			return k
		}
	}
	return nil
}
