package notice

import (
	"context"
	"time"

	switching "wxswitch/switch"
)

// Sender brings a notice to the front that its follower uses. It heeds the
// context's deadline, and is safe for concurrent use.
type Sender interface {
	Send(ctx context.Context, m Message) Answer
}

// Message is a notice as the front gets it.
type Message struct {
	switching.Notice
	// Round is 1, and one more each time that a delivery failed: with ID it names
	// a sending, which the front makes once.
	Round int
	Text  string
}

// Answer is what became of a sending.
type Answer struct {
	Verdict Verdict
	At      time.Time // not before; of Later and Closed
	// Detail is kept with the notice, for operators: short, and nothing of what
	// the notice says.
	Detail string
}

// Verdict says what an answer means. What it makes the notice do stands in
// [Notices.after], what it makes the channel do in [circuit.heard].
type Verdict string

// The verdicts; any other is Failed.
const (
	Accepted Verdict = "accepted"
	Away     Verdict = "away"   // the follower is gone
	Never    Verdict = "never"  // this notice can never be told
	Later    Verdict = "later"  // this follower is told nothing before At
	Closed   Verdict = "closed" // nobody of this channel is
	Failed   Verdict = "failed" // no clear answer: again after a pause
	Down     Verdict = "down"   // the front is not there for anybody
)
