package main

import (
	"context"
	"fmt"
	"time"
)

// notices has the first bank tell movements, many in flight, and times it until
// the front was told the last.
func (b *bench) notices(ctx context.Context) error {
	if err := b.enrol(ctx); err != nil {
		return err
	}
	accounts := make([]string, 0, len(b.stage.customers))
	for _, c := range b.stage.customers {
		accounts = append(accounts, c.accounts[0].number)
	}
	var rates []float64
	for range b.rounds {
		rate, err := b.tellMovements(accounts)
		if err != nil {
			return err
		}
		rates = append(rates, rate)
	}
	b.goal("notices_per_second", median(rates), ">=", 2000)
	return b.profiled(ctx, b.profilePath("notices"), func() error {
		_, err := b.tellMovements(accounts)
		return err
	})
}

func (b *bench) tellMovements(accounts []string) (rate float64, err error) {
	s, times := b.stage, b.moves/len(accounts)
	if err := s.bank.tell(order{Bank: firstBank, Movements: accounts, Times: times}); err != nil {
		return 0, err
	}
	n := times * len(accounts)
	begun, sw, front := time.Now(), s.sw.cpu(), s.front.cpu()
	if err := s.bank.tell(order{Bank: firstBank, Say: true}); err != nil {
		return 0, err
	}
	heard := time.Since(begun)
	if err := s.front.tell(order{Told: n}); err != nil {
		return 0, err
	}
	told := time.Since(begun)
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(n) }
	b.say("%d movements: heard at %.0f/s, told at %.0f/s; CPU µs each, switch+front: %s", n,
		float64(n)/heard.Seconds(), float64(n)/told.Seconds(), fmt.Sprintf("%.0f+%.0f", each(s.sw.cpu()-sw), each(s.front.cpu()-front)))
	return float64(n) / told.Seconds(), nil
}
