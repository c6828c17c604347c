package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDoors(t *testing.T) {
	s := start(t, nil)
	for _, test := range []struct {
		host, path string
		status     int
	}{
		{"127.0.0.1", "/", http.StatusFound},
		{"[::1]", "/", http.StatusFound},
		{"localhost", "/", http.StatusFound},
		{"f1.localhost", "/", http.StatusOK},
		{"F2.LOCALHOST", "/", http.StatusOK},
		{"f3.localhost", "/", http.StatusNotFound},
		{"f3.localhost", "/sim/state", http.StatusNotFound},
		{"x.localhost", "/", http.StatusMisdirectedRequest},
		{"evil.example", "/sim/state", http.StatusMisdirectedRequest},
		{"f1.localhost.evil.example", "/sim/state", http.StatusMisdirectedRequest},
		{"192.168.1.7", "/cgi-bin/menu/get", http.StatusMisdirectedRequest},
		{"127.0.0.1", "/sim/state", http.StatusNotFound},
		{"f1.localhost", "/cgi-bin/menu/get", http.StatusNotFound},
		{"127.0.0.1", "/h5/accounts", http.StatusNotFound},
		{"127.0.0.1", "/connect/oauth2/authorize", http.StatusForbidden},
		{"f1.localhost", "/sim/page/index.html", http.StatusMovedPermanently}, // to ./
		{"f1.localhost", "/sim/page/../../config.go", http.StatusTemporaryRedirect},
		{"f1.localhost", "/sim/outside?url=http%3A%2F%2Fexample.com%2Frates", http.StatusOK},
	} {
		answer, _ := s.do(http.MethodGet, s.host(test.host)+test.path, "")
		if answer.StatusCode != test.status {
			t.Errorf("%s%s: %d, want %d", test.host, test.path, answer.StatusCode, test.status)
		}
	}
	answer, _ := s.do(http.MethodGet, s.host("localhost")+"/", "")
	if to := answer.Header.Get("Location"); to != s.host("f1.localhost")+"/" {
		t.Error(to)
	}
	answer, _ = s.do(http.MethodGet, s.host("f1.localhost")+"/", "")
	if csp := answer.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self';") || strings.Contains(csp, "unsafe") {
		t.Error(csp)
	}
}

func TestAnotherOriginChangesNothing(t *testing.T) {
	s := start(t, nil)
	for _, headers := range [][]string{
		{"Origin", "http://evil.example"},
		{"Origin", s.host("f2.localhost")},
		{"Origin", "null"},
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
	} {
		answer, _ := s.do(http.MethodPost, s.host("f1.localhost")+"/sim/unfollow", "{}", headers...)
		if answer.StatusCode != http.StatusForbidden {
			t.Errorf("%v: %d", headers, answer.StatusCode)
		}
		answer, _ = s.do(http.MethodPost, s.host("f1.localhost")+"/h5/form", "a=b", headers...)
		if answer.StatusCode != http.StatusForbidden {
			t.Errorf("%v, a page: %d", headers, answer.StatusCode)
		}
	}
	answer, _ := s.do(http.MethodGet, s.host("f1.localhost")+"/sim/unfollow", "")
	if answer.StatusCode == http.StatusOK || !s.state("f1").Followers[0].Following {
		t.Error("somebody else unfollowed")
	}
	for _, body := range []string{"[]", `{"unknown":1}`, `{"text":7}`, `{"text":"` + strings.Repeat("x", 9000) + `"}`} {
		if status, _ := s.try("f1", "say", body); status != http.StatusBadRequest {
			t.Errorf("%.20s: %d", body, status)
		}
	}
}

func TestPagesStayOnThePhonesOrigin(t *testing.T) {
	s := start(t, nil)
	f1, front := s.host("f1.localhost"), s.front.URL
	answer, page := s.do(http.MethodPost, f1+"/h5/form?x=1", "a=b", "Origin", f1, "Referer", f1+"/h5/form", "Cookie", "other=1")
	want := fmt.Sprintf("POST /h5/form host=%s origin=%s referer=%s/h5/form cookie= body=a=b", strings.TrimPrefix(front, "http://"), front, front)
	if page != want || answer.StatusCode != http.StatusOK {
		t.Errorf("got %s\nwant %s", page, want)
	}
	for to, want := range map[string]string{
		"/h5/accounts":             "/h5/accounts",
		front + "/h5/accounts?p=2": "/h5/accounts?p=2",
		"http://" + s.addr + "/connect/oauth2/authorize?a=b#wechat_redirect":       "/connect/oauth2/authorize?a=b#wechat_redirect",
		"https://open.weixin.qq.com/connect/oauth2/authorize?a=b":                  "/connect/oauth2/authorize?a=b",
		"https://example.com/rates":                                                "/sim/outside?url=https%3A%2F%2Fexample.com%2Frates",
		"http://open.weixin.qq.com.evil.example/connect/oauth2/authorize":          "/sim/outside?url=http%3A%2F%2Fopen.weixin.qq.com.evil.example%2Fconnect%2Foauth2%2Fauthorize",
		strings.Replace(front, "127.0.0.1", "127.0.0.1.evil.example", 1) + "/h5/x": "/sim/outside?url=" + url.QueryEscape(strings.Replace(front, "127.0.0.1", "127.0.0.1.evil.example", 1)+"/h5/x"),
	} {
		answer, _ := s.do(http.MethodGet, f1+"/h5/go?to="+url.QueryEscape(to), "")
		if got := answer.Header.Get("Location"); got != want {
			t.Errorf("%s leads to %s, want %s", to, got, want)
		}
	}
	if answer, _ := s.do(http.MethodPost, f1+"/h5/form", strings.Repeat("x", maxForm+1)); answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Error("too large a form:", answer.StatusCode)
	}
	s.front.CloseClientConnections()
	s.front.Listener.Close()
	if answer, page := s.do(http.MethodGet, f1+"/h5/accounts", ""); answer.StatusCode != http.StatusBadGateway || !strings.Contains(page, "网络出错") {
		t.Error(answer.StatusCode, page)
	}
}

