package stage

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	frontd "wxswitch/cmd/frontd/app"
	"wxswitch/cmd/internal/parts"
	"wxswitch/cmd/internal/world"
	wxsim "wxswitch/cmd/wxsim/app"
	"wxswitch/codec/iso"
)

// front is one instance of the front, which tests may kill.
type front struct {
	ready chan frontd.Addresses // capacity 1
	gone  atomic.Bool

	once    sync.Once
	address frontd.Addresses // after at

	mu   sync.Mutex // guards kill
	kill context.CancelFunc
}

func newFront() *front { return &front{ready: make(chan frontd.Addresses, 1)} }

// run runs the instance until ctx is done. One that is killed stays gone, and is
// no fault of the stage.
func (f *front) run(ctx context.Context, c frontd.Config) error {
	c.Listen, c.Internal = "127.0.0.1:0", "127.0.0.1:0"
	c.Ready = func(at frontd.Addresses) { f.ready <- at }
	life, kill := context.WithCancel(ctx)
	defer kill()
	f.mu.Lock()
	f.kill = kill
	f.mu.Unlock()
	err := frontd.Run(life, c)
	f.gone.Store(true)
	if err == nil && ctx.Err() == nil {
		<-ctx.Done()
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

// Kill stops one instance for good.
func (s *Stage) Kill(i int) {
	f := s.fronts[i]
	f.gone.Store(true)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kill != nil {
		f.kill()
	}
}

// balance stands before the fronts: pages and callback at one door, notices at
// another.
func (s *Stage) balance(ctx context.Context) error {
	var public, notices []*url.URL
	for _, f := range s.fronts {
		at := f.at(ctx)
		public = append(public, &url.URL{Scheme: "http", Host: at.Public})
		notices = append(notices, &url.URL{Scheme: "http", Host: at.Internal})
	}
	return parts.Group{
		parts.Serve(&http.Server{Handler: s.through(public), ReadHeaderTimeout: 5 * time.Second}, s.doors.front, 0),
		parts.Serve(&http.Server{Handler: s.through(notices), ReadHeaderTimeout: 5 * time.Second}, s.doors.notices, 0),
	}.Run(ctx)
}

// through asks the instances in turn, but those that are gone.
func (s *Stage) through(to []*url.URL) http.Handler {
	var turn atomic.Int64
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			host := r.In.Host
			for range to {
				i := int(turn.Add(1)) % len(to)
				r.SetURL(to[i])
				if !s.fronts[i].gone.Load() {
					break
				}
			}
			r.Out.Host = host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
}

// tapFront shows the front's calls of the switch: what was asked and how it ended,
// never who or what was typed. What the front keeps there is left out.
func (s *Stage) tapFront(r *http.Request, status int, took time.Duration) {
	path := r.Method + " " + operation(r.URL.Path)
	what, shown := operations[path]
	if !shown {
		return
	}
	good := status == http.StatusOK
	s.show(wxsim.Hop{Leg: wxsim.FrontSwitch, Dir: "right", Title: what, Lines: []string{path}})
	s.show(wxsim.Hop{Leg: wxsim.FrontSwitch, Dir: "left", Title: what, OK: &good, Lines: []string{fmt.Sprintf("%s → %d, %d ms", path, status, took.Milliseconds())}})
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
	if quiet[string(reading.Type)] {
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
