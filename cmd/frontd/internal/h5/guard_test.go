package h5

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wxswitch/banks/sim"
	"wxswitch/cmd/frontd/internal/desk"
	"wxswitch/cmd/internal/parts/partstest"
	"wxswitch/cmd/internal/world"
	"wxswitch/codec"
	"wxswitch/switch/api/client"
)

// Who a browser is comes from the exchange of a code only.
func TestIdentity(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	t.Run("an openid in the address is nobody's", func(t *testing.T) {
		x := b.browser("oHonest")
		x.get("/h5/authenticate?openid=oVictim")
		c, _ := b.customer(t.Context(), "oVictim")
		if x.page.status != 200 || c.Followed {
			t.Errorf("%d, %+v", x.page.status, c)
		}
	})
	t.Run("a state of another browser", func(t *testing.T) {
		victim, attacker := b.browser("oVictim2"), b.browser("oAttacker")
		state := attacker.authorize("/h5/accounts")
		victim.authorize("/h5/accounts")
		victim.get("/h5/oauth?code=" + b.platform.code("oAttacker") + "&state=" + state)
		if victim.at("/h5/oauth", 400); !strings.Contains(victim.page.body, "页面已过期") {
			t.Error(victim.page.body)
		}
	})
	t.Run("a state again", func(t *testing.T) {
		x := b.browser("oTwice")
		state := x.authorize("/h5/accounts")
		x.get("/h5/oauth?code=" + b.platform.code("oTwice") + "&state=" + state)
		x.get("/h5/oauth?code=" + b.platform.code("oTwice") + "&state=" + state)
		x.at("/h5/oauth", 400)
	})
	t.Run("a state that is none, or another's but for its end", func(t *testing.T) {
		x := b.browser("oNone")
		state := x.authorize("/h5/accounts")
		end := map[bool]string{true: "1", false: "0"}[strings.HasSuffix(state, "0")]
		for _, state := range []string{"", "1", state[:len(state)-1] + end} {
			x.get("/h5/oauth?code=" + b.platform.code("oNone") + "&state=" + state)
			x.at("/h5/oauth", 400)
		}
	})
	t.Run("another follower in the same browser", func(t *testing.T) {
		x := b.browser("oFirst")
		state := x.authorize("/h5/authenticate")
		x.get("/h5/authenticate")
		x.get("/h5/oauth?code=" + b.platform.code("oSecond") + "&state=" + state)
		var s session
		if !b.sealer.open(sessionCookie, x.cookie(), &s) || s.Subject != "oSecond" {
			t.Errorf("%+v", s)
		}
	})
	t.Run("a state that is too old", func(t *testing.T) {
		defer func() { b.Now = time.Now }()
		for late, status := range map[time.Duration]int{9*time.Minute + 50*time.Second: 200, 10*time.Minute + time.Second: 400} {
			b.Now = time.Now
			x := b.browser("oLate")
			state := x.authorize("/h5/authenticate")
			b.Now = func() time.Time { return time.Now().Add(late) }
			if x.get("/h5/oauth?code=" + b.platform.code("oLate") + "&state=" + state); x.page.status != status {
				t.Errorf("after %s: %d", late, x.page.status)
			}
		}
	})
	t.Run("of many tabs the latest", func(t *testing.T) {
		x := b.browser("oTabs")
		var states []string
		for range maxErrands + 1 {
			states = append(states, x.authorize("/h5/authenticate"))
		}
		for i, status := range map[int]int{0: 400, 1: 200, maxErrands: 200} {
			if x.get("/h5/oauth?code=" + b.platform.code("oTabs") + "&state=" + states[i]); x.page.status != status {
				t.Errorf("the tab %d: %d", i, x.page.status)
			}
		}
	})
	t.Run("which tab is the oldest, its cookie's name says", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodGet, "/h5/authenticate", nil)
		r.AddCookie(&http.Cookie{Name: resultCookie + "0", Value: "x"}) //nolint:gosec // a request's
		for i := range maxErrands {
			r.AddCookie(&http.Cookie{Name: fmt.Sprint(visitCookie, "-", maxErrands-i), Value: "x"}) //nolint:gosec // a request's
		}
		w := httptest.NewRecorder()
		b.ServeHTTP(w, r)
		var gone []string
		for _, c := range w.Result().Cookies() {
			if c.MaxAge < 0 {
				gone = append(gone, c.Name)
			}
		}
		if !slices.Equal(gone, []string{visitCookie + "-1"}) {
			t.Errorf("forgotten: %q", gone)
		}
	})
	t.Run("two pages at once", func(t *testing.T) {
		x := b.browser("oOnce")
		at, _ := url.Parse(b.server.URL + root)
		var states []string
		var cookies []*http.Cookie
		for range 2 { // neither request knows of the other's cookie
			w := httptest.NewRecorder()
			b.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/h5/authenticate", nil))
			to, _ := url.Parse(w.Header().Get("Location"))
			states, cookies = append(states, to.Query().Get("state")), append(cookies, w.Result().Cookies()...)
		}
		x.client.Jar.SetCookies(at, cookies)
		var sessions []string
		for _, state := range states {
			x.get("/h5/oauth?code=" + b.platform.code("oOnce") + "&state=" + state)
			x.at("/h5/authenticate", 200)
			sessions = append(sessions, x.cookie())
		}
		if sessions[0] != sessions[1] {
			t.Error("the first page's form is of another session")
		}
	})
	t.Run("a code again", func(t *testing.T) {
		x := b.browser("oCode")
		code := b.platform.code("oCode")
		_, _, _ = b.platform.Identify(t.Context(), code)
		x.get("/h5/oauth?code=" + code + "&state=" + x.authorize("/h5/accounts"))
		x.at("/h5/oauth", 502)
	})
	t.Run("the way back loaded twice", func(t *testing.T) {
		x := b.browser("oAgain")
		back := "/h5/oauth?code=" + b.platform.code("oAgain") + "&state=" + x.authorize("/h5/authenticate")
		x.get(back)
		x.at("/h5/authenticate", 200)
		x.get(back)
		x.at("/h5/authenticate", 200)
	})
	t.Run("a virtual openid", func(t *testing.T) {
		b.platform.mu.Lock()
		b.platform.snapshot = true
		b.platform.mu.Unlock()
		x := b.browser("oVirtual")
		x.get("/h5/authenticate")
		x.sees("请使用完整服务")
		b.platform.mu.Lock()
		b.platform.snapshot = false
		b.platform.mu.Unlock()
	})
	t.Run("one of whom the switch knows that it follows", func(t *testing.T) {
		b.browser("oFollows").get("/h5/authenticate")
		b.platform.mu.Lock()
		b.platform.strange["oFollows"] = true // is not asked
		b.platform.mu.Unlock()
		x := b.browser("oFollows")
		x.get("/h5/authenticate")
		x.at("/h5/authenticate", 200)
	})
	t.Run("one who does not follow", func(t *testing.T) {
		b.platform.mu.Lock()
		b.platform.strange["oStranger"] = true
		b.platform.mu.Unlock()
		x := b.browser("oStranger")
		x.get("/h5/authenticate")
		x.sees("请先关注公众号")
	})
	t.Run("only pages of ours are led back to", func(t *testing.T) {
		for path, want := range map[string]string{
			"/h5/accounts": "/h5/accounts", "//evil.example": "", "https://evil.example/h5/accounts": "", "/h5/../x": "", "/h5/accounts?x": "",
			"/h5/branches/urmqccb-1/visit": "/h5/branches/urmqccb-1/visit", "/h5/oauth": "", "/h5/accounts\n": "",
			"/h5/authenticate/again": "/h5/authenticate/again", "/h5/authenticate/again/code": "", "/h5/settings/again": "",
		} {
			if got := returnPath(path, ""); got != want {
				t.Errorf("%q leads to %q", path, got)
			}
		}
	})
}

