// Command switchd is the switch between the WeChat front and the member banks.
package main

import (
	"context"

	"github.com/spf13/cobra"

	"wxswitch/cmd/internal/program"
	"wxswitch/cmd/switchd/app"
)

func main() {
	c := &cobra.Command{
		Use:   "switchd --config FILE",
		Short: "The message switch between the WeChat front and the member banks",
		Long: `switchd takes requests on its HTTP API, turns them into bank messages, routes
them by card BIN to the member banks, and journals how each ended.

Before the first start:   switchctl key new /etc/wxswitch/key.json
                          switchctl token new
                          switchctl config check /etc/wxswitch/switchd.yaml
Routes, places reloaded:  kill -HUP, or switchctl routes reload
Stopped:                  kill -TERM; what is in flight is finished first`,
		Args: cobra.NoArgs,
	}
	path := program.WithConfig(c)
	c.RunE = func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), *path) }
	program.Main(c)
}

func run(ctx context.Context, path string) error {
	reload, stop := hangups()
	defer stop()
	c, err := app.Load(path)
	if err != nil {
		return err
	}
	c.Reload = reload
	return app.Run(ctx, c)
}
