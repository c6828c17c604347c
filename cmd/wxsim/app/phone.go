package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// State is all that a phone shows.
type State struct {
	Account   AccountState `json:"account"`
	Front     string       `json:"front"` // the root of its pages, as links name it
	Me        string       `json:"me"`
	Followers []Phone      `json:"followers"`
	Menu      []Column     `json:"menu"`
	Person    *Person      `json:"person"` // nil while the banks cannot be asked
	Places    []MapPlace   `json:"places"`
	Faults    Faults       `json:"faults"`
	Encrypt   bool         `json:"encrypt"`
	Chat      []ChatEvent  `json:"chat"`
	SMS       []SMS        `json:"sms"`
	Hops      []Hop        `json:"hops"`
}

// AccountState is the official account, as followers see it.
type AccountState struct {
	Name string `json:"name"`
	ID   string `json:"id"`
}

// Phone is a follower in the row of them.
type Phone struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	OpenID    string `json:"openid"`
	Following bool   `json:"following"`
	Unread    int    `json:"unread"`
}

// Person is who a follower is at the banks, in clear: made up.
type Person struct {
	Holder       string          `json:"holder"`
	CertType     string          `json:"cert_type"`
	CertTypeName string          `json:"cert_type_name"`
	Cert         string          `json:"cert"`
	Phone        string          `json:"phone"`
	Accounts     []PersonAccount `json:"accounts"`
}

// PersonAccount is one account of a Person.
type PersonAccount struct {
	Bank     string `json:"bank"`
	BankName string `json:"bank_name"`
	Number   string `json:"number"`
	Kind     string `json:"kind"` // card, passbook
}

// MapPlace is a Place as the map shows it.
type MapPlace struct {
	ID   string  `json:"id"`
	Name string  `json:"name"`
	X    float64 `json:"x"`
	Y    float64 `json:"y"`
}

// phoneAPI adds what the phone's page calls.
func (s *Sim) phoneAPI(m *http.ServeMux) {
	m.HandleFunc("GET /sim/state", s.getState)
	m.HandleFunc("GET /sim/events", s.serveEvents)
	handle(s, m, "say", s.say)
	handle(s, m, "click", s.click)
	handle(s, m, "view", s.view)
	handle(s, m, "locate", s.locate)
	handle(s, m, "follow", s.follow)
	handle(s, m, "unfollow", s.unfollow)
	handle(s, m, "spend", s.spend)
	handle(s, m, "bank-fault", s.bankFault)
	handle(s, m, "faults", s.setFaults)
	handle(s, m, "late-deregister", s.lateDeregister)
	handle(s, m, "reset", s.reset)
}

// handle adds POST /sim/NAME, whose body is a T.
func handle[T any](s *Sim, m *http.ServeMux, name string, do func(r *http.Request, me string, body T) error) {
	m.HandleFunc("POST /sim/"+name, func(w http.ResponseWriter, r *http.Request) {
		var body T
		data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 8<<10))
		if err == nil && len(bytes.TrimSpace(data)) > 0 {
			d := json.NewDecoder(bytes.NewReader(data))
			d.DisallowUnknownFields()
			err = d.Decode(&body)
		}
		if err != nil {
			refuse(w, http.StatusBadRequest, "看不懂的请求")
			return
		}
		if err := do(r, phoneOf(r), body); err != nil {
			refuse(w, statusOf(err), err.Error())
			return
		}
		write(w, http.StatusOK, map[string]bool{"ok": true})
	})
}

// The reasons why an order is refused; others are the order's own mistakes.
var (
	errNotFollowing = errors.New("请先关注公众号")
	errBusy         = errors.New("模拟器太忙，请稍后再试")
	errBank         = errors.New("模拟银行没有应答")
)

func statusOf(err error) int {
	switch {
	case errors.Is(err, errNotFollowing):
		return http.StatusConflict
	case errors.Is(err, errBusy):
		return http.StatusServiceUnavailable
	case errors.Is(err, errBank):
		return http.StatusBadGateway
	}
	return http.StatusBadRequest
}

