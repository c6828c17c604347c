package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// bank is a simulated bank, seen by its control API.
type bank struct {
	Bank

	mu        sync.Mutex // guards what follows
	customers []customer
	phones    map[int]string // learnt from short messages, by index of customers
	after     int64          // the last short message seen
	primed    bool           // what was there before us is not news
	down      bool
	kind      string // the first fault in force
}

// customer is a made-up person, as the control API shows it.
type customer struct {
	Holder   string            `json:"holder"`
	CertType string            `json:"cert_type"`
	Cert     string            `json:"cert_number"`
	Phone    string            `json:"phone"`
	Accounts []customerAccount `json:"accounts"`
}

type customerAccount struct {
	Number string `json:"number"`
	Card   bool   `json:"card"`
	Status string `json:"status"`
}

// bankSMS is a short message, as the control API shows it.
type bankSMS struct {
	ID      int64     `json:"id"`
	At      time.Time `json:"at"`
	Account string    `json:"account"`
	Phone   string    `json:"phone"`
	Code    string    `json:"code"`
	Text    string    `json:"text"`
}

// bankFault is an order to misbehave, as the control API takes it.
type bankFault struct {
	Kind    string `json:"kind"`
	Account string `json:"account,omitempty"`
	Type    string `json:"type,omitempty"`
	Count   int    `json:"count,omitempty"`
	Code    string `json:"code,omitempty"`
	DelayMS int64  `json:"delay_ms,omitempty"`
}

const (
	bankOK   = "ok"
	bankDown = "down"
)

// lasting are the switches of a bank. A switch that waits five seconds takes
// delay for slow and late for silent with an answer to come.
var lasting = map[string]bankFault{
	bankOK:    {},
	bankDown:  {},
	"decline": {Kind: "decline", Code: "05"},
	"delay":   {Kind: "delay", DelayMS: 3000},
	"silence": {Kind: "silence"},
	"late":    {Kind: "late", DelayMS: 8000},
}

const (
	pollEvery    = 300 * time.Millisecond
	pollSlow     = 2 * time.Second // where the bank does not answer
	faultsEvery  = 4               // polls
	maxBankBody  = 32 << 20
	bankWait     = 3 * time.Second
	lateAnswer   = 10 * time.Second
	certResident = "01"
)

var certTypes = map[string]string{
	certResident: "居民身份证", "02": "军官证", "03": "护照", "04": "港澳居民来往内地通行证",
	"05": "台湾居民来往大陆通行证", "06": "警官证", "07": "士兵证", "99": "其他证件",
}

func (s *Sim) bank(id string) *bank {
	for _, b := range s.banks {
		if b.ID == id {
			return b
		}
	}
	return nil
}

// fault is what the phone's switch for the bank shows.
func (b *bank) fault() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.down:
		return bankDown
	case b.kind == "":
		return bankOK
	}
	return b.kind
}

// poll asks the bank for short messages, and now and then for its faults.
func (s *Sim) poll(ctx context.Context, b *bank) error {
	wait := time.Duration(0)
	for n := 0; pause(ctx, wait); n++ {
		wait = pollEvery
		if err := s.look(ctx, b, n%faultsEvery == 0); err != nil {
			wait = pollSlow
		}
	}
	return nil
}

func (s *Sim) look(ctx context.Context, b *bank, faults bool) error {
	if err := s.meet(ctx, b); err != nil {
		return err
	}
	var list []bankSMS
	b.mu.Lock()
	after := b.after
	b.mu.Unlock()
	if err := s.get(ctx, b, fmt.Sprintf("/sms?after=%d", after), &list); err != nil {
		return err
	}
	for _, m := range list {
		s.arrive(b, m)
	}
	b.mu.Lock()
	b.primed = true
	b.mu.Unlock()
	if faults {
		return s.lookAtFaults(ctx, b)
	}
	return nil
}

// meet learns the bank's customers, once.
func (s *Sim) meet(ctx context.Context, b *bank) error {
	b.mu.Lock()
	known := b.customers != nil
	b.mu.Unlock()
	if known {
		return nil
	}
	var all []customer
	if err := s.get(ctx, b, "/customers", &all); err != nil {
		return err
	}
	b.mu.Lock()
	b.customers, b.phones = all, map[int]string{}
	b.mu.Unlock()
	s.hub.publish("", refetch)
	return nil
}

