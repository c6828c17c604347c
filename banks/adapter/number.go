package adapter

import (
	"strconv"
	"time"

	"wxswitch/codec"
)

// Number names one operation at the bank, over all its sendings, its reversal
// and its completion.
type Number struct {
	Acquirer string    `json:"acquirer"`
	RRN      codec.RRN `json:"rrn"`
	Code     string    `json:"code3"` // processing code (F3)
}

// String returns the number for people: acquirer, RRN, processing code.
func (n Number) String() string { return n.Acquirer + "/" + string(n.RRN) + "/" + n.Code }

// NumberOf returns the number that a message names.
func NumberOf(m *codec.Message) Number {
	return Number{m.Get(codec.FieldAcquirer), codec.RRN(m.Get(codec.FieldRRN)), m.Get(codec.FieldProcessingCode)}
}

// part is what a message is to its number.
type part string

const (
	original   part = "original"
	reversal   part = "reversal"
	completion part = "completion"
	release    part = "release"
)

func partOf(t codec.Type) part {
	switch t {
	case codec.Reversal:
		return reversal
	case codec.Completion:
		return completion
	case codec.Release:
		return release
	}
	return original
}

// completes is the type of the operation that a completion brings to its end:
// the one whose processing code it carries.
func (a *Adapter) completes(code string) codec.Type {
	for _, t := range codec.Types(codec.Change) {
		if _, own, ok := a.cfg.Dialect.Wire(t); ok && own == code && t.Doubt() == codec.Completion {
			return t
		}
	}
	return codec.Completion
}

// deadline is when the caller stops waiting: what the message says remains, or
// the configured time.
func (a *Adapter) deadline(m *codec.Message, arrived time.Time) time.Time {
	ms, err := strconv.ParseInt(m.Get(codec.FieldRemaining), 10, 64)
	if err != nil || ms > maxRemaining.Milliseconds() {
		return arrived.Add(a.cfg.Deadline)
	}
	return arrived.Add(time.Duration(ms) * time.Millisecond)
}

// maxRemaining is more than any switch waits for an answer.
const maxRemaining = time.Hour
