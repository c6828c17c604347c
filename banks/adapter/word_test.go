package adapter

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"wxswitch/codec"
	"wxswitch/switch/db"
)

func movement() *codec.Message {
	m := codec.NewRequest(codec.Movement)
	m.Set(codec.FieldPAN, card)
	m.Set(codec.FieldAcquirer, "48980000")
	m.Set(codec.FieldAmount, "100")
	m.Set(codec.FieldDirection, codec.In)
	m.Set(codec.FieldBalance, "100")
	m.Set(codec.FieldCurrency, "156")
	m.Set(codec.FieldMoved, "20261124101010")
	m.Set(codec.FieldSummary, "工资")
	return m
}

// speak lets the kit tell what is stored until the test ends.
func (k *kit) speak(t *testing.T) {
	ctx, cancel := newContext(t)
	done := make(chan struct{})
	go func() { defer close(done); k.Speak(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

// word returns the next word within the limit, nil for none, and answers echoes.
func (p *peer) word(limit time.Duration) *codec.Message {
	late := time.NewTimer(limit)
	defer late.Stop()
	for {
		select {
		case m := <-p.echoes:
			if m.Type != codec.Echo {
				return m
			}
			p.send(codec.NewReply(m, "00"))
		case <-late.C:
			return nil
		}
	}
}

// What the switch refuses to hear is told no more, and what it does not hear is told
// again: both are logged, since nobody else at the bank knows of it.
func TestWordThatIsNotHeardIsLogged(t *testing.T) {
	for _, code := range []string{"14", "96", ""} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				k := start(t, openDB(t, ledgerPath(t)), approve, func(c *Config) { c.Log = zerolog.New(zerolog.SyncWriter(&log)) })
				p := k.connect(t)
				if err := k.Tell(t.Context(), movement()); err != nil {
					t.Fatal(err)
				}
				k.speak(t)
				m := p.word(time.Second)
				if code != "" {
					p.send(codec.NewReply(m, code))
				}
				again := p.word(k.cfg.Told + time.Minute)
				if told := again == nil; told != (code == "14") {
					t.Errorf("told for good: %t", told)
				}
				k.stop()
				want := `"word":1,"type":"movement","rrn":"000000000001","code":"` + code + `"`
				if s := log.String(); !strings.Contains(s, want) || strings.Contains(s, card) {
					t.Errorf("no %s in %s", want, s)
				}
			})
		})
	}
}

