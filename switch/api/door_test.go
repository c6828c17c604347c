package api_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	switching "wxswitch/switch"
	"wxswitch/switch/api"
)

// calls is one call of each operation that succeeds, and the scopes it needs.
var calls = []struct {
	method, path, body string
	bank, ops          bool
}{
	{"POST", "/v1/transactions", balanceBody, true, false},
	{"GET", "/v1/transactions/12000123", "", true, false},
	{"POST", "/v1/routes/explain", `{"account":"` + card + `"}`, true, true},
	{"POST", "/v1/routes/reload", "", false, true},
	{"GET", "/v1/banks", "", false, true},
	{"GET", "/v1/advices", "", false, true},
	{"POST", "/v1/advices/41/retry", "", false, true},
	{"POST", "/v1/advices/41/close", `{"reason":"by phone","outcome":"approved"}`, false, true},
}

func openFull(t *testing.T, change func(*api.Options)) *door {
	d := open(t, change)
	d.advices.rows = sampleAdvices()
	e := ended(switching.Request{Client: "teller", Type: "balance"}, switching.End{Outcome: switching.Approved}).Entry
	d.sw.entries = map[int64]switching.Entry{e.ID: e}
	return d
}

func TestClientsAndScopes(t *testing.T) {
	d := openFull(t, nil)
	for _, c := range calls {
		d.call(c.method, c.path, "", c.body).problem(t, "token-missing")
		d.call(c.method, c.path, "wrong", c.body).problem(t, "token-invalid")
		for token, allowed := range map[string]bool{bankToken: c.bank, opsToken: c.ops} {
			answer := d.call(c.method, c.path, token, c.body)
			switch {
			case !allowed:
				answer.problem(t, "scope-missing")
			case answer.status != http.StatusOK:
				t.Errorf("%s %s: %d %s", c.method, c.path, answer.status, answer.body)
			}
		}
	}
}

