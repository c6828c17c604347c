package banks

import (
	"context"
	"net"
	"sync"
)

// tcp is the transport over a set of links.
type tcp struct {
	*Bank
	numbers Numberer
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	tap     func(out bool, raw []byte)
	links   []*link
}

func newTCP(b *Bank, o Options) *tcp {
	t := &tcp{Bank: b, numbers: o.Numbers, dial: o.Dial, tap: func(bool, []byte) {}}
	if t.dial == nil {
		t.dial = new(net.Dialer).DialContext
	}
	if o.Tap != nil {
		t.tap = func(out bool, raw []byte) { o.Tap(b.cfg.Name, out, raw) }
	}
	for _, l := range b.cfg.Links {
		t.links = append(t.links, newLink(t, l))
	}
	return t
}

func (t *tcp) run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, l := range t.links {
		wg.Go(func() { l.run(ctx) })
	}
	wg.Wait()
}

func (t *tcp) status() []LinkStatus {
	all := make([]LinkStatus, len(t.links))
	for i, l := range t.links {
		all[i] = l.snapshot()
	}
	return all
}
