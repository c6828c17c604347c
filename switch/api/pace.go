package api

import (
	"maps"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"wxswitch/switch/customer"
)

// paces bounds what comes in one follower's name over time: people never meet it,
// and one who lets a program ask fills neither disk nor processors.
type paces struct {
	every rate.Limit
	burst int
	mu    sync.Mutex // guards what follows
	of    map[customer.Follower]*rate.Limiter
	most  int // so many are kept before those that say nothing any more are forgotten
}

const fewPaces = 1024

func newPaces(every time.Duration, burst int) *paces {
	return &paces{every: rate.Every(every), burst: burst, of: make(map[customer.Follower]*rate.Limiter), most: fewPaces}
}

// allow counts a request, if one more may come now.
func (p *paces) allow(f customer.Follower) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.of) >= p.most {
		p.forget()
	}
	l := p.of[f]
	if l == nil {
		l = rate.NewLimiter(p.every, p.burst)
		p.of[f] = l
	}
	return l.Allow()
}

// forget forgets those who may ask as much as one who never came: nobody gains by
// being forgotten, and nobody else's coming can bring it about.
func (p *paces) forget() {
	maps.DeleteFunc(p.of, func(_ customer.Follower, l *rate.Limiter) bool { return l.Tokens() >= float64(p.burst) })
	p.most = max(fewPaces, 2*len(p.of))
}
