// Command demo runs the switch and two simulated banks in one process and tells
// a short story on the terminal.
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
		Short: "The switch and two simulated banks in one process, and a story of what they do",
		Long: `demo starts the switch and two simulated member banks in this process, on free
loopback ports, with temporary keys, token and database. It tells a short story,
showing every bank message decoded and masked, then stays up until Ctrl-C.
With ONCE=1 in the environment, or --once, it ends after the story; its status
says whether all went as told.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return app.Run(cmd.Context(), config) },
	}
	c.Flags().BoolVar(&config.Once, "once", config.Once, "end after the story")
	program.Main(c)
}
