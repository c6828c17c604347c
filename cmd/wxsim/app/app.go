package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/rs/zerolog"

	"wxswitch/cmd/internal/config"
	"wxswitch/cmd/internal/parts"
)

var errNotLoopback = errors.New("wxsim listens on loopback only: it asks nobody who they are")

// Run serves the platform and the phones until ctx is done.
func Run(ctx context.Context, c Config) error {
	s, err := newSim(c)
	if err != nil {
		return err
	}
	l, err := s.cfg.listen(ctx)
	if err != nil {
		return fmt.Errorf("wxsim: %w", err)
	}
	all := parts.Group{
		func(ctx context.Context) error { return s.serve(ctx, l) },
		s.crew.run, s.introduce, s.takeHops,
	}
	for _, b := range s.banks {
		all = append(all, func(ctx context.Context) error { return s.poll(ctx, b) })
		if s.cfg.Hops == nil {
			all = append(all, func(ctx context.Context) error { return s.feed(ctx, b) })
		}
	}
	if s.cfg.Ready != nil {
		s.cfg.Ready(l.Addr().String())
	}
	defer s.http.CloseIdleConnections()
	return all.Run(ctx)
}

func newSim(c Config) (*Sim, error) {
	if key, reason := c.check(); reason != "" {
		return nil, fmt.Errorf("wxsim: %s: %s", key, reason)
	}
	if c.LogTo == nil {
		c.LogTo = os.Stderr
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Sim{
		cfg: c, now: c.Now, crew: newCrew(), http: newClient(), openIDs: map[string]*follower{}, gone: map[string]bool{},
		log:      zerolog.New(c.LogTo).Level(config.Level(c.Log.Level)).With().Timestamp().Logger(),
		faults:   Faults{Front: frontOK},
		platform: platform{tokens: map[string]time.Time{}, codes: map[string]*grant{}, sent: map[string]sending{}},
	}
	for _, b := range c.Banks {
		s.banks = append(s.banks, &bank{Bank: b})
	}
	for i, f := range c.Followers {
		one := &follower{
			id: fmt.Sprintf("f%d", i+1), name: f.Name, person: f.Person, openID: newOpenID(), following: f.Following,
		}
		s.followers = append(s.followers, one)
		s.openIDs[one.openID] = one
	}
	return s, nil
}

// newClient is for the front and the banks, which are on this machine or near
// it: no proxy of the environment, and redirects are the browser's business.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
			TLSHandshakeTimeout: 2 * time.Second, ResponseHeaderTimeout: time.Minute,
			MaxIdleConnsPerHost: 64, MaxConnsPerHost: 1024, IdleConnTimeout: 30 * time.Second,
			MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// serve answers until ctx is done.
func (s *Sim) serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 2 * time.Minute,
		IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	return parts.Serve(server, l, 2*time.Second)(ctx)
}

// takeHops shows what the program that runs wxsim sees on other legs.
func (s *Sim) takeHops(ctx context.Context) error {
	for {
		select {
		case h, open := <-s.cfg.Hops:
			if !open {
				<-ctx.Done()
				return nil
			}
			s.hop(h)
		case <-ctx.Done():
			return nil
		}
	}
}
