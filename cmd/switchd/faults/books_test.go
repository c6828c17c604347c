package faults

import (
	"strings"
	"testing"
	"time"

	"wxswitch/banks/adapter"
	"wxswitch/banks/sim"
	"wxswitch/codec"
	switching "wxswitch/switch"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, codec.Shanghai)

// story is made-up books: what n-th transactions asked, how they ended, and
// what the bank did.
type story struct{ Books }

const storyBank = "urmqccb"

func newStory() *story {
	people := []sim.Person{
		{Holder: "王伟", Accounts: []sim.Account{{Number: codec.NewAccount("6217511"), Balance: 100}}},
		{Holder: "李芳", Accounts: []sim.Account{{Number: codec.NewAccount("6217512"), Balance: 200}}},
	}
	return &story{Books{
		Banks: map[string]Ledger{storyBank: {People: people}}, Settled: noon.Add(time.Hour), Closed: make(map[int64]switching.Outcome), KeyHash: func(key string) []byte { return []byte(key) },
	}}
}

// tell adds a transaction of the person, with its answer and its row, and the
// arrival at the bank.
func (s *story) tell(kind codec.Type, person int, o switching.Outcome, code string, effects ...string) *switching.Entry {
	id := int64(len(s.Rows) + 1)
	at := noon.Add(time.Duration(id) * time.Minute)
	l := s.Banks[storyBank]
	account, rrn := l.People[person].Accounts[0].Number, codec.NewRRN(id)
	s.Rows = append(s.Rows, switching.Entry{
		ID: id, RRN: rrn, Type: kind, Bank: storyBank, Account: account, Opened: at, Deadline: at.Add(time.Second), KeyHash: []byte("k" + rrn),
		End: switching.End{Outcome: o, Code: code}, Standing: o,
	})
	told := Told{
		Began: at, Key: "k" + string(rrn), ID: id, RRN: rrn, Type: kind, Bank: storyBank, Account: account, Outcome: o, Code: code,
	}
	if o == switching.Approved {
		told.Holder = l.People[person].Holder
		balance := int64(l.People[person].Accounts[0].Balance)
		told.Balance = &balance
	}
	s.Told = append(s.Told, told)
	if o == switching.Refused {
		s.Rows[id-1].KeyHash = nil
	} else {
		n := adapter.Number{RRN: rrn}
		l.Arrivals = append(l.Arrivals, sim.Row{Arrival: adapter.Arrival{
			Number: n, At: at, STAN: codec.NewSTAN(id), Sent: codec.NewStamp(at), Called: true,
		}})
		l.Records = append(l.Records, adapter.Record{Number: n, Answer: code, Ended: at.Add(time.Second)})
		for _, what := range effects {
			l.Effects = append(l.Effects, sim.Effect{Number: n, What: what})
		}
		s.Banks[storyBank] = l
	}
	return &s.Rows[len(s.Rows)-1]
}

// call adds a call with the row's key, so long after it was opened, that heard of
// no transaction.
func (s *story) call(row int, after time.Duration, o switching.Outcome, problem string) {
	e := s.Rows[row]
	s.Told = append(s.Told, Told{Began: e.Opened.Add(after), Key: string(e.KeyHash), Outcome: o, Problem: problem})
}

// advise adds an advice of the row.
func (s *story) advise(e *switching.Entry, kind codec.Type, state switching.AdviceState) {
	s.Advices = append(s.Advices, switching.Advice{ID: int64(len(s.Advices) + 1), Entry: *e, Type: kind, State: state})
}

// close adds a deregistration in doubt that an operator ended, and how it stands.
func (s *story) close(said, stands switching.Outcome, effects ...string) *switching.Entry {
	e := s.tell(codec.Deregister, 0, switching.TimedOut, "", effects...)
	s.advise(e, codec.Completion, switching.AdviceClosed)
	e.Standing, s.Closed[e.ID] = stands, said
	return e
}

