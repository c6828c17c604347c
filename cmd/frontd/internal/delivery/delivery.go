package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"wxswitch/cmd/frontd/internal/desk"
	"wxswitch/switch/api/client"
)

// life is how long one waits for the other: the platform calls within seconds,
// or not at all.
const life = time.Hour

// What is kept begins with who kept it: notice/ID, status/UNIX SECONDS/STATUS.
const (
	bySender   = "notice/"
	byPlatform = "status/"
)

// Deliveries reports what became of notices. It keeps nothing in memory.
type Deliveries struct{ c *client.ClientWithResponses }

// New returns Deliveries at the switch.
func New(c *client.ClientWithResponses) *Deliveries { return &Deliveries{c} }

// Read reads the platform's word: success, failed:user block, failed: system
// failed, failed:freq limit, in any spelling seen. What is no success and no
// block is the system's failure.
func Read(word string) client.DeliveryStatus {
	switch strings.Join(strings.Fields(strings.ToLower(strings.ReplaceAll(word, ":", " "))), " ") {
	case "success":
		return client.DeliveryStatusSuccess
	case "failed user block", "failed user refuse to accept the msg":
		return client.DeliveryStatusUserBlock
	}
	return client.DeliveryStatusSystemFailed
}

// Sent says that the platform took the notice's message as msgID.
func (d *Deliveries) Sent(ctx context.Context, msgID, noticeID string) error {
	before, err := d.meet(ctx, msgID, bySender+noticeID)
	if err != nil {
		return err
	}
	what, met := strings.CutPrefix(before, byPlatform)
	if !met {
		return nil
	}
	at, status, _ := strings.Cut(what, "/")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return fmt.Errorf("delivery: what was kept of message %s is not ours", msgID)
	}
	return d.report(ctx, noticeID, client.DeliveryStatus(status), time.Unix(seconds, 0))
}

// Finished says what became of the message msgID, and when the platform says
// that it was so. The switch knows by that time that a report comes again.
func (d *Deliveries) Finished(ctx context.Context, msgID string, status client.DeliveryStatus, at time.Time) error {
	before, err := d.meet(ctx, msgID, fmt.Sprintf("%s%d/%s", byPlatform, at.Unix(), status))
	if err != nil {
		return err
	}
	if notice, met := strings.CutPrefix(before, bySender); met {
		return d.report(ctx, notice, status, at)
	}
	return nil
}

// meet leaves value for the other, and returns what was there before.
func (d *Deliveries) meet(ctx context.Context, msgID, value string) (before string, err error) {
	if msgID == "" {
		return "", errors.New("delivery: no msgid")
	}
	kept, err := desk.Ask[client.KeptFirst](d.c.PutKeptOnce(ctx, &client.PutKeptOnceParams{Seconds: int(life / time.Second)},
		client.KeptValue{Name: "sent/" + msgID, Value: value}))
	if err != nil {
		return "", fmt.Errorf("delivery: %w", err)
	}
	return kept.Before, nil
}

func (d *Deliveries) report(ctx context.Context, notice string, status client.DeliveryStatus, at time.Time) error {
	_, err := desk.Ask[client.Done](d.c.ReportDelivery(ctx, notice, client.Delivery{Status: status, At: at.UTC().Format(time.RFC3339)}))
	if p, ok := desk.Refused(err); ok && p.Status == http.StatusNotFound { // the switch has forgotten it: nobody will ask
		return nil
	}
	if err != nil {
		return fmt.Errorf("delivery: report: %w", err)
	}
	return nil
}
