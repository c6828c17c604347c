// Command banksim is a simulated member bank, or several.
package main

import (
	"github.com/spf13/cobra"

	"wxswitch/cmd/banksim/app"
	"wxswitch/cmd/internal/program"
)

func main() {
	command := &cobra.Command{
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
		Args: cobra.NoArgs,
	}
	path := program.WithConfig(command)
	command.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := app.Load(*path)
		if err != nil {
			return err
		}
		c.Out = cmd.OutOrStdout()
		return app.Run(cmd.Context(), c)
	}
	program.Main(command)
}
