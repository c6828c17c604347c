package api_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/rs/zerolog"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/api"
	"wxswitch/switch/customer"
	"wxswitch/switch/db"
	"wxswitch/switch/journal"
	"wxswitch/switch/vault"
)

// bank stands for the switch and one bank that approves: it journals as the
// switch does.
type bank struct {
	journal *journal.Journal
	vault   *vault.Vault
	numbers *switching.Numbers

	mu   sync.Mutex // guards code
	code string     // the last SMS
}

func (b *bank) Do(ctx context.Context, q switching.Request) (switching.Result, error) {
	n, err := b.numbers.Take(ctx)
	if err != nil {
		return switching.Result{}, err
	}
	if q.Type == codec.SMSCode {
		b.mu.Lock()
		b.code = q.Fields.Get(codec.FieldSMSCode)
		b.mu.Unlock()
		q.Fields.Set(codec.FieldSMSCode, "")
	}
	e := switching.Entry{
		ID: n.ID, Client: q.Client, Operation: q.Operation, Type: q.Type, Customer: q.Customer, Bank: "xjrcu", Card: true, Account: q.Account,
		KeyHash: b.vault.Index("key", q.Client, q.Operation, q.Key), BodyHash: b.vault.Hash("body", q.Customer), Fields: q.Fields,
		MTI: "0100", Code3: "890000", STAN: n.STAN, Sent: n.Sent, RRN: codec.NewRRN(n.ID), Instance: "i",
		Opened: time.Now(), Deadline: time.Now().Add(10 * time.Second), Proof: q.Proof,
	}
	if q.Key == "" {
		e.KeyHash = b.vault.Index("key", fmt.Sprint(n.ID))
	}
	o, err := b.journal.Open(ctx, e)
	if err != nil || o.Kind != switching.Opened {
		return switching.Result{Entry: o.Entry, Journalled: true}, err
	}
	end := switching.End{Outcome: switching.Approved, Code: "00"}
	end.Reply.Set(codec.FieldHolder, "古丽")
	end.Reply.Set(codec.FieldBalance, "123456")
	end.Reply.Set(codec.FieldAvailable, "123456")
	closed, err := b.journal.Close(ctx, e, end)
	closed.End.Reply = end.Reply
	return switching.Result{Entry: closed, Journalled: true}, err
}

func (b *bank) Replay(context.Context, switching.Request) (r switching.Result, found bool, err error) {
	return r, false, nil
}

// realDesk is a door before a real customer.Service.
func realDesk(t *testing.T) (*desk, *bank) {
	t.Helper()
	v, err := vault.New()
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	d, err := db.Open(ctx, db.Options{Path: filepath.Join(t.TempDir(), "switch.db")})
	must(t, err)
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		must(t, <-ended)
		must(t, d.Close())
	})
	store, err := customer.Open(ctx, customer.Options{
		DB: d, Vault: v, Argon: argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32},
	})
	must(t, err)
	j, err := journal.New(ctx, journal.Options{DB: d, Vault: v, Effects: store.Effects(), Listeners: store.Listeners(), Outbox: outbox{}})
	must(t, err)
	b := &bank{journal: j, vault: v, numbers: switching.NewNumbers(j, time.Now)}
	k := openDesk(t, func(o *api.Options) {
		o.Customers = customer.New(store, customer.Doors{
			Switch: b, Journal: j, Router: o.Router, Places: o.Places, Log: zerolog.Nop(),
			Banks: []customer.Bank{{ID: "xjrcu", Name: "新疆农村信用社"}},
		})
	})
	return k, b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type outbox struct{}

func (outbox) Put(context.Context, switching.Tx, switching.Notice) error { return nil }

// as calls an operation in a follower's name, with a key of its own.
func (k *desk) as(subject, method, path, body, token string) reply {
	k.t.Helper()
	pairs := []string{"Follower-Channel", "wechat", "Follower-Subject", subject}
	if method != "GET" {
		pairs = append(pairs, "Idempotency-Key", rand.Text())
	}
	if token != "" {
		pairs = append(pairs, "Session-Token", token)
	}
	return k.call(method, path, frontToken, body, pairs...)
}

// seal seals a password as a page does, by what the API says.
func (k *desk) seal(password string) string {
	k.t.Helper()
	var key api.PageKey
	k.call("GET", "/v1/page-key", frontToken, "").ok(k.t, &key)
	der, err := base64.StdEncoding.DecodeString(key.Spki)
	must(k.t, err)
	public, err := x509.ParsePKIXPublicKey(der)
	must(k.t, err)
	plain, err := json.Marshal(map[string]string{"nonce": key.Nonce, "value": password})
	must(k.t, err)
	box, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), plain, nil)
	must(k.t, err)
	return key.Kid + "." + base64.RawURLEncoding.EncodeToString(box)
}

// A Request-Timeout that is past is so also for what no bank is asked, and does
// nothing; openapi.yaml says so.
func TestATimeoutThatIsPast(t *testing.T) {
	k, _ := realDesk(t)
	local := []string{"POST /v1/customer/follow", "POST /v1/customer/unfollow", "POST /v1/customer/session", "DELETE /v1/customer/session", "POST /v1/customer/passwords"}
	for _, op := range customerCalls {
		if slices.Contains(local, op.method+" "+op.path) {
			k.ask(op, frontToken, "Request-Timeout", "0").problem(t, "deadline")
			named(t, op.method, op.path, "deadline")
		}
	}
	named(t, "POST", "/v1/customer/passwords/reset", "deadline") // which looks at the form before
	var view api.CustomerView
	k.as("o1", "GET", "/v1/customer", "", "").ok(t, &view)
	if view.Followed {
		t.Error("followed")
	}
}

