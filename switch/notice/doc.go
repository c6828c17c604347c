// Package notice tells followers what they must be told: an outbox in the
// database, a relay, and the call of the front.
//
//	sender, err := notice.NewHTTP(notice.Front{URL: "http://127.0.0.1:8090", Token: token})
//	n, err := notice.New(ctx, notice.Options{DB: d, Vault: v, Sender: sender, Text: words, Gone: customers.Gone})
//	go func() { ended <- n.Run(ctx) }() // wait for it before the database ends
//
//	journal.Options{Outbox: n} // n.Put runs in the transaction of the cause
//	n.Kick()                   // after that commit; else the poll finds it
//
// # The way of a notice
//
// Put writes the row, once for an ID, with its data sealed and bound to the row's
// ID and follower. The row is the truth; whatever is in memory may be lost.
//
// The relay claims what is due, in batches and for a lease, and publishes it to a
// Watermill Router, whose handler makes the text, calls the Sender, and writes
// down how that ended. Claims and ends share commits with all other writers
// (switch/db). As many are on their way as there are Workers, so that any number
// may wait without memory.
//
// A process that dies leaves a claim, which passes with its lease: the notice is
// sent again with the same ID and round, and the front, which remembers those,
// tells it once. Several instances may share a database.
//
// # Order, and who holds up whom
//
// A lane is a follower and an Order. The oldest pending notice of a lane is its
// head, and only heads are claimed: what is behind waits until the head was sent,
// parked or dropped. So notices of a lane come in order, one at a time, and a
// head that fails holds up its own lane. A parked notice holds up nothing; resent
// later, it comes out of order, as does the next round of one whose delivery
// failed, which waits in a lane of its own.
//
// # What the front's answers do
//
//	accepted  200 naming the notice       sent
//	away      410                         gone, with all that waited for the follower by then; Gone is told
//	never     422                         parked
//	later     429                         the follower waits until Retry-After (else a minute); no attempt
//	closed    503 with Retry-After        the channel waits until then; no attempt
//	down      401, 403, 404, not there    the channel's circuit shuts at once; no attempt
//	failed    anything else, or nothing   again after a pause; parked after Attempts
//
// Retry-After is heeded up to 25 hours.
//
// Each channel has a circuit, of this process. Failures of five followers, with
// no other answer in between, shut it too: then one notice is sent after each
// pause (1 s, doubled to a minute), always another one, and what fails so is no
// attempt. Any answer but a failure opens it.
//
// # Delivery
//
// Accepted is not delivered. What the front reports goes to Delivered: success;
// user-block, which ends all that waits for the follower, who may follow still;
// system-failed, after which the notice is sent again as its next round, since
// the front would not tell the same round twice, unless it is not to be told any
// more (Told). A report that is not newer than the last one of its notice is a
// repeat.
//
// # Ends
//
// Forget discards what waits for one who unfollowed or was superseded; what is on
// its way may still arrive. Gone runs in the transaction that drops a follower's
// notices, and may itself write; if it fails that is undone, and the notice sent
// again. Whether one may be told at all is the caller's to know: Put asks nobody.
//
// What ended is kept for Keep, so that its ID is remembered, then deleted; what
// is parked stays until an operator resends or discards it, which its Note tells.
// List shows no data. Data is emptied at delivery, or when a notice is dropped.
//
// # The transport
//
// Within a process it is a channel without room: a message is handled or not
// published. A Nack, which is an end that could not be written down, asks for no
// second delivery, since the claim passes by itself. Another transport may take
// its place behind the same handler: the payload holds the row, its data sealed.
// Watermill's Retry, PoisonQueue and Deduplicator are not used: they would wait
// in the handler, and remember in memory, what the row does better.
//
// # Defaults
//
//	Workers    128            on their way at once
//	Deadline   5 s            of one sending
//	Lease      30 s           of a claim; what could not begin in time goes back
//	Poll       1 s
//	Backoff    2 s to 30 min  doubled, and up to half of it taken off
//	Attempts   50             about 15 hours
//	Rounds     8              after pauses of 1 min to 1 h, about 2 hours
//	Keep       30 days
//
// # Metrics
//
// wxswitch_notice_sendings_total by verdict, wxswitch_notices by state (pending,
// parked), wxswitch_notice_oldest_seconds, wxswitch_notice_front_shut by channel.
//
// # Measured
//
// BenchmarkNotices, from Put to a front over HTTP in the same process and until
// the end is on disk, on two cores that others used too: 2,100 to 4,400 notices a
// second at a load of 3 to 4, 900 to 1,100 at 20; 350 to 440 µs of CPU each, the
// front's part included.
package notice
