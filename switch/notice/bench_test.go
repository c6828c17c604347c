package notice_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"wxswitch/codec"
	"wxswitch/switch/api/frontapi"
	"wxswitch/switch/db"
	"wxswitch/switch/notice"
)

// stub is a front over HTTP that takes everything.
func stub(tb testing.TB, took func(frontapi.Notice)) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n frontapi.Notice
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			tb.Error(err)
		}
		took(n)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(frontapi.Accepted{Id: n.Id})
	}))
	tb.Cleanup(s.Close)
	return s
}

// BenchmarkNotices is the whole way, from Put, 64 writers at once, to a front
// over HTTP, and until the end is on disk. notices/s is what came through.
func BenchmarkNotices(b *testing.B) {
	w := newWorld(b)
	var took, commits, jobs, waited atomic.Int64
	w.dbo.Observe = func(n int, d time.Duration) { commits.Add(1); jobs.Add(int64(n)); waited.Add(int64(d)) }
	server := stub(b, func(frontapi.Notice) { took.Add(1) })
	sender, err := notice.NewHTTP(notice.Front{URL: server.URL, Token: codec.NewSecret("t")})
	must(b, err)
	defer sender.Close()
	w.o.Sender = sender
	w.open().run()
	defer w.stop()
	b.SetParallelism(32)
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	before, began := cpu(), time.Now()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := int(next.Add(1))
			n := of(fmt.Sprint("f", i%5000), "7892", i)
			if err := w.db.Write(context.Background(), func(ctx context.Context, tx db.Tx) error { return w.notices.Put(ctx, tx, n) }); err != nil {
				b.Error(err)
			}
			w.notices.Kick()
		}
	})
	for s := (notice.Stats{Pending: 1}); s.Pending > 0; time.Sleep(20 * time.Millisecond) {
		if s, err = w.notices.Stats(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "notices/s")
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(jobs.Load())/float64(commits.Load()), "batch")
	b.ReportMetric(float64(waited.Load())/float64(commits.Load())/1e6, "commit-ms")
	if took.Load() != int64(b.N) {
		b.Errorf("the front took %d of %d", took.Load(), b.N)
	}
}

// cpu is what the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
