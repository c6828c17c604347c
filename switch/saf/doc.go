// Package saf stores and forwards: it sends the advices that the journal holds
// until their banks acknowledge them.
//
//	f := saf.New(saf.Options{Store: journal, Switch: sw, Numbers: numbers})
//	go f.Run(ctx)          // one loop a bank
//	f.Wake("wlmq", 0)      // something is due
//	f.Wake("wlmq", entry)  // and this entry's advice is due now, whatever its back-off
//
// An advice is claimed in the database before it is sent, and the attempt is
// counted then: a crash after it is a sending without an answer. At most
// two of one bank are on their way; of one account only the oldest
// pending one, so that advices of an account arrive in order, and one that
// fails holds up nobody else. Silence puts it off by the journal's back-off. What
// the bank's links, breaker or bulkhead refuse was not sent and is no attempt.
// An advice never expires; one whose answer nobody configured or contradicts the
// bank's own approval, or that the bank's dialect cannot write, is parked for an
// operator.
package saf
