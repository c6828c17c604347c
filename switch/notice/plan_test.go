package notice

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"wxswitch/switch/db"
)

// What concerns one follower must not grow with the number of notices that wait
// for others.
func TestAFollowersNoticesAreFoundByItsIndex(t *testing.T) {
	d, err := db.Open(t.Context(), db.Options{Path: filepath.Join(t.TempDir(), "n.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Migrate(t.Context(), migrations, "notice_version"); err != nil {
		t.Fatal(err)
	}
	for query, args := range map[string][]any{putOffFollower: {1, "wechat", "anna"}, promoteFollower: {"wechat", "anna"}} {
		var steps []string
		err := d.Read(t.Context(), func(ctx context.Context, tx db.Tx) error {
			rows, err := tx.QueryContext(ctx, `EXPLAIN QUERY PLAN `+query, args...)
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
		if err != nil || !slices.Contains(steps, "SEARCH notice USING INDEX notice_follower (channel=? AND subject=?)") {
			t.Errorf("%s: %q, %v", query, steps, err)
		}
	}
}
