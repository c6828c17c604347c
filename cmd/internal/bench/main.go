package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are what the command line says.
type options struct {
	quick   bool
	soak    time.Duration
	rate    int
	scenes  string
	points  string
	profile string
}

// plan is how long each part takes.
type plan struct {
	rounds   int           // of switch and relay in turn
	warmUp   time.Duration // of each
	slice    time.Duration // of one load by wrk
	attack   time.Duration // of one load by vegeta
	overload time.Duration
	syncs    int // fdatasyncs
	many     int // customers of the first bank
	few      int // customers with an account at each of five banks
	moves    int // movements told in a round
}

var (
	whole = plan{
		rounds: 3, warmUp: 2 * time.Second, slice: 4 * time.Second, attack: 5 * time.Second, overload: 10 * time.Second, syncs: 400,
		many: 1000, few: 20, moves: 10_000,
	}
	quick = plan{
		rounds: 1, warmUp: time.Second, slice: 2 * time.Second, attack: 2 * time.Second, overload: 4 * time.Second, syncs: 100,
		many: 200, few: 5, moves: 4000,
	}
)

// limit stops a benchmark that hangs.
const limit = 12 * time.Minute

func main() {
	if role := os.Getenv(roleVariable); role != "" {
		exit(play(role))
	}
	var o options
	flag.BoolVar(&o.quick, "quick", false, "one short round of everything: for development")
	flag.DurationVar(&o.soak, "soak", 0, "only keep up a steady load for so long, and watch the memory")
	flag.IntVar(&o.rate, "rate", 2000, "requests a second of the soak")
	flag.StringVar(&o.scenes, "scenes", "all", "which of "+strings.Join(sceneNames(), ", "))
	flag.StringVar(&o.points, "points", "", "throughput at these only: deregister_64,balance_1")
	flag.StringVar(&o.profile, "profile", "", "keep the switch's CPU profiles as FILE.deregister and FILE.balance, and beside them FILE.*.allocs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit+2*o.soak)
	defer cancel()
	exit(run(ctx, o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// scenes are the parts of the benchmark, in their order.
var scenes = []struct {
	name string
	play func(*bench, context.Context) error
}{
	{"disk", (*bench).disk},
	{"throughput", (*bench).throughput},
	{"profile", (*bench).cpuProfile},
	{"latency", (*bench).latency},
	{"overload", (*bench).overload},
	{"silent", (*bench).silent},
	{"customers", (*bench).customers},
	{"banks", (*bench).fiveBanks},
	{"notices", (*bench).notices},
	{"micro", (*bench).micro},
}

func sceneNames() (names []string) {
	for _, s := range scenes {
		names = append(names, s.name)
	}
	return names
}

// bench is one run.
type bench struct {
	options
	plan
	report
	stage *stage
	// rates are what the switch reached at 64 in flight, by type.
	rates map[string]float64
}

func run(ctx context.Context, o options) (err error) {
	wanted, err := o.wanted()
	if err != nil {
		return err
	}
	if _, err := exec.LookPath("wrk"); err != nil {
		return errors.New("wrk is missing: apt-get install wrk")
	}
	b := &bench{options: o, plan: whole, report: report{out: os.Stdout}, rates: make(map[string]float64)}
	if o.quick {
		b.plan = quick
	}
	if b.stage, err = setUp(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stage.takeDown()) }()
	b.say("journal on %s (%s), %s", b.stage.dir, b.stage.fileSystem, machine())
	if o.soak > 0 {
		return b.finish(b.soakFor(ctx, o.soak))
	}
	for _, s := range scenes {
		if !slices.Contains(wanted, s.name) {
			continue
		}
		b.say("\n== %s", s.name)
		if err := s.play(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return b.finish(nil)
}

func (o options) wanted() ([]string, error) {
	names := sceneNames()
	if o.scenes == "all" {
		return names, nil
	}
	wanted := strings.Split(o.scenes, ",")
	for _, w := range wanted {
		if !slices.Contains(names, w) {
			return nil, fmt.Errorf("no scene %q: there are %s", w, strings.Join(names, ", "))
		}
	}
	return wanted, nil
}
