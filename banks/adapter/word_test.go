package adapter

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wxswitch/codec"
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
		p.send(codec.NewReply(again, "00"))
		synctest.Wait()
	})
}
