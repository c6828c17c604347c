package notice_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	switching "wxswitch/switch"
	"wxswitch/switch/db"
	"wxswitch/switch/notice"
)

// The same notice 1,000 times is one, before and after it was told.
func TestSameNoticeIsToldOnce(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		w.run()
		for i := range 1000 {
			w.put(of("anna", "7892", 1))
			if i%100 == 0 {
				rest(time.Second)
			}
		}
		rest(time.Minute)
		same(t, "sent", w.front.sent(), []string{"anna.7892.1"})
		i := w.item("anna.7892.1")
		equal(t, "state", i.State, notice.StateSent)
		equal(t, "attempts", i.Attempts, 1)
		equal(t, "answer", i.Answer, "200")
		m := w.front.seen[0]
		equal(t, "text", m.Text, "您尾号7892的账户有变动")
		equal(t, "amount", m.Data["amount"], "12800")
		equal(t, "round", m.Round, 1)
	})
}

func lane(id string) string { return id[:strings.LastIndex(id, ".")] }

// What is told of one account comes in order, whatever each sending takes, and
// however often it fails.
func TestOrderOfAnAccount(t *testing.T) {
	prepare := func(w *world) { w.o.Poll, w.o.Backoff.Min, w.o.Backoff.Max = time.Second, time.Second, 4*time.Second }
	held(t, prepare, func(t *testing.T, w *world) {
		var n atomic.Int64
		w.front.answers(func(_ context.Context, m notice.Message) notice.Answer {
			time.Sleep(time.Duration(m.ID[len(m.ID)-1]%7) * 100 * time.Millisecond)
			if n.Add(1)%5 == 0 {
				return notice.Answer{Verdict: notice.Failed}
			}
			return accepted
		})
		w.run()
		want := map[string][]string{}
		for i := range 20 {
			for _, follower := range []string{"anna", "boris"} {
				for _, account := range []string{"1", "2"} {
					n := of(follower, account, i)
					want[lane(n.ID)] = append(want[lane(n.ID)], n.ID)
					w.put(n)
				}
			}
		}
		rest(5 * time.Minute)
		got := map[string][]string{}
		for _, id := range w.front.got() {
			got[lane(id)] = append(got[lane(id)], id)
		}
		for lane, ids := range want {
			same(t, lane, got[lane], ids)
		}
	})
}

// One follower whose sendings fail, and one for whom each takes as long as it
// may, hold up nobody; the first one's is parked in the end, and what is behind
// it goes on.
func TestBrokenFollowerHoldsUpNobody(t *testing.T) {
	prepare := func(w *world) { w.o.Attempts, w.o.Workers = 4, 8 }
	held(t, prepare, func(t *testing.T, w *world) {
		w.front.answers(func(ctx context.Context, m notice.Message) notice.Answer {
			switch {
			case m.Subject == "broken" && m.ID != "broken.1.1":
				return notice.Answer{Verdict: notice.Failed, Detail: "500"}
			case m.Subject == "slow":
				<-ctx.Done()
				return notice.Answer{Verdict: notice.Failed, Detail: "no answer in time"}
			}
			return accepted
		})
		w.run()
		w.put(of("broken", "1", 0), of("broken", "1", 1), of("slow", "1", 0), of("slow", "1", 1))
		for i := range 3 {
			var list []switching.Notice
			for f := range 50 {
				list = append(list, of(fmt.Sprint("f", f), "1", i))
			}
			w.put(list...)
		}
		rest(100 * time.Millisecond)
		equal(t, "told", len(w.front.got()), 150)
		rest(5 * time.Minute)
		equal(t, "parked", w.count(notice.StateParked), 3)
		equal(t, "attempts", w.item("broken.1.0").Attempts, 4)
		equal(t, "why", w.item("broken.1.0").Answer, "500")
		equal(t, "the next", w.item("broken.1.1").State, notice.StateSent)
	})
}

