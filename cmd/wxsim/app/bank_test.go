package app

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/world"
	"wxswitch/cmd/internal/world/worldtest"
	"wxswitch/codec"
)

// town is a simulator beside a real switch and its simulated banks.
type town struct {
	*stage
	world *world.World
}

func newTown(t *testing.T) *town {
	w := worldtest.Start(t, world.Options{Control: true})
	s := start(t, func(c *Config) {
		for _, b := range world.Banks {
			c.Banks = append(c.Banks, Bank{b.ID, b.Title, "http://" + w.Sims[b.ID].ControlAddr()})
		}
	})
	s.until("f1", "the banks are known", func(st State) bool { return st.Person != nil && len(st.Person.Accounts) == 4 })
	return &town{s, w}
}

func (s *town) bank() *sim.Bank { return s.world.Sims["urmqccb"] }

// TestBanks is all that passes between a phone and the banks, in one town.
func TestBanks(t *testing.T) {
	s := newTown(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"persons and short messages", s.personsAndTheirShortMessages},
		{"spending", s.spending},
		{"a fault for once", s.aFaultForOnceEndsByItself},
		{"late deregistration", s.lateDeregistrationIsArmedForTheCard},
		{"faults", s.faultsOfABank}, // the links are down after it
		{"reset", s.resetTakesOtherPersons},
	} {
		t.Run(part.name, func(t *testing.T) { s.t = t; part.run(t) })
	}
	s.t = t
}

// balance is the ledger's, of the first card.
func (s *town) balance(t *testing.T) int64 {
	t.Helper()
	r, err := s.world.Ask(t.Context(), "balance", s.bank().People()[0], rand.Text(), 5*time.Second)
	if err != nil || r.JSON200 == nil || r.JSON200.Balance == nil || r.JSON200.Balance.Ledger == nil {
		t.Fatalf("%+v %v", r, err)
	}
	return *r.JSON200.Balance.Ledger
}

// shows waits until the phone's switch for the first bank shows a fault.
func (s *town) shows(kind string) {
	s.t.Helper()
	s.until("f1", "the bank's fault is "+kind, func(st State) bool { return st.Faults.Bank["urmqccb"] == kind })
}

func (s *town) personsAndTheirShortMessages(t *testing.T) {
	p := s.bank().People()[0]
	got := s.state("f1").Person
	card := PersonAccount{"urmqccb", "乌鲁木齐银行", p.Accounts[0].Number.Reveal(), "card"}
	if got.Holder != p.Holder || got.Cert != p.Cert.Reveal() || got.CertTypeName != "居民身份证" || got.Accounts[0] != card || got.Accounts[1].Kind != "passbook" {
		t.Errorf("%+v", got)
	}
	f1, f2 := s.watch("f1"), s.watch("f2")
	follower := s.world.Follower(s.openID("f1"), 0)
	form := world.Fields{"purpose": "authenticate", "account": card.Number}
	if r, err := follower.Ask(t.Context(), http.MethodPost, "/v1/customer/codes", form); err != nil || r.Status != http.StatusOK {
		t.Fatal(r, err)
	}
	var m SMS
	if err := json.Unmarshal([]byte(await(t, f1, "sms", "")), &m); err != nil {
		t.Fatal(err)
	}
	code, err := follower.LastCode(t.Context(), "urmqccb")
	if err != nil || m.Code != code || m.Phone != maskedPhone(p.Phone.Reveal()) || !strings.Contains(m.Text, code) {
		t.Errorf("%+v, %v", m, err)
	}
	if st := s.state("f1"); st.Person.Phone != p.Phone.Reveal() || len(st.SMS) != 1 || len(s.state("f2").SMS) != 0 {
		t.Errorf("%+v", st.SMS)
	}
	hop := await(t, f2, "hop", `"title":"sms-code request"`)
	for _, part := range []string{`"leg":"switch-bank"`, `"dir":"right"`, `"bank":"urmqccb"`} {
		if !strings.Contains(hop, part) {
			t.Errorf("no %s in %s", part, hop)
		}
	}
	await(t, f2, "hop", `"title":"sms-code reply"`)
	if hops, _ := json.Marshal(s.state("f1").Hops); strings.Contains(string(hops), code) || strings.Contains(string(hops), card.Number) {
		t.Error("a code or an account can be seen")
	}
}

