package faults

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/api/frontapi"
	"wxswitch/switch/db"
)

// Link is an account that the switch holds to be a customer's.
type Link struct {
	Entry int64 // the transaction that registered it
	Role  string
	State string
}

// Holder is a follower, as the switch has it.
type Holder struct {
	ID, Subject, State string
	Followed           bool
	Left               bool // at any time
	Links              []Link
	Ends               []Ending
}

// Ending is one time that a follower ceased to be a customer.
type Ending struct {
	By int64 // the transaction; it may have begun before the one that it undid
	At time.Time
	// Taken: another follower took its place, rather than a deregistration.
	Taken bool
}

// Spending is one movement that a bank told of.
type Spending struct {
	Subjects []string     // who may be told: followers who are the same person
	Amount   codec.Amount // no other's
	// Must: one of them had the account, consented and followed throughout.
	Must bool
}

// Customers are the books about customers: what the switch has, what the banks
// registered, what the API shows, and what followers were told.
type Customers struct {
	Books
	Holders  []Holder
	Views    map[string]string // state by subject, as the API shows it
	Notices  map[string][]frontapi.Notice
	Spent    []Spending
	Unsent   int // notices that wait
	entries  map[int64]switching.Entry
	entryOf  map[string]switching.Entry // by bank and RRN
	standing map[string]bool            // banks and RRNs that are registered
	wrong    []string
}

