package app

import (
	"context"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"wxswitch/switch/api/client"
)

func adviceCommand(r *remote) *cobra.Command {
	g := group("advice", "What must still be told to banks", []string{"advices"}, adviceList(r), adviceRetry(r), adviceClose(r))
	g.Long = `A transaction whose end is in doubt leaves an advice: a reversal for what counts
as not done, a completion for what is to be brought to its end. A registration
that ended at the centre leaves a release. The switch repeats an advice until the
bank acknowledges it. One whose answer nobody configured is parked and waits for
an operator: clear it up with the bank, then retry or close it.`
	return g
}

func adviceList(r *remote) *cobra.Command {
	var state, bank string
	cmd := &cobra.Command{
		Use: "list", Short: "List advices", Args: cobra.NoArgs,
		Example: `  switchctl advice list --state parked
  switchctl advice list --bank xjrcu --json`,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			list, err := r.advices(cmd.Context(), state, bank)
			if err != nil {
				return err
			}
			return r.show(cmd, list, func(w io.Writer) { adviceRows(w, list) })
		}),
	}
	cmd.Flags().StringVar(&state, "state", "", "only: pending, done, not-found, cancelled, parked or closed")
	cmd.Flags().StringVar(&bank, "bank", "", "only this bank's")
	return cmd
}

// advices reads every page.
func (r *remote) advices(ctx context.Context, state, bank string) ([]client.Advice, error) {
	params := client.ListAdvicesParams{State: client.AdviceState(state), Bank: bank, Limit: 200}
	list := []client.Advice{}
	for {
		page, err := call[client.AdvicePage](r, func(c *client.Client) (*http.Response, error) {
			return c.ListAdvices(ctx, &params)
		})
		if err != nil {
			return nil, err
		}
		list = append(list, page.Advices...)
		if page.Next == "" {
			return list, nil
		}
		params.After = page.Next
	}
}

func adviceRetry(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "retry ID", Short: "Send an advice at once", Args: cobra.ExactArgs(1),
		Example: `  switchctl advice retry 41`,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			a, err := call[client.Advice](r, func(c *client.Client) (*http.Response, error) {
				return c.RetryAdvice(cmd.Context(), args[0])
			})
			return r.showAdvice(cmd, a, err)
		}),
	}
}

func adviceClose(r *remote) *cobra.Command {
	var body client.AdviceClose
	var outcome string
	cmd := &cobra.Command{
		Use: "close ID --reason TEXT [--outcome approved|declined]", Short: "End an advice by hand, with a reason", Args: cobra.ExactArgs(1),
		Long: `Ends an advice that was cleared up with the bank by other means; nothing more is
sent. A completion's close says how its operation ended, and that takes effect
as if the bank had answered it. Any other advice's close has no outcome. One that is
on its way is not closed: the bank may be doing what it says.`,
		Example: `  switchctl advice close 41 --outcome approved --reason "confirmed by phone, ticket 4711"
  switchctl advice close 42 --reason "bank has no such operation, ticket 4712"`,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			body.Outcome = client.AdviceCloseOutcome(outcome)
			a, err := call[client.Advice](r, func(c *client.Client) (*http.Response, error) {
				return c.CloseAdvice(cmd.Context(), args[0], body)
			})
			return r.showAdvice(cmd, a, err)
		}),
	}
	cmd.Flags().StringVar(&body.Reason, "reason", "", "why; kept with the advice")
	cmd.Flags().StringVar(&outcome, "outcome", "", "how the operation ended, of a completion: approved or declined")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func (r *remote) showAdvice(cmd *cobra.Command, a client.Advice, err error) error {
	if err != nil {
		return err
	}
	return r.show(cmd, a, func(w io.Writer) { adviceRows(w, []client.Advice{a}) })
}

func adviceRows(w io.Writer, list []client.Advice) {
	row(w, "ID", "TYPE", "STATE", "BANK", "TRANSACTION", "ACCOUNT", "ATTEMPTS", "CODE", "CREATED", "NOTE")
	for _, a := range list {
		row(w, a.Id, a.Type, a.State, a.Bank, a.Transaction, "*"+a.AccountSuffix, a.Attempts, a.LastCode,
			a.Created.Format(timeFormat), a.Note)
	}
}

const timeFormat = "2006-01-02 15:04:05Z07:00" // with its offset: logs have the machine's
