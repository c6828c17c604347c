// Package banks talks to member banks.
//
// A [Bank] is one member bank as the switch sees it: a bulkhead, a circuit
// breaker, a [Mux] that pairs replies with requests, and a [Transport] that
// carries bytes. Over TCP the transport is a set of links, each a state machine
// (dial → sign-on → online → draining); any online link may carry a request and
// any may bring its reply.
//
//	permit, err := bank.Admit()                 // *NotSent: nothing was sent
//	reply, err := permit.Exchange(ctx, message, deadline)
//
// An exchange ends in one of three ways, which are three values:
//
//   - a [Reply]: the bank answered, and what its code means;
//   - a [*NotSent] error: provably no byte was handed to a socket;
//   - an [*InDoubt] error: sent, or perhaps sent, and no clear answer in time.
//
// A request waits in the bank's queue, of bounded length, for a link to take
// it: queued → writing by one compare-and-set. A deadline that wins while it is
// queued ends it as NotSent; a link that fails before taking it leaves it to
// the next. Once taken it counts as sent, whatever the write returned.
//
// The order of events that may lose a reply: a link drops after the write. The
// request stays in the mux until its deadline, since the reply may come over
// another link. A reply that finds no waiter goes to [Handler].Late.
package banks