// authorize opens a page, and returns the state with which it went to WeChat.
func (x *browser) authorize(path string) string {
	x.Helper()
	plain := x.client
	plain.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := plain.Get(x.server.URL + path)
	if err != nil {
		x.Fatal(err)
	}
	r.Body.Close()
	to, err := url.Parse(r.Header.Get("Location"))
	if err != nil || to.Host != "open.example" {
		x.Fatal(r.Status, to)
	}
	return to.Query().Get("state")
}

// A form without this session's token changes nothing, nor does one from elsewhere.
func TestForeignForms(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.authenticated("oForms")
	other := b.authenticated("oOther")
	x.get("/h5/deregister")
	other.get("/h5/deregister")
	form := x.fill(nil)
	for name, change := range map[string]func(url.Values, http.Header){
		"no token":       func(f url.Values, _ http.Header) { f.Del("csrf") },
		"another's":      func(f url.Values, _ http.Header) { f.Set("csrf", other.fill(nil).Get("csrf")) },
		"cross-site":     func(_ url.Values, h http.Header) { h.Set("Sec-Fetch-Site", "cross-site") },
		"other origin":   func(_ url.Values, h http.Header) { h.Set("Origin", "https://evil.example") },
		"not a form":     func(f url.Values, _ http.Header) { f.Set("csrf", strings.Repeat("x", maxForm)) },
		"by GET instead": nil,
	} {
		typed := with(form)
		h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		method := http.MethodPost
		if change == nil {
			method = http.MethodGet
		} else {
			change(typed, h)
		}
		r, _ := http.NewRequest(method, b.server.URL+"/h5/deregister?"+map[bool]string{true: typed.Encode()}[method == "GET"], strings.NewReader(typed.Encode()))
		r.Header = h
		x.take(x.client.Do(r))
		if c, err := b.customer(t.Context(), "oForms"); err != nil || c.State != "authenticated" {
			t.Fatalf("%s: %v %v", name, c.State, err)
		}
		if method == http.MethodPost && x.page.status < 400 {
			t.Errorf("%s: %d", name, x.page.status)
		}
	}
	x.get("/h5/deregister")
	x.send("/h5/deregister", nil)
	x.sees(`data-result="approved"`)
}

