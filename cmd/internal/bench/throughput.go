package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

var kinds = []string{"deregister", "balance"}

// inFlight are the points of measure, with the least ratio wanted at each.
var inFlight = []struct {
	n    int
	goal float64
}{{1, 0.3}, {64, 0.4}, {256, 0.3}}

// sample is one load at one of the two.
type sample struct {
	perSecond float64
	// µs of CPU a request cost: the process under test, the bank, and wrk.
	own, bank, wrk float64
}

// throughput compares the two at each point.
func (b *bench) throughput(ctx context.Context) error {
	if err := b.warm(ctx); err != nil {
		return err
	}
	b.say("%-10s %9s %9s %9s %6s   CPU µs a request: %18s %18s  %s", "", "in flight", "switch/s", "relay/s", "ratio",
		"switch+bank+wrk", "relay+bank+wrk", "ratios of the rounds")
	for _, kind := range kinds {
		for _, p := range inFlight {
			if !b.measures(kind, p.n) {
				continue
			}
			if err := b.point(ctx, kind, p.n, p.goal); err != nil {
				return fmt.Errorf("%s, %d in flight: %w", kind, p.n, err)
			}
		}
	}
	return nil
}

// measures reports whether the command line asks for the point.
func (b *bench) measures(kind string, n int) bool {
	return b.points == "" || slices.Contains(strings.Split(b.points, ","), fmt.Sprintf("%s_%d", kind, n))
}

// warm lets both grow their heaps, pools and connections.
func (b *bench) warm(ctx context.Context) error {
	for _, c := range []*child{b.stage.sw, b.stage.relay} {
		if _, err := b.stage.wrk(ctx, c.at[0], load{kind: "balance", accounts: "first.txt", inFlight: 64, time: b.warmUp}); err != nil {
			return fmt.Errorf("warm up: %s: %w", c.name, err)
		}
	}
	return nil
}

func (b *bench) point(ctx context.Context, kind string, n int, goal float64) error {
	var sw, relay []sample
	for range b.rounds {
		for _, side := range []struct {
			of   *child
			into *[]sample
		}{{b.stage.sw, &sw}, {b.stage.relay, &relay}} {
			s, err := b.sample(ctx, side.of, kind, n)
			if err != nil {
				return fmt.Errorf("%s: %w", side.of.name, err)
			}
			*side.into = append(*side.into, s)
		}
	}
	switchRate, relayRate := middle(sw, sample.rate), middle(relay, sample.rate)
	ratio := switchRate / relayRate
	b.say("%-10s %9d %9.0f %9.0f %6.3f %40s %18s  %s", kind, n, switchRate, relayRate, ratio, costs(sw), costs(relay), rounds(sw, relay))
	b.goal(fmt.Sprintf("throughput_ratio_%s_%d", kind, n), ratio, ">=", goal)
	if n == 64 {
		b.rates[kind] = switchRate
	}
	return nil
}

func (b *bench) sample(ctx context.Context, c *child, kind string, n int) (sample, error) {
	return b.sampleFor(ctx, c, kind, n, b.slice)
}

func (b *bench) sampleFor(ctx context.Context, c *child, kind string, n int, d time.Duration) (sample, error) {
	own, bank := c.cpu(), b.stage.bank.cpu()
	t, err := b.stage.wrk(ctx, c.at[0], load{kind: kind, accounts: accountsOf(kind), inFlight: n, time: d})
	if err != nil {
		return sample{}, err
	}
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(t.answers) }
	return sample{t.perSecond(), each(c.cpu() - own), each(b.stage.bank.cpu() - bank), each(t.cpu)}, nil
}

// accountsOf is the file of the accounts that a load is over.
func accountsOf(kind string) string {
	if kind == customerBalance {
		return customersFile
	}
	return "first.txt"
}

func (s sample) rate() float64    { return s.perSecond }
func (s sample) ownCPU() float64  { return s.own }
func (s sample) bankCPU() float64 { return s.bank }
func (s sample) wrkCPU() float64  { return s.wrk }

func costs(s []sample) string {
	return fmt.Sprintf("%.0f+%.0f+%.0f", middle(s, sample.ownCPU), middle(s, sample.bankCPU), middle(s, sample.wrkCPU))
}

func middle(samples []sample, of func(sample) float64) float64 {
	values := make([]float64, 0, len(samples))
	for _, s := range samples {
		values = append(values, of(s))
	}
	return median(values)
}

// rounds shows how far the rounds lie apart.
func rounds(sw, relay []sample) string {
	var b strings.Builder
	for i := range sw {
		fmt.Fprintf(&b, " %.3f", sw[i].perSecond/relay[i].perSecond)
	}
	return "(" + strings.TrimSpace(b.String()) + ")"
}

// cpuProfile shows where the switch's CPU goes at 64 in flight.
func (b *bench) cpuProfile(ctx context.Context) error {
	if err := b.enrol(ctx); err != nil {
		return err
	}
	for _, kind := range append(slices.Clone(kinds), customerBalance) {
		err := b.profiled(ctx, b.profilePath(kind), func() error {
			s, err := b.sample(ctx, b.stage.sw, kind, 64)
			b.say("%s, %.0f/s under the profiler:", kind, s.perSecond)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

func (b *bench) profilePath(kind string) string {
	if b.profile != "" {
		return b.profile + "." + kind
	}
	return b.stage.file("cpu.prof")
}

// profiled runs a load under the profiler, and shows where the CPU went.
func (b *bench) profiled(ctx context.Context, path string, load func() error) error {
	before, err := b.stage.metrics(ctx)
	if err != nil {
		return err
	}
	if err := b.stage.sw.tell(order{Profile: path}); err != nil {
		return err
	}
	err = load()
	if err := errors.Join(err, b.stage.sw.tell(order{EndProfile: true})); err != nil {
		return err
	}
	after, err := b.stage.metrics(ctx)
	if err != nil {
		return err
	}
	b.say("%s", shared(before, after))
	return b.top(ctx, path)
}

func (b *bench) top(ctx context.Context, path string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	out, err := output(ctx, "go", "tool", "pprof", "-top", "-nodecount=15", self, path)
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "Build ID") && !strings.HasPrefix(line, "File:") && !strings.HasPrefix(line, "Time:") {
			b.say("%s", strings.TrimRight(line, "\n"))
		}
	}
	return nil
}