// TestCookiesAreTheOpenIDs: what the front gave one openid does not come back
// from the next that the phone has.
func TestCookiesAreTheOpenIDs(t *testing.T) {
	s := start(t, nil)
	f1 := s.host("f1.localhost")
	given := func(n string) string {
		answer, _ := s.do(http.MethodGet, f1+"/h5/go?to=/h5/x&n="+n, "")
		line := answer.Header.Get("Set-Cookie")
		pair, attributes, _ := strings.Cut(line, ";")
		if attributes != " Path=/h5/; HttpOnly" {
			t.Error(line)
		}
		return pair
	}
	sees := func(cookies string) string {
		_, page := s.do(http.MethodGet, f1+"/h5/x", "", "Cookie", cookies)
		_, rest, _ := strings.Cut(page, "cookie=")
		return strings.TrimSuffix(rest, " body=")
	}
	first := given("1")
	if got := sees(first); got != "front=of-1" {
		t.Error(got)
	}
	s.order("f1", "reset", `{}`)
	if got := sees(first); got != "" {
		t.Error("after a reset:", got)
	}
	if got := sees(first + "; " + given("2")); got != "front=of-2" {
		t.Error(got)
	}
}

func TestReset(t *testing.T) {
	s := start(t, nil)
	s.order("f2", "follow", `{}`)
	s.order("f1", "faults", `{"front":"silent","quota":true,"blocked":true,"errcode":-1,"errcode_count":5}`)
	old := []string{s.openID("f1"), s.openID("f2")}
	s.order("f2", "reset", `{}`)
	state := s.state("f1")
	f := state.Faults
	if f.Front != "ok" || f.Quota || f.Blocked || f.Code != 0 || len(state.Chat) != 0 {
		t.Errorf("%+v", state)
	}
	if a, b := state.Followers[0], state.Followers[1]; a.OpenID == old[0] || b.OpenID == old[1] || !a.Following || b.Following {
		t.Errorf("%+v", state.Followers)
	}
	gone := map[string]bool{}
	for range 2 {
		gone[s.front.heard(t, "unsubscribe").From] = true
	}
	if !gone[old[0]] || !gone[old[1]] {
		t.Error(gone)
	}
}

// An answer to who was there before a reset is not shown to who is there now.
func TestAnAnswerFromBeforeAReset(t *testing.T) {
	s := start(t, nil)
	asked, answer := make(chan struct{}), make(chan struct{})
	s.front.replies(func(d delivery) string {
		switch d.Content {
		case "before":
			close(asked)
			<-answer
		case "now":
		default:
			return "success"
		}
		return s.front.text(d, "to "+d.Content)
	})
	s.order("f1", "say", `{"text":"before"}`)
	<-asked
	s.order("f1", "reset", `{}`)
	close(answer)
	s.order("f1", "say", `{"text":"now"}`)
	state := s.says("f1", "account", "to now")
	<-time.After(100 * time.Millisecond)
	for _, e := range append(state.Chat, s.state("f1").Chat...) {
		if e.Text == "to before" {
			t.Errorf("%+v", e)
		}
	}
}

func TestEvents(t *testing.T) {
	s := start(t, nil)
	f1, f2 := s.watch("f1"), s.watch("f2")
	await(t, f1, "state", "{}")
	await(t, f2, "state", "{}")
	s.front.replies(func(d delivery) string { return s.front.text(d, "好") })
	s.order("f1", "say", `{"text":"你好"}`)
	await(t, f1, "chat", `"who":"me"`)
	await(t, f2, "hop", `"dir":"right"`)
	text := await(t, f1, "chat", `"who":"account"`)
	var e ChatEvent
	if err := json.Unmarshal([]byte(text), &e); err != nil || e.Text != "好" || e.At.IsZero() {
		t.Error(text, err)
	}
	await(t, f2, "hop", "回复 text")
	for len(f2) > 0 {
		if e := <-f2; e.name == "chat" {
			t.Error("another's chat", e)
		}
	}
}

