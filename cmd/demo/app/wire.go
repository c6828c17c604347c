package app

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"wxswitch/cmd/internal/world"
	"wxswitch/codec"
	"wxswitch/codec/iso"
)

// teller writes the story and the messages that pass meanwhile.
type teller struct {
	world *world.World
	dir   string

	mu   sync.Mutex // guards what follows
	out  io.Writer
	told bool // the story
}

func (t *teller) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = fmt.Fprintf(t.out, format+"\n", args...)
}

// last ends the story: messages of links, such as echo tests, would bury what is
// said after it.
func (t *teller) last() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told = true
}

// quiet says whether the message is of a link, after the story.
func (t *teller) quiet(kind codec.Type) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.told && kind.Class() == codec.Network
}

// tap shows one message, decoded and masked.
func (t *teller) tap(bank string, out bool, raw []byte) {
	for _, s := range world.Banks {
		if s.ID != bank {
			continue
		}
		d, err := iso.Builtin(s.Dialect)
		if err != nil {
			return
		}
		if r := iso.Describe(d, raw); !t.quiet(r.Type) {
			t.say("%s", line(s, out, r))
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
