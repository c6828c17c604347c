package wechat

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"

	"wxswitch/switch/api/frontapi"
)

// maxNotice is far above any notice.
const maxNotice = 64 << 10

// Handler serves POST /v1/notices to who has the token.
func (n *Notices) Handler() http.Handler {
	inner := frontapi.Handler(frontapi.NewStrictHandlerWithOptions(n, nil, frontapi.StrictHTTPServerOptions{
		RequestErrorHandlerFunc: func(w http.ResponseWriter, _ *http.Request, _ error) {
			write(w, http.StatusUnprocessableEntity, "notice-unreadable")
		},
		ResponseErrorHandlerFunc: func(w http.ResponseWriter, _ *http.Request, _ error) {
			write(w, http.StatusInternalServerError, "broken")
		},
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !n.knows(r.Header.Get("Authorization")) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			write(w, http.StatusUnauthorized, "token")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxNotice)
		inner.ServeHTTP(w, r)
	})
}

// knows compares hashes, so that the time it takes tells nothing.
func (n *Notices) knows(header string) bool {
	token, bearer := strings.CutPrefix(header, "Bearer ")
	sum := sha256.Sum256([]byte(token))
	return bearer && subtle.ConstantTimeCompare(sum[:], n.token[:]) == 1
}

// minToken is the length of the shortest token: 16 bytes in hexadecimal.
const minToken = 32

// IsToken takes a token of the switch that is long enough.
func IsToken(s string) bool { return len(s) >= minToken }

func write(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(frontapi.Problem{Title: http.StatusText(status), Status: status, Code: code})
}
