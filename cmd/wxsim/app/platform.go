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
	limits limits
	ids64  int64 // of template messages
}

// sending is a template message that is not to be sent twice.
type sending struct {
	id int64
	at time.Time
}

const (
	tokenLife    = 7200 * time.Second
	tokenOverlap = 5 * time.Minute // the one before stays good
	keptTokens   = 500
	forceEvery   = 30 * time.Second
	dedupe       = 10 * time.Minute
	keptSent     = 20_000
	maxRequest   = 64 << 10
	firstID      = 3_000_000_000_000_000_000 // template messages' numbers need 64 bits
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
			s.limit(a.path, answer)
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

// limits is what the answer 45009 to a message leaves behind: who hears it sends
// nothing more before the next day, whatever the switches say by then.
type limits struct {
	day   string // of the answer; "" where messages were taken since
	fresh bool   // it was the last answer: another kind of message may still do
}

// limit learns from the answer to a message. A text that comes later than right
// after the answer is of a chat, and says nothing of what waits.
func (s *Sim) limit(path string, answer any) {
	kind, message := strings.CutPrefix(path, "/cgi-bin/message/")
	if !message {
		return
	}
	f, failed := answer.(*failure)
	taken := !failed || f.Code == 0
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.limits.day
	switch {
	case !taken && f.Code == 45009:
		s.limits = limits{s.date(), true}
	case taken && (s.limits.fresh || kind == "template/send"):
		s.limits = limits{}
	default:
		s.limits.fresh = false
	}
	if s.limits.day != was {
		s.hub.publish("", refetch)
	}
}

// date is the platform's day.
func (s *Sim) date() string { return s.now().In(shanghai).Format(time.DateOnly) }

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
	s.retire(s.plain, tokenOverlap)
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
	case left <= tokenOverlap: // the old one lives its minutes out
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
