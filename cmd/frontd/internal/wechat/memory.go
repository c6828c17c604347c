package wechat

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"wxswitch/cmd/frontd/internal/desk"
	"wxswitch/switch/api/client"
)

// markTold, and the platform's msgid where there is one, is kept under the name of
// a notice that the platform took; any other value is of one that is being told.
const (
	markTold  = "told/"
	toldLife  = 40 * time.Minute // longer than the switch's longest pause
	claimLife = 10 * time.Second // longer than Limit, shorter than the switch gives up
	againTime = time.Second / 5  // before the switch is told again
)

// errUnreported is of a notice that was told, and whose delivery cannot be known
// before the switch has heard of it.
var errUnreported = errors.New("told; the switch did not hear as which message")

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

// remember writes down that the platform took the notice, and as which message. It
// was told, whatever becomes of that: where it is not written down, a repeat would
// tell it again, though the platform tells a template of one client_msg_id once
// within 10 minutes. So errUnreported asks for a repeat only where that finds what
// is left to do.
func (n *Notices) remember(ctx context.Context, name, msgID, id string) error {
	told := n.insist(ctx, func(ctx context.Context) error {
		_, err := desk.Ask[client.Done](n.Switch.PutKept(ctx, &client.PutKeptParams{Seconds: seconds(toldLife)}, client.KeptValue{Name: name, Value: markTold + msgID}))
		return err
	})
	if told != nil {
		n.Log.Warn().Err(told).Str("notice", id).Msg("told, and not remembered")
	}
	err := n.report(ctx, msgID, id)
	if told != nil && err != nil {
		n.Log.Warn().Err(err).Str("notice", id).Msg("told; whether it arrives will not be known")
		return nil
	}
	return err
}

// report says which notice the message is, if it is one of which the platform will
// say how it ended.
func (n *Notices) report(ctx context.Context, msgID, id string) error {
	if msgID == "" {
		return nil
	}
	err := n.insist(ctx, func(ctx context.Context) error { return n.Deliveries.Sent(ctx, msgID, id) })
	if err != nil {
		return fmt.Errorf("%w: %w", errUnreported, err)
	}
	return nil
}

// insist does it again until it is done, for a part of Limit at most.
func (n *Notices) insist(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, n.Limit/10)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(againTime):
		case <-ctx.Done():
			return err
		}
	}
}

// toldAs is the message as which the notice was told, if it was.
func toldAs(kept string) (msgID string, told bool) { return strings.CutPrefix(kept, markTold) }

func seconds(d time.Duration) int { return int(d / time.Second) }
