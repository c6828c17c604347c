package adapter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wxswitch/codec"
	"wxswitch/switch/db"
	"wxswitch/switch/vault"
)

// An answer that the ledger could not keep, or that cannot be written, is not given:
// the repeat calls Core again, and says that it does.
func TestOnlyWhatIsKeptIsAnswered(t *testing.T) {
	for name, first := range map[string]func(full *atomic.Bool, r *codec.Message){
		"full disk":  func(full *atomic.Bool, _ *codec.Message) { full.Store(true) },
		"unwritable": func(_ *atomic.Bool, r *codec.Message) { r.Set(codec.FieldHolder, "a\x01b") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var full atomic.Bool
				d := openWith(t, db.Options{Path: ledgerPath(t), Alone: true, Fail: func(step string) error {
					if step == "commit-before" && full.Load() {
						return errors.New("planted")
					}
					return nil
				}})
				var repeats []bool
				p := start(t, d, func(ctx context.Context, m *codec.Message) (*codec.Message, error) {
					r, err := named(ctx, m)
					if repeats = append(repeats, m.Repeat); len(repeats) == 1 {
						first(&full, r)
					}
					return r, err
				}, nil).connect(t)
				m := p.message(codec.Authenticate, "000000000001")
				expect(t, "not kept", p.code(m), "")
				full.Store(false)
				kept := p.ask(m)
				expect(t, "kept", kept.Get(codec.FieldCode), "00")
				expect(t, "its holder", kept.Get(codec.FieldHolder), "陈𠮷")
				expect(t, "told as repeats", fmt.Sprint(repeats), "[false true]")
			})
		})
	}
}

// What Core answers in another's name is another customer's, and is given to nobody.
func TestTheAnswerToAnotherIsNotGiven(t *testing.T) {
	for _, f := range []codec.Field{codec.FieldRRN, codec.FieldPAN} {
		t.Run(f.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				const another = "621008123456" // no card, and an RRN
				calls := 0
				k := start(t, openDB(t, ledgerPath(t)), func(_ context.Context, m *codec.Message) (*codec.Message, error) {
					r := codec.NewReply(m, "00")
					if calls++; calls == 1 {
						r.Set(f, another)
					}
					return r, nil
				}, func(c *Config) { c.Log = zerolog.New(zerolog.SyncWriter(&log)) })
				p := k.connect(t)
				m := p.message(codec.Deregister, "000000000001")
				expect(t, "another's", p.code(m), "")
				expect(t, "its own", p.code(m), "00")
				k.stop()
				if s := log.String(); !strings.Contains(s, f.String()+": the same as in the request") || strings.Contains(s, another) {
					t.Error(s)
				}
			})
		})
	}
}

// A panic is logged with its place, by which it is found, and without its value.
func TestPanicIsLoggedWithItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var none *codec.Message
		k := start(t, openDB(t, ledgerPath(t)), func(_ context.Context, m *codec.Message) (*codec.Message, error) {
			if m.Type == codec.Balance {
				panic(m.AccountNumber().Reveal())
			}
			return codec.NewReply(none, "00"), nil
		}, func(c *Config) { c.Log = zerolog.New(zerolog.SyncWriter(&log)) })
		p := k.connect(t)
		expect(t, "panic", p.code(p.message(codec.Balance, "000000000001")), "")
		expect(t, "fault", p.code(p.message(codec.Deregister, "000000000002")), "")
		k.stop()
		for _, place := range []string{
			`panic with a string at kept_test\.go:\d+`,
			`panic with a runtime\.errorString at message\.go:\d+ from kept_test\.go:\d+`,
		} {
			if !regexp.MustCompile(place).MatchString(log.String()) {
				t.Errorf("no %s in %s", place, &log)
			}
		}
		if strings.Contains(log.String(), card) {
			t.Error("the log names an account")
		}
	})
}

// A core may pass on a whole page of another system's: the log takes its beginning.
func TestCoreErrorIsCutInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		said := ""
		k := start(t, openDB(t, ledgerPath(t)), func(context.Context, *codec.Message) (*codec.Message, error) {
			return nil, errors.New(said)
		}, func(c *Config) { c.Log = zerolog.New(zerolog.SyncWriter(&log)) })
		p := k.connect(t)
		m := p.message(codec.Authenticate, "000000000001")
		for _, c := range []struct{ says, logged string }{
			{strings.Repeat("x", 500), strings.Repeat("x", 500)},
			{strings.Repeat("x", 501), strings.Repeat("x", 500) + "…"},
			{"<html>" + strings.Repeat("x", 1<<20), "<html>" + strings.Repeat("x", 494) + "…"},
			{"x" + strings.Repeat("错", 200), "x" + strings.Repeat("错", 166) + `\ufffd…`},
			{strings.Repeat("x", 497) + "𠮷", strings.Repeat("x", 497) + `\ufffd\ufffd\ufffd…`},
			{strings.Repeat("\xb4", 1000), strings.Repeat(`\ufffd`, 500) + "…"}, // GBK, perhaps
		} {
			said = c.says
			expect(t, "answer", p.code(m), "")
			synctest.Wait()
			if !strings.Contains(log.String(), `"cause":"`+c.logged+`","message"`) {
				t.Errorf("no %s in %.1500s", c.logged, &log)
			}
			log.Reset()
		}
	})
}

