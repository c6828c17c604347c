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

// metric is the sum of a metric's values.
func (w *world) metric(name string) (sum float64) {
	families, err := w.reg.Gather()
	must(w.t, err)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return sum
}

// parkedOne is a world with one parked notice, and one behind it that was sent.
func parkedOne(t *testing.T, test func(t *testing.T, w *world)) {
	held(t, nil, func(t *testing.T, w *world) {
		w.front.always(notice.Answer{Verdict: notice.Never, Detail: "422 bad-field"})
		w.run()
		w.put(of("anna", "1", 0))
		rest(time.Second)
		w.front.always(accepted)
		w.put(of("anna", "1", 1))
		rest(time.Hour)
		i := w.item("anna.1.0")
		equal(t, "state", i.State, notice.StateParked)
		equal(t, "answer", i.Answer, "422 bad-field")
		equal(t, "the next", w.item("anna.1.1").State, notice.StateSent)
		s, err := w.notices.Stats(t.Context())
		must(t, err)
		equal(t, "stats", s, notice.Stats{Parked: 1})
		equal(t, "metric", w.metric("wxswitch_notices"), 1)
		equal(t, "sendings", w.metric("wxswitch_notice_sendings_total"), 2)
		test(t, w)
	})
}

func TestResend(t *testing.T) {
	parkedOne(t, func(t *testing.T, w *world) {
		must(t, w.notices.Resend(t.Context(), "anna.1.0"))
		rest(time.Second)
		i := w.item("anna.1.0")
		equal(t, "state", i.State, notice.StateSent)
		if !strings.HasSuffix(i.Note, "Z resent") {
			t.Errorf("note: %q", i.Note)
		}
		equal(t, "again", w.notices.Resend(t.Context(), "anna.1.0"), notice.ErrEnded)
		equal(t, "unknown", w.notices.Resend(t.Context(), "nobody"), notice.ErrUnknown)
		equal(t, "parked", w.count(notice.StateParked), 0)
	})
}

func TestDiscard(t *testing.T) {
	parkedOne(t, func(t *testing.T, w *world) {
		must(t, w.notices.Resend(t.Context(), "anna.1.0")) // and at once:
		must(t, w.notices.Discard(t.Context(), "anna.1.0", "客户已电话告知"))
		rest(time.Hour)
		i := w.item("anna.1.0")
		if i.State == notice.StateSent { // the relay was quicker
			return
		}
		equal(t, "state", i.State, notice.StateDiscarded)
		if !strings.Contains(i.Note, "discarded: 客户已电话告知; ") || !strings.HasSuffix(i.Note, "resent") {
			t.Errorf("note: %q", i.Note)
		}
		equal(t, "again", w.notices.Discard(t.Context(), "anna.1.0", "x"), notice.ErrEnded)
		equal(t, "unknown", w.notices.Discard(t.Context(), "nobody", "x"), notice.ErrUnknown)
	})
}

// Discarding the head lets the next one go, discarding the other changes nothing
// for the head; resending a pending one ends its pause.
func TestOperatePending(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		w.front.always(notice.Answer{Verdict: notice.Later, At: time.Now().Add(24 * time.Hour)})
		w.run()
		w.put(of("anna", "1", 0), of("anna", "1", 1), of("anna", "1", 2), of("anna", "2", 0))
		rest(time.Minute)
		w.front.always(accepted)
		must(t, w.notices.Discard(t.Context(), "anna.1.1", "x"))
		rest(time.Minute)
		equal(t, "told", len(w.front.got()), 0)
		must(t, w.notices.Discard(t.Context(), "anna.1.0", "x"))
		must(t, w.notices.Resend(t.Context(), "anna.2.0"))
		rest(time.Minute)
		equal(t, "told", len(w.front.got()), 2)
	})
}

// Resending does not send what is on its way once more.
func TestResendOnItsWay(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		w.front.answers(func(context.Context, notice.Message) notice.Answer { time.Sleep(4 * time.Second); return accepted })
		w.run()
		w.put(of("anna", "1", 0))
		rest(time.Second)
		must(t, w.notices.Resend(t.Context(), "anna.1.0"))
		rest(time.Minute)
		equal(t, "sent", len(w.front.sent()), 1)
		equal(t, "state", w.item("anna.1.0").State, notice.StateSent)
	})
}

