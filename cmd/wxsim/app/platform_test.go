package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const userInfo = "/cgi-bin/user/info?openid=x&access_token="

func TestTokens(t *testing.T) {
	s := start(t, nil)
	life := func(ask string, body string) (string, string) {
		method := http.MethodGet
		if body != "" {
			method = http.MethodPost
		}
		all, _ := s.api(method, ask, body)
		return fmt.Sprint(all["access_token"]), fmt.Sprint(all["expires_in"])
	}
	stable := fmt.Sprintf(`{"grant_type":"client_credential","appid":%q,"secret":%q}`, s.Account.AppID, string(s.Account.Secret))
	forced := strings.Replace(stable, "{", `{"force_refresh":true,`, 1)
	plain := "/cgi-bin/token?grant_type=client_credential&appid=" + s.Account.AppID + "&secret=" + string(s.Account.Secret)
	good := func(token string) int { _, code := s.api(http.MethodGet, userInfo+token, ""); return code }

	first, left := life("/cgi-bin/stable_token", stable)
	if again, _ := life("/cgi-bin/stable_token", stable); again != first || left != "7200" || good(first) != 40003 {
		t.Errorf("%s %s %s %d", first, again, left, good(first))
	}
	p1, _ := life(plain, "")
	p2, _ := life(plain, "")
	if p1 == p2 || good(p1) != 40003 || good(p2) != 40003 || good(first) != 40003 {
		t.Error("a plain token ends the one before at once, or the stable one")
	}
	s.ahead.Add(int64(6 * time.Minute))
	if good(p1) != 42001 || good(p2) != 40003 {
		t.Errorf("five minutes later: %d %d", good(p1), good(p2))
	}
	s.ahead.Add(int64(7200*time.Second - 10*time.Minute))
	second, _ := life("/cgi-bin/stable_token", stable)
	if second == first || good(first) != 40003 {
		t.Error("in its last five minutes the first should be replaced, and still be good")
	}
	third, _ := life("/cgi-bin/stable_token", forced)
	if fourth, _ := life("/cgi-bin/stable_token", forced); third == second || fourth != third || good(second) != 40001 {
		t.Errorf("forced: %s %s %s, the old one %d", second, third, fourth, good(second))
	}
	s.order("f1", "faults", `{"expire_tokens":true}`)
	if good(third) != 42001 || good("") != 41001 || good("made-up") != 40001 {
		t.Errorf("%d %d %d", good(third), good(""), good("made-up"))
	}
	if now, _ := life("/cgi-bin/stable_token", stable); good(now) != 40003 {
		t.Error("no new token after they were all ended")
	}
}

func TestWhoMayHaveATokenAndHow(t *testing.T) {
	s := start(t, nil)
	for query, want := range map[string]int{
		"grant_type=x": 40002, "grant_type=client_credential": 41002, "grant_type=client_credential&appid=wx1": 40013,
		"grant_type=client_credential&appid=" + s.Account.AppID:                 41004,
		"grant_type=client_credential&secret=x&appid=" + s.Account.AppID:        40125,
		"grant_type=client_credential&appid=" + s.Account.AppID + "&secret=%00": 40125,
	} {
		if _, code := s.api(http.MethodGet, "/cgi-bin/token?"+query, ""); code != want {
			t.Errorf("%s: %d, want %d", query, code, want)
		}
	}
	for body, want := range map[string]int{"": 44002, "{": 47001, "{}": 40002, strings.Repeat(" ", maxRequest+1): 45002} {
		if _, code := s.api(http.MethodPost, "/cgi-bin/stable_token", body); code != want {
			t.Errorf("%.10s: %d, want %d", body, code, want)
		}
	}
	if _, code := s.api(http.MethodGet, "/cgi-bin/stable_token", ""); code != 43002 {
		t.Error(code)
	}
	if _, code := s.api(http.MethodPost, "/cgi-bin/token", ""); code != 43001 {
		t.Error(code)
	}
}

