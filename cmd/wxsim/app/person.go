package app

import (
	"fmt"
	"slices"
)

// personAt is a person over all banks; nil while none can be asked.
func (s *Sim) personAt(i int) *Person {
	var p *Person
	for _, b := range s.banks {
		b.mu.Lock()
		if i < len(b.customers) {
			c := b.customers[i]
			if p == nil {
				p = &Person{Holder: c.Holder, CertType: c.CertType, CertTypeName: certTypes[c.CertType], Cert: c.Cert}
			}
			for _, a := range c.Accounts {
				p.Accounts = append(p.Accounts, PersonAccount{b.ID, b.Title, a.Number, map[bool]string{true: "card", false: "passbook"}[a.Card]})
			}
		}
		b.mu.Unlock()
	}
	if p != nil {
		p.Phone = s.phoneNumber(i)
	}
	return p
}

// phoneNumber is the phone of a person: what a bank says, else what a short
// message has shown, else one that is made up here.
func (s *Sim) phoneNumber(i int) string {
	made := fmt.Sprintf("1380099%04d", i%10_000)
	for _, b := range s.banks {
		b.mu.Lock()
		number := b.phones[i]
		if i < len(b.customers) && b.customers[i].Phone != "" {
			number = b.customers[i].Phone
		}
		b.mu.Unlock()
		if number != "" {
			return number
		}
	}
	return made
}

// persons are who the followers are in a round: those of the configuration in
// round 0, then others, whose accounts are in normal standing at every bank.
// Followers who are one person stay one.
func (s *Sim) persons(round int) []int {
	all := make([]int, len(s.cfg.Followers))
	taken, now := map[int]bool{}, map[int]int{}
	for i, f := range s.cfg.Followers {
		p, again := now[f.Person]
		if !again {
			p = s.other(f.Person, round*len(s.cfg.Followers), taken)
			now[f.Person], taken[p] = p, true
		}
		all[i] = p
	}
	return all
}

// other is the first person from there on that is free and in normal standing.
func (s *Sim) other(first, step int, taken map[int]bool) int {
	n := s.people()
	if step == 0 || n == 0 {
		return first
	}
	for k := range n {
		if p := (first + step + k) % n; !taken[p] && s.normal(p) {
			return p
		}
	}
	return first
}

// people is how many persons every bank has.
func (s *Sim) people() int {
	n := -1
	for _, b := range s.banks {
		b.mu.Lock()
		if n < 0 || len(b.customers) < n {
			n = len(b.customers)
		}
		b.mu.Unlock()
	}
	return max(n, 0)
}

func (s *Sim) normal(person int) bool {
	for _, b := range s.banks {
		b.mu.Lock()
		odd := slices.ContainsFunc(b.customers[person].Accounts, func(a customerAccount) bool { return a.Status != "normal" })
		b.mu.Unlock()
		if odd {
			return false
		}
	}
	return true
}
