package journal

import (
	"path/filepath"
	"slices"
	"testing"

	"wxswitch/switch/db"
	"wxswitch/switch/db/dbtest"
)

// A claim runs inside the writer's transaction: it must not grow with what waits
// for a bank that was away.
func TestAClaimCountsWhatIsOnItsWayByAnIndex(t *testing.T) {
	d, err := db.Open(t.Context(), db.Options{Path: filepath.Join(t.TempDir(), "j.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Migrate(t.Context(), migrations, "journal_version"); err != nil {
		t.Fatal(err)
	}
	steps := dbtest.Plan(t, d, `SELECT `+adviceColumns+` FROM advice WHERE `+nextAdvice, "xjrcu", 1, 2, 3, 4)
	if !slices.Contains(steps, "SEARCH advice USING COVERING INDEX advice_claimed (bank=? AND claimed>? AND claimed<?)") {
		t.Errorf("%q", steps)
	}
}
