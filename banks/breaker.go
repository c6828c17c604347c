package banks

import (
	"errors"
	"time"

	"github.com/rs/zerolog"
	"github.com/sony/gobreaker/v2"

	"wxswitch/codec"
)

// What the breaker is told of an exchange: nil for a success.
var (
	errFailure = errors.New("failure")
	// errExcluded counts neither way. gobreaker then frees the half-open slot.
	errExcluded = errors.New("excluded")
)

type breaker = gobreaker.TwoStepCircuitBreaker[struct{}]

// buckets divide the breaker's window, so that it slides.
const buckets = 10

func newBreaker(name string, c BreakerConfig, log zerolog.Logger) *breaker {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         name,
		MaxRequests:  uint32(c.Probes), //nolint:gosec // validated: not negative, and small
		Interval:     c.Window,
		BucketPeriod: max(c.Window/buckets, time.Nanosecond),
		Timeout:      c.OpenFor,
		ReadyToTrip:  c.trips,
		IsExcluded:   func(err error) bool { return errors.Is(err, errExcluded) },
		// Runs under the breaker's lock: asking it for its State here deadlocks.
		OnStateChange: func(_ string, from, to gobreaker.State) {
			log.Warn().Stringer("from", from).Stringer("to", to).Msg("breaker")
		},
	})
}

func (c BreakerConfig) trips(n gobreaker.Counts) bool {
	if int(n.ConsecutiveFailures) >= c.ConsecutiveFailures {
		return true
	}
	ended := n.TotalSuccesses + n.TotalFailures
	return int(ended) >= c.MinRequests && float64(n.TotalFailures) >= c.FailureRatio*float64(ended)
}

// verdict is what the breaker is told of an exchange of the type. A bank that
// declines is well; one that is silent is not, unless its time was shortened.
func verdict(t codec.Type, shortened bool, reply Reply, err error) error {
	if err != nil {
		return verdictOn(shortened, err)
	}
	if reply.Meaning == codec.InDoubt || reply.Meaning == codec.Unmapped && t.Class() == codec.Change {
		return errFailure
	}
	return nil
}

func verdictOn(shortened bool, err error) error {
	var doubt *InDoubt
	if !errors.As(err, &doubt) || doubt.Reason == NoReply && shortened {
		return errExcluded
	}
	return errFailure
}

// shortened: a deadline is fixed before the journal is opened, so that the bank
// never has quite its own; below four fifths of it, as after a wait for an earlier
// change, its silence proves nothing.
func (c Config) shortened(t codec.Type, given time.Duration) bool {
	return given < c.deadline(t)*4/5
}

func (c Config) deadline(t codec.Type) time.Duration {
	if d, ok := c.Deadlines[t]; ok {
		return d
	}
	return c.Deadline
}
