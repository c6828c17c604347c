package banks

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wxswitch/codec"
)

// inBubble runs the test with fake time against a peer that serves so.
func inBubble(t *testing.T, serve func(*line, *codec.Message), test func(t *testing.T, r *rig), change ...func(*Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, newPeer(serve), change...)
		defer r.finish(t)
		test(t, r)
	})
}

func TestReplies(t *testing.T) {
	after := func(d time.Duration, code string) func(*line, *codec.Message) {
		return func(l *line, m *codec.Message) {
			time.Sleep(d)
			l.say(codec.NewReply(m, code))
		}
	}
	for _, c := range []struct {
		name    string
		serve   func(*line, *codec.Message)
		meaning codec.Meaning
	}{
		{"approved", after(2*time.Second, "00"), codec.Approved},
		{"declined", after(2*time.Second, "51"), codec.Declined},
		{"in doubt", after(2*time.Second, "68"), codec.InDoubt},
		{"unmapped", after(2*time.Second, "XX"), codec.Unmapped},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, c.serve, func(t *testing.T, r *rig) {
				reply, err := ask(r.Bank, request(codec.Balance, 1), 10*time.Second)
				if err != nil {
					t.Fatal(err)
				}
				want(t, "meaning", reply.Meaning, c.meaning)
				want(t, "took", reply.Took, 2*time.Second)
				want(t, "in flight", r.Status().InFlight, 0)
				want(t, "counted", r.metric(t, "exchanges_total", "result", c.meaning.String()), 1)
				want(t, "measured", r.metric(t, "exchange_seconds"), 2)
				framed, err := r.frame(request(codec.Balance, 1))
				if err != nil {
					t.Fatal(err)
				}
				want(t, "messages written", r.metric(t, "write_messages"), 1)
				want(t, "bytes written", r.metric(t, "write_bytes"), float64(len(framed)))
			})
		})
	}
}

func TestSilenceIsInDoubtAtTheDeadline(t *testing.T) {
	inBubble(t, silent, func(t *testing.T, r *rig) {
		begun := time.Now()
		_, err := ask(r.Bank, request(codec.Balance, 1), 7*time.Second)
		wantInDoubt(t, err, NoReply)
		want(t, "waited", time.Since(begun), 7*time.Second)
		want(t, "waiting calls", len(r.mux.waiting), 0)
	})
}

func TestReplyTwiceGoesToLate(t *testing.T) {
	twice := func(l *line, m *codec.Message) {
		l.say(codec.NewReply(m, "00"))
		l.say(codec.NewReply(m, "51"))
	}
	inBubble(t, twice, func(t *testing.T, r *rig) {
		reply, err := ask(r.Bank, request(codec.Balance, 1), time.Second)
		wantApproved(t, reply, err)
		synctest.Wait()
		if late := r.listener.lateSTANs(); !slices.Equal(late, []string{"000001"}) {
			t.Errorf("late: %v", late)
		}
		want(t, "late", r.metric(t, "late_total"), 1)
	})
}

func TestLateReplyIsHandedOn(t *testing.T) {
	slow := func(l *line, m *codec.Message) {
		time.Sleep(11 * time.Second)
		l.say(codec.NewReply(m, "00"))
	}
	inBubble(t, slow, func(t *testing.T, r *rig) {
		_, err := ask(r.Bank, request(codec.Deregister, 7), 10*time.Second)
		wantInDoubt(t, err, NoReply)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if late := r.listener.lateSTANs(); !slices.Equal(late, []string{"000007"}) {
			t.Errorf("late: %v", late)
		}
	})
}

// What is not this request's own reply does not end it.
func TestForeignRepliesDoNotPair(t *testing.T) {
	otherSent := request(codec.Balance, 1)
	otherSent.Set(codec.FieldSent, "1123000000")
	for name, foreign := range map[string]*codec.Message{
		"another type, same STAN": request(codec.Deregister, 1),
		"wrong STAN":              request(codec.Balance, 2),
		"same STAN, sent earlier": otherSent,
	} {
		t.Run(name, func(t *testing.T) {
			confused := func(l *line, m *codec.Message) {
				l.say(codec.NewReply(foreign, "51"))
				time.Sleep(time.Second)
				l.say(codec.NewReply(m, "00"))
			}
			inBubble(t, confused, func(t *testing.T, r *rig) {
				reply, err := ask(r.Bank, request(codec.Balance, 1), 10*time.Second)
				wantApproved(t, reply, err)
				want(t, "late", len(r.listener.lateSTANs()), 1)
			})
		})
	}
}

