package program

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// Main runs the command until it ends, or SIGINT or SIGTERM ends its context;
// its error is told and is status 1. It does not return.
func Main(c *cobra.Command) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	c.Version, c.SilenceUsage, c.SilenceErrors = Version(), true, true
	err := c.ExecuteContext(ctx)
	stop()
	if err != nil {
		tell(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// tell gives up where nobody reads: a program that has failed must end, or nothing
// starts it again.
func tell(err error) {
	told := make(chan struct{})
	go func() {
		defer close(told)
		fmt.Fprintln(os.Stderr, err)
	}()
	select {
	case <-told:
	case <-time.After(time.Second):
	}
}

// OneArg takes one argument, and says how the command is used for any other number.
func OneArg(c *cobra.Command, args []string) error {
	if err := cobra.ExactArgs(1)(c, args); err != nil {
		return fmt.Errorf("%w\nusage: %s", err, c.UseLine())
	}
	return nil
}

// WithConfig adds the flag --config, which must be given.
func WithConfig(c *cobra.Command) (path *string) {
	path = c.Flags().String("config", "", "the configuration file")
	_ = c.MarkFlagRequired("config")
	return path
}

// Version returns the module's version, or the commit that it was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "devel"
}
