// Command banksim is a simulated member bank, or several.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"wxswitch/cmd/banksim/app"
	"wxswitch/cmd/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "banksim --config FILE",
		Short: "Simulated member banks, with made-up customers and faults on demand",
		Long: `banksim answers the switch as member banks do: it keeps registrations, balances
and a ledger of all that came, durably, and misbehaves when it is told to.

See what there is:        curl http://127.0.0.1:9181/
Whom to try:              curl http://127.0.0.1:9181/customers
Let the next answer fail: curl -d '{"kind":"silence","count":1}' http://127.0.0.1:9181/faults
Watch the wire, masked:   curl -N http://127.0.0.1:9181/feed
Let the bank fall over:   curl -X POST http://127.0.0.1:9181/down, and /up
Stopped:                  kill -TERM; what is under way is answered first

testdata/config/banksim.yaml is a configuration to begin with: the banks of
testdata/config/switchd.yaml.`,
		Version: version.String(), Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := app.Load(path)
			if err != nil {
				return err
			}
			c.Out = cmd.OutOrStdout()
			return app.Run(cmd.Context(), c)
		},
	}
	cmd.Flags().StringVar(&path, "config", "", "the configuration file")
	_ = cmd.MarkFlagRequired("config")
	return cmd
}