// A front that is down for an hour costs each notice one attempt at most, is
// asked seldom, and gets everything soon after it is back.
func TestFrontDownForAnHour(t *testing.T) {
	for verdict, burnt := range map[notice.Verdict]int{notice.Down: 0, notice.Failed: 1} {
		t.Run(string(verdict), func(t *testing.T) {
			held(t, func(w *world) { w.o.Attempts = 3 }, func(t *testing.T, w *world) {
				w.front.always(notice.Answer{Verdict: verdict})
				w.run()
				w.put(followers(300)...)
				rest(time.Hour)
				if n := len(w.front.sent()); n < 60 || n > 300 {
					t.Errorf("sent %d times in an hour", n)
				}
				list, err := w.notices.List(t.Context(), "", 0, 1000)
				must(t, err)
				for _, i := range list {
					if i.Attempts > burnt || i.State != notice.StatePending {
						t.Fatalf("%s: %s after %d attempts", i.ID, i.State, i.Attempts)
					}
				}
				equal(t, "shut", w.metric(`wxswitch_notice_front_shut`), 1)
				w.front.always(accepted)
				rest(3 * time.Minute)
				equal(t, "told", len(w.front.got()), 300)
				equal(t, "shut", w.metric(`wxswitch_notice_front_shut`), 0)
			})
		})
	}
}

// Five followers are a front that is down, four are not; and an answer to what was
// sent before says nothing of whether it is back.
func TestWhenTheFrontIsDown(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		w.front.answers(func(_ context.Context, m notice.Message) notice.Answer {
			if m.Subject == "slow" {
				time.Sleep(3 * time.Second)
				return accepted
			}
			return notice.Answer{Verdict: notice.Failed}
		})
		w.run()
		w.put(append(followers(4), of("slow", "1", 0))...)
		rest(100 * time.Millisecond)
		equal(t, "shut by four", w.metric(`wxswitch_notice_front_shut`), 0)
		w.put(of("fifth", "1", 0))
		rest(100 * time.Millisecond)
		equal(t, "shut by five", w.metric(`wxswitch_notice_front_shut`), 1)
		rest(3 * time.Second)
		same(t, "told", w.front.got(), []string{"slow.1.0"})
		equal(t, "shut still", w.metric(`wxswitch_notice_front_shut`), 1)
	})
}

// One broken follower must not be asked for ever whether the front is back.
func TestProbesTakeTurns(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		w.front.answers(func(_ context.Context, m notice.Message) notice.Answer {
			if m.Subject[0] == 'b' {
				return notice.Answer{Verdict: notice.Down}
			}
			return accepted
		})
		w.run()
		for f := range 10 {
			w.put(of(fmt.Sprint("b", f), "1", 0))
		}
		rest(10 * time.Second)
		w.put(of("well", "1", 0))
		rest(15 * time.Minute)
		same(t, "told", w.front.got(), []string{"well.1.0"})
	})
}

// A front that takes nearly as long as it may gets all, each once.
func TestSlowFront(t *testing.T) {
	held(t, func(w *world) { w.o.Workers = 16 }, func(t *testing.T, w *world) {
		w.front.answers(func(context.Context, notice.Message) notice.Answer { time.Sleep(4 * time.Second); return accepted })
		w.run()
		w.put(followers(100)...)
		rest(29 * time.Second)
		equal(t, "told", len(w.front.got()), 100)
		equal(t, "sent", len(w.front.sent()), 100)
	})
}

