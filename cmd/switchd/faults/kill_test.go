package faults

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/api/client"
)

var (
	rounds = flag.Int("rounds", 100, "how often switchd is killed under load, every second time at a random moment")
	seed   = flag.Uint64("seed", 0, "of the kills; 0 draws one")
)

const (
	callers   = 64
	inFlight  = 20 // at least, at each kill
	perSeries = 5  // kills on one database
	abreast   = 2  // series at once: each waits half of its time
)

type deathStep struct {
	name     string
	min, max int
}

// steps are where switchd dies, and the bounds of n of "at the n-th pass". Those
// of 0, the last, are killed from outside, at any time: that is every second
// round, and the others have the same share of the rest. An advice is told in
// four of them: taken to be told, on the socket, answered by the bank, and the
// answer on disk.
var steps = []deathStep{
	{"open", 20, 100},
	{"write", 30, 90},
	{"half", 30, 90},
	{"reply", 10, 90},
	{"close", 10, 90},
	{"claim", 1, 6},
	{"sent", 1, 6},
	{"heard", 1, 6},
	{"answer", 1, 6},
	{"random", 0, 0},
}

// TestKillUnderLoad kills switchd again and again, each time on what the last
// kill left, and compares the books each time it has settled.
func TestKillUnderLoad(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64() //nolint:gosec // a seed
	}
	t.Logf("again with: -run TestKillUnderLoad -rounds %d -seed %d", *rounds, *seed)
	all := &killing{steps: make(map[string]int)}
	var mu sync.Mutex // guards all
	places := make(chan struct{}, abreast)
	t.Run("series", func(t *testing.T) {
		for first := 0; first < *rounds; first += perSeries {
			t.Run(fmt.Sprintf("from %d", first), func(t *testing.T) {
				t.Parallel()
				places <- struct{}{}
				defer func() { <-places }()
				k := &killing{random: rand.New(rand.NewPCG(*seed, uint64(first))), steps: make(map[string]int)} //nolint:gosec // reproducible
				k.series(t, first, min(perSeries, *rounds-first))
				mu.Lock()
				defer mu.Unlock()
				all.add(k)
			})
		}
	})
	t.Logf("%d kills by step %v, %d more while recovering; %d requests, %d in flight at a kill (at least %d); %d answers told, %d repeats compared",
		all.kills, all.steps, all.again, all.requests, all.lost, all.fewest, all.answers, all.repeats)
	want := make(map[string]int)
	for i := range *rounds {
		want[stepOf(i).name]++
	}
	if !maps.Equal(all.steps, want) {
		t.Errorf("kills by step %v, want %v", all.steps, want)
	}
}

// stepOf is where switchd dies in a round.
func stepOf(round int) deathStep {
	last := len(steps) - 1
	if round%2 == 0 {
		return steps[last]
	}
	return steps[round/2%last]
}

// killing is rounds, and their totals.
type killing struct {
	random *rand.Rand
	kills  int
	steps  map[string]int // kills by step
	again  int            // kills while recovering
	lost   int            // in flight at kills
	fewest int

	requests, answers, repeats int
}

func (k *killing) add(o *killing) {
	for step, n := range o.steps {
		k.steps[step] += n
	}
	if k.kills == 0 || o.kills > 0 && o.fewest < k.fewest {
		k.fewest = o.fewest
	}
	k.kills += o.kills
	k.again += o.again
	k.lost += o.lost
	k.requests += o.requests
	k.answers += o.answers
	k.repeats += o.repeats
}

// series is some rounds on one database. Breakers stay closed: while those of
// both banks were open, nearly all would be refused, and few in flight.
func (k *killing) series(t *testing.T, first, n int) {
	h := newHouse(t, plan{people: 120, deadline: 500 * time.Millisecond, breaker: "{consecutive_failures: 1000, min_requests: 1000}"})
	c := h.startChild()
	for i := range n {
		if c = k.round(t, h, c, first+i); t.Failed() {
			t.Fatalf("round %d failed", first+i)
		}
	}
	if err := c.stop(); err != nil {
		t.Errorf("stop: %v: %s", err, c.tail())
	}
	h.compare()
	for _, told := range h.told {
		if told.Outcome != "" {
			k.answers++
		}
	}
}

