package wechat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wxswitch/cmd/frontd/internal/wechat"
	"wxswitch/switch/api/client"
	"wxswitch/switch/api/frontapi"
)

const (
	switchToken  = "0123456789abcdef0123456789abcdef"
	anotherToken = "fedcba9876543210fedcba9876543210"
)

// memory is the switch as far as notices need it.
type memory struct {
	*httptest.Server

	mu      sync.Mutex // guards what follows
	kept    map[string]string
	seconds map[string]string
	asked   int            // for the choices
	broken  map[string]int // paths that answer a problem so many times more
	slow    time.Duration  // before each answer; set before any is asked for
	before  func(path string)
}

func newMemory(t *testing.T) *memory {
	m := &memory{kept: make(map[string]string), seconds: make(map[string]string), broken: make(map[string]int)}
	m.Server = httptest.NewServer(m)
	t.Cleanup(m.Close)
	return m
}

func (m *memory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case <-time.After(m.slow):
	case <-r.Context().Done():
		return
	}
	if m.before != nil {
		m.before(r.URL.Path)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var v client.KeptValue
	_ = json.NewDecoder(r.Body).Decode(&v)
	if m.broken[r.URL.Path] > 0 {
		m.broken[r.URL.Path]--
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(client.Problem{Code: "kept-full", Status: 503})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(m.serve(r, v))
}

func (m *memory) serve(r *http.Request, v client.KeptValue) any {
	before, there := m.kept[v.Name]
	switch r.Method + r.URL.Path {
	case "GET/v1/choices":
		m.asked++
		return client.Choices{Banks: []client.Choice{{Id: "urmqccb", Name: "乌鲁木齐银行"}}}
	case "POST/v1/kept/first":
		if there {
			return client.KeptFirst{Before: before}
		}
		m.kept[v.Name], m.seconds[v.Name] = v.Value, r.URL.Query().Get("seconds")
		return client.KeptFirst{First: true}
	case "PUT/v1/kept":
		m.kept[v.Name], m.seconds[v.Name] = v.Value, r.URL.Query().Get("seconds")
		return client.Done{Done: true}
	case "POST/v1/kept/take":
		delete(m.kept, v.Name)
		return client.Kept{Found: there, Value: before}
	}
	panic("asked " + r.URL.Path)
}

// deliveries remembers which message was which notice.
type deliveries struct {
	mu          sync.Mutex
	sent        []string
	asked, deaf int           // calls; the first that are not heard
	slow        time.Duration // before each; set before any is asked
}

func (d *deliveries) Sent(ctx context.Context, msgID, noticeID string) error {
	select {
	case <-time.After(d.slow):
	case <-ctx.Done():
		return ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if d.asked <= d.deaf {
		return errors.New("not heard")
	}
	d.sent = append(d.sent, msgID+" "+noticeID)
	return nil
}

// hears begins anew: after so many that are not heard, all are.
func (d *deliveries) hears(deaf int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked, d.deaf = 0, deaf
}

// room is a front that tells notices, a platform, and a switch that asks for it.
type room struct {
	t          *testing.T
	platform   *platform
	memory     *memory
	deliveries *deliveries
	door       *httptest.Server
	registry   *prometheus.Registry
	log        *bytes.Buffer
}

func newRoom(t *testing.T, change func(*wechat.NoticeOptions)) *room {
	r := &room{t: t, platform: newPlatform(t), memory: newMemory(t), deliveries: &deliveries{}, registry: prometheus.NewRegistry(), log: &bytes.Buffer{}}
	r.platform.on(pathTemplate, says(`{"errcode":0,"msgid":7}`))
	r.platform.on(pathText, says(`{"errcode":0}`))
	r.platform.on(pathFollows, says(`{"subscribe":1,"openid":"`+openID+`"}`))
	w, _ := r.platform.wechat(func(o *wechat.Options) { o.CallLimit = time.Second })
	c, err := client.NewClientWithResponses(r.memory.URL)
	if err != nil {
		t.Fatal(err)
	}
	o := wechat.NoticeOptions{
		Sender: w, Deliveries: r.deliveries, Switch: c, Channel: "wechat", Public: public,
		Token: switchToken, Rules: wechat.DefaultRules("tMovement", "tService"),
		Log: zerolog.New(zerolog.SyncWriter(r.log)), Registerer: r.registry,
	}
	if change != nil {
		change(&o)
	}
	n, err := wechat.NewNotices(o)
	if err != nil {
		t.Fatal(err)
	}
	r.door = httptest.NewServer(n.Handler())
	t.Cleanup(r.door.Close)
	return r
}

func movement() frontapi.Notice {
	return frontapi.Notice{
		Id: "movement-5f0c", Round: 1, Channel: "wechat", Subject: openID, Kind: "movement", Text: "您尾号0056的账户支出¥32.50。",
		Data: map[string]string{
			"account": "0056", "bank": "urmqccb", "direction": "out", "amount": "3250", "balance": "3338326", "summary": "消费", "at": "20261129020400", // the switch hears of it three minutes later
		},
		At: time.Date(2026, 11, 28, 18, 7, 5, 0, time.UTC),
	}
}

func restored() frontapi.Notice {
	n := movement()
	n.Id, n.Kind, n.Text, n.Data = "restored-1", "restored", "注销失败，请与开户行联系。您的微信银行服务仍可继续使用。", nil
	return n
}

// send is what the switch does, and what it hears.
func (r *room) send(n frontapi.Notice) (status int, retryAfter time.Duration, code string) {
	r.t.Helper()
	c, _ := frontapi.NewClient(r.door.URL)
	a, err := c.SendNotice(r.t.Context(), n, func(_ context.Context, q *http.Request) error {
		q.Header.Set("Authorization", "Bearer "+switchToken)
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	defer a.Body.Close()
	var body struct{ ID, Code string }
	raw, _ := io.ReadAll(a.Body)
	if err := json.Unmarshal(raw, &body); err != nil || len(raw) > 4<<10 || (a.StatusCode == 200) != (body.ID == n.Id) {
		r.t.Errorf("%d %s", a.StatusCode, raw)
	}
	seconds, _ := strconv.Atoi(a.Header.Get("Retry-After"))
	return a.StatusCode, time.Duration(seconds) * time.Second, body.Code
}

func (r *room) expect(n frontapi.Notice, want int) {
	r.t.Helper()
	if status, _, code := r.send(n); status != want {
		r.t.Errorf("%s: %d %s, want %d", n.Id, status, code, want)
	}
}

func values(h heard) map[string]string {
	list := make(map[string]string)
	for name, v := range h.body["data"].(map[string]any) {
		list[name] = v.(map[string]any)["value"].(string)
	}
	return list
}

func TestMovement(t *testing.T) {
	r := newRoom(t, nil)
	r.expect(movement(), 200)
	sent := r.platform.at(pathTemplate)
	if len(sent) != 1 || len(r.platform.at(pathText)) != 0 {
		t.Fatal(sent)
	}
	want := map[string]string{"thing1": "乌鲁木齐银行 尾号0056", "thing2": "支出 消费", "amount3": "¥32.50", "thing4": "¥33,383.26", "time5": "2026年11月29日 02:04"}
	if got := values(sent[0]); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Error(got)
	}
	body := sent[0].body
	if body["touser"] != openID || body["template_id"] != "tMovement" || body["url"] != public+"/h5/accounts" {
		t.Error(body)
	}
	if got := fmt.Sprint(r.deliveries.sent); got != "[7 movement-5f0c]" {
		t.Error(got)
	}
	// Told once, by whichever instance is asked.
	r.expect(movement(), 200)
	if len(r.platform.at(pathTemplate)) != 1 || r.memory.seconds["notice/movement-5f0c/1"] != "3600" {
		t.Error("told twice, or not remembered", r.memory.seconds)
	}
	// The next round is another sending.
	next := movement()
	next.Round = 2
	r.expect(next, 200)
	sent = r.platform.at(pathTemplate)
	if len(sent) != 2 || sent[0].body["client_msg_id"] == sent[1].body["client_msg_id"] || len(body["client_msg_id"].(string)) != 32 {
		t.Error(sent)
	}
	if got := counts(t, r.registry, "frontd_notices_total"); got["template movement"] != 2 || got["before movement"] != 1 {
		t.Error(got)
	}
}

// What the log says of a notice is neither who it was for nor what it said.
func TestLogIsDiscreet(t *testing.T) {
	r := newRoom(t, nil)
	r.platform.on(pathTemplate, errcode(43004))
	r.expect(movement(), 410)
	r.platform.on(pathText, silent)
	r.expect(restored(), 502)
	for _, private := range []string{openID, "0056", "3250", "32.50", "消费", "注销", "token1", secret, switchToken, "://api"} {
		if strings.Contains(r.log.String(), private) {
			t.Errorf("the log tells %s: %s", private, r.log)
		}
	}
	if !strings.Contains(r.log.String(), `"notice":"movement-5f0c"`) || !strings.Contains(r.log.String(), "errcode 43004") {
		t.Error(r.log)
	}
}

func TestTextFirst(t *testing.T) {
	r := newRoom(t, nil)
	r.expect(restored(), 200)
	if texts := r.platform.at(pathText); len(texts) != 1 || texts[0].body["text"].(map[string]any)["content"] != restored().Text || len(r.platform.at(pathTemplate)) != 0 {
		t.Fatal(texts)
	}
	if len(r.deliveries.sent) != 0 {
		t.Error("there is no event of a text", r.deliveries.sent)
	}
	for i, code := range []int{45015, 45047} {
		r.platform.on(pathText, errcode(code))
		n := restored()
		n.Round = 2 + i
		r.expect(n, 200)
		sent := r.platform.at(pathTemplate)
		if len(sent) != i+1 {
			t.Fatal(code, sent)
		}
		want := map[string]string{"thing1": "客户注销", "phrase2": "注销失败", "thing3": "无", "time4": "2026年11月29日 02:07", "thing5": "注销失败，请与开户行联系。您的微信银行…"}
		if got := values(sent[i]); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Error(got)
		}
		if page, _ := sent[i].body["url"].(string); page != "" {
			t.Error("a tap opens", page)
		}
	}
}

// Every answer of the platform has its answer to the switch, and only what was
// told is remembered.
func TestAnswers(t *testing.T) {
	at := time.Date(2026, 11, 28, 15, 0, 0, 0, time.UTC) // 23:00 in Shanghai
	tests := map[string]struct {
		template, text http.HandlerFunc
		status         int
		wait           time.Duration
		code           string
		texts          int // texts tried
	}{
		"gone":                     {errcode(43004), nil, 410, 0, "errcode-43004", 0},
		"quota, and no text":       {errcode(45009), errcode(45015), 503, time.Hour + 5*time.Minute, "errcode-45009", 1},
		"quota, and text":          {errcode(45009), says(`{"errcode":0}`), 200, 0, "", 1},
		"quota, and texts barred":  {errcode(45009), errcode(48001), 503, time.Hour + 5*time.Minute, "errcode-45009", 1},
		"quota, and busy":          {errcode(45009), errcode(-1), 502, 0, "errcode-minus-1", 1},
		"minute":                   {errcode(45011), nil, 503, time.Minute, "errcode-45011", 0},
		"openid":                   {errcode(40003), nil, 422, 0, "errcode-40003", 0},
		"field, and text":          {errcode(47003), says(`{"errcode":0}`), 200, 0, "", 1},
		"field, and no text":       {errcode(47003), errcode(45015), 422, 0, "errcode-45015", 1},
		"template id, and no text": {errcode(40037), errcode(45015), 502, 0, "errcode-40037", 1},
		"switched off, and text":   {errcode(48002), says(`{"errcode":0}`), 200, 0, "", 1},
		"switched off, no text":    {errcode(48002), errcode(48002), 422, 0, "errcode-48002", 1},
		"banned, and text":         {errcode(48004), says(`{"errcode":0}`), 200, 0, "", 1},
		"refused, and text":        {errcode(43101), says(`{"errcode":0}`), 200, 0, "", 1},
		"refused, and no text":     {errcode(43101), errcode(43101), 422, 0, "errcode-43101", 1},
		"barred, and text":         {errcode(48001), says(`{"errcode":0}`), 200, 0, "", 1},
		"barred, and no text":      {errcode(48001), errcode(45015), 502, 0, "errcode-48001", 1},
		"by the account":           {errcode(43019), nil, 422, 0, "errcode-43019", 0},
		"no such kind, no text":    {errcode(48008), errcode(45015), 502, 0, "errcode-48008", 1},
		"field, and gone":          {errcode(47003), errcode(43004), 410, 0, "errcode-43004", 1},
		"field, and busy":          {errcode(47003), errcode(-1), 502, 0, "errcode-minus-1", 1},
		"busy":                     {errcode(-1), nil, 502, 0, "errcode-minus-1", 0},
		"address not on the list":  {errcode(40164), nil, 502, 0, "errcode-40164", 0},
		"token":                    {errcode(40001), nil, 502, 0, "errcode-40001", 0},
		"token that is none":       {errcode(40014), nil, 502, 0, "errcode-40014", 0},
		"token too old":            {errcode(42001), nil, 502, 0, "errcode-42001", 0},
		"perhaps told: no text":    {status(500), nil, 502, 0, "no-answer", 0},
		"not JSON":                 {says("<html>"), nil, 502, 0, "no-answer", 0},
		"told before":              {errcode(45065), nil, 200, 0, "", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, func(o *wechat.NoticeOptions) { o.Now = func() time.Time { return at } })
			r.platform.on(pathTemplate, test.template)
			if test.text != nil {
				r.platform.on(pathText, test.text)
			}
			status, wait, code := r.send(movement())
			if status != test.status || wait != test.wait || code != test.code || len(r.platform.at(pathText)) != test.texts {
				t.Errorf("%d %v %s, %d texts", status, wait, code, len(r.platform.at(pathText)))
			}
			kept := r.memory.kept["notice/movement-5f0c/1"]
			want := map[int]string{200: "told/", 502: "tried/template"}[test.status]
			if test.code != "no-answer" && test.status != 200 {
				want = ""
			}
			if !strings.HasPrefix(kept, want) || want == "" && kept != "" {
				t.Errorf("kept %q", kept)
			}
			// Mended, it is told at the next try.
			r.platform.on(pathTemplate, says(`{"errcode":0,"msgid":8}`))
			r.expect(movement(), 200)
		})
	}
}

