package adapter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Run accepts links on the configured addresses until ctx is done, then drains:
// it signs off, waits for what is under way at most Config.Drain, ends the
// contexts of the calls of Core that are left, waits for those, and returns nil.
// It may be called again after. An address that cannot be listened on is an
// error, and nothing is served.
func (a *Adapter) Run(ctx context.Context) error {
	listeners, err := a.listen(ctx)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, len(listeners))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() { a.Speak(ctx) })
	for i, l := range listeners {
		wg.Go(func() {
			errs[i] = a.Accept(ctx, l)
			cancel()
		})
	}
	if len(listeners) == 0 {
		<-ctx.Done()
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (a *Adapter) listen(ctx context.Context) ([]net.Listener, error) {
	var all []net.Listener
	for _, address := range a.cfg.Listen {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", address)
		if err != nil {
			for _, open := range all {
				_ = open.Close()
			}
			return nil, fmt.Errorf("adapter: %w", err)
		}
		a.cfg.Log.Info().Stringer("address", l.Addr()).Msg("listening")
		all = append(all, l)
	}
	return all, nil
}

// Accept serves the links that come by l until ctx is done, and closes l. It
// waits for its links to drain.
func (a *Adapter) Accept(ctx context.Context, l net.Listener) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	defer func() { _ = l.Close() }()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("adapter: accept: %w", err)
		}
		if err != nil { // out of descriptors, or the peer gave up: the next may do
			a.cfg.Log.Error().Err(err).Msg("accept")
			rest(ctx, acceptPause)
			continue
		}
		wg.Go(func() { a.ServeConn(ctx, conn) })
	}
}

// acceptPause keeps a listener that cannot accept from spinning.
const acceptPause = 100 * time.Millisecond

func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// ServeConn serves one link until it drops or ctx is done, then drains and
// closes it.
func (a *Adapter) ServeConn(ctx context.Context, conn net.Conn) {
	l, ok := a.enlist(conn)
	if !ok {
		a.noisy.Warn().Msg("too many links: closed")
		_ = conn.Close()
		return
	}
	defer a.delist(l)
	log := a.cfg.Log.With().Str("link", l.name).Logger()
	log.Info().Msg("link up")
	err := l.run(ctx)
	log.Info().AnErr("cause", err).Msg("link down")
}

// DropLinks closes every link at once, as a bank does that falls over. Work
// under way goes on, and its answers find no link.
func (a *Adapter) DropLinks() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for l := range a.links {
		l.close()
	}
}

func (a *Adapter) enlist(conn net.Conn) (*link, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open() >= a.cfg.Links {
		return nil, false
	}
	a.made++
	l := newLink(a, conn, fmt.Sprintf("%d %s", a.made, conn.RemoteAddr()))
	a.links[l] = struct{}{}
	a.metrics.links.Inc()
	return l, true
}

// open counts the links that have not gone: one that has stays until its work is
// done, and must not keep its successor out. The caller holds mu.
func (a *Adapter) open() (n int) {
	for l := range a.links {
		if !l.closed.Load() {
			n++
		}
	}
	return n
}

func (a *Adapter) delist(l *link) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.links, l)
	a.metrics.links.Dec()
}

// another returns a link that can carry an answer whose own has gone.
func (a *Adapter) another(than *link) *link {
	a.mu.Lock()
	defer a.mu.Unlock()
	for l := range a.links {
		if l != than && l.signedOn() && !l.closed.Load() {
			return l
		}
	}
	return nil
}
