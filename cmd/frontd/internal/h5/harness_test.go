package h5

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"wxswitch/cmd/internal/parts/partstest"
	"wxswitch/cmd/internal/world"
	"wxswitch/cmd/internal/world/worldtest"
	"wxswitch/cmd/switchd/app"
	"wxswitch/switch/api/client"
)

// bench is a switch with its banks, a platform, and a site between them.
type bench struct {
	*testing.T
	*world.World
	*Site
	platform *platform
	server   *httptest.Server
	log      *partstest.Text
	wire     *wire
	persons  int // so many have been looked at
}

// wire is between the site and the switch. It loses answers.
type wire struct {
	mu   sync.Mutex // guards what follows
	lose string     // the end of a path; the next answer to it is lost
	cut  bool       // nothing is connected any more
	hush bool       // from the lost answer on nothing is answered
	odd  string     // what stands between answers in place of the next one
}

// errLost says that a connection was there, and something may have come through.
var errLost = &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset")}

func (l *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	cut := l.cut
	lost := l.lose != "" && strings.HasSuffix(r.URL.Path, l.lose)
	silent, odd := l.hush && l.lose == "", l.odd
	if lost {
		l.lose, l.odd = "", ""
	}
	l.mu.Unlock()
	if silent {
		return nil, errLost
	}
	if cut {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("refused")}
	}
	a, err := http.DefaultTransport.RoundTrip(r)
	if lost && err == nil {
		a.Body.Close()
		if odd != "" {
			return &http.Response{StatusCode: http.StatusGatewayTimeout, Body: io.NopCloser(strings.NewReader(odd)), Header: http.Header{}}, nil
		}
		return nil, errLost
	}
	return a, err
}

func (l *wire) set(lose string, cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lose, l.cut, l.hush, l.odd = lose, cut, false, ""
}

// leave has the next answer to the path lost, and none after it.
func (l *wire) leave(path string) {
	l.set(path, false)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hush = true
}

// between has something else answer in place of the switch, which has done it.
func (l *wire) between(path, answer string) {
	l.set(path, false)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.odd = answer
}

// platform stands for WeChat: a code is good once, and followers are those it
// was told of.
type platform struct {
	mu       sync.Mutex // guards what follows
	codes    map[string]string
	strange  map[string]bool // openids that do not follow
	snapshot bool
	down     bool
}

func (p *platform) Identify(_ context.Context, code string) (string, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	openID, ok := p.codes[code]
	delete(p.codes, code)
	if !ok || p.down {
		return "", false, errors.New("40163")
	}
	return openID, p.snapshot, nil
}

func (p *platform) Follows(_ context.Context, openID string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.strange[openID], nil
}

func (p *platform) code(openID string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	code := random()
	p.codes[code] = openID
	return code
}

// nobody is one of the made-up people whose accounts are in normal standing, and that
// the bench has not seen yet.
func (b *bench) nobody() int {
	for {
		b.persons++
		if n := b.persons; n%10 != 9 && n > 2 && n < 16 || n > 17 && n%17 != 16 && n%16 != 7 {
			return n
		}
	}
}

// startAhead is start with clocks, the switch's and the site's, that are ahead by what
// the test sets.
func startAhead(t *testing.T) (b *bench, ahead *atomic.Int64) {
	t.Helper()
	ahead = new(atomic.Int64)
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	b = start(t, world.Options{Tune: func(c *app.Config) { quick(c); c.Now = now }})
	b.Now = now
	return b, ahead
}