// Over quota, nothing is told until shortly after midnight in Shanghai; an answer of
// those minutes is of the day before, and costs no other day.
func TestQuotaAtMidnight(t *testing.T) {
	for at, want := range map[string]time.Duration{
		"2026-11-28T23:59:59+08:00": 5*time.Minute + time.Second,
		"2026-11-29T00:00:00+08:00": 5 * time.Minute,
		"2026-11-29T00:04:59+08:00": time.Second,
		"2026-11-29T00:05:00+08:00": 24 * time.Hour,
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		r := newRoom(t, func(o *wechat.NoticeOptions) { o.Now = func() time.Time { return now.UTC() } })
		r.platform.on(pathTemplate, errcode(45009))
		r.platform.on(pathText, errcode(45015))
		if status, wait, _ := r.send(movement()); status != 503 || wait != want {
			t.Errorf("at %s: %d, wait %s", at, status, wait)
		}
	}
}

// A movement without an amount fits no template, and is told all the same.
func TestFieldThatIsMissing(t *testing.T) {
	r := newRoom(t, nil)
	n := movement()
	delete(n.Data, "amount")
	r.expect(n, 200)
	if len(r.platform.at(pathTemplate)) != 0 || len(r.platform.at(pathText)) != 1 {
		t.Error("not by text")
	}
	r.platform.on(pathText, errcode(45015))
	n.Round = 2
	if status, _, code := r.send(n); status != 422 || code != "errcode-45015" {
		t.Error(status, code)
	}
	r = newRoom(t, func(o *wechat.NoticeOptions) {
		o.Rules = wechat.Rules{"movement": {Template: "t", Fields: map[string]string{"amount1": "amount"}}}
	})
	if status, _, code := r.send(n); status != 422 || code != "field" {
		t.Error(status, code)
	}
}

