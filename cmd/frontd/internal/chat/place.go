package chat

import (
	"context"
	"encoding/json"
	"time"

	"wxswitch/cmd/frontd/internal/callback"
	"wxswitch/switch/api/client"
)

// Place is where a follower said to be. It is forgotten after 10 minutes, and
// never logged or put into an address (D1).
type Place struct {
	Latitude  string `json:"lat"` // decimal degrees, GCJ-02
	Longitude string `json:"lng"`
	At        int64  `json:"at"` // the message's time, in Unix seconds
}

// String masks.
func (Place) String() string { return "a place" }

// GoString masks.
func (Place) GoString() string { return "a place" }

// ReadPlace reads the switch's talk with a follower, if that is a place.
func ReadPlace(talk string) (p Place, is bool) {
	err := json.Unmarshal([]byte(talk), &p)
	return p, err == nil && p.Latitude != "" && p.Longitude != ""
}

// located keeps the place, and asks what is looked for.
func (c *Chat) located(ctx context.Context, m callback.Message) string {
	before, _, err := c.place(ctx, m)
	if err != nil {
		return c.busy(m, err)
	}
	if before.At > m.At.Unix() { // a redelivery that comes after a newer place
		return textChoose
	}
	value, _ := json.Marshal(Place{m.Latitude, m.Longitude, m.At.Unix()})
	err = c.within(ctx, m, func(ctx context.Context, m callback.Message) error {
		r, err := c.o.Switch.PutTalkWithResponse(ctx, &client.PutTalkParams{
			FollowerChannel: c.o.Channel, FollowerSubject: m.Follower, Seconds: int(talkLife / time.Second),
		}, client.TalkValue{Value: string(value)})
		if err != nil {
			return err
		}
		return answered(r.StatusCode())
	})
	if err != nil {
		return c.busy(m, err)
	}
	return textChoose
}

// place is what the follower sent in the last 10 minutes.
func (c *Chat) place(ctx context.Context, m callback.Message) (p Place, found bool, err error) {
	err = c.within(ctx, m, func(ctx context.Context, m callback.Message) error {
		r, err := c.o.Switch.GetTalkWithResponse(ctx, &client.GetTalkParams{FollowerChannel: c.o.Channel, FollowerSubject: m.Follower})
		if err != nil {
			return err
		}
		if r.JSON200 == nil {
			return answered(r.StatusCode())
		}
		p, found = ReadPlace(r.JSON200.Value)
		return nil
	})
	return p, found, err
}

const nearestLimit = 5

// nearest answers 1 and 2, the same for each delivery of one message.
func (c *Chat) nearest(ctx context.Context, m callback.Message, kind client.LocationKind) string {
	text, err := c.findNearest(ctx, m, kind)
	if err == nil {
		text, err = c.once(ctx, m, text)
	}
	if err != nil {
		return c.busy(m, err)
	}
	return text
}

func (c *Chat) findNearest(ctx context.Context, m callback.Message, kind client.LocationKind) (text string, err error) {
	p, found, err := c.place(ctx, m)
	if err != nil || !found {
		return textSendPlace, err
	}
	err = c.within(ctx, m, func(ctx context.Context, _ callback.Message) error {
		r, err := c.o.Switch.FindNearestWithResponse(ctx, &client.FindNearestParams{Limit: nearestLimit},
			client.Location{Kind: kind, Latitude: p.Latitude, Longitude: p.Longitude})
		if err != nil {
			return err
		}
		if r.JSON200 == nil {
			return answered(r.StatusCode())
		}
		text = c.texts.nearest(kind, r.JSON200.Places)
		return nil
	})
	return text, err
}

// once returns the text that was first given to the message.
func (c *Chat) once(ctx context.Context, m callback.Message, text string) (string, error) {
	err := c.within(ctx, m, func(ctx context.Context, m callback.Message) error {
		r, err := c.o.Switch.PutKeptOnceWithResponse(ctx, &client.PutKeptOnceParams{Seconds: int(talkLife / time.Second)},
			client.KeptValue{Name: "answer/" + m.Name(), Value: text})
		if err != nil {
			return err
		}
		if r.JSON200 == nil {
			return answered(r.StatusCode())
		}
		if !r.JSON200.First {
			text = r.JSON200.Before
		}
		return nil
	})
	return text, err
}

func (c *Chat) busy(m callback.Message, err error) string {
	c.o.Log.Warn().Err(err).Str("type", m.Type).Str("message", m.Name()).Msg("chat: the switch did not answer")
	return textBusy
}
