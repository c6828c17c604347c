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

// persons are who the followers are after so many resets: the next whose
// accounts are in normal standing at every bank. Followers who are one person
// stay one.
func (s *Sim) persons(round int) []int {
	normal := s.normal()
	all := make([]int, len(s.cfg.Followers))
	taken, now := map[int]bool{}, map[int]int{}
	for i, f := range s.cfg.Followers {
		p, again := now[f.Person]
		if !again {
			p = other(normal, f.Person, round*len(s.cfg.Followers), taken)
			now[f.Person], taken[p] = p, true
		}
		all[i] = p
	}
	return all
}

// other is the person so many steps after the first, or the next that is free.
func other(normal []int, first, step int, taken map[int]bool) int {
	begin := max(slices.Index(normal, first), 0)
	for k := range normal {
		if p := normal[(begin+step+k)%len(normal)]; !taken[p] {
			return p
		}
	}
	return first
}

// normal lists the persons whose accounts are in normal standing at every bank.
func (s *Sim) normal() (all []int) {
	odd, n := map[int]bool{}, 0
	for i, b := range s.banks {
		b.mu.Lock()
		if i == 0 || len(b.customers) < n {
			n = len(b.customers)
		}
		for i, c := range b.customers {
			odd[i] = odd[i] || slices.ContainsFunc(c.Accounts, func(a customerAccount) bool { return a.Status != "normal" })
		}
		b.mu.Unlock()
	}
	for i := range n {
		if !odd[i] {
			all = append(all, i)
		}
	}
	return all
}
