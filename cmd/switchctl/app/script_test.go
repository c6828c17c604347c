package app_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"wxswitch/banks"
	"wxswitch/cmd/switchctl/app"
	"wxswitch/codec"
	"wxswitch/routing"
	switching "wxswitch/switch"
	"wxswitch/switch/api"
	"wxswitch/switch/customer"
)

const token = "t-script-5b1e"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"switchctl": func() {
			os.Exit(app.Main(context.Background(), os.Args[1:], app.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
		},
	})
}

// Each script runs against an API of its own, over real HTTP.
func TestScripts(t *testing.T) {
	repository, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob(filepath.Join(repository, "testdata/script/switchctl_*.txtar"))
	if err != nil || len(scripts) < 7 {
		t.Fatal(scripts, err)
	}
	testscript.Run(t, testscript.Params{
		Files: scripts, RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			server := httptest.NewServer(door(t, twoParked()).Handler())
			env.Defer(server.Close)
			file := filepath.Join(env.WorkDir, "scripts.token")
			env.Vars = append(env.Vars, "REPO="+repository, "WXSWITCH_URL="+server.URL, "WXSWITCH_TOKEN="+token, "TOKEN_FILE="+file)
			return os.WriteFile(file, []byte(token+"\n"), 0o600)
		},
	})
}

var now = time.Date(2026, 3, 7, 14, 15, 2, 0, codec.Shanghai)

func twoParked() *advices {
	e := switching.Entry{ID: 12000123, Bank: "xjrcu", Account: codec.NewAccount("6210081234567892"), RRN: "000012000123"}
	return &advices{rows: []switching.Advice{
		{ID: 41, Entry: e, Type: codec.Completion, State: switching.AdviceParked, Attempts: 3, LastCode: "96", Created: now},
		{ID: 42, Entry: e, Type: codec.Reversal, State: switching.AdviceParked, Created: now},
	}}
}

// door is an API with two banks.
func door(t *testing.T, stored *advices) *api.API {
	links := []banks.LinkStatus{
		{Name: "xjrcu-1 127.0.0.1:9001", State: banks.LinkOnline, Since: now},
		{Name: "xjrcu-2 127.0.0.1:9002", State: banks.LinkDown, Since: now, LastError: "dial: connection refused"},
	}
	return api.New(api.Options{
		Router: routing.NewRouter(table(t)),
		Reload: func(context.Context) error { return nil },
		Banks: func() []banks.Status {
			return []banks.Status{
				{Bank: "xjrcu", Breaker: "closed", InFlight: 3, Limit: 256, Links: links},
				{Bank: "klb", Breaker: "open", Limit: 8},
			}
		},
		Advices:   stored,
		Customers: &customers{shown: someCustomer()},
		Notices:   &notices{rows: someNotices(3)},
		Clients:   []api.Client{{ID: "ops", TokenSHA256: sha256.Sum256([]byte(token)), Scopes: []api.Scope{api.ScopeOperate}}},
	})
}

