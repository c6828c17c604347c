package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"wxswitch/switch/api/client"
)

// What is asked of the switch. Each call has callTime, within the context's.

// place is what the follower sent in the last 10 minutes.
func (c *Chat) place(ctx context.Context, follower string) (p Place, found bool, err error) {
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	r, err := c.o.Switch.GetTalkWithResponse(ctx, &client.GetTalkParams{FollowerChannel: c.o.Channel, FollowerSubject: follower})
	if err != nil || r.JSON200 == nil {
		return p, false, failed(r, err)
	}
	p, found = ReadPlace(r.JSON200.Value)
	return p, found, nil
}

func (c *Chat) keepPlace(ctx context.Context, follower string, p Place) error {
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	value, err := json.Marshal(p)
	if err != nil {
		return err
	}
	r, err := c.o.Switch.PutTalkWithResponse(ctx, &client.PutTalkParams{
		FollowerChannel: c.o.Channel, FollowerSubject: follower, Seconds: int(keptLife / time.Second),
	}, client.TalkValue{Value: string(value)})
	if err != nil || r.JSON200 == nil {
		return failed(r, err)
	}
	return nil
}

func (c *Chat) find(ctx context.Context, p Place, kind client.LocationKind) ([]client.NearPlace, error) {
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	r, err := c.o.Switch.FindNearestWithResponse(ctx, &client.FindNearestParams{Limit: nearestLimit},
		client.Location{Kind: kind, Latitude: p.Latitude, Longitude: p.Longitude})
	if err != nil || r.JSON200 == nil {
		return nil, failed(r, err)
	}
	return r.JSON200.Places, nil
}

// once returns the text that was first kept under the name: this one, or one
// before.
func (c *Chat) once(ctx context.Context, name, text string) (string, error) {
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	r, err := c.o.Switch.PutKeptOnceWithResponse(ctx, &client.PutKeptOnceParams{Seconds: int(keptLife / time.Second)},
		client.KeptValue{Name: name, Value: text})
	switch {
	case err != nil || r.JSON200 == nil:
		return "", failed(r, err)
	case r.JSON200.First:
		return text, nil
	}
	return r.JSON200.Before, nil
}

func (c *Chat) follow(ctx context.Context, follower, key string) error {
	r, err := c.o.Switch.FollowWithResponse(ctx, &client.FollowParams{
		FollowerChannel: c.o.Channel, FollowerSubject: follower, IdempotencyKey: key,
	})
	if err != nil || r.JSON200 == nil {
		return failed(r, err)
	}
	return nil
}

func (c *Chat) unfollow(ctx context.Context, follower, key string) error {
	r, err := c.o.Switch.UnfollowWithResponse(ctx, &client.UnfollowParams{
		FollowerChannel: c.o.Channel, FollowerSubject: follower, IdempotencyKey: key,
	})
	if err != nil || r.JSON200 == nil {
		return failed(r, err)
	}
	return nil
}

// failed is why there is no answer; the body is not quoted.
func failed(r interface{ StatusCode() int }, err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("the switch answers %d", r.StatusCode())
}
