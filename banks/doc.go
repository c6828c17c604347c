// Package banks talks to member banks.
//
// A [Bank] is one member bank as the switch sees it: a bulkhead, a circuit
// breaker, a mux that pairs replies with requests, and a transport that carries
// bytes. Over TCP the transport is a set of links, each a state machine
// (dial → sign-on → online → draining); any online link may carry a request and
// any may bring its reply.
//
//	bank, err := banks.New(cfg, dialect, handler, banks.Options{Numbers: numbers, Log: log})
//	go bank.Run(ctx)                            // its caller waits for it
//
//	permit, err := bank.Admit()                 // *NotSent: nothing was sent
//	defer permit.Release()                      // nothing, once exchanged
//	reply, err := permit.Exchange(message, deadline)
//
// An exchange ends in one of three ways, which are three values:
//
//   - a [Reply]: the bank answered, and what its code means;
//   - a [*NotSent] error: provably no byte was handed to a socket;
//   - an [*InDoubt] error: sent, or perhaps sent, and no clear answer in time.
//
// # The way of a request
//
// The caller's goroutine packs the message, registers its pair in the mux (the
// same pair in flight is refused), and puts it into the bank's queue, of bounded
// length; then it waits on its own timer. The writer of any online link takes
// it: queued → writing by one compare-and-set. A deadline that wins while it is
// queued ends it as NotSent; a link that fails before taking it leaves it to
// the next. Once taken it counts as sent, whatever the write returned. A writer
// puts whatever waits (64 messages or 64 KiB) into one write. A peer that does
// not read trips the link's write deadline and holds no caller.
//
// The order of events that may lose a reply: a link drops after the write. The
// request stays in the mux until its deadline, since the reply may come over
// another link. A reply that finds no waiter goes to [Handler].Late, by 32
// workers and a queue of 1024; what comes when that is full is dropped and
// counted. The mux keeps no memory of what it has ended: whether a late reply
// belongs to anything, the journal knows.
//
// A link that brings garbage, a length outside the format, or eight unreadable
// messages in a row is dropped and dialled anew, at the next of its addresses
// unless it had held for BackoffMax. One message that is well framed and cannot
// be read is counted, and the link stays.
//
// # What a bank must do
//
// Package adapter does it; this is for a bank that speaks for itself. What stands in
// which field, its dialect says, and what it means, codec/field.go and codec/types.go.
//
//   - Links: we dial, sign on (where sign_on says so), and echo a link that brought
//     nothing for echo_idle. A link may bring an answer to what came by another. The bank
//     may echo, sign on and sign off. After its sign-off the link takes no request and
//     still brings answers; what neither signs on again nor closes within the longest
//     of the bank's deadlines is dialled anew.
//   - Answers: MTI by the request's type, the same for a repeat (0401: 0410). The fields
//     of the dialect's pairing as they were asked, F7 too, which is not the bank's clock.
//     RRN and account likewise, where they stand. Fields beside those listed may come if
//     the dialect knows them. An answer that breaks a rule and can be paired ends the
//     request as timed-out, bad-reply; the rule is the cause in its line of the log.
//     Any other is an "unreadable message" there, or a "reply to nothing that was sent".
//   - Once: acquirer (F32), RRN (F37) and processing code (F3) name an operation; a
//     repeat, a reversal and a completion bear them, with a STAN (F11) and time (F7) of
//     their own, and may be the first that the bank sees of it. What is answered is the
//     table of package adapter. A bank that cannot begin, or does not know how it ended,
//     does not answer, or with a code of in-doubt or retry: a decline is believed.
//   - What the bank says by itself (0220): acquirer, STAN and time name a message for 60
//     days. It is repeated, as 0221 or 0220 and else unchanged, until it is answered: 00
//     it is on disk; 14 the account is not routed to the bank; 40 we do not take that;
//     94 the names are another message's. What cannot be stored now, or read, is not
//     answered, nor what finds 1,024 others waiting, nor an event of an account that
//     is being registered. Every event ends the account at the centre, a lost card's
//     too, and a primary account the customer's registration. It names none: one that
//     an approval of the bank's own has overtaken must not be sent any more.
//
// # Defaults
//
//	deadline          10s    limit                         256
//	echo_idle         30s    queue                         2 × limit
//	network_timeout    5s    breaker.consecutive_failures   10
//	dial_timeout       5s    breaker.failure_ratio         0.5
//	write_timeout      5s    breaker.min_requests           20
//	read_timeout      10s    breaker.window                60s
//	backoff_min     250ms    breaker.open_for              10s
//	backoff_max       30s    breaker.probes                  1
//	drain_limit       15s    sign_on                     false
//
// A window must be twice the longest deadline or more: where that is over 60 s, it is
// the default.
//
// # Rooms below
//
//   - banks/adapter: what a bank puts in front of its own core.
//   - banks/sim: a bank that is made up.
package banks
