package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"wxswitch/switch/api/client"
)

func noticeCommand(r *remote) *cobra.Command {
	g := group("notice", "What customers are told", []string{"notices"}, noticeList(r), noticeResend(r), noticeDiscard(r))
	g.Long = `A notice is sent until the front accepts it, and again where its delivery failed.
One that the front will never take, or that failed too often, is parked and waits
for an operator: resend or discard it. What a notice says is not shown.`
	return g
}

func noticeList(r *remote) *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use: "list", Short: "List notices", Args: cobra.NoArgs,
		Example: `  switchctl notice list --state parked
  switchctl notice list --json`,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			list, err := r.notices(cmd.Context(), state)
			if err != nil {
				return err
			}
			return r.show(cmd, list, func(w io.Writer) { noticeRows(w, list) })
		}),
	}
	cmd.Flags().StringVar(&state, "state", "", "only: pending, sent, delivered, gone, parked or discarded")
	return cmd
}

// notices reads every page.
func (r *remote) notices(ctx context.Context, state string) ([]client.Notice, error) {
	params := client.ListNoticesParams{State: client.NoticeState(state), Limit: 200}
	list := []client.Notice{}
	for {
		page, err := call[client.NoticePage](r, func(c *client.Client) (*http.Response, error) {
			return c.ListNotices(ctx, &params)
		})
		if err != nil {
			return nil, err
		}
		list = append(list, page.Notices...)
		if page.Next == "" {
			return list, nil
		}
		params.After = page.Next
	}
}

func noticeRows(w io.Writer, list []client.Notice) {
	row(w, "ID", "KIND", "STATE", "CHANNEL", "SUBJECT", "ROUND", "ATTEMPTS", "CREATED", "NEXT", "ANSWER", "NOTE")
	for _, n := range list {
		row(w, n.Id, n.Kind, n.State, n.Channel, n.Subject, n.Round, n.Attempts, n.Created.Format(timeFormat), timeOf(n.Next), n.Answer, n.Note)
	}
}

// timeOf is a time in a table, empty for none.
func timeOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(timeFormat)
}

func noticeResend(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "resend ID", Short: "Send a notice at once", Args: cobra.ExactArgs(1),
		Example: `  switchctl notice resend movement-5b0c2f7de1a94c03`,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			d, err := call[client.Done](r, func(c *client.Client) (*http.Response, error) {
				return c.ResendNotice(cmd.Context(), args[0])
			})
			return r.showDone(cmd, d, err, args[0]+": to be sent at once")
		}),
	}
}

func noticeDiscard(r *remote) *cobra.Command {
	var body client.OperatorReason
	cmd := &cobra.Command{
		Use: "discard ID --reason TEXT", Short: "End a notice without telling it, with a reason", Args: cobra.ExactArgs(1),
		Example: `  switchctl notice discard movement-5b0c2f7de1a94c03 --reason "told by phone, ticket 4713"`,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			d, err := call[client.Done](r, func(c *client.Client) (*http.Response, error) {
				return c.DiscardNotice(cmd.Context(), args[0], body)
			})
			return r.showDone(cmd, d, err, args[0]+": discarded")
		}),
	}
	cmd.Flags().StringVar(&body.Reason, "reason", "", "why; kept with the notice")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func (r *remote) showDone(cmd *cobra.Command, d client.Done, err error, text string) error {
	if err != nil {
		return err
	}
	return r.show(cmd, d, func(w io.Writer) { _, _ = fmt.Fprintln(w, text) })
}
