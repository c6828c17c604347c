package h5

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wxswitch/switch/api/client"
)

// Platform is what the pages ask WeChat.
type Platform interface {
	// Identify exchanges an OAuth2 code, once, for the openid; snapshot is a
	// virtual one.
	Identify(ctx context.Context, code string) (openID string, snapshot bool, err error)
	// Follows reports whether the openid follows the account.
	Follows(ctx context.Context, openID string) (bool, error)
}

// Options are what a Site is made of; all are required but FrameAncestors and
// Registerer.
type Options struct {
	Switch   *client.ClientWithResponses
	Channel  string
	Platform Platform
	// Public is the pages' address as phones reach it, without a slash at the end.
	Public string
	// Authorize is the platform's authorize page.
	Authorize string
	AppID     string
	// Name is the account's, for titles.
	Name string
	// Terms is the version of the service terms and privacy notice, and of the
	// consent to 动账.
	Terms string
	// Keys seal the cookies; the first seals, all open.
	Keys [][]byte
	// FrameAncestors may frame pages: an origin; nobody if empty.
	FrameAncestors string
	Now            func() time.Time
	Log            zerolog.Logger
	Registerer     prometheus.Registerer
}

// Site serves the pages, under /h5/.
type Site struct {
	Options
	sealer  *sealer
	secure  bool // the cookies are
	handler http.Handler
	metrics metrics
}

// New returns a Site.
func New(o Options) (*Site, error) {
	sealer, err := newSealer(o.Keys)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(o.Public)
	if err != nil || u.Host == "" {
		return nil, errors.New("h5: the public address is no URL")
	}
	s := &Site{Options: o, sealer: sealer, secure: u.Scheme == "https", metrics: newMetrics(o.Registerer)}
	s.handler, err = s.routes()
	return s, err
}

// ServeHTTP implements http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// maxForm bounds a form's body in bytes.
const maxForm = 16 << 10

// visits are the pages of followers who are known.
var visits = map[string]func(*visit){
	"GET /h5/authenticate":             (*visit).authenticateForm,
	"POST /h5/authenticate":            (*visit).authenticate,
	"POST /h5/authenticate/code":       (*visit).authenticateCode,
	"GET /h5/authenticate/again":       (*visit).authenticateAgain,
	"POST /h5/authenticate/again":      (*visit).authenticate,
	"POST /h5/authenticate/again/code": (*visit).authenticateCode,
	"GET /h5/settings":                 (*visit).settingsForm,
	"POST /h5/settings":                (*visit).settings,
	"GET /h5/login":                    (*visit).loginForm,
	"POST /h5/login":                   (*visit).login,
	"POST /h5/logout":                  (*visit).logout,
	"GET /h5/deregister":               (*visit).deregisterForm,
	"POST /h5/deregister":              (*visit).deregister,

	"GET /h5/accounts":              (*visit).accounts,
	"GET /h5/accounts/edit":         (*visit).edit,
	"GET /h5/accounts/add":          (*visit).addForm,
	"POST /h5/accounts/add":         (*visit).add,
	"POST /h5/accounts/add/code":    (*visit).addCode,
	"GET /h5/accounts/{id}/balance": (*visit).balance,
	"GET /h5/accounts/{id}/details": (*visit).details,
	"GET /h5/accounts/{id}/remove":  (*visit).removeForm,
	"POST /h5/accounts/{id}/remove": (*visit).remove,

	"GET /h5/branches":             (*visit).branches,
	"GET /h5/branches/{id}":        (*visit).branch,
	"GET /h5/branches/{id}/visit":  (*visit).bookForm,
	"POST /h5/branches/{id}/visit": (*visit).book,
	"GET /h5/merchants":            (*visit).merchants,

	"GET /h5/security":                     (*visit).security,
	"GET /h5/security/reset/login":         (*visit).resetForm,
	"POST /h5/security/reset/login":        (*visit).reset,
	"POST /h5/security/reset/login/code":   (*visit).resetCode,
	"GET /h5/security/reset/payment":       (*visit).resetForm,
	"POST /h5/security/reset/payment":      (*visit).reset,
	"POST /h5/security/reset/payment/code": (*visit).resetCode,

	"GET /h5/page-key": (*visit).pageKey,
}

