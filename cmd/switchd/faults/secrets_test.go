package faults

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httputil"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rs/zerolog"

	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/parts/partstest"
	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/api/client"
)

// recorder keeps every answer of the API, head and body.
type recorder struct {
	http.RoundTripper
	s *scene
}

func (r recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.RoundTripper.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	dump, err := httputil.DumpResponse(response, true)
	if path := request.URL.Path; forCustomers(path) {
		r.s.show(path, dump)
	} else {
		_, _ = r.s.answers.Write(dump)
	}
	return response, err
}

// forms are the ways in which a secret may be spelt, by name.
func forms(secret string) map[string][]byte {
	m := map[string][]byte{
		"ASCII": []byte(secret), "hex": []byte(hex.EncodeToString([]byte(secret))),
		"HEX": []byte(strings.ToUpper(hex.EncodeToString([]byte(secret)))), "bytes in decimal": []byte(strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]")),
	}
	for _, u := range utf16.Encode([]rune(secret)) {
		m["UTF-16LE"] = append(m["UTF-16LE"], byte(u), byte(u>>8))
		m["UTF-16BE"] = append(m["UTF-16BE"], byte(u>>8), byte(u))
	}
	for shift := range 3 {
		for name, e := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			text := e.EncodeToString(append(make([]byte, shift), secret...))
			from := []int{0, 2, 3}[shift] // before it bits of the neighbour
			to := (shift + len(secret)) * 4 / 3
			m[fmt.Sprint(name, shift)] = []byte(text[from:to])
		}
	}
	if !utf8.ValidString(secret) || len(secret) != utf8.RuneCountInString(secret) {
		maps.Copy(m, chinese(secret))
	}
	if packed, err := hex.DecodeString(secret + strings.Repeat("0", len(secret)%2)); err == nil && len(packed) >= 8 {
		m["packed"] = packed[:len(secret)/2]
	}
	return m
}

// found lists the secrets in text, by their place in the list and their form.
func found(text []byte, secrets []string) (all []string) {
	for i, s := range secrets {
		for form, pattern := range forms(s) {
			if bytes.Contains(text, pattern) {
				all = append(all, fmt.Sprintf("secret %d as %s", i, form))
			}
		}
	}
	return all
}

func TestSearchFindsEveryForm(t *testing.T) {
	secrets := []string{"6217511234567890128", "65010119900101123X", "0123456789abcdef0123456789abcdef"}
	for i, s := range secrets {
		for form, pattern := range forms(s) {
			text := append(append(bytes.Repeat([]byte("a line\n"), 10), pattern...), " after"...)
			want := fmt.Sprintf("secret %d as %s", i, form)
			if !strings.Contains(strings.Join(found(text, secrets), "\n"), want) {
				t.Errorf("%s is not found", want)
			}
		}
		for before := range 6 {
			text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + s + "yyyyyy"))
			if len(found([]byte(text), secrets)) == 0 {
				t.Errorf("secret %d is not found in base64 after %d bytes", i, before)
			}
		}
	}
	if all := found(bytes.Repeat([]byte("6217510000000000000 "), 100), secrets); len(all) > 0 {
		t.Errorf("found where there is none: %v", all)
	}
}

// scene is a house whose every word is kept.
type scene struct {
	*house
	logs, bankLogs, answers, feed partstest.Text
	secrets                       []string
	customerSecrets
	watching sync.WaitGroup
	unwatch  []func()
}

func newScene(t *testing.T) *scene {
	s := &scene{}
	p := plan{deadline: 400 * time.Millisecond} // before what is sent after 500 ms
	p.more, p.people, p.pause = "log: {level: debug}", 120, time.Millisecond
	p.tune = func(c *sim.Config) { c.Log = zerolog.New(&s.bankLogs) }
	s.house = newHouse(t, p)
	s.hooks.LogTo = &s.logs
	s.http.Transport = recorder{s.http.Transport, s}
	s.secrets = []string{s.token, "deadbeefdeadbeefdeadbeefdeadbeef", "6217519999999999999", "9558800000000000018"}
	for _, b := range s.banks {
		for _, person := range b.people[:24] {
			s.secrets = append(s.secrets, person.Cert.Reveal())
			for _, a := range person.Accounts {
				s.secrets = append(s.secrets, a.Number.Reveal())
			}
		}
		events, end := b.Watch()
		stop := make(chan struct{})
		s.unwatch = append(s.unwatch, func() { close(stop); end() })
		s.watching.Go(func() {
			for {
				select {
				case e := <-events:
					text, err := json.Marshal(e)
					_, _ = fmt.Fprintf(&s.feed, "%s %v %+v %v\n", text, e, e.Message, err)
				case <-stop:
					return
				}
			}
		})
	}
	return s
}

