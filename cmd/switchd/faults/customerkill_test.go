package faults

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/world"
	"wxswitch/codec"
)

// The steps at which a process dies under one customer's wish: those of the walk,
// of an advice, of any commit (not persisted, or persisted anyway), and of a
// notice (claimed, or sent and its end not written down).
var (
	walkSteps   = []string{"open", "write", "half", "reply", "close"}
	commitSteps = []string{"commit-before", "commit-after"}
	noticeSteps = []string{"notice-claim", "notice-send"}
)

// life is one thing that a customer does, at each of whose steps the switch dies.
type life struct {
	name    string
	before  func(p *patron)      // what leads up to it
	wish    func(p *patron) wish // nothing for what its bank does
	spends  bool
	faults  []sim.Fault // of its bank, with the patron's account
	at      string      // that bank
	steps   [][]string
	settled func(p *patron, again world.Reply) error
}

var lives = []life{
	{
		name: "authenticate", before: func(*patron) {}, wish: authenticates, at: firstBank,
		steps: [][]string{walkSteps, commitSteps}, settled: authenticationEnded,
	},
	{
		name: "authenticate in doubt", before: func(*patron) {}, wish: authenticates, at: firstBank,
		faults: []sim.Fault{{Kind: sim.SilenceAfter, Type: codec.Authenticate}},
		steps:  [][]string{toldSteps, commitSteps}, settled: authenticationEnded,
	},
	{
		name: "attach", before: loggedIn, wish: attaches, at: secondBank,
		steps: [][]string{walkSteps, commitSteps}, settled: attachmentEnded,
	},
	{
		name: "attach in doubt", before: loggedIn, wish: attaches, at: secondBank,
		faults: []sim.Fault{{Kind: sim.SilenceAfter, Type: codec.Attach}},
		steps:  [][]string{toldSteps, commitSteps}, settled: attachmentEnded,
	},
	{
		name: "detach in doubt", before: linked, wish: (*patron).detachment, at: secondBank,
		faults: []sim.Fault{{Kind: sim.Silence, Type: codec.Detach}},
		steps:  [][]string{toldSteps, commitSteps, noticeSteps}, settled: detachmentEnded,
	},
	{ // what follows is the release at the second bank
		name: "deregister", before: linked, wish: (*patron).deregistration, at: firstBank,
		steps: [][]string{walkSteps, toldSteps, commitSteps}, settled: deregistrationEnded,
	},
	{
		name: "deregister in doubt", before: linked, wish: (*patron).deregistration, at: firstBank,
		faults: []sim.Fault{{Kind: sim.Silence, Type: codec.Deregister}},
		steps:  [][]string{toldSteps, commitSteps, noticeSteps}, settled: deregistrationEnded,
	},
	{
		name: "deregister declined late", before: linked, wish: (*patron).deregistration, at: firstBank,
		faults: []sim.Fault{{Kind: sim.Silence, Type: codec.Deregister}, {Kind: sim.Decline, Code: "05", Type: codec.Completion}},
		steps:  [][]string{toldSteps, commitSteps, noticeSteps}, settled: deregistrationEnded,
	},
	{
		name: "movement", before: func(p *patron) { p.authenticated() }, spends: true, at: firstBank,
		steps: [][]string{{"write", "half"}, commitSteps, noticeSteps}, settled: movementTold,
	},
}

func authenticates(p *patron) wish {
	return p.authentication(firstBank, p.code("authenticate", firstBank))
}
func attaches(p *patron) wish { return p.attachment(p.code("attach", secondBank)) }
func loggedIn(p *patron)      { p.authenticated().loggedIn() }
func linked(p *patron)        { p.authenticated().loggedIn().attached() }

// standing is where a patron is found once all is settled.
type standing struct {
	state          string
	first, second  int // registrations that stand
	links, notices int // notices but those of movements
}

func (p *patron) standing() (s standing) {
	s.state, s.first, s.second = p.state(), p.registered(firstBank), p.registered(secondBank)
	must(p.h.t, look(p.h.data, fmt.Sprintf(`SELECT COUNT(*) FROM link JOIN customer ON customer.id = customer
		WHERE link.state = 'active' AND subject = '%s'`, p.Subject), &s.links))
	s.notices = len(p.h.front.Told(p.Subject)) - len(p.toldOf("movement"))
	return s
}

// oneOf wants the patron to stand as one of them.
func (p *patron) oneOf(again world.Reply, all ...standing) error {
	if s := p.standing(); !slices.Contains(all, s) {
		return fmt.Errorf("told %s, and stands as %+v, not %+v", again.Outcome(), s, all) //nolint:err113 // of a test
	}
	return nil
}

func authenticationEnded(p *patron, again world.Reply) error {
	if again.Outcome() == "approved" {
		return p.oneOf(again, standing{state: "authenticated", first: 1, links: 1})
	}
	return p.oneOf(again, standing{state: "unknown"})
}

func attachmentEnded(p *patron, again world.Reply) error {
	if again.Outcome() == "approved" {
		return p.oneOf(again, standing{state: "authenticated", first: 1, second: 1, links: 2})
	}
	return p.oneOf(again, standing{state: "authenticated", first: 1, links: 1})
}

