package notice_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"wxswitch/switch/db"
	"wxswitch/switch/notice"
)

// failing makes a step fail the first few times.
func failing(step string, times int64) func(string) error {
	var n atomic.Int64
	return func(s string) error {
		if s == step && n.Add(1) <= times {
			return errors.New("killed at " + s)
		}
		return nil
	}
}

// A process that dies with a notice claimed or sent leaves it to the next one,
// which sends it with the same ID once the lease is over: the follower is told
// once.
func TestKilled(t *testing.T) {
	for step, sent := range map[string]int{"claim": 1, "send": 2} {
		t.Run(step, func(t *testing.T) {
			held(t, func(w *world) { w.o.Fail = failing(step, 1) }, func(t *testing.T, w *world) {
				w.put(of("anna", "1", 0), of("anna", "1", 1))
				w.run()
				rest(100 * time.Millisecond)
				w.again()
				equal(t, "state", w.item("anna.1.0").State, notice.StatePending)
				equal(t, "the other", w.item("anna.1.1").Attempts, 0)
				w.run()
				rest(29 * time.Second)
				equal(t, "sent before the lease is over", len(w.front.sent()), sent-1)
				rest(3 * time.Second)
				equal(t, "sent", len(w.front.sent()), sent+1)
				same(t, "told", w.front.got(), []string{"anna.1.0", "anna.1.1"})
				equal(t, "attempts", w.item("anna.1.0").Attempts, 2)
			})
		})
	}
}

// One that kills the process each time does not do so for ever.
func TestKilledAgainAndAgain(t *testing.T) {
	held(t, func(w *world) { w.o.Fail, w.o.Attempts = failing("send", 1000), 5 }, func(t *testing.T, w *world) {
		w.put(of("anna", "1", 0))
		w.run()
		rest(5 * time.Minute)
		equal(t, "sent", len(w.front.sent()), 5)
		equal(t, "state", w.item("anna.1.0").State, notice.StateParked)
	})
}

// commitFailing has one commit fail at the step, once armed.
func commitFailing(step string, armed *atomic.Bool) func(*world) {
	return func(w *world) {
		w.dbo.Fail = func(s string) error {
			if s == step && armed.CompareAndSwap(true, false) {
				return errors.New("disk")
			}
			return nil
		}
	}
}

// The commit that follows a sending fails: not persisted, and persisted anyway.
func TestCommitFails(t *testing.T) {
	for step, sent := range map[string]int{"commit-before": 2, "commit-after": 1} {
		t.Run(step, func(t *testing.T) {
			var armed atomic.Bool
			held(t, commitFailing(step, &armed), func(t *testing.T, w *world) {
				w.front.answers(func(context.Context, notice.Message) notice.Answer {
					armed.Store(len(w.front.sent()) == 1)
					return accepted
				})
				w.put(of("anna", "1", 0))
				w.run()
				rest(time.Minute)
				equal(t, "sent", len(w.front.sent()), sent)
				same(t, "told", w.front.got(), []string{"anna.1.0"})
				equal(t, "state", w.item("anna.1.0").State, notice.StateSent)
			})
		})
	}
}

// The commit of a claim fails: nothing is sent on its strength, and the notice
// comes when the lease that may have been written is over.
func TestClaimFails(t *testing.T) {
	for step, by := range map[string]time.Duration{"commit-before": 2 * time.Second, "commit-after": 32 * time.Second} {
		t.Run(step, func(t *testing.T) {
			var armed atomic.Bool
			held(t, commitFailing(step, &armed), func(t *testing.T, w *world) {
				w.put(of("anna", "1", 0))
				armed.Store(true)
				w.run()
				rest(by)
				same(t, "sent", w.front.sent(), []string{"anna.1.0"})
				equal(t, "state", w.item("anna.1.0").State, notice.StateSent)
			})
		})
	}
}

// Two instances share the work: each notice is sent once, in order.
func TestTwoInstances(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		other := w.second()
		defer other.stop()
		w.front.answers(func(context.Context, notice.Message) notice.Answer {
			time.Sleep(50 * time.Millisecond)
			return accepted
		})
		for i := range 10 {
			for _, x := range []*world{w, other} {
				list := followers(20)
				for k := range list {
					list[k].ID = fmt.Sprint(list[k].ID, ".", i)
				}
				x.put(list...)
			}
		}
		w.run()
		other.run()
		rest(30 * time.Second)
		sent := w.front.sent()
		equal(t, "sent", len(sent), 200)
		next := map[string]int{}
		for _, id := range sent {
			f := lane(id)
			equal(t, "order", id, fmt.Sprint(f, ".", next[f]))
			next[f]++
		}
		equal(t, "kept", w.count(notice.StateSent), 200)
	})
}