// TestNoSecretIsWritten plays what happens to a switch, and looks for secrets in
// all that came out of it.
func TestNoSecretIsWritten(t *testing.T) {
	s := newScene(t)
	s.start()
	s.online()
	s.everyType()
	s.everyFault()
	s.badInput()
	s.customersLive()
	s.operators()
	pages := bytes.Join([][]byte{s.page("/metrics"), s.page("/livez"), s.page("/readyz")}, nil)
	s.clean("database, running", s.files("switch.db"))
	s.restart()
	s.online()
	s.compare()
	s.stop()
	for _, f := range s.unwatch {
		f()
	}
	s.watching.Wait()
	books, err := json.Marshal(s.books().Banks)
	must(t, err)
	for where, text := range map[string][]byte{
		"logs": s.logs.Bytes(), "banks' logs": s.bankLogs.Bytes(), "answers": s.answers.Bytes(), "feed": s.feed.Bytes(), "answers to customers": s.shown.Bytes(),
		"pages": pages, "database": s.files("switch.db"),
		"banks' databases": append(s.files("bank-"+cupsBank+".db"), s.files("bank-"+plainBank+".db")...),
	} {
		s.clean(where, text)
		t.Logf("%s: %d bytes", where, len(text))
	}
	s.said(books)
	for _, bank := range []string{cupsBank, plainBank} {
		s.emptyOutbox(bank)
		s.clean("database of "+bank+" without its outbox", s.files("bank-"+bank+".db"))
		s.banks[bank].start()
	}
	s.planted()
	s.plantedInCustomers()
}

func (s *scene) clean(where string, text []byte) {
	s.t.Helper()
	if len(text) < 1000 {
		s.t.Errorf("%s: only %d bytes", where, len(text))
	}
	all := found(text, s.secrets)
	if where != "answers" { // of banks' own clients
		for _, f := range found(text, s.names) {
			all = append(all, "name: "+f)
		}
	}
	if where != "answers" && where != "banks' databases" {
		for _, f := range found(text, s.phones) {
			all = append(all, "phone: "+f)
		}
		all = append(all, foundCodes(text, s.codes)...)
	}
	for _, f := range all {
		s.t.Errorf("%s: %s", where, f)
	}
}

// said makes sure that the search looked at what it should.
func (s *scene) said(books []byte) {
	for where, want := range map[string][]byte{
		"late reply": s.logs.Bytes(), "reply to nothing": s.logs.Bytes(), "transaction": s.logs.Bytes(), "link down": s.logs.Bytes(),
		"api: refused": s.logs.Bytes(), `"pan":"`: s.feed.Bytes(), `"cert-number":"`: s.feed.Bytes(), "completion": s.feed.Bytes(),
		"deregistered": s.shown.Bytes(), "account_suffix": s.answers.Bytes(), "code-wrong": s.shown.Bytes(), "unknown-bin": s.answers.Bytes(), "Idempotency-Key": s.answers.Bytes(),
		cupsBank: s.files("switch.db"), plainBank: s.files("switch.db"), "registered": books,
	} {
		if !bytes.Contains(want, []byte(where)) {
			s.t.Errorf("nothing says %q: the search did not see it all", where)
		}
	}
}

// planted shows that the search finds what is in the database: a caller's
// customer number is kept in clear, and may not be an account.
func (s *scene) planted() {
	s.start()
	s.online()
	q := balance(plainBank, 1)
	q.customer = s.banks[plainBank].people[1].Accounts[0].Number.Reveal()
	s.answered(q)
	s.settle()
	if len(found(s.files("switch.db"), s.secrets)) == 0 {
		s.t.Error("what was planted in the database is not found")
	}
}

