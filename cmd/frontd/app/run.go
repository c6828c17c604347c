package app

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"wxswitch/cmd/frontd/internal/callback"
	"wxswitch/cmd/frontd/internal/chat"
	"wxswitch/cmd/frontd/internal/delivery"
	"wxswitch/cmd/frontd/internal/h5"
	"wxswitch/cmd/frontd/internal/wechat"
	"wxswitch/cmd/internal/config"
	"wxswitch/cmd/internal/parts"
	"wxswitch/switch/api/client"
)

// CallbackPath is where the platform delivers, under Public.
const CallbackPath = "/callback"

// Run serves until ctx is done, then finishes what is in flight.
func Run(ctx context.Context, c Config) error {
	unplaced := func(key, reason string) error { return fmt.Errorf("%s: %s", key, reason) }
	if err := errors.Join(c.check(unplaced)...); err != nil {
		return err
	}
	lines := parts.NewLines(c.LogTo)
	go lines.Run()
	defer lines.Close()
	a, err := wire(c, lines)
	if err != nil {
		return err
	}
	return a.run(ctx)
}

type app struct {
	Config
	log      zerolog.Logger
	registry *prometheus.Registry
	api      *client.ClientWithResponses
	public   http.Handler
	internal http.Handler
}

// wire joins the rooms: the platform's callback to the chat, the pages to the
// switch and the platform, the switch's notices to the platform.
func wire(c Config, lines *parts.Lines) (*app, error) {
	log := lines.Logger(config.Level(c.Log.Level), c.Log.Format).With().Str("program", "frontd").Logger()
	a := &app{Config: c, log: log, registry: lines.Registry("frontd")}
	var err error
	if a.api, err = c.client(); err != nil {
		return nil, err
	}
	platform, err := c.weChat(a.registry)
	if err != nil {
		return nil, err
	}
	deliveries := delivery.New(a.api)
	site, err := h5.New(h5.Options{
		Switch: a.api, Channel: c.Switch.Channel, Platform: platform, Public: c.Public, Authorize: c.Platform.Authorize, AppID: c.Account.AppID,
		Name: c.Account.Name, Terms: c.Terms, Keys: c.Keys, FrameAncestors: c.FrameAncestors, Now: c.Now, Log: a.log, Registerer: a.registry,
	})
	if err != nil {
		return nil, err
	}
	door, err := callback.New(callback.Options{
		Account: c.Account.ID, AppID: c.Account.AppID, Token: c.Account.Token, PreviousToken: c.Account.PreviousToken,
		AESKey: c.Account.AESKey, PreviousAESKey: c.Account.PreviousAESKey, Now: c.Now, Log: a.log, Registerer: a.registry,
		Answerer: chat.New(chat.Options{
			Switch: a.api, Deliveries: deliveries, Channel: c.Switch.Channel, Public: c.Public,
			Hotline: c.Hotline, BranchesTitle: c.BranchesTitle, Branches: c.Branches, Log: a.log,
		}),
	})
	if err != nil {
		return nil, err
	}
	notices, err := wechat.NewNotices(wechat.NoticeOptions{
		Sender: platform, Deliveries: deliveries, Switch: a.api, Channel: c.Switch.Channel, Public: c.Public,
		Token: c.Switch.NoticeToken, Rules: c.Notices, Now: c.Now, Log: a.log, Registerer: a.registry,
	})
	if err != nil {
		return nil, err
	}
	public := http.NewServeMux()
	public.Handle("/h5/", site)
	public.Handle(CallbackPath, door)
	a.public, a.internal = public, notices.Handler()
	return a, nil
}

// weChat calls the platform.
func (c *Config) weChat(r prometheus.Registerer) (*wechat.WeChat, error) {
	return wechat.New(wechat.Options{
		API: c.Platform.API, AppID: c.Account.AppID, AppSecret: c.Account.Secret, Public: c.Public, Now: c.Now, Registerer: r,
	})
}

