// Command wxsim is a WeChat platform simulated, with a phone in the browser.
package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"wxswitch/cmd/internal/program"
	"wxswitch/cmd/wxsim/app"
)

func main() {
	command := &cobra.Command{
		Use:   "wxsim --config FILE",
		Short: "A WeChat platform simulated, with a phone in the browser",
		Long: `wxsim stands for WeChat where there is no account: it serves the platform's API
to the front, delivers what followers do as signed and encrypted callbacks, and
shows a phone in the browser, for every follower one at an address of its own
(http://f1.localhost:8500, f2, …; every *.localhost leads to this machine).

It is for demonstrations and tests: it listens on loopback only, asks nobody who
they are, and is not a part of the front.

testdata/config/wxsim.yaml is a configuration to begin with: the banks of
testdata/config/banksim.yaml.`,
		Args: cobra.NoArgs,
	}
	path := program.WithConfig(command)
	command.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := app.Load(*path)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		c.Ready = func(address string) { _, _ = fmt.Fprintf(out, "the phone is at http://%s\n", address) }
		return app.Run(cmd.Context(), c)
	}
	program.Main(command)
}
