package chat

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"wxswitch/cmd/frontd/internal/callback"
	"wxswitch/cmd/frontd/internal/delivery"
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
	callTime  = time.Second      // of one call of the switch
	talkLife  = 10 * time.Minute // of a location, and of answers that are kept
	againTime = 200 * time.Millisecond
)

// Chat answers followers. It keeps nothing in memory.
type Chat struct {
	o     Options
	texts texts
}

var _ callback.Answerer = (*Chat)(nil)

// New returns a Chat.
func New(o Options) *Chat { return &Chat{o, newTexts(o)} }

// Answer implements callback.Answerer.
func (c *Chat) Answer(ctx context.Context, m callback.Message) string {
	switch m.Type {
	case "text":
		return c.word(ctx, m)
	case "location":
		return c.located(ctx, m)
	case "event":
		return c.event(ctx, m)
	}
	return c.texts.help
}

// word answers a text.
func (c *Chat) word(ctx context.Context, m callback.Message) string {
	switch normalise(m.Text) {
	case "rz", "认证":
		return c.texts.authenticate
	case "zx", "注销":
		return c.texts.deregister
	case "1", "网点预约":
		return c.nearest(ctx, m, client.LocationKindBranches)
	case "2", "特惠商户":
		return c.nearest(ctx, m, client.LocationKindMerchants)
	}
	return c.texts.help
}

// Keys of the menu that are answered: an Item's Answer.
const (
	KeyDeregister = "deregister"
	KeyAccounts   = "accounts"
	KeyBranches   = "branches"
	KeyHotline    = "hotline"
	KeyVisit      = "visit"
)

// Answers says whether the menu's key is one that the chat knows.
func Answers(key string) bool {
	_, known := texts{}.clicks()[key]
	return known
}

// event answers an event, most with nothing.
func (c *Chat) event(ctx context.Context, m callback.Message) string {
	switch m.Event {
	case "CLICK":
		if text, known := c.texts.clicks()[m.Key]; known {
			return text
		}
		return c.texts.help // of an older menu: clients keep it for a while
	case "subscribe":
		c.insist(ctx, m, c.follow)
		return c.texts.welcome
	case "unsubscribe":
		c.insist(ctx, m, c.unfollow)
	case "TEMPLATESENDJOBFINISH":
		c.insist(ctx, m, func(ctx context.Context, m callback.Message) error {
			return c.o.Deliveries.Finished(ctx, m.SendID, delivery.Read(m.Status))
		})
	}
	return ""
}

// insist does what no follower waits for, and what the platform will not tell
// again, until it succeeds or ctx is done. All of it may be repeated.
func (c *Chat) insist(ctx context.Context, m callback.Message, do func(context.Context, callback.Message) error) {
	for {
		err := c.within(ctx, m, do)
		if err == nil {
			return
		}
		select {
		case <-time.After(againTime):
		case <-ctx.Done():
			c.o.Log.Warn().Err(err).Str("event", m.Event).Str("message", m.Name()).Msg("chat: the switch was not told")
			return
		}
	}
}

func (c *Chat) within(ctx context.Context, m callback.Message, do func(context.Context, callback.Message) error) error {
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	return do(ctx, m)
}

func (c *Chat) follow(ctx context.Context, m callback.Message) error {
	r, err := c.o.Switch.FollowWithResponse(ctx, &client.FollowParams{
		FollowerChannel: c.o.Channel, FollowerSubject: m.Follower, IdempotencyKey: m.Name(),
	})
	if err != nil {
		return err
	}
	return answered(r.StatusCode())
}

func (c *Chat) unfollow(ctx context.Context, m callback.Message) error {
	r, err := c.o.Switch.UnfollowWithResponse(ctx, &client.UnfollowParams{
		FollowerChannel: c.o.Channel, FollowerSubject: m.Follower, IdempotencyKey: m.Name(),
	})
	if err != nil {
		return err
	}
	return answered(r.StatusCode())
}

func answered(status int) error {
	if status != http.StatusOK {
		return fmt.Errorf("the switch answers %d", status)
	}
	return nil
}
