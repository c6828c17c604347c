package customer

import (
	"bytes"
	"context"
	"fmt"

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
	cert, reason := s.checkCert(r.CertType, r.CertNumber)
	if reason != "" {
		return refuse(reason), nil
	}
	code, reason := normalCode(r.Code.Reveal())
	if reason != "" {
		return refuse(reason), nil
	}
	account, reason := typedAccount(r.Account.Reveal())
	if reason != "" {
		return refuse(reason), nil
	}
	r.Account, r.Code = account, code
	bank, reason := s.bankOf(r.Account, r.Bank)
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
	who := identity{s.certIx(r.CertType, cert), bank, s.accountIx(r.Account), r.Code}
	k, err := s.once(ctx, work{
		local: call.local("reset-password", c.ID, append(in.covers(), r.Kind, r.CertType, cert.Reveal(), r.Account.Reveal(), bank, r.Code.Reveal())...),
		before: func(ctx context.Context) (switching.Reason, error) {
			if reason := c.changeable(); reason != "" {
				return reason, nil
			}
			if reason, err := s.strong(ctx, &c, []*setting{one}); err != nil || reason != "" {
				return reason, err
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
	certIx    []byte
	bank      string
	accountIx []byte
	code      codec.Secret
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
	if err := s.setPassword(ctx, tx, &c, one, "reset"); err != nil {
		return "", err
	}
	return "", s.endSessions(ctx, tx, c.ID, "password-reset")
}

// identify takes the code first, so that certificate and account cannot be
// guessed any oftener than codes are sent.
func (s *Store) identify(ctx context.Context, tx switching.Tx, c *row, who identity) (switching.Reason, error) {
	reason, err := s.useCode(ctx, tx, c, ForReset, who.bank, who.accountIx, who.code, 0)
	if err != nil || reason != "" {
		return reason, err
	}
	l, err := s.linkOf(ctx, tx, c.ID, who.bank, who.accountIx)
	if err != nil || !l.active() || !bytes.Equal(who.certIx, c.CertIx) {
		return ReasonIdentity, err
	}
	return "", nil
}