// client calls the switch.
func (c *Config) client() (*client.ClientWithResponses, error) {
	t := &http.Transport{ // no proxy of the environment: what is said is for the switch alone
		DialContext:         (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 128, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 2 * time.Second, MaxResponseHeaderBytes: 16 << 10,
	}
	var through http.RoundTripper = again{t}
	if c.Tap != nil {
		through = tapped{through, c.Tap}
	}
	return client.NewClientWithResponses(c.Switch.URL, client.WithRequestEditorFn(client.Bearer(c.Switch.Token.Reveal())),
		client.WithHTTPClient(&http.Client{
			Transport: through, Timeout: c.Switch.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // nor elsewhere
		}))
}

func (a *app) run(ctx context.Context) error {
	doors, err := a.listen(ctx)
	if err != nil {
		return err
	}
	var s parts.Stack
	s.Add("operators' pages", a.serve(doors[2], a.pages()))
	s.Add("notices", a.serve(doors[1], a.internal))
	s.Add("pages", a.serve(doors[0], a.public))
	s.Add("announce", func(ctx context.Context) error {
		at := Addresses{doors[0].Addr().String(), doors[1].Addr().String(), doors[2].Addr().String()}
		a.log.Info().Str("listen", at.Public).Str("internal", at.Internal).Str("ops", at.Ops).Str("public", a.Public).Msg("front is up")
		if a.Ready != nil {
			a.Ready(at)
		}
		<-ctx.Done()
		a.log.Info().Msg("front is going down")
		return nil
	})
	return s.Run(ctx)
}

// listen opens the three doors, or none.
func (a *app) listen(ctx context.Context) (doors [3]net.Listener, err error) {
	given := [3]net.Listener{a.Listener, a.InternalListener}
	var open net.ListenConfig
	for i, address := range []string{a.Listen, a.Internal, a.Ops} {
		if doors[i] = given[i]; doors[i] == nil {
			doors[i], err = open.Listen(ctx, "tcp", address)
		}
		if err != nil {
			for _, l := range doors[:i] {
				_ = l.Close()
			}
			return doors, fmt.Errorf("listen: %w", err)
		}
	}
	return doors, nil
}

// The doors' limits. A page waits for a bank, so an answer may take a while: the
// switch has its whole time for what it asks a bank, and once more for the rest.
const (
	headerTime = 5 * time.Second
	readTime   = 15 * time.Second
	drainMore  = 5 * time.Second // than the switch may take
	maxHeader  = 32 << 10
)

// serve serves a door; at the end, what is in flight.
func (a *app) serve(l net.Listener, h http.Handler) parts.Run {
	return parts.Serve(&http.Server{
		Handler: a.guard(h), ReadHeaderTimeout: headerTime, ReadTimeout: readTime, IdleTimeout: time.Minute, MaxHeaderBytes: maxHeader,
		WriteTimeout: readTime + 2*a.Switch.Timeout,
		ErrorLog:     stdlog.New(a.log, "", 0), // standard error itself may be a pipe that nobody reads
	}, l, a.Switch.Timeout+drainMore)
}

// guard has a panic end its own request only, without an answer that would look like
// one. What it said may hold a secret, so only its type and place are logged.
func (a *app) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v != http.ErrAbortHandler { //nolint:errorlint // the very value, as net/http looks
				a.log.Error().Type("panic", v).Bytes("stack", debug.Stack()).Msg("panic")
			}
			panic(http.ErrAbortHandler)
		}()
		next.ServeHTTP(w, r)
	})
}

// pages are the operators'.
func (a *app) pages() http.Handler {
	m := http.NewServeMux()
	m.Handle("GET /metrics", promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{Registry: a.registry}))
	m.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "alive") })
	m.HandleFunc("GET /readyz", a.ready)
	return m
}

// ready asks the switch, without which nothing can be done. Whether WeChat
// answers is a metric: an instance more or less would not change it.
func (a *app) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	answer, err := a.api.ListChoicesWithResponse(ctx)
	status, line := http.StatusOK, "ready: the switch answers"
	switch {
	case err != nil:
		status, line = http.StatusServiceUnavailable, "not ready: the switch does not answer"
	case answer.JSON200 == nil:
		status, line = http.StatusServiceUnavailable, fmt.Sprintf("not ready: the switch answers %d", answer.StatusCode())
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, line)
}