// round loads the switch, has it die, starts it again and compares. It returns
// the living child.
func (k *killing) round(t *testing.T, h *house, c *child, number int) *child {
	step := stepOf(number)
	h.online()
	if slices.Contains(toldSteps, step.name) {
		silence(h)
	}
	trouble := k.trouble(h)
	n := 0
	if step.max > 0 {
		n = step.min + k.random.IntN(step.max-step.min+1)
		c.tell("arm %s %d", step.name, n)
	}
	l := k.load(h, number)
	trouble()
	if step.max == 0 {
		<-time.After(time.Duration(50+k.random.IntN(400)) * time.Millisecond)
		c.kill()
	}
	died := c.wait()
	heard := l.end()
	c.sane()
	if step.max > 0 && c.diedOf != step.name {
		t.Errorf("round %d: armed to die of %s, it died of %q: %v", number, step.name, c.diedOf, died)
	}
	k.steps[step.name]++
	lost := lostAt(heard, c.killed)
	t.Logf("round %d: %s %d, %v: %d requests, %d in flight", number, step.name, n, died, len(heard), len(lost))
	if len(lost) < inFlight {
		t.Errorf("round %d: only %d in flight", number, len(lost))
	}
	k.count(heard, lost)
	h.calm()
	c = k.recovering(h, lost)
	k.repeat(t, h, heard)
	h.compare()
	return c
}

// lostAt are the requests that were under way when the switch died.
func lostAt(heard []heard, death time.Time) (lost []heard) {
	for _, a := range heard {
		if a.err != nil && a.began.Before(death) {
			lost = append(lost, a)
		}
	}
	return lost
}

func (k *killing) count(heard, lost []heard) {
	k.kills++
	k.requests += len(heard)
	k.lost += len(lost)
	if k.fewest == 0 || len(lost) < k.fewest {
		k.fewest = len(lost)
	}
}

// recovering starts the switch again; now and then it dies once more while it
// recovers.
func (k *killing) recovering(h *house, lost []heard) *child {
	c := h.startChild()
	if k.random.IntN(4) > 0 {
		return c
	}
	step := steps[k.random.IntN(len(steps)-1)].name
	c.tell("arm %s %d", step, 1+k.random.IntN(5))
	questions := make([]question, len(lost))
	for i, a := range lost {
		questions[i] = a.question
	}
	h.each(questions)
	c.tell("arm none 0")
	if c.died(200 * time.Millisecond) { // also of the step, while it was disarmed
		_ = c.wait()
		k.again++
		return h.startChild()
	}
	return c
}

// died reports whether the child has exited, or does so within the time.
func (c *child) died(within time.Duration) bool {
	select {
	case err := <-c.exited:
		c.exited <- err
		return true
	case <-time.After(within):
		return false
	}
}

// repeat asks keys again: what was in flight settles; what was answered before
// the kill is answered the same, and what was asked otherwise is refused.
func (k *killing) repeat(t *testing.T, h *house, before []heard) {
	var again []heard
	for _, a := range before {
		ended := a.outcome() != "" && a.outcome() != switching.Refused && a.key != ""
		if a.err != nil || ended && k.random.IntN(6) == 0 {
			again = append(again, a)
		}
	}
	var wg sync.WaitGroup
	for _, a := range again {
		wg.Go(func() { repeatOne(t, h, a) })
	}
	wg.Wait()
	k.repeats += len(again)
}

func repeatOne(t *testing.T, h *house, before heard) {
	if before.key == "" {
		return
	}
	a := learn(h, before.question)
	switch {
	case a.err != nil || a.outcome() == "":
		t.Errorf("key %s: not learnt: status %d, %v: %s", a.key, a.status, a.err, a.body)
	case before.err != nil:
	case a.outcome() != before.outcome() || a.ID != before.ID || a.Code != before.Code || !a.replayed:
		if before.kind != client.TypeBalance { // which may be closed after its answer
			t.Errorf("key %s: told %s %d, and again %s %d", a.key, before.outcome(), before.ID, a.outcome(), a.ID)
		}
	default:
		other := before.question
		other.kind = client.TypeBalance
		if before.kind == client.TypeBalance {
			other.kind = client.TypeDeregister
		}
		if a = learn(h, other); a.problem != "idempotency-key-reused" {
			t.Errorf("key %s with another body: %d %s", a.key, a.status, a.body)
		}
	}
}

