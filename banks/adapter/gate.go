package adapter

import (
	"context"
	"sync"
)

// gates lets one message at a time work on a number: what comes for the same
// operation meanwhile waits for it. It lives in memory: a crash leaves no gate
// shut, and what the ledger then shows as running is nobody's.
type gates struct {
	mu sync.Mutex // guards at and the counts in it
	at map[Number]*gate
}

type gate struct {
	turn  chan struct{} // capacity 1: holds the token while somebody is inside
	users int           // inside or waiting
}

// enter waits for the number's turn; leave must be called after.
func (g *gates) enter(ctx context.Context, n Number) (leave func(), err error) {
	g.mu.Lock()
	one := g.at[n]
	if one == nil {
		one = &gate{turn: make(chan struct{}, 1)}
		g.at[n] = one
	}
	one.users++
	g.mu.Unlock()
	select {
	case one.turn <- struct{}{}:
		return func() { <-one.turn; g.forget(n, one) }, nil
	case <-ctx.Done():
		g.forget(n, one)
		return nil, ctx.Err()
	}
}

func (g *gates) forget(n Number, one *gate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(g.at, n)
	}
}
