package chat

import (
	"context"
	"encoding/json"
	"strconv"

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
func (Place) String() string { return "(place)" }

// GoString masks.
func (Place) GoString() string { return "(place)" }

// ReadPlace reads the switch's talk with a follower, if that is a place.
func ReadPlace(talk string) (p Place, is bool) {
	err := json.Unmarshal([]byte(talk), &p)
	return p, err == nil && p.Latitude != "" && p.Longitude != ""
}

// placeOf is where a location message says that the follower is.
func placeOf(m callback.Message) (p Place, is bool) {
	lat, is := degrees(m.Latitude, 90)
	lng, is2 := degrees(m.Longitude, 180)
	return Place{lat, lng, m.At.Unix()}, is && is2
}

// degrees rewrites the platform's decimal text to a tenth of a metre.
func degrees(s string, most float64) (string, bool) {
	v, err := strconv.ParseFloat(s, 64)
	return strconv.FormatFloat(v, 'f', 6, 64), err == nil && -most <= v && v <= most // NaN is not
}

// located keeps the place, and asks what is looked for.
func (c *Chat) located(ctx context.Context, m callback.Message) callback.Answer {
	p, is := placeOf(m)
	if !is {
		return say(textSendPlace)
	}
	ctx, stop := context.WithTimeout(ctx, askTime)
	defer stop()
	leave, err := c.enter(ctx)
	if err == nil {
		defer leave()
		err = c.replacePlace(ctx, m.Follower, p)
	}
	if err != nil {
		return c.busy(m, err)
	}
	return say(textChoose)
}

// replacePlace keeps the place, but for a redelivery after a newer one was sent.
func (c *Chat) replacePlace(ctx context.Context, follower string, p Place) error {
	before, _, err := c.place(ctx, follower)
	if err != nil || before.At > p.At {
		return err
	}
	return c.keepPlace(ctx, follower, p)
}

// nearest answers 1 and 2, the same for each delivery of one message.
func (c *Chat) nearest(ctx context.Context, m callback.Message, kind client.LocationKind) callback.Answer {
	ctx, stop := context.WithTimeout(ctx, askTime)
	defer stop()
	text, err := c.findNearest(ctx, m, kind)
	if err != nil {
		return c.busy(m, err)
	}
	return say(text)
}

func (c *Chat) findNearest(ctx context.Context, m callback.Message, kind client.LocationKind) (string, error) {
	leave, err := c.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	p, found, err := c.place(ctx, m.Follower)
	text := textSendPlace
	if found {
		var places []client.NearPlace
		places, err = c.find(ctx, p, kind)
		text = c.texts.nearest(kind, places)
	}
	if err != nil {
		return "", err
	}
	return c.once(ctx, "answer/"+m.Name(), text)
}

func (c *Chat) busy(m callback.Message, err error) callback.Answer {
	c.o.Log.Warn().Err(err).Str("type", m.Type).Str("callback", m.Name()).Msg("chat: busy")
	return callback.Answer{Text: textBusy, Failed: true}
}
