package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// What tests of what goes wrong need beyond what a user's hand does.

// within evaluates an expression in the screen's document, in a world of its own:
// the page's policy does not hold there, and the page sees none of it.
func within[T any](s screen, expression string) (v T) {
	s.p.Helper()
	ctx, cancel := context.WithTimeout(s.p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, func(ctx context.Context, t *chromedp.Target) (v T, err error) {
		tree, err := cdp.Call(ctx, t, page.GetFrameTree, cdp.Empty{})
		if err != nil {
			return v, err
		}
		frame := tree.FrameTree.Frame
		if s.inPage {
			if len(tree.FrameTree.ChildFrames) != 1 {
				return v, fmt.Errorf("%d pages are open", len(tree.FrameTree.ChildFrames))
			}
			frame = tree.FrameTree.ChildFrames[0].Frame
		}
		world, err := cdp.Call(ctx, t, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: frame.ID, WorldName: "test"})
		if err != nil {
			return v, err
		}
		return chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise, func(p *runtime.EvaluateParams) { p.ContextID = world.ExecutionContextID })(ctx, t)
	})
	must(s.p, err)
	return v
}

// goes opens a page by its address, as a link would.
func (p *phone) goes(path string) {
	p.Helper()
	within[bool](p.page, fmt.Sprintf("location.assign(%q), true", path))
}

// back is the phone's own.
func (p *phone) back() {
	p.Helper()
	within[bool](p.page, "history.back(), true")
}

// twice taps twice, faster than anything could be answered.
func (s screen) twice(css string) {
	s.p.Helper()
	s.waits(css, "")
	at := look[spot](s, "spot", css, "")
	s.p.do(chromedp.MouseClickXY(at.X, at.Y), chromedp.MouseClickXY(at.X, at.Y))
}

// offline cuts the tab off from the network, or connects it again.
func (p *phone) offline(off bool) {
	p.Helper()
	p.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{Offline: off, DownloadThroughput: -1, UploadThroughput: -1}},
		})
		return chromedp.Void{}, err
	})
}

// cookies are those that the phone has for the front; each name begins with the
// jar's, and a dot.
func (p *phone) cookies() map[string]string {
	p.Helper()
	all, openID := map[string]string{}, p.openID()
	jar := openID[len(openID)-6:] + "." // the phone may have been another's before a reset
	p.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		got, err := cdp.Call(ctx, t, network.GetCookies, network.GetCookiesParams{URLs: []string{p.Phone(p.number) + "/h5/"}})
		for _, c := range got.Cookies {
			if strings.HasPrefix(c.Name, jar) {
				all[c.Name] = c.Value
			}
		}
		return chromedp.Void{}, err
	})
	return all
}

// forgets takes the phone's cookies away whose names end so; all, for "".
func (p *phone) forgets(end string) {
	p.Helper()
	for name := range p.cookies() {
		if strings.HasSuffix(name, end) {
			p.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
				_, err := cdp.Call(ctx, t, network.DeleteCookies, network.DeleteCookiesParams{Name: name, URL: p.Phone(p.number) + "/h5/", Path: "/h5/"})
				return chromedp.Void{}, err
			})
		}
	}
}

// has reports whether it has a cookie of that name.
func (p *phone) has(name string) bool {
	p.Helper()
	for n := range p.cookies() {
		if strings.HasSuffix(n, "."+name) {
			return true
		}
	}
	return false
}

// stranger is a tab of the same browser that is no phone.
type stranger struct {
	testing.TB
	ctx context.Context

	mu    sync.Mutex // guards lines
	lines []string   // what it was answered, "URL status", and what its console says
}

func intruder(t testing.TB) *stranger {
	t.Helper()
	ctx, end := chromedp.NewContext(chromium(t))
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	t.Cleanup(func() { cancel(); end() })
	x := &stranger{TB: t, ctx: ctx}
	answers, console := chromedp.Events(ctx, network.ResponseReceived), chromedp.Console(ctx)
	call(x, network.Enable, network.EnableParams{})
	go func() {
		for a, err := range answers {
			if err != nil {
				return
			}
			x.hear(fmt.Sprint(a.Response.URL, " ", a.Response.Status))
		}
	}()
	go func() {
		for m, err := range console {
			if err != nil {
				return
			}
			x.hear(m.Text)
		}
	}()
	return x
}

// call calls Chromium about the tab.
func call[P, R any](x *stranger, c cdp.Command[P, R], params P) {
	x.Helper()
	must(x, chromedp.Do(x.ctx, func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, c, params)
		return chromedp.Void{}, err
	}))
}

func (x *stranger) hear(line string) {
	if strings.HasPrefix(line, "data:") {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.lines = append(x.lines, line)
}

// hears waits for a line that contains part.
func (x *stranger) hears(part string) {
	x.Helper()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		x.mu.Lock()
		lines := strings.Join(x.lines, "\n")
		x.mu.Unlock()
		if strings.Contains(lines, part) {
			return
		}
		select {
		case <-tick.C:
		case <-x.ctx.Done():
			x.Fatalf("no %q in:\n%s", part, lines)
		}
	}
}

// addresses watches what the phone asks for from now on: it returns path and query of
// the first address that contains part.
func (p *phone) addresses() (first func(part string) string) {
	p.Helper()
	asked := p.requests()
	return func(part string) string {
		for _, q := range asked() {
			if at, err := url.Parse(q.URL); err == nil && strings.Contains(q.URL, part) {
				return at.RequestURI()
			}
		}
		return ""
	}
}

