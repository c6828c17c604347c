package wechat_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wxswitch/cmd/frontd/internal/wechat"
)

const (
	appID  = "wx0123456789abcdef"
	secret = "5ecre75ecre75ecre75ecre75ecre75e"
	openID = "oGZUI0egBJY1zhBYw2KhdUfwVJJE"
	public = "https://wx.example.cn"
)

// platform is WeChat as far as a test wants it: each path answers what it is told
// to, one answer after the other and the last for ever.
type platform struct {
	t *testing.T
	*httptest.Server

	mu      sync.Mutex // guards what follows
	answers map[string][]http.HandlerFunc
	heard   []heard
	tokens  int // given out so far
}

// heard is one request.
type heard struct {
	path, token string
	query       string
	body        map[string]any
}

func newPlatform(t *testing.T) *platform {
	p := &platform{t: t, answers: make(map[string][]http.HandlerFunc)}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *platform) on(path string, answers ...http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[path] = answers
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	h := heard{path: r.URL.Path, token: r.URL.Query().Get("access_token"), query: r.URL.RawQuery}
	_ = json.Unmarshal(raw, &h.body)
	p.answer(h)(w, r)
}

func (p *platform) answer(h heard) http.HandlerFunc {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, h)
	list := p.answers[h.path]
	switch {
	case len(list) > 1:
		p.answers[h.path] = list[1:]
	case len(list) == 0 && h.path == pathToken:
		p.tokens++
		return says(fmt.Sprintf(`{"access_token":"token%d","expires_in":7200}`, p.tokens))
	case len(list) == 0:
		return status(http.StatusNotFound)
	}
	return list[0]
}

// at returns the requests of a path.
func (p *platform) at(path string) (list []heard) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.heard {
		if h.path == path {
			list = append(list, h)
		}
	}
	return list
}

const (
	pathToken    = "/cgi-bin/stable_token"
	pathIdentify = "/sns/oauth2/access_token"
	pathFollows  = "/cgi-bin/user/info"
	pathTemplate = "/cgi-bin/message/template/send"
	pathText     = "/cgi-bin/message/custom/send"
	pathSetMenu  = "/cgi-bin/menu/create"
	pathMenu     = "/cgi-bin/menu/get"
)

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func errcode(code int) http.HandlerFunc {
	return says(fmt.Sprintf(`{"errcode":%d,"errmsg":"as the test wants rid: 6%d"}`, code, code))
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"errcode":0}`)
	}
}

// silent answers nothing until the caller gives up.
func silent(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// cuts closes the connection in the middle of the answer.
func cuts(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, `{"errcode":0,"ms`)
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// huge answers well, after far too many blanks.
func huge(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, strings.Repeat(" ", 1<<20)+`{"errcode":0,"errmsg":"ok","msgid":1}`)
}

// trickles answers a blank at a time, for ever.
func trickles(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		_, _ = io.WriteString(w, " ")
		w.(http.Flusher).Flush()
		select {
		case <-time.After(20 * time.Millisecond):
		case <-r.Context().Done():
		}
	}
}

// away is a redirect to the same place, which must not be followed.
func away(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, r.URL.String(), http.StatusTemporaryRedirect)
}

func (p *platform) wechat(change func(*wechat.Options)) (*wechat.WeChat, *prometheus.Registry) {
	p.t.Helper()
	r := prometheus.NewRegistry()
	o := wechat.Options{API: p.URL, AppID: appID, AppSecret: secret, Public: public, CallLimit: 2 * time.Second, Registerer: r}
	if change != nil {
		change(&o)
	}
	w, err := wechat.New(o)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(w.Close)
	return w, r
}

// counts are a counter's values by its labels' values.
func counts(t *testing.T, r *prometheus.Registry, name string) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	list := make(map[string]float64)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				values = append(values, l.GetValue())
			}
			list[strings.Join(values, " ")] = m.GetCounter().GetValue()
		}
	}
	return list
}
