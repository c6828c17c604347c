package faults

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"wxswitch/banks/sim"
	"wxswitch/cmd/switchd/app"
	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/api/client"
	"wxswitch/switch/customer"
	"wxswitch/switch/db"
	"wxswitch/switch/notice"
	"wxswitch/switch/vault"
)

// TestDrain: SIGTERM with requests in flight: all are answered, and the program
// ends well within its limit.
func TestDrain(t *testing.T) {
	h := newHouse(t, plan{})
	c := h.startChild()
	h.online()
	h.fault(plainBank, sim.Fault{Kind: sim.Delay, Delay: 700 * time.Millisecond})
	var questions []question
	for i := range 30 {
		questions = append(questions, authenticate(plainBank, i, fmt.Sprint("k", i)))
	}
	done := make(chan []heard)
	go func() { done <- h.each(questions) }()
	eventually(t, "30 requests in flight", func() bool { return h.inFlight(plainBank) == 30 })
	began := time.Now()
	if err := c.stop(); err != nil {
		t.Errorf("exit: %v: %s", err, c.tail())
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the stop took %s", took)
	}
	declined := 0
	for i, a := range <-done {
		switch {
		case a.outcome() == switching.Declined && h.banks[plainBank].people[i].Accounts[0].Status == sim.Frozen:
			declined++
		case a.outcome() != switching.Approved:
			t.Errorf("%d: status %d, %v: %s", i, a.status, a.err, a.body)
		}
	}
	c.sane()
	if b := h.compare(); len(b.Rows) != 30 {
		t.Errorf("%d rows", len(b.Rows))
	}
}

func (h *house) inFlight(bank string) int {
	r, err := h.client().ListBanksWithResponse(context.Background())
	must(h.t, err)
	for _, b := range r.JSON200.Banks {
		if b.Bank == bank {
			return b.InFlight
		}
	}
	return 0
}

// TestDiskFull: what cannot be journalled is refused and not sent; when there is
// room again the switch goes on by itself.
func TestDiskFull(t *testing.T) {
	h := newHouse(t, plan{})
	c := h.startChild()
	h.online()
	h.answered(authenticate(plainBank, 0, "before"))
	c.tell("limit 1")
	sawRefusal := false
	for i := range 20 {
		a := h.ask(authenticate(plainBank, i%10, fmt.Sprint("full", i)))
		sawRefusal = sawRefusal || a.problem == "journal" && a.status == 503
		if a.outcome() != switching.Refused && a.problem != "outcome-unknown" {
			t.Errorf("status %d: %s", a.status, a.body)
		}
	}
	if !sawRefusal {
		t.Error("nothing was refused for the journal")
	}
	if rows, err := h.banks[plainBank].Ledger(t.Context()); err != nil || len(rows) != 1 {
		t.Errorf("the bank saw %d messages, %v", len(rows), err)
	}
	c.tell("limit %d", int64(1)<<40)
	eventually(t, "room again", func() bool {
		return h.ask(authenticate(plainBank, 11, "after")).outcome() == switching.Approved
	})
	h.answered(deregister(plainBank, 11, "after2"))
	must(t, c.stop())
	c.sane()
	h.compare()
}

// TestRestartsInEveryOrder stops and starts both sides in every order, on top
// of doubts of every kind, and settles all of them.
func TestRestartsInEveryOrder(t *testing.T) {
	for _, order := range []string{"S- S+ B- B+", "S- B- S+ B+", "S- B- B+ S+", "B- B+ S- S+", "B- S- B+ S+", "B- S- S+ B+"} {
		t.Run(strings.ReplaceAll(order, " ", ""), func(t *testing.T) {
			h := running(t, plan{deadline: 250 * time.Millisecond})
			bank := h.banks[plainBank]
			doubts := h.everyDoubt(plainBank)
			for step := range strings.FieldsSeq(order) {
				switch step {
				case "S-":
					h.stop()
				case "S+":
					h.start()
				case "B-":
					bank.stop()
				case "B+":
					bank.start()
				}
			}
			h.online()
			for _, a := range <-doubts {
				if a.err == nil && a.status == 200 {
					h.sameAgain(a)
				}
			}
			h.compare()
		})
	}
}

