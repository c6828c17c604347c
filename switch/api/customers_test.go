package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/api"
	"wxswitch/switch/api/client"
	"wxswitch/switch/customer"
)

const (
	frontToken = "t-front-6c20e9d4"
	linkID     = "3q2-7wTB0mNf5yR1cVhKpA"
	session    = "s-c0lXVQ5n8mJtQeUcG1y2bq9K"
	sealed     = "Jx3m0tYtqk1o2mQv8h7nSg.q1Zt5Yy0nW4m"
	smsCode    = "482913"
)

// fakeCustomers ends every call as end says, and remembers what was asked.
type fakeCustomers struct {
	end   customer.Answer
	err   error
	block chan struct{} // Accounts waits for it, if there is one

	mu    sync.Mutex // guards asked
	asked []asked
}

// asked is one call of a method.
type asked struct {
	call customer.Call
	what any
}

func (f *fakeCustomers) ask(call customer.Call, what any) (customer.Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, asked{call, what})
	return f.end, f.err
}

func (f *fakeCustomers) last(t *testing.T) asked {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.asked) == 0 {
		t.Fatal("nothing was asked")
	}
	return f.asked[len(f.asked)-1]
}

func (f *fakeCustomers) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

func (f *fakeCustomers) Choices() customer.Choices {
	return customer.Choices{
		Banks:        []customer.Bank{{ID: "xjrcu", Name: "新疆农村信用社", Words: map[string]string{"14": "x"}}},
		Certificates: customer.CertTypes(), Businesses: customer.Businesses(),
	}
}

func (f *fakeCustomers) PageKey(context.Context) (customer.PageKey, error) {
	return customer.PageKey{KID: "k", SPKI: "MIIB", JWK: customer.JWK{KTY: "RSA", N: "n", E: "AQAB"}, Nonce: "nonce", Expires: now}, f.err
}

func (f *fakeCustomers) View(_ context.Context, who customer.Follower) (customer.View, error) {
	_, err := f.ask(customer.Call{Follower: who}, nil)
	return customer.View{
		State: customer.Authenticated, Followed: true, Login: true, SetupUntil: now, BankName: "新疆农村信用社", Suffix: "7890",
		Consents: []customer.Consent{{Kind: "terms", Version: "2026-01", At: now}},
	}, err
}

func (f *fakeCustomers) Follow(_ context.Context, call customer.Call, at time.Time) (customer.Answer, error) {
	return f.ask(call, at)
}

func (f *fakeCustomers) Unfollow(_ context.Context, call customer.Call, at time.Time) (customer.Answer, error) {
	return f.ask(call, at)
}

func (f *fakeCustomers) Codes(_ context.Context, who customer.Follower, p customer.Purpose) (customer.CodeClocks, error) {
	_, err := f.ask(customer.Call{Follower: who}, p)
	return customer.CodeClocks{Again: 41_200 * time.Millisecond, Valid: 281_200 * time.Millisecond}, err
}

func (f *fakeCustomers) SendCode(_ context.Context, call customer.Call, r customer.CodeRequest) (customer.Answer, error) {
	return f.ask(call, r)
}

func (f *fakeCustomers) Authenticate(_ context.Context, call customer.Call, r customer.AuthRequest) (customer.Answer, error) {
	return f.ask(call, r)
}

func (f *fakeCustomers) Deregister(_ context.Context, call customer.Call) (customer.Answer, error) {
	return f.ask(call, nil)
}

func (f *fakeCustomers) Login(_ context.Context, call customer.Call, p customer.Sealed) (customer.LoginAnswer, error) {
	a, err := f.ask(call, p)
	return customer.LoginAnswer{Answer: a, Token: codec.NewSecret(session), Idle: 15 * time.Minute, Until: now}, err
}

func (f *fakeCustomers) Logout(_ context.Context, call customer.Call) (customer.Answer, error) {
	return f.ask(call, nil)
}

func (f *fakeCustomers) SetPasswords(_ context.Context, call customer.Call, r customer.SetRequest) (customer.Answer, error) {
	return f.ask(call, r)
}

func (f *fakeCustomers) ResetPassword(_ context.Context, call customer.Call, r customer.ResetRequest) (customer.Answer, error) {
	return f.ask(call, r)
}

var fakeAccount = customer.Account{Link: linkID, Bank: "xjrcu", BankName: "新疆农村信用社", Suffix: "7890", Holder: "古丽", Primary: true}

func (f *fakeCustomers) Accounts(_ context.Context, call customer.Call) ([]customer.Account, customer.Answer, error) {
	a, err := f.ask(call, nil)
	if f.block != nil {
		<-f.block
	}
	return []customer.Account{fakeAccount}, a, err
}

func (f *fakeCustomers) Attach(_ context.Context, call customer.Call, r customer.AttachRequest) (customer.Answer, error) {
	return f.ask(call, r)
}

func (f *fakeCustomers) Detach(_ context.Context, call customer.Call, id string) (customer.Answer, error) {
	return f.ask(call, id)
}

func (f *fakeCustomers) Balances(_ context.Context, call customer.Call, ids []string, line func(customer.BalanceLine)) (customer.Answer, error) {
	a, err := f.ask(call, ids)
	if err == nil && !a.Refused() {
		line(customer.BalanceLine{Account: fakeAccount, Answer: customer.Answer{Outcome: switching.Approved}, Balance: new(codec.Amount(123456)), Available: new(codec.Amount(-50))})
		line(customer.BalanceLine{Account: fakeAccount, Answer: customer.Answer{Outcome: switching.TimedOut, Reason: "no-reply", Text: "查询超时，请稍后再试"}})
		line(customer.BalanceLine{Account: customer.Account{Link: linkID}, Answer: customer.Answer{Outcome: switching.Refused, Reason: customer.ReasonNoLink, Text: "未找到"}})
	}
	return a, err
}

func (f *fakeCustomers) Details(_ context.Context, call customer.Call, r customer.DetailsRequest) (customer.DetailsPage, error) {
	a, err := f.ask(call, r)
	return customer.DetailsPage{
		Answer: a, Account: fakeAccount, From: now.UTC(), To: now, Next: "more",
		Rows: []codec.Row{{At: now, Out: true, Amount: 1250, Balance: -7, Summary: "消费<&>"}, {At: now, Amount: 1}},
	}, err
}

func (f *fakeCustomers) Book(_ context.Context, call customer.Call, r customer.VisitRequest) (customer.VisitAnswer, error) {
	a, err := f.ask(call, r)
	return customer.VisitAnswer{Answer: a, Number: "A0017", BankText: "请于9日到店"}, err
}

