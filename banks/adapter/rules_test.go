package adapter

import (
	"context"
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
		foreign := p.advice(codec.Reversal, m)
		foreign.Set(codec.FieldOriginalSTAN, "999999")
		expect(t, "reversal of another sending", p.code(foreign), "12")
		expect(t, "the true reversal", p.code(p.advice(codec.Reversal, m)), "00")
		if calls != 2 {
			t.Errorf("core was called %d times, want 2", calls)
		}
	})
}