// whole is books that agree, with one of everything.
func whole() *story {
	s := newStory()
	s.tell(codec.Authenticate, 0, switching.Approved, "00", "registered")
	s.tell(codec.Authenticate, 1, switching.Approved, "00", "registered")
	s.tell(codec.Authenticate, 0, switching.Declined, "05")
	s.tell(codec.Balance, 0, switching.Approved, "00")
	s.tell(codec.Balance, 1, switching.Approved, "00")
	s.tell(codec.Deregister, 0, switching.Approved, "00", "deregistered")
	s.tell(codec.Deregister, 0, switching.Approved, codeNotRegistered)
	s.tell(codec.Deregister, 0, switching.Refused, "")
	e := s.tell(codec.Authenticate, 0, switching.TimedOut, "", "registered", "reversed")
	s.advise(e, codec.Reversal, switching.AdviceDone)
	e = s.tell(codec.Deregister, 1, switching.TimedOut, "", "deregistered")
	e.Standing = switching.Approved
	s.advise(e, codec.Completion, switching.AdviceDone)
	s.call(0, -time.Second, switching.Refused, "no-link")
	s.call(0, time.Second, switching.Refused, "journal")
	s.call(0, time.Second, "", "in-progress")
	s.tell(codec.Authenticate, 1, switching.Declined, "05")
	s.Told = s.Told[:len(s.Told)-1]
	s.call(10, 0, "", "") // and heard nothing
	return s
}

func TestBooksThatAgree(t *testing.T) {
	for _, wrong := range whole().Compare() {
		t.Error(wrong)
	}
}

// Each plant is one thing wrong, and what the comparison must say of it.
func TestComparisonFindsWhatWasPlanted(t *testing.T) {
	bank := func(s *story, change func(l *Ledger)) { l := s.Banks[storyBank]; change(&l); s.Banks[storyBank] = l }
	for name, plant := range map[string]struct {
		do   func(s *story)
		want string
	}{
		"double": {func(s *story) {
			bank(s, func(l *Ledger) { l.Effects = append(l.Effects, l.Effects[0]) })
		}, "done twice"},
		"registered twice": {func(s *story) {
			r := sim.Registration{Number: adapter.Number{RRN: s.Rows[0].RRN}}
			bank(s, func(l *Ledger) { l.Registrations = append(l.Registrations, r, r) })
		}, "registered twice"},
		"swap of balances": {func(s *story) { s.Told[3].Balance, s.Told[4].Balance = s.Told[4].Balance, s.Told[3].Balance }, "another's balance"},
		"swap of holders":  {func(s *story) { s.Told[0].Holder, s.Told[1].Holder = s.Told[1].Holder, s.Told[0].Holder }, "another's holder"},
		"swap of answers":  {func(s *story) { s.Told[0].ID, s.Told[1].ID = s.Told[1].ID, s.Told[0].ID }, "told of another's"},
		"swap of outcomes": {func(s *story) { s.Told[0].Outcome, s.Told[2].Outcome = s.Told[2].Outcome, s.Told[0].Outcome }, "the row holds"},
		"missing effect":   {func(s *story) { bank(s, func(l *Ledger) { l.Effects = l.Effects[1:] }) }, "did not do it"},
		"approved, undone": {func(s *story) { s.plantEffect(0, "reversed") }, "did not do it"},
		"declined, done":   {func(s *story) { s.plantEffect(2, "registered") }, "declined, and the bank did it"},
		"refused, sent":    {func(s *story) { s.plantArrival(7) }, "refused (), and the bank saw it"},
		"missing row":      {func(s *story) { s.Rows = s.Rows[1:] }, "no such row"},
		"sent without row": {func(s *story) { s.plantArrival(98) }, "has no row"},
		"not reversed": {func(s *story) {
			bank(s, func(l *Ledger) { l.Effects = l.Effects[:len(l.Effects)-2] })
			s.plantEffect(9, "deregistered")
		}, "still stands"},
		"open row":          {func(s *story) { s.Rows[3].Open = true }, "still open"},
		"pending advice":    {func(s *story) { s.Advices[0].State = switching.AdvicePending }, "still pending"},
		"parked advice":     {func(s *story) { s.Advices[1].State = switching.AdviceParked }, "still parked"},
		"no advice":         {func(s *story) { s.Advices = s.Advices[1:] }, "no advice was stored"},
		"no end":            {func(s *story) { s.Rows[9].Standing = switching.TimedOut }, "neither done nor declined"},
		"ended, not at all": {func(s *story) { bank(s, func(l *Ledger) { l.Effects = l.Effects[:len(l.Effects)-1] }) }, "did not do it"},
		"number used twice": {func(s *story) {
			bank(s, func(l *Ledger) { l.Arrivals[1].STAN, l.Arrivals[1].Sent = l.Arrivals[0].STAN, l.Arrivals[0].Sent })
		}, "was used for"},
		"two at a time": {func(s *story) {
			bank(s, func(l *Ledger) { l.Records[0].Ended = l.Records[0].Ended.Add(2 * time.Minute) })
		}, "at one time"},
		"key made two":         {func(s *story) { s.Told[1].Key = s.Told[0].Key }, "made the transactions"},
		"key of another":       {func(s *story) { s.Told[1].Key = "other" }, "another key's"},
		"opened, then refused": {func(s *story) { s.call(0, time.Second, switching.Refused, "no-link") }, "told refused (no-link)"},
		"refused, opened":      {func(s *story) { s.tellNothingSent(switching.Refused, "journal") }, "each call of its key"},
		"in progress, opened":  {func(s *story) { s.tellNothingSent("", "in-progress") }, "each call of its key"},
	} {
		t.Run(name, func(t *testing.T) {
			s := whole()
			plant.do(s)
			if got := strings.Join(s.Compare(), "\n"); !strings.Contains(got, plant.want) {
				t.Errorf("want %q, got:\n%s", plant.want, got)
			}
		})
	}
}

