package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// feed shows a bank's wire in the picture, where nobody else does.
func (s *Sim) feed(ctx context.Context, b *bank) error {
	begun := time.Now()
	for pause(ctx, pollSlow/4) {
		_ = s.readFeed(ctx, b, begun) // it ends when the bank does: again
	}
	return nil
}

func (s *Sim) readFeed(ctx context.Context, b *bank, begun time.Time) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.Control+"/feed", http.NoBody)
	if err != nil {
		return err
	}
	answer, err := s.http.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 256<<10)
	for lines.Scan() {
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		var e wireEvent
		if found && json.Unmarshal([]byte(data), &e) == nil && e.At.After(begun) {
			begun = e.At
			s.wire(b, e)
		}
	}
	return lines.Err()
}

// wireEvent is a message on a bank's wire, masked by the bank.
type wireEvent struct {
	At      time.Time `json:"at"`
	Out     bool      `json:"out"`
	Message *struct {
		Type   string          `json:"type"`
		Kind   string          `json:"kind"`
		Fields json.RawMessage `json:"fields"`
	} `json:"message"`
	Note string `json:"note"`
}

func (s *Sim) wire(b *bank, e wireEvent) {
	h := Hop{At: e.At, Leg: SwitchBank, Dir: "right", Bank: b.ID, Title: e.Note}
	if e.Out {
		h.Dir = "left"
	}
	switch {
	case e.Message == nil && strings.HasPrefix(e.Note, "reply to "): // to a sign of life or a sign-off, unread
		return
	case e.Message == nil:
		h.OK = new(false)
	case e.Message.Type == "echo":
		return
	default:
		h.Title = e.Message.Type + " " + e.Message.Kind
		h.Lines = fieldLines(e.Message.Fields)
	}
	s.hop(h)
}

// fieldLines are the fields of a JSON object, in its order.
func fieldLines(object json.RawMessage) (lines []string) {
	d := json.NewDecoder(bytes.NewReader(object))
	for _, _ = d.Token(); d.More(); {
		key, err1 := d.Token()
		value, err2 := d.Token()
		if err1 != nil || err2 != nil {
			return lines
		}
		lines = append(lines, fmt.Sprintf("%v = %v", key, value))
	}
	return lines
}
