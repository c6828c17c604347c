package wechat

import (
	"context"
	"sync"
	"time"

	"wxswitch/cmd/frontd/internal/desk"
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
	choices, err := desk.Ask[client.Choices](b.ask.ListChoices(ctx))
	if err != nil {
		b.next = b.now().Add(namesPause) // with the names of before
		return
	}
	b.names, b.next = make(map[string]string, len(choices.Banks)), b.now().Add(namesLife)
	for _, bank := range choices.Banks {
		b.names[bank.Id] = bank.Name
	}
}
