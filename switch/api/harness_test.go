package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"wxswitch/banks"
	"wxswitch/codec"
	"wxswitch/routing"
	switching "wxswitch/switch"
	"wxswitch/switch/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The secrets that must be seen nowhere.
const (
	card       = "6210085512347890"
	certNumber = "650102198507073321"
	bankToken  = "t-bank-3d1f0c7e"
	otherToken = "t-other-77aa01bc"
	opsToken   = "t-ops-90b1aa42"
)

var now = time.Date(2026, 3, 7, 14, 15, 2, 0, codec.Shanghai)

// fakeSwitch answers as do says and remembers what was asked.
type fakeSwitch struct {
	do      func(context.Context, switching.Request) (switching.Result, error)
	entries map[int64]switching.Entry
	getErr  error

	mu    sync.Mutex // guards asked
	asked []switching.Request
}

func (f *fakeSwitch) Do(ctx context.Context, r switching.Request) (switching.Result, error) {
	f.mu.Lock()
	f.asked = append(f.asked, r)
	f.mu.Unlock()
	return f.do(ctx, r)
}

func (f *fakeSwitch) Get(_ context.Context, client string, id int64) (switching.Entry, bool, error) {
	e, ok := f.entries[id]
	if !ok || e.Client != client {
		return switching.Entry{}, false, f.getErr
	}
	return e, true, f.getErr
}

func (f *fakeSwitch) last(t *testing.T) switching.Request {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.asked) == 0 {
		t.Fatal("the switch was asked nothing")
	}
	return f.asked[len(f.asked)-1]
}

func (f *fakeSwitch) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

// fakeAdvices is a journal of advices in memory.
type fakeAdvices struct {
	rows []switching.Advice // in order of ID
	err  error
}

func (f *fakeAdvices) Advices(_ context.Context, bank string, state switching.AdviceState, after int64, limit int) (page []switching.Advice, _ error) {
	for _, a := range f.rows {
		if a.ID > after && (bank == "" || a.Entry.Bank == bank) && (state == "" || a.State == state) && len(page) < limit {
			page = append(page, a)
		}
	}
	return page, f.err
}

func (f *fakeAdvices) find(id int64) (*switching.Advice, error) {
	for i := range f.rows {
		if f.rows[i].ID == id {
			return &f.rows[i], f.err
		}
	}
	return nil, errors.Join(f.err, switching.ErrNoAdvice)
}

func (f *fakeAdvices) RetryAdvice(_ context.Context, id int64) (switching.Advice, error) {
	a, err := f.find(id)
	if err != nil {
		return switching.Advice{}, err
	}
	if a.State != switching.AdvicePending && a.State != switching.AdviceParked {
		return *a, switching.ErrAdviceEnded
	}
	a.State = switching.AdvicePending
	return *a, nil
}

func (f *fakeAdvices) CloseAdvice(_ context.Context, id int64, reason string, outcome switching.Outcome) (switching.Advice, error) {
	a, err := f.find(id)
	switch {
	case err != nil:
		return switching.Advice{}, err
	case a.State != switching.AdvicePending && a.State != switching.AdviceParked:
		return *a, switching.ErrAdviceEnded
	case (a.Type == codec.Completion) != (outcome != ""):
		return *a, switching.ErrAdviceNeedEnd
	case a.Entry.Standing == switching.Approved && outcome == switching.Declined:
		return *a, fmt.Errorf("%w, and the bank has approved this one", switching.ErrAdviceNeedEnd)
	}
	a.State, a.Note = switching.AdviceClosed, reason
	if outcome != "" {
		a.Entry.Standing = outcome
	}
	return *a, nil
}

// door is an API that serves on the loopback interface.
type door struct {
	t        *testing.T
	url      string
	http     *http.Client
	sw       *fakeSwitch
	advices  *fakeAdvices
	log      *syncBuffer
	registry *prometheus.Registry
	stop     func() error // ends Serve and returns its error; may be called twice
}

const routesFile = `cards:
  - {bank: xjrcu, prefix: "621008", lengths: [16], luhn: false}
  - {bank: klb, prefix: "621029", lengths: [19], luhn: false}
`

// open starts a door; change may alter its options.
func open(t *testing.T, change func(*api.Options)) *door {
	t.Helper()
	d := &door{
		t: t, log: &syncBuffer{}, registry: prometheus.NewRegistry(), advices: &fakeAdvices{},
		sw: &fakeSwitch{do: func(_ context.Context, r switching.Request) (switching.Result, error) { return approved(r), nil }},
	}
	o := d.options()
	if change != nil {
		change(&o)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.url = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- api.New(o).Serve(ctx, listener) }()
	d.stop = sync.OnceValue(func() error { cancel(); return <-served })
	transport := &http.Transport{}
	d.http = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := d.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
		d.checkSecrets(d.log.String())
	})
	return d
}

