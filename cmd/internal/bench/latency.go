package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// latencies of one attack, sorted.
type latencies []time.Duration

// latency compares the two at one equal rate, half of what the switch can.
func (b *bench) latency(ctx context.Context) error {
	for _, kind := range kinds {
		rate, err := b.halfRate(ctx, kind)
		if err != nil {
			return err
		}
		if err := b.latencyOf(ctx, kind, rate); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

// halfRate measures what the switch can if no scene before has.
func (b *bench) halfRate(ctx context.Context, kind string) (int, error) {
	if b.rates[kind] == 0 {
		s, err := b.sample(ctx, b.stage.sw, kind, 64)
		if err != nil {
			return 0, err
		}
		b.rates[kind] = s.perSecond
	}
	return int(b.rates[kind] / 2), nil
}

func (b *bench) latencyOf(ctx context.Context, kind string, rate int) error {
	quantiles := []float64{0.5, 0.99}
	sw, relay := make([][]float64, len(quantiles)), make([][]float64, len(quantiles))
	for range b.rounds {
		for _, side := range []struct {
			of   *child
			into [][]float64
		}{{b.stage.sw, sw}, {b.stage.relay, relay}} {
			l, err := b.attackAt(ctx, side.of, []int{firstBank}, kind, rate)
			if err != nil {
				return fmt.Errorf("%s: %w", side.of.name, err)
			}
			for i, q := range quantiles {
				side.into[i] = append(side.into[i], quantile(l, q).Seconds()*1e3)
			}
		}
	}
	for i, name := range []string{"p50", "p99"} {
		b.say("%-10s %s at %d/s: switch %.2f ms, relay %.2f ms, ratio %.2f", kind, name, rate,
			median(sw[i]), median(relay[i]), median(sw[i])/median(relay[i]))
	}
	b.goal("p99_ratio_"+kind, median(sw[1])/median(relay[1]), "<=", 3)
	return nil
}

// attackAt asks of the banks' accounts at the rate. The error says that an answer was
// wrong.
func (b *bench) attackAt(ctx context.Context, c *child, banks []int, kind string, rate int) (latencies, error) {
	var l latencies
	var wrong error
	refused := 0
	attack(ctx, b.stage.asks(c.at[0], banks, kind), rate, b.attack, func(r *vegeta.Result) {
		switch {
		case isBusy(r): // the machine stood still; to its caller that is as bad as no answer
			refused++
			r.Latency = askLimit
		case !isApproved(r) && wrong == nil:
			wrong = fmt.Errorf("wrong answer: %d %s%s", r.Code, r.Error, r.Body)
		}
		l = append(l, r.Latency)
	})
	if refused > 0 {
		b.say("%s: %d of %d refused at once, counted as %s", c.name, refused, len(l), askLimit)
	}
	if wrong == nil && len(l) == 0 {
		wrong = errors.New("nothing was answered")
	}
	slices.Sort(l)
	return l, wrong
}
