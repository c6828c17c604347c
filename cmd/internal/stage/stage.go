package stage

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"

	frontd "wxswitch/cmd/frontd/app"
	"wxswitch/cmd/internal/parts"
	"wxswitch/cmd/internal/world"
	switchd "wxswitch/cmd/switchd/app"
	wxsim "wxswitch/cmd/wxsim/app"
	"wxswitch/codec"
	"wxswitch/switch/api"
)

// Options are what a stage is made of. World.Dir is required.
type Options struct {
	World  world.Options
	Fronts int // one, if 0
	// Followers are people with phones; three, if none.
	Followers []wxsim.Follower
	// TuneFront and TuneWeChat change the configurations; may be nil.
	TuneFront  func(*frontd.Config)
	TuneWeChat func(*wxsim.Config)
}

// Stage runs it all.
type Stage struct {
	Options
	World *world.World
	// Up is closed when the phone can be used.
	Up chan struct{}
	// Ops are the fronts' operators' pages, once Up.
	Ops []string

	doors  *doors
	tokens tokens
	front  frontd.Config
	wechat wxsim.Config
	hops   chan wxsim.Hop
	fronts []*front
}

// tokens are by what each knows the other.
type tokens struct{ api, notices string }

func token() string {
	var b [24]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// New opens the doors and makes the configurations; Run starts all.
func New(ctx context.Context, o Options) (*Stage, error) {
	if o.Fronts == 0 {
		o.Fronts = 1
	}
	s := &Stage{Options: o, Up: make(chan struct{}), hops: make(chan wxsim.Hop, 1024), tokens: tokens{token(), token()}}
	var err error
	if s.doors, err = openDoors(ctx); err != nil {
		return nil, err
	}
	w := o.World
	w.Control = true
	w.Told = switchd.Front{URL: "http://" + s.doors.notices.Addr().String(), Token: codec.NewSecret(s.tokens.notices)}
	tune := w.Tune
	w.Tune = func(c *switchd.Config) {
		s.tune(c)
		if tune != nil {
			tune(c)
		}
	}
	if s.World, err = world.New(ctx, w); err != nil {
		s.doors.close()
		return nil, err
	}
	for range o.Fronts {
		s.fronts = append(s.fronts, newFront())
	}
	return s, nil
}

// tune names the front to the switch, which shows its messages in the picture.
func (s *Stage) tune(c *switchd.Config) {
	sum := sha256.Sum256([]byte(s.tokens.api))
	c.Clients = append(c.Clients, switchd.Client{ID: "front", TokenSHA256: hex.EncodeToString(sum[:]), Scopes: []api.Scope{api.ScopeCustomer}})
	c.Tap = s.tapBank
}

// URL is where the phone is.
func (s *Stage) URL() string { return "http://localhost:" + port(s.doors.wechat) }

// Phone is the origin of a follower's phone: 0 is the first.
func (s *Stage) Phone(i int) string {
	return strings.Replace(s.URL(), "://", fmt.Sprintf("://f%d.", i+1), 1)
}

// FrontURL is where the pages and the callback are.
func (s *Stage) FrontURL() string { return "http://" + s.doors.front.Addr().String() }

// Run runs all until ctx is done; WeChat stops first, the banks last.
func (s *Stage) Run(ctx context.Context) error {
	var all parts.Stack
	all.Add("world", s.World.Run)
	all.Add("stage", s.runFronts)
	defer s.doors.close()
	return all.Run(ctx)
}

// runFronts starts what needs the switch, once that is up.
func (s *Stage) runFronts(ctx context.Context) error {
	select {
	case <-s.World.Up:
	case <-ctx.Done():
		return nil
	}
	s.configure()
	var all parts.Stack
	for _, f := range s.fronts {
		config := s.front
		all.Add("front", func(ctx context.Context) error { return f.run(ctx, config) })
	}
	all.Add("balancer", s.balance)
	all.Add("wechat", func(ctx context.Context) error { return wxsim.Run(ctx, s.wechat) })
	all.Add("menu", s.applyMenu)
	return all.Run(ctx)
}

// applyMenu gives the account its menu, as its owner would; then all is up.
func (s *Stage) applyMenu(ctx context.Context) error {
	for _, f := range s.fronts {
		s.Ops = append(s.Ops, f.at(ctx).Ops)
	}
	err := frontd.ApplyMenu(ctx, s.front, func(string) {})
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it is going down
	}
	if err != nil {
		return err
	}
	close(s.Up)
	<-ctx.Done()
	return nil
}

// doors are listened on before anybody runs, since each must know the others'.
type doors struct{ front, notices, wechat net.Listener }

func openDoors(ctx context.Context) (*doors, error) {
	d := &doors{}
	var listen net.ListenConfig
	for _, l := range []*net.Listener{&d.front, &d.notices, &d.wechat} {
		var err error
		if *l, err = listen.Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
			d.close()
			return nil, err
		}
	}
	return d, nil
}

// close closes what nobody has served; the others are closed already.
func (d *doors) close() {
	for _, l := range []net.Listener{d.front, d.notices, d.wechat} {
		if l != nil {
			_ = l.Close()
		}
	}
}

// log is where all write.
func (s *Stage) log() io.Writer {
	if s.Options.World.LogTo == nil {
		return io.Discard
	}
	return s.Options.World.LogTo
}

func port(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// WaitUp waits until the phone can be used, or the stage has failed to come up.
func (s *Stage) WaitUp(ctx context.Context, ran <-chan error) error {
	return parts.Up(ctx, s.Up, ran)
}
