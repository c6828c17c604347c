// Package frame tells messages apart on a byte stream by their length header.
//
// It is ours because the headers that libraries offer accept a negative length
// and allocate what a peer announces: here a length outside the format's limits
// is an error before anything is read.
package frame

import "io"

// Encoding is how a length is written.
type Encoding uint8

// The encodings.
const (
	ASCII  Encoding = iota // decimal digits, zero-padded
	Binary                 // big-endian
	BCD                    // packed decimal digits
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

// Append appends message, framed, to dst. Where the length stands inside the
// message, it is written there.
func (f Format) Append(dst, message []byte) ([]byte, error) { panic("to be written") }

// Reader reads messages off a stream.
type Reader struct{ r io.Reader }

// NewReader returns a Reader with a buffer of its own.
func NewReader(r io.Reader, f Format) *Reader { return &Reader{r} }

// Next returns the next message without its prefix, in memory of its own. It
// returns io.EOF at a clean end between two frames, io.ErrUnexpectedEOF inside
// one, and a *LengthError for a header that cannot be one: the stream is then
// lost.
func (r *Reader) Next() ([]byte, error) { panic("to be written") }

// LengthError says which rule a length header broke.
type LengthError struct{ Rule string }

func (e *LengthError) Error() string { return "frame length: " + e.Rule }
