package app

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// The legs of the picture.
const (
	WeChatFront = "wechat-front"
	FrontSwitch = "front-switch"
	SwitchBank  = "switch-bank"
)

// Hop is one message on its way between WeChat, front, switch and bank, masked
// for people. Whoever sends it into Config.Hops masks it.
type Hop struct {
	Seq   int64     `json:"seq"` // set by wxsim
	At    time.Time `json:"at"`  // the moment of its coming, where it is zero
	Leg   string    `json:"leg"`
	Dir   string    `json:"dir"` // right: away from WeChat; left: towards it
	Bank  string    `json:"bank,omitempty"`
	Title string    `json:"title"`
	Lines []string  `json:"lines"`
	OK    *bool     `json:"ok"` // nil: neither good nor bad
}

const (
	keptHops  = 200
	shownHops = 100 // in a state
	hopLines  = 60
	hopLine   = 400 // bytes
)

// tape keeps the last hops.
type tape struct {
	mu   sync.Mutex // guards what follows
	seq  int64
	hops []Hop
}

func (t *tape) add(h Hop) Hop {
	h.Lines = append([]string{}, h.Lines[:min(len(h.Lines), hopLines)]...)
	for i, line := range h.Lines {
		h.Lines[i] = cut(line, hopLine)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seq++
	h.Seq = t.seq
	if len(t.hops) == keptHops {
		t.hops = append(t.hops[:0], t.hops[1:]...)
	}
	t.hops = append(t.hops, h)
	return h
}

// last returns the newest n, the oldest first.
func (t *tape) last(n int) []Hop {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Hop{}, t.hops[max(0, len(t.hops)-n):]...)
}

// hop shows a message in the picture.
func (s *Sim) hop(h Hop) {
	if h.At.IsZero() {
		h.At = s.now()
	}
	s.hub.publish("", event{"hop", s.tape.add(h)})
}

// cut shortens a text to n bytes, at a character.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "") + "…"
}

// digits are runs that may be an account, a certificate, a phone or a code; groups
// are those in which people part a long one. As people type them: wide, too.
var (
	digits = regexp.MustCompile(`[0-9０-９]{4,}[Xx]?`)
	groups = regexp.MustCompile(`[0-9０-９](?:[ 　-]?[0-9０-９]){10,}[Xx]?`)
)

// masked hides the numbers of a text: long ones but for their last four digits.
// Years stay.
func masked(text string) string {
	text = groups.ReplaceAllStringFunc(text, func(group string) string {
		return tailOf([]rune(strings.NewReplacer(" ", "", "　", "", "-", "").Replace(group)))
	})
	return digits.ReplaceAllStringFunc(text, func(run string) string {
		switch n := utf8.RuneCountInString(run); {
		case n == 4:
			return run
		case n < 10: // a code
			return strings.Repeat("*", n)
		default:
			return tailOf([]rune(run))
		}
	})
}

// tailOf hides all but the last four.
func tailOf(number []rune) string {
	hidden := len(number) - 4
	return strings.Repeat("*", hidden) + string(number[hidden:])
}

// short shows the two ends of an id, such as an openid.
func short(id string) string {
	if len(id) <= 8 {
		return "…"
	}
	return id[:4] + "…" + id[len(id)-3:]
}

// abbreviated shows how long what nobody can read is.
func abbreviated(cipher string) string {
	return fmt.Sprintf("%s…（%d 字节）", cipher[:min(len(cipher), 8)], len(cipher))
}
