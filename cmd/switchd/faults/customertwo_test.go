package faults

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"wxswitch/cmd/internal/world"
)

// TestCustomersAtTwoInstances: what a rule allows once it allows once, whichever
// of two switches on one database is asked.
func TestCustomersAtTwoInstances(t *testing.T) {
	h := newHouse(t, plan{people: 60, deadline: 2 * time.Second})
	two := h.other()
	c, c2 := h.startChild(), two.startChild()
	h.online()
	two.online()
	b := &both{t: t, h: h, two: two}
	for i := range 4 {
		p := h.patron(i)
		b.all = append(b.all, p)
		b.oneSMS(p)
		code, err := p.LastCode(t.Context(), firstBank)
		must(t, err)
		b.oneAuthentication(p, code)
		p.loggedIn()
		b.oneNonce(p)
		b.oneLock(p)
		q := h.patron(10 + i)
		b.all = append(b.all, q)
		b.oneVoid(q)
	}
	h.compareCustomers(b.all, nil)
	for _, c := range []*child{c, c2} {
		must(t, c.stop())
		c.sane()
	}
}

type both struct {
	t      *testing.T
	h, two *house
	all    []*patron
}

// ask asks for each wish at once, every other one at the other switch; it returns
// what was heard, outcomes and problems, sorted.
func (b *both) ask(p *patron, wishes ...wish) (heard []string) {
	b.t.Helper()
	answers := make(chan string)
	for i, w := range wishes {
		at := p.at([]*house{b.h, b.two}[i%2])
		go func() {
			r, err := at.ask(w)
			if err != nil {
				answers <- err.Error()
				return
			}
			answers <- r.Outcome() + r.Code()
		}()
	}
	for range wishes {
		heard = append(heard, <-answers)
	}
	slices.Sort(heard)
	return heard
}

func (b *both) want(what string, heard []string, want ...string) {
	b.t.Helper()
	slices.Sort(want)
	if !slices.Equal(heard, want) {
		b.t.Errorf("%s: %v, not %v", what, heard, want)
	}
}

func (b *both) oneSMS(p *patron) {
	b.t.Helper()
	b.want("codes", b.ask(p, p.codeWish("authenticate", firstBank), p.codeWish("authenticate", firstBank)), "approved", "code-too-soon")
	all, err := b.h.banks[firstBank].Messages(b.t.Context(), 0)
	must(b.t, err)
	n := 0
	for _, m := range all {
		if m.Account.Reveal() == p.Account(firstBank) {
			n++
		}
	}
	if n != 1 {
		b.t.Errorf("%d SMS were sent", n)
	}
}

func (b *both) oneAuthentication(p *patron, code string) {
	b.t.Helper()
	heard := b.ask(p, p.authentication(firstBank, code), p.authentication(firstBank, code))
	refused := []string{"authentication-in-progress", "code-used"}
	if heard[0] != "approved" || !slices.Contains(refused, heard[1]) {
		b.t.Errorf("one code used twice: %v", heard)
	}
	must(b.t, b.sent(p, 1))
}

// sent wants so many authentications of the patron to have come to its bank.
func (b *both) sent(p *patron, want int) error {
	n := 0
	registered, err := b.h.banks[firstBank].Registrations(b.t.Context())
	for _, r := range registered {
		if r.Person == p.Person {
			n++
		}
	}
	if err == nil && n != want {
		err = fmt.Errorf("%d registrations were made, not %d", n, want) //nolint:err113 // of a test
	}
	return err
}

func (b *both) oneNonce(p *patron) {
	b.t.Helper()
	body := world.Fields{"password": p.seal(loginWord)}
	b.want("one nonce", b.ask(p, p.wish("/v1/customer/session", body), p.wish("/v1/customer/session", body)), "approved", "page-key")
}

// oneLock: five wrong tries lock, wherever they were made, and neither switch
// then takes the right password.
func (b *both) oneLock(p *patron) {
	b.t.Helper()
	login := func(password string) wish {
		return p.wish("/v1/customer/session", world.Fields{"password": p.seal(password)})
	}
	const wrong = "login-password-wrong"
	var wishes []wish
	for i := range 5 {
		wishes = append(wishes, login(fmt.Sprint("kashgar-184", i)))
	}
	b.want("five wrong passwords", b.ask(p, wishes...), wrong, wrong, wrong, wrong, "login-locked")
	b.want("the right one", b.ask(p, login(loginWord), login(loginWord)), "login-locked", "login-locked")
}

// oneVoid: five wrong codes void the right one.
func (b *both) oneVoid(p *patron) {
	b.t.Helper()
	right := p.code("authenticate", firstBank)
	var wishes []wish
	for i := range 5 {
		wishes = append(wishes, p.authentication(firstBank, fmt.Sprintf("%c%s", '0'+(right[0]-'0'+byte(i)+1)%10, right[1:])))
	}
	b.want("five wrong codes", b.ask(p, wishes...), "code-wrong", "code-wrong", "code-wrong", "code-wrong", "code-wrong")
	b.want("the right one", b.ask(p, p.authentication(firstBank, right), p.authentication(firstBank, right)), "code-void", "code-void")
	must(b.t, b.sent(p, 0))
}
