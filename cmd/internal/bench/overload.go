package main

import (
	"context"
	"errors"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

const (
	slowRate    = 2000 // what the slow bank does
	offeredRate = 6000
	silentRate  = 200 // what the silent bank is offered

	// The slow bank's clients: those that are refused ask again after a pause,
	// which comes to what is to be offered.
	slowClients = 800
	slowPause   = 60 * time.Millisecond
)

// overload offers a slow bank three times what it does. Its clients do not pile
// up as vegeta's would: what is measured is a bank that is too slow, not a
// machine that is.
func (b *bench) overload(ctx context.Context) error {
	if err := b.stage.bank.tell(order{Bank: slowBank, Rate: slowRate}); err != nil {
		return err
	}
	t, err := b.stage.wrk(ctx, b.stage.sw.at[0], load{
		kind: "balance", accounts: "slow.txt", inFlight: slowClients, pause: slowPause, time: b.plan.overload,
	})
	if err := errors.Join(err, b.stage.bank.tell(order{Bank: slowBank})); err != nil {
		return err
	}
	good := float64(t.answers-t.refused) / t.took.Seconds()
	b.say("a bank of %d/s, offered %.0f/s for %s: %.0f/s approved, %.0f/s refused at once", slowRate,
		t.perSecond(), t.took.Round(time.Millisecond), good, float64(t.refused)/t.took.Seconds())
	b.goal("overload_offered", t.perSecond(), ">=", offeredRate)
	b.goal("overload_goodput_ratio", good/slowRate, ">=", 0.95)
	return nil
}

// silent compares what nineteen banks do while the twentieth answers and while
// it does not. It is asked at the same rate in both, by other clients.
func (b *bench) silent(ctx context.Context) error {
	var well, ill []float64
	for range b.rounds + 1 {
		for _, silent := range []bool{false, true} {
			rate, err := b.besides(ctx, silent)
			if err != nil {
				return err
			}
			if silent {
				ill = append(ill, rate)
			} else {
				well = append(well, rate)
			}
		}
	}
	b.say("19 banks with the 20th well: %.0f/s; with it silent: %.0f/s", median(well), median(ill))
	b.goal("silent_bank_others_ratio", median(ill)/median(well), ">=", 0.98)
	return nil
}

// besides loads the nineteen while the twentieth is asked too.
func (b *bench) besides(ctx context.Context, silent bool) (float64, error) {
	if err := b.stage.bank.tell(order{Bank: silentBank, Silent: silent}); err != nil {
		return 0, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		attack(ctx, b.stage.asks(b.stage.sw.at[0], []int{silentBank}, "deregister"), silentRate, b.slice, func(*vegeta.Result) {})
	}()
	t, err := b.stage.wrk(ctx, b.stage.sw.at[0], load{kind: "deregister", accounts: "others.txt", inFlight: 64, time: b.slice})
	<-ended
	if err != nil {
		return 0, err
	}
	if err := b.stage.bank.tell(order{Bank: silentBank}); err != nil {
		return 0, err
	}
	return t.perSecond(), b.stage.untilAnswered(ctx, []int{silentBank})
}
