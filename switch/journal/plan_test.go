package journal

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"wxswitch/switch/db"
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
	var steps []string
	err = d.Read(t.Context(), func(ctx context.Context, tx db.Tx) error {
		rows, err := tx.QueryContext(ctx, `EXPLAIN QUERY PLAN SELECT `+adviceColumns+` FROM advice WHERE `+nextAdvice, "xjrcu", 1, 2, 3, 4)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var a, b, c int
			var step string
			if err := rows.Scan(&a, &b, &c, &step); err != nil {
				return err
			}
			steps = append(steps, step)
		}
		return rows.Err()
	})
	if err != nil || !slices.Contains(steps, "SEARCH advice USING COVERING INDEX advice_claimed (bank=? AND claimed>? AND claimed<?)") {
		t.Errorf("%q, %v", steps, err)
	}
}
