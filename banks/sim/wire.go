package sim

import (
	"context"
	"slices"
	"time"

	"wxswitch/banks/adapter"
	"wxswitch/codec"
)

// wire stands around the kit's answering of each request and misbehaves as
// ordered.
func (b *Bank) wire(ctx context.Context, x *adapter.Exchange, answer func(context.Context) *codec.Message) {
	f, faulty := b.faults.take(x.Request, false)
	switch f.Kind {
	case Silence:
		b.failed(x.Ignore(ctx))
		return
	case DropBefore:
		b.failed(x.Ignore(ctx))
		x.Drop()
		return
	}
	m := answer(ctx)
	switch {
	case m == nil:
	case faulty:
		b.misbehave(ctx, x, f, m)
	default:
		b.failed(x.Reply(m))
	}
}

// misbehave sends the answer m in the fault's way.
func (b *Bank) misbehave(ctx context.Context, x *adapter.Exchange, f Fault, m *codec.Message) {
	var err error
	switch f.Kind {
	case SilenceAfter:
	case DropAfter:
		x.Drop()
	case Late:
		rest(ctx, f.Delay)
		err = x.Reply(m)
	case Garbage:
		err = x.Write([]byte("\x00\xff noise, no message \xff\x00, long enough to hold the header that it has not got"))
	case BadLength:
		err = x.WriteBare([]byte("-001\xff\xff\xff\xff\xff\xff\xff\xff noise without a frame"))
	case Twice:
		err = x.Reply(m)
		if err == nil {
			err = x.Reply(m)
		}
	case WrongSTAN:
		other := *m
		other.Set(codec.FieldSTAN, otherSTAN(m.Get(codec.FieldSTAN)))
		err = x.Reply(&other)
	case Unreadable:
		err = x.Write(b.damaged(m))
	}
	b.failed(err)
}

func (b *Bank) failed(err error) {
	if err != nil {
		b.cfg.Log.Warn().Err(err).Msg("simulated bank")
	}
}

// otherSTAN is far from those in use.
func otherSTAN(stan string) string {
	if stan == "999999" {
		return "999998"
	}
	return "999999"
}

// damaged is m with one byte wrong, such that it can be paired and not read.
func (b *Bank) damaged(m *codec.Message) []byte {
	d := b.cfg.Dialect
	raw, err := d.Pack(m)
	if err != nil {
		return nil
	}
	whole, err := d.Peek(raw)
	if err != nil {
		return nil
	}
	for i, keep := range slices.Backward(raw) {
		raw[i] = 0xff
		head, err := d.Peek(raw)
		if err == nil && head == whole {
			if _, err = d.Unpack(raw); err != nil {
				return raw
			}
		}
		raw[i] = keep
	}
	return nil
}

// rest waits, unless ctx ends first.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
