package main

import (
	"context"
	"errors"
	"slices"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

const (
	slowRate    = 2000 // what the slow bank does
	offeredRate = 6000
	silentRate  = 200 // what the silent bank is offered
	goodWithin  = time.Second

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

// silent offers nineteen banks half of what the switch can, while the twentieth is
// asked too, and answers or does not: what the nineteen still approve of it. At a rate
// of its own that is known to a thousandth; what a closed loop reaches beside a silent
// bank differed by a tenth from one round to the next.
func (b *bench) silent(ctx context.Context) error {
	rate, err := b.halfRate(ctx, "deregister")
	if err != nil {
		return err
	}
	kept := make(map[bool][]float64)
	for range b.rounds {
		for _, silent := range []bool{false, true} {
			good, err := b.besides(ctx, rate, silent)
			if err != nil {
				return err
			}
			kept[silent] = append(kept[silent], good)
		}
	}
	ill := median(kept[true])
	b.say("19 banks, offered %d/s: with the 20th well %.0f/s approved within %s; with it silent %.0f/s", rate, median(kept[false]), goodWithin, ill)
	b.goal("silent_bank_others_ratio", ill/float64(rate), ">=", 0.98)
	return nil
}

// besides asks the nineteen while the twentieth is asked too, and returns how many
// they approved a second, each within goodWithin.
func (b *bench) besides(ctx context.Context, rate int, silent bool) (float64, error) {
	if err := b.stage.bank.tell(order{Bank: silentBank, Silent: silent}); err != nil {
		return 0, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		attack(ctx, b.stage.asks(b.stage.sw.at[0], []int{silentBank}, "deregister"), silentRate, b.attack, func(*vegeta.Result) {})
	}()
	l, err := b.attackAt(ctx, b.stage.sw, b.stage.allBanks()[:silentBank], "deregister", rate)
	<-ended
	if err := errors.Join(err, b.stage.bank.tell(order{Bank: silentBank})); err != nil {
		return 0, err
	}
	good, _ := slices.BinarySearch(l, goodWithin)
	return float64(good) / b.attack.Seconds(), b.stage.untilAnswered(ctx, []int{silentBank})
}
