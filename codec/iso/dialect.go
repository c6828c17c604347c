package iso

import (
	"sync"

	"wxswitch/codec"
	"wxswitch/codec/frame"
)

// networkField is where network management says what it wants (ISO 8583:1987,
// field 70, network management information code).
const networkField = 70

// The places in Dialect.pairing.
const (
	pairCode = iota
	pairSTAN
	pairSent
)

// Dialect is one bank's ISO 8583, read from a file. It is immutable, so safe
// for concurrent use.
type Dialect struct {
	name      string
	format    frame.Format
	hexBitmap bool

	header     []headerPart
	headerSize int

	fields [maxField + 1]*wireField
	// numbers are the fields that a message may be written with, in order.
	numbers []int
	// places has a bit for each codec.Field that the dialect can carry.
	places uint64

	// code, rrn and pairing are field numbers, 0 for none. peekLast is how far
	// Peek must read.
	code, rrn int
	pairing   [3]int
	peekLast  int

	kinds    map[codec.Type]*kind
	mtis     map[string]*mti
	meanings map[codec.Type]map[string]codec.Meaning
	fallback map[string]codec.Meaning
	advices  map[codec.Type]map[string]codec.AdviceClass

	desks *sync.Pool // of *desk
}

var _ codec.Dialect = (*Dialect)(nil)

// kind is how one transaction type is written.
type kind struct {
	t                         codec.Type
	requestMTI, repeat, reply string
	code                      string // empty: the original's, or none
	network                   string
	needs                     [2][]need // of requests, of replies
	approved                  []need    // of approved replies besides
	wanted                    [2]bitset // all fields named in needs
	wantedApproved            bitset    // and in approved
}

// need is a field that must be there, or one of several.
type need struct {
	oneOf []int
	field codec.Field // of one inside another, with no oneOf
	// account: it is the card or passbook number.
	account bool
	label   string
}

// mti is what a message type indicator says.
type mti struct {
	class         string // the request's MTI
	reply, repeat bool
	network       bool // its types are told apart by F70, and have no processing code
	kinds         []*kind
}

// Frame is how messages are told apart on a stream.
func (d *Dialect) Frame() frame.Format { return d.format }

// Wire returns the MTI and processing code of requests of the type. The code is
// empty for advices, which carry their original's, and for network messages.
func (d *Dialect) Wire(t codec.Type) (mti, code string, ok bool) {
	k := d.kinds[t]
	if k == nil {
		return "", "", false
	}
	return k.requestMTI, k.code, true
}

// Meaning is what the response code says of a transaction of the type: the
// type's own block first, then the default block. Of a Completion it is, after
// its own block, what all types that it may complete agree on.
func (d *Dialect) Meaning(t codec.Type, code string) codec.Meaning {
	if m, ok := d.meanings[t][code]; ok {
		return m
	}
	if t == codec.Completion {
		return d.completed(code)
	}
	return d.fallback[code]
}

func (d *Dialect) completed(code string) (m codec.Meaning) {
	first := true
	for _, t := range codec.Types(codec.Change) {
		if t.Doubt() != codec.Completion || d.kinds[t] == nil {
			continue
		}
		if n := d.Meaning(t, code); first {
			m, first = n, false
		} else if n != m {
			return codec.Unmapped
		}
	}
	return m
}

// AdviceClass is what the response code says of an advice that undoes; Park for
// a code that the file does not name.
func (d *Dialect) AdviceClass(t codec.Type, code string) codec.AdviceClass {
	return d.advices[t][code]
}
