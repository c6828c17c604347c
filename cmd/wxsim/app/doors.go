package app

import (
	"context"
	"embed"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

//go:embed page
var page embed.FS

// pageCSP is for the phone's own page; what it frames is of its own origin.
const pageCSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// handler sorts requests by their host: a phone (f1.localhost), the platform
// (127.0.0.1, [::1], localhost), or nobody's: a name that was made to point
// here is refused.
func (s *Sim) handler() http.Handler {
	platform, phone := s.platformDoor(), s.phoneDoor()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostname(r.Host)
		id, isPhone := strings.CutSuffix(host, ".localhost")
		switch {
		case isPhone && phoneNames.MatchString(id):
			phone.ServeHTTP(w, r)
		case isLoopback(net.JoinHostPort(host, "0")):
			platform.ServeHTTP(w, r)
		default:
			http.Error(w, "ask by 127.0.0.1, localhost, or a phone's name such as f1.localhost", http.StatusMisdirectedRequest)
		}
	})
}

var phoneNames = regexp.MustCompile(`^f[1-9][0-9]{0,2}$`)

// hostname is the host of a Host header, without port and brackets.
func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// phoneOf is the follower whose origin a request is made to.
func phoneOf(r *http.Request) string {
	id, _, _ := strings.Cut(hostname(r.Host), ".")
	return id
}

// phoneURL is the same server at a phone's own name.
func phoneURL(r *http.Request, id string) string {
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		return "http://" + id + ".localhost:" + port + "/"
	}
	return "http://" + id + ".localhost/"
}

// platformDoor is what the front and people who look for the phone use.
func (s *Sim) platformDoor() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, phoneURL(r, "f1"), http.StatusFound) //nolint:gosec // to *.localhost, whatever the Host
	})
	m.HandleFunc("GET /connect/oauth2/authorize", func(w http.ResponseWriter, _ *http.Request) {
		errorPage(w, http.StatusForbidden, "请在微信客户端打开链接")
	})
	s.platformAPI(m)
	return m
}

// phoneDoor is a follower's origin: the phone's page, its API, web
// authorisation, and the front's pages.
func (s *Sim) phoneDoor() http.Handler {
	m := http.NewServeMux()
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // embedded
	}
	m.Handle("GET /{$}", asPage(http.FileServerFS(files)))
	m.Handle("GET /sim/page/", asPage(http.StripPrefix("/sim/page/", http.FileServerFS(files))))
	m.HandleFunc("GET /sim/outside", outside)
	m.HandleFunc("GET /connect/oauth2/authorize", s.authorize)
	m.Handle("/h5/", s.proxy())
	s.phoneAPI(m)
	return s.known(http.NewCrossOriginProtection().Handler(m))
}

// known refuses phones that nobody has.
func (s *Sim) known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		f := s.phone(phoneOf(r))
		s.mu.Unlock()
		if f == nil {
			errorPage(w, http.StatusNotFound, "没有这部手机")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func asPage(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pageCSP)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}

// outside stands for a page that the demonstration does not have.
func outside(w http.ResponseWriter, r *http.Request) {
	text := "这是演示之外的页面"
	if u, err := url.Parse(r.FormValue("url")); err == nil && u.Host != "" {
		text += "：" + u.Scheme + "://" + u.Host + u.Path
	}
	errorPage(w, http.StatusOK, text)
}

// listen opens the one door, where only this machine can reach it.
func (c *Config) listen(ctx context.Context) (net.Listener, error) {
	l := c.Listener
	if l == nil {
		var lc net.ListenConfig
		var err error
		if l, err = lc.Listen(ctx, "tcp", c.Listen); err != nil {
			return nil, err
		}
	}
	if !isLoopback(l.Addr().String()) {
		_ = l.Close()
		return nil, errNotLoopback
	}
	return l, nil
}