func TestInjectedErrors(t *testing.T) {
	s := start(t, nil)
	s.order("f1", "faults", `{"errcode":-1,"errcode_count":2}`)
	for i, want := range []int{-1, -1, 46003} {
		if _, code := s.call(http.MethodGet, "/cgi-bin/menu/get", ""); code != want {
			t.Errorf("call %d: %d, want %d", i, code, want)
		}
	}
	if f := s.state("f1").Faults; f.Code != 0 || f.Count != 0 {
		t.Errorf("%+v", f)
	}
	s.order("f1", "faults", `{"errcode":45009}`)
	if f := s.state("f1").Faults; f.Code != 45009 || f.Count != 1 {
		t.Errorf("%+v", f)
	}
}

func TestMenu(t *testing.T) {
	s := start(t, nil)
	button := `{"type":"click","name":"a","key":"k"}`
	for name, test := range map[string]struct {
		menu string
		want int
	}{
		"none":            {`{"button":[]}`, 40016},
		"four":            {`{"button":[` + strings.Repeat(button+",", 3) + button + `]}`, 40016},
		"long name":       {`{"button":[{"type":"click","name":"客户服务客户","key":"k"}]}`, 40018},
		"six below":       {`{"button":[{"name":"a","sub_button":[` + strings.Repeat(button+",", 5) + button + `]}]}`, 40023},
		"no type":         {`{"button":[{"name":"a"}]}`, 40017},
		"other type":      {`{"button":[{"name":"a","type":"scancode_push","key":"k"}]}`, 40017},
		"no key":          {`{"button":[{"name":"a","type":"click"}]}`, 40019},
		"long key":        {`{"button":[{"name":"a","type":"click","key":"` + strings.Repeat("k", 129) + `"}]}`, 40019},
		"no URL":          {`{"button":[{"name":"a","type":"view"}]}`, 40020},
		"no real URL":     {`{"button":[{"name":"a","type":"view","url":"javascript:x"}]}`, 40055},
		"no name below":   {`{"button":[{"name":"a","sub_button":[{"type":"click","key":"k"}]}]}`, 40025},
		"bad below":       {`{"button":[{"name":"a","sub_button":[{"type":"click","name":"b"}]}]}`, 40019},
		"three levels":    {`{"button":[{"name":"a","sub_button":[{"type":"click","name":"b","key":"k","sub_button":[` + button + `]}]}]}`, 40023},
		"good":            {`{"button":[{"name":"客户服务","sub_button":[` + button + `]},` + button + `]}`, 0},
		"good, all in it": {`{"button":[` + strings.Repeat(button+",", 2) + button + `]}`, 0},
	} {
		if _, code := s.call(http.MethodPost, "/cgi-bin/menu/create", test.menu); code != test.want {
			t.Errorf("%s: %d, want %d", name, code, test.want)
		}
	}
	s.call(http.MethodPost, "/cgi-bin/menu/create", `{"button":[{"name":"客户服务","sub_button":[`+button+`]}]}`)
	if m := s.state("f2").Menu; len(m) != 1 || m[0].Name != "客户服务" || len(m[0].Items) != 1 || m[0].Items[0] != (Item{"a", "click", "", "k"}) {
		t.Errorf("%+v", m)
	}
	got, _ := s.call(http.MethodGet, "/cgi-bin/menu/get", "")
	if text, _ := json.Marshal(got); string(text) != `{"menu":{"button":[{"name":"客户服务","sub_button":[{"key":"k","name":"a","sub_button":[],"type":"click"}]}]}}` {
		t.Errorf("%s", text)
	}
	if _, code := s.call(http.MethodGet, "/cgi-bin/menu/delete", ""); code != 0 || len(s.state("f1").Menu) != 0 {
		t.Error("the menu was not deleted")
	}
}

// movement is a template message to an openid.
func movement(openID, more string) string {
	return fmt.Sprintf(`{"touser":%q,"template_id":"movement","url":"http://127.0.0.1:1/h5/accounts",%s
		"data":{"thing1":{"value":"乌鲁木齐银行"},"amount2":{"value":"¥32.50"},"time3":{"value":"2026年11月29日 02:07"}},"miniprogram":{"appid":"","pagepath":""}}`, openID, more)
}

