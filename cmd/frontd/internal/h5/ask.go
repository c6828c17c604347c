package h5

import (
	"errors"
	"net"
	"net/http"

	"wxswitch/cmd/frontd/internal/desk"
	"wxswitch/switch/api/client"
)

// unsent reports whether nothing can have been asked: no connection was made.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// broken answers an error that is about no field of a form.
func (s *Site) broken(w http.ResponseWriter, r *http.Request, err error) {
	s.Log.Warn().Err(err).Str("method", r.Method).Msg("a page was not served")
	s.notice(w, http.StatusServiceUnavailable, notices.busy, formPage(r.URL.Path))
}

// leads are the pages that a refusal leads to.
var leads = map[string]string{
	"not-authenticated":      "/h5/authenticate", // A6
	"session-needed":         "/h5/login",        // A11
	"login-password-missing": "/h5/settings",     // A11: no password is set
}

// led leads to what must be done first, if the error says that something must.
func (v *visit) led(err error) bool {
	p, ok := desk.Refused(err)
	if !ok || leads[p.Code] == "" {
		return false
	}
	v.lead(leads[p.Code])
	return true
}

// failed answers an error of a page that shows no form: it leads to what is
// missing first, or says what is wrong.
func (v *visit) failed(err error) {
	p, ok := desk.Refused(err)
	if !ok {
		v.broken(v.w, v.r, err)
		return
	}
	if v.led(err) {
		return
	}
	v.notice(v.w, p.Status, note{Icon: iconWarn, Title: titleSorry, Text: p.Text}, again(p, v.r.URL.Path))
}

// again is where a refusal may be tried again.
func again(p *desk.Refusal, path string) string {
	if p.Retry == client.ProblemRetryNever {
		return ""
	}
	return formPage(path)
}

// lead leads to what is missing first, and from there back to this page.
func (v *visit) lead(path string) {
	if back := formPage(v.r.URL.Path); back != "" && back != path {
		path += "?to=" + back
	}
	v.to(path)
}
