package app

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"wxswitch/cmd/internal/program"
)

// Command is the program: it serves, and has commands for what its owner does
// before.
func Command() *cobra.Command {
	c := &cobra.Command{
		Use:   "frontd --config FILE",
		Short: "The thin WeChat front: callback, pages and messages of the official account",
		Long: `frontd answers the official account's followers and shows them pages. It knows
WeChat and no bank: what a customer may do, and every text about it, comes from
the switch. It keeps nothing; run as many as you like behind a balancer.

Before the first start:   frontd key new /etc/wxswitch/front.key
                          frontd config check /etc/wxswitch/frontd.yaml
The account's menu:       frontd menu show  --config FILE
                          frontd menu apply --config FILE
Stopped:                  kill -TERM; what is in flight is finished first`,
		Args: cobra.NoArgs,
	}
	path := program.WithConfig(c)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		return with(*path, func(config Config) error { return Run(cmd.Context(), config) })
	}
	c.AddCommand(menuCommand(), keyCommand(), configCommand())
	return c
}

func with(path string, do func(Config) error) error {
	c, err := Load(path)
	if err != nil {
		return err
	}
	return do(c)
}

func configCommand() *cobra.Command {
	group := &cobra.Command{Use: "config", Short: "The configuration file"}
	group.AddCommand(&cobra.Command{
		Use: "check FILE", Short: "Read it and the files that it names, and say what is wrong, with file, line and column", Args: program.OneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			return with(args[0], func(Config) error { say(cmd)(args[0] + ": good"); return nil })
		},
	})
	return group
}

func keyCommand() *cobra.Command {
	group := &cobra.Command{Use: "key", Short: "The keys that seal cookies"}
	group.AddCommand(&cobra.Command{
		Use: "new FILE", Short: "Make a key, or put one behind those that a file has", Args: program.OneArg,
		Long: `Makes a file with a key, readable by its owner only. Every instance needs the same
file: its first key seals, all open. To replace a key while all instances serve:

  frontd key new FILE    a further key, which opens; bring the file to every
                         instance, and restart each
  frontd key use FILE    the last key becomes the first, which seals; likewise
                         12 hours later take the old line out; likewise`,
		RunE: func(_ *cobra.Command, args []string) error { return NewKey(args[0]) },
	}, &cobra.Command{
		Use: "use FILE", Short: "Seal with the last key of a file from now on", Args: program.OneArg,
		RunE: func(_ *cobra.Command, args []string) error { return UseKey(args[0]) },
	})
	return group
}

func menuCommand() *cobra.Command {
	group := &cobra.Command{Use: "menu", Short: "The menu of the official account"}
	for _, verb := range []struct {
		use, short string
		run        func(context.Context, Config, func(string)) error
	}{
		{"show", "Print the menu that configuration has, and the one that followers see", ShowMenu},
		{"apply", "Make the configured menu the one that followers see; phones take it within 5 minutes", ApplyMenu},
	} {
		c := &cobra.Command{Use: verb.use + " --config FILE", Short: verb.short, Args: cobra.NoArgs}
		path := program.WithConfig(c)
		c.RunE = func(cmd *cobra.Command, _ []string) error {
			return with(*path, func(config Config) error {
				return verb.run(cmd.Context(), config, say(cmd))
			})
		}
		group.AddCommand(c)
	}
	return group
}

func say(cmd *cobra.Command) func(string) {
	return func(text string) { _, _ = fmt.Fprintln(cmd.OutOrStdout(), text) }
}
