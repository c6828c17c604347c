package app

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"regexp"
	"time"
)

// grant is a code of web authorisation: single use, five minutes.
type grant struct {
	openID   string
	snapshot bool
	until    time.Time
	used     bool
}

const (
	codeLife  = 5 * time.Minute
	keptCodes = 2000
)

var states = regexp.MustCompile(`^[A-Za-z0-9]{0,128}$`)

// authorize is the page that a follower is sent through; with snsapi_base it
// asks nothing, and sends on with a code.
func (s *Sim) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	to, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case q.Get("appid") != s.cfg.Account.AppID:
		errorPage(w, http.StatusOK, "AppID 参数错误，错误码：10013")
	case err != nil || to.Scheme+"://"+to.Host != s.cfg.Front.Public || to.User != nil:
		errorPage(w, http.StatusOK, "redirect_uri 域名与后台配置不一致，错误码：10003")
	case q.Get("response_type") != "code":
		errorPage(w, http.StatusOK, "response_type 参数错误，错误码：10004")
	case q.Get("scope") != "snsapi_base":
		errorPage(w, http.StatusOK, "Scope 参数错误或没有 Scope 权限，错误码：10005")
	case !states.MatchString(q.Get("state")):
		errorPage(w, http.StatusOK, "state 参数错误：最多 128 个字母或数字")
	default:
		onward := url.URL{Path: to.Path, RawQuery: to.RawQuery} // stays on the follower's origin
		back := onward.Query()
		back.Set("code", s.grant(phoneOf(r)))
		back.Set("state", q.Get("state"))
		onward.RawQuery = back.Encode()
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, onward.String(), http.StatusFound)
	}
}

// grant issues a code for a phone's follower.
func (s *Sim) grant(phone string) string {
	code := "0" + rand.Text() + "s"
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.phone(phone)
	forget(s.codes, keptCodes, func(g *grant) time.Time { return g.until })
	s.codes[code] = &grant{openID: f.openID, snapshot: f.snapshot, until: s.now().Add(codeLife)}
	return code
}

// forget makes room in a map that is full: the oldest goes.
func forget[V any](m map[string]V, limit int, age func(V) time.Time) {
	if len(m) < limit {
		return
	}
	oldest := ""
	for k, v := range m {
		if oldest == "" || age(v).Before(age(m[oldest])) {
			oldest = k
		}
	}
	delete(m, oldest)
}

// exchange is GET /sns/oauth2/access_token.
func (s *Sim) exchange(c *call) any {
	q := c.query
	if e := s.credentials(q.Get("appid"), q.Get("secret")); e != nil {
		return e
	}
	if q.Get("grant_type") != "authorization_code" {
		return fail(40002, "invalid grant_type")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.codes[q.Get("code")]
	switch {
	case q.Get("code") == "":
		return fail(41008, "missing code")
	case g == nil || s.now().After(g.until):
		return fail(40029, "invalid code")
	case g.used:
		return fail(40163, "code been used")
	}
	g.used = true
	c.note("openid " + short(g.openID))
	answer := map[string]any{
		"access_token": rand.Text(), "refresh_token": rand.Text(), "expires_in": 7200, "openid": g.openID, "scope": "snsapi_base",
	}
	if g.snapshot {
		answer["is_snapshotuser"] = 1
	}
	return answer
}
