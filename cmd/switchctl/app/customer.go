package app

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"wxswitch/switch/api/client"
)

func customerCommand(r *remote) *cobra.Command {
	g := group("customer", "A customer: look, freeze, release", []string{"customers"}, customerShow(r), customerFreeze(r), customerRelease(r))
	g.Long = `Shows what is known of a customer, but never a secret nor a whole account. A
customer that is frozen can do nothing until it is released; both stand in its
history with the operator's client id and the reason.`
	return g
}

func customerShow(r *remote) *cobra.Command {
	var body client.CustomerQuestion
	cmd := &cobra.Command{
		Use: "show ID | show --channel NAME --subject ID", Short: "Show a customer, by its id or its follower", Args: cobra.MaximumNArgs(1),
		Example: `  switchctl customer show 3q2-7wTB0mNf5yR1cVhKpA
  switchctl customer show --channel wechat --subject oLVPpjqs9BhvzwPj5A-vTYAX3GLc`,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				body.Customer = args[0]
			}
			if (body.Customer != "") == (body.Channel != "" && body.Subject != "") {
				return &failure{exitUsage, errors.New("a customer's id, or --channel and --subject")}
			}
			c, err := call[client.Customer](r, func(c *client.Client) (*http.Response, error) {
				return c.ShowCustomer(cmd.Context(), body)
			})
			return r.showCustomer(cmd, c, err)
		}),
	}
	cmd.Flags().StringVar(&body.Channel, "channel", "", "the follower's channel")
	cmd.Flags().StringVar(&body.Subject, "subject", "", "the follower's subject")
	return cmd
}

func customerFreeze(r *remote) *cobra.Command {
	var body client.OperatorReason
	cmd := &cobra.Command{
		Use: "freeze ID --reason TEXT", Short: "Let a customer do nothing, with a reason", Args: cobra.ExactArgs(1),
		Long: `Ends the customer's sessions and refuses what it tries until it is released.
What is in flight at a bank goes on. One that is frozen already stays so.`,
		Example: `  switchctl customer freeze 3q2-7wTB0mNf5yR1cVhKpA --reason "phone stolen, ticket 4714"`,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			c, err := call[client.Customer](r, func(c *client.Client) (*http.Response, error) {
				return c.FreezeCustomer(cmd.Context(), args[0], body)
			})
			return r.showCustomer(cmd, c, err)
		}),
	}
	return withReason(cmd, &body)
}

func customerRelease(r *remote) *cobra.Command {
	var body client.OperatorReason
	cmd := &cobra.Command{
		Use: "release ID --reason TEXT", Short: "End a freeze, with a reason", Args: cobra.ExactArgs(1),
		Example: `  switchctl customer release 3q2-7wTB0mNf5yR1cVhKpA --reason "identity shown at the counter, ticket 4714"`,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			c, err := call[client.Customer](r, func(c *client.Client) (*http.Response, error) {
				return c.ReleaseCustomer(cmd.Context(), args[0], body)
			})
			return r.showCustomer(cmd, c, err)
		}),
	}
	return withReason(cmd, &body)
}

func withReason(cmd *cobra.Command, body *client.OperatorReason) *cobra.Command {
	cmd.Flags().StringVar(&body.Reason, "reason", "", "why; kept in the customer's history")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func (r *remote) showCustomer(cmd *cobra.Command, c client.Customer, err error) error {
	if err != nil {
		return err
	}
	return r.show(cmd, c, func(w io.Writer) { customerRows(w, c) })
}

func customerRows(w io.Writer, c client.Customer) {
	row(w, "ID", "CHANNEL", "SUBJECT", "STATE", "FROZEN", "FOLLOWED", "NOTICES", "SESSIONS", "LOGIN", "PAYMENT")
	row(w, c.Id, c.Channel, c.Subject, c.State, c.Frozen, c.Followed, c.Notices, c.Sessions, passwordText(c.Login), passwordText(c.Payment))
	row(w)
	row(w, "LINK", "BANK", "ACCOUNT", "ROLE", "STATE", "TRANSACTION")
	for _, l := range c.Links {
		row(w, l.Id, l.Bank, "*"+l.Suffix, l.Role, l.State, l.Transaction)
	}
	row(w)
	row(w, "CODE FOR", "BANK", "STATE", "SENT", "WRONG", "TRANSACTION")
	for _, k := range c.Codes {
		row(w, k.Purpose, k.Bank, k.State, k.Sent.Format(timeFormat), k.Wrong, k.Transaction)
	}
	row(w)
	row(w, "AT", "EVENT", "FROM", "TO", "TRANSACTION", "WHO", "NOTE")
	for _, e := range c.History {
		row(w, e.At.Format(timeFormat), e.Event, e.From, e.To, e.Transaction, e.Who, e.Note)
	}
}

func passwordText(p client.PasswordState) string {
	switch {
	case !p.Set:
		return "none"
	case p.LockedUntil != nil:
		return "locked until " + p.LockedUntil.Format(timeFormat)
	case p.Wrong > 0:
		return fmt.Sprintf("set, %d wrong", p.Wrong)
	}
	return "set"
}