// files is a database with its log and its index.
func (s *scene) files(name string) (all []byte) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		b, err := os.ReadFile(s.path(name + suffix))
		if err != nil && !os.IsNotExist(err) {
			s.t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

func (s *scene) everyType() {
	for bank, b := range s.banks {
		for person := range 18 { // the seventeenth is frozen
			for account := range b.people[person].Accounts {
				for _, kind := range []client.Type{client.TypeBalance, client.TypeAuthenticate, client.TypeDeregister} {
					s.ask(question{kind: kind, bank: bank, person: person, account: account, key: fmt.Sprint(kind, bank, person, account)})
				}
			}
		}
	}
}

func (s *scene) everyFault() {
	kinds := []sim.Kind{
		sim.Decline, sim.Delay, sim.Silence, sim.SilenceAfter, sim.Late, sim.DropBefore, sim.DropAfter, sim.Garbage,
		sim.BadLength, sim.Twice, sim.WrongSTAN, sim.Unreadable,
	}
	for bank, b := range s.banks {
		var questions []question
		for person, kind := range kinds {
			for _, t := range []codec.Type{codec.Authenticate, codec.Deregister, codec.Balance} {
				f := sim.Fault{Kind: kind, Type: t, Account: b.people[person].Accounts[0].Number, Count: 1, Code: "ZZ", Delay: 500 * time.Millisecond}
				s.fault(bank, f)
				questions = append(questions, question{kind: client.Type(t), bank: bank, person: person, key: fmt.Sprint("fault", bank, person, t)})
			}
		}
		for _, t := range []codec.Type{codec.Reversal, codec.Completion} {
			s.fault(bank, sim.Fault{Kind: sim.Decline, Code: "ZZ", Type: t, Count: 1})
		}
		for range 4 { // what met an open breaker or a dropped link comes again
			s.each(questions)
			s.online()
		}
	}
	eventually(s.t, "a late reply", func() bool { return bytes.Contains(s.logs.Bytes(), []byte("late reply")) })
}

// badInput puts secrets where they do not belong.
func (s *scene) badInput() {
	pan, cert := s.banks[cupsBank].people[2].Accounts[0].Number.Reveal(), s.banks[cupsBank].people[2].Cert.Reveal()
	unknown, invalid := s.secrets[3], s.secrets[2]
	for _, body := range []string{
		`{"type":"balance","account":"` + unknown + `"}`,
		`{"type":"balance","account":"` + invalid + `"}`,
		`{"type":"balance","account":"` + pan + `1"}`,
		`{"type":"balance","account":"x` + pan + `"}`,
		`{"type":"balance","account":"` + pan + `","bank":"xjrcu"}`,
		`{"type":"balance","account":"` + pan + `","bank":"` + pan + `"}`,
		`{"type":"` + pan + `","account":"` + pan + `"}`,
		`{"type":"balance","account":"` + pan + `","` + pan + `":"` + cert + `"}`,
		`{"type":"balance","account":` + pan + `}`,
		`{"type":"balance","account":"` + pan + `"} ` + pan,
		`{"type":"authenticate","account":"` + pan + `","certificate":{"type":"01","number":"` + cert + cert + `"}}`,
		`{"type":"authenticate","account":"` + pan + `","certificate":{"type":"` + cert + `","number":"` + cert + `"}}`,
		`{"type":"authenticate","account":"` + pan + `","certificate":{"type":"88","number":"` + cert + `"}}`,
		`{"type":"authenticate","account":"` + pan + `","certificate":{"type":"01","number":"` + pan + `汉字"}}`,
		`{"type":"authenticate","account":"` + pan + `","certificate":"` + cert + `"}`,
		pan, `"` + pan + `"`, `{"` + pan + `"`, `{"account":"` + pan, `[` + pan + `]`,
	} {
		s.call("POST", "/v1/transactions", body, "Idempotency-Key", "bad-"+pan)
		s.call("POST", "/v1/routes/explain", strings.Replace(body, `"type":"balance",`, "", 1))
	}
	ok := `{"type":"balance","account":"` + pan + `"}`
	for _, h := range [][]string{
		{"Idempotency-Key", pan + " " + cert},
		{"Request-Timeout", pan},
		{"Request-Timeout", "x" + pan},
		{"Authorization", "Bearer " + s.secrets[1]},
		{"Authorization", "Basic " + pan},
		{"Content-Type", "text/" + pan},
		{"X-" + pan, cert},
		{"Idempotency-Key", strings.Repeat(pan, 20)},
	} {
		s.call("POST", "/v1/transactions", ok, h...)
	}
	for _, path := range []string{
		"/v1/transactions/" + pan, "/v1/transactions/x" + pan, "/" + pan, "/v1/advices?after=" + pan, "/v1/advices?bank=" + pan,
		"/v1/advices?state=" + pan, "/v1/advices?limit=" + pan, "/v1/banks?" + pan, "/v1/routes/explain?account=" + pan,
	} {
		s.call("GET", path, "")
		s.call("POST", path, ok)
	}
	s.call("POST", "/v1/advices/"+pan+"/retry", "")
	s.call("POST", "/v1/advices/"+pan+"/close", `{"reason":"x","outcome":"`+pan+`"}`)
}

// call asks the API as it stands; a header given replaces the usual one.
func (s *scene) call(method, path, body string, header ...string) {
	s.mu.Lock()
	at := s.at.API
	s.mu.Unlock()
	r, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+at+path, strings.NewReader(body))
	must(s.t, err)
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := s.http.Do(r)
	must(s.t, err)
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if response.StatusCode >= 500 && response.StatusCode != http.StatusServiceUnavailable {
		s.t.Errorf("%s: status %d", method, response.StatusCode)
	}
}

// operators look at everything, and end what waits for them.
func (s *scene) operators() {
	s.calm()
	for _, path := range []string{"/v1/advices?limit=200", "/v1/banks", "/openapi.yaml", "/problems"} {
		s.call("GET", path, "")
	}
	for _, told := range s.books().Told {
		if told.ID != 0 {
			s.call("GET", fmt.Sprint("/v1/transactions/", told.ID), "")
		}
	}
	s.call("POST", "/v1/routes/reload", "")
	parked := 0
	eventually(s.t, "nothing is parked", func() bool {
		list, err := s.client().ListAdvicesWithResponse(s.t.Context(), &client.ListAdvicesParams{State: client.AdviceStateParked})
		must(s.t, err)
		for _, a := range list.JSON200.Advices {
			parked++
			s.call("POST", "/v1/advices/"+a.Id+"/retry", "")
			outcome := ""
			if a.Type == client.AdviceTypeCompletion {
				outcome = `,"outcome":"` + string(switching.Approved) + `"`
			}
			s.call("POST", "/v1/advices/"+a.Id+"/close", `{"reason":"by hand"`+outcome+`}`)
		}
		open, left, err := s.doubts()
		must(s.t, err)
		return open+left == 0
	})
	s.t.Logf("%d advices were parked", parked)
}
