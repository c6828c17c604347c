package faults

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"wxswitch/banks/adapter"
	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/world"
	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/api/frontapi"
)

const (
	patrons       = 9
	customerKills = 8
)

// TestCustomersUnderKills: customers do what they like while the switch is
// killed again and again; in the end they, their banks and what they were told
// agree. Who hears nothing asks again, under the same key, as the front does.
func TestCustomersUnderKills(t *testing.T) {
	n := *seed
	if n == 0 {
		n = rand.Uint64() //nolint:gosec // a seed
	}
	t.Logf("again with: -run TestCustomersUnderKills -seed %d", n)
	random := rand.New(rand.NewPCG(n, 3)) //nolint:gosec // reproducible
	h := newHouse(t, plan{
		people: 60, deadline: 800 * time.Millisecond, pause: time.Millisecond,
		breaker: "{consecutive_failures: 1000, min_requests: 1000}",
	})
	c := h.startChild()
	h.online()
	crowd := newCrowd(h, random)
	crowd.begin()
	for range customerKills {
		trouble(h, random)
		step := steps[random.IntN(len(steps))]
		if random.IntN(3) == 0 {
			step.name = slices.Concat(commitSteps, noticeSteps)[random.IntN(4)]
			step.min, step.max = 1, 20
		}
		crowd.more(20+random.IntN(60), 2*time.Second)
		if step.max > 0 {
			c.tell("arm %s %d", step.name, 1+random.IntN(step.min))
		}
		if !c.died(time.Second) {
			step.name = "outside"
		}
		c.kill()
		c.sane()
		t.Logf("killed at %s", step.name)
		c = h.startChild()
	}
	h.calm()
	eventually(t, "enough was done", crowd.enough)
	crowd.end()
	h.compareCustomers(crowd.all, crowd.spent)
	t.Log(crowd)
	must(t, c.stop())
	crowd.planted()
}

func trouble(h *house, random *rand.Rand) {
	h.calm()
	for _, bank := range []string{firstBank, secondBank} {
		for _, kind := range []sim.Kind{sim.Silence, sim.SilenceAfter, sim.Decline} {
			types := []codec.Type{codec.Authenticate, codec.Deregister, codec.Attach, codec.Detach}
			h.fault(bank, sim.Fault{Kind: kind, Type: types[random.IntN(len(types))], Count: 1 + random.IntN(2), Code: "05"})
		}
	}
}

// crowd is patrons, each in a goroutine of its own. Every third stays
// authenticated throughout, so that it must be told of all that it spends; every
// third shares its person with the one before, and takes its place.
type crowd struct {
	h      *house
	random *rand.Rand
	all    []*patron
	stop   chan struct{} // closed by end
	wg     sync.WaitGroup

	mu    sync.Mutex // guards what follows
	spent []Spending
	did   map[string]int // approved, by what
	heard map[string]int // by outcome
}

func newCrowd(h *house, random *rand.Rand) *crowd {
	return &crowd{h: h, random: random, stop: make(chan struct{}), did: make(map[string]int), heard: make(map[string]int)}
}

func (c *crowd) String() string {
	return fmt.Sprintf("approved: %v; heard: %v; spent %d times", c.did, c.heard, len(c.spent))
}

func (c *crowd) begin() {
	for i := range patrons {
		var p *patron
		if i%3 == 2 {
			p = c.all[i-1].as("-other")
		} else {
			p = c.h.patron(i)
		}
		c.all = append(c.all, p)
		if i%3 == 0 {
			p.authenticated().loggedIn()
			c.did["authenticate"]++
		}
	}
	for i, p := range c.all {
		random := rand.New(rand.NewPCG(c.random.Uint64(), uint64(i))) //nolint:gosec // reproducible
		c.wg.Go(func() {
			for !c.over() {
				c.step(p, random, i%3 == 0)
			}
		})
	}
}

