// Command demo runs the whole product in one process: simulated banks, the switch,
// the front and a simulated WeChat, with a phone in the browser.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"wxswitch/cmd/demo/app"
	"wxswitch/cmd/internal/program"
)

func main() {
	config := app.Config{Out: os.Stdout, Once: os.Getenv("ONCE") == "1"}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Banks, switch, front and a simulated WeChat in one process, with a phone in the browser",
		Long: `demo starts two simulated member banks, the switch, the front and a simulated
WeChat in this process, on free loopback ports, with temporary keys, tokens and
databases. It prints one URL: a phone in the browser, and beside it what passes
between WeChat, front, switch and banks. It stays up until Ctrl-C.

With --story it tells a short story of the switch on the terminal instead, every
bank message decoded and masked. With ONCE=1 in the environment, or --once, it
ends after a check, or after the story; its status says whether all went well.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return app.Run(cmd.Context(), config) },
	}
	c.Flags().BoolVar(&config.Once, "once", config.Once, "end after a check, or after the story")
	c.Flags().BoolVar(&config.Story, "story", false, "a story on the terminal in place of the phone")
	program.Main(c)
}
