package faults

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/world"
	"wxswitch/codec"
	"wxswitch/switch/api/frontapi"
	"wxswitch/switch/db"
)

// The banks of a patron: the one that it authenticates by, and the one whose
// account it attaches.
const (
	firstBank, secondBank = "urmqccb", "xjrcu"
	loginWord, paymentPin = "kashgar-1847", "806175"
)

// patron is a follower who uses the switch of a house, one request after
// another.
type patron struct {
	*world.Follower
	h     *house
	n     int // of its keys
	boxes []string
}

// patron returns a follower who is the n-th of the ordinary people: a resident,
// whose accounts are in normal standing, and nobody else's.
func (h *house) patron(n int) *patron {
	for i, p := range h.banks[firstBank].people {
		if p.CertType != "01" || p.Accounts[0].Status != sim.Normal || i == 1 || i == 2 {
			continue
		}
		if n--; n < 0 {
			return h.patronOf(fmt.Sprintf("openid-%d", i), i)
		}
	}
	h.t.Fatal("not so many people")
	return nil
}

func (h *house) patronOf(subject string, person int) *patron {
	w := &world.World{Sims: make(map[string]*sim.Bank), Token: h.token}
	for name, p := range h.banks {
		w.Sims[name] = p.Bank
	}
	f := w.Follower(subject, person)
	f.HTTP = *h.http
	return &patron{Follower: f, h: h}
}

// as is another follower, who is the same person.
func (p *patron) as(subject string) *patron { return p.h.patronOf(p.Subject+subject, p.Person) }

// at is the same follower at another switch.
func (p *patron) at(h *house) *patron {
	other := h.patronOf(p.Subject, p.Person)
	other.Session = p.Session
	return other
}

// wish is what a follower asks for; it can be asked again, as it was.
type wish struct {
	key, method, path string
	body              any
}

func (p *patron) wish(path string, body any) wish {
	p.n++
	return wish{fmt.Sprint(p.Subject, "-", p.n), "POST", path, body}
}

// ask asks the switch where it is now.
func (p *patron) ask(w wish) (world.Reply, error) {
	p.h.mu.Lock()
	p.Addresses = p.h.at
	p.h.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return p.AskWith(ctx, w.key, w.method, w.path, w.body)
}

// done asks for what must be approved.
func (p *patron) done(w wish) world.Reply {
	p.h.t.Helper()
	r, err := p.ask(w)
	if err != nil || r.Status != http.StatusOK || r.Outcome() != "approved" {
		p.h.t.Fatalf("%s: %d %v, %v", w.path, r.Status, r.Body, err)
	}
	return r
}

// seal encrypts a password as a page does.
func (p *patron) seal(password string) string {
	p.h.t.Helper()
	p.h.mu.Lock()
	p.Addresses = p.h.at
	p.h.mu.Unlock()
	box, err := p.Seal(p.h.t.Context(), password)
	must(p.h.t, err)
	p.boxes = append(p.boxes, box)
	return box
}

func (p *patron) codeWish(purpose, bank string) wish {
	return p.wish("/v1/customer/codes", world.Fields{"purpose": purpose, "account": p.Account(bank)})
}

// code has a code sent, and reads it from the phone. One that was too slow on its
// way, on a machine that is busy, is asked for again.
func (p *patron) code(purpose, bank string) string {
	p.h.t.Helper()
	for range 5 {
		if r, err := p.ask(p.codeWish(purpose, bank)); err != nil || r.Outcome() != "timed-out" {
			break
		}
	}
	code, err := p.LastCode(p.h.t.Context(), bank)
	must(p.h.t, err)
	return code
}

func (p *patron) authentication(bank, code string) wish {
	return p.wish("/v1/customer/authentication", p.Form(bank, code))
}

func (p *patron) attachment(code string) wish {
	return p.wish("/v1/customer/accounts", world.Fields{"account": p.Account(secondBank), "code": code, "payment": p.seal(paymentPin)})
}

func (p *patron) deregistration() wish { return p.wish("/v1/customer/deregistration", nil) }

// detachment is of the account at the second bank.
func (p *patron) detachment() wish {
	p.h.t.Helper()
	r, err := p.ask(wish{method: "GET", path: "/v1/customer/accounts"})
	must(p.h.t, err)
	for _, l := range r.List("accounts") {
		if l["bank"] == secondBank {
			return p.wish(fmt.Sprintf("/v1/customer/accounts/%s/detach", l["id"]), nil)
		}
	}
	p.h.t.Fatalf("%s: no account at the second bank: %v", p.Subject, r.Body)
	return wish{}
}