func (d *door) options() api.Options {
	router := routing.NewRouter(loadRoutes(d.t, routesFile))
	return api.Options{
		Switch:  d.sw,
		Router:  router,
		Advices: d.advices,
		Banks:   func() []banks.Status { return nil },
		Reload:  func(context.Context) error { return nil },
		Clients: []api.Client{
			clientOf("teller", bankToken, api.ScopeBank),
			clientOf("other", otherToken, api.ScopeBank),
			clientOf("ops", opsToken, api.ScopeOperate),
		},
		Log:        zerolog.New(d.log),
		Registerer: d.registry,
	}
}

func loadRoutes(t *testing.T, text string) *routing.Table {
	t.Helper()
	path := filepath.Join(t.TempDir(), "routes.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := routing.Load(path, []routing.Bank{"xjrcu", "klb"})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func clientOf(id, token string, scopes ...api.Scope) api.Client {
	return api.Client{ID: id, TokenSHA256: sha256.Sum256([]byte(token)), Scopes: scopes}
}

// entry is the journal's row of a request.
func entry(r switching.Request) switching.Entry {
	return switching.Entry{
		ID: 12000123, Client: r.Client, Type: r.Type, Bank: "xjrcu", Account: r.Account, Card: true,
		STAN: "000123", Sent: "0307141502", RRN: "000012000123", Opened: now, Deadline: now.Add(30 * time.Second),
	}
}

func ended(r switching.Request, end switching.End) switching.Result {
	e := entry(r)
	e.End, e.Standing, e.Ended = end, end.Outcome, now.Add(time.Second)
	return switching.Result{Entry: e, Journalled: true}
}

func approved(r switching.Request) switching.Result {
	end := switching.End{Outcome: switching.Approved, Code: "00"}
	if r.Type == codec.Balance {
		end.Reply.Set(codec.FieldBalance, "123456")
		end.Reply.Set(codec.FieldAvailable, "-50")
		end.Reply.Set(codec.FieldCurrency, "156")
		end.Reply.Set(codec.FieldHolder, "古丽")
		end.Reply.Set(codec.FieldPAN, r.Account.Reveal())
	}
	return ended(r, end)
}

// reply is an answer as it came.
type reply struct {
	status int
	header http.Header
	body   string
}

// call sends a request; headers come in pairs.
func (d *door) call(method, path, token, body string, headers ...string) reply {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return d.send(r)
}

func (d *door) send(r *http.Request) reply {
	d.t.Helper()
	answer, err := d.http.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read whole
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	d.checkSecrets(string(body))
	return reply{answer.StatusCode, answer.Header, string(body)}
}

func (d *door) checkSecrets(text string) {
	d.t.Helper()
	for _, secret := range []string{card, certNumber, bankToken, otherToken, opsToken} {
		if strings.Contains(text, secret) {
			d.t.Errorf("a secret is shown in: %.300s", text)
		}
	}
}

// problem checks that the reply is a problem of that code, as the table has it.
func (r reply) problem(t *testing.T, code string) api.Problem {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		t.Fatalf("%v: %d %s", err, r.status, r.body)
	}
	if p.Code != code || p.Status != r.status || p.Title == "" || p.Detail == "" || p.Type != "/problems#"+code {
		t.Fatalf("want problem %s, got %d %s", code, r.status, r.body)
	}
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
	return p
}

// ok reads a reply of status 200.
func (r reply) ok(t *testing.T, v any) {
	t.Helper()
	if r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if err := json.Unmarshal([]byte(r.body), v); err != nil {
		t.Fatal(err)
	}
}

// syncBuffer is a log that several goroutines write.
type syncBuffer struct {
	mu sync.Mutex // guards b
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

const (
	balanceBody      = `{"type":"balance","account":"` + card + `"}`
	deregisterBody   = `{"type":"deregister","account":"` + card + `","customer":"c-1"}`
	authenticateBody = `{"type":"authenticate","account":"` + card + `","certificate":{"type":"01","number":"` + certNumber + `"}}`
)

func mustAddr(t *testing.T, s string) netip.AddrPort {
	t.Helper()
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// metric is the metrics page.
func (d *door) metric() string {
	families, err := d.registry.Gather()
	if err != nil {
		d.t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range families {
		for _, m := range f.GetMetric() {
			b.WriteString(f.GetName())
			for _, l := range m.GetLabel() {
				b.WriteString(" " + l.GetName() + "=" + l.GetValue())
			}
			fmt.Fprintf(&b, " %g\n", m.GetCounter().GetValue()+m.GetGauge().GetValue())
		}
	}
	return b.String()
}