// planted shows that the comparison would have found what is wrong in books as
// large as these.
func (c *crowd) planted() {
	for want, plant := range map[string]func(*Customers){
		"not registered": func(b *Customers) {
			for bank, l := range b.Banks {
				for i := range l.Registrations {
					l.Registrations[i].Ended = cmp.Or(l.Registrations[i].Ended, "planted")
				}
				b.Banks[bank] = l
			}
		},
		"nobody has the account": func(b *Customers) {
			for i := range b.Holders {
				b.Holders[i].Links, b.Holders[i].Ends = nil, nil
			}
		},
		"told 0 times": func(b *Customers) { clear(b.Notices) },
		"told 2 times": func(b *Customers) {
			for subject, list := range b.Notices {
				b.Notices[subject] = append(list, list...)
			}
		},
	} {
		b := c.h.customers(nil, c.spent)
		plant(&b)
		if got := strings.Join(b.CompareCustomers(), "\n"); !strings.Contains(got, want) {
			c.h.t.Errorf("planted: want %q, got:\n%s", want, got)
		}
	}
}

func (c *crowd) over() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

func (c *crowd) end() {
	close(c.stop)
	c.wg.Wait()
}

// enough reports whether everything was done.
func (c *crowd) enough() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.did["authenticate"] >= patrons && c.did["attach"]*c.did["detach"]*c.did["deregister"]*len(c.spent) > 0
}

// more waits for so many more answers, but not for longer.
func (c *crowd) more(answers int, within time.Duration) {
	count := func() (n int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, heard := range c.heard {
			n += heard
		}
		return n
	}
	for before, end := count(), time.Now().Add(within); count() < before+answers && time.Now().Before(end); {
		<-time.After(20 * time.Millisecond)
	}
}

// step is one thing that a patron does where it stands.
func (c *crowd) step(p *patron, random *rand.Rand, stays bool) {
	view := c.ask(p, wish{method: "GET", path: "/v1/customer"}, "")
	if view.Body["state"] != "authenticated" {
		p.Session = ""
		bank := []string{firstBank, secondBank}[random.IntN(2)]
		c.coded(p, "authenticate", bank, func(code string) wish { return p.authentication(bank, code) })
		return
	}
	if p.Session == "" && random.IntN(2) == 0 {
		c.login(p)
	}
	what := random.IntN(10)
	switch {
	case what < 3:
		c.spend(p, stays)
	case what < 8 && p.Session == "":
	case what < 5:
		c.coded(p, "attach", secondBank, func(code string) wish {
			return p.wish("/v1/customer/accounts", world.Fields{"account": p.Account(secondBank), "code": code, "payment": c.seal(p, paymentPin)})
		})
	case what < 8:
		c.detach(p)
	case stays:
	case random.IntN(4) > 0:
		c.ask(p, p.deregistration(), "deregister")
	default:
		c.ask(p, p.wish("/v1/customer/unfollow", nil), "unfollow")
		c.ask(p, p.wish("/v1/customer/follow", nil), "follow")
		p.Session = ""
	}
}

func (c *crowd) login(p *patron) {
	for kind, password := range map[string]string{"login": loginWord, "payment": paymentPin} {
		c.ask(p, p.wish("/v1/customer/passwords", world.Fields{kind: c.seal(p, password)}), "set")
	}
	r := c.ask(p, p.wish("/v1/customer/session", world.Fields{"password": c.seal(p, loginWord)}), "login")
	p.Session, _ = r.Body["token"].(string)
}

func (c *crowd) coded(p *patron, purpose, bank string, w func(code string) wish) {
	c.ask(p, p.codeWish(purpose, bank), "")
	if code, err := p.LastCode(c.h.t.Context(), bank); err == nil {
		c.ask(p, w(code), purpose)
	}
}

func (c *crowd) detach(p *patron) {
	for _, l := range c.ask(p, wish{method: "GET", path: "/v1/customer/accounts"}, "").List("accounts") {
		if l["primary"] == false {
			c.ask(p, p.wish(fmt.Sprintf("/v1/customer/accounts/%s/detach", l["id"]), nil), "detach")
			return
		}
	}
}