func (s *Site) routes() (http.Handler, error) {
	m := http.NewServeMux()
	m.Handle("GET /h5/static/{file}", static())
	m.Handle("GET /h5/oauth", s.measured("oauth", s.oauth))
	m.Handle("GET /h5/terms", s.measured("terms", s.terms))
	m.Handle("GET /h5/result/{id}", s.measured("result", s.result))
	for pattern, page := range visits {
		m.Handle(pattern, s.measured(name(pattern), s.known(page)))
	}
	m.Handle("/", s.measured("unknown", func(w http.ResponseWriter, r *http.Request) {
		s.notice(w, http.StatusNotFound, notices.missing, "")
	}))
	cross := http.NewCrossOriginProtection()
	// Older clients tell their origin alone, and a balancer may have changed Host.
	if err := cross.AddTrustedOrigin(s.Public); err != nil {
		return nil, fmt.Errorf("h5: the public address: %w", err)
	}
	cross.SetDenyHandler(s.measured("foreign", func(w http.ResponseWriter, r *http.Request) {
		s.notice(w, http.StatusForbidden, notices.stale, "")
	}))
	return s.guarded(cross.Handler(m)), nil
}

// name is a page's for metrics: "GET /h5/accounts/{id}/details" is
// "accounts-details".
func name(pattern string) string {
	_, path, _ := strings.Cut(pattern, root)
	return strings.ReplaceAll(strings.ReplaceAll(path, "{id}/", ""), "/", "-")
}

// guarded sets what holds for every page.
func (s *Site) guarded(next http.Handler) http.Handler {
	ancestors := "'none'"
	if s.FrameAncestors != "" {
		ancestors = s.FrameAncestors
	}
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors " + ancestors
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if s.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if s.FrameAncestors == "" {
			h.Set("X-Frame-Options", "DENY")
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

// visit is one request of a follower who is known.
type visit struct {
	*Site
	w http.ResponseWriter
	r *http.Request
	session
}

// known serves those who are: others go to WeChat first, and a form of one who is
// not known any more is not carried out.
func (s *Site) known(page func(*visit)) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		x, ok := s.read(r)
		post := r.Method == http.MethodPost
		switch {
		case !ok && !post && r.Header.Get(partHeader) == "":
			s.identify(w, r)
			return
		case !ok:
			s.notice(w, http.StatusForbidden, notices.over, formPage(r.URL.Path))
			return
		case post && !s.own(w, r, x):
			return
		}
		if post || r.Header.Get(partHeader) == "" { // a part may come after the session was made anew
			s.renew(w, x)
		}
		page(&visit{s, w, r, x})
	}
}

// partHeader is set by front.js, when it sends a form or asks for a part of a page.
const partHeader = "X-Part"

// own reports whether the form is one of this session's; else it has answered.
func (s *Site) own(w http.ResponseWriter, r *http.Request, x session) bool {
	err := r.ParseForm()
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		s.notice(w, http.StatusRequestEntityTooLarge, notices.stale, "")
		return false
	case err != nil || subtle.ConstantTimeCompare([]byte(r.PostForm.Get("csrf")), []byte(x.CSRF)) != 1:
		s.notice(w, http.StatusForbidden, notices.stale, formPage(r.URL.Path))
		return false
	}
	return true
}

// formPage is the page whose form is posted to the path.
func formPage(path string) string { return returnPath(strings.TrimSuffix(path, "/code"), "") }

// to leads on, by GET; front.js goes there itself, so that the page is asked for
// once.
func (v *visit) to(path string) {
	if v.r.Header.Get(partHeader) != "" {
		v.w.Header().Set("X-To", path)
		v.w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
}

// changed makes the session anew: after it is authenticated, logged in or out.
func (v *visit) changed(login string) {
	v.Login = login
	v.session = v.begin(v.w, v.session)
}

// metrics count and time pages.
type metrics struct {
	pages   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{
		prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontd_pages_total", Help: "Pages by name and status.",
		}, []string{"page", "status"}),
		prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "frontd_page_seconds", Help: "Time of a page, the switch's and the banks' included.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12),
		}, []string{"page"}),
	}
	if r != nil {
		r.MustRegister(m.pages, m.seconds)
	}
	return m
}

// measured counts a page and writes its line: its name, never its address.
func (s *Site) measured(page string, serve func(http.ResponseWriter, *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		watched := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		serve(watched, r)
		took := time.Since(began)
		s.metrics.pages.WithLabelValues(page, fmt.Sprint(watched.status)).Inc()
		s.metrics.seconds.WithLabelValues(page).Observe(took.Seconds())
		s.Log.Info().Str("page", page).Str("method", r.Method).Int("status", watched.status).Dur("took", took).Msg("page")
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
