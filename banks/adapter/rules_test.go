package adapter

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"wxswitch/codec"
)

func TestCompletion(t *testing.T) {
	for name, c := range map[string]struct {
		original, completion string
		calls                int
	}{
		"of an approved one":      {"00", "00", 1},
		"of an approved one (25)": {"25", "25", 1},
		"of a declined one":       {"05", "00", 2},
		"of a crashed one":        {"", "00", 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				codes := []string{c.original, "00"}
				calls := 0
				k := start(t, openDB(t, ledgerPath(t)), func(_ context.Context, m *codec.Message) (*codec.Message, error) {
					calls++
					return codec.NewReply(m, codes[calls-1]), nil
				}, nil)
				p := k.connect(t)
				m := p.message(codec.Deregister, "000000000001")
				expect(t, "original", p.code(m), c.original)
				expect(t, "completion", p.code(p.advice(codec.Completion, m)), c.completion)
				expect(t, "original again", p.code(m), c.completion)
				if calls != c.calls {
					t.Errorf("core was called %d times, want %d", calls, c.calls)
				}
			})
		})
	}
}

func TestCompletionOfTheUnseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []codec.Type
		k := start(t, openDB(t, ledgerPath(t)), func(_ context.Context, m *codec.Message) (*codec.Message, error) {
			got = append(got, m.Type)
			return codec.NewReply(m, "25"), nil
		}, nil)
		p := k.connect(t)
		m := p.message(codec.Deregister, "000000000001")
		expect(t, "completion", p.code(p.advice(codec.Completion, m)), "25")
		expect(t, "original", p.code(m), "25")
		if len(got) != 1 || got[0] != codec.Completion {
			t.Errorf("core got %v", got)
		}
	})
}

func TestContradictions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		k := start(t, openDB(t, ledgerPath(t)), func(_ context.Context, m *codec.Message) (*codec.Message, error) {
			calls++
			return codec.NewReply(m, "00"), nil
		}, nil)
		p := k.connect(t)
		m := p.message(codec.Authenticate, "000000000001")
		expect(t, "original", p.code(m), "00")
		other := *m
		other.Set(codec.FieldPAN, "6210089999999996")
		expect(t, "same number, other account", p.code(&other), "12")
		expect(t, "its reversal", p.code(p.advice(codec.Reversal, &other)), "12")
		expect(t, "its completion", p.code(p.advice(codec.Completion, &other)), "12")
		foreign := p.advice(codec.Reversal, m)
		foreign.Set(codec.FieldOriginalSTAN, "999999")
		expect(t, "reversal of another sending", p.code(foreign), "12")
		expect(t, "the true reversal", p.code(p.advice(codec.Reversal, m)), "00")
		if calls != 2 {
			t.Errorf("core was called %d times, want 2", calls)
		}
	})
}

// A number of which nothing was seen but a reversal leaves a release nothing to
// undo, and the other way round, also after its original was refused.
func TestNothingToUndoTwice(t *testing.T) {
	for _, order := range [][]codec.Type{{codec.Release, codec.Reversal}, {codec.Reversal, codec.Release}} {
		t.Run(string(order[0]), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := start(t, openDB(t, ledgerPath(t)), func(_ context.Context, m *codec.Message) (*codec.Message, error) {
					t.Errorf("core was called for %s", m.Type)
					return codec.NewReply(m, "00"), nil
				}, nil)
				p := k.connect(t)
				m := p.message(codec.Authenticate, "000000000001")
				expect(t, "first", p.code(p.advice(order[0], m)), "25")
				expect(t, "original", p.code(m), "12")
				other := p.message(codec.Authenticate, "000000000001")
				other.Set(codec.FieldPAN, "6210089999999996")
				expect(t, "another account's", p.code(p.advice(order[1], other)), "12")
				expect(t, "second", p.code(p.advice(order[1], m)), "25")
				expect(t, "another account's", p.code(p.advice(order[1], other)), "12")
			})
		})
	}
}

