package wechat

import (
	"context"
	"crypto/rand"
	"time"

	"wxswitch/cmd/frontd/internal/desk"
	"wxswitch/switch/api/client"
)

// markTold is kept under the name of a notice that the platform took; any other
// value is of one that is being told.
const (
	markTold  = "told"
	toldLife  = time.Hour        // longer than the switch's longest pause
	claimLife = 10 * time.Second // longer than Limit, shorter than the switch gives up
)

// claim makes this the one that tells; else before is what is there.
func (n *Notices) claim(ctx context.Context, name string) (before string, err error) {
	ctx, cancel := context.WithTimeout(ctx, n.Limit/5)
	defer cancel()
	own := rand.Text() // like no other
	kept, err := desk.Ask[client.KeptFirst](n.Switch.PutKeptOnce(ctx, &client.PutKeptOnceParams{Seconds: seconds(claimLife)}, client.KeptValue{Name: name, Value: own}))
	if err != nil || kept.First || kept.Before == own {
		return "", err
	}
	return kept.Before, nil
}

// release lets the next try begin at once; else the claim passes by itself.
func (n *Notices) release(ctx context.Context, name string) {
	if _, err := desk.Ask[client.Kept](n.Switch.TakeKept(ctx, client.KeptName{Name: name})); err != nil {
		n.Log.Warn().Err(err).Msg("a notice's claim is left to pass")
	}
}

// remember writes down that the platform took the notice. It was told, whatever
// becomes of that: where it fails, the platform still tells a template of one
// client_msg_id once within 10 minutes.
func (n *Notices) remember(ctx context.Context, name, msgID, id string) {
	_, err := desk.Ask[client.Done](n.Switch.PutKept(ctx, &client.PutKeptParams{Seconds: seconds(toldLife)}, client.KeptValue{Name: name, Value: markTold}))
	if err != nil {
		n.Log.Warn().Err(err).Str("notice", id).Msg("told, and not remembered")
	}
	if msgID == "" {
		return
	}
	if err := n.Deliveries.Sent(ctx, msgID, id); err != nil {
		n.Log.Warn().Err(err).Str("notice", id).Msg("told; whether it arrives will not be known")
	}
}

func seconds(d time.Duration) int { return int(d / time.Second) }