// The cookie is another after each step that changes what it stands for, is sealed,
// and over after a while.
func TestTheSessionCookie(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.browser("oCookie")
	x.get("/h5/authenticate")
	before := x.cookie()
	x.send("/h5/authenticate/code", x.identity(bankA))
	x.send("/h5/authenticate", with(x.identity(bankA), "code", x.code(bankA), "terms", theTerms))
	after := x.cookie()
	var s1, s2 session
	if !b.sealer.open(sessionCookie, before, &s1) || !b.sealer.open(sessionCookie, after, &s2) || s1.ID == s2.ID || s1.CSRF == s2.CSRF || s2.Subject != "oCookie" {
		t.Errorf("%+v, %+v", s1, s2)
	}
	if strings.Contains(after, "oCookie") || b.sealer.open(visitCookie, after, &s1) {
		t.Error("the cookie is not sealed, or opens under another name")
	}
	later := time.Now().Add(idleLife + time.Minute)
	b.Now = func() time.Time { return later }
	x.page = page{}
	x.get("/h5/deregister")
	x.at("/h5/deregister", 200) // by WeChat, unseen
	b.Now = func() time.Time { return later.Add(2 * idleLife) }
	x.send("/h5/deregister", nil)
	if x.at("/h5/deregister", 403); !strings.Contains(x.page.body, "未提交") {
		t.Error(x.page.body)
	}
}

// Who goes on for ever is asked who it is after twelve hours all the same.
func TestASessionEnds(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	now := time.Now()
	b.Now = func() time.Time { return now }
	for _, c := range []struct {
		began, seen time.Duration // ago
		open        bool
	}{
		{11*time.Hour + 59*time.Minute, time.Minute, true},
		{12*time.Hour + time.Minute, time.Minute, false},
		{time.Hour, 29 * time.Minute, true},
		{time.Hour, 31 * time.Minute, false},
		{-time.Minute, -time.Minute, true},      // at an instance whose clock is ahead
		{-8 * time.Hour, -8 * time.Hour, false}, // before the clock was set back
	} {
		x := session{Subject: "oEnds", Began: now.Add(-c.began).Unix(), Seen: now.Add(-c.seen).Unix()}
		r := httptest.NewRequest(http.MethodGet, "/h5/accounts", nil)
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: b.sealer.seal(sessionCookie, x)}) //nolint:gosec // a request's
		if _, open := b.read(r); open != c.open {
			t.Errorf("begun %s ago, seen %s ago: open is %t", c.began, c.seen, open)
		}
	}
}

