package codec

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/rs/zerolog"
)

// Message is one bank message: its type, its direction, and its fields.
type Message struct {
	Type Type
	// Reply is true for an answer, false for a request or an advice.
	Reply bool
	// Repeat marks an advice that was sent before (0121, 0401, or as the
	// dialect says), and, to a bank's Core, a request it may have seen.
	Repeat bool
	Fields
	// Raw is the message's bytes as they came, unframed; nil for one that was
	// not read off a wire. A MAC is checked over these, never over a re-pack.
	// They hold secrets in clear: they are never printed.
	Raw []byte
}

// NewRequest returns an empty request of the type.
func NewRequest(t Type) *Message { return &Message{Type: t} }

// NewReply returns the reply to m with the response code, echoing what names
// the exchange and the account: F2, F3, F7, F11, F32, F33, F37, F102.
func NewReply(m *Message, code string) *Message {
	r := &Message{Type: m.Type, Reply: true}
	for _, f := range echoed {
		r.Set(f, m.Get(f))
	}
	r.Set(FieldCode, code)
	return r
}

var echoed = []Field{
	FieldPAN, FieldAccount, FieldProcessingCode, FieldSent, FieldSTAN, FieldRRN, FieldAcquirer, FieldForwarder,
}

// AccountNumber returns the message's card or passbook number.
func (m *Message) AccountNumber() Account {
	if m.Has(FieldPAN) {
		return NewAccount(m.Get(FieldPAN))
	}
	return NewAccount(m.Get(FieldAccount))
}

func (m *Message) kind() string {
	switch {
	case m.Reply:
		return "reply"
	case m.Repeat:
		return "repeat"
	}
	return "request"
}

// String describes the message masked.
func (m Message) String() string { return fmt.Sprintf("%s %s {%s}", m.Type, m.kind(), m.Fields) }

// Format prints the message masked, whatever the verb.
func (m Message) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, m.String()) }

// MarshalJSON writes the message masked.
func (m Message) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Type   Type   `json:"type"`
		Kind   string `json:"kind"`
		Fields Fields `json:"fields"`
	}{m.Type, m.kind(), m.Fields})
}

// MarshalZerologObject logs the message masked.
func (m Message) MarshalZerologObject(e *zerolog.Event) {
	e.Str("type", string(m.Type)).Str("kind", m.kind()).EmbedObject(m.Fields)
}