// Who gets no token has sent nothing: any way will do afterwards.
func TestWithoutATokenNothingIsPerhapsTold(t *testing.T) {
	r := newRoom(t, nil)
	r.platform.on(pathToken, status(500))
	if status, _, code := r.send(movement()); status != 502 || code != "no-answer" || len(r.memory.kept) != 0 {
		t.Error(status, code, r.memory.kept)
	}
}

// Customer service has one code for who left and who was silent for long.
func TestTextToOneWhoLeft(t *testing.T) {
	r := newRoom(t, func(o *wechat.NoticeOptions) { o.Rules = nil })
	r.platform.on(pathText, errcode(45015))
	r.expect(movement(), 422)
	if claimed := r.memory.seconds["notice/movement-5f0c/1"]; claimed != "10" {
		t.Errorf("claimed for %q s", claimed)
	}
	r.platform.on(pathFollows, errcode(-1))
	r.expect(movement(), 422)
	r.platform.on(pathFollows, says(`{"subscribe":0,"openid":"`+openID+`"}`))
	r.expect(movement(), 410)
	r.platform.on(pathText, errcode(45047))
	r.expect(movement(), 422)
}

func TestUnknownKind(t *testing.T) {
	r := newRoom(t, nil)
	n := restored()
	n.Kind = "birthday"
	r.expect(n, 200)
	n.Round, n.Text = 2, ""
	r.expect(n, 422)
	if got := counts(t, r.registry, "frontd_notices_total"); got["text other"] != 1 || got["never other"] != 1 {
		t.Error(got)
	}
}

