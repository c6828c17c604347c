// Command switchd is the switch between the WeChat front and the member banks.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"wxswitch/cmd/internal/version"
	"wxswitch/cmd/switchd/app"
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
		Use:   "switchd --config FILE",
		Short: "The message switch between the WeChat front and the member banks",
		Long: `switchd takes requests on its HTTP API, turns them into bank messages, routes
them by card BIN to the member banks, and journals how each ended.

Before the first start:   switchctl key new /etc/wxswitch/key.json
                          switchctl token new
                          switchctl config check /etc/wxswitch/switchd.yaml
Routes reloaded:          kill -HUP, or switchctl routes reload
Stopped:                  kill -TERM; what is in flight is finished first`,
		Version: version.String(), Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), path) },
	}
	cmd.Flags().StringVar(&path, "config", "", "the configuration file")
	_ = cmd.MarkFlagRequired("config")
	return cmd
}

func run(ctx context.Context, path string) error {
	c, err := app.Load(path)
	if err != nil {
		return err
	}
	reload, stop := hangups()
	defer stop()
	c.Reload = reload
	return app.Run(ctx, c)
}
