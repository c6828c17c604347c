package notice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/rs/zerolog"

	switching "wxswitch/switch"
)

// topic is what the relay publishes to and the handler hears.
const topic = "notices"

// claimed is a notice on its way. Its data stays sealed on any transport.
type claimed struct {
	Seq      int64
	ID       string
	Channel  string
	Subject  string
	Lane     []byte
	Kind     switching.NoticeKind
	Data     []byte
	At       int64
	Round    int
	Claim    int64 // its number: a later one makes this one void
	Attempts int   // with this one
	Until    int64 // the end of the lease
}

// Run tells what is due until ctx is done, and returns when nothing is on its
// way any more. It runs once in the life of Notices.
func (n *Notices) Run(ctx context.Context) error {
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: n.o.Lease}, routerLog{n.o.Log})
	if err != nil {
		return fmt.Errorf("notice: router: %w", err)
	}
	t := newMemory()
	router.AddMiddleware(n.leave)
	router.AddConsumerHandler("tell", topic, t, n.tell)
	routed := make(chan error, 1)
	// What is on its way is finished, so the router does not end with ctx.
	go func() { routed <- router.Run(context.WithoutCancel(ctx)) }()
	select {
	case <-router.Running():
	case err := <-routed:
		return fmt.Errorf("notice: router: %w", err)
	}
	n.relay(ctx, t)
	// The router's Close may return while a handler that it has just begun still
	// runs, so nothing must be on its way by then.
	for range cap(n.places) {
		n.places <- struct{}{}
	}
	return errors.Join(router.Close(), <-routed)
}

// leave frees the place of a message that was handled, however that ended.
func (n *Notices) leave(h message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		defer func() { <-n.places }()
		return h(m)
	}
}

func (n *Notices) relay(ctx context.Context, to message.Publisher) {
	ticks := time.NewTicker(n.o.Poll)
	defer ticks.Stop()
	n.tidy(ctx)
	for {
		for n.forward(ctx, to) {
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			n.tidy(ctx)
		case <-n.kick:
		}
	}
}

// forward claims as many notices as there are places, and publishes them. It
// reports whether there were any.
func (n *Notices) forward(ctx context.Context, to message.Publisher) (more bool) {
	held := n.enter(ctx)
	defer func() {
		for range held {
			<-n.places
		}
	}()
	if held == 0 {
		return false
	}
	channels, err := n.due(ctx)
	if err != nil {
		n.complain(ctx, err, "look for notices")
		return false
	}
	n.turn++
	for i := range channels {
		channel := channels[(i+n.turn)%len(channels)]
		list, err := n.claim(ctx, channel, n.circuits.channel(channel).admit(n.o.Now(), held, n.circuits.hold))
		if err != nil {
			n.complain(ctx, err, "claim notices")
			return more
		}
		if n.killed("claim") {
			return false
		}
		held -= n.publish(to, list)
		more = more || len(list) > 0
	}
	return more
}

