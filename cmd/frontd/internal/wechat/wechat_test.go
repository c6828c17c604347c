package wechat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/silenceper/wechat/v2/util"

	"wxswitch/cmd/frontd/internal/menu"
	"wxswitch/cmd/frontd/internal/wechat"
)

func TestIdentify(t *testing.T) {
	tests := map[string]struct {
		answer   http.HandlerFunc
		openID   string
		snapshot bool
		fails    bool
	}{
		"follower":  {says(`{"access_token":"x","expires_in":7200,"openid":"` + openID + `","scope":"snsapi_base"}`), openID, false, false},
		"snapshot":  {says(`{"openid":"` + openID + `","is_snapshotuser":1}`), openID, true, false},
		"used":      {errcode(40163), "", false, true},
		"invalid":   {errcode(40029), "", false, true},
		"expired":   {errcode(42003), "", false, true},
		"busy":      {errcode(-1), "", false, true},
		"no openid": {says(`{"access_token":"x"}`), "", false, true},
		"null":      {says(`null`), "", false, true},
		"no JSON":   {says(`<html>`), "", false, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlatform(t)
			p.on(pathIdentify, test.answer)
			w, _ := p.wechat(nil)
			got, snapshot, err := w.Identify(t.Context(), "c&de=1 #x")
			if got != test.openID || snapshot != test.snapshot || (err != nil) != test.fails {
				t.Fatal(got, snapshot, err)
			}
			q, _ := url.ParseQuery(p.at(pathIdentify)[0].query)
			want := url.Values{"appid": {appID}, "secret": {secret}, "code": {"c&de=1 #x"}, "grant_type": {"authorization_code"}}
			if !reflect.DeepEqual(q, want) {
				t.Error(q)
			}
		})
	}
}

func TestFollows(t *testing.T) {
	tests := map[string]struct {
		answer  http.HandlerFunc
		follows bool
		fails   bool
	}{
		"yes":         {says(`{"subscribe":1,"openid":"` + openID + `"}`), true, false},
		"no":          {says(`{"subscribe":0,"openid":"` + openID + `"}`), false, false},
		"not said":    {says(`{"openid":"` + openID + `"}`), false, true},
		"another one": {says(`{"subscribe":1,"openid":"oSomebody"}`), false, true},
		"bad openid":  {errcode(40003), false, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlatform(t)
			p.on(pathFollows, test.answer)
			w, _ := p.wechat(nil)
			follows, err := w.Follows(t.Context(), openID)
			if follows != test.follows || (err != nil) != test.fails {
				t.Fatal(follows, err)
			}
			if asked := p.at(pathFollows)[0]; asked.token != "token1" || !strings.Contains(asked.query, "openid="+openID) {
				t.Error(asked)
			}
		})
	}
}

func template() wechat.Template {
	return wechat.Template{
		To: openID, ID: "t1", URL: public + "/h5/accounts", ClientMsgID: "c1",
		Fields: map[string]string{"thing1": "乌鲁木齐银行 尾号0056", "amount2": "¥32.50"},
	}
}

func TestSendTemplate(t *testing.T) {
	p := newPlatform(t)
	p.on(pathTemplate, says(`{"errcode":0,"errmsg":"ok","msgid":9007199254740993}`)) // not a float64
	w, _ := p.wechat(nil)
	id, err := w.SendTemplate(t.Context(), template())
	if err != nil || id != "9007199254740993" {
		t.Fatal(id, err)
	}
	sent := p.at(pathTemplate)[0]
	data := sent.body["data"].(map[string]any)
	if sent.body["touser"] != openID || sent.body["template_id"] != "t1" || sent.body["url"] != public+"/h5/accounts" || sent.body["client_msg_id"] != "c1" ||
		data["thing1"].(map[string]any)["value"] != "乌鲁木齐银行 尾号0056" || data["amount2"].(map[string]any)["value"] != "¥32.50" || sent.token != "token1" {
		t.Error(sent)
	}
	p.on(pathTemplate, says(`{"errcode":0}`))
	if id, err := w.SendTemplate(t.Context(), template()); err == nil {
		t.Errorf("sent as %q", id)
	}
	asked := p.at(pathToken)
	if len(asked) != 1 || asked[0].body["force_refresh"] != false || asked[0].body["secret"] != secret {
		t.Error(asked)
	}
}

