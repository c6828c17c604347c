package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"wxswitch/banks/sim"
	"wxswitch/codec"
	switching "wxswitch/switch"
)

// noDeadline hides testing.T.Deadline, which may not be asked inside a bubble.
type noDeadline struct{ rapid.TB }

var pairTypes = []codec.Type{codec.Authenticate, codec.Deregister, codec.Balance}

// TestEveryOrder asks for each pair of types in every order, with late answers,
// repeats, second tries, restarts and crashes of the switch, restarts of the
// bank, operators and faults between, and compares the books at each end.
func TestEveryOrder(t *testing.T) {
	for i, a := range pairTypes {
		for _, b := range pairTypes[i:] {
			t.Run(string(a)+"+"+string(b), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newModelWorld(t)
					rapid.Check(noDeadline{t}, func(r *rapid.T) { w.run(r, []codec.Type{a, b}) })
					t.Logf("%d runs ended: %v", w.runs, w.seen)
				})
			})
		}
	}
}

// run is one order of events about a person whom no other run knows.
type run struct {
	*modelWorld
	types   []codec.Type
	person  int
	since   int64 // the last number of the runs before
	advised int64 // their last advice
	asking  sync.WaitGroup
	mu      sync.Mutex // guards what follows
	told    []Told
	asked   []switching.Request
	history []string
	closed  map[int64]switching.Outcome // by operators, who do one thing at a time
}

func (w *modelWorld) run(r *rapid.T, types []codec.Type) {
	w.runs++
	o := &run{modelWorld: w, types: types, person: w.runs, since: w.last("entry"), advised: w.last("advice"), closed: make(map[int64]switching.Outcome)}
	defer func() {
		o.asking.Wait()
		w.calm()
		if r.Failed() {
			r.Logf("%s", fmt.Sprint(o.history))
		}
	}()
	for range rapid.IntRange(5, 24).Draw(r, "events") {
		o.revive()
		o.event(rapid.SampledFrom(events).Draw(r, "event"), r)
	}
	o.finish(r)
}

// events are what may come, as often as they stand here.
var events = []string{
	"ask", "ask", "ask", "ask amiss", "ask amiss", "ask amiss", "ask amiss", "repeat a key", "advices amiss", "park a completion",
	"wait", "wait", "let all rest", "restart switch", "crash switch", "arm a crash", "restart bank", "drop links",
	"slow link", "slow link", "bank unreachable", "operator",
}

func (o *run) event(name string, r *rapid.T) {
	o.note("%s", name)
	switch name {
	case "ask":
		o.do(o.question(r))
	case "ask amiss":
		o.askAmiss(r)
	case "repeat a key":
		o.repeat(r)
	case "advices amiss":
		o.advicesAmiss(r)
	case "park a completion":
		o.park(r)
	case "wait":
		o.wait(r)
	case "let all rest":
		synctest.Wait()
	case "restart switch":
		o.life.stop()
		o.born()
	case "crash switch":
		o.life.die()
	case "arm a crash":
		o.arm(r)
	case "restart bank":
		o.bank.restart()
	case "drop links":
		o.life.cut()
	case "slow link":
		o.life.slow(time.Duration(rapid.IntRange(1, 30).Draw(r, "for")) * time.Second)
	case "bank unreachable":
		o.unreachable(rapid.Bool().Draw(r, "down"))
	case "operator":
		o.operate(r)
	}
}

func (o *run) note(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.history = append(o.history, time.Now().Format("05.000 ")+fmt.Sprintf(format, args...)+"\n")
}

// revive starts the switch again after an armed crash.
func (o *run) revive() {
	if o.life.dead.Load() {
		o.life.stop()
		o.born()
	}
}

// account is mostly the first of the person's: what meets is what is tried.
func (o *run) account(r *rapid.T) codec.Account {
	accounts := o.bank.people[o.person].Accounts
	i := rapid.SampledFrom([]int{0, 0, 0, 0, 1}).Draw(r, "account")
	return accounts[i%len(accounts)].Number
}

// askAmiss asks what the bank then makes trouble about.
func (o *run) askAmiss(r *rapid.T) {
	q := o.question(r)
	o.trouble(r, q.Type, q.Account)
	o.do(q)
}

