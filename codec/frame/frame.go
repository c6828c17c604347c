package frame

import (
	"errors"
	"fmt"
	"slices"
)

// Encoding is how a length is written.
type Encoding uint8

// The encodings.
const (
	ASCII  Encoding = iota // decimal digits, zero-padded
	Binary                 // big-endian
	BCD                    // packed decimal digits
)

// maxSize is how many bytes a length of each encoding may take: all give at
// most ten digits, so that no length overflows an int64.
var maxSize = [...]int{ASCII: 10, Binary: 4, BCD: 5}

// Bounds of a format, against files that ask for the absurd.
const (
	maxFrame  = 1 << 20
	maxHeader = 256
)

// Format is a length header. The zero value is no format.
type Format struct {
	// Prefix is how many bytes precede the message and are no part of it: 4
	// for a 4-digit length, 0 where the length stands inside the message's own
	// header.
	Prefix int
	// Offset and Size are where the length stands, in bytes from the frame's
	// first.
	Offset, Size int
	Encoding     Encoding
	// Adjust is what must be added to the length to get the whole frame's
	// size: 4 for a 4-byte prefix that does not count itself, 0 for a length
	// that counts everything.
	Adjust int
	// Max is the largest frame, header included, in bytes.
	Max int
	// Idle allows frames with an empty message, which some banks send as a
	// sign of life; they are skipped.
	Idle bool
}

// Validate reports why no stream can be read with the format; nil if one can.
func (f Format) Validate() error {
	switch {
	case int(f.Encoding) >= len(maxSize):
		return errors.New("unknown encoding")
	case f.Size < 1 || f.Size > maxSize[f.Encoding]:
		return fmt.Errorf("size: 1 to %d bytes", maxSize[f.Encoding])
	case f.Offset < 0 || f.Prefix < 0 || f.Offset > maxHeader-f.Size || f.Prefix > maxHeader: // their sum may overflow
		return fmt.Errorf("offset and prefix: 0 to %d bytes", maxHeader)
	case f.Prefix > 0 && f.end() > f.Prefix:
		return errors.New("the length stands outside the prefix")
	case f.Adjust < -maxHeader || f.Adjust > maxHeader:
		return fmt.Errorf("adjust: within ±%d", maxHeader)
	case f.Idle && f.Prefix == 0:
		return errors.New("idle frames need a prefix")
	case f.Max <= f.head() || f.Max > maxFrame:
		return fmt.Errorf("max: more than the header, at most %d bytes", maxFrame)
	}
	return nil
}

func (f Format) end() int { return f.Offset + f.Size }

// head is how many bytes are needed to know the frame's size.
func (f Format) head() int { return max(f.Prefix, f.end()) }

// LengthError says which rule a length header broke.
type LengthError struct{ Rule string }

func (e *LengthError) Error() string { return "frame length: " + e.Rule }

// Append appends message, framed, to dst. Where the length stands inside the
// message, it is written there. The error is a *LengthError; dst is then
// returned as it was.
func (f Format) Append(dst, message []byte) ([]byte, error) {
	start := len(dst)
	out := dst
	for range f.Prefix {
		out = append(out, 0)
	}
	out = append(out, message...)
	if err := f.WriteLength(out[start:]); err != nil {
		return dst, err
	}
	return out, nil
}

// WriteLength writes the length of frame, which is whole, into its header.
func (f Format) WriteLength(frame []byte) error {
	if err := f.check(int64(len(frame))); err != nil {
		return err
	}
	n := int64(len(frame) - f.Adjust)
	if n < 0 || !f.put(frame[f.Offset:f.end()], uint64(n)) {
		return &LengthError{"more than the header can say"}
	}
	return nil
}

// ReadLength returns the size of the whole frame that begins with header, or a
// *LengthError.
func (f Format) ReadLength(header []byte) (int, error) {
	if len(header) < f.head() {
		return 0, &LengthError{"header cut short"}
	}
	n, ok := f.get(header[f.Offset:f.end()])
	if !ok {
		return 0, &LengthError{"not digits"}
	}
	size := int64(n) + int64(f.Adjust)
	if err := f.check(size); err != nil {
		return 0, err
	}
	return int(size), nil
}

func (f Format) check(size int64) error {
	switch {
	case size > int64(f.Max):
		return &LengthError{"more than the largest message"}
	case size < int64(f.head()):
		return &LengthError{"less than the header"}
	case size == int64(f.Prefix) && !f.Idle:
		return &LengthError{"empty message"}
	}
	return nil
}

// put writes n over all of b; false if it does not fit.
func (f Format) put(b []byte, n uint64) bool {
	for i := range slices.Backward(b) {
		switch f.Encoding {
		case Binary:
			b[i], n = byte(n), n>>8
		case BCD:
			b[i], n = byte(n/10%10<<4|n%10), n/100
		case ASCII:
			b[i], n = byte('0'+n%10), n/10
		}
	}
	return n == 0
}

// get reads b; false if it holds anything but digits.
func (f Format) get(b []byte) (n uint64, ok bool) {
	for _, c := range b {
		switch f.Encoding {
		case Binary:
			n = n<<8 | uint64(c)
		case BCD:
			if c>>4 > 9 || c&15 > 9 {
				return 0, false
			}
			n = n*100 + uint64(c>>4*10+c&15)
		case ASCII:
			if c < '0' || c > '9' {
				return 0, false
			}
			n = n*10 + uint64(c-'0')
		}
	}
	return n, true
}
