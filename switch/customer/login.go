package customer

import (
	"context"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// LoginAnswer is how a login ended. A repeat of its key has the same token.
type LoginAnswer struct {
	Answer
	Token codec.Secret
	Idle  time.Duration // the session ends so long after its last use
	Until time.Time     // and then at the latest
}

// Login opens a session, by the 微信登录密码 (A11).
func (s *Service) Login(ctx context.Context, call Call, password Sealed) (LoginAnswer, error) {
	ctx, stop := call.bound(ctx)
	defer stop()
	if password == "" {
		return LoginAnswer{Answer: refuse(ReasonPageKey)}, nil
	}
	c, reason, err := s.caller(ctx, call)
	if err != nil || reason != "" {
		return LoginAnswer{Answer: refuse(reason)}, err
	}
	in, reason, err := s.openAll(ctx, password)
	if err != nil || reason != "" {
		return LoginAnswer{Answer: refuse(reason)}, err
	}
	var v verdict
	k, err := s.once(ctx, work{
		local: call.local("login", c.ID, in.covers()...),
		before: func(ctx context.Context) (reason switching.Reason, err error) {
			if reason = c.barred(); reason == "" {
				v, reason, err = s.compare(ctx, &c, kindLogin, in[0].value)
			}
			return reason, err
		},
		inside: func(ctx context.Context, tx switching.Tx) (kept, error) {
			return s.login(ctx, tx, c.ID, in.nonces(), v)
		},
	})
	if err != nil || k.Reason != "" {
		return LoginAnswer{Answer: refuse(k.Reason)}, err
	}
	return LoginAnswer{
		Answer: approve(), Token: s.token(k.Session), Idle: s.Limits.SessionIdle, Until: moment(k.At).Add(s.Limits.SessionMax),
	}, nil
}

func (s *Store) login(ctx context.Context, tx switching.Tx, id string, nonces []string, v verdict) (kept, error) {
	c, reason, err := s.current(ctx, tx, id, nonces)
	if err != nil || reason != "" {
		return kept{Reason: reason}, err
	}
	if reason, err := s.judge(ctx, tx, &c, v); err != nil || reason != "" {
		return kept{Reason: reason}, err
	}
	session, at, err := s.openSession(ctx, tx, id)
	return kept{Session: session, At: at.UnixMilli()}, err
}

// Logout ends the call's session. That of a token that is unknown has ended.
func (s *Service) Logout(ctx context.Context, call Call) (Answer, error) {
	ctx, stop := call.bound(ctx)
	defer stop()
	c, err := s.meet(ctx, call.Follower)
	if err != nil {
		return Answer{}, err
	}
	k, err := s.once(ctx, work{
		local: call.local("logout", c.ID, call.Session.Reveal()),
		inside: func(ctx context.Context, tx switching.Tx) (kept, error) {
			return kept{}, s.endSession(ctx, tx, c.ID, call.Session, "logout")
		},
	})
	return k.answer(), err
}

// caller returns the customer who calls.
func (s *Service) caller(ctx context.Context, call Call) (c row, reason switching.Reason, err error) {
	err = s.reading(ctx, func(ctx context.Context, tx switching.Tx) error {
		var found bool
		if c, found, err = s.byFollower(ctx, tx, call.Follower); err == nil && !found {
			reason = ReasonNotAuthenticated
		}
		return err
	})
	return c, reason, err
}

// barred says why the customer cannot use its passwords, if so.
func (c *row) barred() switching.Reason {
	switch {
	case c.Frozen:
		return ReasonFrozen
	case !c.State.Active():
		return ReasonNotAuthenticated
	}
	return ""
}

// changeable says why the customer's passwords cannot be changed, if so.
func (c *row) changeable() switching.Reason {
	if c.State == Deregistering && !c.Frozen {
		return ReasonDeregistering
	}
	return c.barred()
}

// current reads the customer in the transaction, and spends the nonces of what
// it typed. The reason says why it is not listened to, if so.
func (s *Store) current(ctx context.Context, tx switching.Tx, id string, nonces []string) (row, switching.Reason, error) {
	c, err := s.byID(ctx, tx, id)
	if err != nil {
		return c, "", err
	}
	for _, n := range nonces {
		if reason, err := s.spend(ctx, tx, n); err != nil || reason != "" {
			return c, reason, err
		}
	}
	return c, c.barred(), nil
}
