package notice

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"wxswitch/codec"
	"wxswitch/switch/api/frontapi"
)

// Front is where a front takes notices.
type Front struct {
	URL   string           // of its root, as http://127.0.0.1:8090
	Token codec.Secret     // the switch's, for the front
	Now   func() time.Time // default time.Now
}

// HTTP is the Sender of the front's API (frontapi).
type HTTP struct {
	client    *frontapi.Client
	transport *http.Transport
	now       func() time.Time
}

// NewHTTP returns the Sender. It connects when there is something to send.
func NewHTTP(f Front) (*HTTP, error) {
	u, err := url.Parse(f.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, errors.New("notice: the front's URL must be http or https, with a host and no user")
	}
	if f.Now == nil {
		f.Now = time.Now
	}
	// No proxy of the environment: what is told is for the front alone.
	t := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout: dialTimeout,
		MaxConnsPerHost:     connections, MaxIdleConnsPerHost: connections,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 16 << 10,
		DisableCompression:     true,
	}
	c, err := frontapi.NewClient(f.URL, frontapi.WithHTTPClient(&http.Client{
		Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}), frontapi.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+f.Token.Reveal())
		return nil
	}))
	if err != nil {
		return nil, fmt.Errorf("notice: front: %w", err)
	}
	return &HTTP{client: c, transport: t, now: f.Now}, nil
}

// Close gives up idle connections.
func (h *HTTP) Close() { h.transport.CloseIdleConnections() }

const (
	connections = workers         // at once: with fewer, some that are on their way would wait in vain
	dialTimeout = 2 * time.Second // less than a sending's deadline, so that it is told apart
	maxBody     = 4 << 10         // read of an answer
)

// verdicts is what the front's answers mean; any other status is Failed.
var verdicts = map[int]Verdict{
	http.StatusOK:                  Accepted, // if the body names the notice
	http.StatusGone:                Away,
	http.StatusUnprocessableEntity: Never,
	http.StatusTooManyRequests:     Later,
	http.StatusServiceUnavailable:  Closed, // if it says until when
	http.StatusUnauthorized:        Down,   // the three say that the switch or the front
	http.StatusForbidden:           Down,   // is set up wrongly,
	http.StatusNotFound:            Down,   // which is no notice's fault
}

// Send implements Sender.
func (h *HTTP) Send(ctx context.Context, m Message) Answer {
	r, err := h.client.SendNotice(ctx, frontapi.Notice{
		Id: m.ID, Round: m.Round, Channel: m.Channel, Subject: m.Subject,
		Kind: string(m.Kind), Text: m.Text, Data: m.Data, At: m.At,
	})
	if err != nil {
		return unanswered(err)
	}
	defer r.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return Answer{Failed, time.Time{}, fmt.Sprintf("%d, and no readable body", r.StatusCode)}
	}
	return h.read(r, body, m.ID)
}

// unanswered tells a front that is not there from one that does not answer.
func unanswered(err error) Answer {
	var op *net.OpError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &op) && op.Op == "dial", errors.As(err, &cert):
		return Answer{Verdict: Down, Detail: "no connection"}
	case errors.Is(err, context.DeadlineExceeded):
		return Answer{Verdict: Failed, Detail: "no answer in time"}
	}
	return Answer{Verdict: Failed, Detail: "connection lost"}
}

func (h *HTTP) read(r *http.Response, body []byte, id string) Answer {
	a := Answer{Verdict: verdicts[r.StatusCode], Detail: detail(r.StatusCode, body)}
	at, said := retryAfter(r.Header.Get("Retry-After"), h.now())
	switch a.Verdict {
	case Accepted:
		var ok frontapi.Accepted
		if json.Unmarshal(body, &ok) != nil || ok.Id != id {
			return Answer{Verdict: Failed, Detail: "200, and the body does not name the notice"}
		}
	case Later:
		a.At = at
	case Closed:
		if !said {
			return Answer{Verdict: Failed, Detail: a.Detail}
		}
		a.At = at
	case "":
		a.Verdict = Failed
	default:
	}
	return a
}

// The bounds of Retry-After, and what counts as said where it is missing.
const (
	soonest   = time.Second
	untold    = time.Minute
	farthest  = 25 * time.Hour // a day's quota, and an hour's clocks
	maxDetail = 64
)

// retryAfter reads the header (RFC 9110, 10.2.3).
func retryAfter(header string, now time.Time) (at time.Time, said bool) {
	wait := untold
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		wait, said = time.Duration(seconds)*time.Second, true
	} else if date, err := http.ParseTime(header); err == nil {
		wait, said = date.Sub(now), true
	}
	return now.Add(min(max(wait, soonest), farthest)), said
}

// detail is the status and the problem's code, if that is one: nothing else of
// what the front writes goes into the row.
func detail(status int, body []byte) string {
	var p struct{ Code string }
	if status == http.StatusOK || json.Unmarshal(body, &p) != nil || !isCode(p.Code) {
		return strconv.Itoa(status)
	}
	return strconv.Itoa(status) + " " + p.Code
}

func isCode(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= maxDetail
}