// everyDoubt asks for changes that the bank leaves in doubt in each way, and
// for some that are under way; it returns when the first are sent.
func (h *house) everyDoubt(bank string) <-chan []heard {
	var questions []question
	for i, kind := range []sim.Kind{sim.Silence, sim.SilenceAfter, sim.Late, sim.DropBefore, sim.DropAfter, sim.WrongSTAN, sim.Unreadable, sim.Delay} {
		for j, t := range []codec.Type{codec.Authenticate, codec.Deregister} {
			person := 2*i + j
			f := sim.Fault{Kind: kind, Type: t, Account: h.banks[bank].people[person].Accounts[0].Number, Count: 1}
			if kind == sim.Late || kind == sim.Delay {
				f.Delay = 400 * time.Millisecond
			}
			q := authenticate(bank, person, fmt.Sprintf("%s-%s", kind, t))
			if t == codec.Deregister {
				h.answered(authenticate(bank, person, "first-"+q.key))
				q.kind = "deregister"
			}
			h.fault(bank, f)
			questions = append(questions, q)
		}
	}
	done := make(chan []heard, 1)
	go func() { done <- h.each(questions) }()
	eventually(h.t, "the first doubts", func() bool {
		rows, err := h.banks[bank].Ledger(h.t.Context())
		return err == nil && len(rows) > len(questions)/2+3
	})
	return done
}

// TestClockSetBack: the numbers of sendings do not repeat.
func TestClockSetBack(t *testing.T) {
	h := newHouse(t, plan{})
	for life := range 4 {
		back := time.Duration(life) * time.Hour
		h.hooks.Now = func() time.Time { return time.Now().Add(-back) }
		h.start()
		h.online()
		for i := range 20 {
			h.answered(authenticate(plainBank, i%8, fmt.Sprintf("k%d-%d", life, i)))
		}
		h.stop()
	}
	h.compare()
}

// TestBankDiesWithManyInFlight: nobody hangs, and what was in doubt settles when
// it is back.
func TestBankDiesWithManyInFlight(t *testing.T) {
	const many = 200
	h := newHouse(t, plan{people: many, seed: 8, deadline: 10 * time.Second})
	var written atomic.Int64
	h.hooks.Tap = func(bank string, out bool, _ []byte) {
		if out && bank == cupsBank {
			written.Add(1)
		}
	}
	h.start()
	h.online()
	before := written.Load()
	h.fault(cupsBank, sim.Fault{Kind: sim.Delay, Delay: 60 * time.Second, Type: codec.Authenticate})
	var questions []question
	for i := range many {
		questions = append(questions, authenticate(cupsBank, i, fmt.Sprint("k", i)))
	}
	done := make(chan []heard)
	began := time.Now()
	go func() { done <- h.each(questions) }()
	eventually(t, "all on their way", func() bool { return written.Load() >= before+many })
	n := h.inFlight(cupsBank)
	h.banks[cupsBank].stop()
	timedOut := 0
	for _, a := range <-done {
		if a.outcome() == switching.TimedOut {
			timedOut++
		} else if a.outcome() != switching.Refused {
			t.Errorf("status %d, %v: %s", a.status, a.err, a.body)
		}
	}
	t.Logf("%d in flight, %d timed out, after %s", n, timedOut, time.Since(began))
	if n < many || timedOut < many {
		t.Errorf("%d in flight, %d timed out", n, timedOut)
	}
	h.banks[cupsBank].start()
	h.online()
	h.compare()
}

// TestAllLinksGone: refused at once, and well again with the bank.
func TestAllLinksGone(t *testing.T) {
	h := running(t, plan{})
	h.banks[cupsBank].Down()
	h.banks[plainBank].Down()
	for bank := range h.banks {
		eventually(t, "links gone", func() bool { return h.ask(balance(bank, 1)).problem == "no-link" })
		if a := h.refused(authenticate(bank, 1, "k"+bank), "no-link"); a.status != 503 {
			t.Errorf("status %d", a.status)
		}
	}
	h.calm()
	h.online()
	for bank := range h.banks {
		h.answered(authenticate(bank, 1, "k"+bank))
	}
	h.compare()
}

// TestCallerHangsUp after each step: nothing is cancelled, the row ends, and the
// key tells how.
func TestCallerHangsUp(t *testing.T) {
	for _, step := range []string{"open", "reply", "close"} {
		t.Run(step, func(t *testing.T) {
			h := newHouse(t, plan{})
			ctx, hangUp := context.WithCancel(context.Background())
			var once sync.Once
			var armed atomic.Bool
			h.hooks.Failpoint = func(at string) {
				if at == step && armed.Load() {
					once.Do(func() { hangUp(); <-time.After(50 * time.Millisecond) })
				}
			}
			h.start()
			h.online()
			h.answered(authenticate(plainBank, 1, "before"))
			armed.Store(true)
			h.fault(plainBank, sim.Fault{Kind: sim.Delay, Delay: 200 * time.Millisecond})
			if a := h.askWithin(ctx, deregister(plainBank, 1, "k")); a.err == nil {
				t.Fatalf("heard %d: %s", a.status, a.body)
			}
			if a := h.answered(deregister(plainBank, 1, "k")); a.outcome() != switching.Approved || !a.replayed {
				t.Errorf("%s, replayed %t", a.outcome(), a.replayed)
			}
			h.compare()
		})
	}
}

