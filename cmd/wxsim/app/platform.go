package app

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// platform is what the platform remembers of the account. Sim.mu guards it.
type platform struct {
	tokens map[string]time.Time // until when each is good
	plain  string               // the newest of /cgi-bin/token
	stable string               // the newest of /cgi-bin/stable_token
	forced time.Time            // when it was last forced to be a new one
	codes  map[string]*grant
	sent   map[string]sending // by openid and client_msg_id
	day    string             // of today
	today  int                // template messages
	ids64  int64              // of template messages
}

// sending is a template message that is not to be sent twice.
type sending struct {
	id int64
	at time.Time
}

const (
	tokenLife   = 7200 * time.Second
	tokenOverap = 5 * time.Minute // the one before stays good
	keptTokens  = 500
	forceEvery  = 30 * time.Second
	dedupe      = 10 * time.Minute
	keptSent    = 20_000
	maxRequest  = 64 << 10
	firstID     = 3_000_000_000_000_000_000 // template messages' numbers need 64 bits
)

// shanghai is the zone of the platform's days.
var shanghai = time.FixedZone("CST", 8*60*60)

// failure is the platform's answer to what it does not do.
type failure struct {
	Code    int    `json:"errcode"`
	Message string `json:"errmsg"`
}

func fail(code int, message string) *failure { return &failure{code, message} }

func done() *failure { return fail(0, "ok") }

// call is a request to the platform's API.
type call struct {
	query url.Values
	body  []byte
	notes []string // for the picture, masked
}

func (c *call) note(line string) { c.notes = append(c.notes, line) }

// read decodes the body.
func (c *call) read(into any) *failure {
	switch {
	case len(c.body) == 0:
		return fail(44002, "empty post data")
	case json.Unmarshal(c.body, into) != nil:
		return fail(47001, "data format error")
	}
	return nil
}

// platformAPI adds what the front calls.
func (s *Sim) platformAPI(m *http.ServeMux) {
	for _, a := range []struct {
		path, method string
		open         bool // without a token
		do           func(*call) any
	}{
		{"/cgi-bin/token", http.MethodGet, true, s.token},
		{"/cgi-bin/stable_token", http.MethodPost, true, s.stableToken},
		{"/sns/oauth2/access_token", http.MethodGet, true, s.exchange},
		{"/cgi-bin/menu/create", http.MethodPost, false, s.createMenu},
		{"/cgi-bin/menu/get", http.MethodGet, false, s.getMenu},
		{"/cgi-bin/menu/delete", http.MethodGet, false, s.deleteMenu},
		{"/cgi-bin/user/info", http.MethodGet, false, s.userInfo},
		{"/cgi-bin/message/template/send", http.MethodPost, false, s.sendTemplate},
		{"/cgi-bin/message/custom/send", http.MethodPost, false, s.sendText},
	} {
		m.HandleFunc(a.path, func(w http.ResponseWriter, r *http.Request) {
			c := &call{query: r.URL.Query()}
			answer := s.admit(c, r, a.method, a.open)
			if answer == nil {
				answer = a.do(c)
			}
			s.hop(called(a.path, c, answer))
			write(w, http.StatusOK, answer)
		})
	}
}

