package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"
)

// customerBalance is the kind of load that asks through the customer's door.
const (
	customerBalance = "customer"
	customersFile   = "customers.txt"
)

// enrol makes the first bank's customers, once.
func (b *bench) enrol(ctx context.Context) (err error) {
	s := b.stage
	if s.customers != nil {
		return nil
	}
	begun, spent := time.Now(), s.sw.cpu()
	if s.customers, err = s.enrol(ctx, "one", b.many, firstBank); err != nil {
		return err
	}
	b.say("%d customers authenticated and logged in, in %s, %s of the switch's CPU", b.many,
		time.Since(begun).Round(time.Millisecond), s.sw.cpu()-spent)
	var lines bytes.Buffer
	for i := range s.customers {
		c := &s.customers[i]
		fmt.Fprintln(&lines, c.subject, c.session, c.accounts[0].id)
		text, err := (&visitor{ctx: ctx, stage: s, customer: *c}).ask(http.MethodGet, c.balancesPath(), nil)
		if err != nil {
			return err
		}
		if err := c.checkBalances(text); err != nil {
			return err
		}
	}
	return os.WriteFile(s.file(customersFile), lines.Bytes(), 0o600)
}

// customers compares what a balance costs the switch through the customer's
// door (session, ownership, masking) with a raw one, under the same load.
func (b *bench) customers(ctx context.Context) error {
	if err := b.enrol(ctx); err != nil {
		return err
	}
	var door, raw []sample
	var ratios []float64
	for range doorRounds * b.rounds {
		for _, side := range []struct {
			kind string
			into *[]sample
		}{{"balance", &raw}, {customerBalance, &door}} {
			s, err := b.sampleFor(ctx, b.stage.sw, side.kind, 64, b.slice/2)
			if err != nil {
				return fmt.Errorf("%s: %w", side.kind, err)
			}
			*side.into = append(*side.into, s)
		}
	}
	for i := range door {
		ratios = append(ratios, door[i].own/raw[i].own)
	}
	slices.Sort(ratios)
	ratio := median(ratios)
	b.say("a balance at 64 in flight: a customer's %.0f/s, raw %.0f/s; CPU µs each, switch+bank+wrk: %s and %s; ratio %.3f (of %d from %.3f to %.3f)",
		middle(door, sample.rate), middle(raw, sample.rate), costs(door), costs(raw), ratio, len(ratios), ratios[0], ratios[len(ratios)-1])
	b.goal("customer_balance_cpu_ratio", ratio, "<=", 1.3)
	return nil
}

// doorRounds are more and shorter than others: a ratio of CPU needs neighbours
// that were disturbed alike, and not much time.
const doorRounds = 4

// delays are what the five banks take, the last the longest.
var delays = []time.Duration{20 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond, 80 * time.Millisecond, 100 * time.Millisecond}

// fiveBanks times the first look of customers at five accounts at as many banks,
// each of which takes its own time.
func (b *bench) fiveBanks(ctx context.Context) error {
	var banks []int
	for i := range delays {
		banks = append(banks, slowBank+1+i)
	}
	few, err := b.stage.enrol(ctx, "five", b.few, banks...)
	if err != nil {
		return err
	}
	for i, bank := range banks {
		if err := b.stage.bank.tell(order{Bank: bank, Delay: delays[i]}); err != nil {
			return err
		}
	}
	var took []float64
	for i := range few {
		begun := time.Now()
		text, err := (&visitor{ctx: ctx, stage: b.stage, customer: few[i]}).ask(http.MethodGet, few[i].balancesPath(), nil)
		if err != nil {
			return err
		}
		took = append(took, time.Since(begun).Seconds()*1e3)
		if err := few[i].checkBalances(text); err != nil {
			return err
		}
	}
	for _, bank := range banks {
		if err := b.stage.bank.tell(order{Bank: bank}); err != nil {
			return err
		}
	}
	slowest := delays[len(delays)-1].Seconds() * 1e3
	slices.Sort(took)
	b.say("five balances of %d customers, banks of %v: p50 %.1f ms, longest %.1f ms", len(few), delays, quantile(took, 0.5), took[len(took)-1])
	b.goal("customer_five_banks_ratio", median(took)/slowest, "<=", 1.2)
	return nil
}
