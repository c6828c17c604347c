package journal_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
	"wxswitch/switch/journal"
	"wxswitch/switch/vault"
)

// BenchmarkOpenClose is what a change of state costs: an Open and a Close of a
// deregistration that is approved. cpu-µs/op is the whole process's, for both.
func BenchmarkOpenClose(b *testing.B) {
	for _, inFlight := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("inflight=%d", inFlight), func(b *testing.B) { benchOpenClose(b, inFlight) })
	}
}

func benchOpenClose(b *testing.B, inFlight int) {
	var commits, jobs atomic.Int64
	j := benchJournal(b, func(n int, _ time.Duration) { commits.Add(1); jobs.Add(int64(n)) })
	numbers := switching.NewNumbers(j, time.Now)
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	var callers sync.WaitGroup
	for range inFlight {
		callers.Go(func() {
			for left.Add(-1) >= 0 {
				openClose(b, j, numbers)
			}
		})
	}
	callers.Wait()
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(jobs.Load())/float64(commits.Load()), "batch")
}

func benchJournal(b *testing.B, observe func(int, time.Duration)) *journal.Journal {
	ctx, stop := context.WithCancel(context.Background())
	d, err := db.Open(ctx, db.Options{Path: filepath.Join(b.TempDir(), "journal.db"), Observe: observe})
	if err != nil {
		b.Fatal(err)
	}
	v, err := vault.New()
	if err != nil {
		b.Fatal(err)
	}
	j, err := journal.New(ctx, journal.Options{DB: d, Vault: v})
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	b.Cleanup(func() { stop(); <-ended; _ = d.Close() })
	return j
}

func openClose(b *testing.B, j *journal.Journal, numbers *switching.Numbers) {
	ctx := context.Background()
	n, err := numbers.Take(ctx)
	if err != nil {
		b.Error(err)
		return
	}
	now := time.Now()
	e := switching.Entry{
		ID: n.ID, Client: "front", Operation: "transactions", Type: codec.Deregister, Customer: "", Bank: "xjrcu",
		Card: true, Account: codec.NewAccount("6210" + string(codec.NewRRN(n.ID))), MTI: "0100", Code3: "930000",
		STAN: n.STAN, Sent: n.Sent, RRN: codec.NewRRN(n.ID), Instance: "7f3a", Opened: now, Deadline: now.Add(10 * time.Second),
	}
	e.KeyHash, e.BodyHash = j.Vault.Index("key", string(e.RRN)), j.Vault.Hash("body", string(e.RRN))
	o, err := j.Open(ctx, e)
	if err != nil || o.Kind != switching.Opened {
		b.Error(o.Kind, err)
		return
	}
	if _, err := j.Close(ctx, o.Entry, switching.End{Outcome: switching.Approved, Code: "00"}); err != nil {
		b.Error(err)
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
