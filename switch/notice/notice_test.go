package notice_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	switching "wxswitch/switch"
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
		rest(time.Hour)
		same(t, "sent", w.front.sent(), []string{"anna.7892.1"})
		i := w.item("anna.7892.1")
		equal(t, "state", i.State, notice.StateSent)
		equal(t, "attempts", i.Attempts, 1)
		m := w.front.seen[0]
		equal(t, "text", m.Text, "您尾号7892的账户有变动")
		equal(t, "amount", m.Data["amount"], "12800")
		equal(t, "round", m.Round, 1)
	})
}

// What is told of one account comes in order, whatever each sending takes.
func TestOrderOfAnAccount(t *testing.T) {
	held(t, nil, func(t *testing.T, w *world) {
		w.front.answers(func(_ context.Context, m notice.Message) notice.Answer {
			time.Sleep(time.Duration(m.ID[len(m.ID)-1]%7) * 100 * time.Millisecond)
			if len(w.front.sent())%5 == 0 {
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
					want[follower+account] = append(want[follower+account], n.ID)
					w.put(n)
				}
			}
		}
		rest(12 * time.Hour)
		got := map[string][]string{}
		for _, id := range w.front.got() {
			var i int
			var rest string
			for k := range id {
				if id[k] == '.' {
					rest = id[:k] + id[k+1:k+2]
					break
				}
			}
			_ = i
			got[rest] = append(got[rest], id)
		}
		for lane, ids := range want {
			same(t, lane, got[lane], ids)
		}
	})
}

var _ = fmt.Sprint
var _ switching.Notice
