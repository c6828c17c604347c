package chat

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"wxswitch/cmd/frontd/internal/callback"
	"wxswitch/cmd/frontd/internal/delivery"
	"wxswitch/cmd/frontd/internal/desk"
	"wxswitch/switch/api/client"
)

// Options are what a Chat is made of. Switch, Deliveries, Channel and Public are
// required; texts that are missing are the manual's.
type Options struct {
	Switch     *client.ClientWithResponses
	Deliveries *delivery.Deliveries
	Channel    string // Follower-Channel: wechat
	Public     string // base URL of the pages, without a slash at its end
	// Hotline is the answer of 服务热线 (B3).
	Hotline string
	// BranchesTitle and Branches, a line each, are the answer of 网点分布 (B2).
	BranchesTitle string
	Branches      []string
	Log           zerolog.Logger
}

// Bounds.
const (
	askTime      = time.Second      // of all that one reply asks of the switch
	tellTime     = time.Second      // of one try to tell it of an event
	keptLife     = 10 * time.Minute // of a place (D1), and of the answers that come of it
	nearestLimit = 5
	placesLimit  = 8 // messages that ask the switch at once: hundreds a second, at its usual pace
)

// Chat answers followers. It keeps nothing in memory.
type Chat struct {
	o     Options
	texts texts
	// places bounds what is asked at once. Who waits for one costs the switch
	// nothing, so that under too much load it works for those who still listen.
	places chan struct{}
}

var _ callback.Answerer = (*Chat)(nil)

// New returns a Chat.
func New(o Options) *Chat { return &Chat{o, newTexts(o), make(chan struct{}, placesLimit)} }

// Answer implements callback.Answerer.
func (c *Chat) Answer(ctx context.Context, m callback.Message) callback.Answer {
	switch m.Type {
	case "text":
		return c.word(ctx, m)
	case "location":
		return c.located(ctx, m)
	case "event":
		return c.event(ctx, m)
	}
	return say(c.texts.help)
}

func say(text string) callback.Answer { return callback.Answer{Text: text} }

// word answers a text.
func (c *Chat) word(ctx context.Context, m callback.Message) callback.Answer {
	switch normalise(m.Text) {
	case "rz", "认证":
		return say(c.texts.authenticate)
	case "zx", "注销":
		return say(c.texts.deregister)
	case "1", "网点预约":
		return c.nearest(ctx, m, client.LocationKindBranches)
	case "2", "特惠商户":
		return c.nearest(ctx, m, client.LocationKindMerchants)
	}
	return say(c.texts.help)
}

// Answers says whether the menu's key is one that the chat knows.
func Answers(key string) bool {
	_, known := texts{}.clicks()[key]
	return known
}

// event answers an event, most with nothing.
func (c *Chat) event(ctx context.Context, m callback.Message) callback.Answer {
	switch m.Event {
	case "CLICK":
		if text, known := c.texts.clicks()[m.Key]; known {
			return say(text)
		}
		return say(c.texts.help) // of an older menu: clients keep it for a while
	case "subscribe":
		if !c.insist(ctx, m, func(ctx context.Context) error { return c.follow(ctx, m) }) {
			// Without a text the platform delivers it again, and the welcome comes then.
			return callback.Answer{Failed: true}
		}
		return say(c.texts.welcome)
	case "unsubscribe":
		heard := c.insist(ctx, m, func(ctx context.Context) error { return c.unfollow(ctx, m) })
		return callback.Answer{Failed: !heard}
	case "TEMPLATESENDJOBFINISH":
		heard := c.insist(ctx, m, func(ctx context.Context) error {
			return c.o.Deliveries.Finished(ctx, m.SendID, delivery.Read(m.Status), m.At)
		})
		return callback.Answer{Failed: !heard}
	}
	return callback.Answer{}
}

// insist tells the switch of an event until it has heard or ctx is done, which is
// inside the platform's 5 s. What is told may be told twice.
func (c *Chat) insist(ctx context.Context, m callback.Message, tell func(context.Context) error) (heard bool) {
	err := desk.Insist(ctx, func(ctx context.Context) error { return c.tell(ctx, tell) })
	if err != nil {
		c.o.Log.Warn().Err(err).Str("event", m.Event).Str("callback", m.Name()).Msg("chat: the switch was not told")
	}
	return err == nil
}

func (c *Chat) tell(ctx context.Context, tell func(context.Context) error) error {
	leave, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	ctx, stop := context.WithTimeout(ctx, tellTime)
	defer stop()
	return tell(ctx)
}

// enter takes one of the places, if one is free before ctx is done.
func (c *Chat) enter(ctx context.Context) (leave func(), err error) {
	select {
	case c.places <- struct{}{}:
		return func() { <-c.places }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("no place: %w", ctx.Err())
	}
}
