// Package switching turns a customer's request into a bank message, sends it to
// the bank that holds the account, and brings its end back. (Its folder is
// named switch, which Go keeps for itself.)
//
// # The walk
//
// [Switch.Do] is the whole of it:
//
//		route → admit → journal open → exchange → settle → journal close
//
//	  - route: the account's bank, by its number, or the one that is named where no
//	    account is; the deadline is the bank's for this type, shortened by the
//	    caller's.
//	  - admit: bulkhead, a link online, breaker. What is refused up to here sends
//	    and journals nothing and leaves the idempotency key free. A repeat waits
//	    until the first of its key (in this process) has its row, or none.
//	  - open: one durable write: the key, the type's [Effect], the row.
//	  - exchange: the bank's mux sends and waits.
//	  - settle: reply or error becomes an [Outcome].
//	  - close: a compare-and-set from open; outcome, Effect, notices, advices, all
//	    in one database transaction. Who loses answers what the row holds.
//
// # Outcomes
//
// Approved, Declined, TimedOut, Refused are the only values that callers branch
// on. Refused means provably not sent; TimedOut means in doubt, never failed.
// No outcome of a change of state is told that is not on disk: where that
// cannot be known the error is [ErrOutcomeUnknown], and repeating the same key
// learns it.
//
// # Doubt
//
// What timed out is settled by an [Advice], stored with the close and forwarded
// by package saf until the bank acknowledges it. The rules are the pure
// functions of doubt.go; the journal runs them inside its transactions:
//
//	authenticate,  counts as not done; a reversal is stored. A late approval
//	attach,        is journalled and revives nothing.
//	appointment
//	deregister,    counts as done if the bank can be brought to it; a
//	detach         completion is stored, and its answer decides. A second try
//	               by the same customer joins the first.
//	enquiries,     leave nothing to settle.
//	SMS codes
//
// A release, stored where a registration ended at the centre alone, keeps no
// other change back: it names its original and can end no later one.
//
// One change at a time runs per (bank, account), and beside a deregistration
// none of the same customer but visits; the database keeps it. A change that finds another
// unsettled waits within its deadline, then ends as Refused(settling).
//
// # Customers
//
// What a type does to the customer's state is its [Effect], which the journal
// runs in the transaction that opens or ends the row, whenever that is. What the
// customer must show for it is the request's [Proof], which no row holds. A raw
// transaction has no Effect.
//
// What a bank says by itself goes to [Switch.Incoming]: once the type's
// [Listener] has run and all it wrote is on disk, and not before, it is answered.
// A bank is heard only on accounts that are routed to it.
//
// # Recovery
//
// [Switch.Run] scans for rows whose deadline plus a grace is past and closes
// them as timed out, by the same close. It runs at start and all the time: a
// crash is only a very late timeout.
package switching