func table(t *testing.T) *routing.Table {
	text := "cards:\n  - {bank: xjrcu, prefix: \"621008\", lengths: [16]}\n  - {bank: klb, prefix: \"621029\", lengths: [19]}\n"
	table, err := routing.Parse("routes.yaml", []byte(text), []routing.Bank{"xjrcu", "klb"})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// advices is a journal of advices in memory.
type advices struct {
	mu   sync.Mutex // guards rows
	rows []switching.Advice
}

func (f *advices) Advices(_ context.Context, bank string, state switching.AdviceState, after int64, limit int) (page []switching.Advice, _ error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.rows {
		if a.ID > after && (bank == "" || a.Entry.Bank == bank) && (state == "" || a.State == state) && len(page) < limit {
			page = append(page, a)
		}
	}
	return page, nil
}

func (f *advices) change(id int64, change func(*switching.Advice) error) (switching.Advice, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.rows {
		if a := &f.rows[i]; a.ID == id {
			if a.State == switching.AdviceClosed {
				return *a, switching.ErrAdviceEnded
			}
			err := change(a)
			return *a, err
		}
	}
	return switching.Advice{}, switching.ErrNoAdvice
}

func (f *advices) RetryAdvice(_ context.Context, id int64) (switching.Advice, error) {
	return f.change(id, func(a *switching.Advice) error {
		a.State = switching.AdvicePending
		return nil
	})
}

func (f *advices) CloseAdvice(_ context.Context, id int64, reason string, outcome switching.Outcome) (switching.Advice, error) {
	return f.change(id, func(a *switching.Advice) error {
		if (a.Type == codec.Completion) != (outcome != "") {
			return switching.ErrAdviceNeedEnd
		}
		a.State, a.Note, a.Entry.Standing = switching.AdviceClosed, reason, outcome
		return nil
	})
}

const customerID = "3q2-7wTB0mNf5yR1cVhKpA"

func someCustomer() customer.Shown {
	authenticated := customer.ShownEvent{
		At: now, Event: "authenticate-approved", From: customer.Authenticating, To: customer.Authenticated, Entry: 12000127, Who: "bank xjrcu",
	}
	return customer.Shown{
		ID: customerID, Follower: customer.Follower{Channel: "wechat", Subject: "oLVP"}, State: customer.Authenticated, Followed: true, Sessions: 1,
		Login: customer.ShownPassword{Set: true, Wrong: 2}, Payment: customer.ShownPassword{Set: true, Locked: now},
		Links:   []customer.ShownLink{{ID: "Zk8uJ4aPq_L2sYx6dWcEvw", Bank: "xjrcu", Suffix: "7892", Role: "primary", State: "active", Entry: 12000127}},
		Codes:   []customer.ShownCode{{Purpose: customer.ForReset, Bank: "xjrcu", State: "void", Sent: now, Wrong: 5, Entry: 12000126}},
		History: []customer.ShownEvent{authenticated},
	}
}

// customers is a customer.Service with one customer, for what operators do.
type customers struct {
	api.Customers
	mu    sync.Mutex // guards shown
	shown customer.Shown
}

func (f *customers) ShowCustomer(_ context.Context, id string, who customer.Follower) (customer.Shown, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if id != f.shown.ID && who != f.shown.Follower {
		return customer.Shown{}, customer.ErrNoCustomer
	}
	return f.shown, nil
}

func (f *customers) Freeze(ctx context.Context, id, who, reason string) (customer.Shown, error) {
	return f.set(ctx, id, true, customer.ShownEvent{Event: "frozen", Who: "operator " + who, Note: reason})
}

func (f *customers) Release(ctx context.Context, id, who, reason string) (customer.Shown, error) {
	return f.set(ctx, id, false, customer.ShownEvent{Event: "released", Who: "operator " + who, Note: reason})
}

func (f *customers) set(ctx context.Context, id string, frozen bool, e customer.ShownEvent) (customer.Shown, error) {
	if _, err := f.ShowCustomer(ctx, id, customer.Follower{}); err != nil {
		return customer.Shown{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	e.At, e.From, e.To = now, f.shown.State, f.shown.State
	f.shown.Frozen, f.shown.History = frozen, append(f.shown.History, e)
	return f.shown, nil
}

func someNotices(n int) (rows []api.NoticeItem) {
	for i := range n {
		rows = append(rows, api.NoticeItem{
			Seq: int64(i + 1), ID: fmt.Sprint("movement-", i+1), Channel: "wechat", Subject: "oLVP", Kind: switching.NoticeMovement,
			State: []string{"parked", "pending", "sent"}[i%3], Round: 1, At: now, Created: now, Answer: "delivery:\x1b[31m failed",
		})
	}
	return rows
}

// notices are in memory.
type notices struct {
	mu   sync.Mutex // guards rows
	rows []api.NoticeItem
}

func (f *notices) List(_ context.Context, state string, after int64, limit int) (page []api.NoticeItem, _ error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.rows {
		if n.Seq > after && (state == "" || n.State == state) && len(page) < limit {
			page = append(page, n)
		}
	}
	return page, nil
}

func (f *notices) change(id, state, note string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.rows {
		switch n := &f.rows[i]; {
		case n.ID != id:
		case n.State != "parked" && n.State != "pending":
			return api.ErrNoticeEnded
		default:
			n.State, n.Note = state, note
			return nil
		}
	}
	return api.ErrNoNotice
}

func (f *notices) Resend(_ context.Context, id string) error {
	return f.change(id, "pending", "resent")
}

func (f *notices) Discard(_ context.Context, id, why string) error {
	return f.change(id, "discarded", why)
}

func (f *notices) Delivered(context.Context, string, string, time.Time) error {
	return nil
}

func TestNoticeListReadsEveryPage(t *testing.T) {
	many := api.New(api.Options{Notices: &notices{rows: someNotices(450)}, Clients: []api.Client{
		{ID: "ops", TokenSHA256: sha256.Sum256([]byte(token)), Scopes: []api.Scope{api.ScopeOperate}},
	}})
	server := httptest.NewServer(many.Handler())
	defer server.Close()
	t.Setenv("WXSWITCH_TOKEN", token)
	var out, wrong strings.Builder
	code := app.Main(t.Context(), []string{"notice", "list", "--url", server.URL}, app.Streams{Out: &out, Err: &wrong})
	if lines := strings.Count(out.String(), "\n"); code != 0 || lines != 451 || strings.Contains(out.String(), "\x1b") {
		t.Errorf("exit code %d, %d lines; %s", code, lines, wrong.String())
	}
}

func TestListReadsEveryPage(t *testing.T) {
	stored := &advices{}
	for id := range int64(450) {
		stored.rows = append(stored.rows, switching.Advice{ID: id + 1, Type: codec.Reversal, State: switching.AdviceParked, Created: now})
	}
	server := httptest.NewServer(door(t, stored).Handler())
	defer server.Close()
	t.Setenv("WXSWITCH_TOKEN", token)
	var out, wrong strings.Builder
	code := app.Main(t.Context(), []string{"advice", "list", "--url", server.URL}, app.Streams{Out: &out, Err: &wrong})
	if lines := strings.Count(out.String(), "\n"); code != 0 || lines != 451 {
		t.Errorf("exit code %d, %d lines; %s", code, lines, wrong.String())
	}
}

func TestExitCodes(t *testing.T) {
	t.Setenv("WXSWITCH_URL", "http://127.0.0.1:1")
	for args, want := range map[string]int{
		"--version":                      0,
		"advice close --help":            0,
		"config check missing.yaml":      1,
		"":                               2,
		"advice":                         2,
		"advice close 41":                2,
		"bank list --colour":             2,
		"advice retry":                   2,
		"notice discard 1":               2,
		"customer freeze 1":              2,
		"customer show":                  2,
		"customer show --channel wechat": 2,
		"customer show 1 --channel a --subject b": 2,
		"bank list --timeout 0":                   2,
		"bank list --timeout -1s":                 2,
		"bank list --url 127.0.0.1:8480":          2,
		"bank list --url http://":                 2,
		"bank list":                               3,
		"bank list --url http://127.0.0.1:1/x":    3,
	} {
		var out, wrong strings.Builder
		got := app.Main(t.Context(), strings.Fields(args), app.Streams{In: strings.NewReader(""), Out: &out, Err: &wrong})
		if got != want || (want != 0) != (wrong.Len() > 0) {
			t.Errorf("%q: exit code %d, want %d; %s", args, got, want, wrong.String())
		}
	}
}

// Track 2 (F35) and the PIN block (F52) are never shown, nor a piece of them, whichever
// bit of their message is wrong and wherever it is cut off.
func TestDecodeShowsNoTrackAndNoPIN(t *testing.T) {
	text, err := os.ReadFile("../../../testdata/wire/cups/balance-request.hex")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	const track, pin, rrn = "6217519876543210=29125207318446927513", "pW7#kZ2!", "000000000077"
	raw[54] |= 0x20 // of the bitmap: F35
	raw[56] |= 0x10 // F52, which is the last
	raw = append(bytes.Replace(raw, []byte(rrn), []byte("37"+track+rrn), 1), pin...)
	copy(raw[2:], fmt.Sprintf("%04d", len(raw)))
	whole := hex.EncodeToString(raw)
	var broken strings.Builder
	for at := range raw {
		cut := slices.Clone(raw[:at])
		copy(cut[min(2, at):], fmt.Sprintf("%04d", at))
		fmt.Fprintf(&broken, "%x\n\n", cut)
		for bit := range 8 {
			raw[at] ^= 1 << bit
			fmt.Fprintf(&broken, "%x\n\n", raw)
			raw[at] ^= 1 << bit
		}
	}
	for in, told := range map[string]string{
		whole:           `"name": "PIN data"`,
		whole + "z":     "line 1: not pairs of hexadecimal digits",
		broken.String(): "a message breaks the dialect's rules",
	} {
		var said strings.Builder
		code := app.Main(t.Context(), []string{"wire", "decode", "--dialect", "cups"}, app.Streams{In: strings.NewReader(in), Out: &said, Err: &said})
		all := strings.ToLower(said.String())
		if (code == 0) != (in == whole) || !strings.Contains(all, strings.ToLower(told)) {
			t.Errorf("exit code %d, and no %q", code, told)
		}
		for secret, size := range map[string]int{track: 6, pin: 4} {
			for i := range len(secret) - size + 1 {
				piece := strings.ToLower(secret[i : i+size])
				if strings.Contains(all, piece) || strings.Contains(all, fmt.Sprintf("%x", secret[i:i+size])) {
					t.Errorf("%q is shown", piece)
				}
			}
		}
	}
}

// A file that the YAML library alone works on for minutes is refused at once.
func TestExplainFromAHugeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep.yaml")
	if err := os.WriteFile(path, []byte("cards: "+strings.Repeat("[", 100_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	var said strings.Builder
	code := app.Main(t.Context(), []string{"route", "explain", "6210081234567892", "--routes", path}, app.Streams{Out: io.Discard, Err: &said})
	if took := time.Since(begun); code != 1 || !strings.Contains(said.String(), "nested too deep") || took > 5*time.Second {
		t.Errorf("%d %q after %s", code, said.String(), took)
	}
}
