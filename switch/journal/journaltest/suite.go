package journaltest

import (
	"context"
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/vault"
)

// Store is a journal as the switch, the forwarder of advices and the operators
// see it together.
type Store interface {
	switching.Journal
	Forget(ctx context.Context) (more bool, err error)
	Local(ctx context.Context, l switching.Local, fn func(context.Context, switching.Tx) ([]byte, error)) (answer []byte, replayed bool, err error)
	LocalDone(ctx context.Context, l switching.Local) (answer []byte, done bool, err error)

	Waiting(ctx context.Context, bank string) (bool, error)
	Claim(ctx context.Context, bank string, inFlight int, lease time.Time) (switching.Advice, bool, error)
	Unclaim(ctx context.Context, a switching.Advice, next time.Time) error
	Silent(ctx context.Context, a switching.Advice) error
	Park(ctx context.Context, a switching.Advice, note string) error
	Answered(ctx context.Context, id int64, r switching.LateReply) (switching.Advice, error)
	Wake(ctx context.Context, entry int64) error

	Advices(ctx context.Context, bank string, state switching.AdviceState, after int64, limit int) ([]switching.Advice, error)
	RetryAdvice(ctx context.Context, id int64) (switching.Advice, error)
	CloseAdvice(ctx context.Context, id int64, reason string, outcome switching.Outcome) (switching.Advice, error)
	AdviceStats(ctx context.Context) ([]switching.AdviceStat, error)
}

// Options are what a store is opened with.
type Options struct {
	// At is a directory of the test's own. Opens of one At share one database.
	At      string
	Vault   *vault.Vault
	Now     func() time.Time
	Effects map[codec.Type]switching.Effect
	// Listeners and Put, the outbox, are there for what banks say themselves.
	Listeners map[codec.Type]switching.Listener
	Put       func(ctx context.Context, tx switching.Tx, n switching.Notice) error
	Backoff   switching.Backoff
	// Fail makes commits fail, in both ways: see db.Failpoint. nil for never.
	Fail func(step string) error
}

// Opener opens a store, running until the test ends.
type Opener func(t *testing.T, o Options) Store

// Run runs the suite.
func Run(t *testing.T, open Opener) {
	for _, c := range []struct {
		name string
		test func(*world)
	}{
		{"Open/row", testRow},
		{"Open/key", testKey},
		{"Open/key at once", testKeyAtOnce},
		{"Open/account held", testAccountHeld},
		{"Open/account at once", testAccountAtOnce},
		{"Open/customer held", testCustomerHeld},
		{"Open/join", testJoin},
		{"Open/join waits for nothing else", testNoJoin},
		{"Open/join beside a reversal", testJoinBesideReversal},
		{"Open/effect refuses", testEffectRefuses},
		{"Open/effect fails", testEffectFails},
		{"Open/effect undone", testEffectUndone},
		{"Close/ends", testEnds},
		{"Close/once", testCloseOnce},
		{"Close/refused", testCloseRefused},
		{"Close/effect", testCloseEffect},
		{"Close/effect's advices", testEffectAdvices},
		{"Close/doubt", testDoubt},
		{"Due", testDue},
		{"Late/open", testLateOpen},
		{"Late/stranger", testLateStranger},
		{"Late/foreign", testLateForeign},
		{"Late/settled", testLateSettled},
		{"Late/completion", testLateCompletion},
		{"Late/reversal", testLateReversal},
		{"Late/note", testLateNote},
		{"Late/newer registration", testNewerRegistration},
		{"Advice/answers", testAnswers},
		{"Advice/late answers", testLateAnswers},
		{"Advice/claim", testClaim},
		{"Advice/claim at once", testClaimAtOnce},
		{"Advice/past its lease", testPastItsLease},
		{"Advice/late answer beside an attempt", testLateAnswerBesideAnAttempt},
		{"Advice/back-off", testBackoff},
		{"Advice/park", testPark},
		{"Advice/parked beside a change", testParkedBeside},
		{"Advice/others beside a reversal", testOthersBeside},
		{"Advice/oldest beside a change", testOldestBeside},
		{"Advice/order", testOrder},
		{"Advice/at another bank", testOtherBanks},
		{"Advice/wake behind others", testWakeBehind},
		{"Advice/behind a parked one", testBehindParked},
		{"Advice/retry", testRetry},
		{"Advice/close", testCloseAdvice},
		{"Advice/list", testList},
		{"Numbers/blocks", testBlocks},
		{"Numbers/two processes", testTwoNumbers},
		{"Numbers/lost database", testLostNumbers},
		{"Numbers/years hence", testYears},
		{"Numbers/long hence", testNumbersLast},
		{"Numbers/stamps", testStamps},
		{"Numbers/clock years ahead", testStampsAstray},
		{"Numbers/clock of another year", testStampsOfAnotherYear},
		{"Keys/forgotten", testForget},
		{"Keys/forgotten in batches", testForgetBatches},
		{"Keys/others in batches", testForgetOthers},
		{"Keys/after a clock set back", testForgetClockBack},
		{"Local/once", testLocal},
		{"Local/at once", testLocalAtOnce},
		{"Local/commit", testLocalCommit},
		{"Hear/once", testHear},
		{"Hear/fails", testHearFails},
		{"Hear/beside a registration", testHearBeside},
		{"Hear/commit", testHearCommit},
		{"Hear/forgotten", testHeardForgotten},
		{"Release", testRelease},
		{"No account", testNoAccount},
		{"Commit/open", testCommitOpen},
		{"Commit/close", testCommitClose},
		{"Commit/confirm", testConfirm},
		{"Clock/set back", testClockBack},
		{"Processes/two", testTwoProcesses},
		{"Processes/restart", testRestart},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(newWorld(t, open)) })
	}
}
