package customer

import (
	"context"
	"strings"

	switching "wxswitch/switch"
)

// SetRequest is the form of 登录设置 (A7). What is empty stays as it is. The old
// password of a kind is needed where no SMS code was right just before.
type SetRequest struct {
	Login, Payment       Sealed
	OldLogin, OldPayment Sealed
}

// setting is one password that is to be set.
type setting struct {
	kind string
	now  Password
	old  input
	hash string  // of now
	v    verdict // on old
}

// SetPasswords sets the login password, the payment password, or both. Other
// sessions than the call's own end.
func (s *Service) SetPasswords(ctx context.Context, call Call, r SetRequest) (Answer, error) {
	ctx, stop := call.bound(ctx)
	defer stop()
	if r.Login == "" && r.Payment == "" {
		return refuse(ReasonLoginForm), nil
	}
	c, reason, err := s.caller(ctx, call)
	if err != nil || reason != "" {
		return refuse(reason), err
	}
	in, reason, err := s.openAll(ctx, r.Login, r.Payment, r.OldLogin, r.OldPayment)
	if err != nil || reason != "" {
		return refuse(reason), err
	}
	list := settings(in)
	k, err := s.once(ctx, work{
		local: call.local("set-passwords", c.ID, in.covers()...),
		before: func(ctx context.Context) (switching.Reason, error) {
			return s.prepareSetting(ctx, &c, list)
		},
		inside: func(ctx context.Context, tx switching.Tx) (kept, error) {
			reason, err := s.setPasswords(ctx, tx, c.ID, in.nonces(), list)
			if err == nil && reason == "" {
				err = s.endOthers(ctx, tx, c.ID, call.Session, "password-set")
			}
			return kept{Reason: reason}, err
		},
	})
	return k.answer(), err
}

// settings are what is to be set: in has login, payment, and the old ones.
func settings(in inputs) (list []*setting) {
	for i, kind := range []string{kindLogin, kindPayment} {
		if in[i].given {
			list = append(list, &setting{kind: kind, now: in[i].value, old: in[i+2]})
		}
	}
	return list
}

// prepareSetting checks the new passwords, compares the old ones, and hashes.
func (s *Service) prepareSetting(ctx context.Context, c *row, list []*setting) (reason switching.Reason, err error) {
	if reason := s.maySet(c, list); reason != "" {
		return reason, nil
	}
	if reason := strong(list); reason != "" {
		return reason, nil
	}
	for _, one := range list {
		if s.needsOld(c) {
			if one.v, reason, err = s.compare(ctx, c, one.kind, one.old.value); err != nil || reason != "" {
				return reason, err
			}
		}
		if reason, err = s.prepareHash(ctx, c, one); err != nil || reason != "" {
			return reason, err
		}
	}
	return "", nil
}

func (s *Service) prepareHash(ctx context.Context, c *row, one *setting) (switching.Reason, error) {
	return s.compute(ctx, func() (err error) {
		one.hash, err = s.hash(c.ID, one.kind, one.now)
		return err
	})
}

// needsOld reports whether no SMS code was right just before: nor just after, if the
// clock was set back since.
func (s *Store) needsOld(c *row) bool {
	right := c.Setup.Add(-s.Limits.Setup)
	return s.Now().Sub(right).Abs() >= s.Limits.Setup
}

// maySet says why the customer's passwords cannot be set now, if so.
func (s *Store) maySet(c *row, list []*setting) switching.Reason {
	if reason := c.changeable(); reason != "" {
		return reason
	}
	for _, one := range list {
		if s.needsOld(c) && (!one.old.given || c.credential(one.kind).Hash == "") {
			return ReasonSetupOver
		}
	}
	return ""
}

// strong says why nobody could take the new passwords, if so.
func strong(list []*setting) switching.Reason {
	for _, one := range list {
		if reason := strength(one.kind, one.now, nil); reason != "" {
			return reason
		}
	}
	// Their forms keep them from being equal; one within the other is as bad.
	if len(list) == 2 && strings.Contains(list[0].now.Reveal(), list[1].now.Reveal()) {
		return ReasonSame
	}
	return ""
}

// notOwn refuses new passwords that have a number of this customer's in them. It comes
// last: who has not shown who it is would learn certificate and accounts by it, six
// digits at a time. Nothing that the transaction did stays: a code is good still.
func (s *Store) notOwn(ctx context.Context, tx switching.Tx, c *row, list []*setting) error {
	links, err := s.linksNow(ctx, tx, c.ID)
	if err != nil {
		return err
	}
	numbers := []string{c.Cert.Reveal()}
	for _, l := range links {
		numbers = append(numbers, l.Account.Reveal())
	}
	for _, one := range list {
		if reason := strength(one.kind, one.now, numbers); reason != "" {
			return &switching.EffectRefusal{Reason: reason, Undone: true}
		}
	}
	return nil
}

// setPasswords judges the old passwords and sets the new ones.
func (s *Store) setPasswords(ctx context.Context, tx switching.Tx, id string, nonces []string, list []*setting) (switching.Reason, error) {
	c, reason, err := s.current(ctx, tx, id, nonces)
	if err != nil || reason != "" {
		return reason, err
	}
	if reason := s.maySet(&c, list); reason != "" {
		return reason, nil
	}
	if s.needsOld(&c) {
		for _, one := range list {
			if reason, err := s.judge(ctx, tx, &c, one.v); err != nil || reason != "" {
				return reason, err
			}
		}
	}
	if err := s.notOwn(ctx, tx, &c, list); err != nil {
		return "", err
	}
	for _, one := range list {
		if err := s.setPassword(ctx, tx, &c, one, "set"); err != nil {
			return "", err
		}
	}
	return "", nil
}

// setPassword sets one password: its wrong tries and its lock are gone.
func (s *Store) setPassword(ctx context.Context, tx switching.Tx, c *row, one *setting, how string) error {
	*c.credential(one.kind) = credential{Hash: one.hash}
	if err := s.save(ctx, tx, c); err != nil {
		return err
	}
	return s.remember(ctx, tx, c.ID, one.kind+"-password-"+how, c.State, c.State, byFollower)
}
