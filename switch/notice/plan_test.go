package notice

import (
	"slices"
	"testing"

	"wxswitch/switch/db/dbtest"
)

// What concerns one follower must not grow with the number of notices that wait
// for others.
func TestAFollowersNoticesAreFoundByItsIndex(t *testing.T) {
	d := dbtest.Migrated(t, migrations, "notice_version")
	for query, args := range map[string][]any{putOffFollower: {1, "wechat", "anna"}, promoteFollower: {"wechat", "anna"}} {
		steps := dbtest.Plan(t, d, query, args...)
		if !slices.Contains(steps, "SEARCH notice USING INDEX notice_follower (channel=? AND subject=?)") {
			t.Errorf("%s: %q", query, steps)
		}
	}
}
