package api

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wxswitch/banks"
	"wxswitch/routing"
	switching "wxswitch/switch"
	"wxswitch/switch/customer"
)

//go:embed openapi.yaml
var openAPI []byte

// Switch is what carries out transactions and remembers them.
type Switch interface {
	// Do carries out one request. Errors are ErrKeyReused, ErrInProgress and
	// ErrOutcomeUnknown; a refusal is a Result.
	Do(ctx context.Context, r switching.Request) (switching.Result, error)
	// Get returns the client's own entry; false for none, and for another's.
	Get(ctx context.Context, client string, id int64) (switching.Entry, bool, error)
}

// Advices is the operators' view of what must still be told to banks. Errors
// are switching.ErrNoAdvice, ErrAdviceEnded, ErrAdviceOnItsWay, ErrAdviceNeedEnd and
// ErrCommitUnknown.
type Advices interface {
	// Advices lists them in order of id, above after and at most limit; empty
	// bank or state means any.
	Advices(ctx context.Context, bank string, state switching.AdviceState, after int64, limit int) ([]switching.Advice, error)
	// RetryAdvice makes an advice due at once.
	RetryAdvice(ctx context.Context, id int64) (switching.Advice, error)
	// CloseAdvice ends an advice with the operator's reason; outcome, of a
	// completion only, is how its operation ended. With ErrAdviceEnded it
	// returns the advice as it stands.
	CloseAdvice(ctx context.Context, id int64, reason string, outcome switching.Outcome) (switching.Advice, error)
}

// Limits bound what callers can take. The zero value of each is its default.
type Limits struct {
	Concurrent  int           // requests under way; default 2048
	Follower    int           // of which in one follower's name; default 32
	Burst       int           // that may come in one follower's name at once; default 1000
	Every       time.Duration // and one more each time this has passed; default 1 s
	HeaderBytes int           // default 16 KiB
	ReadHeader  time.Duration // default 5 s
	Read        time.Duration // header and body; default 10 s
	Write       time.Duration // of a ready answer; default 10 s
	Idle        time.Duration // default 2 min
	Drain       time.Duration // default 30 s
}

func (l Limits) withDefaults() Limits {
	l.Concurrent = cmp.Or(l.Concurrent, 2048)
	l.Follower = cmp.Or(l.Follower, 32)
	l.Burst = cmp.Or(l.Burst, 1000)
	l.Every = cmp.Or(l.Every, time.Second)
	l.HeaderBytes = cmp.Or(l.HeaderBytes, 16<<10)
	l.ReadHeader = cmp.Or(l.ReadHeader, 5*time.Second)
	l.Read = cmp.Or(l.Read, 10*time.Second)
	l.Write = cmp.Or(l.Write, 10*time.Second)
	l.Idle = cmp.Or(l.Idle, 2*time.Minute)
	l.Drain = cmp.Or(l.Drain, 30*time.Second)
	return l
}

// Options are what the door stands before. All are required but Anonymous,
// Guard, Limits, Log and Registerer.
type Options struct {
	Switch  Switch
	Router  *routing.Router
	Banks   func() []banks.Status // in any order
	Advices Advices
	// Customers, Places and Notices stand behind the scope customer; none of its
	// clients may be configured without them.
	Customers Customers // *customer.Service
	Places    *customer.Places
	Notices   Notices
	// Reload reads the files of routes and places again and puts them in use. Its
	// error says to an operator what is wrong with which.
	Reload func(ctx context.Context) error
	// Clients are who may call; see [CheckClients].
	Clients []Client
	// Anonymous are the scopes of callers without a token, on the loopback
	// interface only; none by default.
	Anonymous []Scope
	// Guard may change the server before it serves; may be nil.
	Guard      func(*http.Server)
	Limits     Limits
	Log        zerolog.Logger
	Registerer prometheus.Registerer // may be nil
}

// API is the door. It is safe for concurrent use.
type API struct {
	Options
	anonymous *Client       // nil where callers need a token
	places    chan struct{} // one element for each request under way
	busy      *busyFollowers
	paces     *paces
	metrics   *metrics
	handler   http.Handler
}

// New returns the door; it starts nothing.
func New(o Options) *API {
	o.Limits = o.Limits.withDefaults()
	a := &API{
		Options: o,
		places:  make(chan struct{}, o.Limits.Concurrent),
		busy:    newBusyFollowers(o.Limits.Follower),
		paces:   newPaces(o.Limits.Every, o.Limits.Burst),
		metrics: newMetrics(o.Registerer),
	}
	if len(o.Anonymous) > 0 {
		a.anonymous = &Client{ID: AnonymousID, Scopes: o.Anonymous}
	}
	a.handler = a.routes()
	return a
}

// Handler returns the whole of the API.
func (a *API) Handler() http.Handler { return a.handler }

// Serve answers on the listener until ctx is done; then it takes no new
// connection and waits, at most Limits.Drain, for the requests under way. It
// closes the listener. The error is the listener's.
func (a *API) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           a.handler,
		ReadHeaderTimeout: a.Limits.ReadHeader,
		ReadTimeout:       a.Limits.Read,
		WriteTimeout:      maxTimeout + a.Limits.Read + a.Limits.Write, // until the answer is ready; see type answer
		IdleTimeout:       a.Limits.Idle,
		MaxHeaderBytes:    a.Limits.HeaderBytes,
		ErrorLog:          stdlog.New(io.Discard, "", 0), // what callers do wrong on a connection
	}
	if a.Guard != nil {
		a.Guard(server)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Limits.Drain)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		a.Log.Warn().Dur("limit", a.Limits.Drain).Msg("api: drain limit reached; connections cut")
		_ = server.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