// What a payer wrote is no link in the bank's chat.
func TestTextIsHarmless(t *testing.T) {
	r := newRoom(t, nil)
	n := restored()
	for text, want := range map[string]string{
		"摘要：<a href=\"http://evil.example\">领取</a>\x00\n第二行": "摘要：＜a href=\"http：//evil．example\"＞领取＜/a＞\n第二行",
		"支出¥32.50，摘要：领奖 www.Evil.cn/a。":                      "支出¥32.50，摘要：领奖 www．Evil．cn/a。",
		"摘要：evil.\u200bcn":                                   "摘要：evil．cn",
		"摘要：http:\u200b//1.2.3.4/a":                          "摘要：http：//1.2.3.4/a",
		"摘要：转账\u2028您的账户异常":                                  "摘要：转账您的账户异常",
	} {
		n.Text = text
		r.expect(n, 200)
		texts := r.platform.at(pathText)
		if got := texts[len(texts)-1].body["text"].(map[string]any)["content"]; got != want {
			t.Errorf("%q", got)
		}
		n.Round++
	}
}

// held answers once leave is closed; inside is closed when it is asked.
func held(answer http.HandlerFunc) (slow http.HandlerFunc, inside, leave chan struct{}) {
	inside, leave = make(chan struct{}), make(chan struct{})
	return func(w http.ResponseWriter, q *http.Request) {
		close(inside)
		<-leave
		answer(w, q)
	}, inside, leave
}