// enter takes the places that are free, and waits for one. A kick meanwhile is
// kept: what it tells of is looked for right after.
func (n *Notices) enter(ctx context.Context) (held int) {
	select {
	case n.places <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	for held = 1; held < cap(n.places); held++ {
		select {
		case n.places <- struct{}{}:
		default:
			return held
		}
	}
	return held
}

// publish returns how many were: each takes its place along.
func (n *Notices) publish(to message.Publisher, list []claimed) (published int) {
	for _, c := range list {
		payload, err := json.Marshal(c)
		if err == nil {
			err = to.Publish(topic, message.NewMessage(c.ID, payload))
		}
		if err != nil { // its lease will end
			n.o.Log.Error().Err(err).Str("notice", c.ID).Msg("publish notice")
			continue
		}
		published++
	}
	return published
}

// tell is the Router's handler. Its error is a Nack: the end could not be written
// down, so that the claim passes with its lease and the notice is sent again with
// the same ID.
func (n *Notices) tell(m *message.Message) error {
	var c claimed
	if err := json.Unmarshal(m.Payload, &c); err != nil {
		return fmt.Errorf("read notice from transport: %w", err)
	}
	ctx := context.WithoutCancel(m.Context())
	if n.o.Now().Add(n.o.Deadline).UnixMilli() > c.Until {
		return n.settle(ctx, c, step{state: StatePending, attempts: c.Attempts - 1, next: n.o.Now(), answer: "not sent in time"})
	}
	circuit := n.circuits.channel(c.Channel)
	age, began := circuit.began(), n.o.Now()
	a, sent := n.send(ctx, c)
	if sent && n.killed("send") {
		return nil
	}
	counts, next := true, time.Time{}
	if sent {
		counts, next = circuit.heard(age, c.Channel+"\x00"+c.Subject, a, n.o.Now())
	}
	s := n.after(c, a, counts, next)
	s.began = began
	err := n.settle(ctx, c, s)
	n.metrics.ended(a.Verdict)
	n.report(c, a, err)
	return err
}

func (n *Notices) killed(step string) bool { return n.o.Fail(step) != nil }

// send makes the message and sends it, unless that cannot be.
func (n *Notices) send(ctx context.Context, c claimed) (a Answer, sent bool) {
	if c.Attempts > n.o.Attempts {
		return Answer{Verdict: Never, Detail: "the switch died while sending it, again and again"}, false
	}
	x, err := n.open(c)
	if err != nil {
		return Answer{Verdict: Never, Detail: "its data cannot be read"}, false
	}
	m := Message{Notice: x, Round: c.Round, Text: n.o.Text(x)}
	if m.Text == "" {
		return Answer{Verdict: Never, Detail: "there is no text for it"}, false
	}
	ctx, cancel := context.WithTimeout(ctx, n.o.Deadline)
	defer cancel()
	return n.o.Sender.Send(ctx, m), true
}

// report logs an end: what went as it should at debug only, since there are
// many.
func (n *Notices) report(c claimed, a Answer, err error) {
	level := zerolog.WarnLevel
	switch {
	case err != nil || a.Verdict == Never:
		level = zerolog.ErrorLevel
	case a.Verdict == Accepted:
		level = zerolog.DebugLevel
	}
	n.o.Log.WithLevel(level).Str("notice", c.ID).Str("kind", string(c.Kind)).Str("channel", c.Channel).Int("attempts", c.Attempts).
		Str("verdict", string(a.Verdict)).Str("detail", a.Detail).Err(err).Msg("notice")
}

func (n *Notices) complain(ctx context.Context, err error, what string) {
	if ctx.Err() == nil {
		n.o.Log.Error().Err(err).Msg(what)
	}
}

// memory is the Router's transport within a process. It holds nothing: a message
// is taken when it is published. A Nack needs no second delivery here: the row
// is claimed again when its lease is over.
type memory struct {
	messages chan *message.Message // closed by Close
	once     sync.Once
}

func newMemory() *memory { return &memory{messages: make(chan *message.Message)} }

// Publish implements message.Publisher. Not to be called after Close.
func (t *memory) Publish(_ string, list ...*message.Message) error {
	for _, m := range list {
		t.messages <- m
	}
	return nil
}

// Subscribe implements message.Subscriber, for one subscriber.
func (t *memory) Subscribe(context.Context, string) (<-chan *message.Message, error) {
	return t.messages, nil
}

// Close implements both.
func (t *memory) Close() error {
	t.once.Do(func() { close(t.messages) })
	return nil
}

// routerLog passes the Router's errors on; the rest of what it says is said
// here already.
type routerLog struct{ zerolog.Logger }

func (l routerLog) Error(msg string, err error, _ watermill.LogFields) {
	l.Logger.Error().Err(err).Msg("router: " + msg)
}
func (routerLog) Info(string, watermill.LogFields)                   {}
func (routerLog) Debug(string, watermill.LogFields)                  {}
func (routerLog) Trace(string, watermill.LogFields)                  {}
func (l routerLog) With(watermill.LogFields) watermill.LoggerAdapter { return l }