const (
	sendTemplate = "/cgi-bin/message/template/send"
	sendText     = "/cgi-bin/message/custom/send"
)

func TestATemplateMessageAndItsEnd(t *testing.T) {
	s := start(t, nil)
	me := s.openID("f1")
	for _, test := range []struct{ fault, status string }{
		{`{}`, "success"},
		{`{"blocked":true}`, "failed:user block"},
		{`{"blocked":false,"undelivered":true}`, "failed: system failed"},
	} {
		s.order("f1", "faults", test.fault)
		before := len(s.state("f1").Chat)
		answer, code := s.call(http.MethodPost, sendTemplate, movement(me, ""))
		d := s.front.heard(t, "TEMPLATESENDJOBFINISH")
		if code != 0 || d.Status != test.status || d.JobID != fmt.Sprint(answer["msgid"]) || d.From != me || len(d.JobID) != 19 {
			t.Errorf("%d %v: %+v", code, answer, d)
		}
		if shown := len(s.state("f1").Chat) - before; shown != map[bool]int{true: 1}[test.status == "success"] {
			t.Errorf("%s: %d cards", test.status, shown)
		}
	}
	card := s.state("f1").Chat[0]
	want := Card{"账户动账通知", card.Card.Time, []Row{{"开户行", "乌鲁木齐银行"}, {"金额", "¥32.50"}, {"时间", "2026年11月29日 02:07"}}, "http://127.0.0.1:1/h5/accounts"}
	if card.Who != "account" || card.Kind != "card" || fmt.Sprint(*card.Card) != fmt.Sprint(want) {
		t.Errorf("%+v", card.Card)
	}
}

func TestTemplateMessagesThatAreRefused(t *testing.T) {
	s := start(t, func(c *Config) { c.Quota = 3 })
	me, other := s.openID("f1"), s.openID("f2")
	good := movement(me, "")
	for name, test := range map[string]struct {
		body string
		want int
	}{
		"no JSON":          {"{", 47001},
		"nobody":           {movement("", ""), 40003},
		"unknown":          {movement("oUnknown", ""), 40003},
		"does not follow":  {movement(other, ""), 43004},
		"unknown template": {strings.Replace(good, `"movement"`, `"other"`, 1), 40037},
		"no URL":           {strings.Replace(good, "http://127", "javascript:127", 1), 40039},
		"empty":            {strings.Replace(good, "乌鲁木齐银行", "", 1), 47003},
		"missing":          {strings.Replace(good, "thing1", "thing9", 1), 47003},
		"one too many":     {strings.Replace(good, `"thing1"`, `"thing9":{"value":"x"},"thing1"`, 1), 47003},
		"too long":         {strings.Replace(good, "乌鲁木齐银行", strings.Repeat("长", 21), 1), 47003},
		"not an amount":    {strings.Replace(good, "¥32.50", "三十二元", 1), 47003},
	} {
		if _, code := s.call(http.MethodPost, sendTemplate, test.body); code != test.want {
			t.Errorf("%s: %d, want %d", name, code, test.want)
		}
	}
	once := movement(me, `"client_msg_id":"n-1",`)
	first, _ := s.call(http.MethodPost, sendTemplate, once)
	if again, _ := s.call(http.MethodPost, sendTemplate, once); again["msgid"] != first["msgid"] || first["msgid"] == nil {
		t.Errorf("%v, and again %v", first, again)
	}
	s.ahead.Add(int64(11 * time.Minute))
	if later, _ := s.call(http.MethodPost, sendTemplate, once); later["msgid"] == first["msgid"] {
		t.Error("after ten minutes it is another message")
	}
	for i, want := range []int{0, 45009} {
		if _, code := s.call(http.MethodPost, sendTemplate, good); code != want {
			t.Errorf("message %d of the day: %d", i+3, code)
		}
	}
	s.ahead.Add(int64(24 * time.Hour))
	if _, code := s.call(http.MethodPost, sendTemplate, good); code != 0 {
		t.Error("the next day:", code)
	}
	s.order("f1", "faults", `{"quota":true}`)
	if _, code := s.call(http.MethodPost, sendTemplate, good); code != 45009 {
		t.Error("the fault:", code)
	}
	if cards := len(s.state("f1").Chat); cards != 4 {
		t.Errorf("%d cards", cards)
	}
}

