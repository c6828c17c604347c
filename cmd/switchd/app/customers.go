package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	switching "wxswitch/switch"
	"wxswitch/switch/api"
	"wxswitch/switch/customer"
	"wxswitch/switch/db"
	"wxswitch/switch/notice"
)

// tellers opens the customers' tables, and what tells followers.
func (a *app) tellers(ctx context.Context) (err error) {
	a.store, err = customer.Open(ctx, customer.Options{
		DB: a.db, Vault: a.key, Limits: a.Limits, Argon: a.Argon, Now: a.Now,
		Hush: func(ctx context.Context, tx switching.Tx, channel, subject string) error {
			return a.notices.Hush(ctx, tx, channel, subject)
		},
	})
	if err != nil {
		return err
	}
	sender, err := a.sender()
	if err != nil {
		return err
	}
	titles := a.titles()
	o := notice.Options{
		DB: a.db, Vault: a.key, Sender: sender, Gone: a.store.Gone, Told: a.store.IsTold, Now: a.Now, Log: a.log, Registerer: a.registry,
		Text: func(n switching.Notice) string { return customer.NoticeText(n, titles) },
	}
	if a.Notices != nil {
		a.Notices(&o)
	}
	a.notices, err = notice.New(ctx, o)
	return err
}

// titles are the banks as customers see them.
func (a *app) titles() []customer.Bank {
	list := make([]customer.Bank, 0, len(a.Banks))
	for _, b := range a.Banks {
		list = append(list, customer.Bank{ID: b.Name, Name: cmp.Or(b.Title, b.Name), Words: b.Words})
	}
	return list
}

// sender is the way to the front.
func (a *app) sender() (notice.Sender, error) {
	if a.Front.URL == "" {
		return nowhere{}, nil
	}
	token, err := a.Front.token()
	if err != nil {
		return nil, fmt.Errorf("front: %w", err)
	}
	return notice.NewHTTP(notice.Front{URL: a.Front.URL, Token: token, Now: a.Now})
}

// nowhere is the Sender of a switch without a front. It is never asked: then
// nothing runs that would.
type nowhere struct{}

// Send sends nothing.
func (nowhere) Send(context.Context, notice.Message) notice.Answer {
	return notice.Answer{Verdict: notice.Closed}
}

// customers puts together what decides about customers.
func (a *app) customers(context.Context) error {
	table, err := a.loadPlaces()
	if err != nil {
		return err
	}
	a.places = customer.NewPlaces(table)
	a.customer = customer.New(a.store, customer.Doors{
		Switch: a.sw, Journal: a.journal, Router: a.router, Banks: a.titles(), Places: a.places, Notices: a.notices,
		Log: a.log, Registerer: a.registry,
	})
	a.parts.Add("customers", a.clean)
	if a.Front.URL != "" {
		a.parts.Add("notices", a.notices.Run)
	}
	return nil
}

// clean deletes, now and then, what customers need no more.
func (a *app) clean(ctx context.Context) error {
	ticks := time.NewTicker(time.Minute)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return nil
		}
		if err := a.store.Clean(ctx); err != nil && ctx.Err() == nil {
			a.log.Error().Err(err).Msg("delete what customers need no more")
		}
	}
}

// told is the API's view of the notices.
type told struct{ *notice.Notices }

// List lists notices; an empty state means any.
func (n told) List(ctx context.Context, state string, after int64, limit int) ([]api.NoticeItem, error) {
	list, err := n.Notices.List(ctx, notice.State(state), after, limit)
	items := make([]api.NoticeItem, 0, len(list))
	for _, i := range list {
		items = append(items, api.NoticeItem{
			Seq: i.Seq, ID: i.ID, Channel: i.Channel, Subject: i.Subject, Kind: i.Kind, State: string(i.State), Round: i.Round,
			Attempts: i.Attempts, At: i.At, Created: i.Created, Next: i.Next, Ended: i.Ended, Answer: i.Answer, Note: i.Note,
		})
	}
	return items, err
}

// Resend makes a notice due at once.
func (n told) Resend(ctx context.Context, id string) error {
	return noticeError(n.Notices.Resend(ctx, id))
}

// Discard ends a notice without telling it.
func (n told) Discard(ctx context.Context, id, why string) error {
	return noticeError(n.Notices.Discard(ctx, id, why))
}

// Delivered takes the front's report.
func (n told) Delivered(ctx context.Context, id, status string, at time.Time) error {
	return noticeError(n.Notices.Delivered(ctx, id, notice.Status(status), at))
}

// noticeError says it in the API's errors.
func noticeError(err error) error {
	switch {
	case errors.Is(err, notice.ErrUnknown):
		return api.ErrNoNotice
	case errors.Is(err, notice.ErrEnded):
		return api.ErrNoticeEnded
	case errors.Is(err, db.ErrUnknown):
		return fmt.Errorf("%w: %w", switching.ErrOutcomeUnknown, err)
	}
	return err
}
