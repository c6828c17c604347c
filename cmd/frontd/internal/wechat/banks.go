package wechat

import (
	"context"
	"sync"
	"time"

	"wxswitch/switch/api/client"
)

// bankNames are the member banks' names by id, as the switch has them.
type bankNames struct {
	ask *client.ClientWithResponses
	now func() time.Time

	mu    sync.Mutex // held while asking: who waits gets the same answer
	names map[string]string
	next  time.Time // ask not before
}

const (
	namesLife  = 5 * time.Minute
	namesPause = 10 * time.Second // after a question that was not answered
	namesLimit = 500 * time.Millisecond
)

func newBankNames(c *client.ClientWithResponses, now func() time.Time) *bankNames {
	return &bankNames{ask: c, now: now}
}

// of returns the name of a bank, or a word for one whose name cannot be had.
func (b *bankNames) of(ctx context.Context, id string) string {
	if id == "" {
		return ""
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.now().Before(b.next) {
		b.refresh(ctx)
	}
	if name := b.names[id]; name != "" {
		return name
	}
	return unknownBank
}

func (b *bankNames) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, namesLimit)
	defer cancel()
	a, err := b.ask.ListChoicesWithResponse(ctx)
	if err != nil || a.JSON200 == nil {
		b.next = b.now().Add(namesPause) // with the names of before
		return
	}
	b.names, b.next = make(map[string]string, len(a.JSON200.Banks)), b.now().Add(namesLife)
	for _, bank := range a.JSON200.Banks {
		b.names[bank.Id] = bank.Name
	}
}
