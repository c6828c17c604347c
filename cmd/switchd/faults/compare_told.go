package faults

import (
	"bytes"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// checkTold: what a caller heard is what the row holds, of his own account, and
// one key never made two transactions.
func (c *comparison) checkTold() {
	keys := make(map[string]int64)
	for _, t := range c.Told {
		if t.ID == 0 {
			if t.Outcome != switching.Refused && t.Outcome != "" {
				c.fail("key %s: told %s without a transaction", t.Key, t.Outcome)
			}
			continue
		}
		e, ok := c.rows[t.ID]
		if !ok {
			c.fail("%d: told %s, and the journal has no such row", t.ID, t.Outcome)
			continue
		}
		if freed := e.KeyHash == nil && e.End.Outcome == switching.Refused; !freed && t.Key != "" && !bytes.Equal(e.KeyHash, c.KeyHash(t.Key)) {
			c.fail("%d: told of another key's transaction", t.ID)
		}
		if e.RRN != t.RRN && t.RRN != "" || e.Type != t.Type || e.Bank != t.Bank || e.Account != t.Account {
			c.fail("%d: told of another's transaction", t.ID)
		}
		c.checkOutcome(t, e)
		c.checkOwner(t)
		if earlier, known := keys[t.Key]; known && t.Key != "" && earlier != t.ID && t.Outcome != switching.Refused {
			c.fail("key %s: made the transactions %d and %d", t.Key, earlier, t.ID)
		} else if t.Outcome != switching.Refused {
			keys[t.Key] = t.ID
		}
	}
}

// unsent are the problems that are no outcome, and by which nothing was sent for
// this call. unread are the refusals that know nothing of the key's row.
var (
	unsent = map[string]bool{"in-progress": true, "idempotency-key-reused": true}
	unread = map[string]bool{"journal": true, "busy": true}
)

// checkKeys: a key's row is of a call that was not told that nothing was sent for
// it, and no later call with the key was told so. An earlier one may have been: a
// refusal leaves the key free.
func (c *comparison) checkKeys() {
	calls := make(map[string][]Told)
	for _, t := range c.Told {
		if t.Key != "" {
			hash := string(c.KeyHash(t.Key))
			calls[hash] = append(calls[hash], t)
		}
	}
	for _, e := range c.Rows {
		of := calls[string(e.KeyHash)]
		opened := len(of) == 0
		for _, t := range of {
			later := t.Began.Truncate(time.Millisecond).After(e.Opened) // which the journal keeps so
			refused := t.Outcome == switching.Refused && t.ID == 0
			opened = opened || !later && !refused && !unsent[t.Problem]
			if later && refused && !unread[t.Problem] {
				c.fail("%d: %s opened, and then its key was told refused (%s)", e.ID, e.Type, t.Problem)
			}
		}
		if !opened {
			c.fail("%d: %s opened, and each call of its key was told that nothing was sent", e.ID, e.Type)
		}
	}
}

// checkOutcome: an enquiry may be closed after its answer, so that a crash
// leaves its row to the scan; nothing of a change may differ.
func (c *comparison) checkOutcome(t Told, e switching.Entry) {
	if e.Type.Class() == codec.Enquiry && (e.Open || e.End.Reason == switching.ReasonRecovered) {
		return
	}
	if e.Open || e.End.Outcome != t.Outcome || e.End.Code != t.Code {
		c.fail("%d: told %s %q, the row holds %s %q (open %t)", t.ID, t.Outcome, t.Code, e.End.Outcome, e.End.Code, e.Open)
	}
}

func (c *comparison) checkOwner(t Told) {
	o, known := c.owners[t.Bank][t.Account]
	if !known {
		c.fail("%d: the bank has no such account", t.ID)
		return
	}
	if t.Holder != "" && t.Holder != o.holder {
		c.fail("%d: told another's holder", t.ID)
	}
	if t.Balance != nil && *t.Balance != int64(o.balance) {
		c.fail("%d: told another's balance", t.ID)
	}
}
