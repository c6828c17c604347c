package app

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// links are what WeChat makes a link of in a text.
var links = regexp.MustCompile(`(?s)<a\s+[^<>]*?href\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)')[^<>]*>(.*?)</a>`)

// sanitised is a text as HTML that shows it as WeChat does: links are links,
// all else is letters.
func sanitised(text string) string {
	var b strings.Builder
	at := 0
	for _, m := range links.FindAllStringSubmatchIndex(text, -1) {
		href := html.UnescapeString(group(text, m, 1) + group(text, m, 2))
		u, err := url.Parse(href)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			continue
		}
		b.WriteString(html.EscapeString(text[at:m[0]]))
		fmt.Fprintf(&b, `<a href="%s">%s</a>`, html.EscapeString(u.String()), html.EscapeString(group(text, m, 3)))
		at = m[1]
	}
	b.WriteString(html.EscapeString(text[at:]))
	return b.String()
}

// group is the n-th group of a match, empty where it took no part.
func group(text string, m []int, n int) string {
	if m[2*n] < 0 {
		return ""
	}
	return text[m[2*n]:m[2*n+1]]
}

// errorPage is a page of the simulated WeChat browser's own.
func errorPage(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>微信</title>
<style>body{font:17px/1.6 system-ui,sans-serif;margin:0;padding:25vh 2em 0;text-align:center;color:#333;background:#fff;overflow-wrap:anywhere}
@media (prefers-color-scheme:dark){body{color:#ccc;background:#191919}}</style>
<main><h1 style="font-size:1em;font-weight:400">%s</h1></main></html>
`, html.EscapeString(text))
}
