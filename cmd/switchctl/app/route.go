package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"wxswitch/codec"
	"wxswitch/routing"
	"wxswitch/switch/api/client"
)

func routeCommand(r *remote) *cobra.Command {
	return group("route", "Which bank holds an account", nil, routeExplain(r))
}

func routeExplain(r *remote) *cobra.Command {
	var bank, file string
	cmd := &cobra.Command{
		Use: "explain ACCOUNT|-", Short: "Say which bank holds an account, and by which rule", Args: cobra.ExactArgs(1),
		Long: `Says which rule of the route table wins for an account, and why the others lose.
Asks the running switch, or with --routes reads a file and asks nobody.

An account in an argument stands in the shell's history: - reads it from
standard input.

Exit code 1: the account has no route.`,
		Example: `  echo 6210081234567892 | switchctl route explain -
  switchctl route explain 30000000000000017 --bank xjrcu
  switchctl route explain 6210081234567892 --routes testdata/bins/xinjiang.yaml`,
		RunE: run(func(cmd *cobra.Command, args []string) (err error) {
			q := client.RouteQuestion{Bank: bank}
			if q.Account, err = accountOf(args[0], cmd.InOrStdin()); err != nil {
				return err
			}
			var e client.RouteExplanation
			if file != "" {
				e, err = explainFrom(file, q)
			} else {
				e, err = r.explain(cmd.Context(), q)
			}
			return r.showExplanation(cmd, e, err)
		}),
	}
	cmd.Flags().StringVar(&bank, "bank", "", "the bank that the customer chose")
	cmd.Flags().StringVar(&file, "routes", "", "read this route file and ask no switch")
	return cmd
}

func accountOf(argument string, in io.Reader) (string, error) {
	if argument != "-" {
		return argument, nil
	}
	line, err := bufio.NewReader(io.LimitReader(in, 256)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("account: %w", err)
	}
	return strings.TrimSpace(line), nil
}

func (r *remote) explain(ctx context.Context, q client.RouteQuestion) (client.RouteExplanation, error) {
	return call[client.RouteExplanation](r, func(c *client.Client) (*http.Response, error) {
		return c.ExplainRoute(ctx, q)
	})
}

// explainFrom explains by a file's rules, as a switch would that has every bank
// which the file names.
func explainFrom(path string, q client.RouteQuestion) (e client.RouteExplanation, err error) {
	table, err := routing.Load(path, nil)
	if err != nil {
		return e, err
	}
	// The API's explanation is this one, field by field.
	text, err := json.Marshal(table.Explain(codec.NewAccount(q.Account), routing.Bank(q.Bank)))
	if err != nil {
		return e, err
	}
	return e, json.Unmarshal(text, &e)
}

// showExplanation shows it whole, then fails where there is no route.
func (r *remote) showExplanation(cmd *cobra.Command, e client.RouteExplanation, err error) error {
	if err != nil {
		return err
	}
	if err := r.show(cmd, e, func(w io.Writer) { explanationRows(w, e) }); err != nil || e.Reason == "" {
		return err
	}
	return fmt.Errorf("no route: %s", e.Reason)
}

func explanationRows(w io.Writer, e client.RouteExplanation) {
	row(w, fmt.Sprintf("account %s (%d digits), table %s: %s", e.Account, e.Digits, e.Table, e.Why))
	for _, v := range e.Rules {
		mark := "lost"
		if v.Won {
			mark = "won"
		}
		row(w, "  "+mark, v.At, v.Kind, v.Prefix, fmt.Sprint(v.Lengths), v.Bank, v.Why)
	}
}

func routesCommand(r *remote) *cobra.Command {
	reload := &cobra.Command{
		Use: "reload", Short: "Let the switch read its files of routes and places again", Args: cobra.NoArgs,
		Long: `The files are checked whole before they replace the tables in use, while traffic
flows; where one is bad, nothing changes, and it is reported line by line.`,
		Example: `  switchctl routes reload`,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			t, err := call[client.RouteTable](r, func(c *client.Client) (*http.Response, error) {
				return c.ReloadRoutes(cmd.Context())
			})
			if err != nil {
				return err
			}
			return r.show(cmd, t, func(w io.Writer) { row(w, fmt.Sprintf("table %s in use, %d rules", t.Version, t.Rules)) })
		}),
	}
	return group("routes", "The route table in use", nil, reload)
}
