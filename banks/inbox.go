package banks

import (
	"context"
	"sync"

	"wxswitch/codec"
)

// Bounds of what is handed to the [Handler]. Its answers wait for a commit that
// they share: many at once are as quick as one.
const (
	inboxSize    = 1024
	inboxWorkers = 32
)

// inbox hands the Handler what nobody waits for: late replies and the bank's
// own requests. When it is full the newest is dropped and counted: a bank
// repeats a request, and what a late reply would have settled is settled by its
// advice.
type inbox struct {
	bank *Bank
	c    chan inbound // closed by close, when no link is left
}

func newInbox(b *Bank) *inbox { return &inbox{bank: b, c: make(chan inbound, inboxSize)} }

// put never blocks.
func (x *inbox) put(in inbound) {
	select {
	case x.c <- in:
	default:
		x.bank.metrics.dropped.Inc()
	}
}

// start begins the workers, which wg waits for.
func (x *inbox) start(ctx context.Context, wg *sync.WaitGroup) {
	for range inboxWorkers {
		wg.Go(func() {
			for in := range x.c {
				x.handle(ctx, in)
			}
		})
	}
}

// close lets the workers finish what is there and end.
func (x *inbox) close() { close(x.c) }

func (x *inbox) handle(ctx context.Context, in inbound) {
	b := x.bank
	m, err := b.dialect.Unpack(in.raw)
	if err != nil {
		b.metrics.format.Inc()
		b.noisy.Warn().Err(err).Str("type", string(in.head.Type)).Bool("reply", in.head.Reply).Msg("unreadable message")
		return
	}
	if m.Reply {
		b.handler.Late(ctx, b.cfg.Name, m)
		return
	}
	if answer := b.handler.Incoming(ctx, b.cfg.Name, m); answer != nil {
		x.answer(in, answer)
	}
}

func (x *inbox) answer(in inbound, m *codec.Message) {
	framed, err := x.bank.frame(m)
	if err != nil {
		x.bank.noisy.Error().Err(err).Str("type", string(m.Type)).Msg("answer cannot be written")
		return
	}
	if !in.answer(framed) {
		x.bank.noisy.Warn().Str("type", string(m.Type)).Msg("answer not sent: link gone")
	}
}