func (f *fakeCustomers) SetTalk(_ context.Context, who customer.Follower, value codec.Secret, life time.Duration) error {
	_, err := f.ask(customer.Call{Follower: who}, fmt.Sprint(value.Reveal(), " ", life))
	return err
}

func (f *fakeCustomers) Talk(_ context.Context, who customer.Follower) (codec.Secret, bool, error) {
	_, err := f.ask(customer.Call{Follower: who}, nil)
	return codec.NewSecret("asked-for-place"), true, err
}

func (f *fakeCustomers) EndTalk(_ context.Context, who customer.Follower) error {
	_, err := f.ask(customer.Call{Follower: who}, nil)
	return err
}

func (f *fakeCustomers) PutOnce(_ context.Context, name string, value codec.Secret, life time.Duration) error {
	_, err := f.ask(customer.Call{}, fmt.Sprint(name, " ", value.Reveal(), " ", life))
	return err
}

func (f *fakeCustomers) Once(_ context.Context, name string, value codec.Secret, life time.Duration) (bool, codec.Secret, error) {
	_, err := f.ask(customer.Call{}, fmt.Sprint(name, " ", value.Reveal(), " ", life))
	return false, codec.NewSecret("1f0c"), err
}

func (f *fakeCustomers) Take(_ context.Context, name string) (codec.Secret, bool, error) {
	_, err := f.ask(customer.Call{}, name)
	return codec.NewSecret("/h5"), true, err
}

func (f *fakeCustomers) shown(id string, what any) (customer.Shown, error) {
	if id != linkID && id != "" {
		return customer.Shown{}, fmt.Errorf("customer: %w", customer.ErrNoCustomer)
	}
	_, err := f.ask(customer.Call{}, what)
	return customer.Shown{
		ID: linkID, Follower: customer.Follower{Channel: "wechat", Subject: "o1"}, State: customer.Authenticated, Frozen: true, Sessions: 1,
		Payment: customer.ShownPassword{Set: true, Wrong: 2, Locked: now},
		Links:   []customer.ShownLink{{ID: linkID, Bank: "xjrcu", Suffix: "7890", Role: "primary", State: "active", Entry: 7}},
		Codes:   []customer.ShownCode{{Purpose: customer.ForReset, Bank: "xjrcu", State: "used", Sent: now, Entry: 8}},
		History: []customer.ShownEvent{{At: now, Event: "frozen", From: customer.Authenticated, To: customer.Authenticated, Who: "operator ops", Note: "why"}},
	}, err
}

func (f *fakeCustomers) ShowCustomer(_ context.Context, id string, who customer.Follower) (customer.Shown, error) {
	return f.shown(id, who)
}

func (f *fakeCustomers) Freeze(_ context.Context, id, who, reason string) (customer.Shown, error) {
	return f.shown(id, "freeze "+who+" "+reason)
}

func (f *fakeCustomers) Release(_ context.Context, id, who, reason string) (customer.Shown, error) {
	return f.shown(id, "release "+who+" "+reason)
}

// fakeNotices are notices in memory.
type fakeNotices struct {
	rows []api.NoticeItem
	err  error
	did  []string
}

func (f *fakeNotices) List(_ context.Context, state string, after int64, limit int) (page []api.NoticeItem, _ error) {
	for _, n := range f.rows {
		if n.Seq > after && (state == "" || n.State == state) && len(page) < limit {
			page = append(page, n)
		}
	}
	return page, f.err
}

func (f *fakeNotices) do(id, what string) error {
	for _, n := range f.rows {
		if n.ID == id {
			f.did = append(f.did, what)
			return f.err
		}
	}
	return fmt.Errorf("%w: %w", errors.New("wrapped"), api.ErrNoNotice)
}

func (f *fakeNotices) Resend(_ context.Context, id string) error { return f.do(id, "resend") }
func (f *fakeNotices) Discard(_ context.Context, id, why string) error {
	return f.do(id, "discard "+why)
}

func (f *fakeNotices) Delivered(_ context.Context, id, status string, at time.Time) error {
	return f.do(id, status+" "+at.Format(time.RFC3339))
}

func someNotices() *fakeNotices {
	f := &fakeNotices{}
	for i, state := range []string{"sent", "parked", "pending"} {
		f.rows = append(f.rows, api.NoticeItem{
			Seq: int64(41 + i), ID: fmt.Sprint("movement-", 41+i), Channel: "wechat", Subject: "o1", Kind: switching.NoticeMovement, State: state, At: now, Created: now,
		})
	}
	f.rows[2].Next = now
	return f
}

const placesFile = `branches:
  - {id: xjrcu-1, bank: xjrcu, number: "0001", name: 人民路支行, address: 人民路1号, phone: 0991-1234567, hours: 10:00–18:00, services: [个人业务], lat: 43.8, lng: 87.6}
  - {id: klb-1, bank: klb, number: "0001", name: 昆仑支行, address: 昆仑路1号, phone: 0991-1234568, hours: 10:00–18:00, services: [个人业务], lat: 44.1, lng: 87.9}
merchants:
  - {id: m-1, name: 阿凡提餐厅, address: 人民路2号, phone: 0991-7654321, offer: 满100减20, lat: 43.8, lng: 87.6}
`

// desk is a door with customers behind it.
type desk struct {
	*door
	customers *fakeCustomers
	notices   *fakeNotices
}

func openDesk(t *testing.T, change func(*api.Options)) *desk {
	t.Helper()
	k := &desk{customers: &fakeCustomers{end: customer.Answer{Outcome: switching.Approved, Text: "好", Entry: 12000127}}, notices: someNotices()}
	table, err := customer.ParsePlaces("places.yaml", []byte(placesFile), []string{"xjrcu", "klb"})
	if err != nil {
		t.Fatal(err)
	}
	k.door = openFull(t, func(o *api.Options) {
		o.Customers, o.Notices, o.Places = k.customers, k.notices, customer.NewPlaces(table)
		o.Clients = append(o.Clients, clientOf("front", frontToken, api.ScopeCustomer))
		if change != nil {
			change(o)
		}
	})
	return k
}

// operation is one call of an operation that succeeds.
type operation struct {
	method, path, body       string
	key, follower, mayLogged bool
	ops                      bool
}

