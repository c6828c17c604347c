package h5

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"wxswitch/cmd/frontd/internal/written"
)

//go:embed templates static
var files embed.FS

// static serves the style and the script; their addresses carry the build's
// hash, so that they may be kept.
func static() http.Handler {
	sub, err := fs.Sub(files, "static")
	if err != nil {
		panic(err)
	}
	serve := http.StripPrefix("/h5/static/", http.FileServerFS(sub))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		if r.URL.Query().Get("v") == staticHash {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		serve.ServeHTTP(w, r)
	})
}

// pages are the templates, each with the layout and the parts.
var pages = func() map[string]*template.Template {
	shared := template.Must(template.New("").Funcs(template.FuncMap{
		"money": func(fen int64) string { return written.Money(fen, true) }, "distance": written.Distance, "day": day, "moment": moment,
		"static": func() string { return staticHash },
		"dict":   dict, "tel": tel,
	}).ParseFS(files, "templates/layout.html", "templates/parts.html"))
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		panic(err)
	}
	all := make(map[string]*template.Template)
	for _, name := range names {
		if base := path.Base(name); base != "layout.html" && base != "parts.html" {
			all[strings.TrimSuffix(base, ".html")] = template.Must(template.Must(shared.Clone()).ParseFS(files, name))
		}
	}
	return all
}()

// layout is what every page has.
type layout struct {
	Title string
	Name  string // of the account
	CSRF  string
	Data  any
}

// render writes a page whole or not at all.
func (s *Site) render(w http.ResponseWriter, status int, name string, l layout) {
	l.Name = s.Name
	s.execute(w, status, pages[name], "layout", l)
}

// part writes a part of a page.
func (s *Site) part(w http.ResponseWriter, page, part string, data any) {
	s.execute(w, http.StatusOK, pages[page], part, data)
}

func (s *Site) execute(w http.ResponseWriter, status int, t *template.Template, name string, data any) {
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name, data); err != nil {
		s.Log.Error().Err(err).Msg("a page cannot be written")
		http.Error(w, notices.busy.Text, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // one who is gone
}

// show writes a page of the visit.
func (v *visit) show(status int, name, title string, data any) {
	v.render(v.w, status, name, layout{Title: title, CSRF: v.CSRF, Data: data})
}

// noticePage is what a page that says one thing has: Again is where to try again.
type noticePage struct {
	note
	Again string
}

// notice writes a page that says one thing.
func (s *Site) notice(w http.ResponseWriter, status int, n note, again string) {
	s.render(w, status, "notice", layout{Title: n.Title, Data: noticePage{n, again}})
}

// terms is the service terms and privacy notice (A12).
func (s *Site) terms(w http.ResponseWriter, _ *http.Request) {
	s.render(w, http.StatusOK, "terms", layout{Title: "服务协议与隐私政策", Data: s.Terms})
}

// staticHash is of what static serves: a new build has other addresses.
var staticHash = func() string {
	h := sha256.New()
	for _, name := range []string{"static/front.css", "static/front.js"} {
		data, err := files.ReadFile(name)
		if err != nil {
			panic(err)
		}
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}()

// dict makes the argument of a part that takes several: names and values in turn.
func dict(pairs ...any) map[string]any {
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		m[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return m
}

// tel is a link that dials; a number that is none dials nothing.
func tel(number string) template.URL {
	if strings.Trim(number, "0123456789-+ ") != "" {
		return ""
	}
	return template.URL("tel:" + strings.ReplaceAll(number, " ", "")) //nolint:gosec // digits and signs only
}

func day(t time.Time) string    { return t.In(written.Shanghai).Format("2006年01月02日") }
func moment(t time.Time) string { return t.In(written.Shanghai).Format("2006-01-02 15:04:05") }
