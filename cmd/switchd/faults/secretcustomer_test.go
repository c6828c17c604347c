package faults

import (
	"bytes"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/parts/partstest"
	"wxswitch/cmd/internal/world"
	"wxswitch/codec"
	switching "wxswitch/switch"
)

// What customers say that nobody else may read; their passwords are in
// patron_test.go.
const (
	latitude, longitude = "43.812345", "87.654321"
	visitPhone          = "13899990001"
	newLogin, newPin    = "kuqa-20261128x", "246135"
	wrongLogin          = "turpan-0000w"
	strayToken          = "bm90IGEgdG9rZW4gb2YgYW55IHNlc3Npb24"
)

// customerSecrets are beside scene.secrets.
type customerSecrets struct {
	shown partstest.Text // the API's answers to customers and the front, but for what is meant to be told
	// names may stand where banks' clients ask for a holder.
	names []string
	// phones and codes stand in the outbox of a simulated bank. Six digits are
	// found anywhere: a code counts where it stands alone, or where as many do as
	// chance does not bring.
	phones, codes []string
	patrons       []*patron
}

// meant is what an answer is for, by the beginning of its path: the token of a
// login, the holder of an account, what a front has kept.
var meant = map[string]*regexp.Regexp{
	"/v1/customer/session":  regexp.MustCompile(`"token":"[^"]*"`),
	"/v1/customer/accounts": regexp.MustCompile(`"holder":"[^"]*"`),
	"/v1/customer/balances": regexp.MustCompile(`"holder":"[^"]*"`),
	"/v1/customer/talk":     regexp.MustCompile(`"value":"[^"]*"`),
	"/v1/kept/take":         regexp.MustCompile(`"value":"[^"]*"`),
}

// show keeps an answer to a customer.
func (s *scene) show(path string, dump []byte) {
	for prefix, what := range meant {
		if strings.HasPrefix(path, prefix) {
			dump = what.ReplaceAll(dump, nil)
		}
	}
	_, _ = s.shown.Write(dump)
}

// forCustomers reports whether a path is one of the front's.
func forCustomers(path string) bool {
	return !slices.ContainsFunc([]string{"/v1/transactions", "/v1/routes", "/v1/banks", "/v1/advices"}, func(p string) bool {
		return strings.HasPrefix(path, p)
	})
}

// chinese are more ways to spell what is no ASCII.
func chinese(secret string) map[string][]byte {
	m := map[string][]byte{"JSON": []byte(strings.Trim(strconv.QuoteToASCII(secret), `"`))}
	if gb, err := simplifiedchinese.GB18030.NewEncoder().String(secret); err == nil {
		m["GB18030"], m["GB18030 in hex"] = []byte(gb), []byte(hex.EncodeToString([]byte(gb)))
	}
	return m
}

// foundCodes lists the codes in text.
func foundCodes(text []byte, codes []string) (all []string) {
	anywhere := 0
	for i, code := range codes {
		for form, pattern := range forms(code) {
			if form != "ASCII" && bytes.Contains(text, pattern) {
				all = append(all, fmt.Sprintf("code %d as %s", i, form))
			}
		}
		among, alone := digits(text, code)
		if alone {
			all = append(all, fmt.Sprintf("code %d", i))
		}
		if among {
			anywhere++
		}
	}
	if anywhere > len(codes)/2 {
		all = append(all, fmt.Sprintf("%d of %d codes among other digits", anywhere, len(codes)))
	}
	return all
}

