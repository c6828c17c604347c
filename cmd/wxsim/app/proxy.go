package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
)

// proxy shows the front's pages on the phone's own origin, so that the page can
// reach into its in-page browser, and each follower has cookies of its own.
func (s *Sim) proxy() http.Handler {
	front, err := url.Parse(s.cfg.Front.Public)
	if err != nil {
		panic(err) // checked
	}
	p := &httputil.ReverseProxy{
		Transport:      s.http.Transport,
		Rewrite:        func(r *httputil.ProxyRequest) { s.toFront(r, front) },
		ModifyResponse: s.fromFront,
		ErrorHandler:   lost,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		p.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), jarKey{}, s.jar(phoneOf(r)))))
	})
}

const maxForm = 1 << 20

// toFront makes the request one that a browser makes to the front itself.
func (s *Sim) toFront(r *httputil.ProxyRequest, front *url.URL) {
	r.SetURL(front)
	openJar(r)
	mine := "http://" + r.In.Host
	for _, name := range []string{"Origin", "Referer"} {
		if rest, ok := strings.CutPrefix(r.In.Header.Get(name), mine); ok && (rest == "" || rest[0] == '/') {
			r.Out.Header.Set(name, s.cfg.Front.Public+rest)
		}
	}
	if !isStatic(r.In.URL) {
		s.hop(Hop{Leg: WeChatFront, Dir: "right", Title: r.In.Method + " " + path(r.In.URL)})
	}
}

func isStatic(u *url.URL) bool { return strings.HasPrefix(u.Path, "/h5/static/") }

// fromFront keeps redirects on the phone's origin.
func (s *Sim) fromFront(r *http.Response) error {
	fillJar(r)
	if to := r.Header.Get("Location"); to != "" {
		r.Header.Set("Location", s.onward(to))
	}
	if !isStatic(r.Request.URL) {
		s.hop(Hop{
			Leg: WeChatFront, Dir: "left", Title: fmt.Sprintf("%d · %s", r.StatusCode, path(r.Request.URL)),
			OK: new(r.StatusCode < http.StatusBadRequest),
		})
	}
	return nil
}

// jar begins the names of the cookies that a phone keeps for the front: each
// openid has a jar of its own, so that who begins anew brings no old session.
func (s *Sim) jar(phone string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.phone(phone).openID
	return id[len(id)-6:] + "."
}

// openJar sends the front the cookies of the openid's jar.
func openJar(r *httputil.ProxyRequest) {
	r.Out.Header.Del("Cookie")
	jar, _ := r.In.Context().Value(jarKey{}).(string)
	for _, c := range r.In.Cookies() {
		if name, ok := strings.CutPrefix(c.Name, jar); ok {
			r.Out.AddCookie(&http.Cookie{Name: name, Value: c.Value, Quoted: c.Quoted}) //nolint:gosec // a request's: has no attributes
		}
	}
}

// fillJar keeps the front's cookies in the openid's jar.
func fillJar(r *http.Response) {
	jar, _ := r.Request.Context().Value(jarKey{}).(string)
	for i, line := range r.Header["Set-Cookie"] {
		r.Header["Set-Cookie"][i] = jar + line
	}
}

// jarKey finds the jar in a request's context: the same for request and answer,
// also when the phone begins anew meanwhile.
type jarKey struct{}

// onward is where a redirect leads on the phone's origin.
func (s *Sim) onward(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" {
		return to
	}
	ours := u.Path == "/connect/oauth2/authorize" && (u.Hostname() == "open.weixin.qq.com" || isLoopback(net.JoinHostPort(u.Hostname(), "0")))
	if ours || u.Scheme+"://"+u.Host == s.cfg.Front.Public {
		return (&url.URL{Path: u.Path, RawQuery: u.RawQuery, Fragment: u.Fragment}).String()
	}
	return "/sim/outside?" + url.Values{"url": {to}}.Encode()
}

// lost is what the WeChat browser shows of a page that does not come.
func lost(w http.ResponseWriter, r *http.Request, err error) {
	var big *http.MaxBytesError
	switch {
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
	case errors.As(err, &big):
		errorPage(w, http.StatusRequestEntityTooLarge, "提交的内容过大")
	default:
		errorPage(w, http.StatusBadGateway, "网络出错，轻触屏幕重新加载")
	}
}

// path shows a page's path without its query; ids in it are shortened.
func path(u *url.URL) string {
	parts := strings.Split(u.Path, "/")
	for i, p := range parts {
		if len(p) > 14 {
			parts[i] = short(p)
		}
	}
	return strings.Join(parts, "/")
}
