package frame

import (
	"bufio"
	"errors"
	"io"
)

// bufferSize holds a dozen messages, so that a burst costs one system call.
const bufferSize = 8 << 10

// Reader reads messages off a stream. It is for one goroutine.
type Reader struct {
	r      *bufio.Reader
	format Format
	// frame is the frame under way and got how much of it is there. They
	// survive an error, so that a read deadline loses nothing.
	frame []byte
	got   int
}

// NewReader returns a Reader with a buffer of its own. The format must be valid.
func NewReader(r io.Reader, f Format) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, bufferSize), format: f}
}

// Next returns the next message without its prefix, in memory of its own. It
// returns io.EOF at a clean end between two frames, io.ErrUnexpectedEOF inside
// one, and a *LengthError for a header that cannot be one: the stream is then
// lost. After any other error of the stream, such as a read deadline, Next may
// be called again and goes on where it stopped.
func (r *Reader) Next() ([]byte, error) {
	for {
		if err := r.fill(); err != nil {
			return nil, err
		}
		message := r.frame[r.format.Prefix:]
		r.frame, r.got = nil, 0
		if len(message) > 0 {
			return message, nil
		}
	}
}

// Begun reports whether a part of the next message is there already: for
// telling a peer that is silent from one that stopped inside a message.
func (r *Reader) Begun() bool { return r.frame != nil || r.r.Buffered() > 0 }

// fill completes the frame under way, having started one where there is none.
func (r *Reader) fill() error {
	if r.frame == nil {
		header, err := r.r.Peek(r.format.head())
		if err != nil {
			return inside(err, len(header) > 0)
		}
		size, err := r.format.ReadLength(header)
		if err != nil {
			return err
		}
		r.frame = make([]byte, size)
	}
	for r.got < len(r.frame) {
		n, err := r.r.Read(r.frame[r.got:])
		r.got += n
		if err != nil && r.got < len(r.frame) {
			return inside(err, true)
		}
	}
	return nil
}

func inside(err error, begun bool) error {
	if begun && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