var customerCalls = []operation{
	{method: "GET", path: "/v1/page-key"},
	{method: "GET", path: "/v1/choices"},
	{method: "GET", path: "/v1/customer", follower: true},
	{method: "POST", path: "/v1/customer/follow", follower: true, key: true},
	{method: "POST", path: "/v1/customer/unfollow", follower: true, key: true},
	{method: "GET", path: "/v1/customer/codes?purpose=reset", follower: true},
	{method: "POST", path: "/v1/customer/codes", body: `{"purpose":"authenticate","account":"` + card + `"}`, follower: true, key: true},
	{method: "POST", path: "/v1/customer/authentication", body: `{"cert_type":"01","cert_number":"` + certNumber + `","account":"` + card + `","code":"` + smsCode + `","terms":"1"}`, follower: true, key: true},
	{method: "POST", path: "/v1/customer/deregistration", follower: true, key: true},
	{method: "POST", path: "/v1/customer/session", body: `{"password":"` + sealed + `"}`, follower: true, key: true},
	{method: "DELETE", path: "/v1/customer/session", follower: true, key: true, mayLogged: true},
	{method: "POST", path: "/v1/customer/passwords", body: `{"login":"` + sealed + `"}`, follower: true, key: true, mayLogged: true},
	{method: "POST", path: "/v1/customer/passwords/reset", body: `{"kind":"payment","cert_type":"01","cert_number":"` + certNumber + `","account":"` + card + `","code":"` + smsCode + `","password":"` + sealed + `"}`, follower: true, key: true},
	{method: "GET", path: "/v1/customer/accounts", follower: true, mayLogged: true},
	{method: "POST", path: "/v1/customer/accounts", body: `{"account":"` + card + `","code":"` + smsCode + `","payment":"` + sealed + `"}`, follower: true, key: true, mayLogged: true},
	{method: "POST", path: "/v1/customer/accounts/" + linkID + "/detach", follower: true, key: true, mayLogged: true},
	{method: "GET", path: "/v1/customer/accounts/" + linkID + "/details?period=week", follower: true, mayLogged: true},
	{method: "GET", path: "/v1/customer/balances?account=" + linkID + "&account=AAAAAAAAAAAAAAAAAAAAAA", follower: true, mayLogged: true},
	{method: "POST", path: "/v1/customer/visits", body: `{"branch":"xjrcu-0001","business":"vip","phone":"13800138000"}`, follower: true, key: true},
	{method: "GET", path: "/v1/customer/talk", follower: true},
	{method: "PUT", path: "/v1/customer/talk?seconds=600", body: `{"value":"v"}`, follower: true},
	{method: "DELETE", path: "/v1/customer/talk", follower: true},
	{method: "PUT", path: "/v1/kept?seconds=60", body: `{"name":"n","value":"<xml>\n</xml>"}`},
	{method: "POST", path: "/v1/kept/first?seconds=60", body: `{"name":"n","value":"v"}`},
	{method: "POST", path: "/v1/kept/take", body: `{"name":"n"}`},
	{method: "POST", path: "/v1/places/nearest?limit=2", body: `{"kind":"branches","latitude":"43.7928","longitude":"87.6177"}`},
	{method: "POST", path: "/v1/places/nearest", body: `{"kind":"merchants","latitude":"43.7928","longitude":"-87"}`},
	{method: "GET", path: "/v1/places/branches/xjrcu-1"},
	{method: "POST", path: "/v1/notices/movement-41/delivery", body: `{"status":"success","at":"2026-03-07T14:15:09+08:00"}`},

	{method: "GET", path: "/v1/notices", ops: true},
	{method: "POST", path: "/v1/notices/movement-41/resend", ops: true},
	{method: "POST", path: "/v1/notices/movement-41/discard", body: `{"reason":"why"}`, ops: true},
	{method: "POST", path: "/v1/customers/show", body: `{"customer":"` + linkID + `"}`, ops: true},
	{method: "POST", path: "/v1/customers/" + linkID + "/freeze", body: `{"reason":"why"}`, ops: true},
	{method: "POST", path: "/v1/customers/" + linkID + "/release", body: `{"reason":"why"}`, ops: true},
}

// ask calls the operation; headers come in pairs, and an empty value takes one away.
func (k *desk) ask(op operation, token string, change ...string) reply {
	k.t.Helper()
	set := map[string]string{}
	if op.follower {
		set["Follower-Channel"], set["Follower-Subject"] = "wechat", "o1"
	}
	if op.key {
		set["Idempotency-Key"] = "k-1"
	}
	if op.mayLogged {
		set["Session-Token"] = session
	}
	for i := 0; i < len(change); i += 2 {
		set[change[i]] = change[i+1]
	}
	var pairs []string
	for name, value := range set {
		if value != "" {
			pairs = append(pairs, name, value)
		}
	}
	return k.call(op.method, op.path, token, op.body, pairs...)
}

func (op operation) token() string {
	if op.ops {
		return opsToken
	}
	return frontToken
}

// pattern is the operation's path as openapi.yaml has it.
func (op operation) pattern() string {
	path, _, _ := strings.Cut(op.path, "?")
	return strings.NewReplacer(linkID, "{id}", "xjrcu-1", "{id}", "movement-41", "{id}").Replace(path)
}

// No scope includes another.
func TestCustomersScopes(t *testing.T) {
	k := openDesk(t, nil)
	for _, op := range customerCalls {
		if answer := k.ask(op, op.token()); answer.status != http.StatusOK {
			t.Errorf("%s %s: %d %s", op.method, op.path, answer.status, answer.body)
		}
		k.ask(op, "").problem(t, "token-missing")
		for _, other := range []string{bankToken, opsToken, frontToken} {
			if other != op.token() {
				k.ask(op, other).problem(t, "scope-missing")
			}
		}
	}
	for _, c := range calls {
		k.call(c.method, c.path, frontToken, c.body).problem(t, "scope-missing")
	}
}

// Each operation of the table of the door is called here or in calls, and its
// answer keeps the specification.
func TestCustomersAnswersKeepTheSpecification(t *testing.T) {
	k := openDesk(t, nil)
	doc := specification(t)
	called := map[string]bool{}
	for _, op := range customerCalls {
		path := op.pattern()
		called[op.method+" "+path] = true
		item := doc.Paths.Find(path)
		if item == nil || item.GetOperation(op.method) == nil {
			t.Fatalf("no %s %s", op.method, path)
		}
		content := item.GetOperation(op.method).Responses.Status(http.StatusOK).Value.Content["application/json"]
		k.keeps(content, k.ask(op, op.token()))
	}
	for _, c := range calls {
		called[c.method+" "+pathOf(c.path)] = true
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			if !called[method+" "+path] {
				t.Errorf("%s %s is never called", method, path)
			}
		}
	}
}

