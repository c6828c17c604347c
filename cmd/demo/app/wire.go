package app

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"wxswitch/cmd/internal/world"
	"wxswitch/codec/iso"
)

// teller writes the story and the messages that pass meanwhile.
type teller struct {
	world *world.World
	dir   string

	mu  sync.Mutex // guards out
	out io.Writer
}

func (t *teller) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = fmt.Fprintf(t.out, format+"\n", args...)
}

// tap shows one message, decoded and masked.
func (t *teller) tap(bank string, out bool, raw []byte) {
	for _, s := range world.Banks {
		if s.ID != bank {
			continue
		}
		if d, err := iso.Builtin(s.Dialect); err == nil {
			t.say("%s", line(s, out, iso.Describe(d, raw)))
		}
	}
}

// line is a message on two lines: what it is, and its fields.
func line(s world.Spec, out bool, r iso.Reading) string {
	arrow := "◀──"
	if out {
		arrow = "──▶"
	}
	what := strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.MTI, r.Type, r.Kind, r.Meaning))
	fields := make([]string, 0, len(r.Fields))
	for _, f := range r.Fields {
		fields = append(fields, "F"+f.Field+"="+strings.TrimSpace(f.Value))
	}
	text := fmt.Sprintf("      switch %s %s  %s\n          %s", arrow, s.ID, what, strings.Join(fields, " "))
	if r.Error != "" {
		text += "\n          refused: " + r.Error
	}
	return text
}
