package h5

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"

	"wxswitch/switch/api/client"
)

// refusal is a problem that the switch answered: nothing was done, or it says
// otherwise.
type refusal struct{ client.Problem }

func (r *refusal) Error() string { return "the switch answers " + r.Code }

// errStrange: the switch answered what its API does not have.
var errStrange = errors.New("the switch answers what is not in its API")

// maxAnswer is far above any answer of the switch, in bytes.
const maxAnswer = 1 << 20

// ask reads what the switch answered: a T, or a problem, which is a *refusal.
func ask[T any](r *http.Response, err error) (T, error) {
	var answer T
	if err != nil {
		return answer, err
	}
	defer r.Body.Close() //nolint:errcheck // read
	d := json.NewDecoder(io.LimitReader(r.Body, maxAnswer))
	if r.StatusCode == http.StatusOK {
		if err := d.Decode(&answer); err != nil {
			return answer, errStrange
		}
		return answer, nil
	}
	var p client.Problem
	if d.Decode(&p) != nil || p.Code == "" {
		return answer, errStrange
	}
	return answer, &refusal{p}
}

// refused returns the switch's problem, if err is one.
func refused(err error) (*refusal, bool) {
	var r *refusal
	ok := errors.As(err, &r)
	return r, ok
}

// unsent reports whether nothing can have been asked: no connection was made.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// broken answers an error that is about no field of a form.
func (s *Site) broken(w http.ResponseWriter, r *http.Request, err error) {
	s.Log.Warn().Err(err).Str("method", r.Method).Msg("a page was not served")
	n := notices.busy
	if p, ok := refused(err); ok && p.Text != "" {
		n.Text = p.Text
	}
	s.notice(w, r, http.StatusServiceUnavailable, n, returnPath(r.URL.Path, ""))
}

// leads are the pages that a refusal leads to.
var leads = map[string]string{
	"not-authenticated":      "/h5/authenticate", // A6
	"session-needed":         "/h5/login",        // A11
	"login-password-missing": "/h5/settings",     // A11: no password is set
}

// failed answers an error of a page that shows no form: it leads to what is
// missing first, or says what is wrong.
func (v *visit) failed(err error) {
	p, ok := refused(err)
	if !ok {
		v.broken(v.w, v.r, err)
		return
	}
	if lead := leads[p.Code]; lead != "" {
		v.lead(lead)
		return
	}
	v.notice(v.w, v.r, p.Status, note{Icon: iconWarn, Title: titleSorry, Text: p.Text}, again(p, v.r.URL.Path))
}

// again is where a refusal may be tried again.
func again(p *refusal, path string) string {
	if p.Retry == client.ProblemRetryNever {
		return ""
	}
	return returnPath(path, "")
}

// lead leads to what is missing first, and from there back to this page.
func (v *visit) lead(path string) {
	if back := formPage(v.r.URL.Path); back != "" && back != path {
		path += "?to=" + back
	}
	v.to(path)
}