// The examples of requests are what the door takes.
func TestCustomersExamples(t *testing.T) {
	k := openDesk(t, nil)
	doc := specification(t)
	n := 0
	for _, op := range customerCalls {
		if op.body == "" {
			continue
		}
		path, _, _ := strings.Cut(op.path, "?")
		for _, id := range []string{linkID, "movement-41"} {
			path = strings.Replace(path, id, "{id}", 1)
		}
		for _, example := range examplesOf(doc.Paths.Find(path).GetOperation(op.method).RequestBody.Value.Content["application/json"]) {
			body, err := json.Marshal(example)
			if err != nil {
				t.Fatal(err)
			}
			op.body = string(body)
			if answer := k.ask(op, op.token()); answer.status != http.StatusOK {
				t.Errorf("%s %s: %s: %d %s", op.method, op.path, body, answer.status, answer.body)
			}
			n++
		}
	}
	if n < 20 {
		t.Errorf("only %d examples", n)
	}
}

func examplesOf(media *openapi3.MediaType) (list []any) {
	if media.Example != nil {
		list = append(list, media.Example)
	}
	for _, e := range media.Examples {
		list = append(list, e.Value.Value)
	}
	return list
}

func TestFollowerHeaders(t *testing.T) {
	k := openDesk(t, nil)
	for _, op := range customerCalls {
		if !op.follower {
			continue
		}
		before := k.customers.count()
		for _, name := range []string{"Follower-Channel", "Follower-Subject"} {
			if p := k.ask(op, frontToken, name, "").problem(t, "follower-missing"); p.Text == "" {
				t.Error("no text")
			}
			for _, value := range []string{"a b", "ö", strings.Repeat("x", 129), "微信"} {
				k.ask(op, frontToken, name, value).problem(t, "follower-invalid")
			}
		}
		k.ask(op, frontToken, "Follower-Channel", strings.Repeat("x", 65)).problem(t, "follower-invalid")
		if got := k.customers.count(); got != before {
			t.Errorf("%s: asked %d times", op.path, got-before)
		}
		k.ask(op, frontToken, "Follower-Channel", strings.Repeat("c", 64), "Follower-Subject", strings.Repeat("~", 128)).ok(t, new(any))
		if f := k.customers.last(t).call.Follower; f.Channel != strings.Repeat("c", 64) || f.Subject != strings.Repeat("~", 128) {
			t.Errorf("%s: %+v", op.path, f)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.url+"/v1/customer", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer " + frontToken}, "Follower-Channel": {"a"}, "Follower-Subject": {"a", "b"}}
	k.send(r).problem(t, "follower-invalid")
}

func TestCustomersKeysAndTimeouts(t *testing.T) {
	k := openDesk(t, nil)
	for _, op := range customerCalls {
		if !op.key {
			continue
		}
		before := k.customers.count()
		k.ask(op, frontToken, "Idempotency-Key", "").problem(t, "idempotency-key-missing")
		for _, key := range []string{"a b", strings.Repeat("k", 129), "ключ"} {
			k.ask(op, frontToken, "Idempotency-Key", key).problem(t, "idempotency-key-invalid")
		}
		for _, ms := range []string{"x", "600001", "1.5"} {
			k.ask(op, frontToken, "Request-Timeout", ms).problem(t, "parameter-invalid")
		}
		if got := k.customers.count(); got != before {
			t.Errorf("%s: asked %d times", op.path, got-before)
		}
		k.ask(op, frontToken, "Idempotency-Key", "a%20b", "Request-Timeout", "1500").ok(t, new(any))
		if c := k.customers.last(t).call; c.Key != "a%20b" || c.Timeout != 1500*time.Millisecond || c.Client != "front" {
			t.Errorf("%s: %+v", op.path, c)
		}
	}
}

func TestSessionToken(t *testing.T) {
	k := openDesk(t, nil)
	for _, op := range customerCalls {
		if !op.mayLogged {
			continue
		}
		for _, token := range []string{"a b", "ö", strings.Repeat("t", 129)} {
			k.ask(op, frontToken, "Session-Token", token).problem(t, "parameter-invalid")
		}
		k.ask(op, frontToken, "Session-Token", "").ok(t, new(any)) // its customer says what it needs
		k.ask(op, frontToken).ok(t, new(any))
		if got := k.customers.last(t).call.Session.Reveal(); got != session {
			t.Errorf("%s: %q", op.path, got)
		}
	}
}

// What is typed arrives as it was typed, whatever it is; what nobody can type,
// or what is too long, does not.
func TestWhatIsTypedArrives(t *testing.T) {
	k := openDesk(t, nil)
	for _, op := range customerCalls {
		if op.body == "" || !op.follower {
			continue
		}
		var fields map[string]string
		if err := json.Unmarshal([]byte(op.body), &fields); err != nil {
			t.Fatal(err)
		}
		for name := range fields {
			if name == "purpose" || name == "kind" {
				continue
			}
			for _, text := range []string{"𠮷", "';--", "<b>&", "😀👍", "ئۇيغ", "６２　", "\u200b"} {
				if name == "cert_type" && len([]rune(text)) > 8 {
					continue
				}
				k.with(op, name, text).ok(t, new(any))
				if got := fmt.Sprintf("%q", revealed(reflect.ValueOf(k.customers.last(t).what))); !strings.Contains(got, strings.Trim(fmt.Sprintf("%q", text), `"`)) {
					t.Errorf("%s %s: %q arrived as %s", op.path, name, text, got)
				}
			}
			if name == "value" {
				continue
			}
			before := k.customers.count()
			for _, text := range []string{"\x00", "a\nb", "\x7f", "\ufffd", strings.Repeat("字", 513)} {
				if p := k.with(op, name, text).problem(t, "body-invalid"); p.Pointer != "/"+name || p.Text == "" {
					t.Errorf("%s: %+v", op.path, p)
				}
			}
			if got := k.customers.count(); got != before {
				t.Errorf("%s: asked %d times", op.path, got-before)
			}
		}
	}
}

// with calls the operation with one field of the body changed.
func (k *desk) with(op operation, name, text string) reply {
	k.t.Helper()
	var fields map[string]string
	if err := json.Unmarshal([]byte(op.body), &fields); err != nil {
		k.t.Fatal(err)
	}
	fields[name] = text
	body, err := json.Marshal(fields)
	if err != nil {
		k.t.Fatal(err)
	}
	op.body = string(body)
	return k.ask(op, op.token())
}

// revealed is all text in v, secrets too.
func revealed(v reflect.Value) (all []string) {
	if s, ok := v.Interface().(interface{ Reveal() string }); ok {
		return []string{s.Reveal()}
	}
	switch v.Kind() { //nolint:exhaustive // what requests are made of
	case reflect.String:
		return []string{v.String()}
	case reflect.Struct:
		for _, field := range v.Fields() {
			all = append(all, revealed(field)...)
		}
	}
	return all
}

// What must be there and is not is refused by its name, and never taken for empty.
func TestFieldsThatAreMissing(t *testing.T) {
	k := openDesk(t, nil)
	doc := specification(t)
	for _, op := range customerCalls {
		if op.body == "" {
			continue
		}
		schema := doc.Paths.Find(op.pattern()).GetOperation(op.method).RequestBody.Value.Content["application/json"].Schema.Value
		for _, name := range schema.Required {
			var fields map[string]string
			if err := json.Unmarshal([]byte(op.body), &fields); err != nil {
				t.Fatal(err)
			}
			delete(fields, name)
			body, err := json.Marshal(fields)
			if err != nil {
				t.Fatal(err)
			}
			less := op
			less.body = string(body)
			if p := k.ask(less, op.token()).problem(t, "body-invalid"); p.Pointer != "/"+name {
				t.Errorf("%s %s without %s: %+v", op.method, op.path, name, p)
			}
		}
	}
	if k.customers.count() != 0 {
		t.Errorf("%d were asked", k.customers.count())
	}
}

func TestEnumsOfBodies(t *testing.T) {
	k := openDesk(t, nil)
	for _, op := range customerCalls {
		for _, name := range []string{"purpose", "kind", "status"} {
			if strings.Contains(op.body, `"`+name+`"`) {
				for _, text := range []string{"", "x", "RESET", "'"} {
					if p := k.with(op, name, text).problem(t, "body-invalid"); p.Pointer != "/"+name {
						t.Errorf("%+v", p)
					}
				}
			}
		}
	}
	k.ask(operation{method: "GET", path: "/v1/customer/codes?purpose=x", follower: true}, frontToken).problem(t, "parameter-invalid")
	k.ask(operation{method: "GET", path: "/v1/customer/codes", follower: true}, frontToken).problem(t, "parameter-invalid")
}

// Every refusal is a problem of its own with its customer's words; the switch's
// too.
func TestCustomersRefusals(t *testing.T) {
	k := openDesk(t, nil)
	reasons := reasonsIn(t, "..", "../customer", "../../routing", "../../banks")
	if len(reasons) < 60 {
		t.Fatalf("found only %q", reasons)
	}
	for _, reason := range reasons {
		k.customers.end = customer.Answer{Outcome: switching.Refused, Reason: switching.Reason(reason), Text: "因为 " + reason}
		if slices.Contains([]string{"no-reply", "bad-reply", "bank-in-doubt", "unmapped-code", "recovered"}, reason) {
			continue // in doubt: never refused
		}
		p := k.ask(customerCalls[7], frontToken).problem(t, reason)
		if p.Text != "因为 "+reason || !strings.Contains(p.Detail, "nothing was sent") && p.Code != "busy" && p.Code != "journal" {
			t.Errorf("%+v", p)
		}
	}
	k.customers.end = customer.Answer{Outcome: switching.Refused, Reason: customer.ReasonCodeUsed, Text: "错", Entry: 7}
	for _, op := range customerCalls {
		if op.ops || !op.follower || strings.Contains(op.path, "/talk") || op.path == "/v1/customer" || strings.Contains(op.path, "codes?") {
			continue
		}
		if p := k.ask(op, frontToken).problem(t, "code-used"); p.Text != "错" || p.Id != "7" {
			t.Errorf("%s: %+v", op.path, p)
		}
	}
}

func TestCustomersEnds(t *testing.T) {
	k := openDesk(t, nil)
	for _, end := range []customer.Answer{
		{Outcome: switching.Approved},
		{Outcome: switching.Approved, Text: "交易成功", Entry: 9},
		{Outcome: switching.Declined, Text: "注销失败，请与开户行联系。", Entry: 10},
		{Outcome: switching.TimedOut, Reason: "no-reply", Text: "注销超时，请与开户行联系！", Entry: 11},
	} {
		k.customers.end = end
		var got api.Ended
		k.ask(operation{method: "POST", path: "/v1/customer/deregistration", follower: true, key: true}, frontToken).ok(t, &got)
		if string(got.Outcome) != string(end.Outcome) || got.Text != end.Text || got.Reason != string(end.Reason) || (got.Id == "") != (end.Entry == 0) {
			t.Errorf("%+v", got)
		}
	}
}

func TestCustomersErrors(t *testing.T) {
	k := openDesk(t, nil)
	for _, c := range []struct {
		err  error
		code string
	}{
		{switching.ErrKeyReused, "idempotency-key-reused"},
		{switching.ErrInProgress, "in-progress"},
		{fmt.Errorf("x: %w", switching.ErrOutcomeUnknown), "outcome-unknown"},
		{customer.ErrNoKey, "idempotency-key-missing"},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), "deadline"},
		{errors.New("disk gone"), "internal"},
	} {
		k.customers.err = c.err
		k.customers.end = customer.Answer{Outcome: switching.TimedOut, Text: "注销超时，请与开户行联系！"}
		for _, op := range customerCalls {
			if !op.key {
				continue
			}
			p := k.ask(op, frontToken).problem(t, c.code)
			if c.code == "outcome-unknown" && (p.Text != k.customers.end.Text || p.Retry != api.ProblemRetrySameKey) || p.Text == "" {
				t.Errorf("%s: %+v", op.path, p)
			}
		}
	}
	details := operation{method: "GET", path: "/v1/customer/accounts/" + linkID + "/details", follower: true}
	k.customers.err = switching.ErrOutcomeUnknown // it is journalled, too
	k.ask(details, frontToken).problem(t, "outcome-unknown")
	named(t, "GET", "/v1/customer/accounts/{id}/details", "outcome-unknown")
	k.customers.end = customer.Answer{Outcome: switching.Approved}
	k.customers.err = errors.New("disk gone")
	for _, op := range customerCalls {
		if strings.HasPrefix(op.path, "/v1/customer") || strings.Contains(op.path, "/kept") {
			k.ask(op, op.token()).problem(t, "internal")
		}
	}
}

