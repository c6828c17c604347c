package customer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// modelBank is what a bank that follows the rules would hold: of each account
// the transactions that registered it and still stand.
type modelBank map[string]map[int64]bool

func (b modelBank) key(e switching.Entry) string { return e.Bank + " " + e.Account.Reveal() }

func (b modelBank) add(e switching.Entry) {
	if b[b.key(e)] == nil {
		b[b.key(e)] = map[int64]bool{}
	}
	b[b.key(e)][e.ID] = true
}

// upTo ends the registrations that the transaction and earlier ones made.
func (b modelBank) upTo(e switching.Entry) bool {
	set, found := b[b.key(e)], false
	for id := range maps.Clone(set) {
		if id <= e.ID {
			delete(set, id)
			found = true
		}
	}
	return found
}

// model draws an order of events and carries it out on world and bank.
type model struct {
	*world
	rt     *rapid.T
	bank   modelBank
	undone map[int64]bool
	lost   []lostReply // answers that come late, or never
	tries  int
}

type lostReply struct {
	entry   switching.Entry
	meaning codec.Meaning
}

var (
	modelFollowers = []Follower{follower("a"), follower("b")}
	modelAccounts  = []string{cardA, cardB, cardC}
)

// fate is what bank and network do with the next request.
func (m *model) fate(t codec.Type) (approve bool, end switching.Outcome) {
	approve = rapid.Bool().Draw(m.rt, "approve")
	switch rapid.SampledFrom([]string{"in time", "in time", "late", "unsent"}).Draw(m.rt, "fate of "+string(t)) {
	case "late":
		return approve, switching.TimedOut
	case "unsent":
		return false, switching.Refused
	}
	if approve {
		return true, switching.Approved
	}
	return false, switching.Declined
}

// ask carries out one request whose end is drawn. A repeat of its key, which is
// drawn too, is the same answer and sends nothing.
func (m *model) ask(t codec.Type, call Call, do func(Call) (Answer, error)) {
	approve, outcome := m.fate(t)
	sent := m.desk.sent
	m.desk.ends = nil
	m.desk.will(outcome)
	first, err := do(call)
	m.must(err)
	if rapid.Bool().Draw(m.rt, "repeat") && outcome != switching.Refused && first.Entry != 0 {
		last, before := m.desk.last, m.desk.sent
		again, err := do(call)
		if err != nil || again != first || m.desk.sent != before {
			m.rt.Fatalf("a repeat: %v %v, first %v", again, err, first)
		}
		m.desk.last = last
	}
	if m.desk.sent == sent || outcome == switching.Refused {
		m.desk.ends = nil
		return
	}
	m.happens(m.desk.last, approve)
	if outcome == switching.TimedOut {
		meaning := codec.Declined
		if approve {
			meaning = codec.Approved
		}
		m.lost = append(m.lost, lostReply{m.desk.last, meaning})
	}
}

// happens is what an approval does at the bank.
func (m *model) happens(e switching.Entry, approve bool) {
	switch {
	case !approve:
	case e.Type == codec.Authenticate || e.Type == codec.Attach:
		m.bank.add(e)
	default:
		m.bank.upTo(e)
	}
}

// advice lets a bank answer its oldest advice, or be silent.
func (m *model) advice(bank string, silent bool) bool {
	m.now = m.now.Add(2 * time.Hour)
	a, ok, err := m.journal.Claim(m.Context(), bank, 2, m.now.Add(time.Minute))
	m.must(err)
	if !ok {
		return false
	}
	r := switching.LateReply{Bank: bank, Type: a.Type, RRN: a.Entry.RRN, Code: "00", Class: codec.Done, Meaning: codec.Approved}
	switch a.Type {
	case codec.Reversal:
		if !m.undone[a.Entry.ID] && !m.bank[m.bank.key(a.Entry)][a.Entry.ID] {
			r.Class = codec.NotFound
		}
		delete(m.bank[m.bank.key(a.Entry)], a.Entry.ID)
		m.undone[a.Entry.ID] = true // a bank remembers what it has undone
	default:
		if a.Type == codec.Completion && rapid.IntRange(0, 3).Draw(m.rt, "declines the completion") == 0 {
			r.Code, r.Meaning = "14", codec.Declined
			break
		}
		m.bank.upTo(a.Entry)
	}
	if silent {
		m.must(m.journal.Silent(m.Context(), a))
		return true
	}
	_, err = m.journal.Answered(m.Context(), a.ID, r)
	m.must(err)
	return true
}

func (m *model) late(i int) {
	l := m.lost[i]
	m.lost = slices.Delete(m.lost, i, i+1)
	_, _, err := m.journal.Late(m.Context(), switching.LateReply{
		Bank: l.entry.Bank, Type: l.entry.Type, RRN: l.entry.RRN, STAN: l.entry.STAN, Sent: l.entry.Sent, Code: "05", Meaning: l.meaning,
	})
	m.must(err)
}

