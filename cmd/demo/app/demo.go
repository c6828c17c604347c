package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/parts"
	"wxswitch/cmd/internal/world"
	switchd "wxswitch/cmd/switchd/app"
	"wxswitch/codec"
)

// Config is how the demo runs.
type Config struct {
	Out   io.Writer
	Once  bool // end after a check, or after the story
	Story bool // a story on the terminal in place of the phone
}

const logName = "demo.log"

// deadline is what the demo gives its banks: long enough to be seen, short
// enough to be waited for.
const deadline = 2 * time.Second

// breakerRest is how long the demo's breakers stay open.
const breakerRest = 2 * time.Second

// errTold ends the parts after the story, without a fault.
var errTold = errors.New("the story is told")

// Run starts all of it, and stays until ctx is done.
func Run(ctx context.Context, c Config) error {
	dir, err := os.MkdirTemp("", "wxswitch-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	logs, err := os.Create(filepath.Join(dir, logName))
	if err != nil {
		return err
	}
	defer logs.Close() //nolint:errcheck // a temporary file
	if !c.Story {
		return phone(ctx, c, dir, logs)
	}
	return tell(ctx, c, dir, logs)
}

// tell starts the world and tells the story.
func tell(ctx context.Context, c Config, dir string, logs io.Writer) error {
	t := &teller{out: c.Out, dir: dir}
	w, err := world.New(ctx, world.Options{Dir: dir, LogTo: logs, Control: true, Tune: t.tune})
	if err != nil {
		return err
	}
	t.world = w
	var s parts.Stack
	s.Add("world", w.Run)
	s.Add("story", func(ctx context.Context) error { return t.run(ctx, c.Once) })
	if err := s.Run(ctx); !errors.Is(err, errTold) {
		return err
	}
	return nil
}

// tune makes failures quick to see, and shows the wire.
func (t *teller) tune(c *switchd.Config) {
	for i := range c.Banks {
		b := &c.Banks[i]
		b.Deadline = deadline
		b.Deadlines = map[codec.Type]time.Duration{codec.Balance: deadline / 2}
		b.Breaker.ConsecutiveFailures, b.Breaker.OpenFor = 3, breakerRest
	}
	c.Advices.BackoffMin = time.Second
	c.Tap = t.tap
}

func (t *teller) run(ctx context.Context, once bool) error {
	t.say("Starting the switch and two simulated banks …")
	select {
	case <-t.world.Up:
	case <-ctx.Done():
		return nil
	}
	if err := t.story(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("not as told: %w", err)
	}
	if once && ctx.Err() == nil {
		t.say("\nAll went as told.")
		return errTold
	}
	t.last()
	t.addresses()
	<-ctx.Done()
	return nil
}

func (t *teller) addresses() {
	p := t.person("xjrcu", 2)
	t.say("\nThe switch stays up. Try it:\n")
	t.say("  curl -s %s/v1/transactions -H 'Authorization: Bearer %s' \\", t.world.URL(), t.world.Token)
	t.say("    -H 'Content-Type: application/json' -d '{\"type\":\"balance\",\"account\":\"%s\"}'\n", account(p))
	t.say("  or the README's Python, after\n\n  export URL=%s TOKEN=%s ACCOUNT=%s\n", t.world.URL(), t.world.Token, account(p))
	t.say("  API      %s   (%s/openapi.yaml, %s/problems)", t.world.URL(), t.world.URL(), t.world.URL())
	t.say("  metrics  http://%s/metrics   health  http://%s/readyz", t.world.Addresses.Ops, t.world.Addresses.Ops)
	for _, s := range world.Banks {
		t.say("  bank     %s %s: control http://%s   links %s", s.ID, s.Title, t.world.Sims[s.ID].ControlAddr(), t.world.Sims[s.ID].Addr())
	}
	t.say("  log      %s\n\nCtrl-C ends all.", filepath.Join(t.dir, logName))
}

func (t *teller) person(bank string, i int) sim.Person { return t.world.Sims[bank].People()[i] }

func account(p sim.Person) string { return p.Accounts[0].Number.Reveal() }