// bodies watches what the phone sends from now on: it returns the first body that
// contains part, after its address.
func (p *phone) bodies() (first func(part string) string) {
	p.Helper()
	asked := p.requests()
	return func(part string) string {
		for _, q := range asked() {
			if body := string(bodyOf(q)); strings.Contains(body, part) {
				return q.URL + " " + body
			}
		}
		return ""
	}
}

// requests are those of the phone from now on, with their bodies.
func (p *phone) requests() (soFar func() []*network.Request) {
	p.Helper()
	var mu sync.Mutex
	var all []*network.Request
	asked := chromedp.Events(p.ctx, network.RequestWillBeSent)
	p.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, network.Enable, network.EnableParams{MaxPostDataSize: new(int64(64 << 10))})
		return chromedp.Void{}, err
	})
	go func() {
		for e, err := range asked {
			if err != nil {
				return
			}
			mu.Lock()
			all = append(all, e.Request)
			mu.Unlock()
		}
	}()
	return func() []*network.Request {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

// bodyOf is what the request sends.
func bodyOf(q *network.Request) (body []byte) {
	for _, e := range q.PostDataEntries {
		body = append(body, e.Bytes...)
	}
	return body
}

// keepPicture writes what the window shows into the folder that $SCREENS names.
func (p *phone) keepPicture(name string) {
	p.Helper()
	dir := os.Getenv("SCREENS")
	if dir == "" {
		dir = p.TempDir()
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	must(p, err)
	must(p, os.MkdirAll(dir, 0o750))
	must(p, os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600))
}

// loses has the network break after what do sends to the address has arrived, and
// before its answer comes.
func (p *phone) loses(address string, do func()) {
	p.Helper()
	p.stops(address, do, func(ctx context.Context, t *chromedp.Target, e fetch.EventRequestPaused) error {
		p.repeats(e.Request)
		_, err := cdp.Call(ctx, t, fetch.FailRequest, fetch.FailRequestParams{RequestID: e.RequestID, ErrorReason: network.ErrorReasonInternetDisconnected})
		return err
	})
}

// misses has what stands before the front answer what do asks for, as while no front
// is there.
func (p *phone) misses(address string, do func()) {
	p.Helper()
	p.stops(address, do, func(ctx context.Context, t *chromedp.Target, e fetch.EventRequestPaused) error {
		_, err := cdp.Call(ctx, t, fetch.FulfillRequest, fetch.FulfillRequestParams{
			RequestID: e.RequestID, ResponseCode: http.StatusBadGateway, Body: []byte("<html><body><h1>502 Bad Gateway</h1></body></html>"),
		})
		return err
	})
}

// stops has another answer what do asks for.
func (p *phone) stops(address string, do func(), answer func(context.Context, *chromedp.Target, fetch.EventRequestPaused) error) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	paused := chromedp.Events(ctx, fetch.RequestPaused)
	p.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: address}}})
		return chromedp.Void{}, err
	})
	do()
	for e, err := range paused {
		must(p, err)
		p.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
			err := answer(ctx, t, e)
			if err == nil {
				_, err = cdp.Call(ctx, t, fetch.Disable, cdp.Empty{})
			}
			return chromedp.Void{}, err
		})
		return
	}
	p.Fatalf("nobody asked for %s", address)
}

// repeats sends the request as the browser would, with its cookies.
func (p *phone) repeats(q *network.Request) {
	p.Helper()
	to, err := url.Parse(q.URL)
	must(p, err)
	r, err := http.NewRequestWithContext(p.Context(), q.Method, "http://127.0.0.1:"+to.Port()+to.RequestURI(), bytes.NewReader(bodyOf(q)))
	must(p, err)
	r.Host = to.Host
	var headers map[string]string
	text, err := json.Marshal(q.Headers)
	must(p, errors.Join(err, json.Unmarshal(text, &headers)))
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("Origin", "http://"+to.Host)
	for name, value := range p.cookies() {
		r.AddCookie(&http.Cookie{Name: name, Value: value}) //nolint:gosec // a request's
	}
	a, err := http.DefaultTransport.RoundTrip(r)
	must(p, err)
	must(p, a.Body.Close())
	if a.StatusCode >= http.StatusMultipleChoices {
		p.Errorf("what was lost on its way back was %s", a.Status)
	}
}

// consented is a code of web authorisation that WeChat gives for the follower, and
// that nobody has exchanged.
func (p *phone) consented() string {
	p.Helper()
	at := p.Stage.URL() + "/connect/oauth2/authorize?" + url.Values{
		"appid": {"wx0123456789abcdef"}, "redirect_uri": {p.FrontURL() + "/h5/oauth"}, "response_type": {"code"}, "scope": {"snsapi_base"},
	}.Encode()
	r, err := http.NewRequestWithContext(p.Context(), http.MethodGet, strings.Replace(at, "localhost", "127.0.0.1", 1), nil)
	must(p, err)
	r.Host = strings.TrimPrefix(p.Phone(p.number), "http://")
	a, err := http.DefaultTransport.RoundTrip(r)
	must(p, err)
	defer a.Body.Close()
	to, err := url.Parse(a.Header.Get("Location"))
	must(p, err)
	code := to.Query().Get("code")
	if code == "" {
		p.Fatalf("no code: %s", a.Status)
	}
	return code
}
