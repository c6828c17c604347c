// Command switchctl is the operators' command line of the switch.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"wxswitch/cmd/switchctl/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := app.Main(ctx, os.Args[1:], app.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