func TestIDsOfAccounts(t *testing.T) {
	k := openDesk(t, nil)
	before := k.customers.count()
	for _, id := range []string{"x", "1", card, strings.Repeat("A", 23), "3q2-7wTB0mNf5yR1cVhKp'", "%27%20OR%201=1", strings.Repeat("字", 22)} {
		k.ask(operation{method: "POST", path: "/v1/customer/accounts/" + id + "/detach", follower: true, key: true}, frontToken).problem(t, "account-unknown")
		k.ask(operation{method: "GET", path: "/v1/customer/accounts/" + id + "/details", follower: true}, frontToken).problem(t, "account-unknown")
		k.ask(operation{method: "GET", path: "/v1/customer/balances?account=" + id, follower: true}, frontToken).problem(t, "parameter-invalid")
	}
	k.ask(operation{method: "GET", path: "/v1/customer/balances?" + strings.Repeat("account="+linkID+"&", 21), follower: true}, frontToken).problem(t, "parameter-invalid")
	if got := k.customers.count(); got != before {
		t.Errorf("asked %d times", got-before)
	}
	k.ask(operation{method: "GET", path: "/v1/customer/balances?" + strings.Repeat("account="+linkID+"&", 3), follower: true}, frontToken).ok(t, new(any))
	if got := k.customers.last(t).what; fmt.Sprint(got) != "["+linkID+"]" {
		t.Errorf("%v", got)
	}
}