func (o *run) question(r *rapid.T) switching.Request {
	p := o.bank.people[o.person]
	q := switching.Request{
		Type: rapid.SampledFrom(o.types).Draw(r, "type"), Client: "model", Operation: "model", Account: o.account(r),
		Timeout: rapid.SampledFrom([]time.Duration{0, 0, 0, time.Second, 12 * time.Second}).Draw(r, "timeout"),
	}
	if rapid.Bool().Draw(r, "customer") {
		q.Customer = fmt.Sprint("c", o.person)
	}
	if q.Type == codec.Authenticate {
		q.Fields.Set(codec.FieldCertType, p.CertType)
		q.Fields.Set(codec.FieldCertNumber, p.Cert.Reveal())
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	q.Key = fmt.Sprintf("%d-%d", o.person, len(o.asked))
	o.asked = append(o.asked, q)
	return q
}

func (o *run) repeat(r *rapid.T) {
	o.mu.Lock()
	asked := slices.Clone(o.asked)
	o.mu.Unlock()
	if len(asked) > 0 {
		o.do(rapid.SampledFrom(asked).Draw(r, "key"))
	}
}

// do asks, and writes down what was told; a switch that had died told nothing.
func (o *run) do(q switching.Request) {
	life := o.life
	o.note("ask %s %s", q.Type, q.Key)
	o.asking.Go(func() {
		t := Told{Began: time.Now(), Key: q.Key, Type: q.Type, Bank: modelBank, Account: q.Account}
		result, err := life.sw.Do(context.Background(), q)
		o.note("told %s %s %s %s %d %v", q.Key, result.End.Outcome, result.End.Reason, result.End.Code, result.ID, err)
		if !life.dead.Load() {
			t.hear(&result, err)
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.told = append(o.told, t)
	})
}

// hear takes what the switch returned.
func (t *Told) hear(r *switching.Result, err error) {
	switch {
	case errors.Is(err, switching.ErrInProgress):
		t.Problem = "in-progress"
	case errors.Is(err, switching.ErrKeyReused):
		t.Problem = "idempotency-key-reused"
	case err != nil:
		t.Problem = "outcome-unknown"
	case r.Journalled:
		t.ID, t.RRN, t.Outcome, t.Code, t.Holder = r.ID, r.RRN, r.End.Outcome, r.End.Code, r.End.Reply.Get(codec.FieldHolder)
	default:
		t.Outcome, t.Problem = r.End.Outcome, string(r.End.Reason)
	}
}

// advicesAmiss has the bank make trouble about advices.
func (o *run) advicesAmiss(r *rapid.T) {
	o.trouble(r, rapid.SampledFrom([]codec.Type{codec.Reversal, codec.Completion}).Draw(r, "type"), o.account(r))
}

// park leaves a deregistration in doubt, whose completion then is an operator's. What
// the bank did with the former he does not know.
func (o *run) park(r *rapid.T) {
	q := o.question(r)
	q.Timeout = time.Second
	if q.Type == codec.Deregister {
		o.set(r, sim.Fault{
			Type: q.Type, Account: q.Account, Count: 1,
			Kind:  rapid.SampledFrom([]sim.Kind{sim.Silence, sim.SilenceAfter, sim.Late}).Draw(r, "kind"),
			Delay: time.Duration(rapid.IntRange(3, 30).Draw(r, "delay")) * time.Second,
		})
		o.set(r, sim.Fault{Type: codec.Completion, Account: q.Account, Count: 1, Kind: sim.Decline, Code: "ZZ"})
	}
	o.do(q)
	time.Sleep(2 * time.Second) //nolint:forbidigo // fake time
}

// trouble makes the bank misbehave once. 91 declines a change, and says nothing
// about one that an advice is to settle. What is declined may also be late.
func (o *run) trouble(r *rapid.T, t codec.Type, account codec.Account) {
	f := sim.Fault{Type: t, Account: account, Count: 1, Kind: rapid.SampledFrom([]sim.Kind{
		sim.Silence, sim.SilenceAfter, sim.Late, sim.Late, sim.Delay, sim.Delay, sim.Decline, sim.Decline, sim.DropBefore,
		sim.DropAfter, sim.Twice, sim.WrongSTAN, sim.Unreadable, sim.Garbage,
	}).Draw(r, "kind")}
	delay := time.Duration(rapid.IntRange(1, 30).Draw(r, "delay")) * time.Second
	switch f.Kind {
	case sim.Late, sim.Delay:
		f.Delay = delay
	case sim.Decline:
		f.Code = rapid.SampledFrom([]string{"05", "05", "ZZ", "68", "91"}).Draw(r, "code")
		if rapid.Bool().Draw(r, "late too") {
			o.set(r, sim.Fault{Type: t, Account: account, Count: 1, Kind: sim.Late, Delay: delay})
		}
	}
	o.set(r, f)
}

func (o *run) set(r *rapid.T, f sim.Fault) {
	o.note("fault %s %s %s %s", f.Kind, f.Type, f.Delay, f.Code)
	if _, err := o.bank.SetFault(f); err != nil {
		r.Fatal(err)
	}
}

func (o *run) wait(r *rapid.T) {
	time.Sleep(rapid.SampledFrom([]time.Duration{ //nolint:forbidigo // fake time
		time.Millisecond, 300 * time.Millisecond, 2 * time.Second, 10 * time.Second, 17 * time.Second, 40 * time.Second,
	}).Draw(r, "for"))
	o.note("waited")
}

func (o *run) arm(r *rapid.T) {
	step := rapid.SampledFrom([]string{"open", "reply", "close", "claim", "heard", "answer"}).Draw(r, "step")
	o.note("arm %s", step)
	o.life.crashAt.Store(&step)
}

// operate has an operator retry or close one of the run's advices.
func (o *run) operate(r *rapid.T) {
	list := o.advices(r)
	if len(list) == 0 {
		return
	}
	a := rapid.SampledFrom(list).Draw(r, "advice")
	if rapid.Bool().Draw(r, "retry") {
		_, err := o.life.journal.RetryAdvice(context.Background(), a.ID)
		o.note("operator retries %d: %v", a.ID, err)
		o.life.forwarder.Wake(modelBank, 0)
		return
	}
	if a.State == switching.AdviceParked {
		o.closeByHand(r, a)
	}
}

func (o *run) closeByHand(r *rapid.T, a switching.Advice) {
	outcome := switching.Outcome("")
	if a.Type == codec.Completion {
		outcome = rapid.SampledFrom([]switching.Outcome{switching.Approved, switching.Declined}).Draw(r, "end")
	}
	_, err := o.life.journal.CloseAdvice(context.Background(), a.ID, "by hand", outcome)
	o.note("operator closes %d %s: %v", a.ID, outcome, err)
	if err == nil {
		o.closed[a.Entry.ID] = outcome
		o.seen["closed "+string(outcome)]++
	}
	o.life.sw.Changed(a.Entry.ID)
}

func (o *run) advices(r *rapid.T) []switching.Advice {
	list, err := o.life.journal.Advices(context.Background(), "", "", o.advised, 1000)
	if err != nil && !o.life.dead.Load() {
		r.Fatal(err)
	}
	return list
}

// finish ends all faults, waits until nothing is in doubt, and compares.
func (o *run) finish(r *rapid.T) {
	o.life.crashAt.Store(nil)
	o.revive()
	o.calm()
	o.note("calm")
	o.asking.Wait()
	for range 600 {
		time.Sleep(time.Second) //nolint:forbidigo // fake time
		// First the rows: their end makes advices.
		open, err := o.life.journal.Due(context.Background(), time.Now().Add(time.Hour), 10)
		if err != nil {
			r.Fatal(err)
		}
		left := slices.DeleteFunc(o.advices(r), func(a switching.Advice) bool { return !a.State.Settles() })
		for _, a := range left {
			if a.State == switching.AdviceParked {
				o.closeByHand(r, a)
			}
		}
		if len(left)+len(open) == 0 {
			break
		}
	}
	time.Sleep(time.Minute) //nolint:forbidigo // fake time: whatever the bank still works on
	b := o.books(r)
	o.count(b)
	if wrong := b.Compare(); len(wrong) > 0 {
		r.Fatalf("%q\n%s", wrong, b.story())
	}
}

// count tells what the runs came across.
func (o *run) count(b Books) {
	for _, e := range b.Rows {
		o.seen[string(e.Type)+" "+string(e.End.Outcome)+" "+string(e.End.Reason)]++
		if e.Joins != 0 {
			o.seen["joined "+string(e.End.Outcome)]++
		}
		if e.Standing != e.End.Outcome {
			o.seen[string(e.Type)+" stands "+string(e.Standing)+" later"]++
		}
	}
	for _, a := range b.Advices {
		o.seen[string(a.Type)+" "+string(a.State)]++
	}
}

// story is the run's rows and advices, for people.
func (b Books) story() (s string) {
	for _, e := range b.Rows {
		s += fmt.Sprintf("%d %s joins %d: %s %s %q, stands %s, late %s %q, holds %t\n", e.ID, e.Type, e.Joins,
			e.End.Outcome, e.End.Reason, e.End.Code, e.Standing, e.Late, e.LateCode, e.Holds)
	}
	for _, a := range b.Advices {
		s += fmt.Sprintf("advice %d of %d: %s %s after %d, %q\n", a.ID, a.Entry.ID, a.Type, a.State, a.Attempts, a.LastCode)
	}
	for _, a := range b.Banks[modelBank].Arrivals {
		s += fmt.Sprintf("arrival %s %s %s: called %t, answer %q, %s\n", a.At.Format("05.000"), a.RRN, a.Type, a.Called, a.Answer, a.Note)
	}
	for _, e := range b.Banks[modelBank].Effects {
		s += fmt.Sprintf("effect %s %s\n", e.RRN, e.What)
	}
	return s
}

var errCrashed = errors.New("planted: the switch is dead")