// spend moves an amount that nobody else does.
func (c *crowd) spend(p *patron, stays bool) {
	c.mu.Lock()
	amount := codec.Amount(1000 + len(c.spent))
	c.spent = append(c.spent, Spending{c.same(p), amount, stays})
	c.mu.Unlock()
	account := p.At(firstBank).Accounts[0].Number
	if err := c.h.banks[firstBank].Move(c.h.t.Context(), account, true, amount, "消费"); err != nil {
		c.h.t.Error(err)
	}
}

// same are the followers who are the patron's person.
func (c *crowd) same(p *patron) (subjects []string) {
	for _, other := range c.all {
		if other.Person == p.Person {
			subjects = append(subjects, other.Subject)
		}
	}
	return subjects
}

// ask asks until there is an answer, or it is over and none comes.
func (c *crowd) ask(p *patron, w wish, what string) world.Reply {
	for end := time.Now().Add(limit); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		r, err := p.ask(w)
		if err != nil || r.Status >= http.StatusInternalServerError {
			continue
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.heard[r.Outcome()+r.Code()]++
		if r.Outcome() == "approved" {
			c.did[what]++
		}
		return r
	}
	c.h.t.Errorf("%s: no answer", w.path)
	return world.Reply{}
}

// seal is patron.seal while the switch comes and goes.
func (c *crowd) seal(p *patron, password string) string {
	for !c.over() {
		p.h.mu.Lock()
		p.Addresses = p.h.at
		p.h.mu.Unlock()
		if box, err := p.Seal(c.h.t.Context(), password); err == nil {
			return box
		}
		<-time.After(20 * time.Millisecond)
	}
	return ""
}

// customerStory is made-up books about customers that agree: one who is
// authenticated, with an attached account, and told of what it spent and of a
// detach that came late; one who left; and one whose place another took.
func customerStory() *Customers {
	s := newStory()
	c := &Customers{Views: map[string]string{"a": "authenticated"}, Notices: make(map[string][]frontapi.Notice)}
	s.tell(codec.Authenticate, 0, switching.Approved, "00", "registered").Customer = "A"
	s.tell(codec.Attach, 1, switching.Approved, "00", "registered").Customer = "A"
	e := s.tell(codec.Detach, 1, switching.TimedOut, "")
	e.Customer, e.Standing = "A", switching.Declined
	s.tell(codec.Authenticate, 1, switching.Approved, "00", "registered").Customer = "C"
	l := s.Banks[storyBank]
	for person, id := range map[int]int64{0: 1, 1: 2} {
		l.Registrations = append(l.Registrations, sim.Registration{Number: adapter.Number{RRN: codec.NewRRN(id)}, Person: person})
	}
	l.Registrations = append(l.Registrations, sim.Registration{Number: adapter.Number{RRN: codec.NewRRN(4)}, Person: 1})
	s.Banks[storyBank] = l
	c.Books = s.Books
	c.Holders = []Holder{
		{ID: "A", Subject: "a", State: "authenticated", Followed: true, Links: []Link{{1, "primary", "active"}, {2, "attached", "active"}}},
		{ID: "B", Subject: "b", State: "deregistered", Left: true},
		{ID: "C", Subject: "c", State: "superseded", Followed: true, Ends: []Ending{{9, noon.Add(time.Hour), true}}},
	}
	c.Notices["a"] = []frontapi.Notice{
		{Id: "movement-1", Kind: "movement", Round: 1, Data: map[string]string{"amount": "1"}}, {Id: "attached-3", Kind: "attached", Round: 1},
	}
	c.Notices["c"] = []frontapi.Notice{{Id: "superseded-9", Kind: "superseded", Round: 1}}
	c.Spent = []Spending{{[]string{"a"}, 1, true}, {[]string{"b"}, 2, false}}
	return c
}

