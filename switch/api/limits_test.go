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

	"github.com/rs/zerolog"

	switching "wxswitch/switch"
	"wxswitch/switch/api"
)

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
	if after := answer.header.Get("Retry-After"); after != "1" { // seconds
		t.Errorf("Retry-After %q", after)
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

// stuck is a connection whose caller takes nothing until it is let go.
type stuck struct {
	*httptest.ResponseRecorder
	entered, release chan struct{}
}

func (s stuck) Write(b []byte) (int, error) {
	close(s.entered)
	<-s.release
	return len(b), nil
}

// A stranger who sends half a body, or takes no answer, holds up net/http where
// it writes. It keeps no caller out.
func TestStrangersTakeNoPlace(t *testing.T) {
	d := open(t, nil)
	o := d.options()
	o.Registerer, o.Limits.Concurrent = nil, 1
	door := api.New(o).Handler()
	stranger, done := stuck{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}, make(chan struct{})
	go func() {
		defer close(done)
		door.ServeHTTP(stranger, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/openapi.yaml", http.NoBody))
	}()
	<-stranger.entered
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/banks", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+opsToken)
	if door.ServeHTTP(w, r); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	close(stranger.release)
	<-done
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

// Nor does one of an operator's.
func TestHangUpCancelsNoOperator(t *testing.T) {
	entered, done := make(chan struct{}), make(chan error, 1)
	d := open(t, func(o *api.Options) {
		o.Reload = func(ctx context.Context) error {
			close(entered)
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
			done <- ctx.Err()
			return nil
		}
	})
	c := d.raw(head("POST /v1/routes/reload", opsToken, 0))
	<-entered
	_ = c.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
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

// breaks is a connection on which the second half of an answer panics.
type breaks struct{ *httptest.ResponseRecorder }

func (breaks) Write([]byte) (int, error) { panic("account " + card) }

// hungUp is a connection whose caller has gone.
type hungUp struct{ *httptest.ResponseRecorder }

func (hungUp) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// A caller that does not wait for its answer is no error of the switch.
func TestCallerThatHasGone(t *testing.T) {
	d := open(t, nil)
	o := d.options()
	o.Registerer = nil
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/banks", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+opsToken)
	api.New(o).Handler().ServeHTTP(hungUp{httptest.NewRecorder()}, r)
	if log := d.log.String(); strings.Contains(log, "warn") || strings.Contains(log, "internal") {
		t.Error(log)
	}
}

// Half an answer must not look like a whole one.
func TestPanicInTheMiddleOfAnAnswer(t *testing.T) {
	door := api.New(api.Options{Log: zerolog.Nop()})
	defer func() {
		if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
			t.Errorf("%v", v)
		}
	}()
	door.Handler().ServeHTTP(breaks{httptest.NewRecorder()}, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/problems", http.NoBody))
}

// A body that says that it is too long is refused before it comes.
func TestLongBodyIsRefusedByItsHeader(t *testing.T) {
	d := open(t, nil)
	c := d.raw(head("POST /v1/transactions", bankToken, 1<<50))
	readAnswer(t, bufio.NewReader(c)).problem(t, "body-too-large")
}

// What guards the servers of a program guards the API's.
func TestServerIsGuarded(t *testing.T) {
	states := make(chan http.ConnState, 16)
	d := open(t, func(o *api.Options) {
		o.Guard = func(s *http.Server) { s.ConnState = func(_ net.Conn, s http.ConnState) { states <- s } }
	})
	c := d.raw("GET /problems HTTP/1.1\r\nHost: x\r\n\r\n")
	readAnswer(t, bufio.NewReader(c))
	for _, want := range []http.ConnState{http.StateNew, http.StateActive, http.StateIdle} {
		if got := <-states; got != want {
			t.Errorf("%s, want %s", got, want)
		}
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