// 429: that follower gets nothing before its time, of no account; it is no
// attempt. Others are told meanwhile.
func TestLater(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		until := time.Now().Add(time.Hour)
		w.front.answers(func(_ context.Context, m notice.Message) notice.Answer {
			if m.Subject == "anna" && time.Now().Before(until) {
				return notice.Answer{Verdict: notice.Later, At: until, Detail: "429"}
			}
			return accepted
		})
		w.put(of("anna", "1", 0))
		w.run()
		rest(time.Second)
		w.put(of("anna", "1", 1), of("boris", "1", 0))
		rest(59 * time.Minute)
		same(t, "sent", w.front.sent(), []string{"anna.1.0", "boris.1.0"})
		equal(t, "attempts", w.item("anna.1.0").Attempts, 0)
		rest(2 * time.Minute)
		same(t, "told", w.front.got(), []string{"boris.1.0", "anna.1.0", "anna.1.1"})
	})
}

// What waits of a follower in other lanes waits as long.
func TestLaterHoldsTheFollower(t *testing.T) {
	held(t, func(w *world) { w.o.Workers = 1 }, func(t *testing.T, w *world) {
		w.front.always(notice.Answer{Verdict: notice.Later, At: time.Now().Add(time.Hour)})
		w.put(of("anna", "1", 0), of("anna", "2", 0), of("anna", "3", 0))
		w.run()
		rest(59 * time.Minute)
		equal(t, "sent", len(w.front.sent()), 1)
	})
}

// A shorter wait does not end a longer one.
func TestLaterIsNotShortened(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		now := time.Now()
		w.front.answers(func(_ context.Context, m notice.Message) notice.Answer {
			wait := 2 * time.Hour
			if m.ID == "anna.2.0" {
				wait = time.Hour
			}
			return notice.Answer{Verdict: notice.Later, At: now.Add(wait)}
		})
		w.run()
		w.put(of("anna", "1", 0))
		rest(time.Second)
		w.put(of("anna", "2", 0))
		rest(30 * time.Minute)
		same(t, "sent", w.front.sent(), []string{"anna.1.0", "anna.2.0"})
		equal(t, "waits until", w.item("anna.1.0").Next.Sub(now), 2*time.Hour)
	})
}

// 503 with a time: nobody of the channel gets anything before it, which is no
// attempt, and another channel all.
func TestQuota(t *testing.T) {
	held(t, func(w *world) { w.o.Workers, w.o.Poll, w.o.Attempts = 4, time.Minute, 1 }, func(t *testing.T, w *world) {
		tomorrow := time.Now().Add(20 * time.Hour)
		w.front.answers(func(_ context.Context, m notice.Message) notice.Answer {
			if m.Channel == "wechat" && time.Now().Before(tomorrow) {
				return notice.Answer{Verdict: notice.Closed, At: tomorrow, Detail: "503 quota"}
			}
			return accepted
		})
		w.run()
		list := followers(100)
		for i := range 50 {
			list[2*i].Channel = "other"
		}
		w.put(list...)
		rest(19 * time.Hour)
		equal(t, "told", len(w.front.got()), 50)
		if n := len(w.front.sent()); n > 54 {
			t.Errorf("%d were sent", n-50)
		}
		for _, id := range w.front.sent() {
			if i := w.item(id); i.Channel == "wechat" {
				equal(t, "waits, also for another process, until", i.Next.UnixMilli(), tomorrow.UnixMilli())
			}
		}
		rest(2 * time.Hour)
		equal(t, "told", len(w.front.got()), 100)
	})
}

// What was sent before the channel was shut says nothing of it: answered later, it
// opens nothing.
func TestAnAnswerFromBeforeTheQuota(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		w.front.answers(func(_ context.Context, m notice.Message) notice.Answer {
			switch m.Subject {
			case "slow":
				time.Sleep(2 * time.Second)
			case "over":
				time.Sleep(time.Second)
				return notice.Answer{Verdict: notice.Closed, At: time.Now().Add(time.Hour)}
			}
			return accepted
		})
		w.run()
		w.put(of("slow", "1", 0), of("over", "1", 0))
		rest(10 * time.Second)
		w.put(of("anna", "1", 0))
		rest(30 * time.Minute)
		same(t, "told", w.front.got(), []string{"slow.1.0"})
		rest(time.Hour)
		equal(t, "told after it", len(w.front.got()), 2)
	})
}

