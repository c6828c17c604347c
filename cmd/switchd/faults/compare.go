package faults

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/codec"
	switching "wxswitch/switch"
)

// codeNotRegistered is F39 of a deregistration that found nothing to end: the
// dialects that ship take it for approved.
const codeNotRegistered = "25"

// deed is what a bank did under one RRN.
type deed struct {
	effects  []string // registered, deregistered, reversed; in order
	released bool     // what it registered ended by a release
	arrived  bool
	answers  []string // F39 by part
	called   bool
	from, to time.Time // between these the bank's core worked on it
}

// stands reports whether the bank did it and has not taken it back.
func (d *deed) stands(what string) bool {
	return d != nil && len(d.effects) == 1 && d.effects[0] == what
}

// nothing reports whether the bank did nothing that it has not taken back.
func (d *deed) nothing() bool {
	return d == nil || len(d.effects) == 0 || d.effects[len(d.effects)-1] == "reversed"
}

type comparison struct {
	Books
	wrong   []string
	rows    map[int64]switching.Entry
	advices map[int64]switching.Advice // by entry; not releases
	release map[int64]bool             // by entry: one was stored
	deeds   map[string]map[codec.RRN]*deed
	owners  map[string]map[codec.Account]owner
}

type owner struct {
	holder  string
	balance codec.Amount
}

// Compare returns what does not agree, a line each, nothing secret in it; none
// is well. Of what an operator closed the bank may know otherwise: it stands as he
// said, and that is all.
func (b Books) Compare() []string {
	c := &comparison{
		Books: b, rows: make(map[int64]switching.Entry), advices: make(map[int64]switching.Advice), release: make(map[int64]bool),
		deeds: make(map[string]map[codec.RRN]*deed), owners: make(map[string]map[codec.Account]owner),
	}
	for _, e := range b.Rows {
		c.rows[e.ID] = e
	}
	for _, a := range b.Advices {
		if a.Type == codec.Release {
			c.release[a.Entry.ID] = true
			continue
		}
		c.advices[a.Entry.ID] = a
	}
	for name, l := range b.Banks {
		c.readBank(name, l)
	}
	c.checkTold()
	c.checkKeys()
	for _, e := range b.Rows {
		c.checkRow(e)
	}
	c.checkAdvices()
	for name, l := range b.Banks {
		c.checkBank(name, l)
	}
	c.checkOneAtATime()
	return c.wrong
}