// digits reports whether the code stands in text, and whether it does as a number
// of its own: durations and times have six digits behind a point.
func digits(text []byte, code string) (among, alone bool) {
	for from := 0; ; {
		at := bytes.Index(text[from:], []byte(code))
		if at < 0 {
			return among, false
		}
		at, among = from+at, true
		from = at + len(code)
		if (at == 0 || !isDigit(text[at-1]) && text[at-1] != '.') && (from == len(text) || !isDigit(text[from])) {
			return true, true
		}
	}
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// customersLive plays all that customers do, each meeting one kind of fault, and
// collects what is secret of it.
func (s *scene) customersLive() {
	kinds := []sim.Kind{
		sim.Decline, sim.Delay, sim.Silence, sim.SilenceAfter, sim.Late, sim.Garbage, sim.Twice, sim.WrongSTAN, sim.Unreadable, sim.OtherName,
	}
	for i := 0; len(s.patrons) < len(kinds); i++ {
		// A short name is found by chance where it is written as four bytes.
		if p := s.patron(i); utf8.RuneCountInString(p.At(firstBank).Holder) >= 3 {
			s.patrons = append(s.patrons, p)
		}
	}
	s.well()
	for _, p := range s.patrons {
		s.knows(p)
		p.authenticated().loggedIn().attached()
		s.tokens(p)
	}
	var wg sync.WaitGroup
	for i, p := range s.patrons {
		wg.Go(func() { s.faulty(p, kinds[i]) })
	}
	wg.Wait()
	s.well()
	s.whole(s.patrons[0])
	s.careless(s.patrons[1])
	for _, p := range s.patrons {
		s.secrets = append(s.secrets, p.boxes[:3]...)
	}
	for _, b := range s.banks {
		all, err := b.Messages(s.t.Context(), 0)
		must(s.t, err)
		for _, m := range all {
			// A number below is any STAN of these tests.
			if code := m.Code.Reveal(); len(code) == 6 && code > "010000" {
				s.codes = append(s.codes, code)
			}
		}
	}
	s.secrets = append(s.secrets, latitude, longitude, loginWord, newLogin, wrongLogin, strayToken)
	s.codes = append(s.codes, paymentPin, newPin)
	s.phones = append(s.phones, visitPhone)
	s.t.Logf("%d secrets, %d names, %d phones, %d codes", len(s.secrets), len(s.names), len(s.phones), len(s.codes))
}

// well ends all faults, and what they left, breakers that are open among it.
func (s *scene) well() {
	s.calm()
	s.operators()
	s.online()
	for bank := range s.banks {
		eventually(s.t, "a bank that is well", func() bool { return s.ask(balance(bank, 20)).Outcome == switching.Approved })
	}
}

// knows notes who the patron is.
func (s *scene) knows(p *patron) {
	who := p.At(firstBank)
	s.names = append(s.names, who.Holder)
	s.phones = append(s.phones, who.Phone.Reveal())
	s.secrets = append(s.secrets, who.Cert.Reveal(), p.Account(firstBank), p.Account(secondBank))
}

func (s *scene) tokens(p *patron) { s.secrets = append(s.secrets, p.Session) }

// faulty asks for everything while its bank misbehaves; how it ends is another
// test's.
func (s *scene) faulty(p *patron, kind sim.Kind) {
	try := func(types []codec.Type, w func() wish) {
		for _, t := range types {
			_, err := s.banks[firstBank].SetFault(sim.Fault{Kind: kind, Type: t, Account: p.At(firstBank).Accounts[0].Number, Count: 1, Code: "ZZ", Delay: 500 * time.Millisecond})
			if err != nil {
				s.t.Error(err)
			}
		}
		if _, err := p.ask(w()); err != nil {
			s.t.Error(err)
		}
	}
	try([]codec.Type{codec.Balance}, func() wish { return wish{method: "GET", path: "/v1/customer/balances"} })
	try([]codec.Type{codec.SMSCode}, func() wish { return p.codeWish("authenticate", firstBank) })
	try([]codec.Type{codec.Authenticate, codec.Reversal}, func() wish {
		code, err := p.LastCode(s.t.Context(), firstBank)
		if err != nil {
			s.t.Error(err)
		}
		return p.authentication(firstBank, code)
	})
	try([]codec.Type{codec.Appointment}, func() wish { return p.visit(visitPhone) })
	try([]codec.Type{codec.Deregister, codec.Completion}, p.deregistration)
}

func (p *patron) visit(phone string) wish {
	return p.wish("/v1/customer/visits", world.Fields{"branch": "urmqccb-1", "business": "vip", "phone": phone})
}

// whole is a customer's life as it should be, and as it goes wrong.
func (s *scene) whole(p *patron) {
	if p.state() != "authenticated" {
		p.authenticated()
	}
	_, _ = p.ask(p.wish("/v1/customer/passwords", world.Fields{"login": p.seal(loginWord), "payment": p.seal(paymentPin)}))
	r, err := p.ask(p.wish("/v1/customer/session", world.Fields{"password": p.seal(loginWord)}))
	must(s.t, err)
	p.Session, _ = r.Body["token"].(string)
	s.tokens(p)
	id := ""
	r, err = p.ask(wish{method: "GET", path: "/v1/customer/accounts"})
	must(s.t, err)
	for _, l := range r.List("accounts") {
		id, _ = l["id"].(string)
	}
	s.front.Answers(http.StatusInternalServerError)
	p.spend(4321)
	<-time.After(200 * time.Millisecond) // the front is asked meanwhile
	s.front.Answers(0)
	reset := p.Form(firstBank, p.code("reset", firstBank))
	delete(reset, "terms")
	delete(reset, "notices")
	reset["kind"], reset["password"] = "payment", p.seal(newPin)
	for _, w := range []wish{
		{method: "GET", path: "/v1/customer/balances"},
		{method: "GET", path: "/v1/customer/accounts/" + id + "/details?period=month"},
		p.wish("/v1/customer/session", world.Fields{"password": p.seal(wrongLogin)}),
		p.wish("/v1/customer/passwords", world.Fields{"login": p.seal(newLogin), "old_login": p.seal(loginWord)}),
		p.wish("/v1/customer/passwords", world.Fields{"login": p.seal(wrongLogin), "old_login": p.seal(wrongLogin)}),
		p.wish("/v1/customer/passwords/reset", reset),
		p.visit(visitPhone),
		p.wish("/v1/places/nearest", world.Fields{"kind": "branches", "latitude": latitude, "longitude": longitude}),
		{method: "PUT", path: "/v1/customer/talk", body: world.Fields{"value": latitude + "," + longitude + " " + visitPhone}},
		{method: "PUT", path: "/v1/kept", body: world.Fields{"name": "callback/1", "value": latitude + " " + visitPhone}},
		{method: "GET", path: "/v1/customer/talk"},
		p.wish("/v1/customers/show", world.Fields{"channel": "wechat", "subject": p.Subject}),
		{method: "GET", path: "/v1/notices"},
	} {
		if r, err := p.ask(w); err != nil || r.Status >= http.StatusInternalServerError && r.Status != http.StatusServiceUnavailable {
			s.t.Errorf("%s: %d %v, %v", w.path, r.Status, r.Body, err)
		}
	}
}

// careless puts secrets where they do not belong.
func (s *scene) careless(p *patron) {
	code := p.code("authenticate", firstBank)
	who := p.At(firstBank)
	stray := []string{loginWord, paymentPin, code, visitPhone, who.Phone.Reveal(), who.Holder, latitude, strayToken}
	as := []string{"Follower-Channel", "wechat", "Follower-Subject", p.Subject, "Idempotency-Key", "careless"}
	for _, path := range []string{
		"/v1/customer/codes", "/v1/customer/authentication", "/v1/customer/session", "/v1/customer/passwords", "/v1/customer/passwords/reset",
		"/v1/customer/accounts", "/v1/customer/visits", "/v1/places/nearest", "/v1/kept/first", "/v1/customers/show",
	} {
		for _, secret := range stray {
			for _, body := range []string{
				`{"` + secret + `":1}`, `{"code":"` + secret + `"}`, `{"code":` + secret + `}`, `"` + secret + `"`, `{"login":"` + secret + `","payment":"` + secret + `"}`,
				`{"password":"` + secret + `"}`, `{"password":"x.` + secret + `"}`, `{"phone":"` + secret + `x"}`, `{"purpose":"` + secret + `"}`,
				`{"kind":"` + secret + `"}`, `{"kind":"branches","latitude":"x` + secret + `","longitude":"` + secret + `x"}`, `{"account":"` + secret + `"}`,
			} {
				s.call("POST", path, body, as...)
			}
		}
		s.call("POST", path+"?limit="+code+"&code="+loginWord, `{}`, as...)
	}
	for _, h := range [][]string{
		{"Follower-Channel", "wechat", "Follower-Subject", loginWord + " "},
		{"Follower-Channel", loginWord + "\t" + paymentPin, "Follower-Subject", "x"},
		{"Follower-Channel", "wechat", "Follower-Subject", p.Subject, "Session-Token", strayToken},
		{"Follower-Channel", "wechat", "Follower-Subject", p.Subject, "Request-Timeout", code},
		{"Follower-Channel", "wechat", "Follower-Subject", p.Subject, "Idempotency-Key", visitPhone + " " + loginWord},
	} {
		s.call("GET", "/v1/customer/accounts", "", h...)
		s.call("POST", "/v1/customer/deregistration", "", h...)
	}
}

// emptyOutbox takes away what a simulated bank sent to phones, and the numbers of
// those phones: its file stands for them.
func (s *scene) emptyOutbox(bank string) {
	p := s.banks[bank]
	p.stop()
	d, err := sql.Open("sqlite", "file:"+p.config.Path)
	must(s.t, err)
	for _, q := range []string{`DELETE FROM sim_sms`, `VACUUM`, `PRAGMA wal_checkpoint(TRUNCATE)`} {
		_, err = d.ExecContext(s.t.Context(), q)
		must(s.t, err)
	}
	must(s.t, d.Close())
}

// plantedInCustomers shows that the search finds a password, a code and a name
// that are kept in clear: those who name a follower or give a reason may not
// write them there.
func (s *scene) plantedInCustomers() {
	code := s.codes[0]
	for _, subject := range []string{loginWord, code} {
		s.done(s.patronOf(subject, 3))
	}
	p := s.patrons[0]
	shown, err := p.ask(p.wish("/v1/customers/show", world.Fields{"channel": "wechat", "subject": p.Subject}))
	must(s.t, err)
	id, _ := shown.Body["id"].(string)
	name := p.At(firstBank).Holder
	s.call("POST", "/v1/customers/"+id+"/freeze", `{"reason":"`+name+`"}`)
	text := s.files("switch.db")
	for what, all := range map[string][]string{
		"a password": found(text, []string{loginWord}), "a name": found(text, []string{name}), "a code": foundCodes(text, []string{code}),
	} {
		if len(all) == 0 {
			s.t.Errorf("%s that was planted is not found", what)
		}
	}
}

// done has the follower's row made.
func (s *scene) done(p *patron) { p.done(p.wish("/v1/customer/follow", nil)) }