// learn asks until the switch knows: what is in progress is not known yet, nor, on
// a machine under load, what could not be looked up in time.
func learn(h *house, q question) heard {
	for end := time.Now().Add(limit); ; {
		a := h.ask(q)
		if a.problem != "in-progress" && a.problem != "journal" || time.Now().After(end) {
			return a
		}
	}
}

// load is callers that ask one thing after another.
type load struct {
	wg   sync.WaitGroup
	stop chan struct{} // closed by end
	mu   sync.Mutex    // guards all
	all  []heard
}

// load begins; it is ended by end, and each caller by the first cut line.
func (k *killing) load(h *house, round int) *load {
	l := &load{stop: make(chan struct{})}
	for i := range callers {
		random := rand.New(rand.NewPCG(k.random.Uint64(), uint64(i))) //nolint:gosec // reproducible
		l.wg.Go(func() { l.call(h, random, fmt.Sprintf("r%d-c%d", round, i)) })
	}
	return l
}

func (l *load) call(h *house, random *rand.Rand, name string) {
	for i := 0; ; i++ {
		select {
		case <-l.stop:
			return
		default:
		}
		q := anyQuestion(h, random, fmt.Sprintf("%s-%d", name, i))
		q.timeout = time.Duration(250+random.IntN(250)) * time.Millisecond // else all that hear nothing end at one moment, and few are in flight then
		a := h.ask(q)
		l.mu.Lock()
		l.all = append(l.all, a)
		l.mu.Unlock()
		if a.err != nil {
			return
		}
	}
}

func (l *load) end() []heard {
	close(l.stop)
	l.wg.Wait()
	return l.all
}

// anyQuestion is of a person of any bank; every second person is known to the
// caller as a customer.
func anyQuestion(h *house, random *rand.Rand, key string) question {
	names := slices.Sorted(maps.Keys(h.banks))
	q := question{bank: names[random.IntN(len(names))], key: key}
	people := h.banks[q.bank].people
	q.person = random.IntN(len(people))
	q.account = random.IntN(len(people[q.person].Accounts))
	if q.person%2 == 0 {
		q.customer = fmt.Sprintf("c-%s-%d", q.bank, q.person)
	}
	q.kind = []client.Type{
		client.TypeAuthenticate, client.TypeAuthenticate, client.TypeDeregister, client.TypeDeregister, client.TypeBalance,
	}[random.IntN(5)]
	if q.kind == client.TypeBalance && random.IntN(2) == 0 {
		q.key = ""
	}
	return q
}

// toldSteps are those of an advice.
var toldSteps = []string{"claim", "sent", "heard", "answer"}

// silence has every bank leave some changes in doubt, so that advices are
// stored.
func silence(h *house) {
	for name := range h.banks {
		h.fault(name, sim.Fault{Kind: sim.SilenceAfter, Type: codec.Authenticate, Count: 10})
		h.fault(name, sim.Fault{Kind: sim.Silence, Type: codec.Deregister, Count: 10})
	}
}

// trouble sets faults of one kind; what it returns happens once the load is on.
func (k *killing) trouble(h *house) (later func()) {
	bank := []string{"urmqccb", "xjrcu"}[k.random.IntN(2)]
	later = func() {}
	pause := time.Duration(20+k.random.IntN(200)) * time.Millisecond
	switch k.random.IntN(8) {
	case 0: // a bank that is well
	case 1:
		h.fault(bank, sim.Fault{Kind: sim.Delay, Delay: pause})
	case 2:
		h.fault(bank, sim.Fault{Kind: sim.Late, Delay: 400*time.Millisecond + pause, Count: 40})
	case 3:
		h.fault(bank, sim.Fault{Kind: sim.Silence, Count: 40})
	case 4:
		h.fault(bank, sim.Fault{Kind: sim.SilenceAfter, Count: 40})
	case 5:
		for _, kind := range []sim.Kind{sim.DropAfter, sim.DropBefore, sim.Garbage, sim.BadLength} {
			h.fault(bank, sim.Fault{Kind: kind, Count: 2})
		}
		for _, kind := range []sim.Kind{sim.Twice, sim.WrongSTAN, sim.Unreadable} {
			h.fault(bank, sim.Fault{Kind: kind, Count: 10})
		}
	case 6:
		later = func() { <-time.After(pause); h.banks[bank].restart() }
	case 7:
		later = func() { <-time.After(pause); h.banks[bank].Down() }
	}
	return later
}
