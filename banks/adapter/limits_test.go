package adapter

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wxswitch/codec"
	"wxswitch/codec/iso"
)

// A call of Core ends after Work, and is made again when the message is repeated.
func TestWorkHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newBlocking()
		k := start(t, openDB(t, ledgerPath(t)), core.serve, func(c *Config) { c.Work = 3 * time.Second })
		p := k.connect(t)
		m := p.message(codec.Authenticate, "000000000001")
		p.send(m)
		<-core.begun
		time.Sleep(4 * time.Second)
		p.send(m)
		if again := <-core.begun; !again.Repeat {
			t.Error("the second call is no repeat")
		}
		core.let <- "00"
		expect(t, "repeat", p.receive().Get(codec.FieldCode), "00")
	})
}

// Work that is under way when the bank stops has Drain to end.
func TestDrainHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newBlocking()
		k := start(t, openDB(t, ledgerPath(t)), core.serve, func(c *Config) { c.Drain = 3 * time.Second })
		p := k.connect(t)
		p.send(p.message(codec.Authenticate, "000000000001"))
		<-core.begun
		begun := time.Now()
		k.stop()
		if d := time.Since(begun); d != 3*time.Second {
			t.Errorf("stopped after %s", d)
		}
	})
}

// A link that does not sign on takes another's place for Idle and no longer.
func TestLinkThatNeverSignsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, nil)
		if d := k.unsigned(t); d != k.cfg.Idle {
			t.Errorf("closed after %s", d)
		}
	})
}

// A remaining time beyond all reason is none: the configured one holds.
func TestTimeThatCannotBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newBlocking()
		k := start(t, openDB(t, ledgerPath(t)), core.serve, func(c *Config) { c.Workers = 1 })
		p := k.connect(t)
		p.send(p.message(codec.Authenticate, "000000000001"))
		<-core.begun
		queued := p.message(codec.Authenticate, "000000000002")
		queued.Set(codec.FieldRemaining, "99999999")
		p.send(queued)
		time.Sleep(k.cfg.Deadline + time.Second)
		core.let <- "00"
		expect(t, "first", p.receive().Get(codec.FieldRRN), "000000000001")
		if got := p.receive(); got.Type != "" || core.calls.Load() != 1 {
			t.Errorf("worked on what was past: %v", got)
		}
	})
}

// Where a dialect wants no RRN, messages without one are not all one operation.
func TestNoNumber(t *testing.T) {
	d, err := iso.Parse("bank.yaml", []byte("name: bank\nbase: plain\ntypes:\n  balance:\n    request: [2|102, 3, 7, 11]\n    reply: [3, 7, 11, 39]\n    approved: []\n"))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, func(c *Config) { c.Dialect = d })
		p := k.connect(t)
		m := p.message(codec.Balance, "000000000001")
		expect(t, "with a number", p.code(m), "00")
		m.Set(codec.FieldRRN, "")
		expect(t, "without", p.code(m), "30")
	})
}

// What waits to be told is bounded, and no more than a bank says.
func TestTellRefuses(t *testing.T) {
	k := start(t, openDB(t, ledgerPath(t)), approve, func(c *Config) { c.Words = 2 })
	for range 2 {
		if err := k.Tell(t.Context(), movement()); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Tell(t.Context(), movement()); !errors.Is(err, ErrWords) {
		t.Errorf("a third word: %v", err)
	}
	k = start(t, openDB(t, ledgerPath(t)), approve, nil)
	m := movement()
	m.Type = codec.Balance
	if err := k.Tell(context.WithoutCancel(t.Context()), m); err == nil {
		t.Error("the bank asked the centre for a balance")
	}
	m = movement()
	m.Set(codec.FieldDirection, "up")
	if err := k.Tell(t.Context(), m); err == nil || !strings.Contains(err.Error(), "cannot be written") {
		t.Errorf("a movement up: %v", err)
	}
}

// A completion that was told what a late original had done is told so for good,
// also once that is reversed.
func TestCompletionIsToldForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), func(_ context.Context, m *codec.Message) (*codec.Message, error) {
			if m.Type == codec.Completion {
				return nil, errUnknown
			}
			return codec.NewReply(m, "00"), nil
		}, nil)
		p := k.connect(t)
		m := p.message(codec.Deregister, "000000000001")
		expect(t, "completion", p.code(p.advice(codec.Completion, m)), "")
		expect(t, "original", p.code(m), "00")
		expect(t, "completion again", p.code(p.advice(codec.Completion, m)), "00")
		expect(t, "reversal", p.code(p.advice(codec.Reversal, m)), "00")
		expect(t, "completion after it", p.code(p.advice(codec.Completion, m)), "00")
	})
}

// A message of no type that the dialect names is dropped, signed on or not.
func TestUnknownType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, nil)
		p := k.connect(t)
		for kind, code := range map[codec.Type]string{codec.Balance: "310000", codec.Echo: "301"} {
			raw, err := p.d.Pack(p.message(kind, map[bool]string{false: "000000000001"}[kind == codec.Echo]))
			if err != nil || !bytes.Contains(raw, []byte(code)) {
				t.Fatal(err)
			}
			p.write(bytes.Replace(raw, []byte(code), []byte("777777")[:len(code)], 1))
		}
		expect(t, "then", p.code(p.message(codec.Authenticate, "000000000002")), "00")
	})
}

// An answer that cannot be written is an error, by whatever link.
func TestAnswerThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong := make(chan error, 1)
		k := start(t, openDB(t, ledgerPath(t)), approve, func(c *Config) {
			c.Wrap = func(_ context.Context, x *Exchange, _ func(context.Context) *codec.Message) {
				wrong <- x.Reply(codec.NewReply(x.Request, "123"))
			}
		})
		p, _ := k.connect(t), k.connect(t)
		p.send(p.message(codec.Authenticate, "000000000001"))
		if err := <-wrong; err == nil {
			t.Error("a code of three digits was written")
		}
	})
}

// An answer that finds every link gone is dropped, and holds nothing up.
func TestAnswerWithEveryLinkGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newBlocking()
		k := start(t, openDB(t, ledgerPath(t)), core.serve, nil)
		k.worksForGoneLinks(t, core)
		core.let <- "00"
		core.let <- "00"
		k.stop()
	})
}