// 410: nothing waits any more for that follower, its owner is told in the same
// transaction, and again if that failed.
func TestGone(t *testing.T) {
	fails := errors.New("no")
	prepare := func(w *world) {
		w.o.Gone = func(_ context.Context, _ switching.Tx, channel, subject string, at time.Time) error {
			if at.IsZero() || at.After(time.Now()) {
				t.Errorf("gone at %s", at)
			}
			w.gone = append(w.gone, channel+"/"+subject)
			err := fails
			fails = nil
			return err
		}
	}
	held(t, prepare, func(t *testing.T, w *world) {
		w.front.answers(func(_ context.Context, m notice.Message) notice.Answer {
			if m.Subject == "anna" {
				return notice.Answer{Verdict: notice.Away, Detail: "410 unfollowed"}
			}
			return accepted
		})
		w.put(of("anna", "1", 0), of("anna", "1", 1), of("boris", "1", 0))
		w.run()
		rest(time.Second)
		equal(t, "undone", w.item("anna.1.0").State, notice.StatePending)
		rest(time.Minute)
		same(t, "told", w.front.got(), []string{"boris.1.0"})
		same(t, "gone", w.gone, []string{"wechat/anna", "wechat/anna"})
		equal(t, "gone ones", w.count(notice.StateGone), 2)
		equal(t, "with data", w.withData("anna"), 0)
		w.front.always(accepted) // it follows again
		w.put(of("anna", "1", 2))
		rest(time.Second)
		equal(t, "state", w.item("anna.1.2").State, notice.StateSent)
	})
}

// A follower may come back before the front's answer that it was gone: what was
// written since is told.
func TestGoneAndBack(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		w.front.answers(func(_ context.Context, m notice.Message) notice.Answer {
			switch m.ID {
			case "anna.1.0":
				time.Sleep(3 * time.Second)
				return notice.Answer{Verdict: notice.Away}
			case "anna.2.0":
				time.Sleep(4 * time.Second)
			}
			return accepted
		})
		w.put(of("anna", "1", 0), of("anna", "2", 0))
		w.run()
		rest(time.Second)
		w.put(of("anna", "1", 1), of("anna", "2", 1))
		rest(time.Minute)
		equal(t, "gone ones", w.count(notice.StateGone), 2)
		equal(t, "state", w.item("anna.1.1").State, notice.StateSent)
		equal(t, "state in another lane", w.item("anna.2.1").State, notice.StateSent)
	})
}

// What waits for one who unfollows is discarded; so is what is on its way, whose
// answer then changes nothing.
func TestForget(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		w.front.answers(func(context.Context, notice.Message) notice.Answer { time.Sleep(time.Second); return accepted })
		w.run()
		w.put(of("anna", "1", 0), of("anna", "1", 1), of("anna", "2", 0), of("boris", "1", 0))
		rest(500 * time.Millisecond)
		must(t, w.db.Write(t.Context(), func(ctx context.Context, tx db.Tx) error {
			return w.notices.Forget(ctx, tx, "wechat", "anna")
		}))
		rest(time.Minute)
		equal(t, "sent", len(w.front.sent()), 3)
		equal(t, "discarded", w.count(notice.StateDiscarded), 3)
		equal(t, "other", w.item("boris.1.0").State, notice.StateSent)
		w.put(of("anna", "1", 0)) // its ID is remembered
		rest(time.Minute)
		equal(t, "sent", len(w.front.sent()), 3)
	})
}

// A clock that was set back since makes what was written before look late: it is
// discarded all the same.
func TestForgetUnderAClockSetBack(t *testing.T) {
	var back atomic.Int64
	now := func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
	held(t, func(w *world) { w.o.Now = now }, func(t *testing.T, w *world) {
		w.put(of("anna", "1", 0))
		back.Store(int64(time.Hour))
		must(t, w.db.Write(t.Context(), func(ctx context.Context, tx db.Tx) error {
			return w.notices.Forget(ctx, tx, "wechat", "anna")
		}))
		equal(t, "discarded", w.count(notice.StateDiscarded), 1)
	})
}