func TestAuthorizationHeader(t *testing.T) {
	d := open(t, nil)
	for _, header := range []string{"Basic " + bankToken, "Bearer", "Bearer ", bankToken, "Bearer  " + bankToken, "Bearer " + bankToken + " x", "Bearer " + strings.ToUpper(bankToken)} {
		answer := d.call("POST", "/v1/transactions", "", balanceBody, "Authorization", header)
		answer.problem(t, "token-invalid")
		if answer.header.Get("WWW-Authenticate") != "Bearer" {
			t.Error("no WWW-Authenticate")
		}
	}
	d.call("POST", "/v1/transactions", "", balanceBody, "Authorization", "bearer "+bankToken).ok(t, &api.Answer{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+"/v1/banks", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["Authorization"] = []string{"Bearer " + opsToken, "Bearer " + bankToken}
	d.send(r).problem(t, "token-invalid")
}

func TestAnonymousOnLoopbackOnly(t *testing.T) {
	d := openFull(t, func(o *api.Options) { o.Anonymous = []api.Scope{api.ScopeBank} })
	d.call("POST", "/v1/transactions", "", balanceBody).ok(t, &api.Answer{})
	if got := d.sw.last(t).Client; got != api.AnonymousID {
		t.Errorf("client %q", got)
	}
	d.call("GET", "/v1/banks", "", "").problem(t, "scope-missing")
	d.call("POST", "/v1/transactions", "wrong", balanceBody).problem(t, "token-invalid")
	d.call("GET", "/v1/transactions/12000123", "", "").problem(t, "transaction-unknown") // the teller's
	d.call("POST", "/v1/transactions", "", balanceBody, "X-Forwarded-For", "10.0.0.1").problem(t, "token-missing")
	d.call("POST", "/v1/transactions", "", balanceBody, "Origin", "http://page.example").problem(t, "token-missing")
	// What a page shows as a picture, or loads, comes without Origin.
	d.call("GET", "/v1/transactions/12000123", "", "", "Sec-Fetch-Site", "cross-site").problem(t, "token-missing")
	d.call("GET", "/v1/transactions/12000123", "", "", "Sec-Fetch-Site", "none").problem(t, "transaction-unknown") // typed in
	d.call("POST", "/v1/transactions", "", balanceBody, "Forwarded", "for=10.0.0.1").problem(t, "token-missing")
	d.call("POST", "/v1/transactions", "", balanceBody, "Via", "1.1 proxy").problem(t, "token-missing")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url+"/v1/transactions", strings.NewReader(balanceBody))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "rebound.example:80"
	d.send(r).problem(t, "token-missing")
}

func TestAnonymousNeedsBothEnds(t *testing.T) {
	handler := api.New(api.Options{Anonymous: []api.Scope{api.ScopeOperate}}).Handler()
	cases := []struct {
		local, peer, host string
		ok                bool
	}{
		{"127.0.0.1:80", "127.0.0.1:5", "127.0.0.1", true},
		{"[::1]:80", "[::1]:5", "localhost:80", true},
		{"[::ffff:127.0.0.1]:80", "127.9.9.9:5", "[::1]:80", true},
		{"10.0.0.1:80", "127.0.0.1:5", "127.0.0.1", false},
		{"127.0.0.1:80", "10.0.0.2:5", "127.0.0.1", false},
		{"127.0.0.1:80", "127.0.0.1:5", "localhost.example", false},
		{"127.0.0.1:80", "127.0.0.1:5", "10.0.0.1", false},
		{"127.0.0.1:80", "", "127.0.0.1", false},
	}
	for _, c := range cases {
		local := net.TCPAddrFromAddrPort(mustAddr(t, c.local))
		ctx := context.WithValue(t.Context(), http.LocalAddrContextKey, net.Addr(local))
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/advices/x/retry", http.NoBody)
		r.RemoteAddr, r.Host = c.peer, c.host
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if ok := w.Code == http.StatusNotFound; ok != c.ok {
			t.Errorf("%+v: %d", c, w.Code)
		}
	}
}

func TestCheckClients(t *testing.T) {
	bank := []api.Scope{api.ScopeBank}
	good := []api.Client{clientOf("a", "1", bank...), clientOf("b", "2", api.ScopeBank, api.ScopeOperate)}
	if err := api.CheckClients(good); err != nil {
		t.Error(err)
	}
	for want, bad := range map[string][]api.Client{
		"without id":              {clientOf("", "1", bank...)},
		"kept for":                {clientOf("anonymous", "1", bank...)},
		"stands twice":            {clientOf("a", "1", bank...), clientOf("a", "2", bank...)},
		"no token":                {{ID: "a", Scopes: bank}},
		"token is empty":          {clientOf("a", "", bank...)},
		"same token":              {clientOf("a", "1", bank...), clientOf("b", "1", bank...)},
		`one of client "a"`:       {clientOf("a", "1", bank...), changing("b", "2", "1")},
		`one of client "b"`:       {changing("b", "2", "2")},
		"previous token is empty": {changing("b", "2", "")},
		"no scope":                {clientOf("a", "1")},
		"unknown scope":           {clientOf("a", "1", "root")},
	} {
		if err := api.CheckClients(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

// changing is a client whose token is being changed.
func changing(id, token, previous string) api.Client {
	c := clientOf(id, token, api.ScopeBank)
	c.PreviousSHA256 = sha256.Sum256([]byte(previous))
	return c
}

func TestTokenThatIsChanged(t *testing.T) {
	d := open(t, func(o *api.Options) {
		o.Clients = []api.Client{changing("a", "new-token", "old-token"), clientOf("b", "b-token", api.ScopeBank)}
	})
	for token, client := range map[string]string{"new-token": "a", "old-token": "a", "b-token": "b"} {
		d.call("POST", "/v1/transactions", token, balanceBody).ok(t, &api.Answer{})
		if got := d.sw.last(t).Client; got != client {
			t.Errorf("%s: client %q", token, got)
		}
	}
	d.call("POST", "/v1/transactions", "older-token", balanceBody).problem(t, "token-invalid")
}

func TestWrongPathsAndMethods(t *testing.T) {
	d := open(t, nil)
	for _, path := range []string{"/", "/v1", "/v1/transactions/", "/v2/transactions", "/metrics", "/v1/transactions/1/2"} {
		d.call("GET", path, bankToken, "").problem(t, "not-found")
	}
	answer := d.call("DELETE", "/v1/transactions", bankToken, "")
	answer.problem(t, "method-not-allowed")
	if answer.header.Get("Allow") != "POST" {
		t.Errorf("Allow %q", answer.header.Get("Allow"))
	}
	d.call("POST", "/v1/banks", opsToken, "").problem(t, "method-not-allowed")
}

// No path leads past the door, to a page that is no problem and stands in no metric.
func TestPathsThatAreNotClean(t *testing.T) {
	d := open(t, nil)
	d.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	paths := []string{"//v1/banks", "/v1//banks", "/v1/./banks", "/v1/x/../banks", "/v1/banks//", "/v1/banks/.", "", "//"}
	for _, path := range paths {
		d.call("GET", path, opsToken, "").problem(t, "not-found")
	}
	if got, want := d.metric(), fmt.Sprintf("operation=none status=404 %d\n", len(paths)); !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
	d.call("GET", "/v1/%62anks", opsToken, "").ok(t, &api.BankList{})
	c := d.raw("GET * HTTP/1.1\r\nHost: x\r\n\r\n")
	readAnswer(t, bufio.NewReader(c)).problem(t, "not-found")
}

func TestPages(t *testing.T) {
	d := open(t, nil)
	if answer := d.call("GET", "/openapi.yaml", "", ""); answer.status != 200 || !strings.HasPrefix(answer.body, "openapi: 3.0.3") {
		t.Errorf("%d %.40s", answer.status, answer.body)
	}
	answer := d.call("GET", "/problems", "", "")
	if got := answer.header.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("X-Content-Type-Options %q", got)
	}
	for _, code := range []string{"unknown-bin", "outcome-unknown", "no-reply"} {
		if !strings.Contains(answer.body, `<tr id="`+code+`">`) {
			t.Errorf("no %s", code)
		}
	}
}