// What makes the session anew does not put that off: who it is, WeChat alone says.
func TestASessionMadeAnewEndsNoLater(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.loggedIn("oAnew")
	var first, last session
	b.sealer.open(sessionCookie, x.cookie(), &first)
	later := time.Now().Add(idleLife - time.Minute)
	b.Now = func() time.Time { return later }
	x.send("/h5/logout", nil)
	if !b.sealer.open(sessionCookie, x.cookie(), &last) || last.ID == first.ID || last.Began != first.Began || last.Seen != later.Unix() {
		t.Errorf("%+v after %+v", last, first)
	}
}

// The platform is waited for ten minutes, by whatever the clock was set to meanwhile: a
// state is remembered as served for little longer.
func TestAnErrandEnds(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	now := time.Now()
	b.Now = func() time.Time { return now }
	for ago, ours := range map[time.Duration]bool{
		9 * time.Minute: true, 11 * time.Minute: false, -time.Minute: true, -8 * time.Hour: false,
	} {
		e := errand{State: strings.Repeat("0", 48), To: "/h5/accounts", At: now.Add(-ago).Unix()}
		name, _ := b.errandCookie(e.State)
		r := httptest.NewRequest(http.MethodGet, "/h5/oauth?state="+e.State, nil)
		r.AddCookie(&http.Cookie{Name: name, Value: b.sealer.seal(name, e)}) //nolint:gosec // a request's
		if _, is := b.errandOf(r); is != ours {
			t.Errorf("sent %s ago: ours is %t", ago, is)
		}
	}
}

// A state is served once, by the switch's word, for as long as its cookie lives: so it
// is where somebody has both.
func TestAStateIsServedOnce(t *testing.T) {
	b, ahead := startAhead(t)
	x := b.browser("oServed")
	state := x.authorize("/h5/accounts")
	for past, status := range []int{200, 400} {
		ahead.Store(int64(past) * int64(stateLife-time.Second))
		x.get("/h5/oauth?code=" + b.platform.code("oServed") + "&state=" + state)
		if x.page.status != status {
			t.Errorf("%d: %s %d", past, x.page.url, x.page.status)
		}
	}
}

// Where the pages are secure, no other host of the domain can plant a cookie, and
// no browser that was here once comes without TLS.
func TestSecurePages(t *testing.T) {
	o := start(t, world.Options{Tune: quick}).Site.Options
	o.Public, o.Registerer = "https://wx.example.cn", nil
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(cookies ...*http.Cookie) *http.Response {
		r := httptest.NewRequest(http.MethodGet, "/h5/page-key", nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Result()
	}
	stranger := ask()
	if got := stranger.Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("HSTS %q", got)
	}
	in := httptest.NewRecorder()
	s.begin(in, session{Subject: "oSecure"})
	made := append(stranger.Cookies(), in.Result().Cookies()...)
	for _, c := range made {
		if !strings.HasPrefix(c.Name, "__Host-front") || !c.Secure || c.Path != "/" || c.Domain != "" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
			t.Error(c)
		}
	}
	session := made[len(made)-1]
	if r := ask(session); len(made) != 2 || r.StatusCode != http.StatusOK {
		t.Error(made, r.Status)
	}
	session.Name = sessionCookie // as a sibling could plant it
	if r := ask(session); r.StatusCode != http.StatusFound {
		t.Error("a planted cookie counts: ", r.Status)
	}
}

func (x *browser) cookie() string {
	u, _ := url.Parse(x.server.URL + "/h5/")
	for _, c := range x.client.Jar.Cookies(u) {
		if c.Name == sessionCookie {
			return c.Value
		}
	}
	return ""
}

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "

