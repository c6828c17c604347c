package wechat

import (
	"context"
	"time"

	"github.com/silenceper/wechat/v2/cache"
	"github.com/silenceper/wechat/v2/credential"
)

// token is the account's access token. The library's own handle has no way to
// give up a token that the platform refuses, and lets those who wait for a new one
// wait without end; so it is only asked to fetch.
//
// It is the stable token: instances get the same one, and none makes another's
// void, so that they need no common memory.
type token struct {
	wechat *WeChat
	fetch  func(ctx context.Context, force bool) (credential.ResAccessToken, error)
	now    func() time.Time

	turn   chan struct{} // holds one; who has it reads and writes what follows
	value  string
	until  time.Time
	failed error // of the last fetch, told to others for a moment
	again  time.Time
}

const (
	// earlier than its end a token is not used any more: the platform has the next
	// ready 5 minutes before.
	earlier = 5 * time.Minute
	// moment is how long nobody else tries after a fetch failed.
	moment = time.Second
)

func newToken(w *WeChat, o Options) *token {
	stable, ok := credential.NewStableAccessToken(o.AppID, o.AppSecret.Reveal(), "", cache.NewMemory()).(*credential.StableAccessToken)
	if !ok {
		panic("wechat: not the library that this was written for")
	}
	t := &token{wechat: w, fetch: stable.GetAccessTokenDirectly, now: o.Now, turn: make(chan struct{}, 1)}
	t.turn <- struct{}{}
	return t
}

// get returns a token that is good for some minutes. One at a time fetches, and
// nobody waits longer than ctx.
func (t *token) get(ctx context.Context) (string, error) {
	if err := t.take(ctx); err != nil {
		return "", err
	}
	defer t.give()
	switch now := t.now(); {
	case t.value != "" && now.Before(t.until):
		return t.value, nil
	case now.Before(t.again):
		return "", t.failed
	}
	err := t.renew(ctx)
	if err != nil && ctx.Err() == nil {
		t.failed, t.again = err, t.now().Add(moment)
	}
	return t.value, err
}

func (t *token) take(ctx context.Context) error {
	select {
	case <-t.turn:
		return nil
	case <-ctx.Done():
		return &Unanswered{callToken, ctx.Err()}
	}
}

func (t *token) give() { t.turn <- struct{}{} }

// renew asks for the token in use, not for a new one: that is limited to 20 a day.
func (t *token) renew(ctx context.Context) error {
	t.value = ""
	return t.wechat.once(ctx, callToken, func(ctx context.Context) error {
		a, err := t.fetch(ctx, false)
		switch {
		case a.ErrCode != 0: // its own error says so in words only
			return newError(int(a.ErrCode), a.ErrMsg)
		case err != nil:
			return err
		case a.AccessToken == "" || a.ExpiresIn <= 0:
			return errGarbled
		}
		life := time.Duration(min(a.ExpiresIn, 7200)) * time.Second
		t.value, t.until = a.AccessToken, t.now().Add(max(life-earlier, life/2))
		return nil
	})
}

// drop gives up a token that the platform does not take, if it is still the one
// in use.
func (t *token) drop(ctx context.Context, value string) {
	if t.take(ctx) != nil {
		return // nor is there time for another try
	}
	defer t.give()
	if t.value == value {
		t.value = ""
	}
}