func TestBalancesAndDetails(t *testing.T) {
	k := openDesk(t, nil)
	var list api.BalanceList
	k.ask(operation{method: "GET", path: "/v1/customer/balances", follower: true, mayLogged: true}, frontToken).ok(t, &list)
	b := list.Balances
	if len(b) != 3 || *b[0].Balance != 123456 || *b[0].Available != -50 || b[1].Balance != nil || b[1].Reason != "no-reply" ||
		b[2].Outcome != api.BalanceLineOutcomeRefused || b[2].Account.Id != linkID || b[2].Text == "" {
		t.Errorf("%+v", b)
	}
	var page api.DetailsPage
	answer := k.ask(operation{
		method: "GET", path: "/v1/customer/accounts/" + linkID + "/details?period=custom&from=2026-03-01&to=%E4%BB%8A&cursor=c", follower: true, mayLogged: true,
	}, frontToken, "Request-Timeout", "7")
	answer.ok(t, &page)
	if r := page.Rows; len(r) != 2 || r[0].Direction != api.MovementDirectionOut || r[0].Amount != 1250 || r[0].Balance != -7 || r[1].Direction != api.MovementDirectionIn ||
		r[0].Summary != "消费<&>" || page.Next != "more" || !strings.Contains(answer.body, `"from":"2026-03-07T14:15:02+08:00"`) {
		t.Error(answer.body)
	}
	want := customer.DetailsRequest{Link: linkID, Period: "custom", From: "2026-03-01", To: "今", Cursor: "c"}
	if got := k.customers.last(t); got.what != want || got.call.Timeout != 7*time.Millisecond {
		t.Errorf("%+v", got)
	}
}

func TestCodesAreRoundedSafely(t *testing.T) {
	k := openDesk(t, nil)
	var c api.CodeClocks
	k.ask(operation{method: "GET", path: "/v1/customer/codes?purpose=attach", follower: true}, frontToken).ok(t, &c)
	if c.AgainSeconds != 42 || c.ValidSeconds != 281 || k.customers.last(t).what != customer.ForAttach {
		t.Errorf("%+v", c)
	}
}

func TestOneFollowersPlaces(t *testing.T) {
	k := openDesk(t, func(o *api.Options) { o.Limits.Follower = 2 })
	k.customers.block = make(chan struct{})
	accounts := operation{method: "GET", path: "/v1/customer/accounts", follower: true}
	answers := make(chan reply, 3)
	for _, subject := range []string{"o1", "o1", "o2"} {
		go func() { answers <- k.ask(accounts, frontToken, "Follower-Subject", subject) }()
	}
	k.until(func() bool { return k.customers.count() == 3 })
	p := k.ask(operation{method: "GET", path: "/v1/customer", follower: true}, frontToken).problem(t, "follower-busy")
	if p.Retry != api.ProblemRetryLater || p.Text == "" {
		t.Errorf("%+v", p)
	}
	k.ask(operation{method: "GET", path: "/v1/customer", follower: true}, frontToken, "Follower-Subject", "o2").ok(t, new(any))
	close(k.customers.block)
	for range 3 {
		(<-answers).ok(t, new(any))
	}
	k.ask(accounts, frontToken).ok(t, new(any))
}

// A program in one follower's name stops itself, and nobody else: neither what
// the platform says of the follower nor another who asks.
func TestOneFollowersPace(t *testing.T) {
	k := openDesk(t, func(o *api.Options) { o.Limits.Burst, o.Limits.Every = 3, time.Hour })
	view := operation{method: "GET", path: "/v1/customer", follower: true}
	leave := operation{method: "POST", path: "/v1/customer/deregistration", follower: true, key: true}
	k.ask(view, frontToken).ok(t, new(any))
	k.ask(leave, frontToken).ok(t, new(any))
	k.ask(view, frontToken).ok(t, new(any))
	p := k.ask(leave, frontToken).problem(t, "follower-busy")
	if p.Retry != api.ProblemRetryLater || p.Text == "" {
		t.Errorf("%+v", p)
	}
	k.ask(operation{method: "POST", path: "/v1/customer/unfollow", follower: true, key: true}, frontToken).ok(t, new(any))
	k.ask(leave, frontToken, "Follower-Subject", "o2").ok(t, new(any))
	if got, want := k.metric(), "operation=deregister status=429 1\n"; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
}

