package customer

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	switching "wxswitch/switch"
)

// BenchmarkAccounts is what each look of a logged-in customer begins with, after
// others' commits: session, ownership and accounts. p10-ns is what it takes
// undisturbed.
func BenchmarkAccounts(b *testing.B) {
	d := newTeller(b)
	const customers = 1000
	calls := make([]Call, customers)
	b.ResetTimer()
	b.StopTimer()
	for i := range calls {
		f := Follower{"wechat", fmt.Sprint("o", i)}
		d.authenticated(f, fmt.Sprintf("1101051949%08d", i), fmt.Sprintf("621008%010d", i))
		d.must(d.write(func(ctx context.Context, tx switching.Tx) error {
			c, _, err := d.byFollower(ctx, tx, f)
			if err != nil {
				return err
			}
			id, _, err := d.openSession(ctx, tx, c.ID)
			calls[i] = Call{Client: "front", Follower: f, Session: d.token(id)}
			return err
		}))
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	took := make([]time.Duration, 0, b.N)
	b.ReportAllocs()
	b.StartTimer()
	for i := range b.N {
		d.exec(`UPDATE session SET why = '' WHERE token_hash = $1`, d.tokenHash(calls[i*7%customers].Session))
		begun := time.Now()
		list, a, err := d.Accounts(ctx, calls[i%customers])
		took = append(took, time.Since(begun))
		if err != nil || a.Refused() || len(list) != 1 {
			b.Fatal(list, a, err)
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/10].Nanoseconds()), "p10-ns")
}