// step draws one event.
func (m *model) step() {
	f := rapid.SampledFrom(modelFollowers).Draw(m.rt, "follower")
	account := rapid.SampledFrom(modelAccounts).Draw(m.rt, "account")
	switch rapid.SampledFrom([]string{"authenticate", "authenticate", "deregister", "attach", "detach", "advice", "advice", "late", "bank", "restart"}).Draw(m.rt, "event") {
	case "authenticate":
		m.code(f, ForAuthenticate, account)
		m.ask(codec.Authenticate, m.call(f), func(call Call) (Answer, error) {
			return m.service.Authenticate(m.Context(), call, authRequest(account, codec.NewSecret(m.desk.codes[account])))
		})
	case "deregister":
		m.ask(codec.Deregister, m.call(f), func(call Call) (Answer, error) { return m.service.Deregister(m.Context(), call) })
	case "attach":
		if m.row(f).State != Authenticated {
			return
		}
		m.now = m.now.Add(m.store.Limits.CodePause)
		a, err := m.service.SendCode(m.Context(), m.call(f), CodeRequest{Purpose: ForAttach, Account: codec.NewAccount(account)})
		m.must(err)
		if a.Outcome != switching.Approved && a.Reason != ReasonLinked {
			m.rt.Fatalf("a code for an attach: %v", a)
		}
		form := AttachRequest{Account: codec.NewAccount(account), Code: codec.NewSecret(m.desk.codes[account]), Payment: m.sealed(payment)}
		m.ask(codec.Attach, m.loggedIn(f), func(call Call) (Answer, error) { return m.service.Attach(m.Context(), call, form) })
	case "detach":
		if !m.row(f).State.Active() {
			return
		}
		list, _, err := m.service.Accounts(m.Context(), m.loggedIn(f))
		m.must(err)
		if len(list) < 2 {
			return
		}
		m.ask(codec.Detach, m.loggedIn(f), func(call Call) (Answer, error) { return m.service.Detach(m.Context(), call, list[len(list)-1].Link) })
	case "advice":
		m.advice(rapid.SampledFrom([]string{"xjrcu", "klb"}).Draw(m.rt, "bank"), rapid.Bool().Draw(m.rt, "silent"))
	case "late":
		if len(m.lost) > 0 {
			m.late(rapid.IntRange(0, len(m.lost)-1).Draw(m.rt, "reply"))
		}
	case "bank":
		m.tries++
		e := switching.Entry{Bank: map[bool]string{true: "klb", false: "xjrcu"}[account == cardB], Account: codec.NewAccount(account), ID: 1 << 60}
		m.bank.upTo(e)
		m.heard(codec.AccountEvent, e.Bank, account, fmt.Sprintf("%06d", m.tries), map[codec.Field]string{codec.FieldEvent: "closed"})
	case "restart":
		was := m.desk
		m.start()
		m.desk.last, m.desk.codes, m.desk.sent = was.last, was.codes, was.sent
	}
}

// settle lets everything come to its end, in an order that is drawn.
func (m *model) settle() {
	for range 200 {
		if len(m.lost) > 0 && rapid.Bool().Draw(m.rt, "late reply now") {
			m.late(0)
			continue
		}
		if !m.advice("xjrcu", false) && !m.advice("klb", false) {
			if len(m.lost) == 0 {
				return
			}
			m.late(0)
		}
	}
	m.rt.Fatal("does not come to an end: ", m.desk.advices())
}

// check compares the customers with the banks.
func (m *model) check(settled bool) {
	active := 0
	for _, f := range modelFollowers {
		c := m.row(f)
		if c.State.Active() {
			active++
		}
		links := m.linksHeld(c)
		primaries := 0
		for _, l := range links {
			if l.Role == Primary {
				primaries++
			}
			if settled && c.State.Active() && !m.bank[l.Bank+" "+l.Account.Reveal()][l.Entry] {
				m.rt.Fatalf("%s has %s at %s, its bank knows of nothing", f.Subject, l.Suffix, l.Bank)
			}
		}
		if c.State.Active() != (primaries == 1) || !c.State.Active() && len(links) > 0 {
			m.rt.Fatalf("%s is %s with %d links, %d primary", f.Subject, c.State, len(links), primaries)
		}
		if settled && (c.State == Deregistering || c.State == Authenticating) {
			m.rt.Fatalf("%s is still %s", f.Subject, c.State)
		}
	}
	if active > 1 {
		m.rt.Fatal("one certificate, two followers")
	}
	if settled {
		m.nothingLeft()
	}
}

// nothingLeft: a registration that stands at a bank is somebody's link, or was
// of one who was superseded.
func (m *model) nothingLeft() {
	for _, set := range m.bank {
		for id := range set {
			n := m.count(`SELECT COUNT(*) FROM link l JOIN entry e ON l.bank = e.bank AND l.account_ix = e.account_ix
				WHERE e.id = $1 AND l.entry >= e.id AND l.state IN ('active', 'detaching')`, id)
			superseded := m.count(`SELECT COUNT(*) FROM customer_history WHERE event = 'superseded'`)
			if n == 0 && superseded == 0 {
				m.rt.Fatalf("registration %d stands at the bank and nobody has it", id)
			}
		}
	}
}

func (m *model) linksHeld(c row) (list []link) {
	m.must(m.db.Read(m.Context(), func(ctx context.Context, tx db.Tx) (err error) {
		list, err = m.store.links(ctx, tx, `customer = $1 AND state IN ('active', 'detaching')`, c.ID)
		return err
	}))
	return list
}

// TestRandomOrders: whatever the order of requests, ends, late answers, advices,
// restarts and what banks say by themselves, customers and banks agree in the end.
func TestRandomOrders(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		w.store.Limits.CodesADay = 1000
		m := &model{world: w, rt: rt, bank: modelBank{}, undone: map[int64]bool{}}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			m.step()
			m.check(false)
		}
		m.settle()
		m.check(true)
	})
}