// Pauses of hours do not overflow to none where a word was not heard for weeks.
func TestLongPausesBetweenWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, func(c *Config) { c.RetryMin, c.RetryMax = 3*time.Hour, 24*time.Hour })
		p := k.connect(t)
		if err := k.Tell(t.Context(), movement()); err != nil {
			t.Fatal(err)
		}
		if err := k.ledger.db.Write(t.Context(), func(ctx context.Context, tx db.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE adapter_word SET attempts = 20`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		k.speak(t)
		if p.word(time.Second) == nil || p.word(k.cfg.Told+time.Minute) != nil {
			t.Error("not told, or again without a pause")
		}
	})
}

// A word waits no longer than RetryMax, though the clock is set back meanwhile.
func TestWordUnderAClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var back atomic.Int64
		k := start(t, openDB(t, ledgerPath(t)), approve, func(c *Config) {
			c.Now = func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
		})
		p := k.connect(t)
		if err := k.Tell(t.Context(), movement()); err != nil {
			t.Fatal(err)
		}
		k.speak(t)
		first := p.word(time.Second) // and is not answered
		time.Sleep(k.cfg.Told + k.cfg.RetryMin/2)
		back.Store(int64(24 * time.Hour))
		again := p.word(k.cfg.RetryMax + time.Minute)
		if first == nil || again == nil {
			t.Fatalf("told: %v, and again: %v", first, again)
		}
		expect(t, "RRN", again.Get(codec.FieldRRN), first.Get(codec.FieldRRN))
		if first.Repeat || !again.Repeat {
			t.Errorf("marked as repeats: %t, %t", first.Repeat, again.Repeat)
		}
		p.send(codec.NewReply(again, "00"))
		synctest.Wait()
	})
}

// A ledger that cannot be written makes no storm of repeats.
func TestWordUnderALedgerThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		d := openWith(t, db.Options{Path: ledgerPath(t), Alone: true, Fail: func(point string) error {
			if point == "begin" && full.Load() {
				return errors.New("disk is full")
			}
			return nil
		}})
		k := start(t, d, approve, nil)
		p := k.connect(t)
		if err := k.Tell(t.Context(), movement()); err != nil {
			t.Fatal(err)
		}
		full.Store(true)
		k.speak(t)
		told := 0
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && told < 100; {
			if m := p.word(time.Until(end)); m != nil {
				told++
				p.send(codec.NewReply(m, "00"))
			}
		}
		full.Store(false)
		if told == 0 || told > 11 {
			t.Errorf("told %d times in 10 s", told)
		}
		for m := p.word(time.Minute); m != nil; m = p.word(time.Minute) {
			p.send(codec.NewReply(m, "00"))
		}
	})
}

// tells stores a movement, speaks, and returns what the switch's end p hears of it.
func (k *kit) tells(t *testing.T, p *peer) *codec.Message {
	t.Helper()
	if err := k.Tell(t.Context(), movement()); err != nil {
		t.Fatal(err)
	}
	k.speak(t)
	m := p.word(time.Second)
	if m == nil {
		t.Fatal("not told")
	}
	return m
}

// A word that is not answered holds up no other account's.
func TestUnansweredWordHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, nil)
		p := k.connect(t)
		k.tells(t, p)
		other := movement()
		other.Set(codec.FieldPAN, "6210089999999996")
		for range 3 {
			if err := k.Tell(t.Context(), other); err != nil {
				t.Fatal(err)
			}
			m := p.word(time.Second)
			if m == nil {
				t.Fatal("another account's word waits for the answer to the first")
			}
			expect(t, "account", m.Get(codec.FieldPAN), "6210089999999996")
			p.send(codec.NewReply(m, "00"))
			synctest.Wait()
		}
	})
}

// The words of one account are told one after another.
func TestWordsOfOneAccountInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, nil)
		second := movement()
		second.Set(codec.FieldAmount, "200")
		p := k.connect(t)
		m := k.tells(t, p)
		if err := k.Tell(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		if early := p.word(time.Second); early != nil {
			t.Fatalf("told before the first was answered: %v", early)
		}
		p.send(codec.NewReply(m, "00"))
		if m = p.word(time.Second); m == nil {
			t.Fatal("not told")
		}
		expect(t, "amount", m.Get(codec.FieldAmount), "200")
		p.send(codec.NewReply(m, "00"))
		synctest.Wait()
	})
}

// A word that cannot be read any more, as under other keys, holds up no other
// account's, and is looked at ever more seldom.
func TestUnreadableWordHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := openDB(t, ledgerPath(t))
		k := start(t, d, approve, nil)
		if err := k.Tell(t.Context(), movement()); err != nil {
			t.Fatal(err)
		}
		err := d.Write(t.Context(), func(ctx context.Context, tx db.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE adapter_word SET fields = 'damaged'`)
			return err
		})
		other := movement()
		other.Set(codec.FieldPAN, "6210089999999996")
		if err := errors.Join(err, k.Tell(t.Context(), other)); err != nil {
			t.Fatal(err)
		}
		p := k.connect(t)
		k.speak(t)
		m := p.word(time.Minute)
		if m == nil {
			t.Fatal("another account's word waits for one that cannot be read")
		}
		expect(t, "account", m.Get(codec.FieldPAN), "6210089999999996")
		p.send(codec.NewReply(m, "00"))
		if m = p.word(10 * time.Minute); m != nil {
			t.Errorf("told what cannot be read: %v", m)
		}
		var attempts int
		err = d.Read(t.Context(), func(ctx context.Context, tx db.Tx) error {
			return tx.QueryRowContext(ctx, `SELECT attempts FROM adapter_word WHERE state = 'waiting'`).Scan(&attempts)
		})
		if err != nil || attempts < 5 || attempts > 15 {
			t.Errorf("%d attempts in 10 minutes, %v", attempts, err)
		}
	})
}

// A word that is acknowledged twice at once is told once, and nothing waits for
// who takes the second.
func TestWordAcknowledgedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, nil)
		p := k.connect(t)
		m := k.tells(t, p)
		raw, err := p.d.Pack(codec.NewReply(m, "00"))
		var all []byte
		for range 50 {
			if err == nil {
				all, err = p.d.Frame().Append(all, raw)
			}
		}
		if err == nil {
			_, err = p.conn.Write(all)
		}
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "then", p.code(p.message(codec.Authenticate, "000000000001")), "00")
		if again := p.word(k.cfg.RetryMax); again != nil {
			t.Errorf("told again: %v", again)
		}
	})
}