func TestList(t *testing.T) {
	w := newWorld(t).open()
	defer w.stop()
	var list []switching.Notice
	for i := range 25 {
		list = append(list, of("anna", "1", i))
	}
	w.put(list...)
	var ids []string
	for after := int64(0); ; {
		page, err := w.notices.List(t.Context(), notice.StatePending, after, 10)
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, i := range page {
			ids = append(ids, i.ID)
		}
		after = page[len(page)-1].Seq
	}
	equal(t, "listed", len(ids), 25)
	equal(t, "first", ids[0], "anna.1.0")
	equal(t, "last", ids[24], "anna.1.24")
	if s, err := w.notices.Stats(t.Context()); err != nil || s.Pending != 25 || time.Since(s.Oldest) > time.Minute {
		t.Error(s, err)
	}
}

func (w *world) report(id string, s notice.Status, at time.Time) {
	w.t.Helper()
	must(w.t, w.notices.Delivered(context.Background(), id, s, at))
}

func TestDelivered(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		w.run()
		w.put(of("anna", "1", 0))
		rest(time.Second)
		w.report("anna.1.0", notice.StatusSuccess, time.Now())
		w.report("anna.1.0", notice.StatusSuccess, time.Now())
		w.report("anna.1.0", notice.StatusFailed, time.Now().Add(time.Second)) // cannot be
		rest(time.Minute)
		equal(t, "state", w.item("anna.1.0").State, notice.StateDelivered)
		equal(t, "sent", len(w.front.sent()), 1)
		if err := w.notices.Delivered(t.Context(), "nobody", notice.StatusSuccess, time.Now()); !errors.Is(err, notice.ErrUnknown) {
			t.Error(err)
		}
		if err := w.notices.Delivered(t.Context(), "anna.1.0", "lost", time.Now()); !errors.Is(err, notice.ErrStatus) {
			t.Error(err)
		}
	})
}

// A delivery that failed at the platform is sent again as the next round, a few
// times; the same report twice is one.
func TestDeliveryFailed(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		w.run()
		w.put(of("anna", "1", 0), of("anna", "1", 1))
		rest(time.Second)
		for i := range 8 {
			at := time.Now()
			w.report("anna.1.0", notice.StatusFailed, at)
			w.report("anna.1.0", notice.StatusFailed, at)
			w.put(of("anna", "1", 10+i)) // nothing is held up
			rest(20 * time.Second)
			equal(t, "the next one", w.item(fmt.Sprintf("anna.1.%d", 10+i)).State, notice.StateSent)
			equal(t, "rounds at once", w.item("anna.1.0").Round, i+2)
			equal(t, "sent at once", len(w.front.sent()), 2*i+3) // and the others
			rest(time.Hour + time.Minute)
		}
		var rounds []string
		for _, m := range w.front.seen {
			if m.ID == "anna.1.0" {
				rounds = append(rounds, fmt.Sprint(m.Round))
			}
		}
		same(t, "rounds", rounds, []string{"1", "2", "3", "4", "5", "6", "7", "8"})
		equal(t, "state", w.item("anna.1.0").State, notice.StateParked)
		equal(t, "answer", w.item("anna.1.0").Answer, "delivery: system-failed")
		must(t, w.notices.Resend(t.Context(), "anna.1.0"))
		rest(time.Minute)
		equal(t, "round", w.front.seen[len(w.front.seen)-1].Round, 9)
		equal(t, "state", w.item("anna.1.0").State, notice.StateSent)
	})
}

// A delivery that failed is not begun anew for one who is told no longer.
func TestDeliveryFailedToWhoIsToldNoLonger(t *testing.T) {
	prepare := func(w *world) {
		w.o.Told = func(_ context.Context, _ switching.Tx, channel, subject string, kind switching.NoticeKind) (bool, error) {
			return channel+"/"+subject != "wechat/anna" || kind != switching.NoticeMovement, nil
		}
	}
	held(t, prepare, func(t *testing.T, w *world) {
		ends := of("anna", "ends", 0)
		ends.Kind = switching.NoticeSuperseded
		w.run()
		w.put(of("anna", "1", 0), of("boris", "1", 0), ends)
		rest(time.Second)
		for _, id := range []string{"anna.1.0", "boris.1.0", "anna.ends.0"} {
			w.report(id, notice.StatusFailed, time.Now())
		}
		rest(time.Hour)
		equal(t, "anna's", w.item("anna.1.0").State, notice.StateDiscarded)
		equal(t, "sent", len(w.front.sent()), 5)
		equal(t, "with data", w.withData("anna"), 1)
	})
}

