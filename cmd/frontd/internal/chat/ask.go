package chat

import (
	"context"
	"encoding/json"
	"time"

	"wxswitch/cmd/frontd/internal/callback"
	"wxswitch/cmd/frontd/internal/desk"
	"wxswitch/switch/api/client"
)

// What is asked of the switch, within the context's time.

// place is what the follower sent in the last 10 minutes.
func (c *Chat) place(ctx context.Context, follower string) (p Place, found bool, err error) {
	kept, err := desk.Ask[client.Kept](c.o.Switch.GetTalk(ctx, &client.GetTalkParams{FollowerChannel: c.o.Channel, FollowerSubject: follower}))
	if err != nil {
		return p, false, err
	}
	p, found = ReadPlace(kept.Value)
	return p, found, nil
}

func (c *Chat) keepPlace(ctx context.Context, follower string, p Place) error {
	value, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, err = desk.Ask[client.Done](c.o.Switch.PutTalk(ctx, &client.PutTalkParams{
		FollowerChannel: c.o.Channel, FollowerSubject: follower, Seconds: int(keptLife / time.Second),
	}, client.TalkValue{Value: string(value)}))
	return err
}

func (c *Chat) find(ctx context.Context, p Place, kind client.LocationKind) ([]client.NearPlace, error) {
	near, err := desk.Ask[client.NearList](c.o.Switch.FindNearest(ctx, &client.FindNearestParams{Limit: nearestLimit},
		client.Location{Kind: kind, Latitude: p.Latitude, Longitude: p.Longitude}))
	return near.Places, err
}

// once returns the text that was first kept under the name: this one, or one
// before.
func (c *Chat) once(ctx context.Context, name, text string) (string, error) {
	kept, err := desk.Ask[client.KeptFirst](c.o.Switch.PutKeptOnce(ctx, &client.PutKeptOnceParams{Seconds: int(keptLife / time.Second)},
		client.KeptValue{Name: name, Value: text}))
	switch {
	case err != nil:
		return "", err
	case kept.First:
		return text, nil
	}
	return kept.Before, nil
}

// follow and unfollow say when it was so: redelivered, an event may come after a
// later one.
func (c *Chat) follow(ctx context.Context, m callback.Message) error {
	_, err := desk.Ask[client.Ended](c.o.Switch.Follow(ctx, &client.FollowParams{
		FollowerChannel: c.o.Channel, FollowerSubject: m.Follower, IdempotencyKey: m.Name(), At: m.At.Unix(),
	}))
	return err
}

func (c *Chat) unfollow(ctx context.Context, m callback.Message) error {
	_, err := desk.Ask[client.Ended](c.o.Switch.Unfollow(ctx, &client.UnfollowParams{
		FollowerChannel: c.o.Channel, FollowerSubject: m.Follower, IdempotencyKey: m.Name(), At: m.At.Unix(),
	}))
	return err
}