// unsayable is an error that panics when it is asked what it says.
type unsayable struct{}

func (unsayable) Error() string { panic(card) }

// An error of Core that cannot be told is one more panic of Core, and no end of the bank.
func TestCoreErrorThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		k := start(t, openDB(t, ledgerPath(t)), func(context.Context, *codec.Message) (*codec.Message, error) {
			return nil, unsayable{}
		}, func(c *Config) { c.Log = zerolog.New(zerolog.SyncWriter(&log)) })
		p := k.connect(t)
		expect(t, "answer", p.code(p.message(codec.Authenticate, "000000000001")), "")
		expect(t, "then", p.code(p.message(codec.Echo, "")), "00")
		k.stop()
		if s := log.String(); !strings.Contains(s, "panic with a string at kept_test.go:") || strings.Contains(s, card) {
			t.Error(s)
		}
	})
}

// Whoever looks why nothing is answered finds the call of Core that does not end, and
// who waits for it.
func TestCoreThatDoesNotEndIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		end := make(chan struct{})
		k := start(t, openDB(t, ledgerPath(t)), func(_ context.Context, m *codec.Message) (*codec.Message, error) {
			<-end // whatever the context says
			return codec.NewReply(m, "00"), nil
		}, func(c *Config) { c.Workers, c.Work, c.Log = 1, 3*time.Second, zerolog.New(zerolog.SyncWriter(&log)) })
		p := k.connect(t)
		m := p.message(codec.Deregister, "000000000001")
		p.send(m)
		synctest.Wait()
		p.send(p.advice(codec.Completion, m))
		p.send(p.message(codec.Deregister, "000000000002"))
		time.Sleep(10 * time.Second)
		close(end)
		expect(t, "the first", p.receive().Get(codec.FieldCode), "00")
		k.stop()
		for want, times := range map[string]int{
			`"rrn":"000000000001","took":3000,"message":"core is still at it"`:                                     1,
			`"rrn":"000000000001","reason":"expired","cause":"a message of the same number is still worked on: `:   1,
			`"rrn":"000000000002","reason":"expired","cause":"as many calls of core as may be (1) are under way: `: 1,
		} {
			if n := strings.Count(log.String(), want); n != times {
				t.Errorf("%d times %s in %s", n, want, &log)
			}
		}
	})
}

// Under other keys each old number would be another account's, and its reversal be
// refused without a word of why.
func TestALedgerUnderOtherKeysIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := ledgerPath(t)
		k := start(t, openDB(t, path), named, nil)
		p := k.connect(t)
		expect(t, "answer", p.code(p.message(codec.Authenticate, "000000000001")), "00")
		k.stop()
		others, err := vault.New()
		if err != nil {
			t.Fatal(err)
		}
		cfg := k.cfg
		cfg.Keys = others
		if _, err := New(t.Context(), cfg); !errors.Is(err, vault.ErrKey) || !strings.Contains(err.Error(), "put back the keys") {
			t.Error(err)
		}
		cfg.Keys = keys()
		if _, err := New(t.Context(), cfg); err != nil {
			t.Error(err)
		}
		err = k.ledger.db.Write(t.Context(), func(ctx context.Context, tx db.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE adapter_part SET part = 'completion'`) // to which it is not sealed
			if err == nil {
				_, err = tx.ExecContext(ctx, `UPDATE adapter_arrival SET part = 'completion'`)
			}
			return err
		})
		if _, opened := New(t.Context(), cfg); err != nil || opened != nil {
			t.Error("one damaged answer keeps the ledger shut: ", err, opened)
		}
	})
}

// Core is told how long is left when it is called, is given no longer than Work, and
// all of it is counted.
func TestCoreHasItsLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, registry := newBlocking(), prometheus.NewRegistry()
		k := start(t, openDB(t, ledgerPath(t)), core.serve, func(c *Config) {
			c.Workers, c.Work, c.Metrics = 1, 3*time.Second, registry
		})
		p := k.connect(t)
		for _, rrn := range []string{"000000000001", "000000000002"} {
			p.send(p.message(codec.Balance, rrn))
			synctest.Wait()
		}
		begun := time.Now()
		expect(t, "left of the first", (<-core.begun).Get(codec.FieldRemaining), "5000")
		expect(t, "left of the second", (<-core.begun).Get(codec.FieldRemaining), "2000")
		expect(t, "the first took", time.Since(begun).String(), "3s")
		core.let <- "51"
		expect(t, "the second", p.receive().Get(codec.FieldCode), "51")
		expect(t, "again", p.code(p.message(codec.Balance, "000000000002")), "51")
		for name, want := range map[string]string{"received_total": "4", "dropped_total": "1", "remembered_total": "1", "core_seconds": "2"} {
			expect(t, name, fmt.Sprint(counted(t, registry, "wxswitch_adapter_"+name)), want) // received: a sign-on, too
		}
	})
}

// counted is the sum of a metric's counters, or how often it measured.
func counted(t *testing.T, registry *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}