// A bank's dialect may name no sending in F90: the number says what is undone.
func TestReversalThatNamesNoSending(t *testing.T) {
	d := onPlain(t, "types: {reversal: {request: [2|102, 3, 7, 11, 32, 33, 37]}}")
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, func(c *Config) { c.Dialect = d })
		p := k.connect(t)
		m := p.message(codec.Authenticate, "000000000001")
		expect(t, "original", p.code(m), "00")
		back := p.message(codec.Reversal, "000000000001")
		_, code, _ := d.Wire(codec.Authenticate)
		back.Set(codec.FieldProcessingCode, code)
		expect(t, "reversal", p.code(back), "00")
		expect(t, "original again", p.code(m), "00") // as then
	})
}

// A reversal that Core finds nothing to undo for is over, as one that it did.
func TestAdviceThatIsDecidedIsNotAskedAgain(t *testing.T) {
	for _, code := range []string{"00", "25"} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			k := start(t, openDB(t, ledgerPath(t)), func(_ context.Context, m *codec.Message) (*codec.Message, error) {
				calls++
				if m.Type == codec.Reversal {
					return codec.NewReply(m, code), nil
				}
				return codec.NewReply(m, "00"), nil
			}, nil)
			p := k.connect(t)
			m := p.message(codec.Authenticate, "000000000001")
			expect(t, "original", p.code(m), "00")
			expect(t, "reversal", p.code(p.advice(codec.Reversal, m)), code)
			expect(t, "reversal again", p.code(p.advice(codec.Reversal, m)), code)
			if calls != 2 {
				t.Errorf("%s: core was called %d times, want 2", code, calls)
			}
		})
	}
}

// A core that cannot for the moment, or whose answer says nothing, is asked
// again when the advice is repeated, also after a restart.
func TestAdviceWithoutDecisionIsAskedAgain(t *testing.T) {
	for _, kind := range []codec.Type{codec.Reversal, codec.Completion} {
		for _, code := range []string{"96", "68", "91", "ZZ"} {
			t.Run(string(kind)+" "+code, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { askedAgain(t, kind, code) })
			})
		}
	}
}

func askedAgain(t *testing.T, kind codec.Type, undecided string) {
	var repeats []bool
	core := func(_ context.Context, m *codec.Message) (*codec.Message, error) {
		if m.Type != kind {
			return codec.NewReply(m, "05"), nil
		}
		if repeats = append(repeats, m.Repeat); len(repeats) < 3 {
			return codec.NewReply(m, undecided), nil
		}
		return codec.NewReply(m, "00"), nil
	}
	path := ledgerPath(t)
	k := start(t, openDB(t, path), core, nil)
	p := k.connect(t)
	m := p.message(codec.Deregister, "000000000001")
	expect(t, "original", p.code(m), "05")
	expect(t, "advice", p.code(p.advice(kind, m)), undecided)
	expect(t, "advice again", p.code(p.advice(kind, m)), undecided)
	k.end()
	p = start(t, openDB(t, path), core, nil).connect(t)
	expect(t, "advice after a restart", p.code(p.advice(kind, m)), "00")
	expect(t, "advice that was decided", p.code(p.advice(kind, m)), "00")
	if !slices.Equal(repeats, []bool{false, true, true}) {
		t.Errorf("core was called with repeat = %v", repeats)
	}
}

// The completion of what was answered in doubt is a repeat for Core; a repeat of
// the original is told the same until then.
func TestCompletionOfWhatIsInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		k := start(t, openDB(t, ledgerPath(t)), func(_ context.Context, m *codec.Message) (*codec.Message, error) {
			if got = append(got, fmt.Sprint(m.Type, m.Repeat)); m.Type == codec.Completion {
				return codec.NewReply(m, "00"), nil
			}
			return codec.NewReply(m, "68"), nil
		}, nil)
		p := k.connect(t)
		m := p.message(codec.Deregister, "000000000001")
		expect(t, "original", p.code(m), "68")
		expect(t, "original again", p.code(m), "68")
		expect(t, "completion", p.code(p.advice(codec.Completion, m)), "00")
		expect(t, "original after it", p.code(m), "00")
		if want := []string{"deregisterfalse", "completiontrue"}; !slices.Equal(got, want) {
			t.Errorf("core got %v, want %v", got, want)
		}
	})
}