// detachmentEnded: who heard that it timed out is told the end, and so is who may have
// heard nothing.
func detachmentEnded(p *patron, again world.Reply) error {
	if again.Outcome() == "approved" {
		return p.oneOf(again, standing{state: "authenticated", first: 1, links: 1}, standing{state: "authenticated", first: 1, links: 1, notices: 1})
	}
	return p.oneOf(again, standing{state: "authenticated", first: 1, links: 1, notices: 1})
}

func deregistrationEnded(p *patron, again world.Reply) error {
	switch again.Outcome() {
	case "approved":
		return p.oneOf(again, standing{state: "deregistered"}, standing{state: "deregistered", notices: 1})
	case "timed-out":
		return p.oneOf(again, standing{state: "deregistered", notices: 1},
			standing{state: "authenticated", first: 1, second: 1, links: 2, notices: 1})
	}
	return p.oneOf(again, standing{state: "authenticated", first: 1, second: 1, links: 2},
		standing{state: "authenticated", first: 1, second: 1, links: 2, notices: 1})
}

func movementTold(p *patron, again world.Reply) error {
	if n := len(p.toldOf("movement")); n != 1 {
		return fmt.Errorf("told %d movements, not one", n) //nolint:err113 // of a test
	}
	return p.oneOf(again, standing{state: "authenticated", first: 1, links: 1})
}

// TestCustomerKilled kills switchd at the first, second … pass of every step that
// a wish has, each with a customer of its own, until it passes no more.
func TestCustomerKilled(t *testing.T) {
	for _, l := range lives {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			k := &lifeKilled{life: l, h: newHouse(t, plan{
				people: 120, deadline: 800 * time.Millisecond, pause: time.Millisecond,
				breaker: "{consecutive_failures: 1000, min_requests: 1000}",
			})}
			k.t = t
			k.c = k.h.startChild()
			k.h.online()
			for _, step := range slices.Concat(l.steps...) {
				n := 1
				for k.kill(step, n) {
					n++
				}
				k.kills += n - 1
				if n == 1 {
					t.Errorf("it never came to %s", step)
				}
			}
			k.h.compareCustomers(k.patrons, k.spent)
			if err := k.c.stop(); err != nil {
				t.Errorf("stop: %v: %s", err, k.c.tail())
			}
			t.Logf("%d kills", k.kills)
		})
	}
}

type lifeKilled struct {
	life
	t       *testing.T
	h       *house
	c       *child
	patrons []*patron
	spent   []Spending
	kills   int
}

// kill carries the wish out, with death at the n-th pass of the step. It returns
// false if the switch lived.
func (k *lifeKilled) kill(step string, n int) (died bool) {
	p := k.h.patron(len(k.patrons))
	k.patrons = append(k.patrons, p)
	k.before(p)
	var w wish
	if k.wish != nil {
		w = k.wish(p)
	}
	for _, f := range k.faults {
		f.Account, f.Count = p.At(k.at).Accounts[0].Number, 1
		k.h.fault(k.at, f)
	}
	k.h.settleAll()
	k.c.tell("arm %s %d", step, n)
	first, heard := k.carryOut(p, w)
	if died = k.diesOrSettles(); died {
		if k.c.diedOf != step {
			k.t.Fatalf("armed to die of %s, it died of %q: %s", step, k.c.diedOf, k.c.tail())
		}
		k.c.sane()
		k.h.calm()
		k.c = k.h.startChild()
		k.h.online()
	}
	k.h.settleAll()
	if err := k.settledAs(p, w, first, heard); err != nil {
		k.t.Errorf("%s %d: %v", step, n, err)
	}
	return died
}

func (k *lifeKilled) carryOut(p *patron, w wish) (first world.Reply, heard bool) {
	if k.spends {
		amount := codec.Amount(1000 + len(k.patrons))
		p.spend(amount)
		k.spent = append(k.spent, Spending{[]string{p.Subject}, amount, true})
		return first, false
	}
	first, err := p.ask(w)
	return first, err == nil && first.Code() != "outcome-unknown"
}

// diesOrSettles waits for the one or the other.
func (k *lifeKilled) diesOrSettles() (died bool) {
	eventually(k.t, "death, or the end", func() bool {
		died = k.c.died(50 * time.Millisecond)
		return died || k.h.settled()
	})
	if !died { // it may be about to, at a step after the last commit
		k.c.tell("arm none 0")
		died = k.c.died(100 * time.Millisecond)
	}
	return died
}

// settledAs asks the same again, twice, and looks where the customer stands.
func (k *lifeKilled) settledAs(p *patron, w wish, first world.Reply, heard bool) error {
	var again world.Reply
	if !k.spends {
		var err error
		if again, err = p.ask(w); err != nil {
			return err
		}
		k.h.settleAll() // of what had not begun, this was the first time
		twice, err := p.ask(w)
		if err != nil || !sameReply(twice, again) || heard && !sameReply(first, again) {
			return fmt.Errorf("told %v, then %v, then %v, %w", first.Body, again.Body, twice.Body, err)
		}
	}
	return k.settled(p, again)
}

// sameReply: the transaction, how it ended, and in what words.
func sameReply(a, b world.Reply) bool {
	return a.Status == b.Status && a.Outcome() == b.Outcome() && a.Text() == b.Text() && a.Code() == b.Code()
}
