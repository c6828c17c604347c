package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// small are the packages' own benchmarks whose figures count here. A run of
// BenchmarkMux is 64 messages.
var small = []struct {
	name, figure string
	per          float64
	ns           float64 // goal; 0 for none
	allocs       float64 // goal; negative for none
}{
	{"BenchmarkRoute10k", "route_lookup", 1, 100, 0},
	{"BenchmarkMux", "mux", 64, 0, 0},
	{"BenchmarkFrame", "frame", 1, 0, 1},
	{"BenchmarkPack", "pack", 1, 0, -1},
	{"BenchmarkUnpack", "unpack", 1, 0, -1},
}

var benchmarkLine = regexp.MustCompile(`(?m)^(Benchmark\w+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op.*?(\d+) allocs/op`)

// micro runs them and reads what they say.
func (b *bench) micro(ctx context.Context) error {
	out, err := output(ctx, "go", "test", "-run", "^$", "-benchtime", "0.5s", "-benchmem",
		"-bench", "^Benchmark(Route10k|Mux|Frame|Pack|Unpack)$", "./routing", "./banks", "./codec/iso")
	if err != nil {
		return err
	}
	said := make(map[string][]string)
	for _, m := range benchmarkLine.FindAllStringSubmatch(out, -1) {
		said[m[1]] = m[2:]
	}
	for _, s := range small {
		figures, ok := said[s.name]
		if !ok {
			return fmt.Errorf("%s said nothing: %s", s.name, out)
		}
		ns, _ := strconv.ParseFloat(figures[0], 64)
		allocs, _ := strconv.ParseFloat(figures[1], 64)
		ns, allocs = ns/s.per, allocs/s.per
		b.say("%-20s %8.1f ns, %4.1f allocations a message", strings.TrimPrefix(s.name, "Benchmark"), ns, allocs)
		if s.ns > 0 {
			b.goal(s.figure+"_ns", ns, "<", s.ns)
		}
		if s.allocs >= 0 {
			b.goal(s.figure+"_allocs", allocs, "<=", s.allocs)
		}
	}
	return nil
}

// output runs a program and returns what it prints.
func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("%s: %w: %s%s", name, err, out, exit.Stderr)
	}
	return string(out), err
}