func TestSendTemplateAsksNothingOfABadField(t *testing.T) {
	p := newPlatform(t)
	w, _ := p.wechat(nil)
	bad := template()
	bad.Fields["amount2"] = ""
	_, err := w.SendTemplate(t.Context(), bad)
	if e := (*wechat.FieldError)(nil); !errors.As(err, &e) || e.Name != "amount2" || len(p.at(pathTemplate)) != 0 {
		t.Fatal(err)
	}
}

func TestSendText(t *testing.T) {
	p := newPlatform(t)
	p.on(pathText, says(`{"errcode":0,"errmsg":"ok"}`))
	w, _ := p.wechat(func(o *wechat.Options) { o.CallLimit = 0 }) // takes the default
	if err := w.SendText(t.Context(), openID, "您好 <a>&"); err != nil {
		t.Fatal(err)
	}
	if err := w.SendText(t.Context(), openID, strings.Repeat("好", 1000)); err != nil {
		t.Fatal(err)
	}
	heard := p.at(pathText)
	if text := heard[0].body["text"].(map[string]any)["content"]; text != "您好 <a>&" || heard[0].body["msgtype"] != "text" || heard[0].body["touser"] != openID {
		t.Error(heard[0])
	}
	cut := heard[1].body["text"].(map[string]any)["content"].(string)
	if len(cut) > 2048 || len(cut) < 2040 || !strings.HasSuffix(cut, "好…") || strings.ContainsRune(cut, '\uFFFD') {
		t.Errorf("%d bytes", len(cut))
	}
}

// What is not an answer of the platform is no success, says so within the limit,
// and leaves neither token nor secret in the error.
func TestMisbehaviour(t *testing.T) {
	ways := map[string]http.HandlerFunc{
		"silent": silent, "trickles": trickles, "cuts": cuts, "huge": huge, "away": away,
		"500": status(500), "502": status(502), "204": status(204), "404": status(404),
		"html": says("<html>"), "empty": says(""), "null": says("null"), "list": says("[]"), "text": says(`"ok"`), "object": says("{}"),
		"errcode as text": says(`{"errcode":"0"}`), "half": says(`{"errcode":0,`), "trailing": says(`{"errcode":0,"msgid":1}{}`), "no msgid, no subscribe": says(`{"errmsg":"ok"}`), "no errcode": says(`{"msgid":1}`),
	}
	calls := map[string]func(context.Context, *wechat.WeChat) error{
		pathIdentify: func(ctx context.Context, w *wechat.WeChat) error { _, _, err := w.Identify(ctx, "code"); return err },
		pathFollows:  func(ctx context.Context, w *wechat.WeChat) error { _, err := w.Follows(ctx, openID); return err },
		pathTemplate: func(ctx context.Context, w *wechat.WeChat) error {
			_, err := w.SendTemplate(ctx, template())
			return err
		},
		pathText:    func(ctx context.Context, w *wechat.WeChat) error { return w.SendText(ctx, openID, "x") },
		pathSetMenu: func(ctx context.Context, w *wechat.WeChat) error { return w.SetMenu(ctx, menu.Default()) },
		pathMenu:    func(ctx context.Context, w *wechat.WeChat) error { _, err := w.Menu(ctx); return err },
		pathToken:   func(ctx context.Context, w *wechat.WeChat) error { return w.SendText(ctx, openID, "x") },
	}
	for path, call := range calls {
		for name, way := range ways {
			t.Run(path+" "+name, func(t *testing.T) {
				t.Parallel()
				p := newPlatform(t)
				p.on(path, way)
				w, _ := p.wechat(func(o *wechat.Options) { o.CallLimit = 300 * time.Millisecond })
				began := time.Now()
				err := call(t.Context(), w)
				if e := (*wechat.Unanswered)(nil); !errors.As(err, &e) || wechat.ActionOf(err) != wechat.Again {
					t.Fatal(err)
				}
				if took := time.Since(began); took > 3*time.Second {
					t.Error(took)
				}
				for _, private := range []string{"token1", secret, openID, "code=", "://"} {
					if strings.Contains(err.Error(), private) {
						t.Errorf("%v tells %s", err, private)
					}
				}
				if n := len(p.at(path)); n != 1 {
					t.Errorf("asked %d times", n)
				}
			})
		}
	}
}