// A reply to a request that is still queued cannot be its own.
func TestReplyBeforeSending(t *testing.T) {
	m := newMux()
	c := &call{pair: codec.Pair{STAN: "000001"}, done: make(chan result, 1)}
	if refused := m.add(c); refused != nil {
		t.Fatal(refused)
	}
	if m.reply(c.pair) != nil {
		t.Error("a queued call was paired")
	}
	c.leave(writing)
	if m.reply(c.pair) != c || m.reply(c.pair) != nil || m.take(c) {
		t.Error("a sent call is to be claimed exactly once")
	}
}

func TestReplyOnAnotherLink(t *testing.T) {
	crossing := func(l *line, m *codec.Message) {
		other := l.peer.nth(0)
		if other == l {
			other = l.peer.nth(1)
		}
		other.say(codec.NewReply(m, "00"))
	}
	inBubble(t, crossing, func(t *testing.T, r *rig) {
		synctest.Wait()
		want(t, "online", r.Status().Online, 2)
		for n := range 20 {
			reply, err := ask(r.Bank, request(codec.Balance, n), time.Second)
			wantApproved(t, reply, err)
		}
	}, twoLinks)
}

func TestUnreadableReplyEndsAtOnce(t *testing.T) {
	garbled := func(l *line, m *codec.Message) {
		reply := codec.NewReply(m, "00")
		reply.Set(codec.FieldText, "unreadable")
		l.say(reply)
	}
	inBubble(t, garbled, func(t *testing.T, r *rig) {
		begun := time.Now()
		_, err := ask(r.Bank, request(codec.Balance, 1), 10*time.Second)
		wantInDoubt(t, err, BadReply)
		want(t, "waited", time.Since(begun), 0)
		want(t, "format errors", r.metric(t, "format_errors_total"), 1)
		want(t, "online", r.Status().Online, 1)
		var format *codec.FormatError
		if !errors.As(err, &format) {
			t.Errorf("cause lost: %v", err)
		}
	})
}

func TestNotSent(t *testing.T) {
	inBubble(t, silent, func(t *testing.T, r *rig) {
		_, err := ask(r.Bank, request(codec.Balance, 1), 0)
		wantNotSent(t, err, DeadlinePast)
		_, err = ask(r.Bank, request(codec.Balance, 1), -time.Hour)
		wantNotSent(t, err, DeadlinePast)

		unwritable := request(codec.Balance, 1)
		unwritable.Set(codec.FieldText, "unwritable")
		_, err = ask(r.Bank, unwritable, time.Second)
		wantNotSent(t, err, Unwritable)

		long := request(codec.Balance, 1)
		long.Set(codec.FieldText, string(make([]byte, 4096)))
		_, err = ask(r.Bank, long, time.Second)
		wantNotSent(t, err, Unwritable)

		var first sync.WaitGroup
		first.Go(func() {
			_, err := ask(r.Bank, request(codec.Balance, 1), time.Second)
			wantInDoubt(t, err, NoReply)
		})
		synctest.Wait()
		_, err = ask(r.Bank, request(codec.Balance, 1), time.Second)
		wantNotSent(t, err, Duplicate)
		first.Wait()
		want(t, "duplicates", r.metric(t, "duplicate_pairs_total"), 1)
		want(t, "sent", len(r.peer.requests()), 1)
		want(t, "in flight", r.Status().InFlight, 0)
	})
}

// A permit is for one exchange; releasing it afterwards does nothing.
func TestPermitEndsOnce(t *testing.T) {
	inBubble(t, approve, func(t *testing.T, r *rig) {
		p, err := r.Admit()
		if err != nil {
			t.Fatal(err)
		}
		reply, err := p.Exchange(request(codec.Balance, 1), time.Now().Add(time.Second))
		wantApproved(t, reply, err)
		p.Release()
		p.Release()
		_, err = p.Exchange(request(codec.Balance, 2), time.Now().Add(time.Second))
		wantNotSent(t, err, resultUsed)
		want(t, "sent", len(r.peer.requests()), 1)
		want(t, "in flight", r.Status().InFlight, 0)
	})
}