// A claim whose lease was over is void: what its holder says later changes
// nothing but that the notice was accepted.
func TestLateSettlement(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		w.front.answers(func(_ context.Context, m notice.Message) notice.Answer {
			if len(w.front.sent()) == 1 {
				time.Sleep(45 * time.Second) // heeds no deadline
				return notice.Answer{Verdict: notice.Never}
			}
			return accepted
		})
		w.run()
		w.put(of("anna", "1", 0))
		rest(10 * time.Second)
		other := w.second().run()
		defer other.stop()
		rest(5 * time.Minute)
		equal(t, "state", w.item("anna.1.0").State, notice.StateSent)
		equal(t, "sent", len(w.front.sent()), 2)
	})
}

// A process that was stopped between claiming and sending, as by its machine, does
// not send when another may have begun before it ends.
func TestALateSendingIsNotBegun(t *testing.T) {
	var slept atomic.Bool
	prepare := func(w *world) {
		w.o.Fail = func(step string) error {
			if step == "claim" && !slept.Swap(true) {
				time.Sleep(28 * time.Second)
			}
			return nil
		}
	}
	held(t, prepare, func(t *testing.T, w *world) {
		w.front.answers(func(context.Context, notice.Message) notice.Answer { time.Sleep(4 * time.Second); return accepted })
		w.put(of("anna", "1", 0))
		w.run()
		rest(time.Second)
		other := w.second().run()
		defer other.stop()
		rest(time.Minute)
		equal(t, "sent", len(w.front.sent()), 1)
		equal(t, "attempts", w.item("anna.1.0").Attempts, 1)
	})
}

// fill adds notices that wait one behind the other, the first for an hour yet.
// Their data nobody could open.
func (w *world) fill(count int) {
	now := time.Now().UnixMilli()
	must(w.t, w.db.Write(context.Background(), func(ctx context.Context, tx db.Tx) error {
		_, err := tx.ExecContext(ctx, `WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < $1)
			INSERT INTO notice (id, channel, subject, lane, head, kind, data, at, created, state, round, claims, attempts, next)
			SELECT printf('filler.%08d', n), 'wechat', 'filler', CAST('filler' AS BLOB), n = 1, 'movement', zeroblob(60),
			$2, $2, 'pending', 1, 0, 0, $2 + 3600000 FROM i`, count, now)
		return err
	}))
	rest(time.Second)
}

// heap is what is in use after a collection.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// 100,000 notices that wait take no memory: not while the front is down, nor
// while they are told.
func TestManyWaiting(t *testing.T) {
	held(t, func(w *world) { w.o.Workers = 32 }, func(t *testing.T, w *world) {
		w.put(followers(1000)...)
		w.fill(99_000)
		s, err := w.notices.Stats(t.Context())
		must(t, err)
		equal(t, "waiting", s.Pending, 100_000)
		before := heap()
		flat := func(when string) {
			t.Helper()
			if now := heap(); now > before+8<<20 {
				t.Errorf("%s: %d kB more", when, (now-before)>>10)
			}
		}
		w.front.always(notice.Answer{Verdict: notice.Down})
		w.run()
		rest(10 * time.Minute)
		flat("down")
		var under, most, told atomic.Int64
		stop := make(chan struct{})
		w.front.answers(func(ctx context.Context, _ notice.Message) notice.Answer {
			most.Store(max(most.Load(), under.Add(1)))
			defer under.Add(-1)
			if told.Add(1) > 900 {
				select {
				case <-stop:
				case <-ctx.Done():
				}
				return notice.Answer{Verdict: notice.Down}
			}
			return accepted
		})
		rest(65 * time.Second)
		flat("told")
		close(stop)
		if n := len(w.front.got()); n != 900 {
			t.Errorf("told %d", n)
		}
		if n := most.Load(); n > 32 {
			t.Errorf("%d were under way at once", n)
		}
	})
}

// Nothing that a notice says, nor its order, lies on the disk in clear.
func TestNothingInClear(t *testing.T) {
	w := newWorld(t).open()
	n := of("anna", "6210081234567892", 0)
	n.ID, n.Data["summary"] = "movement-1", "工资入账"
	w.put(n)
	w.stop()
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(w.path + suffix)
		if err != nil {
			continue
		}
		for _, secret := range []string{"6210081234567892", "12800", "工资入账"} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s lies in %s", secret, suffix)
			}
		}
	}
	if bytes.Contains([]byte(w.log.String()), []byte("12800")) {
		t.Error("the log tells")
	}
}
