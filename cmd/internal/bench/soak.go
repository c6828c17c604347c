package main

import (
	"context"
	"fmt"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// reading is the switch's memory at one moment.
type reading struct{ rss, heap, goroutines float64 }

// soakFor keeps up a steady load and watches the switch's memory: it is flat if
// the last third of the time needs no more than the second.
func (b *bench) soakFor(ctx context.Context, d time.Duration) error {
	every := d / 60
	b.say("%10s %10s %10s %11s %10s", "after", "RSS MB", "heap MB", "goroutines", "answered")
	loaded, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	var answered, refused int // the loader's until ended
	go func() { ended <- b.load(loaded, d, &answered, &refused) }()
	var readings []reading
	begun := time.Now()
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return err
			}
			b.say("%d requests, every one approved but %d that were refused at once, as too many", answered, refused)
			b.soakGoals(readings)
			return nil
		case <-ticks.C:
			r, err := b.stage.read(ctx)
			if err != nil {
				return err
			}
			readings = append(readings, r)
			b.say("%10s %10.1f %10.1f %11.0f", time.Since(begun).Round(time.Second), r.rss/1e6, r.heap/1e6, r.goroutines)
		}
	}
}

func (b *bench) load(ctx context.Context, d time.Duration, answered, refused *int) (wrong error) {
	attack(ctx, b.stage.asks(b.stage.sw.at[0], []int{firstBank}, kinds...), b.rate, d, func(r *vegeta.Result) {
		*answered++
		switch {
		case isBusy(r):
			*refused++
		case !isApproved(r) && wrong == nil:
			wrong = fmt.Errorf("wrong answer: %d %s%s", r.Code, r.Error, r.Body)
		}
	})
	return wrong
}

func (b *bench) soakGoals(readings []reading) {
	third := len(readings) / 3
	before, last := readings[third:2*third], readings[2*third:]
	for _, f := range []struct {
		name string
		of   func(reading) float64
	}{
		{"rss", func(r reading) float64 { return r.rss }},
		{"heap", func(r reading) float64 { return r.heap }},
		{"goroutines", func(r reading) float64 { return r.goroutines }},
	} {
		b.goal("soak_"+f.name+"_ratio", medianOf(last, f.of)/medianOf(before, f.of), "<=", 1.1)
	}
}

func medianOf(readings []reading, of func(reading) float64) float64 {
	values := make([]float64, 0, len(readings))
	for _, r := range readings {
		values = append(values, of(r))
	}
	return median(values)
}

// read takes the reading off the switch's metrics page.
func (s *stage) read(ctx context.Context) (reading, error) {
	m, err := s.metrics(ctx)
	return reading{m["process_resident_memory_bytes"], m["go_memstats_heap_inuse_bytes"], m["go_goroutines"]}, err
}