// admit returns why a call is not served, or nil.
func (s *Sim) admit(c *call, r *http.Request, method string, open bool) any {
	if r.Method != method {
		return fail(map[string]int{http.MethodGet: 43001, http.MethodPost: 43002}[method], "require "+method+" method")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil || len(body) > maxRequest {
		return fail(45002, "content size out of limit")
	}
	c.body = body
	if open {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.checkToken(c.query.Get("access_token")); e != nil {
		return e
	}
	if s.faults.Count > 0 {
		code := s.faults.Code
		if s.faults.Count--; s.faults.Count == 0 {
			s.faults.Code = 0
			s.hub.publish("", refetch)
		}
		return fail(code, "injected by the simulator")
	}
	return nil
}

// called is a call in the picture.
func called(path string, c *call, answer any) Hop {
	title, code := strings.TrimPrefix(strings.TrimPrefix(path, "/cgi-bin/"), "/"), 0
	lines := c.notes
	if f, ok := answer.(*failure); ok && f.Code != 0 {
		code = f.Code
		lines = append(lines, f.Message)
	}
	return Hop{Leg: WeChatFront, Dir: "left", Title: fmt.Sprintf("%s → errcode %d", title, code), Lines: lines, OK: new(code == 0)}
}

// checkToken says what is wrong with an access token. s.mu is held.
func (s *Sim) checkToken(token string) *failure {
	until, known := s.tokens[token]
	switch {
	case token == "":
		return fail(41001, "access_token missing")
	case !known:
		return fail(40001, "invalid credential, access_token is invalid or not latest")
	case s.now().After(until):
		return fail(42001, "access_token expired")
	}
	return nil
}

func (s *Sim) credentials(appID, secret string) *failure {
	switch {
	case appID == "":
		return fail(41002, "appid missing")
	case appID != s.cfg.Account.AppID:
		return fail(40013, "invalid appid")
	case secret == "":
		return fail(41004, "appsecret missing")
	case secret != string(s.cfg.Account.Secret):
		return fail(40125, "invalid appsecret")
	}
	return nil
}

// token is the older of the two ways: every call makes a new token, and leaves
// the one before good for five minutes.
func (s *Sim) token(c *call) any {
	if c.query.Get("grant_type") != "client_credential" {
		return fail(40002, "invalid grant_type")
	}
	if e := s.credentials(c.query.Get("appid"), c.query.Get("secret")); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retire(s.plain, tokenOverap)
	s.plain = s.newToken()
	return map[string]any{"access_token": s.plain, "expires_in": int(tokenLife.Seconds())}
}

// stableToken answers the same token until its last five minutes, unless it is
// forced to be a new one, which ends the old; not more often than every 30 s.
func (s *Sim) stableToken(c *call) any {
	var q struct {
		GrantType string `json:"grant_type"`
		AppID     string `json:"appid"`
		Secret    string `json:"secret"`
		Force     bool   `json:"force_refresh"`
	}
	if e := c.read(&q); e != nil {
		return e
	}
	if q.GrantType != "client_credential" {
		return fail(40002, "invalid grant_type")
	}
	if e := s.credentials(q.AppID, q.Secret); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	left := s.tokens[s.stable].Sub(now)
	switch {
	case q.Force && now.Sub(s.forced) >= forceEvery:
		delete(s.tokens, s.stable)
		s.stable, s.forced, left = s.newToken(), now, tokenLife
	case left <= tokenOverap: // the old one lives its minutes out
		s.stable, left = s.newToken(), tokenLife
	}
	return map[string]any{"access_token": s.stable, "expires_in": int(left.Seconds())}
}

// newToken makes one. s.mu is held.
func (s *Sim) newToken() string {
	forget(s.tokens, keptTokens, func(t time.Time) time.Time { return t })
	token := fmt.Sprintf("%d_", 70+len(s.tokens)%10) + rand.Text() + rand.Text()
	s.tokens[token] = s.now().Add(tokenLife)
	return token
}

// retire leaves a token a while to live. s.mu is held.
func (s *Sim) retire(token string, left time.Duration) {
	if until, ok := s.tokens[token]; ok && until.After(s.now().Add(left)) {
		s.tokens[token] = s.now().Add(left)
	}
}

// addressee finds a follower by openid. s.mu is held.
func (s *Sim) addressee(openID string) (*follower, *failure) {
	f := s.openIDs[openID]
	switch {
	case openID == "" || f == nil && !s.gone[openID]:
		return nil, fail(40003, "invalid openid")
	case f == nil || !f.following:
		return nil, fail(43004, "require subscribe")
	}
	return f, nil
}

func (s *Sim) userInfo(c *call) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	openID := c.query.Get("openid")
	c.note("openid " + short(openID))
	f, e := s.addressee(openID)
	switch {
	case e != nil && e.Code == 43004:
		return map[string]any{"subscribe": 0, "openid": openID}
	case e != nil:
		return e
	}
	return map[string]any{
		"subscribe": 1, "openid": openID, "language": "zh_CN", "subscribe_time": f.since.Unix(), "remark": "", "groupid": 0,
		"tagid_list": []int{}, "subscribe_scene": "ADD_SCENE_SEARCH", "qr_scene": 0, "qr_scene_str": "",
	}
}

// templateMessage is the body of message/template/send.
type templateMessage struct {
	To          string `json:"touser"`
	Template    string `json:"template_id"`
	URL         string `json:"url"`
	ClientMsgID string `json:"client_msg_id"`
	Data        map[string]struct {
		Value string `json:"value"`
	} `json:"data"`
}

func (s *Sim) sendTemplate(c *call) any {
	var m templateMessage
	if e := c.read(&m); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, e := s.addressee(m.To)
	c.note("touser " + short(m.To))
	if e != nil {
		return e
	}
	card, e := s.card(m)
	if e != nil {
		return e
	}
	for _, row := range card.Rows {
		c.note(row.Label + "：" + masked(row.Value))
	}
	key := m.To + " " + m.ClientMsgID
	if was, ok := s.sent[key]; ok && m.ClientMsgID != "" && s.now().Sub(was.at) < dedupe {
		c.note("client_msg_id 重复，不再发送")
		return sentAs(was.id)
	}
	if !s.spendQuota() {
		return fail(45009, "reach max api daily quota limit")
	}
	s.ids64++
	id := firstID + s.ids64
	if m.ClientMsgID != "" {
		forget(s.sent, keptSent, func(v sending) time.Time { return v.at })
		s.sent[key] = sending{id, s.now()}
	}
	s.finish(f, card, id)
	return sentAs(id)
}

func sentAs(id int64) any { return map[string]any{"errcode": 0, "errmsg": "ok", "msgid": id} }

// card checks a template message, and is what it looks like.
func (s *Sim) card(m templateMessage) (*Card, *failure) {
	t := s.template(m.Template)
	if t == nil {
		return nil, fail(40037, "invalid template_id")
	}
	if u, err := url.Parse(m.URL); m.URL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		return nil, fail(40039, "invalid url size")
	}
	card := &Card{Title: t.Title, Time: s.now().In(shanghai).Format("1月2日 15:04"), URL: m.URL}
	for _, f := range t.Fields {
		v := m.Data[f.Name].Value
		if !validField(f.Name, v) {
			return nil, fail(47003, "argument invalid! data."+f.Name+".value is invalid")
		}
		card.Rows = append(card.Rows, Row{f.Label, v})
	}
	if len(m.Data) != len(t.Fields) {
		return nil, fail(47003, "argument invalid! data has a field that the template does not have")
	}
	return card, nil
}