func (c *comparison) fail(format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

func (c *comparison) readBank(name string, l Ledger) {
	deeds := make(map[codec.RRN]*deed)
	of := func(r codec.RRN) *deed {
		if deeds[r] == nil {
			deeds[r] = &deed{}
		}
		return deeds[r]
	}
	for _, a := range l.Arrivals {
		d := of(a.RRN)
		d.arrived = true
		if a.Called && (!d.called || a.At.Before(d.from)) {
			d.called, d.from = true, a.At
		}
	}
	for _, r := range l.Records {
		if r.Part == string(codec.Release) { // of an operation that ended long ago
			continue
		}
		d := of(r.RRN)
		d.answers = append(d.answers, r.Answer)
		if r.Ended.After(d.to) {
			d.to = r.Ended
		}
	}
	for _, e := range l.Effects {
		d := of(e.RRN)
		if e.What == "released" {
			d.released = true
			continue
		}
		d.effects = append(d.effects, e.What)
	}
	c.deeds[name] = deeds
	c.owners[name] = owners(l.People)
}

func owners(people []sim.Person) map[codec.Account]owner {
	m := make(map[codec.Account]owner)
	for _, p := range people {
		for _, a := range p.Accounts {
			m[a.Number] = owner{p.Holder, a.Balance}
		}
	}
	return m
}

func (c *comparison) checkRow(e switching.Entry) {
	if e.Open {
		if e.Deadline.Before(c.Settled) {
			c.fail("%d: %s still open long after its deadline", e.ID, e.Type)
		}
		return
	}
	if a, ok := c.advices[operationOf(e)]; ok && a.State == switching.AdviceClosed {
		c.checkClosed(e, a)
		return
	}
	d := c.deeds[e.Bank][e.RRN]
	if d != nil && d.released && !c.release[e.ID] {
		c.fail("%d: %s was released, and no release was stored", e.ID, e.Type)
	}
	outcome := e.End.Outcome
	if e.Standing != outcome && e.Standing != switching.TimedOut {
		outcome = e.Standing
	}
	switch outcome {
	case switching.Approved:
		c.checkApproved(e, d)
	case switching.Declined:
		if !d.nothing() {
			c.fail("%d: %s declined, and the bank did it: %v", e.ID, e.Type, d.effects)
		}
		if d == nil || !d.arrived {
			c.fail("%d: %s declined, and the bank never saw it", e.ID, e.Type)
		}
	case switching.TimedOut:
		c.checkTimedOut(e, d)
	case switching.Refused:
		if e.Joins == 0 && d != nil {
			c.fail("%d: %s refused (%s), and the bank saw it", e.ID, e.Type, e.End.Reason)
		}
	}
}

// checkClosed: what had a reversal stays in doubt, whoever ended that. What had a
// completion stands as the operator said, where that is known. But a late approval
// counts for more than his decline, unless the account was registered anew.
func (c *comparison) checkClosed(e switching.Entry, a switching.Advice) {
	said, known := c.Closed[e.ID]
	var ok bool
	switch {
	case a.Type == codec.Reversal:
		ok = e.Standing == switching.TimedOut
	case e.Joins != 0:
		ok = e.End.Outcome != switching.Approved || c.rows[e.Joins].Standing == switching.Approved
	case said == switching.Declined && e.Late == codec.Approved:
		if ok = e.Standing == switching.Approved; ok {
			c.checkApproved(e, c.deeds[e.Bank][e.RRN])
		} else {
			ok = e.Standing == said && c.registeredAfter(e)
		}
	default:
		ok = e.Standing == said || !known
	}
	if !ok {
		c.fail("%d: %s ended %s, stands as %s and joins %d; the operator said %q, and the bank late: %s",
			e.ID, e.Type, e.End.Outcome, e.Standing, e.Joins, said, e.Late)
	}
}

func (c *comparison) registeredAfter(e switching.Entry) bool {
	return slices.ContainsFunc(c.Rows, func(o switching.Entry) bool {
		return o.Type.Doubt() == codec.Reversal && o.Bank == e.Bank && o.Account == e.Account && o.Standing == switching.Approved && o.ID > e.ID
	})
}

func (c *comparison) checkApproved(e switching.Entry, d *deed) {
	ok := d != nil && d.arrived
	switch e.Type {
	case codec.Authenticate, codec.Attach:
		ok = d.stands("registered")
	case codec.Deregister, codec.Detach:
		ok = d.stands("deregistered") ||
			d != nil && len(d.effects) == 0 && slices.Contains(d.answers, codeNotRegistered)
	}
	if !ok {
		c.fail("%d: %s approved, and the bank did not do it (%+v)", e.ID, e.Type, d)
	}
}

// checkTimedOut: what the caller heard was in doubt, and how that ended.
func (c *comparison) checkTimedOut(e switching.Entry, d *deed) {
	switch e.Type.Doubt() {
	case codec.Reversal:
		if !d.nothing() {
			c.fail("%d: %s timed out, and still stands at the bank: %v", e.ID, e.Type, d.effects)
		}
	case codec.Completion:
		root := c.rows[operationOf(e)]
		if root.Standing == switching.TimedOut {
			c.fail("%d: %s timed out, and is neither done nor declined in the end", e.ID, e.Type)
		}
	default:
		return
	}
	if _, ok := c.advices[operationOf(e)]; !ok && e.Standing == switching.TimedOut && e.Joins == 0 {
		c.fail("%d: %s timed out, and no advice was stored", e.ID, e.Type)
	}
}

func operationOf(e switching.Entry) int64 {
	if e.Joins != 0 {
		return e.Joins
	}
	return e.ID
}

func (c *comparison) checkAdvices() {
	for _, a := range c.Advices {
		if a.State.Settles() {
			c.fail("advice %d: %s of %d is still %s after %d attempts", a.ID, a.Type, a.Entry.ID, a.State, a.Attempts)
		}
	}
}

// checkBank: nothing was sent without a row, no sending's number was used
// twice, and nothing was done twice.
func (c *comparison) checkBank(name string, l Ledger) {
	type sending struct {
		stan codec.STAN
		sent codec.Stamp
	}
	seen := make(map[sending]codec.RRN)
	for _, a := range l.Arrivals {
		id, _ := a.RRN.Number()
		if e, ok := c.rows[id]; !ok || e.Bank != name {
			c.fail("%s: RRN %s arrived, and the journal has no row of it", name, a.RRN)
		}
		s := sending{a.STAN, a.Sent}
		if earlier, twice := seen[s]; twice {
			c.fail("%s: STAN %s of %s was used for RRN %s and RRN %s", name, a.STAN, a.Sent, earlier, a.RRN)
		}
		seen[s] = a.RRN
	}
	for rrn, d := range c.deeds[name] {
		if n := len(d.effects); n > 2 || n == 2 && (d.effects[0] == "reversed" || d.effects[1] != "reversed") ||
			n == 1 && d.effects[0] == "reversed" {
			c.fail("%s: RRN %s was done twice: %v", name, rrn, d.effects)
		}
	}
	standing := make(map[codec.RRN]int)
	for _, r := range l.Registrations {
		if standing[r.RRN]++; standing[r.RRN] > 1 {
			c.fail("%s: RRN %s registered twice", name, r.RRN)
		}
	}
}

// checkOneAtATime: the bank's core never worked on two changes of one account,
// nor on a deregistration beside another change of its customer.
func (c *comparison) checkOneAtATime() {
	groups := make(map[string][]switching.Entry)
	for _, e := range c.Rows {
		if d := c.deeds[e.Bank][e.RRN]; e.Type.Class() != codec.Change || e.Joins != 0 || d == nil || !d.called {
			continue
		}
		if !e.Account.IsZero() {
			account := "account " + e.Bank + " " + e.Account.Reveal()
			groups[account] = append(groups[account], e)
		}
		if e.Customer != "" {
			groups["customer "+e.Customer] = append(groups["customer "+e.Customer], e)
		}
	}
	for _, g := range groups {
		c.checkOrder(g)
	}
}

func (c *comparison) checkOrder(g []switching.Entry) {
	of := func(e switching.Entry) *deed { return c.deeds[e.Bank][e.RRN] }
	slices.SortFunc(g, func(a, b switching.Entry) int {
		return cmp.Or(of(a).from.Compare(of(b).from), of(a).to.Compare(of(b).to))
	})
	for i, e := range g {
		for _, before := range g[:i] {
			apart := e.Account != before.Account && e.Type != codec.Deregister && before.Type != codec.Deregister
			if !apart && of(e).from.Before(of(before).to) {
				c.fail("%d and %d: two changes at one time: %s until %s, %s from %s", before.ID, e.ID,
					before.Type, of(before).to.Format(time.StampMilli), e.Type, of(e).from.Format(time.StampMilli))
			}
		}
	}
}