// Of one who is a customer no more the movements that wait are discarded, and what
// tells of the end is told.
func TestHush(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		ends := of("anna", "ends", 0)
		ends.Kind = switching.NoticeSuperseded
		w.put(of("anna", "1", 0), ends)
		must(t, w.db.Write(t.Context(), func(ctx context.Context, tx db.Tx) error {
			return w.notices.Hush(ctx, tx, "wechat", "anna")
		}))
		w.run()
		rest(time.Minute)
		equal(t, "movement", w.item("anna.1.0").State, notice.StateDiscarded)
		equal(t, "end", w.item("anna.ends.0").State, notice.StateSent)
	})
}

// Put refuses what no front would take, and says nothing of the notice's data.
func TestPutRefuses(t *testing.T) {
	w := newWorld(t).open()
	defer w.stop()
	for _, spoil := range []func(*switching.Notice){
		func(n *switching.Notice) { n.ID = "" },
		func(n *switching.Notice) { n.ID = strings.Repeat("x", 129) },
		func(n *switching.Notice) { n.Channel = "" },
		func(n *switching.Notice) { n.Subject = "" },
		func(n *switching.Notice) { n.Subject = strings.Repeat("x", 257) },
	} {
		n := of("anna", "1", 0)
		spoil(&n)
		err := w.db.Write(t.Context(), func(ctx context.Context, tx db.Tx) error { return w.notices.Put(ctx, tx, n) })
		if err == nil || strings.Contains(err.Error(), "12800") {
			t.Errorf("%v", err)
		}
	}
	equal(t, "kept", w.count(""), 0)
}

// A notice without words, or whose row was tampered with, is parked.
func TestUnspeakable(t *testing.T) {
	prepare := func(w *world) {
		w.o.Text = func(n switching.Notice) string { return n.Data["account"] }
	}
	held(t, prepare, func(t *testing.T, w *world) {
		w.put(of("anna", "", 0), of("boris", "1", 0), of("clara", "1", 0))
		must(t, w.db.Write(t.Context(), func(ctx context.Context, tx db.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE notice SET subject = 'mallory' WHERE subject = $1`, "boris")
			return err
		}))
		w.run()
		rest(time.Second)
		equal(t, "no words", w.item("anna..0").Answer, "there is no text for it")
		equal(t, "redirected", w.item("boris.1.0").Answer, "its data cannot be read")
		equal(t, "parked", w.count(notice.StateParked), 2)
		same(t, "sent", w.front.sent(), []string{"clara.1.0"})
	})
}

// A text that panics costs its notice alone attempts.
func TestPanic(t *testing.T) {
	prepare := func(w *world) {
		w.o.Attempts = 2
		w.o.Text = func(n switching.Notice) string {
			if n.Subject == "anna" {
				panic("no such template")
			}
			return "x"
		}
	}
	held(t, prepare, func(t *testing.T, w *world) {
		w.run()
		w.put(of("anna", "1", 0), of("boris", "1", 0))
		rest(5 * time.Minute)
		equal(t, "anna", w.item("anna.1.0").State, notice.StateParked)
		equal(t, "boris", w.item("boris.1.0").State, notice.StateSent)
		if !strings.Contains(w.log.String(), "no such template") {
			t.Error("nothing was logged")
		}
	})
}

// A Sender that says Later and no time is not asked without pause.
func TestLaterWithoutTime(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		w.front.always(notice.Answer{Verdict: notice.Later})
		w.run()
		w.put(of("anna", "1", 0))
		rest(time.Minute)
		if n := len(w.front.sent()); n > 120 {
			t.Errorf("sent %d times in a minute", n)
		}
	})
}