func TestKept(t *testing.T) {
	k := openDesk(t, nil)
	put := operation{method: "PUT", path: "/v1/kept?seconds=60", body: `{"name":"a b","value":"<xml>\n😀</xml>"}`}
	k.ask(put, frontToken).ok(t, new(any))
	if got := k.customers.last(t).what; got != "a b <xml>\n😀</xml> 1m0s" {
		t.Errorf("%q", got)
	}
	for _, query := range []string{"", "?seconds=x", "?seconds=1.5", "?seconds="} {
		put.path = "/v1/kept" + query
		k.ask(put, frontToken).problem(t, "parameter-invalid")
	}
	put.path = "/v1/kept?seconds=99999999999999"
	k.ask(put, frontToken).ok(t, new(any))
	if got := fmt.Sprint(k.customers.last(t).what); strings.HasSuffix(got, "-") || !strings.HasSuffix(got, "291h16m16s") {
		t.Error(got)
	}
	for err, code := range map[error]string{
		customer.ErrKeptSize: "body-invalid", customer.ErrKeptLife: "parameter-invalid", customer.ErrKeptFull: "kept-full",
		switching.ErrOutcomeUnknown: "outcome-unknown",
	} {
		k.customers.err = fmt.Errorf("x: %w", err)
		for _, op := range customerCalls {
			if strings.Contains(op.path, "/kept") || strings.Contains(op.path, "/talk") {
				k.ask(op, frontToken).problem(t, code)
			}
		}
	}
}

