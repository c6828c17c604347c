package notice

import (
	"path/filepath"
	"slices"
	"testing"

	"wxswitch/switch/db"
	"wxswitch/switch/db/dbtest"
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
		steps := dbtest.Plan(t, d, query, args...)
		if !slices.Contains(steps, "SEARCH notice USING INDEX notice_follower (channel=? AND subject=?)") {
			t.Errorf("%s: %q", query, steps)
		}
	}
}