func (s *town) spending(t *testing.T) {
	card := s.state("f1").Person.Accounts[0].Number
	before := s.balance(t)
	s.order("f1", "spend", `{"account":"`+card+`","fen":3250,"summary":"消费"}`)
	if after := s.balance(t); before-after != 3250 {
		t.Errorf("%d became %d", before, after)
	}
	other := s.state("f2").Person.Accounts[0].Number
	for name, body := range map[string]string{
		"another's":    `{"account":"` + other + `","fen":3250}`,
		"nothing":      `{"account":"` + card + `","fen":0}`,
		"far too much": `{"account":"` + card + `","fen":100000001}`,
	} {
		if status, text := s.try("f1", "spend", body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
}

func (s *town) faultsOfABank(t *testing.T) {
	for kind, want := range map[string]sim.Fault{
		"decline": {Kind: sim.Decline, Code: "05"}, "delay": {Kind: sim.Delay, Delay: 3 * time.Second},
		"silence": {Kind: sim.Silence}, "late": {Kind: sim.Late, Delay: 8 * time.Second},
	} {
		s.order("f1", "faults", `{"bank":{"urmqccb":"`+kind+`"}}`)
		got := s.bank().Faults()
		if len(got) != 1 || got[0].Kind != want.Kind || got[0].Code != want.Code || got[0].Delay != want.Delay || got[0].Count != 0 {
			t.Errorf("%s: %+v", kind, got)
		}
		s.shows(kind)
	}
	s.order("f1", "faults", `{"bank":{"urmqccb":"down"}}`)
	s.shows("down")
	if err := s.bank().Up(t.Context()); err != nil {
		t.Errorf("the bank was not down: %v", err)
	}
	s.order("f1", "faults", `{"bank":{"urmqccb":"ok"}}`)
	s.shows("ok")
	if got := s.bank().Faults(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	for _, body := range []string{`{"bank":{"other":"ok"}}`, `{"bank":{"urmqccb":"odd"}}`, `{"front":"odd"}`, `{"errcode_count":-1}`} {
		if status, _ := s.try("f1", "faults", body); status != http.StatusBadRequest {
			t.Errorf("%s: %d", body, status)
		}
	}
}

func (s *town) aFaultForOnceEndsByItself(t *testing.T) {
	s.order("f1", "bank-fault", `{"bank":"urmqccb","kind":"decline","once":true,"type":"balance","code":"62"}`)
	s.shows("decline")
	r, err := s.world.Ask(t.Context(), "balance", s.bank().People()[0], "k", time.Second)
	if err != nil || r.JSON200 == nil || r.JSON200.Code != "62" {
		t.Fatalf("%+v %v", r, err)
	}
	s.shows("ok")
	if status, _ := s.try("f1", "bank-fault", `{"bank":"other","kind":"silence"}`); status != http.StatusBadRequest {
		t.Error(status)
	}
	if status, text := s.try("f1", "bank-fault", `{"bank":"urmqccb","kind":"odd"}`); status != http.StatusBadGateway || !strings.Contains(text, "乌鲁木齐银行") {
		t.Error(status, text)
	}
}

func (s *town) lateDeregistrationIsArmedForTheCard(t *testing.T) {
	s.order("f1", "late-deregister", `{}`)
	want := sim.Fault{Kind: sim.Delay, Account: s.bank().People()[0].Accounts[0].Number, Type: codec.Deregister, Count: 1, Delay: 10 * time.Second}
	got := s.bank().Faults()
	if want.ID = got[0].ID; len(got) != 1 || got[0] != want {
		t.Errorf("%+v", got)
	}
	passbook := s.state("f1").Person.Accounts[1].Number
	s.order("f1", "late-deregister", `{"account":"`+passbook+`"}`)
	if got := s.bank().Faults(); len(got) != 1 || got[0].Account.Reveal() != passbook {
		t.Errorf("%+v", got)
	}
	if status, _ := s.try("f1", "late-deregister", `{"account":"1"}`); status != http.StatusBadRequest {
		t.Error(status)
	}
}

func (s *town) resetTakesOtherPersons(t *testing.T) {
	s.order("f1", "bank-fault", `{"bank":"xjrcu","kind":"silence"}`)
	seen := map[string]bool{s.state("f1").Person.Cert: true, s.state("f2").Person.Cert: true}
	for range 12 { // past person 16, whose card is frozen
		s.order("f1", "reset", `{}`)
		for _, phone := range []string{"f1", "f2"} {
			p := s.state(phone).Person
			if seen[p.Cert] {
				t.Errorf("%s was there before", p.Holder)
			}
			seen[p.Cert] = true
		}
	}
	for _, i := range []int{16, 33} { // frozen
		if seen[s.bank().People()[i].Cert.Reveal()] {
			t.Error("a person whose card is frozen")
		}
	}
	if got := s.world.Sims["xjrcu"].Faults(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// TestABankThatIsNotThere: the phone works, and says so.
func TestABankThatIsNotThere(t *testing.T) {
	s := start(t, func(c *Config) { c.Banks = []Bank{{"urmqccb", "乌鲁木齐银行", "http://127.0.0.1:1"}} })
	if st := s.state("f1"); st.Person != nil || st.Faults.Bank["urmqccb"] != "ok" {
		t.Errorf("%+v", st)
	}
	for order, body := range map[string]string{
		"spend": `{"account":"1","fen":1}`, "late-deregister": `{}`, "faults": `{"bank":{"urmqccb":"down"}}`, "reset": `{}`,
	} {
		if status, text := s.try("f1", order, body); status != http.StatusBadGateway || !strings.Contains(text, "没有应答") {
			t.Errorf("%s: %d %s", order, status, text)
		}
	}
}

// TestShortMessagesFromBeforeAreNotNews: what a bank had sent before the
// simulator began teaches it phones, and is not shown; nor is another's.
func TestShortMessagesFromBeforeAreNotNews(t *testing.T) {
	var mu sync.Mutex
	list := []bankSMS{{ID: 1, Account: "6217510", Phone: "13900001111", Code: "111111", Text: "old"}}
	m := http.NewServeMux()
	m.HandleFunc("GET /customers", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, []customer{{Holder: "甲", CertType: "01", Accounts: []customerAccount{{"6217510", true, "normal"}}}, {Holder: "乙", Phone: "13900002222"}})
	})
	m.HandleFunc("GET /sms", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		write(w, http.StatusOK, list) // also those before "after"
	})
	m.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, []bankFault{}) })
	bank := httptest.NewServer(m)
	t.Cleanup(bank.Close)
	s := start(t, func(c *Config) { c.Banks = []Bank{{"urmqccb", "乌鲁木齐银行", bank.URL}} })
	s.until("f1", "the phone is learnt", func(st State) bool { return st.Person != nil && st.Person.Phone == "13900001111" })
	mu.Lock()
	list = []bankSMS{{ID: 2, Phone: "13900003333", Text: "nobody's"}, {ID: 3, Phone: "13900002222", Text: "预约成功"}}
	mu.Unlock()
	s.until("f2", "the second's message", func(st State) bool { return len(st.SMS) > 0 })
	<-time.After(2 * pollEvery) // it is listed again, and is no news
	st := s.state("f2")
	if len(st.SMS) != 1 || st.SMS[0].Text != "预约成功" || len(s.state("f1").SMS) != 0 {
		t.Errorf("%+v", st.SMS)
	}
	if !slices.ContainsFunc(st.Followers, func(p Phone) bool { return p.ID == "f2" }) || st.Person.Phone != "13900002222" {
		t.Errorf("%+v", st.Person)
	}
}

