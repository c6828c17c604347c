package customer

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// ResetRequest is the form of 微信支付密码重置 (D3), and of the login password's.
type ResetRequest struct {
	Kind       string // login, payment
	CertType   string
	CertNumber string
	Account    codec.Account // one of the customer's
	Bank       string        // the 开户行, where the number does not decide
	Code       codec.Secret  // the SMS code to the phone of that account
	New        Sealed
}

// ResetPassword sets a password that was forgotten, once the customer has shown
// again who it is. Its lock and all sessions end.
func (s *Service) ResetPassword(ctx context.Context, call Call, r ResetRequest) (Answer, error) {
	if r.Kind != kindLogin && r.Kind != kindPayment {
		return Answer{}, fmt.Errorf("customer: no password of kind %q", r.Kind)
	}
	if r.New == "" {
		return refuse(ReasonPageKey), nil
	}
	ctx, stop := call.bound(ctx)
	defer stop()
	who, reason := s.identity(r)
	if reason != "" {
		return refuse(reason), nil
	}
	c, reason, err := s.caller(ctx, call)
	if err != nil || reason != "" {
		return refuse(reason), err
	}
	in, reason, err := s.openAll(ctx, r.New)
	if err != nil || reason != "" {
		return refuse(reason), err
	}
	one := &setting{kind: r.Kind, now: in[0].value}
	k, err := s.once(ctx, work{
		local: call.local("reset-password", c.ID, slices.Concat(in.covers(), []string{r.Kind}, who.covers())...),
		before: func(ctx context.Context) (switching.Reason, error) {
			if reason := c.changeable(); reason != "" {
				return reason, nil
			}
			if reason := strong([]*setting{one}); reason != "" {
				return reason, nil
			}
			return s.prepareHash(ctx, &c, one)
		},
		inside: func(ctx context.Context, tx switching.Tx) (kept, error) {
			reason, err := s.resetPassword(ctx, tx, c.ID, in.nonces(), who, one)
			return kept{Reason: reason}, err
		},
	})
	return k.answer(), err
}

// identity is what a customer shows once more.
type identity struct {
	certType string
	cert     codec.CertNumber
	account  codec.Account
	bank     string
	code     codec.Secret
}

// identity checks the form of what was typed, and finds the account's bank.
func (s *Service) identity(r ResetRequest) (who identity, reason switching.Reason) {
	who.certType = r.CertType
	if who.cert, reason = s.checkCert(r.CertType, r.CertNumber); reason != "" {
		return who, reason
	}
	if who.code, reason = normalCode(r.Code.Reveal()); reason != "" {
		return who, reason
	}
	if who.account, reason = typedAccount(r.Account.Reveal()); reason != "" {
		return who, reason
	}
	who.bank, reason = s.bankOf(who.account, r.Bank)
	return who, reason
}

// covers is what the keyed hash of a body covers of it.
func (w identity) covers() []string {
	return []string{w.certType, w.cert.Reveal(), w.account.Reveal(), w.bank, w.code.Reveal()}
}

func (s *Store) resetPassword(ctx context.Context, tx switching.Tx, id string, nonces []string, who identity, one *setting) (switching.Reason, error) {
	c, reason, err := s.current(ctx, tx, id, nonces)
	if err != nil || reason != "" {
		return reason, err
	}
	if reason := c.changeable(); reason != "" {
		return reason, nil
	}
	if reason, err := s.identify(ctx, tx, &c, who); err != nil || reason != "" {
		return reason, err
	}
	if err := s.notOwn(ctx, tx, &c, []*setting{one}); err != nil {
		return "", err
	}
	if err := s.setPassword(ctx, tx, &c, one, "reset"); err != nil {
		return "", err
	}
	return "", s.endSessions(ctx, tx, c.ID, "password-reset")
}

// identify takes the code first, so that certificate and account cannot be
// guessed any oftener than codes are sent.
func (s *Store) identify(ctx context.Context, tx switching.Tx, c *row, who identity) (switching.Reason, error) {
	ix := s.accountIx(who.account)
	reason, err := s.useCode(ctx, tx, c, ForReset, who.bank, ix, who.code, 0)
	if err != nil || reason != "" {
		return reason, err
	}
	l, err := s.linkOf(ctx, tx, c.ID, who.bank, ix)
	if err != nil || !l.active() || !bytes.Equal(s.certIx(who.certType, who.cert), c.CertIx) {
		return ReasonIdentity, err
	}
	return "", nil
}
