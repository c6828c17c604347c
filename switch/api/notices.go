package api

import (
	"cmp"
	"context"
	"errors"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// Notices are what customers are told. Errors are ErrNoNotice, ErrNoticeEnded
// and switching.ErrOutcomeUnknown.
type Notices interface {
	// List lists them in the order in which they were written, above the place
	// after and at most limit; an empty state means any.
	List(ctx context.Context, state string, after int64, limit int) ([]NoticeItem, error)
	// Resend makes a notice due at once.
	Resend(ctx context.Context, id string) error
	// Discard ends a notice without telling it; why says who did so and the reason.
	Discard(ctx context.Context, id, why string) error
	// Delivered takes the front's report: success, user-block or system-failed.
	// One that comes again changes nothing.
	Delivered(ctx context.Context, id, status string, at time.Time) error
}

// Errors of Notices.
var (
	ErrNoNotice    = errors.New("api: no such notice")
	ErrNoticeEnded = errors.New("api: nothing of the notice is left to be sent")
)

// NoticeItem is a notice as operators see it: not what it says.
type NoticeItem struct {
	Seq              int64 // its place in the list
	ID               string
	Channel, Subject string // the follower
	Kind             switching.NoticeKind
	State            string
	Round, Attempts  int
	At               time.Time // of its cause
	Created          time.Time
	Next             time.Time // of pending: not before
	Ended            time.Time
	Answer           string // the last
	Note             string // what operators did
}

// ListNotices lists a page of what customers are told.
func (o operationsOf) ListNotices(ctx context.Context, in ListNoticesRequestObject) (ListNoticesResponseObject, error) {
	p := in.Params
	after, limit, refused := boundsOf(p.After, p.Limit)
	switch {
	case p.State != "" && !p.State.Valid():
		return nil, refuseParameter("state", false)
	case refused != nil:
		return nil, refused
	}
	list, err := o.Notices.List(ctx, string(p.State), after, limit)
	if err != nil {
		return nil, err
	}
	out := ListNotices200JSONResponse{Notices: make([]Notice, len(list))}
	for i, n := range list {
		out.Notices[i] = noticeOf(n)
	}
	if len(list) == limit {
		out.Next = formatID(list[limit-1].Seq)
	}
	return out, nil
}

func noticeOf(n NoticeItem) Notice {
	return Notice{
		Id: n.ID, Channel: n.Channel, Subject: n.Subject, Kind: string(n.Kind), State: NoticeState(n.State), Round: n.Round, Attempts: n.Attempts,
		At: n.At.In(codec.Shanghai), Created: n.Created.In(codec.Shanghai), Next: shanghai(n.Next), Ended: shanghai(n.Ended), Answer: n.Answer, Note: n.Note,
	}
}

// boundsOf reads where a page begins and how long it is.
func boundsOf(from string, most int) (after int64, limit int, refused *refusal) {
	limit = cmp.Or(most, defaultPage)
	ok := true
	if from != "" {
		after, ok = parseID(from)
	}
	switch {
	case limit < 1 || limit > maxPage:
		refused = refuseBecause(codeParameterInvalid, "parameter limit is 0 to 200")
	case !ok:
		refused = refuseParameter("after", false)
	}
	return after, limit, refused
}

// ResendNotice sends a notice at once.
func (o operationsOf) ResendNotice(ctx context.Context, in ResendNoticeRequestObject) (ResendNoticeResponseObject, error) {
	if !isVisible(in.Id, 128) {
		return nil, refuse(codeNoticeUnknown)
	}
	if err := o.Notices.Resend(ctx, in.Id); err != nil {
		return nil, err
	}
	o.Log.Info().Str("notice", in.Id).Str("client", clientOf(ctx).ID).Msg("notice sent again by operator")
	return ResendNotice200JSONResponse{done}, nil
}

// DiscardNotice ends a notice without telling it.
func (o operationsOf) DiscardNotice(ctx context.Context, in DiscardNoticeRequestObject) (DiscardNoticeResponseObject, error) {
	switch {
	case !isVisible(in.Id, 128):
		return nil, refuse(codeNoticeUnknown)
	case !isText(in.Body.Reason, 200):
		return nil, refuseField("/reason", "must be 1 to 200 printable characters")
	}
	client := clientOf(ctx).ID
	if err := o.Notices.Discard(ctx, in.Id, client+": "+in.Body.Reason); err != nil {
		return nil, err
	}
	o.Log.Info().Str("notice", in.Id).Str("client", client).Msg("notice discarded by operator")
	return DiscardNotice200JSONResponse{done}, nil
}

// ReportDelivery takes the front's report on a notice.
func (o operationsOf) ReportDelivery(ctx context.Context, in ReportDeliveryRequestObject) (ReportDeliveryResponseObject, error) {
	at, err := time.Parse(time.RFC3339, in.Body.At)
	switch {
	case !isVisible(in.Id, 128):
		return nil, refuse(codeNoticeUnknown)
	case !in.Body.Status.Valid():
		return nil, refuseField("/status", "must be success, user-block or system-failed")
	case err != nil || at.Year() < 2000:
		return nil, refuseField("/at", "must be a time of RFC 3339")
	}
	if err := o.Notices.Delivered(ctx, in.Id, string(in.Body.Status), at); err != nil {
		return nil, err
	}
	return ReportDelivery200JSONResponse{done}, nil
}
