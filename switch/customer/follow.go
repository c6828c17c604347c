package customer

import (
	"context"
	"fmt"
	"time"

	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// Follow notes that the follower follows, or does so again, since at; the zero
// time is now. What is older than what was last heard of the follower's coming and
// leaving changes nothing: platforms deliver again what they told before.
func (s *Service) Follow(ctx context.Context, call Call, at time.Time) (Answer, error) {
	return s.setFollowed(ctx, call, true, at)
}

// Unfollow notes that the follower has left at that time, as Follow does: its
// sessions end, and nothing is told to it, not even what waits already. All it had
// stays, and nothing that is in flight is cancelled.
func (s *Service) Unfollow(ctx context.Context, call Call, at time.Time) (Answer, error) {
	return s.setFollowed(ctx, call, false, at)
}

func (s *Service) setFollowed(ctx context.Context, call Call, followed bool, at time.Time) (Answer, error) {
	operation := "unfollow"
	if followed {
		operation = "follow"
	}
	ctx, stop := call.bound(ctx)
	defer stop()
	c, err := s.meet(ctx, call.Follower)
	if err != nil {
		return Answer{}, err
	}
	k, err := s.once(ctx, work{
		local: call.local(operation, c.ID),
		inside: func(ctx context.Context, tx switching.Tx) (kept, error) {
			if newer, err := s.heard(ctx, tx, c.ID, at); err != nil || !newer {
				return kept{}, err
			}
			c, err := s.byID(ctx, tx, c.ID)
			if err != nil || c.Followed == followed {
				return kept{}, err
			}
			if err := s.follows(ctx, tx, &c, operation, byFollower); err != nil || followed || s.Notices == nil {
				return kept{}, err
			}
			if err := s.Notices.Forget(ctx, tx, c.Channel, c.Subject); err != nil {
				return kept{}, fmt.Errorf("forget notices: %w", err)
			}
			return kept{}, nil
		},
	})
	if err != nil {
		return Answer{}, err
	}
	return k.answer(), nil
}

// heard notes when the follower came or left, and reports whether nothing newer was
// heard before; in the same second, platforms know no less, words count as they come.
// Who tells of the future tells of now, or no later word would count; nor does what
// was heard before the clock was set back keep any from counting.
func (s *Store) heard(ctx context.Context, tx switching.Tx, id string, at time.Time) (newer bool, err error) {
	now := s.Now()
	if at.IsZero() || at.After(now) {
		at = now
	}
	newer, err = db.Changed(tx.ExecContext(ctx, `UPDATE customer SET followed_at = $1 WHERE id = $2 AND (followed_at <= $1 OR followed_at > $3)`,
		at.Truncate(time.Second).UnixMilli(), id, now.UnixMilli()))
	if err != nil {
		return false, fmt.Errorf("note when heard: %w", err)
	}
	return newer, nil
}

// Gone is Unfollow of a follower who turns out, when something was told to it, to
// have left (package notice). Who has come back since stays.
func (s *Store) Gone(ctx context.Context, tx switching.Tx, channel, subject string, at time.Time) error {
	c, found, err := s.byFollower(ctx, tx, Follower{channel, subject})
	if err != nil || !found || !c.Followed {
		return err
	}
	if newer, err := s.heard(ctx, tx, c.ID, at); err != nil || !newer {
		return err
	}
	return s.follows(ctx, tx, &c, "unfollow", cause{who: "front", note: "gone when told"})
}

// IsTold reports whether a follower is told notices of the kind now (package notice):
// of what it was told once it may be a customer no more.
func (s *Store) IsTold(ctx context.Context, tx switching.Tx, channel, subject string, kind switching.NoticeKind) (bool, error) {
	c, _, err := s.byFollower(ctx, tx, Follower{channel, subject})
	return c.Followed && (kind != switching.NoticeMovement || c.Told && !c.Frozen), err
}

// follows turns whether the customer follows. One that leaves loses its sessions.
func (s *Store) follows(ctx context.Context, tx switching.Tx, c *row, event string, why cause) error {
	c.Followed = !c.Followed
	if err := s.save(ctx, tx, c); err != nil {
		return err
	}
	if err := s.remember(ctx, tx, c.ID, event, c.State, c.State, why); err != nil || c.Followed {
		return err
	}
	return s.endSessions(ctx, tx, c.ID, event)
}

// View is what pages show of a follower before it is logged in, and decide by.
type View struct {
	State      State
	Followed   bool
	Frozen     bool
	Login      bool      // has a 微信登录密码
	Payment    bool      // has a 微信支付密码
	SetupUntil time.Time // passwords may be set until then without the old ones; zero where they may not
	Notices    bool      // consents to 动账
	Consents   []Consent // all, oldest first
	BankName   string    // of the primary account
	Suffix     string    // likewise
	// InDoubt: a deregistration timed out, and its bank has not said yet.
	InDoubt bool
	// Changing: 加挂 or 解挂 of an account is under way, or in doubt.
	Changing bool
}

// Consent is what a customer accepted (A12).
type Consent struct {
	Kind    string // terms, notices
	Version string
	At      time.Time
}

// View returns what is known of a follower; of one that never came that it
// is unknown. It makes no row.
func (s *Service) View(ctx context.Context, f Follower) (v View, err error) {
	v.State = Unknown
	err = s.reading(ctx, func(ctx context.Context, tx switching.Tx) error {
		c, found, err := s.byFollower(ctx, tx, f)
		if err != nil || !found {
			return err
		}
		v = s.viewOf(c)
		if v.Consents, err = s.consentsOf(ctx, tx, c.ID); err != nil {
			return err
		}
		if err := s.viewLinks(ctx, tx, c.ID, &v); err != nil || c.State != Deregistering {
			return err
		}
		v.InDoubt, err = s.inDoubt(ctx, tx, c.ID)
		return err
	})
	return v, err
}

func (s *Service) viewOf(c row) View {
	v := View{
		State: c.State, Followed: c.Followed, Frozen: c.Frozen, Notices: c.Told,
		Login: c.Login.Hash != "", Payment: c.Payment.Hash != "",
	}
	if c.State == Authenticated && !s.needsOld(&c) {
		v.SetupUntil = c.Setup
	}
	return v
}

const consentsOfCustomer = `SELECT kind, version, at FROM consent WHERE customer = $1 ORDER BY id`

func (s *Service) consentsOf(ctx context.Context, tx switching.Tx, customer string) (list []Consent, err error) {
	rows, err := tx.QueryContext(ctx, consentsOfCustomer, customer)
	if err != nil {
		return nil, fmt.Errorf("read consents: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		var c Consent
		var at int64
		if err := rows.Scan(&c.Kind, &c.Version, &at); err != nil {
			return nil, fmt.Errorf("read consents: %w", err)
		}
		c.At = moment(at)
		list = append(list, c)
	}
	return list, rows.Err()
}

func (s *Service) viewLinks(ctx context.Context, tx switching.Tx, customer string, v *View) error {
	links, err := s.linksNow(ctx, tx, customer)
	for _, l := range links {
		switch {
		case l.Role == Primary && l.active():
			v.BankName, v.Suffix = s.bank(l.Bank).Name, l.Suffix
		case l.Role != Primary && l.State != linkActive:
			v.Changing = true
		}
	}
	return err
}

// inDoubt reports whether the customer's deregistration timed out: one that
// joined it has no end of its own.
func (s *Service) inDoubt(ctx context.Context, tx switching.Tx, customer string) (doubt bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT event = $1 FROM customer_history WHERE customer = $2
		AND (event = $1 OR event = $3 AND from_state <> to_state) ORDER BY id DESC LIMIT 1`,
		string(DeregDoubt), customer, string(DeregAsked)).Scan(&doubt)
	if err != nil {
		return false, fmt.Errorf("read history: %w", err)
	}
	return doubt, nil
}
