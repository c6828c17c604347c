package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

const (
	slowRate    = 2000 // what the slow bank does
	offeredRate = 6000
	silentRate  = 200 // what the silent bank is offered
)

// overload offers a slow bank three times what it does.
func (b *bench) overload(ctx context.Context) error {
	if err := b.stage.bank.tell(order{Bank: slowBank, Rate: slowRate}); err != nil {
		return err
	}
	var good, refused int
	var wrong error
	begun := time.Now()
	attack(ctx, b.stage.asks(b.stage.sw.at[0], []int{slowBank}, "balance"), offeredRate, b.plan.overload, func(r *vegeta.Result) {
		switch {
		case isApproved(r):
			good++
		case r.Code == http.StatusServiceUnavailable:
			refused++ // bulkhead-full, or busy: nothing was sent
		case wrong == nil:
			wrong = fmt.Errorf("wrong answer: %d %s%s", r.Code, r.Error, r.Body)
		}
	})
	took := time.Since(begun)
	if err := b.stage.bank.tell(order{Bank: slowBank}); err != nil {
		return err
	}
	rate := float64(good) / took.Seconds()
	b.say("a bank of %d/s, offered %.0f/s for %s: %.0f/s approved, %.0f/s refused at once", slowRate,
		float64(good+refused)/took.Seconds(), took.Round(time.Millisecond), rate, float64(refused)/took.Seconds())
	b.goal("overload_goodput_ratio", rate/slowRate, ">=", 0.95)
	return wrong
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
	t, err := b.stage.wrk(ctx, b.stage.sw.at[0], "deregister", b.stage.file("others.txt"), 64, b.slice)
	<-ended
	if err != nil {
		return 0, err
	}
	if err := b.stage.bank.tell(order{Bank: silentBank}); err != nil {
		return 0, err
	}
	return t.perSecond(), b.stage.untilAnswered(ctx, []int{silentBank})
}
