// Command demo runs the switch and two simulated banks in one process and tells
// a short story on the terminal.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"wxswitch/cmd/demo/app"
	"wxswitch/cmd/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	c := app.Config{Out: os.Stdout, Once: os.Getenv("ONCE") == "1"}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The switch and two simulated banks in one process, and a story of what they do",
		Long: `demo starts the switch and two simulated member banks in this process, on free
loopback ports, with temporary keys, token and database. It tells a short story,
showing every bank message decoded and masked, then stays up until Ctrl-C.
With ONCE=1 in the environment, or --once, it ends after the story; its status
says whether all went as told.`,
		Version: version.String(), Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return app.Run(cmd.Context(), c) },
	}
	cmd.Flags().BoolVar(&c.Once, "once", c.Once, "end after the story")
	return cmd
}
