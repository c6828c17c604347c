package banks

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wxswitch/codec"
	"wxswitch/codec/iso"
)

// numbered is the request of one sending: the STAN is the last six digits of
// its number; operation, card and, in its answer, balance are its own.
func numbered(id int, sent string) *codec.Message {
	m := isoRequest(codec.Balance, id%1_000_000)
	m.Set(codec.FieldSent, sent)
	m.Set(codec.FieldRRN, string(codec.NewRRN(int64(id))))
	m.Set(codec.FieldPAN, fmt.Sprintf("6210%012d", id))
	return m
}

// holder is a bank that answers nothing until it is told to.
type holder struct {
	mu   sync.Mutex // guards held
	held []func()
}

func (h *holder) serve(l *line, m *codec.Message) {
	reply := balanceReply(m, "00")
	id, _ := codec.RRN(m.Get(codec.FieldRRN)).Number()
	reply.Set(codec.FieldBalance, strconv.FormatInt(id, 10))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = append(h.held, func() { l.say(reply) })
}

// answer answers all that is held, in any order.
func (h *holder) answer() (n int) {
	h.mu.Lock()
	held := h.held
	h.held = nil
	h.mu.Unlock()
	rand.Shuffle(len(held), func(i, k int) { held[i], held[k] = held[k], held[i] })
	for _, say := range held {
		say()
	}
	return len(held)
}

// wave asks for every number around one wrap of the STANs, from 999989 to
// 000010, and wants of each its own answer. Every second one may have so
// little time that its answer comes late.
func wave(t *testing.T, r *rig, all *sync.WaitGroup, cycle int, sent string, every2nd time.Duration) (late []string) {
	for n := -11; n <= 10; n++ {
		id := cycle*1_000_000 + n
		if n == 0 {
			continue // STAN 000000 is none
		}
		within := 9 * time.Second
		if n%2 == 0 {
			within = every2nd
			if every2nd < time.Second {
				late = append(late, string(codec.NewRRN(int64(id))))
			}
		}
		all.Go(func() {
			reply, err := ask(r.Bank, numbered(id, sent), within)
			if within < time.Second {
				wantInDoubt(t, err, NoReply)
				return
			}
			if err != nil {
				t.Errorf("%d: %v", id, err)
				return
			}
			want(t, "operation", reply.Get(codec.FieldRRN), string(codec.NewRRN(int64(id))))
			want(t, "STAN", reply.Get(codec.FieldSTAN), fmt.Sprintf("%06d", id%1_000_000))
			want(t, "balance", reply.Get(codec.FieldBalance), strconv.Itoa(id))
		})
	}
	synctest.Wait()
	return late
}

// The STANs pass 999999 while requests with the high and the low ones wait, and
// pass it again while all of them still do: every one gets its own reply,
// whatever the order, and a reply that is late is nobody else's.
func TestNumbersComeRound(t *testing.T) {
	for _, name := range iso.Builtins() {
		for lateness, every2nd := range map[string]time.Duration{"all in time": 9 * time.Second, "every second late": 500 * time.Millisecond} {
			t.Run(name+"/"+lateness, func(t *testing.T) {
				h := &holder{}
				withISO(t, name, h.serve, func(t *testing.T, r *rig) {
					var all sync.WaitGroup
					late := wave(t, r, &all, 1, "1124115959", every2nd)
					time.Sleep(time.Second)
					wave(t, r, &all, 2, "1124120130", 9*time.Second)
					want(t, "arrived", h.answer(), 42)
					all.Wait()
					synctest.Wait()
					var got []string
					for _, m := range r.listener.late {
						got = append(got, m.Get(codec.FieldRRN))
					}
					slices.Sort(got)
					if !slices.Equal(got, late) {
						t.Errorf("late: %v, want %v", got, late)
					}
					want(t, "duplicates", r.metric(t, "duplicate_pairs_total"), 0)
				}, twoLinks)
			})
		}
	}
}

// One that is still waiting keeps its number: a second sending under it is
// refused unsent, also when the STANs have come round in between.
func TestNumberInUseAfterAWrap(t *testing.T) {
	h := &holder{}
	withISO(t, "plain", h.serve, func(t *testing.T, r *rig) {
		var all sync.WaitGroup
		wave(t, r, &all, 1, "1124115959", 9*time.Second)
		_, err := ask(r.Bank, numbered(1_999_999, "1124115959"), time.Second)
		wantNotSent(t, err, Duplicate)
		want(t, "arrived", h.answer(), 21)
		all.Wait()
	})
}

// Of two calls whose numbers are alike the second begins when the first has its reply:
// the first, giving up, does not take the second's place.
func TestWhoGivesUpTakesNoOthersPlace(t *testing.T) {
	m := newMux()
	first, second := &call{done: make(chan result, 1)}, &call{done: make(chan result, 1)}
	if m.add(first) != nil || !first.leave(writing) || m.reply(first.pair) != first || m.add(second) != nil {
		t.Fatal("the second is not waiting after the first")
	}
	if m.take(first) || !m.take(second) {
		t.Error("the first took the second's place")
	}
}

// A reply that is claimed as the deadline passes is its caller's, however long its
// link takes to hand it over: it goes nowhere else.
func TestReplyThatIsClaimedAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := &Bank{mux: newMux(), gate: newGate()}, &call{done: make(chan result, 1)}
		if b.mux.add(c) != nil || !c.leave(writing) || b.mux.reply(c.pair) != c {
			t.Fatal("the reply is not the call's")
		}
		time.AfterFunc(time.Second, func() { c.done <- result{raw: []byte("reply")} })
		r := b.await(c, time.After(0))
		want(t, "reply", string(r.raw), "reply")
	})
}