func refuse(w http.ResponseWriter, status int, reason string) {
	write(w, status, map[string]string{"error": reason})
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (s *Sim) getState(w http.ResponseWriter, r *http.Request) {
	faults := map[string]string{}
	for _, b := range s.banks {
		faults[b.ID] = b.fault()
	}
	s.mu.Lock()
	f := s.phone(phoneOf(r))
	if f.unread > 0 {
		f.unread = 0
		s.hub.publish("", refetch)
	}
	state := State{
		Account: AccountState{s.cfg.Account.Name, s.cfg.Account.ID}, Front: s.cfg.Front.Public, Me: f.id,
		Menu: append([]Column{}, s.menu...), Faults: s.faults, Encrypt: s.cfg.Account.Encrypt,
		Chat: append([]ChatEvent{}, f.chat...), SMS: append([]SMS{}, f.sms...),
	}
	state.Faults.Bank, state.Faults.Blocked, state.Faults.Snapshot = faults, f.blocked, f.snapshot
	state.Faults.Limited = s.limits.day == s.date()
	for _, f := range s.followers {
		state.Followers = append(state.Followers, Phone{f.id, f.name, f.openID, f.following, f.unread})
	}
	person := f.person
	s.mu.Unlock()
	state.Person = s.personAt(person)
	state.Hops = s.tape.last(shownHops)
	for _, p := range s.cfg.Places {
		state.Places = append(state.Places, MapPlace{p.ID, p.Name, p.X, p.Y})
	}
	write(w, http.StatusOK, state)
}

// follows runs do with the follower, who must follow the account.
func (s *Sim) follows(me string, do func(f *follower) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.phone(me)
	if !f.following {
		return errNotFollowing
	}
	return do(f)
}

// ask has a push delivered that a follower waits for. s.mu is held.
func (s *Sim) ask(p push) error {
	if !s.push(p) {
		return errBusy
	}
	return nil
}

const maxSaid = 2048 // bytes

func (s *Sim) say(_ *http.Request, me string, body struct {
	Text string `json:"text"`
},
) error {
	text := strings.Map(printable, body.Text)
	if text == "" || len(text) > maxSaid || !utf8.ValidString(text) {
		return errors.New("请输入文字，最多 2048 字节")
	}
	return s.follows(me, func(f *follower) error {
		s.show(f, ChatEvent{Who: "me", Kind: "text", Text: html.EscapeString(text)})
		return s.ask(s.message(f, "text", field{name: "Content", value: text, mask: masked}))
	})
}

// printable drops what XML cannot hold.
func printable(r rune) rune {
	if r != '\n' && unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF {
		return -1
	}
	return r
}

func (s *Sim) click(_ *http.Request, me string, body struct {
	Key string `json:"key"`
},
) error {
	return s.follows(me, func(f *follower) error {
		if !s.hasButton("click", body.Key) {
			return errors.New("菜单里没有这一项")
		}
		f.hear(s.now(), afterEvent)
		return s.ask(s.event(f, "CLICK", body.Key, true))
	})
}

func (s *Sim) view(_ *http.Request, me string, body struct {
	URL string `json:"url"`
},
) error {
	return s.follows(me, func(f *follower) error {
		if !s.hasButton("view", body.URL) {
			return errors.New("菜单里没有这一项")
		}
		return s.ask(s.event(f, "VIEW", body.URL, false))
	})
}

// hasButton says whether the menu has it. s.mu is held.
func (s *Sim) hasButton(kind, what string) bool {
	for _, c := range s.menu {
		for _, i := range append([]Item{{c.Name, c.Type, c.URL, c.Key}}, c.Items...) {
			if i.Type == kind && i.URL+i.Key == what {
				return true
			}
		}
	}
	return false
}

func (s *Sim) locate(_ *http.Request, me string, body struct {
	Place string `json:"place"`
},
) error {
	for _, p := range s.cfg.Places {
		if p.ID == body.Place {
			return s.follows(me, func(f *follower) error { return s.at(f, p) })
		}
	}
	return errors.New("地图上没有这个地点")
}

func (s *Sim) at(f *follower, p Place) error {
	s.show(f, ChatEvent{Who: "me", Kind: "location", Place: &AtPlace{p.Name}})
	coarse := func(v string) string { return v[:strings.Index(v, ".")+2] + "…" }
	return s.ask(s.message(f, "location",
		field{"Location_X", fmt.Sprintf("%.6f", p.Lat), true, coarse}, field{"Location_Y", fmt.Sprintf("%.6f", p.Lng), true, coarse},
		field{"Scale", "16", true, nil}, field{name: "Label", value: p.Name}))
}

func (s *Sim) follow(_ *http.Request, me string, _ struct{}) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.phone(me)
	if f.following {
		return nil
	}
	f.following = true
	s.system(f, "已关注"+s.cfg.Account.Name)
	s.hub.publish("", refetch)
	return s.ask(s.subscription(f, true))
}

func (s *Sim) unfollow(_ *http.Request, me string, _ struct{}) error {
	return s.follows(me, func(f *follower) error {
		f.following = false
		s.system(f, "已取消关注")
		s.hub.publish("", refetch)
		return s.ask(s.subscription(f, false))
	})
}

// reset begins anew: every follower gets an openid and a person of the banks
// that it did not have, chats and faults are cleared. The front hears that the
// old ones went and, of those that follow from the beginning, that they came.
func (s *Sim) reset(r *http.Request, _ string, _ struct{}) error {
	var errs []error
	for _, b := range s.banks {
		errs = append(errs, s.setBankFault(r.Context(), b, bankOK, bankFault{}))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.round++
	s.faults = Faults{Front: frontOK}
	persons := s.persons(s.round)
	for i, f := range s.followers {
		s.renew(f, persons[i], s.cfg.Followers[i].Following)
	}
	clear(s.sent)
	s.hub.publish("", refetch)
	return errors.Join(errs...)
}

// renew makes a follower somebody else. s.mu is held.
func (s *Sim) renew(f *follower, person int, following bool) {
	if f.following {
		s.push(s.subscription(f, false))
	}
	if len(s.gone) >= keptGone {
		clear(s.gone)
	}
	s.gone[f.openID] = true
	delete(s.openIDs, f.openID)
	*f = follower{id: f.id, name: f.name, person: person, openID: newOpenID(), following: following}
	s.openIDs[f.openID] = f
	if following {
		s.push(s.subscription(f, true))
	}
}