// Two followers through the API: what is one's is nobody's to the other.
func TestAnotherFollowersReadAsUnknown(t *testing.T) {
	k, b := realDesk(t)
	const password = "kashgar-1847"
	tokens, links := map[string]string{}, map[string]string{}
	for subject, who := range map[string][2]string{"o1": {"6210080000000004", "11010519491231002X"}, "o2": {"6210080000000012", "E12345678"}} {
		kind := map[bool]string{true: "01", false: "03"}[len(who[1]) == 18]
		var e api.Ended
		k.as(subject, "POST", "/v1/customer/codes", `{"purpose":"authenticate","account":"`+who[0]+`"}`, "").ok(t, &e)
		k.as(subject, "POST", "/v1/customer/authentication",
			`{"cert_type":"`+kind+`","cert_number":"`+who[1]+`","account":"`+who[0]+`","code":"`+b.code+`","terms":"1"}`, "").ok(t, &e)
		if e.Text != "认证成功，感谢您的使用" {
			t.Errorf("%+v", e)
		}
		k.as(subject, "POST", "/v1/customer/passwords", `{"login":"`+k.seal(password)+`"}`, "").ok(t, &e)
		var l api.Login
		k.as(subject, "POST", "/v1/customer/session", `{"password":"`+k.seal(password)+`"}`, "").ok(t, &l)
		var list api.AccountList
		k.as(subject, "GET", "/v1/customer/accounts", "", l.Token).ok(t, &list)
		tokens[subject], links[subject] = l.Token, list.Accounts[0].Id
	}
	if p := k.as("o2", "GET", "/v1/customer/accounts", "", tokens["o1"]).problem(t, "session-needed"); p.Text != "请先登录" {
		t.Errorf("%+v", p)
	}
	k.as("o2", "GET", "/v1/customer/accounts", "", "").problem(t, "session-needed")
	k.as("o3", "GET", "/v1/customer/accounts", "", tokens["o1"]).problem(t, "not-authenticated")
	other := "/v1/customer/accounts/" + links["o1"]
	unknown := "/v1/customer/accounts/AAAAAAAAAAAAAAAAAAAAAA"
	for _, way := range []string{"/detach", "/details?period=today"} {
		method := map[bool]string{true: "POST", false: "GET"}[way == "/detach"]
		p := k.as("o2", method, other+way, "", tokens["o2"]).problem(t, "account-unknown")
		q := k.as("o2", method, unknown+way, "", tokens["o2"]).problem(t, "account-unknown")
		if p != q {
			t.Errorf("another's %+v, nobody's %+v", p, q)
		}
	}
	var lines api.BalanceList
	k.as("o2", "GET", "/v1/customer/balances?account="+links["o1"]+"&account="+links["o2"], "", tokens["o2"]).ok(t, &lines)
	for _, l := range lines.Balances {
		mine := l.Account.Id == links["o2"]
		if mine && (l.Balance == nil || *l.Balance != 123456 || l.Account.Suffix != "0012") || !mine && (l.Reason != "account-unknown" || l.Account.Suffix != "") {
			t.Errorf("%+v", l)
		}
	}

	var c api.Customer
	k.call("POST", "/v1/customers/show", opsToken, `{"channel":"wechat","subject":"o1"}`).ok(t, &c)
	k.call("POST", "/v1/customers/"+c.Id+"/freeze", opsToken, `{"reason":"手机被盗"}`).ok(t, &c)
	if p := k.as("o1", "GET", "/v1/customer/accounts", "", tokens["o1"]).problem(t, "frozen"); !strings.Contains(p.Text, "暂停") {
		t.Errorf("%+v", p)
	}
	k.call("POST", "/v1/customers/"+c.Id+"/release", opsToken, `{"reason":"柜台核实"}`).ok(t, &c)
	k.as("o1", "GET", "/v1/customer/accounts", "", tokens["o1"]).problem(t, "session-needed")
	var e api.Ended
	k.as("o1", "POST", "/v1/customer/deregistration", "", "").ok(t, &e)
	if e.Text != "交易成功" {
		t.Errorf("%+v", e)
	}
	for _, secret := range []string{password, tokens["o1"], tokens["o2"], "11010519491231002X", "6210080000000004"} {
		if strings.Contains(k.log.String(), secret) {
			t.Errorf("the log tells %s", secret)
		}
	}
}

// SQL, HTML and characters of four bytes, in every field, harm nothing and are
// answered by a rule.
func TestStrangeTextIsRefusedByRules(t *testing.T) {
	k, _ := realDesk(t)
	for _, text := range []string{"'; DROP TABLE customer; --", "<script>alert(1)</script>", "😀", "𠮷野", "ئۇيغۇر", "６２１００８", "%s%n", "\u202e\u200b"} {
		for _, op := range customerCalls {
			if op.body == "" || op.ops || strings.Contains(op.path, "talk") || strings.Contains(op.path, "kept") {
				continue
			}
			var fields map[string]string
			must(t, json.Unmarshal([]byte(op.body), &fields))
			for name := range fields {
				answer := k.with(op, name, text)
				if answer.status >= 500 {
					t.Errorf("%s %s=%q: %d %s", op.path, name, text, answer.status, answer.body)
				}
			}
		}
		k.ask(customerCalls[2], frontToken, "Follower-Subject", "'--<b>&%s").ok(t, new(any))
	}
}
