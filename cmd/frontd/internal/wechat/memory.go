package wechat

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

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
	a, err := n.Switch.PutKeptOnceWithResponse(ctx, &client.PutKeptOnceParams{Seconds: seconds(claimLife)}, client.KeptValue{Name: name, Value: own})
	switch {
	case err != nil:
		return "", err
	case a.JSON200 == nil:
		return "", problem(a.ApplicationproblemJSONDefault)
	case a.JSON200.First || a.JSON200.Before == own:
		return "", nil
	}
	return a.JSON200.Before, nil
}

// release lets the next try begin at once; else the claim passes by itself.
func (n *Notices) release(ctx context.Context, name string) {
	if _, err := n.Switch.TakeKeptWithResponse(ctx, client.KeptName{Name: name}); err != nil {
		n.Log.Warn().Err(err).Msg("a notice's claim is left to pass")
	}
}

// remember writes down that the platform took the notice. It was told, whatever
// becomes of that: where it fails, the platform still tells a template of one
// client_msg_id once within 10 minutes.
func (n *Notices) remember(ctx context.Context, name, msgID, id string) {
	a, err := n.Switch.PutKeptWithResponse(ctx, &client.PutKeptParams{Seconds: seconds(toldLife)}, client.KeptValue{Name: name, Value: markTold})
	if err == nil && a.JSON200 == nil {
		err = problem(a.ApplicationproblemJSONDefault)
	}
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

func problem(p *client.Problem) error {
	if p == nil {
		return errors.New("the switch answers what is not in its API")
	}
	return errors.New("the switch answers " + p.Code)
}
