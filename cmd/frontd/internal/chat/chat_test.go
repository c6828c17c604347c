package chat_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"wxswitch/cmd/frontd/internal/callback"
	"wxswitch/cmd/frontd/internal/chat"
	"wxswitch/cmd/frontd/internal/delivery"
	"wxswitch/cmd/internal/crowdtest"
	"wxswitch/cmd/internal/world"
	"wxswitch/cmd/internal/world/worldtest"
	"wxswitch/cmd/switchd/app"
	"wxswitch/switch/api/client"
)

const public = "https://wx.example.cn"

func newChat(c *client.ClientWithResponses) *chat.Chat {
	return chat.New(chat.Options{Switch: c, Deliveries: delivery.New(c), Channel: "wechat", Public: public})
}

// unasked is a switch that must not be asked.
func unasked(t *testing.T) *chat.Chat {
	t.Helper()
	return newChat(at(t, func(_ http.ResponseWriter, r *http.Request) { t.Error("the switch was asked ", r.URL.Path) }))
}

// at is a client of a switch that is the handler.
func at(t testing.TB, h http.HandlerFunc) *client.ClientWithResponses {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := client.NewClientWithResponses(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var ids atomic.Int64

func message(follower string) callback.Message {
	return callback.Message{Account: "gh_1", Follower: follower, At: time.Unix(1409735669, 0), ID: fmt.Sprint(ids.Add(1))}
}

func text(follower, text string) callback.Message {
	m := message(follower)
	m.Type, m.Text = "text", text
	return m
}

func location(follower, latitude, longitude string) callback.Message {
	m := message(follower)
	m.Type, m.Latitude, m.Longitude, m.Label = "location", latitude, longitude, "新华北路"
	return m
}

func event(follower, name, key string) callback.Message {
	m := message(follower)
	m.Type, m.Event, m.Key, m.ID, m.At = "event", name, key, "", m.At.Add(time.Duration(ids.Add(1))*time.Second)
	return m
}

var tag = regexp.MustCompile(`</?a[^>]*>`)

// letters is what the follower reads, without links.
func letters(s string) string { return tag.ReplaceAllString(s, "") }

func TestTheManualsAnswersLetterForLetter(t *testing.T) {
	c := unasked(t)
	link := func(path, text string) string { return `<a href="` + public + path + `">` + text + `</a>` }
	tests := map[string]struct {
		m             callback.Message
		letters, link string
	}{
		"A8 by word":  {text("f", "注销"), "您好，注销请点击这里", link("/h5/deregister", "这里")},
		"A8 by click": {event("f", "CLICK", "deregister"), "您好，注销请点击这里", link("/h5/deregister", "这里")},
		"C":           {event("f", "CLICK", "accounts"), "账户余额、明细请点击这里", link("/h5/accounts", "这里")},
		"B3":          {event("f", "CLICK", "hotline"), "400-800-9666", ""},
		"A1 (ours)":   {text("f", "认证"), "您好，客户认证请点击这里", link("/h5/authenticate", "这里")},
	}
	for name, test := range tests {
		if got := c.Answer(t.Context(), test.m).Text; letters(got) != test.letters || !strings.Contains(got, test.link) {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := c.Answer(t.Context(), event("f", "CLICK", "branches")).Text; !strings.HasPrefix(got, "新疆汇和银行网点分布\n") {
		t.Errorf("B2: %s", got)
	}
}

func TestWordsInAnyShape(t *testing.T) {
	c := unasked(t)
	ask := func(s string) string { return letters(c.Answer(t.Context(), text("f", s)).Text) }
	for _, word := range []string{"zx", "ZX", "Zx", "ｚｘ", "ＺＸ", "  zx\n", "\u3000zx\u3000", "\u200bzx\ufeff", "注销", " 注销 ", "\u3000注销"} {
		if got := ask(word); got != "您好，注销请点击这里" {
			t.Errorf("%q: %s", word, got)
		}
	}
	for _, word := range []string{"rz", "RZ", "ｒＺ", "认证\r\n"} {
		if got := ask(word); got != "您好，客户认证请点击这里" {
			t.Errorf("%q: %s", word, got)
		}
	}
	for _, word := range []string{"", "z x", "zxx", "我要注销", "12", "3", "【3】", "【1", "<xml>", strings.Repeat("长", 3000)} {
		if got := ask(word); !strings.HasPrefix(got, "您好，您可以：") || len(got) > 2048 {
			t.Errorf("%q: %s", word, got)
		}
	}
}

func TestWhatIsAnsweredWithoutTheSwitch(t *testing.T) {
	c := unasked(t)
	for _, kind := range []string{"image", "voice", "video", "link", "made up"} {
		m := message("f")
		m.Type = kind
		if got := c.Answer(t.Context(), m).Text; !strings.HasPrefix(got, "您好，您可以：") {
			t.Errorf("%s: %s", kind, got)
		}
	}
	for _, name := range []string{"VIEW", "LOCATION", "SCAN", "MASSSENDJOBFINISH", "made up", "click"} {
		if got := c.Answer(t.Context(), event("f", name, "hotline")).Text; got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := c.Answer(t.Context(), event("f", "CLICK", "of an older menu")).Text; !strings.HasPrefix(got, "您好，您可以：") {
		t.Error(got)
	}
	if got := c.Answer(t.Context(), event("f", "CLICK", "visit")).Text; !strings.Contains(got, "「+」→「位置」→「发送位置」") {
		t.Error(got)
	}
	for _, place := range [][2]string{{"", ""}, {"x", "87"}, {"91", "87"}, {"43", "NaN"}, {"43", "-180.1"}, {strings.Repeat("4", 400), "87"}} {
		if got := c.Answer(t.Context(), location("f", place[0], place[1])).Text; !strings.Contains(got, "「发送位置」") {
			t.Errorf("%v: %s", place, got)
		}
	}
}

func TestMenuKeysThatAreAnswered(t *testing.T) {
	for _, key := range []string{"deregister", "accounts", "branches", "hotline", "visit"} {
		if !chat.Answers(key) {
			t.Error(key)
		}
	}
	if chat.Answers("rates") || chat.Answers("") {
		t.Error("keys that are not answered")
	}
}

func TestConfiguredTexts(t *testing.T) {
	long := make([]string, 200)
	for i := range long {
		long[i] = fmt.Sprintf("第%d支行<b>，新华北路%d号", i, i)
	}
	c := chat.New(chat.Options{Public: public, Hotline: "96518", BranchesTitle: "网点", Branches: long})
	if got := c.Answer(t.Context(), event("f", "CLICK", "hotline")).Text; got != "96518" {
		t.Error(got)
	}
	got := c.Answer(t.Context(), event("f", "CLICK", "branches")).Text
	lines := strings.Split(got, "\n")
	if len(got) > 2048 || len(got) < 1900 || lines[0] != "网点" || !strings.Contains(lines[len(lines)-1], public+"/h5/branches") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	for i, line := range lines[1 : len(lines)-1] {
		if line != fmt.Sprintf("第%d支行＜b＞，新华北路%d号", i, i) {
			t.Errorf("line %d: %s", i, line)
		}
	}
}

// env is a real switch whose clock can be set ahead, reached through a door that
// can be shut.
type env struct {
	*testing.T
	*world.World
	c     *client.ClientWithResponses
	a, b  *chat.Chat // two instances
	ahead atomic.Int64
	shut  atomic.Bool
}

func start(t *testing.T) *env {
	t.Helper()
	e := &env{T: t}
	e.World = worldtest.Start(t, world.Options{Tune: func(c *app.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(e.ahead.Load())) }
	}})
	to, err := url.Parse(e.URL())
	if err != nil {
		t.Fatal(err)
	}
	pass := httputil.NewSingleHostReverseProxy(to)
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if e.shut.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(door.Close)
	e.c, err = client.NewClientWithResponses(door.URL, client.WithRequestEditorFn(client.Bearer(e.Token)))
	if err != nil {
		t.Fatal(err)
	}
	e.a, e.b = newChat(e.c), newChat(e.c)
	return e
}

// ask is the answer's text.
func (e *env) ask(c *chat.Chat, m callback.Message) string { return e.answer(c, m).Text }

// answer gives the answer less time than the callback does.
func (e *env) answer(c *chat.Chat, m callback.Message) callback.Answer {
	ctx, stop := context.WithTimeout(e.Context(), 1500*time.Millisecond)
	defer stop()
	return c.Answer(ctx, m)
}

// followed is whether the switch takes the follower for one.
func (e *env) followed(follower string) bool {
	e.Helper()
	r, err := e.c.GetCustomerWithResponse(e.Context(), &client.GetCustomerParams{FollowerChannel: "wechat", FollowerSubject: follower})
	if err != nil || r.JSON200 == nil {
		e.Fatal(err)
	}
	return r.JSON200.Followed
}

func (e *env) want(what, got, want string) {
	e.Helper()
	if got != want {
		e.Errorf("%s: %q, want %q", what, got, want)
	}
}

const (
	choose    = "【1】网点预约、【2】特惠商户"
	sendPlace = "请发送您的位置：点击输入框旁的「+」→「位置」→「发送位置」，即可查找附近网点和特惠商户。"
	busy      = crowdtest.Busy
)

// branches is the answer to 1 near the first branch of package world.
const branches = `附近网点，点击名称查看详情并预约：
<a href="https://wx.example.cn/h5/branches/urmqccb-1">乌鲁木齐银行新华北路支行</a> 0米
<a href="https://wx.example.cn/h5/branches/xjrcu-1">新疆农村信用社人民路网点</a> 910米
<a href="https://wx.example.cn/h5/branches/urmqccb-2">乌鲁木齐银行友好路支行</a> 2.9公里
<a href="https://wx.example.cn/h5/branches">查看更多网点</a>`

const merchants = `附近特惠商户：
二道桥大巴扎 2.4公里
刷卡满100元减10元
乌鲁木齐市天山区解放南路8号
<a href="https://wx.example.cn/h5/merchants">查看更多特惠商户</a>`

func TestWithASwitch(t *testing.T) {
	whole := start(t)
	run := func(name string, test func(e *env)) {
		t.Run(name, func(t *testing.T) {
			e := &env{T: t, World: whole.World, c: whole.c, a: whole.a, b: whole.b}
			test(e)
		})
	}
	near := func(follower string) callback.Message { return location(follower, "43.797542", "87.617733") }

	run("D1: a place, then a choice, at any instance", func(e *env) {
		e.want("place", e.ask(e.a, near("d1")), choose)
		for _, word := range []string{"1", "１", "【1】", "【１】", "[1]", " 1 ", "网点预约"} {
			e.want(word, e.ask(e.b, text("d1", word)), branches)
		}
		for _, word := range []string{"2", "２", "【2】", "特惠商户"} {
			e.want(word, e.ask(e.a, text("d1", word)), merchants)
		}
		e.want("another follower", e.ask(e.a, text("d1-other", "1")), sendPlace)
		r, err := e.c.GetTalkWithResponse(e.Context(), &client.GetTalkParams{FollowerChannel: "wechat", FollowerSubject: "d1"})
		if err != nil || r.JSON200 == nil {
			e.Fatal(err)
		}
		if p, is := chat.ReadPlace(r.JSON200.Value); !is || p.Latitude != "43.797542" || p.Longitude != "87.617733" {
			e.Error(is, r.JSON200.Value)
		}
	})
	run("a redelivery gets the first answer", func(e *env) {
		before := text("again", "1")
		e.want("without a place", e.ask(e.a, before), sendPlace)
		e.want("place", e.ask(e.a, near("again")), choose)
		e.want("redelivered with a place", e.ask(e.b, before), sendPlace)
		one := text("again", "1")
		e.want("first", e.ask(e.a, one), branches)
		e.want("place", e.ask(e.a, location("again", "43.813921", "87.589642")), choose)
		e.want("redelivered after another place", e.ask(e.b, one), branches)
		if got := e.ask(e.b, text("again", "1")); got == branches || !strings.Contains(got, "友好路支行</a> 0米") {
			e.Error("a new message is not answered anew: ", got)
		}
	})
	run("a place that is redelivered late does not replace a newer one", func(e *env) {
		earlier, later := location("order", "43.813921", "87.589642"), near("order")
		later.At = earlier.At.Add(5 * time.Second)
		e.want("first", e.ask(e.a, earlier), choose)
		e.want("second", e.ask(e.a, later), choose)
		e.want("first again", e.ask(e.b, earlier), choose)
		e.want("which counts", e.ask(e.a, text("order", "1")), branches)
	})
	run("who comes and goes is told to the switch", func(e *env) {
		followed := func() bool { return e.followed("comes") }
		come, leave := event("comes", "subscribe", "qrscene_1"), event("comes", "unsubscribe", "")
		if got := e.ask(e.a, come); !strings.HasPrefix(got, "您好，欢迎关注。") || len(got) > 2048 || !followed() {
			e.Error(got, followed())
		}
		if got := e.ask(e.a, leave); got != "" || followed() {
			e.Error(got, followed())
		}
		if e.ask(e.b, come); followed() {
			e.Error("a redelivery undid the leaving")
		}
		if e.ask(e.b, event("comes", "subscribe", "")); !followed() {
			e.Error("did not come again")
		}
	})
	run("what became of a template message is left for its sender", func(e *env) {
		m := event("d", "TEMPLATESENDJOBFINISH", "")
		m.SendID, m.Status = "200163836", "failed:user block"
		e.want("answer", e.ask(e.a, m), "")
		r, err := e.c.PutKeptOnceWithResponse(e.Context(), &client.PutKeptOnceParams{Seconds: 60}, client.KeptValue{Name: "sent/200163836", Value: "x"})
		if err != nil || r.JSON200 == nil {
			e.Fatal(err)
		}
		e.want("kept", r.JSON200.Before, fmt.Sprintf("status/%d/user-block", m.At.Unix()))
	})
	run("the switch away and back", func(e *env) {
		defer whole.shut.Store(false)
		one, place := text("away", "1"), near("away")
		e.ask(e.a, event("away", "subscribe", ""))
		whole.shut.Store(true)
		e.want("place", e.ask(e.a, place), busy)
		e.want("choice", e.ask(e.a, one), busy)
		e.want("word", letters(e.ask(e.a, text("away", "zx"))), "您好，注销请点击这里")
		time.AfterFunc(500*time.Millisecond, func() { whole.shut.Store(false) })
		if e.ask(e.a, event("away", "unsubscribe", "")); e.followed("away") {
			e.Error("did not insist")
		}
		e.want("place, redelivered", e.ask(e.b, place), choose)
		e.want("choice, redelivered", e.ask(e.b, one), branches)
	})
	run("what the switch did not hear is delivered again", func(e *env) {
		defer whole.shut.Store(false)
		finished := event("deaf", "TEMPLATESENDJOBFINISH", "")
		finished.SendID, finished.Status = "200163837", "success"
		e.ask(e.a, event("deaf", "subscribe", ""))
		for _, m := range []callback.Message{event("deaf", "unsubscribe", ""), finished} {
			whole.shut.Store(true)
			if got := e.answer(e.a, m); got.Text != "" || !got.Failed {
				e.Errorf("%s, not heard: %+v", m.Event, got)
			}
			whole.shut.Store(false)
			if got := e.answer(e.b, m); got.Text != "" || got.Failed {
				e.Errorf("%s, heard: %+v", m.Event, got)
			}
		}
		if e.followed("deaf") {
			e.Error("still follows")
		}
		again := event("deaf", "subscribe", "")
		whole.shut.Store(true)
		if got := e.answer(e.a, again); got.Text != "" || !got.Failed {
			e.Errorf("came back, not heard: %+v", got)
		}
		whole.shut.Store(false)
		if got := e.answer(e.b, again); !strings.HasPrefix(got.Text, "您好，欢迎关注。") || got.Failed || !e.followed("deaf") {
			e.Errorf("came back, heard: %+v", got)
		}
		left, back := event("deaf", "unsubscribe", ""), event("deaf", "subscribe", "")
		e.ask(e.a, back)
		if e.ask(e.b, left); !e.followed("deaf") {
			e.Error("a leaving that was delivered late undid the coming after it")
		}
	})
	run("a place is forgotten after 10 minutes", func(e *env) { // the last: it moves the clock
		e.want("place", e.ask(e.a, near("late")), choose)
		whole.ahead.Store(int64(10*time.Minute - 5*time.Second))
		e.want("before", e.ask(e.b, text("late", "1")), branches)
		whole.ahead.Store(int64(10*time.Minute + time.Second))
		e.want("after", e.ask(e.a, text("late", "1")), sendPlace)
	})
}

// A switch that does not answer costs no more than the context, and says so.
func TestASilentSwitchIsBusy(t *testing.T) {
	silent := at(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	e := &env{T: t}
	for name, m := range map[string]callback.Message{
		"place": location("f", "43", "87"), "choice": text("f", "2"), "leaves": event("f", "unsubscribe", ""),
	} {
		begun := time.Now()
		got := e.ask(newChat(silent), m)
		if took := time.Since(begun); took > 2*time.Second || m.Type != "event" && (got != busy || took > 1400*time.Millisecond) {
			t.Errorf("%s: %q after %s", name, got, took)
		}
	}
}

// One try that hangs, as one that a dead instance took, does not use up the time that an
// event has: the next is heard.
func TestATryThatHangs(t *testing.T) {
	for _, name := range []string{"subscribe", "unsubscribe"} {
		var asked atomic.Int64
		c := at(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // else nobody sees that the caller has gone
			if asked.Add(1) == 1 {
				<-r.Context().Done()
				return
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"outcome":"approved"}`)
		})
		ctx, stop := context.WithTimeout(t.Context(), 4*time.Second)
		got := newChat(c).Answer(ctx, event("f", name, ""))
		if stop(); got.Failed || asked.Load() != 2 {
			t.Errorf("%s: asked %d times: %+v", name, asked.Load(), got)
		}
	}
}

// A reply has a second for all that it asks, and not for each.
func TestASlowSwitchIsBusy(t *testing.T) {
	var asked atomic.Int64
	slow := at(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		select {
		case <-time.After(400 * time.Millisecond):
		case <-r.Context().Done():
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"found":true,"first":true,"total":0,"places":[],"value":"{\"lat\":\"43\",\"lng\":\"87\",\"at\":1}"}`)
	})
	if got := newChat(slow).Answer(t.Context(), text("f", "1")); got.Text != busy || !got.Failed || asked.Load() < 2 {
		t.Errorf("asked %d times: %+v", asked.Load(), got)
	}
}

// Where one answer of the switch is missing, the others make up no answer, and nothing
// is kept.
func TestAHalfDeafSwitchIsBusy(t *testing.T) {
	for deaf, m := range map[string]callback.Message{
		"GET /v1/customer/talk": text("f", "1"), "POST /v1/places/nearest": text("f", "2"), "GET /v1/customer/talk ": location("f", "43", "87"),
	} {
		c := at(t, func(w http.ResponseWriter, r *http.Request) {
			switch asked := r.Method + " " + r.URL.Path; asked {
			case strings.TrimSpace(deaf):
				w.WriteHeader(http.StatusServiceUnavailable)
			case "GET /v1/customer/talk":
				fmt.Fprint(w, `{"found":true,"value":"{\"lat\":\"43\",\"lng\":\"87\",\"at\":1}"}`)
			default:
				t.Errorf("%s: asked %s", deaf, asked)
			}
		})
		if got := newChat(c).Answer(t.Context(), m); got.Text != busy || !got.Failed {
			t.Errorf("%s: %+v", deaf, got)
		}
	}
}

// Where nothing is near, that is said; of a merchant what is not known leaves no line.
func TestLittleNear(t *testing.T) {
	places := `[]`
	c := newChat(at(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"found":true,"first":true,"value":"{\"lat\":\"43\",\"lng\":\"87\",\"at\":1}","places":%s}`, places)
	}))
	ask := func(word, want string) {
		t.Helper()
		if got := letters(c.Answer(t.Context(), text("f", word)).Text); got != want {
			t.Errorf("%s: %s", word, got)
		}
	}
	ask("1", "暂未查到附近网点")
	ask("2", "暂未查到附近特惠商户")
	places = `[{"metres":5,"merchant":{"id":"m","name":"大巴扎","address":"解放南路8号"}}]`
	ask("2", "附近特惠商户：\n大巴扎 5米\n解放南路8号\n查看更多特惠商户")
}

// Who was answered makes room for the next.
func TestEachLeavesItsPlace(t *testing.T) {
	c := newChat(at(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"outcome":"approved","first":true,"done":true}`)
	}))
	for range 9 {
		for _, m := range []callback.Message{location("f", "43", "87"), text("f", "1"), event("f", "subscribe", "")} {
			if got := c.Answer(t.Context(), m); got.Failed {
				t.Fatalf("%s: %+v", m.Type, got)
			}
		}
	}
}

