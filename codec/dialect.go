package codec

import (
	"fmt"

	"wxswitch/codec/frame"
)

// Dialect is how one bank writes messages. It is safe for concurrent use.
type Dialect interface {
	// Frame is how messages are told apart on a stream.
	Frame() frame.Format
	// Wire returns the MTI and processing code with which a request of the
	// type is written; ok is false where the dialect has no such type. The
	// code is empty for advices, which carry their original's.
	Wire(t Type) (mti, code string, ok bool)
	// Pack writes the message, unframed. A *FormatError says which field broke
	// which rule.
	Pack(m *Message) ([]byte, error)
	// Peek reads what pairs a message with its request, and checks its
	// structure no further than that needs. It is cheap.
	Peek(raw []byte) (Head, error)
	// Unpack reads the whole message strictly. The message keeps raw.
	Unpack(raw []byte) (*Message, error)
	// Meaning is what the response code says of a transaction of the type. For
	// completions it is what the code says of the change that they complete:
	// less than an answer to the change itself, since who could not deal with
	// the completion tells nothing of what was done before.
	Meaning(t Type, code string) Meaning
	// AdviceClass is what the response code says of an advice that undoes:
	// a reversal or a release.
	AdviceClass(t Type, code string) AdviceClass
}

// Pair is what names one exchange in flight at one bank. A request and its
// reply have the same Pair; two requests in flight never do. The dialect fills
// it: Class is the MTI with direction and repeat taken out.
type Pair struct {
	Class, ProcessingCode, STAN, Sent string
}

// Head is what a reader needs to know of a message to hand it on.
type Head struct {
	Pair  Pair
	Reply bool
	Type  Type
	RRN   RRN
}

// Meaning is what a response code says of a transaction.
type Meaning uint8

// The meanings. Unmapped is the zero value: a code nobody configured says
// nothing, and is not taken for a decline.
const (
	Unmapped Meaning = iota
	Approved
	Declined
	InDoubt
)

// String returns the meaning as dialect files spell it.
func (m Meaning) String() string {
	return [...]string{"unmapped", "approved", "declined", "in-doubt"}[m&3]
}

// AdviceClass is what a response code says of an advice.
type AdviceClass uint8

// The classes. Park is the zero value: a code nobody configured waits for an
// operator.
const (
	Park AdviceClass = iota
	Done
	NotFound
	Retry
)

// String returns the class as dialect files spell it.
func (c AdviceClass) String() string {
	return [...]string{"park", "done", "not-found", "retry"}[c&3]
}

// FormatError says that a message broke a rule of its dialect. It names the
// field and the rule, never the value.
type FormatError struct {
	Field string // "F4 amount", "header", "bitmap"
	Rule  string // "digits only"
}

func (e *FormatError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Rule) }