// arrive takes a short message of a bank, and shows it to whose phone it is.
func (s *Sim) arrive(b *bank, m bankSMS) {
	b.mu.Lock()
	fresh := b.primed && m.ID > b.after
	b.after = max(b.after, m.ID)
	owner := b.owner(m.Account)
	learnt := owner >= 0 && b.phones[owner] != m.Phone
	if learnt {
		b.phones[owner] = m.Phone
	}
	b.mu.Unlock()
	if learnt {
		s.hub.publish("", refetch)
	}
	if !fresh {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.followers {
		if f.person == owner || s.phoneNumber(f.person) == m.Phone {
			s.ring(f, m)
		}
	}
}

// owner is whose an account is; -1 for nobody's. b.mu is held.
func (b *bank) owner(account string) int {
	return slices.IndexFunc(b.customers, func(c customer) bool {
		return slices.ContainsFunc(c.Accounts, func(a customerAccount) bool { return a.Number == account })
	})
}

// ring shows a short message on a phone. s.mu is held.
func (s *Sim) ring(f *follower, m bankSMS) {
	one := SMS{ID: s.nextID(), Phone: maskedPhone(m.Phone), Code: m.Code, Text: m.Text, At: m.At}
	if len(f.sms) == keptSMS {
		f.sms = append(f.sms[:0], f.sms[1:]...)
	}
	f.sms = append(f.sms, one)
	s.hub.publish(f.id, event{"sms", one})
}

func maskedPhone(phone string) string {
	if len(phone) != 11 {
		return masked(phone)
	}
	return phone[:3] + "****" + phone[7:]
}

// lookAtFaults learns which fault is in force: one that counts ends by itself.
func (s *Sim) lookAtFaults(ctx context.Context, b *bank) error {
	var all []bankFault
	if err := s.get(ctx, b, "/faults", &all); err != nil {
		return err
	}
	kind := ""
	if len(all) > 0 {
		kind = all[0].Kind
	}
	b.mu.Lock()
	changed := b.kind != kind
	b.kind = kind
	b.mu.Unlock()
	if changed {
		s.hub.publish("", refetch)
	}
	return nil
}

// setBankFault makes a bank's one fault this one; "ok" ends all.
func (s *Sim) setBankFault(ctx context.Context, b *bank, kind string, f bankFault) error {
	orders := []order{{http.MethodDelete, "/faults", nil}, {http.MethodPost, "/up", nil}}
	switch {
	case kind == bankDown:
		orders = []order{{http.MethodPost, "/down", nil}}
	case f.Kind != "":
		orders = append(orders, order{http.MethodPost, "/faults", f})
	}
	for _, o := range orders {
		if err := s.order(ctx, b, o); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down, b.kind = kind == bankDown, f.Kind
	return nil
}

// order is a request that changes something at a bank.
type order struct {
	method, path string
	body         any
}

// order carries one out. "Already up" is no failure.
func (s *Sim) order(ctx context.Context, b *bank, o order) error {
	body, err := json.Marshal(o.body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, bankWait)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, o.method, b.Control+o.path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	_, err = s.fetch(r, maxBankBody)
	if err != nil && (o.path != "/up" || !errors.Is(err, statusError(http.StatusConflict))) {
		return fmt.Errorf("%w：%s %s", errBank, b.Title, unanswered(err))
	}
	return nil
}

func (s *Sim) get(ctx context.Context, b *bank, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, bankWait)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.Control+path, http.NoBody)
	if err != nil {
		return err
	}
	body, err := s.fetch(r, maxBankBody)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// mine finds the bank of a follower's account.
func (s *Sim) mine(me, account string) (*bank, string, error) {
	s.mu.Lock()
	person := s.phone(me).person
	s.mu.Unlock()
	p := s.personAt(person)
	if p == nil {
		return nil, "", errBank
	}
	for _, a := range p.Accounts {
		if a.Number == account || account == "" && a.Kind == "card" {
			return s.bank(a.Bank), a.Number, nil
		}
	}
	return nil, "", fmt.Errorf("这不是%s的账号", p.Holder)
}

// spend has the bank book a payment; 动账通知 follows.
func (s *Sim) spend(r *http.Request, me string, body struct {
	Account string `json:"account"`
	Fen     int64  `json:"fen"`
	Summary string `json:"summary"`
},
) error {
	b, account, err := s.mine(me, body.Account)
	if err != nil {
		return err
	}
	if body.Fen < 1 || body.Fen > 100_000_000 {
		return fmt.Errorf("fen: 1 to 100000000")
	}
	if body.Summary == "" {
		body.Summary = "消费"
	}
	return s.order(r.Context(), b, order{http.MethodPost, "/movements", map[string]any{
		"account": account, "amount": body.Fen, "out": true, "summary": cut(body.Summary, 60),
	}})
}

// bankFault gives a bank one fault; for once, or until it is cleared.
func (s *Sim) bankFault(r *http.Request, _ string, body struct {
	Bank    string `json:"bank"`
	Kind    string `json:"kind"`
	Once    bool   `json:"once"`
	Type    string `json:"type"`
	Code    string `json:"code"`
	DelayMS int64  `json:"delay_ms"`
},
) error {
	b := s.bank(body.Bank)
	if b == nil {
		return fmt.Errorf("没有这家银行")
	}
	f, ends := lasting[body.Kind]
	if !ends {
		f.Kind = body.Kind
	}
	if f.Kind != "" {
		f.Type = body.Type
		f.Code = cmp.Or(body.Code, f.Code)
		f.DelayMS = cmp.Or(body.DelayMS, f.DelayMS)
		if body.Once {
			f.Count = 1
		}
	}
	defer s.hub.publish("", refetch)
	return s.setBankFault(r.Context(), b, body.Kind, f)
}

// lateDeregister lets the next deregistration of the follower's card, or of the
// account named, be answered ten seconds after it was asked for.
func (s *Sim) lateDeregister(r *http.Request, me string, body struct {
	Account string `json:"account"`
},
) error {
	b, account, err := s.mine(me, body.Account)
	if err != nil {
		return err
	}
	defer s.hub.publish("", refetch)
	return s.setBankFault(r.Context(), b, "delay", bankFault{
		Kind: "delay", Type: "deregister", Count: 1, DelayMS: lateAnswer.Milliseconds(), Account: account,
	})
}