// silent is the way to a switch that answers nothing. It counts who ask, and who do
// so at once, but for those whose time is over: nothing is sent for them.
type silent struct{ now, most, all atomic.Int64 }

func (s *silent) Do(r *http.Request) (*http.Response, error) {
	if until, _ := r.Context().Deadline(); time.Until(until) > 0 {
		s.all.Add(1)
		n := s.now.Add(1)
		defer s.now.Add(-1)
		for old := s.most.Load(); n > old && !s.most.CompareAndSwap(old, n); old = s.most.Load() {
		}
	}
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// However many ask, the switch is asked by 8 at once, and who was not let in
// in time costs it nothing.
func TestTheSwitchIsNotFlooded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := &silent{}
		to, err := client.NewClientWithResponses("http://switch.test", client.WithHTTPClient(way))
		if err != nil {
			t.Fatal(err)
		}
		c, e := newChat(to), &env{T: t}
		var asked sync.WaitGroup
		for range 200 {
			asked.Go(func() {
				if got := e.ask(c, text("f", "1")); got != busy {
					t.Error(got)
				}
			})
		}
		asked.Wait()
		if most, all := way.most.Load(), way.all.Load(); most != 8 || all != 8 { // which take all the time
			t.Errorf("%d at once, %d in all", most, all)
		}
		if got := c.Answer(t.Context(), text("f", "zx")).Text; letters(got) != "您好，注销请点击这里" {
			t.Error(got)
		}
	})
}