// Of many that get the same notice at once one tells it; the others tell the
// switch to wait.
func TestManyAtOnce(t *testing.T) {
	r := newRoom(t, nil)
	slow, inside, leave := held(says(`{"errcode":0,"msgid":7}`))
	r.platform.on(pathTemplate, slow)
	var first sync.WaitGroup
	first.Go(func() { r.expect(movement(), 200) })
	<-inside
	for range 5 {
		if status, wait, code := r.send(movement()); status != 429 || wait != 5*time.Second || code != "in-progress" {
			t.Error(status, wait, code)
		}
	}
	close(leave)
	first.Wait()
	r.expect(movement(), 200)
	if n := len(r.platform.at(pathTemplate)); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// The same of what was perhaps told before: who sees that word does not take another's
// claim away with it, and one that dies leaves it to the next.
func TestManyAtOnceOfWhatWasPerhapsTold(t *testing.T) {
	r := newRoom(t, nil)
	slow, inside, leave := held(says(`{"errcode":0,"msgid":7}`))
	r.platform.on(pathTemplate, slow, says(`{"errcode":0,"msgid":8}`))
	var see sync.WaitGroup // the word, both before either does more
	see.Add(2)
	var seen, taken atomic.Int32
	r.memory.before = func(path string) {
		switch {
		case path == "/v1/kept/first" && seen.Add(1) <= 2:
			see.Done()
			see.Wait()
		case path == "/v1/kept/take" && taken.Add(1) == 2:
			<-inside
		}
	}
	const name = "notice/restored-1/1"
	r.memory.kept[name] = "tried/template"
	ends := make(chan int, 2)
	for range 2 {
		go func() {
			status, _, _ := r.send(restored())
			ends <- status
		}()
	}
	<-inside
	if status := <-ends; status != 429 {
		t.Error(status)
	}
	close(leave)
	if status := <-ends; status != 200 {
		t.Error(status)
	}
	r.memory.kept[name] = "tried/template"
	r.memory.kept[name+"/again"] = "of one that died"
	r.expect(restored(), 429)
	delete(r.memory.kept, name+"/again") // as after 10 s
	r.expect(restored(), 200)
	if texts, templates := len(r.platform.at(pathText)), len(r.platform.at(pathTemplate)); texts != 0 || templates != 2 {
		t.Errorf("%d texts and %d templates", texts, templates)
	}
}

// A front that dies in the middle leaves a claim that passes; then the notice is
// told with the same client_msg_id.
func TestClaimPasses(t *testing.T) {
	r := newRoom(t, nil)
	r.memory.kept["notice/movement-5f0c/1"] = "of one that died"
	r.expect(movement(), 429)
	r.memory.mu.Lock()
	delete(r.memory.kept, "notice/movement-5f0c/1") // as after 10 s
	r.memory.mu.Unlock()
	r.platform.on(pathTemplate, silent, says(`{"errcode":0,"msgid":7}`))
	r.expect(movement(), 502)
	if r.memory.kept["notice/movement-5f0c/1"] != "tried/template" || r.memory.seconds["notice/movement-5f0c/1"] != "3600" {
		t.Error(r.memory.kept, r.memory.seconds)
	}
	r.expect(movement(), 200)
	sent := r.platform.at(pathTemplate)
	if len(sent) != 2 || sent[0].body["client_msg_id"] != sent[1].body["client_msg_id"] {
		t.Error(sent)
	}
}

func TestNothingIsToldWithoutMemory(t *testing.T) {
	r := newRoom(t, nil)
	r.memory.broken["/v1/kept/first"] = 1
	r.expect(movement(), 502)
	if len(r.platform.at(pathTemplate)) != 0 {
		t.Error("told")
	}
	r.expect(movement(), 200)
}

// Told is told, though it cannot be written down.
func TestToldAndNotRemembered(t *testing.T) {
	r := newRoom(t, func(o *wechat.NoticeOptions) { o.Limit = time.Second })
	r.memory.broken["/v1/kept"] = 1000
	r.deliveries.hears(1000)
	r.expect(movement(), 200)
	if !strings.Contains(r.log.String(), "not remembered") || !strings.Contains(r.log.String(), "will not be known") {
		t.Error(r.log)
	}
}

// What cannot be written down leaves time to say which message it was.
func TestNotRememberedAndReported(t *testing.T) {
	r := newRoom(t, func(o *wechat.NoticeOptions) { o.Limit = time.Second })
	r.memory.broken["/v1/kept"] = 1000
	r.deliveries.slow = 50 * time.Millisecond
	r.expect(movement(), 200)
	if got := fmt.Sprint(r.deliveries.sent); got != "[7 movement-5f0c]" {
		t.Error(got)
	}
}

// Which message a notice was is said until the switch has heard it: the delivery
// event finds no notice without. A repeat that has to tell nothing else says it.
func TestTheMessageIsReported(t *testing.T) {
	r := newRoom(t, func(o *wechat.NoticeOptions) { o.Limit = time.Second })
	r.deliveries.hears(1)
	r.memory.broken["/v1/kept"] = 1
	r.expect(movement(), 200)
	if got := fmt.Sprint(r.deliveries.sent); got != "[7 movement-5f0c]" {
		t.Error("one that was not heard: ", got)
	}
	next := movement()
	next.Round = 2
	r.deliveries.hears(1000)
	r.expect(next, 200) // it was told
	r.deliveries.hears(0)
	r.expect(next, 200)
	if got := fmt.Sprint(r.deliveries.sent); got != "[7 movement-5f0c 7 movement-5f0c]" || len(r.platform.at(pathTemplate)) != 2 {
		t.Error("heard at a repeat: ", got)
	}
}

// A switch that takes its time with each write hears all the same.
func TestASlowSwitchIsTold(t *testing.T) {
	r := newRoom(t, nil)
	r.memory.slow = 600 * time.Millisecond
	r.deliveries.slow = 600 * time.Millisecond
	r.expect(movement(), 200)
	if got := fmt.Sprint(r.deliveries.sent, r.memory.kept["notice/movement-5f0c/1"]); got != "[7 movement-5f0c]told/7" {
		t.Error(got)
	}
}

// The switch waits 5 s for an answer, and gets one, whatever the platform does.
func TestAnswersInTime(t *testing.T) {
	r := newRoom(t, func(o *wechat.NoticeOptions) { o.Limit = 500 * time.Millisecond })
	r.platform.on(pathTemplate, trickles)
	began := time.Now()
	r.expect(movement(), 502)
	if took := time.Since(began); took > 450*time.Millisecond+500*time.Millisecond { // a busy machine's share
		t.Error(took)
	}
}

// A switch that hangs up does not keep the front from writing down what the
// platform took.
func TestCallerHangsUp(t *testing.T) {
	r := newRoom(t, nil)
	ctx, hangUp := context.WithCancel(t.Context())
	leave, done := make(chan struct{}), make(chan struct{})
	r.platform.on(pathTemplate, func(w http.ResponseWriter, q *http.Request) {
		hangUp()
		<-leave
		says(`{"errcode":0,"msgid":7}`)(w, q)
	})
	go func() {
		defer close(done)
		c, _ := frontapi.NewClient(r.door.URL)
		_, err := c.SendNotice(ctx, movement(), func(_ context.Context, q *http.Request) error {
			q.Header.Set("Authorization", "Bearer "+switchToken)
			return nil
		})
		if err == nil {
			t.Error("answered")
		}
	}()
	<-done
	close(leave)
	r.door.Close() // waits for it
	if r.memory.kept["notice/movement-5f0c/1"] != "told/7" {
		t.Error(r.memory.kept)
	}
}

func TestDoor(t *testing.T) {
	r := newRoom(t, nil)
	changed := func(change func(*frontapi.Notice)) string {
		n := restored()
		change(&n)
		body, _ := json.Marshal(n)
		return string(body)
	}
	good := changed(func(*frontapi.Notice) {})
	for name, test := range map[string]struct {
		token, body string
		status      int
	}{
		"good":           {"Bearer " + switchToken, good, 200},
		"another":        {"Bearer " + anotherToken, good, 401},
		"no token":       {"", good, 401},
		"wrong":          {"Bearer " + switchToken[:31] + "0", good, 401},
		"not bearer":     {switchToken, good, 401},
		"empty":          {"Bearer ", good, 401},
		"not JSON":       {"Bearer " + switchToken, "<xml/>", 422},
		"too large":      {"Bearer " + switchToken, changed(func(n *frontapi.Notice) { n.Text = strings.Repeat("x", 64<<10) }), 422},
		"nothing":        {"Bearer " + switchToken, `{}`, 422},
		"long id":        {"Bearer " + switchToken, changed(func(n *frontapi.Notice) { n.Id = strings.Repeat("x", 129) }), 422},
		"no id":          {"Bearer " + switchToken, changed(func(n *frontapi.Notice) { n.Id = "" }), 422},
		"no round":       {"Bearer " + switchToken, changed(func(n *frontapi.Notice) { n.Round = 0 }), 422},
		"no subject":     {"Bearer " + switchToken, changed(func(n *frontapi.Notice) { n.Subject = "" }), 422},
		"long subject":   {"Bearer " + switchToken, changed(func(n *frontapi.Notice) { n.Subject = strings.Repeat("x", 257) }), 422},
		"other channels": {"Bearer " + switchToken, changed(func(n *frontapi.Notice) { n.Channel = "app" }), 422},
	} {
		t.Run(name, func(t *testing.T) {
			q, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, r.door.URL+"/v1/notices", strings.NewReader(test.body))
			q.Header.Set("Authorization", test.token)
			a, err := http.DefaultClient.Do(q)
			if err != nil || a.StatusCode != test.status {
				t.Fatal(a, err)
			}
			raw, _ := io.ReadAll(a.Body)
			var p frontapi.Problem
			err = json.Unmarshal(raw, &p)
			if test.status != 200 && (a.Header.Get("Content-Type") != "application/problem+json" || err != nil || p.Status != test.status || p.Code == "" || p.Title == "") {
				t.Errorf("%s", raw)
			}
			if got := a.Header.Get("WWW-Authenticate"); (got == "Bearer") != (test.status == 401) {
				t.Errorf("WWW-Authenticate %q", got)
			}
		})
	}
	want := map[string]float64{"text restored": 1, "refused restored": 6, "refused other": 1} // and what was no notice of any kind
	if got := counts(t, r.registry, "frontd_notices_total"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Error(got)
	}
}