func TestNobodyThere(t *testing.T) {
	p := newPlatform(t)
	w, _ := p.wechat(nil)
	p.Close()
	err := w.SendText(t.Context(), openID, "x")
	if e := (*wechat.Unanswered)(nil); !errors.As(err, &e) || strings.Contains(err.Error(), secret) {
		t.Fatal(err)
	}
}

func TestTokenIsRefreshedOnce(t *testing.T) {
	for _, code := range []int{40001, 40014, 42001} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			p := newPlatform(t)
			p.on(pathText, errcode(code), says(`{"errcode":0}`), errcode(code))
			w, r := p.wechat(nil)
			if err := w.SendText(t.Context(), openID, "x"); err != nil {
				t.Fatal(err)
			}
			heard := p.at(pathText)
			if len(heard) != 2 || heard[0].token != "token1" || heard[1].token != "token2" {
				t.Fatal(heard)
			}
			// A platform that takes no token is not asked for ever.
			err := w.SendText(t.Context(), openID, "x")
			if e := (*wechat.Error)(nil); !errors.As(err, &e) || e.Code != code || e.Call != "custom/send" || len(p.at(pathText)) != 4 || len(p.at(pathToken)) != 3 {
				t.Error(err, len(p.at(pathText)), len(p.at(pathToken)))
			}
			want := map[string]float64{"custom/send 0": 1, fmt.Sprint("custom/send ", code): 3, "stable_token 0": 3}
			if got := counts(t, r, "frontd_outbound_total"); !reflect.DeepEqual(got, want) {
				t.Error(got)
			}
		})
	}
}

func TestTokenEndsEarly(t *testing.T) {
	p := newPlatform(t)
	p.on(pathText, says(`{"errcode":0}`))
	now := time.Now()
	w, _ := p.wechat(func(o *wechat.Options) { o.Now = func() time.Time { return now } })
	for _, step := range []struct {
		wait   time.Duration
		tokens int
	}{{0, 1}, {7200*time.Second - 5*time.Minute - time.Second, 1}, {2 * time.Second, 2}, {0, 2}} {
		now = now.Add(step.wait)
		if err := w.SendText(t.Context(), openID, "x"); err != nil || len(p.at(pathToken)) != step.tokens {
			t.Fatal(step, err, len(p.at(pathToken)))
		}
	}
}

