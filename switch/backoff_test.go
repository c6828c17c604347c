package switching_test

import (
	"testing"
	"time"

	switching "wxswitch/switch"
)

// TestPausesAreScattered: over the whole upper half of the doubled pause, and no
// farther.
func TestPausesAreScattered(t *testing.T) {
	b := switching.Backoff{Min: time.Second, Max: time.Minute}
	for attempts, whole := range map[int]time.Duration{1: time.Second, 3: 4 * time.Second, 40: time.Minute} {
		shortest, longest := whole, time.Duration(0)
		for range 1000 {
			d := b.After(attempts)
			shortest, longest = min(shortest, d), max(longest, d)
		}
		if shortest < whole/2 || shortest > whole*5/8 || longest < whole*7/8 || longest > whole {
			t.Errorf("after %d attempts %s to %s, of %s", attempts, shortest, longest, whole)
		}
	}
}