func TestNewNoticesRefuses(t *testing.T) {
	p := newPlatform(t)
	w, _ := p.wechat(nil)
	for name, change := range map[string]func(*wechat.NoticeOptions){
		"no token":    func(o *wechat.NoticeOptions) { o.Token = "" },
		"short token": func(o *wechat.NoticeOptions) { o.Token = "short" },
		"no channel":  func(o *wechat.NoticeOptions) { o.Channel = "" },
		"bad rules":   func(o *wechat.NoticeOptions) { o.Rules = wechat.Rules{"movement": {}} },
	} {
		o := wechat.NoticeOptions{
			Sender: w, Deliveries: &deliveries{}, Switch: &client.ClientWithResponses{}, Channel: "wechat", Public: public, Token: switchToken,
		}
		change(&o)
		if _, err := wechat.NewNotices(o); err == nil {
			t.Error(name)
		}
	}
}

// The names of banks are asked for now and then, and not again and again where
// the switch does not answer.
func TestBankNames(t *testing.T) {
	now := time.Now()
	r := newRoom(t, func(o *wechat.NoticeOptions) { o.Now = func() time.Time { return now } })
	r.memory.broken["/v1/choices"] = 100
	for i, step := range []struct {
		wait  time.Duration
		mend  bool
		bank  string
		asked int
	}{
		{0, false, "开户行", 0},
		{time.Second, true, "开户行", 0}, // not asked again so soon
		{10 * time.Second, false, "乌鲁木齐银行", 1},
		{4 * time.Minute, false, "乌鲁木齐银行", 1},
		{2 * time.Minute, false, "乌鲁木齐银行", 2},
	} {
		now = now.Add(step.wait)
		if step.mend {
			r.memory.mu.Lock()
			r.memory.broken["/v1/choices"] = 0
			r.memory.mu.Unlock()
		}
		n := movement()
		n.Round = i + 1
		r.expect(n, 200)
		if got := values(r.platform.at(pathTemplate)[i])["thing1"]; got != step.bank+" 尾号0056" || r.memory.asked != step.asked {
			t.Errorf("step %d: %s, asked %d times", i, got, r.memory.asked)
		}
	}
}