// Signs of life are no news, whoever asked for them; what a bank dropped is.
func TestWhatOfTheWireIsShown(t *testing.T) {
	begun := time.Now()
	wire := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/feed" {
			http.NotFound(w, r)
			return
		}
		at := begun
		for _, event := range []string{
			`"out":true,"message":{"type":"echo","kind":"request"}`, `"note":"reply to echo"`, `"note":"reply to sign-off"`,
			`"message":{"type":"echo","kind":"request"}`, `"out":true,"message":{"type":"echo","kind":"reply"}`,
			`"note":"dropped: unasked"`,
		} {
			at = at.Add(time.Hour)
			fmt.Fprintf(w, "data: {\"at\":%q,%s}\n\n", at.Format(time.RFC3339Nano), event)
		}
	}))
	t.Cleanup(wire.Close)
	s := start(t, func(c *Config) { c.Banks = []Bank{{"urmqccb", "乌鲁木齐银行", wire.URL}} })
	fromBank := func(st State) (titles []string) {
		for _, h := range st.Hops {
			if h.Leg == SwitchBank {
				titles = append(titles, fmt.Sprintln(h.Title, h.OK != nil && !*h.OK))
			}
		}
		return titles
	}
	s.until("f1", "what was dropped is shown", func(st State) bool { return slices.Contains(fromBank(st), "dropped: unasked true\n") })
	if titles := fromBank(s.state("f1")); len(titles) != 1 {
		t.Errorf("shown: %q", titles)
	}
}