func TestUnreadAreCounted(t *testing.T) {
	s := start(t, nil)
	events := s.watch("f2")
	await(t, events, "state", "{}")
	me := s.openID("f1")
	s.call(http.MethodPost, sendTemplate, movement(me, ""))
	s.until("f2", "f1 has one unread", func(st State) bool { return st.Followers[0].Unread == 1 })
	await(t, events, "state", "{}")
	if s.state("f1"); s.state("f2").Followers[0].Unread != 0 {
		t.Error("read, and still counted")
	}
}

// TestASlowWatcherHoldsNobodyUp: it misses events, and is told so.
func TestASlowWatcherHoldsNobodyUp(t *testing.T) {
	h := &hub{}
	slow := h.watch("f1")
	for i := range 3 * watcherRoom {
		h.publish("f1", event{"chat", i})
	}
	if len(slow.events) != watcherRoom || !slow.missed.Load() {
		t.Errorf("%d events, missed %v", len(slow.events), slow.missed.Load())
	}
	if h.publish("f2", event{"chat", 0}) {
		t.Error("nobody watches f2")
	}
	for range maxWatchers {
		h.watch("f2")
	}
	if h.watch("f2") != nil {
		t.Error("too many watch")
	}
	h.end(slow)
	if h.watch("f2") == nil {
		t.Error("who left takes a place still")
	}
}

func TestHopsAreBoundedAndMasked(t *testing.T) {
	hops := make(chan Hop)
	s := start(t, func(c *Config) { c.Hops = hops })
	for i := range keptHops + 50 {
		hops <- Hop{Leg: FrontSwitch, Dir: "right", Title: fmt.Sprint(i), Lines: make([]string, hopLines+5)}
	}
	hops <- Hop{Leg: SwitchBank, Dir: "left", Bank: "urmqccb", Title: strings.Repeat("长", 3), Lines: []string{strings.Repeat("长", 500)}}
	ofBank := func(h Hop) bool { return h.Bank == "urmqccb" }
	state := s.until("f1", "the last hop", func(st State) bool { return slices.ContainsFunc(st.Hops, ofBank) })
	if n := len(state.Hops); n != shownHops || state.Hops[0].Seq == 1 || len(state.Hops[0].Lines) != hopLines {
		t.Error(n)
	}
	last := state.Hops[slices.IndexFunc(state.Hops, ofBank)]
	if line := last.Lines[0]; len(line) > hopLine+3 || !strings.HasSuffix(line, "长…") || last.At.IsZero() {
		t.Error(line)
	}
	close(hops)
	me := s.openID("f1")
	s.front.replies(func(d delivery) string { return s.front.text(d, "您尾号0056的卡 6217510000000000056") })
	s.order("f1", "say", `{"text":"我的卡号6217511234567890123，身份证65010219900101123X，验证码887766"}`)
	s.says("f1", "account", "0056")
	s.order("f1", "locate", `{"place":"xinhua"}`)
	s.call(http.MethodPost, sendTemplate, movement(me, `"client_msg_id":"secretish",`))
	s.do(http.MethodGet, s.host("f1.localhost")+"/h5/accounts/abcdefghijklmnopqrstuv/details?secret=query", "")
	s.until("f1", "all hops", func(st State) bool {
		seen := fmt.Sprint(st.Hops)
		return strings.Contains(seen, "TEMPLATESENDJOBFINISH") && strings.Contains(seen, "/h5/accounts/abcd…tuv/details")
	})
	seen := fmt.Sprint(s.state("f1").Hops)
	for _, secret := range []string{
		me, "6217511234567890123", "65010219900101123X", "887766", "62175100000000000", "43.797542", s.token(), string(s.Account.Secret),
		string(s.Account.Token), string(s.Account.AESKey), "secret=query", "abcdefghijklmnopqrstuv",
	} {
		if strings.Contains(seen, secret) {
			t.Errorf("%s can be seen", secret)
		}
	}
	for _, part := range []string{"0123", "123X", "0056", "43.7…", "<Encrypt>", short(me), "<Content>您尾号0056", "<MsgSignature>"} {
		if !strings.Contains(seen, part) {
			t.Errorf("%s cannot be seen in %s", part, seen)
		}
	}
}

func TestChatsAreBounded(t *testing.T) {
	s, err := newSim(Config{
		Listen: "127.0.0.1:0", Front: Front{"http://127.0.0.1:1", "http://127.0.0.1:1/callback"},
		Account: Account{Name: "x", ID: "gh_x", AppID: "x", Secret: "x", Token: "xxx"}, Followers: []Follower{{Name: "x"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	f := s.followers[0]
	for range keptChat + 7 {
		s.system(f, "x")
	}
	for i := range keptSMS + 7 {
		s.ring(f, bankSMS{ID: int64(i), Phone: "13912345678", At: time.Now()})
	}
	if len(f.chat) != keptChat || f.chat[keptChat-1].ID-f.chat[0].ID != keptChat-1 {
		t.Errorf("%d entries", len(f.chat))
	}
	if len(f.sms) != keptSMS || f.sms[0].Phone != "139****5678" {
		t.Errorf("%d %v", len(f.sms), f.sms[0])
	}
	for range maxJobs {
		if !s.push(push{}) {
			t.Fatal("no room")
		}
	}
	if s.push(push{}) {
		t.Error("more jobs than there may be")
	}
}
