package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	frontd "wxswitch/cmd/frontd/app"
	"wxswitch/cmd/internal/parts"
	"wxswitch/cmd/internal/world"
	wxsim "wxswitch/cmd/wxsim/app"
	"wxswitch/codec"
	"wxswitch/codec/iso"
)

// front is one instance of the front, which tests may kill.
type front struct {
	ready chan frontd.Addresses // capacity 1
	// public and notices are its doors; kill ends the rest. All once it is up.
	public, notices cable
	kill            context.CancelFunc
	dead            atomic.Bool

	once    sync.Once
	address frontd.Addresses // after at
}

func newFront() *front { return &front{ready: make(chan frontd.Addresses, 1)} }

// run runs the instance until ctx is done. One that is killed stays dead, and is
// no fault of the stage.
func (f *front) run(ctx context.Context, c frontd.Config) error {
	var listen net.ListenConfig
	for _, door := range []*cable{&f.public, &f.notices} {
		l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return errors.Join(err, f.public.cut())
		}
		door.Listener = l
	}
	c.Listener, c.InternalListener = &f.public, &f.notices
	c.Ready = func(at frontd.Addresses) { f.ready <- at }
	life, kill := context.WithCancel(ctx)
	defer kill()
	f.kill = kill
	err := frontd.Run(life, c)
	if f.dead.Load() {
		<-ctx.Done()
		return nil
	}
	return err
}

// at is where the instance is, once it is up.
func (f *front) at(ctx context.Context) frontd.Addresses {
	f.once.Do(func() {
		select {
		case f.address = <-f.ready:
		case <-ctx.Done():
		}
	})
	return f.address
}

// Kill ends an instance for good, as kill -9 does as far as one process allows:
// its ports and connections close at once, whatever is in flight there, and the
// balancer has to find out.
func (s *Stage) Kill(i int) {
	f := s.fronts[i]
	f.dead.Store(true)
	_, _ = f.public.cut(), f.notices.cut()
	f.kill()
}

// AwaitBusy waits until a request has come in at an instance, one that is still to
// be answered, and says which. One that is yet to be dialled would not be lost with
// the instance: the next is asked.
func (s *Stage) AwaitBusy(ctx context.Context) (i int, err error) {
	for ; ctx.Err() == nil; i = (i + 1) % len(s.fronts) {
		if f := s.fronts[i]; f.public.inUse() || f.notices.inUse() {
			return i, nil
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
		}
	}
	return 0, ctx.Err()
}

// cable is a listener that can be cut, with all that came in by it.
type cable struct {
	net.Listener

	mu   sync.Mutex // guards what follows
	gone bool
	ends map[net.Conn]bool
}

func (c *cable) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return nil, errors.Join(net.ErrClosed, conn.Close())
	}
	if c.ends == nil {
		c.ends = make(map[net.Conn]bool)
	}
	c.ends[conn] = true
	return &end{conn, c}, nil
}

// inUse tells whether a request is there: the balancer dials for each.
func (c *cable) inUse() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ends) > 0
}

func (c *cable) cut() (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	if c.Listener != nil {
		err = c.Close()
	}
	for conn := range c.ends {
		_ = conn.Close()
	}
	return err
}

// end is a connection, which its cable forgets when it is closed.
type end struct {
	net.Conn
	of *cable
}

func (e *end) Close() error {
	e.of.mu.Lock()
	delete(e.of.ends, e.Conn)
	e.of.mu.Unlock()
	return e.Conn.Close()
}

// balance stands before the fronts: pages and callback at one door, notices at
// another.
func (s *Stage) balance(ctx context.Context) error {
	for _, f := range s.fronts {
		f.at(ctx)
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it is going down
	}
	return parts.Group{
		parts.Serve(&http.Server{Handler: s.through(func(f *front) net.Listener { return &f.public }), ReadHeaderTimeout: 5 * time.Second}, s.doors.front, 0),
		parts.Serve(&http.Server{Handler: s.through(func(f *front) net.Listener { return &f.notices }), ReadHeaderTimeout: 5 * time.Second}, s.doors.notices, 0),
	}.Run(ctx)
}

// through hands requests to a door of the instances.
func (s *Stage) through(door func(*front) net.Listener) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.Host = "http", r.In.Host },
		Transport: &turns{fronts: s.fronts, door: door, next: &http.Transport{DisableKeepAlives: true}},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			w.WriteHeader(http.StatusBadGateway)
		},
	}
}

// turns asks the instances in turn. Where nobody listens nothing was sent, and the
// next is asked. It keeps no connection: of what is sent on one that died idle
// nobody could say whether it arrived.
type turns struct {
	fronts []*front
	door   func(*front) net.Listener
	next   http.RoundTripper
	turn   atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (t *turns) RoundTrip(r *http.Request) (*http.Response, error) {
	first := int(t.turn.Add(1)) // others take turns meanwhile
	for i := 0; ; i++ {
		answer, err := t.ask(t.fronts[(first+i)%len(t.fronts)], r)
		var op *net.OpError
		if i == len(t.fronts)-1 || !errors.As(err, &op) || op.Op != "dial" {
			return answer, err
		}
	}
}

func (t *turns) ask(f *front, r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL.Host = t.door(f).Addr().String()
	if r.Body != nil {
		out.Body = io.NopCloser(r.Body) // who is asked in vain closes it
	}
	return t.next.RoundTrip(out)
}

// tapFront shows the front's calls of the switch: what was asked and how it ended,
// never who or what was typed. What the front keeps there is left out.
func (s *Stage) tapFront(r *http.Request) (answered func(status int)) {
	path := r.Method + " " + operation(r.URL.Path)
	what, shown := operations[path]
	if !shown {
		return func(int) {}
	}
	began := time.Now()
	s.show(wxsim.Hop{Leg: wxsim.FrontSwitch, Dir: "right", Title: what, Lines: []string{path}})
	return func(status int) {
		good := status == http.StatusOK
		line := fmt.Sprintf("%s → %d, %d ms", path, status, time.Since(began).Milliseconds())
		s.show(wxsim.Hop{Leg: wxsim.FrontSwitch, Dir: "left", Title: what, OK: &good, Lines: []string{line}})
	}
}

// tapBank shows a message between switch and bank, decoded and masked; but those
// that concern a link alone.
func (s *Stage) tapBank(bank string, out bool, raw []byte) {
	i := slices.IndexFunc(world.Banks, func(b world.Spec) bool { return b.ID == bank })
	if i < 0 {
		return
	}
	d, err := iso.Builtin(world.Banks[i].Dialect)
	if err != nil {
		return
	}
	reading := iso.Describe(d, raw)
	if reading.Type.Class() == codec.Network {
		return
	}
	h := wxsim.Hop{Leg: wxsim.SwitchBank, Dir: "left", Bank: bank, Title: title(reading)}
	if out {
		h.Dir = "right"
	}
	if reading.Meaning != "" {
		good := reading.Meaning == "approved"
		h.OK = &good
	}
	for _, f := range reading.Fields {
		h.Lines = append(h.Lines, fmt.Sprintf("F%s %s", f.Field, f.Value))
	}
	s.show(h)
}

// show drops what the picture has no room for: nobody waits for it.
func (s *Stage) show(h wxsim.Hop) {
	h.At = time.Now()
	select {
	case s.hops <- h:
	default:
	}
}
