package banks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wxswitch/codec"
	"wxswitch/codec/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a dialect of six texts between bars: cheap, and easily broken.
//
//	type | Q or R | STAN | sent | code | text
//
// A text of "unreadable" can be peeked at, not unpacked; "unwritable" cannot be
// packed.
type fake struct{ lacks codec.Type }

var fakeFormat = frame.Format{Prefix: 4, Size: 4, Adjust: 4, Max: 2048}

func (fake) Name() string        { return "fake" }
func (fake) Frame() frame.Format { return fakeFormat }
func (d fake) Meaning(t codec.Type, code string) codec.Meaning {
	if t == codec.SignOn && code == "94" { // it is signed on already
		return codec.Approved
	}
	switch code {
	case "00":
		return codec.Approved
	case "51":
		return codec.Declined
	case "68":
		return codec.InDoubt
	}
	return codec.Unmapped
}

func (fake) AdviceClass(codec.Type, string) codec.AdviceClass { return codec.Done }

func (d fake) Wire(t codec.Type) (mti, code string, ok bool) { return string(t), "", t != d.lacks }

func (fake) Pack(m *codec.Message) ([]byte, error) {
	if m.Get(codec.FieldText) == "unwritable" {
		return nil, &codec.FormatError{Field: "text", Rule: "writable"}
	}
	if m.Get(codec.FieldText) == "slow to pack" {
		time.Sleep(2 * time.Second)
	}
	direction := "|Q|"
	if m.Reply {
		direction = "|R|"
	}
	b := make([]byte, 0, 96)
	b = append(append(b, m.Type...), direction...)
	for i, f := range []codec.Field{codec.FieldSTAN, codec.FieldSent, codec.FieldCode, codec.FieldText} {
		if i > 0 {
			b = append(b, '|')
		}
		b = append(b, m.Get(f)...)
	}
	return b, nil
}

func (fake) split(raw []byte) (v [6]string, err error) {
	if bytes.Count(raw, []byte{'|'}) != 5 {
		return v, &codec.FormatError{Field: "message", Rule: "six texts"}
	}
	rest := string(raw)
	for i := range v {
		v[i], rest, _ = strings.Cut(rest, "|")
	}
	return v, nil
}

func (d fake) Peek(raw []byte) (codec.Head, error) {
	v, err := d.split(raw)
	return codec.Head{
		Pair:  codec.Pair{Class: v[0], STAN: v[2], Sent: v[3]},
		Reply: v[1] == "R", Type: codec.Type(v[0]),
	}, err
}

func (d fake) Unpack(raw []byte) (*codec.Message, error) {
	v, err := d.split(raw)
	if err != nil {
		return nil, err
	}
	if v[5] == "unreadable" {
		return nil, &codec.FormatError{Field: "text", Rule: "readable"}
	}
	m := &codec.Message{Type: codec.Type(v[0]), Reply: v[1] == "R", Raw: raw}
	m.Set(codec.FieldSTAN, v[2])
	m.Set(codec.FieldSent, v[3])
	m.Set(codec.FieldCode, v[4])
	m.Set(codec.FieldText, v[5])
	return m, nil
}

// counting numbers network messages.
type counting struct{ n atomic.Int64 }

func (c *counting) Next(context.Context) (codec.STAN, codec.Stamp, error) {
	return codec.NewSTAN(900_000 + c.n.Add(1)), "1124120000", nil
}

// broken has no numbers to give.
type broken struct{ asked atomic.Int64 }

func (b *broken) Next(context.Context) (codec.STAN, codec.Stamp, error) {
	b.asked.Add(1)
	return "", "", errors.New("no numbers")
}

// listener is a Handler that remembers.
type listener struct {
	mu       sync.Mutex
	late     []*codec.Message
	incoming []*codec.Message
	hold     chan struct{} // where set, Late waits for it to be closed
	lasts    time.Duration // how long Late takes, unless its context ends
}

func (l *listener) Late(ctx context.Context, bank string, m *codec.Message) {
	if l.hold != nil {
		<-l.hold
	}
	if l.lasts > 0 {
		select {
		case <-time.After(l.lasts):
		case <-ctx.Done():
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if bank != "wlmq" {
		panic("late reply of bank " + bank)
	}
	l.late = append(l.late, m)
}

func (l *listener) Incoming(_ context.Context, _ string, m *codec.Message) *codec.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.incoming = append(l.incoming, m)
	if m.Get(codec.FieldText) == "no answer" {
		return nil
	}
	reply := codec.NewReply(m, "00")
	if m.Get(codec.FieldText) == "no word for it" {
		reply.Set(codec.FieldText, "unwritable")
	}
	return reply
}

func (l *listener) lateSTANs() (stans []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.late {
		stans = append(stans, m.Get(codec.FieldSTAN))
	}
	return stans
}

func (l *listener) incomingCount() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.incoming)
}

// request is a message with this number.
func request(t codec.Type, n int) *codec.Message {
	m := codec.NewRequest(t)
	m.Set(codec.FieldSTAN, fmt.Sprintf("%06d", n))
	m.Set(codec.FieldSent, "1124115959")
	return m
}

// ask admits and exchanges one request that may take so long.
func ask(b *Bank, m *codec.Message, within time.Duration) (Reply, error) {
	p, err := b.Admit()
	if err != nil {
		return Reply{}, err
	}
	return p.Exchange(m, time.Now().Add(within))
}

func wantNotSent(t *testing.T, err error, reason Reason) {
	t.Helper()
	var e *NotSent
	if !errors.As(err, &e) || e.Reason != reason {
		t.Errorf("error %v, want not sent: %s", err, reason)
	}
}

func wantInDoubt(t *testing.T, err error, reason Reason) {
	t.Helper()
	var e *InDoubt
	if !errors.As(err, &e) || e.Reason != reason {
		t.Errorf("error %v, want in doubt: %s", err, reason)
	}
}

func wantApproved(t *testing.T, reply Reply, err error) {
	t.Helper()
	if err != nil || reply.Meaning != codec.Approved {
		t.Errorf("meaning %v, error %v, want approved", reply.Meaning, err)
	}
}

func want[T comparable](t *testing.T, what string, got, expected T) {
	t.Helper()
	if got != expected {
		t.Errorf("%s: %v, want %v", what, got, expected)
	}
}
