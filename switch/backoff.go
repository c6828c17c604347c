package switching

import (
	"math/rand/v2"
	"time"
)

// Backoff is the pause before an advice is sent again: doubled with every
// attempt from Min to Max, and a random half of it taken off, so that what
// failed together does not come back together.
type Backoff struct{ Min, Max time.Duration }

// After returns the pause after so many attempts.
func (b Backoff) After(attempts int) time.Duration {
	d := b.Min
	for i := 1; i < attempts && d < b.Max; i++ {
		d *= 2
	}
	d = min(d, b.Max)
	return d/2 + rand.N(d/2+1) //nolint:gosec // jitter needs no secret
}