// A key is replaced while cookies of the one before live: these open, and none is made
// by it any more.
func TestAKeyIsReplaced(t *testing.T) {
	before, now := make([]byte, KeySize), []byte(strings.Repeat("k", KeySize))
	sealers := make([]*sealer, 3)
	for i, keys := range [][][]byte{{before}, {now, before}, {now}} {
		var err error
		if sealers[i], err = newSealer(keys); err != nil {
			t.Fatal(err)
		}
	}
	var x session
	if !sealers[1].open(sessionCookie, sealers[0].seal(sessionCookie, session{Subject: "oBefore"}), &x) || x.Subject != "oBefore" {
		t.Errorf("of the key before: %+v", x)
	}
	if !sealers[2].open(sessionCookie, sealers[1].seal(sessionCookie, session{Subject: "oNow"}), &x) || x.Subject != "oNow" {
		t.Errorf("of the key now: %+v", x)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := start(t, world.Options{Tune: quick}).Site.Options
	for name, change := range map[string]func(*Options){
		"no key":      func(o *Options) { o.Keys = nil },
		"a short key": func(o *Options) { o.Keys = [][]byte{good.Keys[0], good.Keys[0][1:]} },
		"no host":     func(o *Options) { o.Public = "/h5" },
		"no URL":      func(o *Options) { o.Public = "https://wx.example.cn:x" },
		"a page":      func(o *Options) { o.Public += "/h5" },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil {
			t.Error(name + " is taken")
		}
	}
}

// Every page says how it may be used.
func TestHeaders(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.browser("oHeaders")
	x.get("/h5/authenticate")
	r, err := x.client.Get(b.server.URL + "/h5/authenticate")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	for name, want := range map[string]string{
		"Content-Security-Policy": policy + "'none'", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		"Referrer-Policy": "same-origin",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	x.sees(b.Site.Name)
	if strings.Contains(x.page.body, "<script>") || strings.Contains(x.page.body, " style=") {
		t.Error("inline script or style")
	}
	o := b.Site.Options
	o.FrameAncestors = "https://phone.example"
	framed, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	framed.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/h5/terms", nil))
	if got := w.Header(); got.Get("Content-Security-Policy") != policy+"https://phone.example" || got.Get("X-Frame-Options") != "" {
		t.Error(got)
	}
	if x.get("/h5/nothing"); x.page.status != 404 {
		t.Error(x.page.status)
	}
}

// What a page of a result shows is its browser's alone.
func TestAResultIsItsBrowsers(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x, y := b.authenticated("oResult"), b.browser("oResult")
	path := x.page.url.Path
	for who, path := range map[*browser]string{y: path, x: path[:len(path)-1]} {
		who.get(path)
		who.at(path, 404)
		who.sees("页面已过期")
	}
	x.get(path)
	x.sees("认证成功，感谢您的使用")
}

func TestPagesAreCounted(t *testing.T) {
	o := start(t, world.Options{Tune: quick}).Site.Options
	registry := prometheus.NewRegistry()
	o.Registerer = registry
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/h5/terms", "/h5/terms", "/h5/nothing", "/h5/security/reset/login"} {
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	want := map[string]uint64{
		"frontd_pages_total terms 200": 2, "frontd_pages_total unknown 404": 1, "frontd_pages_total security-reset-login 302": 1,
		"frontd_page_seconds terms": 2, "frontd_page_seconds unknown": 1, "frontd_page_seconds security-reset-login": 1,
	}
	if got := partstest.Counted(t, registry); !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// The front may die and come back, or be another one: the form that is open goes on.
func TestAFormOutlivesTheFront(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.authenticated("oOutlives")
	x.get("/h5/deregister")
	again, err := New(b.Site.Options)
	if err != nil {
		t.Fatal(err)
	}
	b.Site = again
	x.send("/h5/deregister", nil)
	x.sees("交易成功")
}

// What is accepted are the terms that were shown with the form: who was shown others
// is asked again.
func TestTheTermsThatWereShownAreAccepted(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.browser("oTerms")
	x.get("/h5/authenticate")
	x.send("/h5/authenticate/code", x.identity(bankA))
	ticked := regexp.MustCompile(`name="(terms|notices)" value="([^"]*)"`)
	shown := func() url.Values {
		form := with(x.identity(bankA), "code", x.code(bankA))
		for _, m := range ticked.FindAllStringSubmatch(x.page.body, -1) {
			form.Set(m[1], m[2])
		}
		return form
	}
	before := shown()
	o := b.Site.Options
	o.Terms = "2027-01"
	changed, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	b.Site = changed
	x.send("/h5/authenticate", before)
	if x.sees("请阅读并同意服务协议和隐私政策"); strings.Contains(x.page.body, " checked") {
		t.Error("the new terms are ticked")
	}
	x.send("/h5/authenticate", shown())
	x.sees(`data-result="approved"`)
	c, err := b.customer(t.Context(), "oTerms")
	if err != nil || len(c.Consents) != 2 || c.Consents[0].Version != "2027-01" || c.Consents[1].Version != "2027-01" {
		t.Errorf("%+v, %v", c.Consents, err)
	}
}

// The switch may have missed that somebody who had left came back: the page asks
// the platform, and the next tap is carried out.
func TestOneWhoCameBackUnheard(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.authenticated("oBack")
	left := func(followsNow bool) {
		b.platform.mu.Lock()
		defer b.platform.mu.Unlock()
		b.platform.strange["oBack"] = !followsNow
		_, err := desk.Ask[client.Ended](b.Switch.Unfollow(t.Context(), &client.UnfollowParams{FollowerChannel: "wechat", FollowerSubject: "oBack", IdempotencyKey: newKey()}))
		if err != nil {
			t.Fatal(err)
		}
	}
	page := "/h5/branches/urmqccb-1/visit"
	x.get(page)
	typed := url.Values{"phone": {"13800138000"}, "business": {"vip"}}
	left(false)
	x.send(page, typed)
	x.sees("请先关注公众号后再办理")
	left(true)
	x.send(page, typed)
	x.sees("请稍后再试", "13800138000")
	x.send(page, typed)
	x.sees(`data-result="approved"`)
	for followsNow, page := range map[bool]string{true: "/h5/authenticate", false: "/h5/security"} {
		left(followsNow)
		x.get(page)
		if c, err := b.customer(t.Context(), "oBack"); err != nil || c.Followed != followsNow {
			t.Errorf("follows %t: after %s, %+v, %v", followsNow, page, c, err)
		}
	}
}

// The platform is asked whether somebody follows, and the follower leaves before the
// switch is told what it said: the later word counts.
func TestOneWhoLeavesMeanwhile(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.authenticated("oLeaves")
	asked, left := time.Now().Add(-30*time.Second), time.Now()
	b.Now = func() time.Time { return asked }
	_, err := desk.Ask[client.Ended](b.Switch.Unfollow(t.Context(), &client.UnfollowParams{
		FollowerChannel: "wechat", FollowerSubject: "oLeaves", IdempotencyKey: newKey(), At: left.Unix(),
	}))
	if err != nil {
		t.Fatal(err)
	}
	x.get("/h5/authenticate") // the platform says that it follows
	if c, err := b.customer(t.Context(), "oLeaves"); err != nil || c.Followed {
		t.Errorf("%+v, %v", c, err)
	}
}

// A form is bounded, and nothing of one that is larger is carried out.
func TestALargeForm(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.browser("oLarge")
	for size, status := range map[int]int{maxForm / 2: 400, maxForm: 413} {
		x.get("/h5/authenticate")
		x.send("/h5/authenticate", url.Values{"cert_number": {strings.Repeat("1", size)}})
		x.at("/h5/authenticate", status)
	}
}

// A part of a page is not led to WeChat, which would answer it with a page of its own:
// the page that asks for it is loaded again.
func TestAPartOfNobody(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.browser("oPart")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.server.URL+"/h5/accounts/0123456789012345678901/balance", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(partHeader, "1")
	x.take(x.client.Do(r))
	x.at("/h5/accounts/0123456789012345678901/balance", 403)
}

// Of what a bank did not tell the page says nothing.
func TestBalanceThatTheBankDidNotTell(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	fen := int64(-50)
	for _, c := range []struct{ balance, available *int64 }{{&fen, nil}, {nil, &fen}} {
		w := httptest.NewRecorder()
		b.part(w, "balance", "balance", client.BalanceLine{Outcome: client.BalanceLineOutcomeApproved, Balance: c.balance, Available: c.available})
		says := w.Body.String()
		if w.Code != http.StatusOK || strings.Contains(says, "余额") != (c.balance != nil) || strings.Contains(says, "可用") != (c.available != nil) ||
			strings.Count(says, "-¥0.50") != 1 {
			t.Errorf("%d %s", w.Code, says)
		}
	}
}

// A balance that comes after a logout does not bring the session back.
func TestALatePartKeepsNoSession(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.loggedIn("oLatePart")
	balance := regexp.MustCompile(`data-part="([^"]+)"`).FindStringSubmatch(x.page.body)[1]
	later := time.Now().Add(renewAfter + time.Minute)
	b.Now = func() time.Time { return later }
	if _, err := b.Sims[bankA].SetFault(sim.Fault{Kind: sim.Delay, Type: codec.Balance, Delay: 1200 * time.Millisecond, Count: 1}); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.server.URL+balance, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(partHeader, "1")
	late := make(chan error)
	go func() {
		a, err := x.client.Do(r)
		if err == nil {
			err = a.Body.Close()
		}
		late <- err
	}()
	time.Sleep(300 * time.Millisecond)
	x.send("/h5/logout", nil)
	x.sees("已退出登录")
	if err := <-late; err != nil {
		t.Fatal(err)
	}
	if x.get("/h5/security"); strings.Contains(x.page.body, "退出登录") {
		t.Error("logged in again")
	}
}

// Who kept a cookie from before has no session after a logout: the switch ended it.
func TestALogoutIsTheSwitchs(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.loggedIn("oOut")
	before := x.cookie()
	x.send("/h5/logout", nil)
	x.sees("已退出登录")
	at, err := url.Parse(b.server.URL + root)
	if err != nil {
		t.Fatal(err)
	}
	x.client.Jar.SetCookies(at, []*http.Cookie{{Name: sessionCookie, Value: before, Path: root}}) //nolint:gosec // a test's
	x.get("/h5/accounts")
	x.at("/h5/login", 200)
}

// Who goes on is known for longer than one who does not.
func TestASessionIsKeptByUse(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.browser("oUse")
	x.get("/h5/authenticate")
	var first, last session
	b.sealer.open(sessionCookie, x.cookie(), &first)
	begun := time.Now()
	for _, past := range []time.Duration{idleLife - time.Minute, 2*idleLife - 2*time.Minute} {
		b.Now = func() time.Time { return begun.Add(past) }
		x.get("/h5/authenticate")
		if !b.sealer.open(sessionCookie, x.cookie(), &last) || last.ID != first.ID {
			t.Errorf("after %s: %+v, not %+v", past, last, first)
		}
	}
}

// What is served beside the pages may be kept, by an address that a new build changes,
// and is not listed.
func TestStaticFiles(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.browser("oStatic")
	for version, kept := range map[string]string{staticHash: "public, max-age=31536000, immutable", "before": "no-cache"} {
		r, err := x.client.Get(b.server.URL + "/h5/static/front.css?v=" + version)
		if x.take(r, err); r.Header.Get("Cache-Control") != kept {
			t.Errorf("%s: %q", version, r.Header.Get("Cache-Control"))
		}
		x.at("/h5/static/front.css", 200)
		x.sees(".button")
	}
	for _, path := range []string{"/h5/static/", "/h5/static"} {
		if x.get(path); x.page.status != http.StatusNotFound || !strings.Contains(x.page.body, "页面不存在") {
			t.Errorf("%s: %d %s", path, x.page.status, x.page.body)
		}
	}
}

// A balance that cannot be asked for is of no account that could be named.
func TestBalanceWithoutTheSwitch(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.loggedIn("oNameless")
	b.wire.set("", true)
	x.get("/h5/accounts/" + strings.Repeat("A", 22) + "/balance")
	if x.sees("系统繁忙，请稍后再试"); strings.Contains(x.page.body, "尾号") {
		t.Error(x.page.body)
	}
}