// What 45009 leaves behind outlives the switch and a reset: not the day, and not a
// message that is taken; a text, only in the place of what was refused.
func TestWhatALimitLeavesBehind(t *testing.T) {
	s := start(t, nil)
	send := func(path, format string, want int) {
		t.Helper()
		if _, code := s.call(http.MethodPost, path, fmt.Sprintf(format, s.openID("f1"))); code != want {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
	}
	template := func(want int) { t.Helper(); send(sendTemplate, movement("%s", ""), want) }
	text := func(want int) {
		t.Helper()
		send(sendText, `{"touser":%q,"msgtype":"text","text":{"content":"x"}}`, want)
	}
	limited := func(want bool) {
		t.Helper()
		if got := s.state("f1").Faults.Limited; got != want {
			t.Errorf("limited: %t", got)
		}
	}
	limited(false)
	s.order("f1", "faults", `{"quota":true}`)
	template(45009)
	limited(true)
	text(0)
	limited(false)
	template(45009)
	s.ahead.Add(int64(2 * time.Minute))
	text(45015)
	s.order("f1", "reset", `{}`)
	s.front.heard(t, "subscribe")
	text(0)
	limited(true)
	template(0)
	limited(false)
	s.order("f1", "faults", `{"errcode":45009}`)
	template(45009)
	limited(true)
	s.ahead.Add(int64(24 * time.Hour))
	limited(false)
}

func TestCustomerService(t *testing.T) {
	s := start(t, nil)
	text := func(to, text string) int {
		_, code := s.call(http.MethodPost, sendText, fmt.Sprintf(`{"touser":%q,"msgtype":"text","text":{"content":%q}}`, to, text))
		return code
	}
	me := s.openID("f1")
	if text(me, "认证成功<a>") != 0 {
		t.Error("who has just subscribed can be written to")
	}
	s.says("f1", "account", "认证成功&lt;a&gt;")
	for name, test := range map[string]struct {
		code, want int
	}{
		"unknown":         {text("oUnknown", "x"), 40003},
		"does not follow": {text(s.openID("f2"), "x"), 43004},
		"empty":           {text(me, ""), 44004},
		"too long":        {text(me, strings.Repeat("长", 700)), 45002},
	} {
		if test.code != test.want {
			t.Errorf("%s: %d, want %d", name, test.code, test.want)
		}
	}
	many := func(after string, want ...int) {
		t.Helper()
		for i, code := range want {
			if got := text(me, "x"); got != code {
				t.Errorf("%s, text %d: %d, want %d", after, i+1, got, code)
			}
		}
	}
	many("after a subscription, one was sent", 0, 0, 45047)
	s.ahead.Add(int64(61 * time.Second))
	many("a minute after it", 45015)
	s.order("f1", "say", `{"text":"在吗"}`)
	many("after a message", 0, 0, 0)
	s.call(http.MethodPost, "/cgi-bin/menu/create", `{"button":[{"type":"click","name":"a","key":"k"},{"type":"view","name":"b","url":"http://x/"}]}`)
	s.order("f1", "click", `{"key":"k"}`)
	many("after a click: three, not five", 0, 0, 0, 45047)
	s.order("f1", "view", `{"url":"http://x/"}`)
	many("after a view, which allows nothing", 45047)
	s.order("f1", "say", `{"text":"在吗"}`)
	s.ahead.Add(int64(48*time.Hour - time.Minute))
	many("almost two days after a message", 0)
	s.ahead.Add(int64(2 * time.Minute))
	many("two days after a message", 45015)
}

func TestUserInfo(t *testing.T) {
	s := start(t, nil)
	info := func(id string) (map[string]any, int) {
		return s.api(http.MethodGet, "/cgi-bin/user/info?openid="+id+"&lang=zh_CN&access_token="+s.token(), "")
	}
	old := s.openID("f1")
	if all, _ := info(old); fmt.Sprint(all["subscribe"]) != "1" || all["openid"] != old {
		t.Error(all)
	}
	s.order("f1", "reset", `{}`)
	if all, code := info(old); code != 0 || fmt.Sprint(all["subscribe"]) != "0" {
		t.Error(all)
	}
	if _, code := info("oUnknown"); code != 40003 {
		t.Error(code)
	}
	if _, code := s.call(http.MethodPost, sendTemplate, movement(old, "")); code != 43004 {
		t.Error(code)
	}
}

// authorize sends a phone through web authorisation, and returns where it leads
// or what it says.
func (s *stage) authorize(change ...string) (to *url.URL, page string) {
	s.t.Helper()
	q := url.Values{
		"appid": {s.Account.AppID}, "redirect_uri": {s.Front.Public + "/h5/oauth?x=1"}, "response_type": {"code"}, "scope": {"snsapi_base"}, "state": {"abc"},
	}
	for i := 0; i < len(change); i += 2 {
		q.Set(change[i], change[i+1])
	}
	answer, page := s.do(http.MethodGet, s.host("f1.localhost")+"/connect/oauth2/authorize?"+q.Encode(), "")
	to, _ = url.Parse(answer.Header.Get("Location"))
	return to, page
}

func TestWebAuthorisation(t *testing.T) {
	s := start(t, nil)
	exchange := func(code string, change ...string) (map[string]any, int) {
		q := url.Values{"appid": {s.Account.AppID}, "secret": {string(s.Account.Secret)}, "grant_type": {"authorization_code"}, "code": {code}}
		for i := 0; i < len(change); i += 2 {
			q.Set(change[i], change[i+1])
		}
		return s.api(http.MethodGet, "/sns/oauth2/access_token?"+q.Encode(), "")
	}
	to, _ := s.authorize()
	code := to.Query().Get("code")
	if to.Host != "" || to.Path != "/h5/oauth" || to.Query().Get("state") != "abc" || to.Query().Get("x") != "1" || code == "" {
		t.Fatal(to)
	}
	if _, e := exchange(code, "secret", "wrong"); e != 40125 {
		t.Error(e)
	}
	if _, e := exchange(code, "grant_type", "x"); e != 40002 {
		t.Error(e)
	}
	if all, e := exchange(code); e != 0 || all["openid"] != s.openID("f1") || all["is_snapshotuser"] != nil {
		t.Error(all)
	}
	if _, e := exchange(code); e != 40163 {
		t.Error("used twice:", e)
	}
	if _, e := exchange("made-up"); e != 40029 {
		t.Error("made up:", e)
	}
	if _, e := exchange(""); e != 41008 {
		t.Error("none:", e)
	}
	to, _ = s.authorize()
	s.ahead.Add(int64(6 * time.Minute))
	if _, e := exchange(to.Query().Get("code")); e != 40029 {
		t.Error("too late:", e)
	}
	s.order("f1", "faults", `{"snapshot":true}`)
	to, _ = s.authorize()
	if all, _ := exchange(to.Query().Get("code")); fmt.Sprint(all["is_snapshotuser"]) != "1" {
		t.Error(all)
	}
	for name, change := range map[string][]string{
		"10013":         {"appid", "wx1"},
		"10003":         {"redirect_uri", "http://evil.example/h5/oauth"},
		"10004":         {"response_type", "token"},
		"10005":         {"scope", "snsapi_userinfo"},
		"state":         {"state", strings.Repeat("a", 129)},
		"最多 128 个字母或数字": {"state", "a-b"},
	} {
		if to, page := s.authorize(change...); to.String() != "" || !strings.Contains(page, name) {
			t.Errorf("%s: %s %s", name, to, page)
		}
	}
}

func TestWhatIsFullForgetsTheOldest(t *testing.T) {
	begun := time.Now()
	m := map[string]time.Time{"b": begun.Add(time.Second), "a": begun, "c": begun.Add(time.Minute)}
	same := func(t time.Time) time.Time { return t }
	forget(m, 4, same)
	if len(m) != 3 {
		t.Error(m)
	}
	forget(m, 3, same)
	if _, there := m["a"]; there || len(m) != 2 {
		t.Error(m)
	}
}
