package app

import (
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"wxswitch/switch/api/client"
)

func bankCommand(r *remote) *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "Show each bank's breaker, bulkhead and links", Args: cobra.NoArgs,
		Example: `  switchctl bank list`,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			l, err := call[client.BankList](r, func(c *client.Client) (*http.Response, error) {
				return c.ListBanks(cmd.Context())
			})
			if err != nil {
				return err
			}
			return r.show(cmd, l.Banks, func(w io.Writer) { bankRows(w, l.Banks) })
		}),
	}
	return group("bank", "The member banks", []string{"banks"}, list)
}

func bankRows(w io.Writer, list []client.Bank) {
	row(w, "BANK", "BREAKER", "IN FLIGHT", "QUEUED", "LINK", "STATE", "SINCE", "LAST ERROR")
	for _, b := range list {
		row(w, b.Bank, b.Breaker, fmt.Sprintf("%d/%d", b.InFlight, b.Limit), b.Queued, "", "", "", "")
		for _, l := range b.Links {
			row(w, "", "", "", "", l.Name, l.State, l.Since.Format(timeFormat), l.LastError)
		}
	}
}