// The number comes round while an old one is in flight: each gets its own.
func TestSTANWrap(t *testing.T) {
	bySent := func(l *line, m *codec.Message) {
		l.peer.wg.Go(func() {
			code := "51"
			if m.Get(codec.FieldSent) == "1124115959" {
				time.Sleep(5 * time.Second)
				code = "00"
			}
			l.say(codec.NewReply(m, code))
		})
	}
	inBubble(t, bySent, func(t *testing.T, r *rig) {
		var old sync.WaitGroup
		for n := range 50 {
			old.Go(func() {
				reply, err := ask(r.Bank, request(codec.Balance, n), 10*time.Second)
				wantApproved(t, reply, err)
			})
		}
		synctest.Wait()
		for n := range 50 {
			m := request(codec.Balance, n)
			m.Set(codec.FieldSent, "1124120001")
			reply, err := ask(r.Bank, m, time.Second)
			if err != nil || reply.Meaning != codec.Declined {
				t.Errorf("new %d: %v %v", n, reply.Meaning, err)
			}
		}
		old.Wait()
	})
}

// The late queue is bounded: what does not fit is dropped and counted.
func TestInboxFull(t *testing.T) {
	inBubble(t, silent, func(t *testing.T, r *rig) {
		r.listener.hold = make(chan struct{})
		for n := range inboxSize + inboxWorkers + 10 {
			r.peer.nth(0).say(codec.NewReply(request(codec.Balance, n), "00"))
		}
		synctest.Wait()
		want(t, "dropped", r.metric(t, "inbox_dropped_total"), 10)
		close(r.listener.hold)
		synctest.Wait()
		want(t, "handed on", len(r.listener.lateSTANs()), inboxSize+inboxWorkers)
		want(t, "online", r.Status().Online, 1)
	})
}

func TestBanksOwnRequests(t *testing.T) {
	serve := func(l *line, m *codec.Message) {
		l.peer.told <- fmt.Sprint(m.Reply, " ", m.Get(codec.FieldSTAN), " ", m.Get(codec.FieldCode))
	}
	inBubble(t, serve, func(t *testing.T, r *rig) {
		l := r.peer.nth(0)
		l.say(request(codec.Completion, 5))
		want(t, "answer", <-r.peer.told, "true 000005 00")
		for n, text := range []string{"no answer", "unreadable", "no word for it"} {
			m := request(codec.Completion, 6+n)
			m.Set(codec.FieldText, text)
			l.say(m)
		}
		l.say(request(codec.Completion, 9))
		want(t, "answer", <-r.peer.told, "true 000009 00")
		synctest.Wait()
		want(t, "incoming", r.listener.incomingCount(), 4)
		want(t, "format errors", r.metric(t, "format_errors_total"), 1)
		want(t, "answers", len(r.peer.told), 0)
	})
}

// What bears the pairing of a request of ours in flight and is no reply is the bank's
// own request, also where a bank sends back what it was sent.
func TestBanksRequestWithOurPairing(t *testing.T) {
	mirror := func(l *line, m *codec.Message) {
		if m.Reply {
			l.peer.told <- fmt.Sprint(m.Type, " ", m.Get(codec.FieldCode))
			return
		}
		l.say(m)
		l.peer.wg.Go(func() {
			time.Sleep(time.Second)
			l.say(codec.NewReply(m, "51"))
		})
	}
	inBubble(t, mirror, func(t *testing.T, r *rig) {
		reply, err := ask(r.Bank, request(codec.Balance, 1), 5*time.Second)
		if err != nil || reply.Meaning != codec.Declined {
			t.Errorf("meaning %v, error %v, want declined", reply.Meaning, err)
		}
		wantTold(t, r.peer, "balance 00")
		want(t, "incoming", r.listener.incomingCount(), 1)
		want(t, "late", r.metric(t, "late_total"), 0)
	})
}
