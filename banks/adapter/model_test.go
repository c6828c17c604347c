package adapter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"wxswitch/codec"
)

// scripted is an idempotent core that follows the package's contract, and whose
// next call goes as it is told.
type scripted struct {
	mu   sync.Mutex // guards what follows
	next string     // approve, decline, busy (not now), lost (not done, no answer), crash (done, no answer)
	ops  map[codec.RRN]*deed
}

// deed is what the bank did under one number. It does not look whether it was
// done before unless it is told of a repeat, so that a wrong call shows.
type deed struct{ done, undone, calls int }

func (s *scripted) serve(_ context.Context, m *codec.Message) (*codec.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.ops[NumberOf(m).RRN]
	if d == nil {
		d = &deed{}
		s.ops[NumberOf(m).RRN] = d
	}
	d.calls++
	if s.next == "lost" {
		return nil, errors.New("lost")
	}
	if s.next == "busy" {
		return codec.NewReply(m, "96"), nil
	}
	undoes := m.Type == codec.Reversal || m.Type == codec.Release
	if s.next == "decline" && !undoes {
		return codec.NewReply(m, "05"), nil
	}
	switch {
	case undoes:
		d.undone = d.done
	case !m.Repeat || d.done == 0:
		d.done++
	}
	if s.next == "crash" {
		return nil, errors.New("crash")
	}
	return codec.NewReply(m, "00"), nil
}

// reference is what a bank answers for one number, in the words of the
// package's documentation.
type reference struct {
	known, void bool // something of the number was seen; it must not be done any more
	told        map[part]string
}

// answer returns the expected F39, empty for silence, and whether Core is asked.
func (r *reference) answer(p part, next string) (code string, asked bool) {
	if code, ok := r.told[p]; ok {
		return code, false
	}
	switch p {
	case reversal, release:
		if r.void = true; r.told[original] == "" {
			r.told[original] = "12"
		}
		if !r.known {
			r.told[p] = "25"
			return "25", false
		}
	case completion:
		if r.void {
			r.told[completion] = "12"
			return "12", false
		}
		if r.told[original] == "00" {
			r.told[completion] = "00"
			return "00", false
		}
	case original:
	}
	r.known = true
	return r.ask(p, next), true
}

func (r *reference) ask(p part, next string) string {
	code := map[string]string{"approve": "00", "decline": "05", "busy": "96"}[next]
	if code == "96" && p != original {
		return code // and is asked again
	}
	if code == "05" && (p == reversal || p == release) {
		code = "00"
	}
	if code != "" {
		r.told[p] = code
		if p == completion {
			r.told[original] = code
		}
	}
	return code
}

// noDeadline hides testing.T.Deadline, which may not be asked inside a bubble.
type noDeadline struct{ rapid.TB }

// TestEveryOrder sends originals, reversals, completions and repeats of a few
// numbers in every order, with a core that declines, loses and crashes, and
// with restarts between.
func TestEveryOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := openDB(t, ledgerPath(t))
		run := 0
		rapid.Check(noDeadline{t}, func(r *rapid.T) {
			run++
			everyOrder(t, r, func(core coreFunc) *kit { return start(t, d, core, nil) }, run)
		})
	})
}

func everyOrder(t *testing.T, r *rapid.T, start func(coreFunc) *kit, run int) {
	core := &scripted{ops: map[codec.RRN]*deed{}}
	references := map[string]*reference{}
	k := start(core.serve)
	defer func() { k.stop() }()
	p := k.connect(t)
	for range rapid.IntRange(1, 12).Draw(r, "length") {
		if rapid.IntRange(0, 7).Draw(r, "restart") == 0 {
			k.stop()
			k = start(core.serve)
			p = k.connect(t)
		}
		rrn := fmt.Sprintf("%09d%03d", run, rapid.IntRange(1, 2).Draw(r, "number"))
		if references[rrn] == nil {
			references[rrn] = &reference{told: map[part]string{}}
		}
		oneMessage(r, p, core, references[rrn], rrn)
	}
}

func oneMessage(r *rapid.T, p *peer, core *scripted, ref *reference, rrn string) {
	next := rapid.SampledFrom([]string{"approve", "decline", "busy", "lost", "crash"}).Draw(r, "core")
	kind := rapid.SampledFrom([]part{original, original, reversal, completion, release}).Draw(r, "part")
	core.mu.Lock()
	core.next = next
	calls := deedOf(core, rrn).calls
	if next == "decline" && deedOf(core, rrn).done > 0 {
		next = "approve" // who did it does not decline a repeat
		core.next = next
	}
	core.mu.Unlock()
	got := p.code(messageFor(p, kind, rrn))
	want, asked := ref.answer(kind, next)
	if got != want {
		r.Fatalf("%s of %s, core %s: got %q, want %q", kind, rrn, next, got, want)
	}
	core.mu.Lock()
	defer core.mu.Unlock()
	checkDeed(r, ref, deedOf(core, rrn), calls, asked)
}

func deedOf(s *scripted, rrn string) *deed {
	d := s.ops[codec.RRN(rrn)]
	if d == nil {
		d = &deed{}
		s.ops[codec.RRN(rrn)] = d
	}
	return d
}

func checkDeed(r *rapid.T, ref *reference, d *deed, before int, asked bool) {
	if (d.calls > before) != asked {
		r.Fatalf("core was called %d times for one message, expected: %t", d.calls-before, asked)
	}
	if d.done > 1 {
		r.Fatalf("done %d times", d.done)
	}
	for _, p := range []part{reversal, release} {
		if code := ref.told[p]; code != "" && d.done != d.undone {
			r.Fatalf("%s was answered %s and the deed stands", p, code)
		}
	}
	if ref.told[original] == "00" && d.done != 1 {
		r.Fatal("approved and not done")
	}
}

func messageFor(p *peer, kind part, rrn string) *codec.Message {
	m := p.message(codec.Deregister, rrn)
	m.Set(codec.FieldSTAN, "000001") // one sending, repeated byte for byte
	switch kind {
	case reversal:
		return p.advice(codec.Reversal, m)
	case completion:
		return p.advice(codec.Completion, m)
	case release:
		return p.advice(codec.Release, m)
	case original:
	}
	return m
}
