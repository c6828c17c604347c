package journal

import (
	"slices"
	"testing"

	"wxswitch/switch/db/dbtest"
)

// A claim runs inside the writer's transaction: it must not grow with what waits
// for a bank that was away.
func TestAClaimCountsWhatIsOnItsWayByAnIndex(t *testing.T) {
	d := dbtest.Migrated(t, migrations, "journal_version")
	steps := dbtest.Plan(t, d, `SELECT `+adviceColumns+` FROM advice WHERE `+nextAdvice, "xjrcu", 1, 2, 3, 4)
	if !slices.Contains(steps, "SEARCH advice USING COVERING INDEX advice_claimed (bank=? AND claimed>? AND claimed<?)") {
		t.Errorf("%q", steps)
	}
}