// TestComparisonFindsWhatWasClosedOtherwise than an operator said, or the bank after
// him.
func TestComparisonFindsWhatWasClosedOtherwise(t *testing.T) {
	for name, plant := range map[string]struct {
		do   func(rows []switching.Entry)
		want string
	}{
		"nothing":              {func([]switching.Entry) {}, ""},
		"declined, approved":   {func(rows []switching.Entry) { rows[0].Standing = switching.Approved }, "1: deregister"},
		"approved, declined":   {func(rows []switching.Entry) { rows[1].Standing = switching.Declined }, "2: deregister"},
		"late approval lost":   {func(rows []switching.Entry) { rows[2].Standing = switching.Declined }, "3: deregister"},
		"late approval untrue": {func(rows []switching.Entry) { rows[0].Late, rows[0].Standing = codec.Approved, switching.Approved }, "did not do it"},
		"reversal revived":     {func(rows []switching.Entry) { rows[3].Standing = switching.Approved }, "4: authenticate"},
		"joined otherwise":     {func(rows []switching.Entry) { rows[1].Joins = 1; rows[1].End.Outcome = switching.Approved }, "2: deregister"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory()
			s.close(switching.Declined, switching.Declined)
			s.close(switching.Approved, switching.Approved)
			s.close(switching.Declined, switching.Approved, "deregistered").Late = codec.Approved
			e := s.tell(codec.Authenticate, 0, switching.TimedOut, "", "registered")
			s.advise(e, codec.Reversal, switching.AdviceClosed)
			plant.do(s.Rows)
			if got := strings.Join(s.Compare(), "\n"); !strings.Contains(got, plant.want) || plant.want == "" && got != "" {
				t.Errorf("want %q, got:\n%s", plant.want, got)
			}
		})
	}
}

// tellNothingSent makes that the answer to the one call of the last row's key.
func (s *story) tellNothingSent(o switching.Outcome, problem string) {
	last := &s.Told[len(s.Told)-1]
	last.Outcome, last.Problem = o, problem
}

func (s *story) plantEffect(row int, what string) {
	l := s.Banks[storyBank]
	l.Effects = append(l.Effects, sim.Effect{Number: adapter.Number{RRN: codec.NewRRN(int64(row + 1))}, What: what})
	s.Banks[storyBank] = l
}

func (s *story) plantArrival(row int) {
	l := s.Banks[storyBank]
	l.Arrivals = append(l.Arrivals, sim.Row{Arrival: adapter.Arrival{
		Number: adapter.Number{RRN: codec.NewRRN(int64(row + 1))}, STAN: codec.NewSTAN(int64(row + 1)), Sent: codec.NewStamp(noon),
	}})
	s.Banks[storyBank] = l
}