func (p *patron) authenticated() *patron {
	p.h.t.Helper()
	p.done(p.authentication(firstBank, p.code("authenticate", firstBank)))
	return p
}

// loggedIn sets passwords and logs in.
func (p *patron) loggedIn() *patron {
	p.h.t.Helper()
	p.done(p.wish("/v1/customer/passwords", world.Fields{"login": p.seal(loginWord)}))
	p.done(p.wish("/v1/customer/passwords", world.Fields{"payment": p.seal(paymentPin)}))
	r := p.done(p.wish("/v1/customer/session", world.Fields{"password": p.seal(loginWord)}))
	p.Session, _ = r.Body["token"].(string)
	return p
}

func (p *patron) attached() *patron {
	p.h.t.Helper()
	p.done(p.attachment(p.code("attach", secondBank)))
	return p
}

// spend has the first bank book a movement.
func (p *patron) spend(amount codec.Amount) {
	p.h.t.Helper()
	must(p.h.t, p.h.banks[firstBank].Move(context.Background(), p.At(firstBank).Accounts[0].Number, true, amount, "消费"))
}

// state is where the follower stands, as the API shows it.
func (p *patron) state() string {
	p.h.t.Helper()
	r, err := p.ask(wish{method: "GET", path: "/v1/customer"})
	must(p.h.t, err)
	state, _ := r.Body["state"].(string)
	return state
}

// registered is how many registrations of the person's first account stand.
func (p *patron) registered(bank string) (n int) {
	p.h.t.Helper()
	all, err := p.h.banks[bank].Registrations(context.Background())
	must(p.h.t, err)
	for _, r := range all {
		if r.Person == p.Person && r.Index == 0 && r.Ended == "" {
			n++
		}
	}
	return n
}

// toldOf is what the follower was told of a kind.
func (p *patron) toldOf(kind string) (list []frontapi.Notice) {
	for _, n := range p.h.front.Told(p.Subject) {
		if n.Kind == kind {
			list = append(list, n)
		}
	}
	return list
}

// customers reads the books about customers; views are those to compare.
func (h *house) customers(patrons []*patron, spent []Spending) Customers {
	h.t.Helper()
	c := Customers{Books: h.books(), Views: make(map[string]string), Notices: make(map[string][]frontapi.Notice), Spent: spent}
	for _, p := range patrons {
		c.Views[p.Subject] = p.state()
	}
	ctx := context.Background()
	d, err := db.Open(ctx, db.Options{Path: h.data})
	must(h.t, err)
	defer func() { must(h.t, d.Close()) }()
	c.Holders, c.Unsent, err = ReadCustomers(ctx, d)
	must(h.t, err)
	for _, x := range c.Holders {
		c.Notices[x.Subject] = h.front.Told(x.Subject)
	}
	return c
}

// settleAll waits until nothing is in doubt, no bank has anything to say, and
// nobody is still to be told.
func (h *house) settleAll() {
	h.t.Helper()
	eventually(h.t, "all is settled", func() bool {
		if h.settled() {
			return true
		}
		<-time.After(100 * time.Millisecond) // a look costs more than a wait
		return false
	})
}

// settled looks at the switch before the banks, since it mostly says no, and
// after them: what they no longer have to say, it has.
func (h *house) settled() bool {
	if h.left() > 0 {
		return false
	}
	for _, p := range h.banks {
		var waiting int
		must(h.t, look(p.config.Path, `SELECT COUNT(*) FROM adapter_word WHERE state = 'waiting'`, &waiting))
		if waiting > 0 {
			return false
		}
	}
	return h.left() == 0
}

// left counts what the switch has not ended.
func (h *house) left() (n int) {
	must(h.t, look(h.data, `SELECT (SELECT COUNT(*) FROM entry WHERE open = 1) + (SELECT COUNT(*) FROM advice WHERE state IN ('pending', 'parked')) +
		(SELECT COUNT(*) FROM notice WHERE state = 'pending')`, &n))
	return n
}

// compareCustomers compares all books once all is settled.
func (h *house) compareCustomers(patrons []*patron, spent []Spending) {
	h.t.Helper()
	h.settleAll()
	c := h.customers(patrons, spent)
	for _, wrong := range slices.Concat(c.Compare(), c.CompareCustomers()) {
		h.t.Error(wrong)
	}
}