// TestDeadlines: none, past, and tiny ones.
func TestDeadlines(t *testing.T) {
	h := running(t, plan{})
	for i, timeout := range []time.Duration{-time.Second, -time.Millisecond, time.Millisecond / 2} { // the last is sent as 0
		q := authenticate(plainBank, i, fmt.Sprint("past", i))
		q.timeout = timeout
		if a := h.refused(q, "deadline"); a.status != 504 {
			t.Errorf("status %d", a.status)
		}
	}
	h.fault(plainBank, sim.Fault{Kind: sim.Delay, Delay: 50 * time.Millisecond})
	counts := make(map[string]int)
	for i := range 40 {
		q := authenticate(plainBank, i%16, fmt.Sprint("tiny", i))
		q.timeout = time.Duration(1+i%10) * time.Millisecond
		a := h.ask(q)
		if a.outcome() != switching.TimedOut && a.problem != "deadline" && a.problem != "settling" {
			t.Errorf("%s: status %d: %s", q.timeout, a.status, a.body)
		}
		counts[string(a.outcome())+" "+a.problem]++
	}
	t.Log(counts)
	h.banks[plainBank].ClearFault(0)
	h.compare()
}

// TestDeadlinePassesAtEachStep: before anything is sent it is a refusal, after
// that it is not.
func TestDeadlinePassesAtEachStep(t *testing.T) {
	for step, want := range map[string]switching.Outcome{"open": switching.Refused, "reply": switching.Approved, "close": switching.Approved} {
		t.Run(step, func(t *testing.T) {
			h := newHouse(t, brisk)
			var armed atomic.Bool
			h.hooks.Failpoint = func(at string) {
				if at == step && armed.CompareAndSwap(true, false) {
					<-time.After(1500 * time.Millisecond)
				}
			}
			h.start()
			h.online()
			armed.Store(true)
			a := h.ask(authenticate(plainBank, 1, "k"))
			if a.outcome() != want || want == switching.Refused && a.problem != "deadline" {
				t.Errorf("status %d: %s", a.status, a.body)
			}
			h.compare()
		})
	}
}

// TestReloadUnderTraffic: no request meets a table that is half there, and a
// file that is wrong changes nothing. Every second turn is told as SIGHUP tells it.
func TestReloadUnderTraffic(t *testing.T) {
	h := newHouse(t, plan{})
	hangup := make(chan struct{})
	h.hooks.Reload = hangup
	h.start()
	h.online()
	good, err := os.ReadFile(h.path("routes.yaml"))
	must(t, err)
	const (
		more  = "  - {bank: xjrcu, prefix: \"9999\", length: 18}\n"
		wrong = "cards:\n  - {bank: nobody, prefix: \"62\", lengths: [16]}\n"
	)
	stop := make(chan struct{})
	var traffic sync.WaitGroup
	var asked atomic.Int64
	for i := range 8 {
		traffic.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if a := h.ask(balance([]string{cupsBank, plainBank}[n%2], i)); a.outcome() != switching.Approved {
					t.Errorf("status %d, %v: %s", a.status, a.err, a.body)
					return
				}
				asked.Add(1)
			}
		})
	}
	turns := 0
	for ; (asked.Load() < 500 || turns < 6) && !t.Failed(); turns++ {
		if turns%2 == 0 {
			must(t, os.WriteFile(h.path("routes.yaml"), good, 0o600))
			h.reload(200)
			h.metric("wxswitch_reload_refused 0")
			must(t, os.WriteFile(h.path("routes.yaml"), []byte(wrong), 0o600))
			if body := string(h.reload(422)); !strings.Contains(body, "routes.yaml:2") {
				t.Fatalf("the problem does not say where: %s", body)
			}
			continue
		}
		must(t, os.WriteFile(h.path("routes.yaml"), []byte(string(good)+more), 0o600))
		hangup <- struct{}{}
		eventually(t, "the table that the signal brings", func() bool { return h.routed("999900000000000000") == plainBank })
		must(t, os.WriteFile(h.path("routes.yaml"), []byte(wrong), 0o600))
		hangup <- struct{}{}
		hangup <- struct{}{} // taken when the one before is done
		if got := h.routed("999900000000000000"); got != plainBank {
			t.Errorf("a wrong file changed the table: %q", got)
		}
		h.metric("wxswitch_reload_refused 1")
	}
	close(stop)
	traffic.Wait()
	t.Logf("%d requests, %d turns", asked.Load(), turns)
	h.compare()
}

