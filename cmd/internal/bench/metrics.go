package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"wxswitch/cmd/internal/world"
)

// metrics reads the switch's metrics page: the sum of each name over its labels.
func (s *stage) metrics(ctx context.Context) (map[string]float64, error) {
	page, err := world.MetricsPage(ctx, s.sw.at[1])
	if err != nil {
		return nil, err
	}
	sums := make(map[string]float64)
	for line := range strings.Lines(page) {
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		name, _, _ := strings.Cut(line[:at], "{")
		value, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
		if err != nil {
			return nil, fmt.Errorf("metrics: %s: %w", name, err)
		}
		sums[name] += value
	}
	return sums, nil
}

// shared says, between two readings, how many transactions of the journal
// shared a commit and how many messages to banks a write, and what a request
// costs the garbage collector.
func shared(before, after map[string]float64) string {
	delta := func(name string) float64 { return after[name] - before[name] }
	mean := func(name string) float64 { return delta(name+"_sum") / max(1, delta(name+"_count")) }
	text := fmt.Sprintf("%.0f commits of %.1f transactions, %.2f ms each; %.1f messages a write to the bank; %.0f collections",
		delta("wxswitch_commit_batch_count"), mean("wxswitch_commit_batch"), mean("wxswitch_commit_seconds")*1e3,
		mean("wxswitch_bank_write_messages"), delta("go_gc_duration_seconds_count"))
	if requests := delta("wxswitch_requests_total"); requests > 0 {
		text += fmt.Sprintf(", %.1f KB allocated a request", delta("go_memstats_alloc_bytes_total")/1e3/requests)
	}
	return text
}
