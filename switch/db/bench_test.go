package db

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const benchTable = `CREATE TABLE e (
	id INTEGER PRIMARY KEY, k BLOB, h BLOB, type TEXT, customer TEXT, bank TEXT, ix BLOB,
	stan INTEGER, rrn TEXT, opened INTEGER, deadline INTEGER, open INTEGER, outcome TEXT, reply BLOB)`

const (
	benchInsert = `INSERT INTO e (id, k, h, type, customer, bank, ix, stan, rrn, opened, deadline, open, outcome, reply)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`
	benchUpdate = `UPDATE e SET open = 0, outcome = $2, reply = $3 WHERE id = $1 AND open = 1`
)

func insertRow(id int64, key []byte) fn { return insertRowBy(exec, id, key) }

func insertRowBy(exec func(string, ...any) fn, id int64, key []byte) fn {
	return exec(benchInsert, id, key, key, "customer.deregister", "c-10001", "xjrcu", key[:16],
		id%1_000_000, "426812345678", id, id+30_000, 1, "", []byte(nil))
}

// BenchmarkWrite is one transaction of the switch: a Write that inserts, and one
// that updates. cpu-µs/op is what the whole process spends on both.
func BenchmarkWrite(b *testing.B) {
	for _, inFlight := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("inflight=%d", inFlight), func(b *testing.B) { benchWrite(b, inFlight, exec) })
		b.Run(fmt.Sprintf("sole,inflight=%d", inFlight), func(b *testing.B) { benchWrite(b, inFlight, sole) })
	}
}

func benchWrite(b *testing.B, inFlight int, exec func(string, ...any) fn) {
	var commits, jobs, ids atomic.Int64
	d := opened(b, Options{Observe: func(n int, _ time.Duration) { commits.Add(1); jobs.Add(int64(n)) }})
	start(b, d)
	ctx := context.Background()
	must(b, d.Write(ctx, exec(benchTable)))
	must(b, d.Write(ctx, exec(`CREATE UNIQUE INDEX e_k ON e (k)`)))
	commits.Store(0)
	jobs.Store(0)
	b.SetParallelism((inFlight + 1) / 2) // times GOMAXPROCS, which is 2 here
	if inFlight == 1 {
		b.SetParallelism(1)
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	turn := func() {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		id := ids.Add(1)
		if err := d.Write(ctx, insertRowBy(exec, id, key)); err != nil {
			b.Error(err)
		}
		if err := d.Write(ctx, exec(benchUpdate, id, "approved", key)); err != nil {
			b.Error(err)
		}
	}
	if inFlight == 1 {
		for range b.N {
			turn()
		}
	} else {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				turn()
			}
		})
	}
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(jobs.Load())/float64(commits.Load()), "batch")
}

func BenchmarkRead(b *testing.B) {
	d := opened(b, Options{})
	start(b, d)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	must(b, d.Write(ctx, exec(benchTable)))
	must(b, d.Write(ctx, insertRow(1, make([]byte, 32))))
	for name, ctx := range map[string]context.Context{"background": context.Background(), "cancellable": ctx} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				must(b, d.Read(ctx, func(ctx context.Context, tx Tx) error {
					var rrn string
					return tx.QueryRowContext(ctx, `SELECT rrn FROM e WHERE id = $1`, 1).Scan(&rrn)
				}))
			}
		})
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
