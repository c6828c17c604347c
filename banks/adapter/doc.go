// Package adapter is the bank's side of a link to the switch: a bank's engineer
// writes one method, [Core].Serve, and the package does the rest.
//
//	keys, err := vault.Load("bank.key")
//	ledger, err := db.Open(ctx, db.Options{Path: "ledger.db", Alone: true})
//	dialect, err := iso.Open("cups")
//	var identity codec.Fields
//	identity.Set(codec.FieldForwarder, "10344") // cups wants to know who sends
//	a, err := adapter.New(ctx, adapter.Config{
//		Core: core, Dialect: dialect, DB: ledger, Keys: keys,
//		Listen: []string{":9001"}, Identity: identity,
//	})
//	go ledger.Run(writing) // must outlive a.Run: end writing after it returned
//	err = a.Run(ctx)       // until ctx is done, then drains
//
// # What it does
//
//   - Links: accepts them, frames and reads messages by the dialect, answers
//     sign-on, echo and sign-off, echoes a link that is idle and closes one that
//     stays silent, signs off when it drains. A request on a link that has not
//     signed on is dropped, and one that does not sign on within Config.Idle is
//     closed. An answer whose link has gone leaves by another.
//
//   - Load: Config.Workers calls of Core at once, Config.Queue requests waiting;
//     what is beyond is dropped, since an answer would be taken for a decision.
//
//   - Time: work whose deadline is past before Core is called is not begun, and
//     not answered. Once begun it is finished, and its answer sent however late:
//     the switch journals it.
//
//   - Malformed messages: answered with F39 30 where they can be paired,
//     otherwise dropped and counted.
//
//   - Repeats, reversals and completions, as below.
//
//   - What the bank says by itself: [Adapter.Tell] stores a movement (D4) or the
//     end of an account (A14), and it is told until the switch acknowledges it:
//     under the same STAN, F7 and RRN, so that a repeat is known; in order per
//     account; over restarts; with growing pauses. What it refuses is logged.
//
// # The ledger
//
// An operation is named by its [Number]: acquirer (F32), RRN (F37), processing
// code (F3). Its original, its reversal and its completion bear the same, and
// are worked on one after another: a reversal or completion waits for its
// running original, a repeat for the first to be answered.
//
//	what comes          and before it                   is answered
//	any                 the same part, answered         as then
//	reversal            one answered without decision   by Core, as a repeat
//	completion          one answered without decision   by Core, as a repeat
//	any                 the number of another account   12
//	original            nothing                         by Core
//	original            its reversal                    12
//	original            its completion                  as the completion was
//	reversal            nothing                         25, and the original is refused from now on
//	reversal            a release, and that nothing     25
//	reversal            original or completion          by Core, and no more originals
//	completion          nothing                         by Core: it is brought to its end
//	completion          a declined original             by Core, likewise
//	completion          an original in doubt            by Core, likewise, as a repeat
//	completion          an approved original            as the original was
//	completion          its reversal                    12
//	release             as a reversal                   as a reversal
//
// A release says that what the number registered has ended at the centre: Core
// ends what the number and earlier ones registered, never what a later did.
//
// Without decision is an advice's answer that the dialect does not class as the
// end of it: retry or park for a reversal, in doubt or unmapped for a completion.
// It is sent, and not remembered: the switch, or its operator, asks again.
//
// A reversal whose F90 names a sending of the number that was never seen is
// answered 12. The codes 12, 25 and 30 are [Config]'s. What approved means is
// the dialect's business.
//
// Whatever is answered is on disk first, and what must not happen any more is
// on disk before Core hears of the reversal. Account numbers are kept as keyed
// indexes, answers sealed; RRN, STAN, times and F39 are in clear. Rows are never
// deleted: a repeat or a reversal is known however late it comes. Config.Keys
// must stay the ledger's own: under others every old number is another account's,
// and New refuses those that do not open its newest answer.
//
// A ledger that was lost, or put back from a copy, has forgotten what came since. A
// reversal of that is answered 25 and Core does not hear of it, though it may have
// done the original: the switch then has it as not-found, and repeats it no more.
// So keep the ledger with Core's own books, in one database or copied at one
// moment. Where an older one had to be put back, what Core did since is compared
// with the switch's list (switchctl advice list --bank NAME --state not-found) and
// undone by hand.
//
// One Adapter at a time works on a ledger: what waits for what is kept in its
// memory, and a second one would have Core undo what the first is still doing. So
// New wants a database that was opened alone: the second process is told so.
//
// # A core must be idempotent
//
// A crash between the moment that Core did something and the moment that its
// answer was remembered cannot be told from one before it. So Core is called
// again when the message is repeated, for the same number, with Message.Repeat
// set. It must do the thing once. The simplest way is to keep the number beside
// what was done, in the same transaction of the bank's own database:
//
//	func (c *core) Serve(ctx context.Context, m *codec.Message) (*codec.Message, error) {
//		n := adapter.NumberOf(m)
//		tx, err := c.bank.BeginTx(ctx, nil)
//		if err != nil {
//			return nil, err // nothing is answered; a repeat asks again
//		}
//		defer tx.Rollback()
//		part := "operation" // which a completion brings to its end
//		if m.Type == codec.Reversal || m.Type == codec.Release {
//			part = string(m.Type)
//		}
//		if code, ok := c.decided(tx, n, part); ok && (code == "00" || m.Type != codec.Completion) {
//			return codec.NewReply(m, code), nil // done already; of a declined one a completion is the next try
//		}
//		code := c.do(tx, m)
//		if code == "96" { // not now: nothing of it is kept, and a repeat asks again
//			return codec.NewReply(m, code), nil
//		}
//		c.decide(tx, n, part, code) // one row, with its last code
//		if err := tx.Commit(); err != nil {
//			return nil, err
//		}
//		return codec.NewReply(m, code), nil
//	}
//
// A core that calls a system it does not own passes that system the number as
// its key, and when m.Repeat is set asks it first what became of it. Package
// sim is a whole core of this kind.
//
// What Core may rely on: it is never called for an original or completion after
// the number's reversal; never for an original that it answered, nor
// for an advice that it decided; for a completion only if the original was not
// approved, so that a completion means do it, if it is not done; for a reversal
// only if something of the number was seen, so that a reversal means undo what
// was done, if anything was.
package adapter
