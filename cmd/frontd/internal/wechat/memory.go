package wechat

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"wxswitch/cmd/frontd/internal/desk"
	"wxswitch/switch/api/client"
)

// markTold, and the platform's msgid where there is one, are kept under the name of
// a notice that the platform took; markTried, and the way, of one that it perhaps
// took. Any other value is of one that is being told.
const (
	markTold  = "told"
	markTried = "tried/"
	toldLife  = time.Hour        // longer than the switch's pauses, but for a day's quota
	claimLife = 10 * time.Second // longer than Limit, shorter than the switch gives up
)

// claim makes this the one that tells, under the name that it returns; else before is
// what is there. tried is the way by which an earlier one perhaps told it: that word
// stays, and the claim is kept beside it.
func (n *Notices) claim(ctx context.Context, name string) (claim, before, tried string, err error) {
	ctx, cancel := context.WithTimeout(ctx, n.Limit/5)
	defer cancel()
	own := rand.Text() // like no other
	for claim = name; ; claim += "/again" {
		kept, err := desk.Ask[client.KeptFirst](n.Switch.PutKeptOnce(ctx, &client.PutKeptOnceParams{Seconds: seconds(claimLife)}, client.KeptValue{Name: claim, Value: own}))
		if err != nil || kept.First || kept.Before == own {
			return claim, "", tried, err
		}
		way, perhaps := strings.CutPrefix(kept.Before, markTried)
		if !perhaps {
			return claim, kept.Before, "", nil
		}
		tried = way
	}
}

// keepTried writes down by which way the notice was perhaps told: by another it
// would be told twice.
func (n *Notices) keepTried(ctx context.Context, name, way string) {
	_, err := desk.Ask[client.Done](n.Switch.PutKept(ctx, &client.PutKeptParams{Seconds: seconds(toldLife)}, client.KeptValue{Name: name, Value: markTried + way}))
	if err != nil {
		n.Log.Warn().Err(err).Msg("perhaps told, and not remembered by which way")
	}
}

// release lets the next try begin at once; else the claim passes by itself.
func (n *Notices) release(ctx context.Context, name string) {
	if _, err := desk.Ask[client.Kept](n.Switch.TakeKept(ctx, client.KeptName{Name: name})); err != nil {
		n.Log.Warn().Err(err).Msg("a notice's claim is left to pass")
	}
}

// remember writes down that the platform took the notice, and as which message. It
// was told, whatever becomes of that, and what is told is not asked for again: a
// repeat, of an answer that the switch did not hear, finds what was written down.
func (n *Notices) remember(ctx context.Context, name, msgID, id string) {
	end, _ := ctx.Deadline()
	half, cancel := context.WithTimeout(ctx, time.Until(end)/2)
	defer cancel()
	err := desk.Insist(half, func(ctx context.Context) error {
		_, err := desk.Ask[client.Done](n.Switch.PutKept(ctx, &client.PutKeptParams{Seconds: seconds(toldLife)}, client.KeptValue{Name: name, Value: markTold + "/" + msgID}))
		return err
	})
	if err != nil {
		n.Log.Warn().Err(err).Str("notice", id).Msg("told, and not remembered")
	}
	n.report(ctx, msgID, id)
}

// report says which notice the message is, if it is one of which the platform will
// say how it ended.
func (n *Notices) report(ctx context.Context, msgID, id string) {
	if msgID == "" {
		return
	}
	if err := desk.Insist(ctx, func(ctx context.Context) error { return n.Deliveries.Sent(ctx, msgID, id) }); err != nil {
		n.Log.Warn().Err(err).Str("notice", id).Msg("told; whether it arrives will not be known")
	}
}

// toldAs is the message as which the notice was told, if it was.
func toldAs(kept string) (msgID string, told bool) {
	rest, told := strings.CutPrefix(kept, markTold)
	return strings.TrimPrefix(rest, "/"), told
}

func seconds(d time.Duration) int { return int(d / time.Second) }