// What the platform perhaps took as one kind of message is asked for again as that
// kind, though another may do by now: as another it would be told twice.
func TestPerhapsToldIsToldTheSameWay(t *testing.T) {
	r := newRoom(t, nil)
	r.platform.on(pathText, errcode(45015), says(`{"errcode":0}`)) // outside its window; then the follower writes
	r.platform.on(pathTemplate, cuts, says(`{"errcode":0,"msgid":7}`))
	r.expect(restored(), 502)
	r.expect(restored(), 200)
	r.expect(restored(), 200) // told before
	if texts, templates := len(r.platform.at(pathText)), len(r.platform.at(pathTemplate)); texts != 1 || templates != 2 {
		t.Errorf("%d texts and %d templates", texts, templates)
	}
	// So it is though the platform answered meanwhile that it can do nothing now.
	third := restored()
	third.Id = "restored-3"
	r.platform.on(pathText, errcode(45015), says(`{"errcode":0}`))
	r.platform.on(pathTemplate, cuts, errcode(-1), says(`{"errcode":0,"msgid":8}`))
	r.expect(third, 502)
	r.expect(third, 502)
	r.expect(third, 200)
	if texts, templates := len(r.platform.at(pathText)), len(r.platform.at(pathTemplate)); texts != 2 || templates != 5 {
		t.Errorf("%d texts and %d templates", texts, templates)
	}
	// What is refused in the end may still be told another way.
	second := restored()
	second.Id = "restored-2"
	r.platform.on(pathText, errcode(45015), says(`{"errcode":0}`))
	r.platform.on(pathTemplate, cuts, errcode(47003))
	r.expect(second, 502)
	r.expect(second, 200)
}