// ReadCustomers reads every customer of a switch's database.
func ReadCustomers(ctx context.Context, d *db.DB) (all []Holder, unsent int, err error) {
	err = d.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		by := make(map[string]*Holder)
		err := each(ctx, tx, `SELECT id, subject, state, followed FROM customer`, func(scan func(...any) error) error {
			var h Holder
			err := scan(&h.ID, &h.Subject, &h.State, &h.Followed)
			by[h.ID] = &h
			return err
		})
		if err != nil {
			return err
		}
		err = each(ctx, tx, `SELECT customer, entry, role, state FROM link WHERE state <> 'ended'`, func(scan func(...any) error) error {
			var id string
			var l Link
			err := scan(&id, &l.Entry, &l.Role, &l.State)
			by[id].Links = append(by[id].Links, l)
			return err
		})
		if err != nil {
			return err
		}
		err = each(ctx, tx, `SELECT customer, event, entry, at FROM customer_history
			WHERE event = 'unfollow' OR from_state <> to_state AND to_state IN ('deregistered', 'superseded')`, func(scan func(...any) error) error {
			var id, event string
			var entry, at int64
			err := scan(&id, &event, &entry, &at)
			switch event {
			case "unfollow":
				by[id].Left = true
			case "authenticate-ended": // back to what it was
			default:
				by[id].Ends = append(by[id].Ends, Ending{entry, time.UnixMilli(at), event == "superseded"})
			}
			return err
		})
		for _, h := range by {
			all = append(all, *h)
		}
		if err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM notice WHERE state IN ('pending', 'parked')`).Scan(&unsent)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("customers: %w", err)
	}
	return all, unsent, nil
}

// each runs fn for every row of a query.
func each(ctx context.Context, tx db.Tx, query string, fn func(scan func(...any) error) error) error {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		if err := fn(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (c *Customers) fail(format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

// CompareCustomers returns what does not agree about customers, a line each;
// none is well. Nothing is to be in doubt any more.
func (c Customers) CompareCustomers() []string {
	c.entries, c.entryOf, c.standing = make(map[int64]switching.Entry), make(map[string]switching.Entry), make(map[string]bool)
	for _, e := range c.Rows {
		c.entries[e.ID] = e
		if e.Joins == 0 {
			c.entryOf[e.Bank+" "+string(e.RRN)] = e
		}
	}
	for bank, l := range c.Banks {
		for _, r := range l.Registrations {
			if r.Ended == "" {
				c.standing[bank+" "+string(r.RRN)] = true
			}
		}
	}
	if c.Unsent > 0 {
		c.fail("%d notices wait or are parked", c.Unsent)
	}
	for _, h := range c.Holders {
		c.checkHolder(h)
		c.checkNotices(h)
	}
	for _, bank := range slices.Sorted(maps.Keys(c.Banks)) {
		for _, r := range c.Banks[bank].Registrations {
			if r.Ended == "" {
				c.checkRegistration(bank, r)
			}
		}
	}
	for _, s := range c.Spent {
		c.checkSpending(s)
	}
	return c.wrong
}

// checkHolder: no customer is half-made, and each of its accounts is registered
// at its bank, by its own number.
func (c *Customers) checkHolder(h Holder) {
	if view, shown := c.Views[h.Subject]; shown && view != h.State {
		c.fail("%s: the API shows %s, and it is %s", h.Subject, view, h.State)
	}
	primaries := 0
	for _, l := range h.Links {
		if l.Role == "primary" {
			primaries++
		}
		if l.State != "active" {
			c.fail("%s: a link is still %s", h.Subject, l.State)
		}
		e := c.entries[l.Entry]
		if e.Customer != h.ID || e.Standing != switching.Approved || e.Type != codec.Authenticate && e.Type != codec.Attach {
			c.fail("%s: a link came of %d, a %s that is %s", h.Subject, l.Entry, e.Type, e.Standing)
		}
		if !c.standing[e.Bank+" "+string(e.RRN)] {
			c.fail("%s: a link of %d is not registered at %s", h.Subject, l.Entry, e.Bank)
		}
	}
	switch h.State {
	case "authenticated":
		if primaries != 1 {
			c.fail("%s: authenticated, with %d primary accounts", h.Subject, primaries)
		}
	case "unknown", "deregistered", "superseded":
		if len(h.Links) > 0 {
			c.fail("%s: %s, with %d links", h.Subject, h.State, len(h.Links))
		}
	default:
		c.fail("%s: still %s", h.Subject, h.State)
	}
}

// checkRegistration: somebody has the account by this registration or a later
// one, or somebody took its holder's place since.
func (c *Customers) checkRegistration(bank string, r sim.Registration) {
	e, ok := c.entryOf[bank+" "+string(r.RRN)]
	if !ok || e.Account != c.Banks[bank].People[r.Person].Accounts[r.Index].Number {
		c.fail("%s: RRN %s is registered, and the journal has no such row of the account", bank, r.RRN)
		return
	}
	for _, h := range c.Holders {
		for _, l := range h.Links {
			held := c.entries[l.Entry]
			if held.Bank == bank && held.Account == e.Account && l.Entry >= e.ID {
				return
			}
		}
		if h.ID == e.Customer && slices.ContainsFunc(h.Ends, func(t Ending) bool { return t.Taken && !t.At.Before(e.Ended) }) {
			return
		}
	}
	c.fail("%s: RRN %s is registered, and nobody has the account", bank, r.RRN)
}

// checkNotices: a customer is told of each end that came after it had heard
// another, of whoever took its place, and of nothing else. What waits to be told
// to one who leaves or ceases to be a customer is dropped.
func (c *Customers) checkNotices(h Holder) {
	due := make(map[string]bool) // and whether it must be told
	must := func(by int64, at time.Time) bool {
		return !h.Left && !slices.ContainsFunc(h.Ends, func(t Ending) bool { return t.By != by && !t.At.Before(at) })
	}
	for _, e := range c.Rows {
		if id := lateNotice(e); id != "" && e.Customer == h.ID && e.Joins == 0 {
			due[id] = e.End.Outcome == switching.TimedOut && must(e.ID, e.Opened)
		}
	}
	for _, t := range h.Ends {
		if t.Taken {
			due[fmt.Sprintf("superseded-%d", t.By)] = must(t.By, t.At)
		}
	}
	told := make(map[string]int)
	for _, n := range c.Notices[h.Subject] {
		told[n.Id]++
		if told[n.Id] > 1 && n.Round == 1 {
			c.fail("%s: told %s twice", h.Subject, n.Id)
		}
		if _, ok := due[n.Id]; !ok && n.Kind != "movement" {
			c.fail("%s: told %s, and there was no such end", h.Subject, n.Id)
		}
	}
	for id, must := range due {
		if must && told[id] == 0 {
			c.fail("%s: never told %s", h.Subject, id)
		}
	}
}

// lateNotice is the notice of how a row stands that its customer heard to have timed
// out, or for whose end perhaps nobody waited; empty for none.
func lateNotice(e switching.Entry) string {
	kinds := map[codec.Type][2]string{codec.Deregister: {"deregistered", "restored"}, codec.Detach: {"detached", "attached"}}[e.Type]
	switch {
	case kinds[0] == "" || e.Open || e.End.Outcome == switching.Refused:
		return ""
	case e.Standing == switching.Approved:
		return fmt.Sprintf("%s-%d", kinds[0], e.ID)
	}
	return fmt.Sprintf("%s-%d", kinds[1], e.ID)
}

func (c *Customers) checkSpending(s Spending) {
	n := 0
	for subject, list := range c.Notices {
		for _, told := range list {
			if told.Kind != "movement" || told.Data["amount"] != fmt.Sprint(int64(s.Amount)) {
				continue
			}
			if n++; !slices.Contains(s.Subjects, subject) {
				c.fail("%s was told what %s spent", subject, s.Subjects)
			}
		}
	}
	if n > 1 || n == 0 && s.Must {
		c.fail("%s: told %d times of %d", s.Subjects, n, s.Amount)
	}
}