// Many at once fetch one token, and one whose fetch fails makes the others wait no
// longer than it did.
func TestTokenIsFetchedByOne(t *testing.T) {
	p := newPlatform(t)
	p.on(pathText, says(`{"errcode":0}`))
	w, _ := p.wechat(nil)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if err := w.SendText(t.Context(), openID, "x"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(p.at(pathToken)); n != 1 {
		t.Errorf("%d fetched", n)
	}
}

func TestTokenThatCannotBeHad(t *testing.T) {
	p := newPlatform(t)
	p.on(pathToken, silent)
	now := time.Now()
	w, r := p.wechat(func(o *wechat.Options) { o.CallLimit, o.Now = 300*time.Millisecond, func() time.Time { return now } })
	var all sync.WaitGroup
	began := time.Now()
	for range 20 {
		all.Go(func() {
			err := w.SendText(t.Context(), openID, "x")
			if e := (*wechat.Unanswered)(nil); !errors.As(err, &e) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if took, n := time.Since(began), len(p.at(pathToken)); took > 3*time.Second || n != 1 {
		t.Errorf("%v, %d fetched", took, n)
	}
	now = now.Add(2 * time.Second)
	p.on(pathToken, errcode(40164))
	err := w.SendText(t.Context(), openID, "x")
	if e := (*wechat.Error)(nil); !errors.As(err, &e) || e.Code != 40164 || e.Call != "stable_token" {
		t.Error(err)
	}
	now = now.Add(2 * time.Second)
	p.on(pathToken, errcode(12345)) // is of nothing that is known
	_ = w.SendText(t.Context(), openID, "x")
	want := map[string]float64{"stable_token none": 1, "stable_token 40164": 1, "stable_token other": 1}
	if got := counts(t, r, "frontd_outbound_total"); !reflect.DeepEqual(got, want) {
		t.Error(got)
	}
	for _, half := range []string{`{"expires_in":7200}`, `{"access_token":"token1"}`, `{"access_token":"token1","expires_in":0}`} {
		now = now.Add(2 * time.Second)
		p.on(pathToken, says(half))
		err := w.SendText(t.Context(), openID, "x")
		if e := (*wechat.Unanswered)(nil); !errors.As(err, &e) || e.Call != "stable_token" || len(p.at(pathText)) != 0 {
			t.Errorf("%s: %v, %d sent", half, err, len(p.at(pathText)))
		}
	}
}

// Who has less time than the one who fetches waits no longer than it has; and that one's
// end is no answer of the platform, for which others would wait.
func TestTokenIsNotWaitedForWithoutEnd(t *testing.T) {
	p := newPlatform(t)
	fetching := make(chan struct{})
	p.on(pathToken, func(w http.ResponseWriter, r *http.Request) { close(fetching); silent(w, r) })
	w, _ := p.wechat(func(o *wechat.Options) { o.CallLimit = time.Minute })
	ctx, stop := context.WithCancel(t.Context())
	var other sync.WaitGroup
	other.Go(func() { _ = w.SendText(ctx, openID, "x") })
	<-fetching
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := w.SendText(short, openID, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	stop()
	other.Wait()
	p.on(pathToken, says(`{"access_token":"token1","expires_in":7200}`))
	p.on(pathText, says(`{"errcode":0}`))
	if err := w.SendText(t.Context(), openID, "x"); err != nil {
		t.Error(err)
	}
}

func TestMenu(t *testing.T) {
	p := newPlatform(t)
	p.on(pathSetMenu, says(`{"errcode":0,"errmsg":"ok"}`))
	w, _ := p.wechat(nil)
	if none, err := w.Menu(t.Context()); err == nil {
		t.Fatal(none)
	}
	p.on(pathMenu, errcode(48001))
	if none, err := w.Menu(t.Context()); err == nil {
		t.Fatal(none)
	}
	p.on(pathMenu, errcode(46003))
	if none, err := w.Menu(t.Context()); err != nil || none != nil {
		t.Fatal(none, err)
	}
	if err := w.SetMenu(t.Context(), menu.Default()); err != nil {
		t.Fatal(err)
	}
	sent := p.at(pathSetMenu)[0].body
	first := sent["button"].([]any)[0].(map[string]any)
	page, click := first["sub_button"].([]any)[0], first["sub_button"].([]any)[1]
	if !reflect.DeepEqual(page, map[string]any{"type": "view", "name": "客户认证", "url": public + "/h5/authenticate"}) ||
		!reflect.DeepEqual(click, map[string]any{"type": "click", "name": "客户注销", "key": "deregister"}) || first["name"] != "客户服务" || first["type"] != nil {
		t.Error(first)
	}
	// What was set comes back as it was.
	back, _ := json.Marshal(map[string]any{"menu": sent})
	p.on(pathMenu, says(string(back)))
	got, err := w.Menu(t.Context())
	if err != nil || !reflect.DeepEqual(got, menu.Default()) {
		t.Error(got, err)
	}
	p.on(pathMenu, says(`{"menu":{"button":[{"type":"click","name":"热线","key":"hotline","sub_button":[]}]}}`))
	if got, err := w.Menu(t.Context()); err != nil || len(got) != 1 || got[0].Items[0].Answer != "hotline" {
		t.Error(got, err)
	}
}

// Two platforms in one process are two, though the library has one client.
func TestTwoPlatforms(t *testing.T) {
	var all sync.WaitGroup
	for range 2 {
		p := newPlatform(t)
		p.on(pathText, says(`{"errcode":0}`))
		w, _ := p.wechat(func(o *wechat.Options) { o.API += "/relay/" })
		all.Go(func() {
			for range 5 {
				_ = w.SendText(context.Background(), openID, "x")
			}
			if n := len(p.at("/relay" + pathToken)); n != 1 {
				t.Errorf("%d calls below the API's path", n)
			}
		})
	}
	all.Wait()
	if _, err := util.HTTPGet("http://127.0.0.1:1/"); err == nil || !strings.Contains(err.Error(), "no limits") {
		t.Error("a call of the library without limits:", err)
	}
}

func TestNew(t *testing.T) {
	good := wechat.Options{API: "https://api.weixin.qq.com", AppID: appID, AppSecret: secret}
	if _, err := wechat.New(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*wechat.Options){
		"no API":     func(o *wechat.Options) { o.API = "" },
		"no host":    func(o *wechat.Options) { o.API = "https://" },
		"other":      func(o *wechat.Options) { o.API = "ftp://x" },
		"user":       func(o *wechat.Options) { o.API = "https://a:b@x" },
		"query":      func(o *wechat.Options) { o.API = "https://x/?a=b" },
		"app id":     func(o *wechat.Options) { o.AppID = "wx&secret=1" },
		"no secret":  func(o *wechat.Options) { o.AppSecret = "" },
		"app secret": func(o *wechat.Options) { o.AppSecret = "a b" },
	} {
		o := good
		change(&o)
		if _, err := wechat.New(o); err == nil || strings.Contains(err.Error(), secret) {
			t.Error(name, err)
		}
	}
}

func TestSecret(t *testing.T) {
	o := wechat.Options{AppSecret: secret}
	j, _ := json.Marshal(o.AppSecret)
	all := string(j) + fmt.Sprintf("%v %+v %#v %s %q %x", o.AppSecret, o, o, o.AppSecret, o.AppSecret, o.AppSecret)
	if strings.Contains(all, secret) || strings.Contains(all, fmt.Sprintf("%x", secret)) || o.AppSecret.Reveal() != secret {
		t.Error(all)
	}
}

func TestActionOf(t *testing.T) {
	for code, want := range map[int]wechat.Action{
		40001: wechat.Refresh, 40014: wechat.Refresh, 42001: wechat.Refresh, 43004: wechat.Gone, 45009: wechat.Tomorrow, 45011: wechat.Soon,
		47003: wechat.Never, 40003: wechat.Never, 45015: wechat.Never, 45047: wechat.Never, -1: wechat.Again, 40037: wechat.Again, 40164: wechat.Again, 99999: wechat.Again,
		45065: wechat.None,
	} {
		if got := wechat.ActionOf(fmt.Errorf("wrapped: %w", &wechat.Error{Code: code})); got != want {
			t.Errorf("%d: %q, want %q", code, got, want)
		}
	}
	if wechat.ActionOf(nil) != wechat.None || wechat.ActionOf(errors.New("x")) != wechat.Again {
		t.Error("no code")
	}
}