// A report may overtake the answer to the sending that it is about.
func TestDeliveryBeforeTheAnswer(t *testing.T) {
	for status, want := range map[notice.Status]notice.State{
		notice.StatusSuccess: notice.StateDelivered, notice.StatusBlocked: notice.StateGone, notice.StatusFailed: notice.StateSent,
	} {
		t.Run(string(status), func(t *testing.T) {
			held(t, nil, func(t *testing.T, w *world) {
				w.front.answers(func(_ context.Context, m notice.Message) notice.Answer {
					if m.Round == 1 && m.ID == "anna.1.0" {
						w.report(m.ID, status, time.Now())
						time.Sleep(time.Second)
					}
					return accepted
				})
				w.run()
				w.put(of("anna", "1", 0), of("anna", "1", 1))
				rest(time.Minute)
				i := w.item("anna.1.0")
				equal(t, "state", i.State, want)
				if status == notice.StatusFailed {
					equal(t, "round", i.Round, 2)
				}
			})
		})
	}
}

// A front that took a notice and never answered may still report on it: a failure
// leaves it to the operator, whose resending is the next round.
func TestDeliveryOfAParkedOne(t *testing.T) {
	parkedOne(t, func(t *testing.T, w *world) {
		w.report("anna.1.0", notice.StatusFailed, time.Now())
		rest(2 * time.Hour)
		equal(t, "state", w.item("anna.1.0").State, notice.StateParked)
		must(t, w.notices.Resend(t.Context(), "anna.1.0"))
		rest(time.Second)
		equal(t, "round", w.front.seen[len(w.front.seen)-1].Round, 2)
	})
	parkedOne(t, func(t *testing.T, w *world) {
		w.report("anna.1.0", notice.StatusSuccess, time.Now())
		equal(t, "state", w.item("anna.1.0").State, notice.StateDelivered)
	})
}

// A round has all its attempts.
func TestARoundBeginsAnew(t *testing.T) {
	held(t, func(w *world) { w.o.Attempts = 2 }, func(t *testing.T, w *world) {
		w.front.answers(func(context.Context, notice.Message) notice.Answer {
			if len(w.front.sent()) == 1 {
				return notice.Answer{Verdict: notice.Failed}
			}
			return accepted
		})
		w.run()
		w.put(of("anna", "1", 0))
		rest(time.Minute)
		w.report("anna.1.0", notice.StatusFailed, time.Now())
		rest(time.Hour)
		equal(t, "state", w.item("anna.1.0").State, notice.StateSent)
		equal(t, "round", w.item("anna.1.0").Round, 2)
	})
}

func TestBlocked(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		w.run()
		w.put(of("anna", "1", 0))
		rest(time.Second)
		w.front.always(notice.Answer{Verdict: notice.Failed})
		w.put(of("anna", "1", 1))
		rest(time.Second)
		w.report("anna.1.0", notice.StatusBlocked, time.Now())
		rest(time.Hour)
		equal(t, "gone ones", w.count(notice.StateGone), 2)
		equal(t, "who takes no messages has not left", len(w.gone), 0)
	})
}

// What ended is forgotten after a while; what is parked stays, and what a clock
// that was far ahead has put off comes soon.
func TestTidy(t *testing.T) {
	held(t, func(w *world) { w.o.Poll, w.o.Keep = time.Minute, 48*time.Hour }, func(t *testing.T, w *world) {
		w.front.answers(func(_ context.Context, m notice.Message) notice.Answer {
			if m.Subject == "parked" {
				return notice.Answer{Verdict: notice.Never}
			}
			return accepted
		})
		w.put(of("parked", "1", 0), of("ahead", "1", 0))
		must(t, w.db.Write(t.Context(), func(ctx context.Context, tx db.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE notice SET next = $1 WHERE subject = 'ahead'`, time.Now().Add(1000*time.Hour).UnixMilli())
			return err
		}))
		w.run()
		w.put(followers(1200)...)
		rest(2 * time.Hour)
		equal(t, "kept", w.count(""), 1202)
		equal(t, "sent", w.count(notice.StateSent), 1201)
		rest(47*time.Hour + 3*time.Minute) // one look in an hour: what it leaves is taken with the next ticks
		equal(t, "kept", w.count(""), 1)
		equal(t, "parked", w.count(notice.StateParked), 1)
	})
}

// What was written or put off while the clock was ahead does not wait until then, nor
// does what is behind it.
func TestNoNoticeWaitsForAClockThatWasSetBack(t *testing.T) {
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	held(t, func(w *world) { w.o.Now = now }, func(t *testing.T, w *world) {
		ahead.Store(int64(8 * time.Hour))
		failing := true
		w.front.answers(func(_ context.Context, m notice.Message) notice.Answer {
			if failing {
				return notice.Answer{Verdict: notice.Failed}
			}
			return accepted
		})
		w.run()
		w.put(of("anna", "1", 0), of("anna", "1", 1))
		rest(time.Minute)
		failing = false
		ahead.Store(0)
		w.put(of("anna", "1", 2))
		rest(time.Minute)
		same(t, "told", w.front.got(), []string{"anna.1.0", "anna.1.1", "anna.1.2"})
	})
}
