package wechat

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/silenceper/wechat/v2/util"
)

// The library has one HTTP client for the whole process, without a time limit,
// and one function that changes addresses; nothing guards either against a race.
// So the client is replaced once, before the first call, by one whose transport
// asks the call's context whom it is for: any number of platforms in one process,
// as in tests and the demo, do not get into one another's way.
var install = sync.OnceFunc(func() {
	util.DefaultHTTPClient = &http.Client{Transport: byContext{}}
})

// platform is the context's key of the *WeChat that a call is for.
type platform struct{}

type byContext struct{}

var errNobodys = errors.New("wechat: a call of the library that did not come from here: it would have no limits")

// RoundTrip implements http.RoundTripper.
func (byContext) RoundTrip(r *http.Request) (*http.Response, error) {
	w, ok := r.Context().Value(platform{}).(*WeChat)
	if !ok {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, errNobodys
	}
	return w.roundTrip(r)
}

// maxAnswer is read of an answer: the largest, a menu, has 15 items.
const maxAnswer = 64 << 10

// roundTrip sends the request to this platform instead. Only 200 is an answer: no
// redirect is followed, which would carry a token elsewhere.
func (w *WeChat) roundTrip(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.Host = w.api.Scheme, w.api.Host, w.api.Host
	out.URL.Path = strings.TrimSuffix(w.api.Path, "/") + r.URL.Path
	a, err := w.transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	if a.StatusCode != http.StatusOK {
		_ = a.Body.Close()
		return nil, statusError(a.StatusCode)
	}
	a.Body = http.MaxBytesReader(nil, a.Body, maxAnswer)
	return a, nil
}

// newTransport uses no proxy of the environment: what is said is for the platform
// alone.
func newTransport() *http.Transport {
	const connections = 256 // twice what the switch has notices on their way, so that pages get theirs
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		TLSHandshakeTimeout: 2 * time.Second,
		MaxConnsPerHost:     connections, MaxIdleConnsPerHost: connections,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 16 << 10,
		DisableCompression:     true,
	}
}