func TestCustomersThatAgree(t *testing.T) {
	for _, wrong := range customerStory().CompareCustomers() {
		t.Error(wrong)
	}
}

// Each plant is one thing wrong, and what the comparison must say of it.
func TestComparisonFindsWhatWasPlantedInCustomers(t *testing.T) {
	registrations := func(c *Customers, change func(l *Ledger)) {
		l := c.Banks[storyBank]
		l.Registrations = slices.Clone(l.Registrations)
		change(&l)
		c.Banks[storyBank] = l
	}
	for name, plant := range map[string]struct {
		do   func(c *Customers)
		want string
	}{
		"shown otherwise":     {func(c *Customers) { c.Views["a"] = "unknown" }, "the API shows unknown"},
		"half authenticated":  {func(c *Customers) { c.Holders[0].State = "authenticating" }, "still authenticating"},
		"half deregistered":   {func(c *Customers) { c.Holders[0].State = "deregistering" }, "still deregistering"},
		"gone, with links":    {func(c *Customers) { c.Holders[0].State = "deregistered" }, "deregistered, with 2 links"},
		"no primary":          {func(c *Customers) { c.Holders[0].Links = c.Holders[0].Links[1:] }, "with 0 primary"},
		"half attached":       {func(c *Customers) { c.Holders[0].Links[1].State = "pending" }, "still pending"},
		"half detached":       {func(c *Customers) { c.Holders[0].Links[1].State = "detaching" }, "still detaching"},
		"link of nothing":     {func(c *Customers) { c.Holders[0].Links[1].Entry = 3 }, "a link came of 3"},
		"link of another's":   {func(c *Customers) { c.Rows[1].Customer = "B" }, "a link came of 2"},
		"not at the bank":     {func(c *Customers) { registrations(c, func(l *Ledger) { l.Registrations[1].Ended = "x" }) }, "not registered"},
		"by another number":   {func(c *Customers) { registrations(c, func(l *Ledger) { l.Registrations[0].RRN = codec.NewRRN(7) }) }, "not registered"},
		"nobody's":            {func(c *Customers) { c.Holders[0].Links = c.Holders[0].Links[:1]; c.Holders[2].Ends = nil }, "nobody has the account"},
		"by nobody asked for": {func(c *Customers) { registrations(c, func(l *Ledger) { l.Registrations[2].RRN = codec.NewRRN(8) }) }, "no such row"},
		"told twice":          {func(c *Customers) { c.Notices["a"] = append(c.Notices["a"], c.Notices["a"][1]) }, "told attached-3 twice"},
		"spent once, told two": {func(c *Customers) {
			n := c.Notices["a"][0]
			n.Id = "movement-2"
			c.Notices["a"] = append(c.Notices["a"], n)
		}, "told 2 times"},
		"spent, not told": {func(c *Customers) { c.Notices["a"] = c.Notices["a"][1:] }, "told 0 times"},
		"another told":    {func(c *Customers) { c.Notices["c"] = append(c.Notices["c"], c.Notices["a"][0]) }, "c was told what [a] spent"},
		"end not told":    {func(c *Customers) { c.Notices["a"] = c.Notices["a"][:1] }, "never told attached-3"},
		"other end told":  {func(c *Customers) { c.Notices["a"][1].Id = "detached-3" }, "told detached-3, and there was no such end"},
		"taken, not told": {func(c *Customers) { c.Notices["c"] = nil }, "never told superseded-9"},
		"notices left":    {func(c *Customers) { c.Unsent = 1 }, "1 notices wait"},
	} {
		t.Run(name, func(t *testing.T) {
			c := customerStory()
			plant.do(c)
			if got := strings.Join(c.CompareCustomers(), "\n"); !strings.Contains(got, plant.want) {
				t.Errorf("want %q, got:\n%s", plant.want, got)
			}
		})
	}
}