func start(t *testing.T, o world.Options) *bench {
	t.Helper()
	w := worldtest.Start(t, o)
	b := &bench{T: t, World: w, log: &partstest.Text{}, wire: &wire{}, platform: &platform{codes: make(map[string]string), strange: make(map[string]bool)}}
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.ServeHTTP(w, r) }))
	t.Cleanup(b.server.Close)
	c, err := client.NewClientWithResponses(w.URL(), client.WithHTTPClient(&http.Client{Timeout: 30 * time.Second, Transport: b.wire}),
		client.WithRequestEditorFn(client.Bearer(w.Token)))
	if err != nil {
		t.Fatal(err)
	}
	b.Site, err = New(Options{
		Switch: c, Channel: "wechat", Platform: b.platform, Public: b.server.URL, Authorize: "https://open.example/authorize", AppID: "wx1",
		Name: "新疆汇和银行", Terms: theTerms, Keys: [][]byte{[]byte("0123456789abcdef0123456789abcdef")}, Now: time.Now, Log: zerolog.New(b.log),
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// browser is a follower's, inside WeChat but without JavaScript.
type browser struct {
	*bench
	openID string
	person int
	client http.Client
	page   page
}

// page is what was last shown.
type page struct {
	status int
	url    *url.URL
	body   string
}

func (b *bench) browser(openID string) *browser {
	jar, _ := cookiejar.New(nil)
	x := &browser{bench: b, openID: openID, person: b.nobody()}
	x.client = http.Client{Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "open.example" { // WeChat asks nothing, and sends the browser back
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return x
}

func (x *browser) take(r *http.Response, err error) page {
	x.Helper()
	if err != nil {
		x.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		x.Fatal(err)
	}
	x.page = page{r.StatusCode, r.Request.URL, html.UnescapeString(string(body))}
	if strings.Count(x.page.body, "</html>") > 1 {
		x.Fatalf("%s: two pages in one answer:\n%s", x.page.url, x.page.body)
	}
	if at := r.Header.Get("Location"); strings.HasPrefix(at, "https://open.example") {
		to, err := url.Parse(at)
		if err != nil {
			x.Fatal(err)
		}
		back := to.Query().Get("redirect_uri") + "?code=" + x.platform.code(x.openID) + "&state=" + to.Query().Get("state")
		return x.take(x.client.Get(back))
	}
	return x.page
}

func (x *browser) get(path string) page {
	x.Helper()
	return x.take(x.client.Get(x.server.URL + path))
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([a-z_]+)" value="([^"]*)">`)

// fill is the form that is shown, with what is typed.
func (x *browser) fill(typed url.Values) url.Values {
	form := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(x.page.body, -1) {
		form.Set(m[1], m[2])
	}
	maps.Copy(form, typed)
	return form
}

func (x *browser) post(path string, form url.Values) page {
	x.Helper()
	return x.take(x.client.PostForm(x.server.URL+path, form))
}

// send fills in the form that is shown, and sends it.
func (x *browser) send(path string, typed url.Values) page {
	x.Helper()
	return x.post(path, x.fill(typed))
}

// sees fails if the page does not say so.
func (x *browser) sees(texts ...string) {
	x.Helper()
	for _, text := range texts {
		if !strings.Contains(x.page.body, text) {
			x.Fatalf("%s %d: no %q in\n%s", x.page.url, x.page.status, text, x.page.body)
		}
	}
}

// at fails if another page is shown.
func (x *browser) at(path string, status int) {
	x.Helper()
	if x.page.url.Path != path || x.page.status != status {
		x.Fatalf("at %s with %d, not at %s with %d:\n%s", x.page.url, x.page.status, path, status, x.page.body)
	}
}

func (x *browser) follower() *world.Follower { return x.Follower(x.openID, x.person) }

func (x *browser) code(bank string) string {
	x.Helper()
	code, err := x.follower().LastCode(x.Context(), bank)
	if err != nil {
		x.Fatal(err)
	}
	return code
}

// seal does what front.js does.
func (x *browser) seal(passwords url.Values) url.Values {
	x.Helper()
	key := x.take(x.client.Get(x.server.URL + "/h5/page-key"))
	var k struct{ Kid, Spki, Nonce string }
	if err := json.Unmarshal([]byte(key.body), &k); err != nil {
		x.Fatal(err)
	}
	sealed := url.Values{}
	for name := range passwords {
		box, err := world.SealPassword(k.Kid, k.Spki, k.Nonce, passwords.Get(name))
		if err != nil {
			x.Fatal(err)
		}
		sealed.Set(name, box)
	}
	return sealed
}

// identity is what the person types about itself.
func (x *browser) identity(bank string) url.Values {
	p := x.follower().At(bank)
	return url.Values{"cert_type": {p.CertType}, "cert_number": {p.Cert.Reveal()}, "account": {x.follower().Account(bank)}}
}

func with(v url.Values, pairs ...string) url.Values {
	out := url.Values{}
	maps.Copy(out, v)
	for i := 0; i < len(pairs); i += 2 {
		out.Set(pairs[i], pairs[i+1])
	}
	return out
}

const (
	bankA, bankB = "urmqccb", "xjrcu"
	theTerms     = "2026-11"
	theirLogin   = "kashgar-1847"
	theirPay     = "806175"
)

// authenticated is a browser whose follower is a customer.
func (b *bench) authenticated(openID string) *browser {
	b.Helper()
	return b.browser(openID).authenticates(bankA)
}

// authenticates is 客户认证, with the account at the bank.
func (x *browser) authenticates(bank string) *browser {
	x.Helper()
	x.get("/h5/authenticate")
	x.send("/h5/authenticate/code", x.identity(bank))
	x.send("/h5/authenticate", with(x.identity(bank), "code", x.code(bank), "terms", theTerms, "notices", theTerms))
	x.sees(`data-result="approved"`, "认证成功，感谢您的使用")
	return x
}

// loggedIn is one who has passwords and is logged in.
func (b *bench) loggedIn(openID string) *browser {
	b.Helper()
	return b.authenticated(openID).logsIn()
}

func (x *browser) logsIn() *browser {
	x.Helper()
	x.get("/h5/settings")
	form := x.fill(nil)
	sealed := x.seal(url.Values{"login": {theirLogin}, "payment": {theirPay}})
	x.post("/h5/settings", with(form, "login", sealed.Get("login"), "payment", sealed.Get("payment")))
	x.sees(`data-result="approved"`)
	x.get("/h5/login")
	form = x.fill(nil)
	x.post("/h5/login", with(form, "password", x.seal(url.Values{"password": {theirLogin}}).Get("password")))
	x.at("/h5/accounts", 200)
	return x
}