// routed is the bank that the account would go to, if any.
func (h *house) routed(account string) string {
	h.t.Helper()
	r, err := h.client().ExplainRouteWithResponse(h.t.Context(), client.RouteQuestion{Account: account})
	must(h.t, err)
	if r.JSON200 == nil {
		h.t.Fatalf("explain: %s", r.Body)
	}
	return r.JSON200.Bank
}

// TestWrongKey: a start with another key file than the database was written
// with says so and does nothing; with the right one all goes on.
func TestWrongKey(t *testing.T) {
	h := running(t, brisk)
	h.fault(plainBank, sim.Fault{Kind: sim.SilenceAfter})
	if a := h.answered(authenticate(plainBank, 1, "k")); a.outcome() != switching.TimedOut {
		t.Fatalf("%s", a.body)
	}
	h.stop()
	must(t, os.Rename(h.path("key.json"), h.path("right.json")))
	must(t, vault.NewKeyFile(h.path("key.json")))
	c, err := app.Load(h.path("switchd.yaml"))
	must(t, err)
	c.LogTo = zerolog.Nop()
	c.Ready = func(app.Addresses) { t.Error("a door was opened") }
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	err = app.Run(ctx, c)
	if err == nil {
		t.Fatal("the switch started")
	}
	for _, said := range []string{h.path("key.json"), h.data, "put back the key file"} {
		if !strings.Contains(err.Error(), said) {
			t.Errorf("%v: does not say %q", err, said)
		}
	}
	must(t, os.Rename(h.path("right.json"), h.path("key.json")))
	h.calm()
	h.start()
	h.online()
	for _, a := range h.compare().Advices {
		if a.State != switching.AdviceDone {
			t.Errorf("the advice is %s: %s", a.State, a.Note)
		}
	}
}

// deaf is a front that is told nothing.
type deaf struct{}

func (deaf) Send(context.Context, notice.Message) notice.Answer { return notice.Answer{} }

// What has no row in the journal counts as well: notices of movements, and the key by
// which pages seal passwords.
func TestWrongKeyOfWhatIsNotInTheJournal(t *testing.T) {
	for name, write := range map[string]func(ctx context.Context, d *db.DB, v *vault.Vault) error{
		"a notice": func(ctx context.Context, d *db.DB, v *vault.Vault) error {
			n, err := notice.New(ctx, notice.Options{DB: d, Vault: v, Sender: deaf{}, Text: func(switching.Notice) string { return "" }})
			if err != nil {
				return err
			}
			return d.Write(ctx, func(ctx context.Context, tx db.Tx) error {
				return n.Put(ctx, tx, switching.Notice{ID: "movement-1", Channel: "wechat", Subject: "f", Kind: switching.NoticeMovement})
			})
		},
		"a page key": func(ctx context.Context, d *db.DB, v *vault.Vault) error {
			s, err := customer.Open(ctx, customer.Options{DB: d, Vault: v})
			if err != nil {
				return err
			}
			_, err = s.PageKey(ctx)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, brisk)
			must(t, os.Rename(h.path("key.json"), h.path("right.json")))
			must(t, vault.NewKeyFile(h.path("key.json")))
			v, err := vault.Load(h.path("right.json"))
			must(t, err)
			d, err := db.Open(t.Context(), db.Options{Path: h.data})
			must(t, err)
			ran := make(chan error, 1)
			go func() { ran <- d.Run(context.WithoutCancel(t.Context())) }()
			must(t, write(t.Context(), d, v))
			must(t, d.Close())
			must(t, <-ran)
			c, err := app.Load(h.path("switchd.yaml"))
			must(t, err)
			ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
			defer stop()
			c.LogTo, c.Ready = zerolog.Nop(), func(app.Addresses) { stop() }
			if err := app.Run(ctx, c); err == nil || !strings.Contains(err.Error(), "put back the key file") {
				t.Fatal(err)
			}
			must(t, os.Rename(h.path("right.json"), h.path("key.json")))
			h.start()
			h.stop()
		})
	}
}
