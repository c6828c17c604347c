package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"wxswitch/cmd/internal/program"
)

// The exit codes.
const (
	exitDone = iota
	exitRefused
	exitUsage
	exitNoAnswer
)

// Streams are what a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs the command that the arguments name and returns its exit code.
func Main(ctx context.Context, args []string, s Streams) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	var m *mistakes
	if errors.As(err, &m) { // each begins with its place, for those who parse it
		fmt.Fprintln(s.Err, err)
		return exitRefused
	}
	fmt.Fprintln(s.Err, "switchctl:", err)
	var f *failure
	if errors.As(err, &f) {
		return f.code
	}
	if !cmd.HasSubCommands() {
		fmt.Fprintln(s.Err, "usage:", cmd.UseLine())
	}
	return exitUsage
}

// failure is the error of a command that was understood.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// mistakes are those of a file, a line each.
type mistakes struct{ error }

// action is what a command does.
type action func(cmd *cobra.Command, args []string) error

// run marks the errors of an action as failures, so that what is left is wrong
// usage.
func run(do action) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := do(cmd, args)
		var f *failure
		if err == nil || errors.As(err, &f) {
			return err
		}
		return &failure{exitRefused, err}
	}
}

func rootCommand() *cobra.Command {
	r := &remote{}
	root := group("switchctl", "The operators' command line of the switch", nil,
		configCommand(), keyCommand(), tokenCommand(), wireCommand(),
		routeCommand(r), routesCommand(r), bankCommand(r), adviceCommand(r), noticeCommand(r), customerCommand(r))
	root.Version = program.Version()
	root.SilenceUsage, root.SilenceErrors = true, true
	root.CompletionOptions.HiddenDefaultCmd = true
	root.Long = `switchctl looks after a switch: it makes its keys, checks its files, and asks a
running one about routes, banks, advices, notices and customers.

Exit codes: 0 done, 1 refused or wrong, 2 wrong usage, 3 the switch did not answer.`
	root.Example = `  switchctl key new /etc/wxswitch/key.json
  switchctl token new
  switchctl config check /etc/wxswitch/switchd.yaml
  echo 6210081234567892 | switchctl route explain -
  switchctl advice list --state parked`
	flags := root.PersistentFlags()
	flags.StringVar(&r.url, "url", cmp.Or(os.Getenv("WXSWITCH_URL"), "http://127.0.0.1:8480"), "the switch's API (WXSWITCH_URL)")
	flags.StringVar(&r.tokenFile, "token-file", "", "file with the client's token (default: the token in WXSWITCH_TOKEN)")
	flags.DurationVar(&r.timeout, "timeout", defaultTimeout, "how long to wait for the switch")
	flags.BoolVar(&r.json, "json", false, "print JSON")
	return root
}

// group is a command that only has others below it.
func group(use, short string, aliases []string, children ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{
		Use: use, Short: short, Aliases: aliases, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%s has no command %q; see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
			}
			return fmt.Errorf("%s needs a command; see %s --help", cmd.CommandPath(), cmd.CommandPath())
		},
	}
	g.AddCommand(children...)
	return g
}