// Whatever the switch answers, the answer fits, and holds no link but ours.
func TestNamesOfPlacesAreNoMarkup(t *testing.T) {
	name := strings.Repeat("支行", 60)
	c := at(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/v1/customer/talk":
			fmt.Fprint(w, `{"found":true,"value":"{\"lat\":\"43\",\"lng\":\"87\",\"at\":1}"}`)
		case "/v1/kept/first":
			if kept := r.URL.Query().Get("seconds"); kept != "600" {
				t.Errorf("the answer is kept for %q s", kept)
			}
			fmt.Fprint(w, `{"first":true}`)
		default:
			fmt.Fprintf(w, `{"total":9,"places":[{"metres":999,"branch":{"id":"a/\"b?c","name":"<a href=\"https://evil\">点我</a>"}},{"metres":1000,"branch":{"id":"x","name":%q}},
				{"metres":1,"branch":{"id":"y","name":%q}},{"metres":1,"branch":{"id":"z","name":%q}},{"metres":1,"branch":{"id":"z","name":%q}},{"metres":1,"branch":{"id":"z","name":%q}}]}`, name, name, name, name, name)
		}
	})
	got := newChat(c).Answer(t.Context(), text("f", "1")).Text
	lines := strings.Split(got, "\n")
	if len(got) > 2048 || lines[1] != `<a href="https://wx.example.cn/h5/branches/a%2F%22b%3Fc">＜a href="https://evil"＞点我＜/a＞</a> 999米` ||
		!strings.HasSuffix(lines[2], "</a> 1.0公里") || !strings.HasSuffix(got, "查看更多网点</a>") {
		t.Error(got)
	}
}

func TestTheLogHoldsNoPlace(t *testing.T) {
	var log bytes.Buffer
	broken := at(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodGet {
			fmt.Fprint(w, `{"found":true,"value":"{\"lat\":\"43.797542\",\"lng\":\"87.617733\",\"at\":1}"}`)
			return
		}
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `43.797542 87.617733`)
	})
	c := chat.New(chat.Options{Switch: broken, Deliveries: delivery.New(broken), Channel: "wechat", Public: public, Log: zerolog.New(&log)})
	c.Answer(t.Context(), location("openid-1", "43.797542", "87.617733"))
	c.Answer(t.Context(), text("openid-1", "1"))
	p, _ := chat.ReadPlace(`{"lat":"43.797542","lng":"87.617733"}`)
	all := log.String() + fmt.Sprintf("%v %+v %#v", p, p, p)
	if strings.Count(log.String(), "\n") != 2 || strings.Contains(all, "43.79") || strings.Contains(all, "87.61") || strings.Contains(all, "openid-1") {
		t.Error(all)
	}
}
