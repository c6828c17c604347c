package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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
		"without id":     {clientOf("", "1", bank...)},
		"kept for":       {clientOf("anonymous", "1", bank...)},
		"stands twice":   {clientOf("a", "1", bank...), clientOf("a", "2", bank...)},
		"no token":       {{ID: "a", Scopes: bank}},
		"token is empty": {clientOf("a", "", bank...)},
		"same token":     {clientOf("a", "1", bank...), clientOf("b", "1", bank...)},
		"no scope":       {clientOf("a", "1")},
		"unknown scope":  {clientOf("a", "1", "root")},
	} {
		if err := api.CheckClients(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
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

func TestPages(t *testing.T) {
	d := open(t, nil)
	if answer := d.call("GET", "/openapi.yaml", "", ""); answer.status != 200 || !strings.HasPrefix(answer.body, "openapi: 3.0.3") {
		t.Errorf("%d %.40s", answer.status, answer.body)
	}
	answer := d.call("GET", "/problems", "", "")
	for _, code := range []string{"unknown-bin", "outcome-unknown", "no-reply"} {
		if !strings.Contains(answer.body, `<tr id="`+code+`">`) {
			t.Errorf("no %s", code)
		}
	}
}

func TestBusy(t *testing.T) {
	release := make(chan struct{})
	d := open(t, func(o *api.Options) { o.Limits.Concurrent = 2 })
	d.sw.do = func(_ context.Context, r switching.Request) (switching.Result, error) {
		<-release
		return approved(r), nil
	}
	answers := make(chan reply, 2)
	for range 2 {
		go func() { answers <- d.call("POST", "/v1/transactions", bankToken, balanceBody) }()
	}
	d.until(func() bool { return d.sw.count() == 2 })
	answer := d.call("POST", "/v1/transactions", bankToken, balanceBody)
	answer.problem(t, "busy")
	if answer.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	close(release)
	for range 2 {
		(<-answers).ok(t, &api.Answer{})
	}
	d.call("POST", "/v1/transactions", bankToken, balanceBody).ok(t, &api.Answer{})
	for _, want := range []string{"operation=transact status=200 3\n", "operation=transact status=503 1\n", "wxswitch_api_in_flight 0\n"} {
		if got := d.metric(); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// until waits for a condition that another goroutine brings about.
func (d *door) until(condition func() bool) {
	d.t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			d.t.Fatal("waited in vain")
		}
	}
}

// quick are limits that a test can outwait.
func quick(o *api.Options) {
	o.Limits = api.Limits{ReadHeader: 100 * time.Millisecond, Read: 200 * time.Millisecond, Idle: 10 * time.Second, Write: 200 * time.Millisecond, Drain: 200 * time.Millisecond}
}

// raw opens a connection and writes.
func (d *door) raw(text string) net.Conn {
	d.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		d.t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	return c
}

func TestSlowHeader(t *testing.T) {
	d := open(t, quick)
	c := d.raw("POST /v1/transactions HTTP/1.1\r\nHost: x\r\n")
	if answer, err := io.ReadAll(c); err != nil || len(answer) > 0 && !strings.Contains(string(answer), " 4") {
		t.Errorf("%q %v", answer, err)
	}
}

func TestSlowBody(t *testing.T) {
	d := open(t, quick)
	c := d.raw(head("POST /v1/transactions", bankToken, len(balanceBody)) + balanceBody[:10])
	readAnswer(t, bufio.NewReader(c)).problem(t, "body-timeout")
}

func TestBodyThatEndsEarly(t *testing.T) {
	d := open(t, quick)
	c := d.raw(head("POST /v1/transactions", bankToken, len(balanceBody)) + balanceBody[:10])
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	readAnswer(t, bufio.NewReader(c)).problem(t, "body-invalid")
}

func TestLargeHeader(t *testing.T) {
	d := open(t, nil)
	answer := d.call("GET", "/v1/banks", opsToken, "", "X-Long", strings.Repeat("x", 32<<10))
	if answer.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%d", answer.status)
	}
}

// A bank may take longer than a caller is given to send its request, and then
// longer again on the same connection.
func TestLongWaitsOnOneConnection(t *testing.T) {
	d := open(t, quick)
	var cancelled error
	d.sw.do = func(ctx context.Context, r switching.Request) (switching.Result, error) {
		<-time.After(500 * time.Millisecond)
		cancelled = ctx.Err()
		return approved(r), nil
	}
	c := d.raw("")
	reader := bufio.NewReader(c)
	for range 2 {
		if _, err := io.WriteString(c, head("POST /v1/transactions", bankToken, len(balanceBody))+balanceBody); err != nil {
			t.Fatal(err)
		}
		readAnswer(t, reader).ok(t, &api.Answer{})
		if cancelled != nil {
			t.Error(cancelled)
		}
	}
}

// A caller that does not take its answer is cut off.
func TestCallerThatNeverReads(t *testing.T) {
	d := open(t, quick)
	c := d.raw("")
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	_ = c.SetWriteDeadline(time.Now().Add(20 * time.Second))
	request := "GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n"
	for {
		if _, err := io.WriteString(c, strings.Repeat(request, 100)); err != nil {
			if e, ok := err.(net.Error); ok && e.Timeout() { //nolint:errorlint // as it comes
				t.Fatal("never cut off")
			}
			return
		}
	}
}

func TestHangUpCancelsNothing(t *testing.T) {
	d := open(t, nil)
	done := make(chan error, 1)
	proceed := make(chan struct{})
	d.sw.do = func(ctx context.Context, r switching.Request) (switching.Result, error) {
		<-proceed
		done <- ctx.Err()
		return approved(r), nil
	}
	c := d.raw(head("POST /v1/transactions", bankToken, len(balanceBody)) + balanceBody)
	d.until(func() bool { return d.sw.count() == 1 })
	_ = c.Close()
	close(proceed)
	<-done // the switch itself ignores its caller's context
	d.until(func() bool { return !strings.Contains(d.metric(), "wxswitch_api_in_flight 1") })
}

func TestDrain(t *testing.T) {
	d := open(t, nil)
	proceed := make(chan struct{})
	d.sw.do = func(_ context.Context, r switching.Request) (switching.Result, error) {
		<-proceed
		return approved(r), nil
	}
	answer := make(chan reply, 1)
	go func() { answer <- d.call("POST", "/v1/transactions", bankToken, balanceBody) }()
	d.until(func() bool { return d.sw.count() == 1 })
	stopped := make(chan error, 1)
	go func() { stopped <- d.stop() }()
	d.until(func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	close(proceed)
	(<-answer).ok(t, &api.Answer{})
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestDrainHasALimit(t *testing.T) {
	d := open(t, quick)
	proceed := make(chan struct{})
	d.sw.do = func(_ context.Context, r switching.Request) (switching.Result, error) {
		<-proceed
		return approved(r), nil
	}
	c := d.raw(head("POST /v1/transactions", bankToken, len(balanceBody)) + balanceBody)
	d.until(func() bool { return d.sw.count() == 1 })
	if err := d.stop(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(c); err == nil && !strings.Contains(d.log.String(), "drain limit") {
		t.Error("no word of the limit")
	}
	close(proceed)
}

func TestPanicEndsOneRequest(t *testing.T) {
	d := open(t, nil)
	d.sw.do = func(context.Context, switching.Request) (switching.Result, error) { panic("account " + card) }
	d.call("POST", "/v1/transactions", bankToken, balanceBody).problem(t, "internal")
	d.call("GET", "/problems", "", "")
	if !strings.Contains(d.log.String(), "api: panic") {
		t.Error("not logged")
	}
}

func TestServeTellsOfALostListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	if err := api.New(api.Options{}).Serve(t.Context(), listener); err == nil {
		t.Error("no error")
	}
}

func head(line, token string, length int) string {
	return fmt.Sprintf("%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", line, token, length)
}

func readAnswer(t *testing.T, from *bufio.Reader) reply {
	t.Helper()
	answer, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read whole
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Header, string(body)}
}