func (s *Sim) template(id string) *Template {
	for i := range s.cfg.Templates {
		if s.cfg.Templates[i].ID == id {
			return &s.cfg.Templates[i]
		}
	}
	return nil
}

// spendQuota counts a template message. s.mu is held.
func (s *Sim) spendQuota() bool {
	if day := s.now().In(shanghai).Format(time.DateOnly); day != s.day {
		s.day, s.today = day, 0
	}
	if s.faults.Quota || s.today >= s.cfg.Quota {
		return false
	}
	s.today++
	return true
}

// finish brings a template message to the phone, and tells the front how that
// went. s.mu is held.
func (s *Sim) finish(f *follower, card *Card, id int64) {
	status := "success"
	switch {
	case f.blocked:
		status = "failed:user block"
	case s.faults.Undelivered:
		status = "failed: system failed"
	default:
		s.show(f, ChatEvent{Who: "account", Kind: "card", Card: card})
	}
	s.push(push{f.id, f.openID, s.now(), "event", []field{
		{name: "Event", value: "TEMPLATESENDJOBFINISH"},
		{name: "MsgID", value: fmt.Sprint(id), number: true},
		{name: "Status", value: status},
	}, false})
}

// allowance is how many texts of customer service an act of a follower allows,
// and for how long.
type allowance struct {
	texts int
	last  time.Duration
}

// Those since 12 June 2023; a click on a view button allows nothing.
var (
	afterMessage = allowance{5, 48 * time.Hour}
	afterEvent   = allowance{3, time.Minute} // a click, a subscription
)

// hear gives what an act allows. Allowances do not add up: of texts and time
// that are left and new, the greater holds. Sim.mu is held.
func (f *follower) hear(now time.Time, a allowance) {
	if now.After(f.until) {
		f.texts = 0
	}
	f.texts = max(f.texts, a.texts)
	if until := now.Add(a.last); until.After(f.until) {
		f.until = until
	}
}

// sendText is customer service, as far as a follower's acts allow it.
func (s *Sim) sendText(c *call) any {
	var m struct {
		To   string `json:"touser"`
		Type string `json:"msgtype"`
		Text struct {
			Content string `json:"content"`
		} `json:"text"`
	}
	if e := c.read(&m); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, e := s.addressee(m.To)
	c.note("touser " + short(m.To))
	switch text := m.Text.Content; {
	case e != nil:
		return e
	case m.Type != "text":
		return fail(40008, "invalid message type: the simulator shows texts only")
	case text == "" || !utf8.ValidString(text):
		return fail(44004, "empty content")
	case len(text) > maxContent:
		return fail(45002, "content size out of limit")
	case s.now().After(f.until):
		return fail(45015, "response out of time limit or subscription is canceled")
	case f.texts == 0:
		return fail(45047, "out of response count limit")
	}
	f.texts--
	c.note(masked(m.Text.Content))
	s.show(f, ChatEvent{Who: "account", Kind: "text", Text: sanitised(m.Text.Content)})
	return done()
}