// So many places are told as openapi.yaml says, where no limit or 0 is given too.
func TestHowManyAreNearest(t *testing.T) {
	var file strings.Builder
	file.WriteString("merchants:\n")
	for i := range 51 {
		fmt.Fprintf(&file, "  - {id: m-%d, name: 店, address: 路, phone: 0991-7654321, offer: 折, lat: 43.8, lng: 87.6}\n", i)
	}
	table, err := customer.ParsePlaces("places.yaml", []byte(file.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	k := openDesk(t, func(o *api.Options) { o.Places = customer.NewPlaces(table) })
	for query, want := range map[string]int{"": 10, "?limit=0": 10, "?limit=50": 50, "?offset=50": 1} {
		var list api.NearList
		k.ask(operation{method: "POST", path: "/v1/places/nearest" + query, body: `{"kind":"merchants","latitude":"43.79","longitude":"87.6"}`}, frontToken).ok(t, &list)
		if len(list.Places) != want || list.Total != 51 {
			t.Errorf("%q: %d of %d, want %d of 51", query, len(list.Places), list.Total, want)
		}
	}
}

func TestNearest(t *testing.T) {
	k := openDesk(t, nil)
	nearest := func(query, kind, lat, lng string) reply {
		body, _ := json.Marshal(map[string]string{"kind": kind, "latitude": lat, "longitude": lng})
		return k.ask(operation{method: "POST", path: "/v1/places/nearest" + query, body: string(body)}, frontToken)
	}
	var first, second api.NearList
	nearest("?limit=1", "branches", "43.79", "87.62").ok(t, &first)
	nearest("?limit=1&offset=1", "branches", "43.79", "87.62").ok(t, &second)
	if len(first.Places) != 1 || len(second.Places) != 1 || first.Total < 2 || first.Places[0].Metres > second.Places[0].Metres ||
		first.Places[0].Branch == nil || first.Places[0].Merchant != nil {
		t.Errorf("%+v %+v", first, second)
	}
	nearest("?offset=1000000", "merchants", "43.79", "87.62").ok(t, &first)
	for _, c := range [][2]string{
		{"", "87"}, {"43", ""}, {"91", "0"}, {"0", "-181"}, {"NaN", "0"}, {"Inf", "0"}, {"1e1", "0"}, {"0x10", "0"}, {"4_3", "0"}, {" 43", "0"}, {"４３", "0"}, {"+43", "0"}, {".5", "0"}, {"43,79", "87"},
	} {
		if p := nearest("", "branches", c[0], c[1]).problem(t, "location-invalid"); p.Text == "" {
			t.Errorf("%+v", p)
		}
	}
	for _, query := range []string{"?limit=51", "?limit=-1", "?limit=x", "?offset=-1", "?offset=1000001"} {
		nearest(query, "branches", "43.79", "87.62").problem(t, "parameter-invalid")
	}
	k.call("GET", "/v1/places/branches/none", frontToken, "").problem(t, "branch-unknown")
	for _, trace := range []string{"87.62", "43.79", "43,79"} {
		if strings.Contains(k.log.String(), trace) {
			t.Errorf("the log tells a location: %s", k.log.String())
		}
	}
}

func TestNotices(t *testing.T) {
	k := openDesk(t, nil)
	for query, want := range map[string]string{
		"": "movement-41 movement-42 movement-43 ", "?state=parked": "movement-42 ", "?limit=2": "movement-41 movement-42 42", "?limit=2&after=42": "movement-43 ",
	} {
		var page api.NoticePage
		k.call("GET", "/v1/notices"+query, opsToken, "").ok(t, &page)
		var got strings.Builder
		for _, n := range page.Notices {
			got.WriteString(n.Id + " ")
		}
		if got.WriteString(page.Next); got.String() != want {
			t.Errorf("%q: %s", query, got.String())
		}
	}
	for _, query := range []string{"?state=x", "?limit=201", "?limit=-1", "?after=x"} {
		k.call("GET", "/v1/notices"+query, opsToken, "").problem(t, "parameter-invalid")
	}
	for _, id := range []string{"movement-9", "x%20y", "%27--", strings.Repeat("n", 129)} {
		k.call("POST", "/v1/notices/"+id+"/resend", opsToken, "").problem(t, "notice-unknown")
		k.call("POST", "/v1/notices/"+id+"/discard", opsToken, `{"reason":"r"}`).problem(t, "notice-unknown")
		k.call("POST", "/v1/notices/"+id+"/delivery", frontToken, `{"status":"success","at":"2026-03-07T06:15:09Z"}`).problem(t, "notice-unknown")
	}
	for _, reason := range []string{"", `a\nb`, strings.Repeat("字", 201)} {
		k.call("POST", "/v1/notices/movement-42/discard", opsToken, `{"reason":"`+reason+`"}`).problem(t, "body-invalid")
	}
	for _, at := range []string{"", "now", "2026-03-07", "0001-01-01T00:00:00Z", "2026-13-07T14:15:09+08:00"} {
		if p := k.call("POST", "/v1/notices/movement-42/delivery", frontToken, `{"status":"success","at":"`+at+`"}`).problem(t, "body-invalid"); p.Pointer != "/at" {
			t.Errorf("%+v", p)
		}
	}
	k.call("POST", "/v1/notices/movement-42/resend", opsToken, "").ok(t, new(any))
	k.call("POST", "/v1/notices/movement-42/discard", opsToken, `{"reason":"电话告知 4713"}`).ok(t, new(any))
	k.call("POST", "/v1/notices/movement-42/delivery", frontToken, `{"status":"user-block","at":"2026-03-07T14:15:09+08:00"}`).ok(t, new(any))
	if got := strings.Join(k.notices.did, "|"); got != "resend|discard ops: 电话告知 4713|user-block 2026-03-07T14:15:09+08:00" {
		t.Error(got)
	}
	for err, code := range map[error]string{
		api.ErrNoticeEnded: "notice-state", switching.ErrOutcomeUnknown: "outcome-unknown", errors.New("disk"): "internal",
	} {
		k.notices.err = err
		k.call("POST", "/v1/notices/movement-42/resend", opsToken, "").problem(t, code)
	}
	k.notices.err = errors.New("disk")
	k.call("GET", "/v1/notices", opsToken, "").problem(t, "internal")
}

func TestOperatorsOnCustomers(t *testing.T) {
	k := openDesk(t, nil)
	var c api.Customer
	k.call("POST", "/v1/customers/"+linkID+"/freeze", opsToken, `{"reason":"手机被盗 4714"}`).ok(t, &c)
	if got := k.customers.last(t).what; got != "freeze ops 手机被盗 4714" || !c.Frozen || c.Payment.LockedUntil == nil || c.Login.LockedUntil != nil || c.History[0].Who != "operator ops" {
		t.Errorf("%v %+v", got, c)
	}
	k.call("POST", "/v1/customers/"+linkID+"/release", opsToken, `{"reason":"r"}`).ok(t, &c)
	if got := k.customers.last(t).what; got != "release ops r" {
		t.Error(got)
	}
	k.call("POST", "/v1/customers/show", opsToken, `{"channel":"wechat","subject":"o1"}`).ok(t, &c)
	if got := k.customers.last(t).what; got != (customer.Follower{Channel: "wechat", Subject: "o1"}) {
		t.Error(got)
	}
	for _, body := range []string{`{}`, `{"customer":"` + linkID + `","channel":"a","subject":"b"}`} {
		k.call("POST", "/v1/customers/show", opsToken, body).problem(t, "body-invalid")
	}
	for _, body := range []string{`{"customer":"x"}`, `{"customer":"AAAAAAAAAAAAAAAAAAAAAA"}`, `{"channel":"a"}`, `{"channel":"a b","subject":"c"}`} {
		k.call("POST", "/v1/customers/show", opsToken, body).problem(t, "customer-unknown")
	}
	for _, id := range []string{"x", card, "AAAAAAAAAAAAAAAAAAAAAA"} {
		k.call("POST", "/v1/customers/"+id+"/freeze", opsToken, `{"reason":"r"}`).problem(t, "customer-unknown")
	}
	k.call("POST", "/v1/customers/"+linkID+"/freeze", opsToken, `{"reason":""}`).problem(t, "body-invalid")
	if log := k.log.String(); !strings.Contains(log, "customer frozen by operator") || !strings.Contains(log, `"client":"ops"`) {
		t.Error(log)
	}
	k.customers.err = switching.ErrOutcomeUnknown
	k.call("POST", "/v1/customers/"+linkID+"/freeze", opsToken, `{"reason":"r"}`).problem(t, "outcome-unknown")
}

// Nothing that was refused, nor what went wrong, is told by the log or repeated
// in a problem.
func TestRefusalsTellNoSecret(t *testing.T) {
	k := openDesk(t, nil)
	secrets := []string{card, certNumber, smsCode, sealed, session, "13800138000", "87.6177"}
	for _, end := range []struct {
		answer customer.Answer
		err    error
	}{
		{answer: k.customers.end},
		{answer: customer.Answer{Outcome: switching.Refused, Reason: customer.ReasonCodeWrong}},
		{err: errors.New("disk gone")},
	} {
		k.customers.end, k.customers.err = end.answer, end.err
		for _, op := range customerCalls {
			for _, body := range []string{op.body, strings.Replace(op.body, `"}`, `\u0000"}`, 1), strings.Replace(op.body, "{", `{"`+card+`":"1",`, 1)} {
				op.body = body
				answer := k.ask(op, op.token())
				for _, secret := range secrets {
					if answer.status != http.StatusOK && strings.Contains(answer.body, secret) {
						t.Errorf("%s tells %s: %s", op.path, secret, answer.body)
					}
				}
			}
		}
	}
	for _, secret := range secrets {
		if strings.Contains(k.log.String(), secret) {
			t.Errorf("the log tells %s", secret)
		}
	}
}

func TestCustomersWithTheGeneratedClient(t *testing.T) {
	k := openDesk(t, nil)
	c, err := client.NewClientWithResponses(k.url, client.WithHTTPClient(k.http), client.WithRequestEditorFn(client.Bearer(frontToken)))
	if err != nil {
		t.Fatal(err)
	}
	sent, err := c.AuthenticateWithResponse(t.Context(), &client.AuthenticateParams{FollowerChannel: "wechat", FollowerSubject: "o=1/x+y", IdempotencyKey: "k"},
		client.Authentication{CertType: "01", CertNumber: certNumber, Account: card, Code: smsCode, Terms: "1"})
	if err != nil || sent.JSON200 == nil || sent.JSON200.Text != "好" || sent.JSON200.Id != "12000127" {
		t.Fatal(err, sent)
	}
	got := k.customers.last(t)
	r, ok := got.what.(customer.AuthRequest)
	if !ok || got.call.Follower.Subject != "o=1/x+y" || r.CertNumber != certNumber || r.Code.Reveal() != smsCode || r.Account.Reveal() != card || r.Notices != "" {
		t.Errorf("%+v", got)
	}
	lines, err := c.ListBalancesWithResponse(t.Context(), &client.ListBalancesParams{FollowerChannel: "wechat", FollowerSubject: "o1", SessionToken: session, Account: []string{linkID}})
	if err != nil || lines.JSON200 == nil || *lines.JSON200.Balances[0].Balance != 123456 {
		t.Fatal(err, lines)
	}
	k.customers.end = customer.Answer{Outcome: switching.Refused, Reason: customer.ReasonNoSession, Text: "请先登录"}
	refused, err := c.ListAccountsWithResponse(t.Context(), &client.ListAccountsParams{FollowerChannel: "wechat", FollowerSubject: "o1"})
	if err != nil || refused.ApplicationproblemJSONDefault == nil || refused.ApplicationproblemJSONDefault.Text != "请先登录" || refused.StatusCode() != http.StatusForbidden {
		t.Fatal(err, refused)
	}
	if bytes.Contains([]byte(fmt.Sprintf("%+v", got.what)), []byte(smsCode)) {
		t.Error("a code is printed")
	}
}
