package customer

import (
	"cmp"
	"context"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// AttachRequest is the form of 账户加挂 (C3).
type AttachRequest struct {
	Account codec.Account
	Bank    string // the 开户行, where the number does not decide
	Code    codec.Secret
	Payment Sealed // 微信支付密码
}

// Attach links an account of the authenticated certificate, if its bank approves.
func (s *Service) Attach(ctx context.Context, call Call, r AttachRequest) (Answer, error) {
	began := time.Now()
	c, id, over, err := s.session(ctx, call)
	if err == nil && over != "" { // what its key did before is told all the same
		c, err = s.whoever(ctx, call)
	}
	if err != nil {
		return Answer{}, err
	}
	account, reason := typedAccount(r.Account.Reveal())
	code, noCode := normalCode(r.Code.Reveal())
	if reason = cmp.Or(reason, noCode); reason != "" {
		return refuse(cmp.Or(over, reason)), nil
	}
	q := switching.Request{
		Type: codec.Attach, Client: call.Client, Operation: "attach", Key: call.Key, Customer: c.ID,
		Account: account, Bank: r.Bank, Timeout: call.Timeout,
	}
	q.Fields.Set(codec.FieldCertType, c.CertType)
	q.Fields.Set(codec.FieldCertNumber, c.Cert.Reveal())
	password, nonce, reason, err := s.openSealed(ctx, r.Payment)
	if err != nil || reason != "" {
		return refuse(cmp.Or(over, reason)), err
	}
	proof := attachProof{session: id, nonce: nonce, code: code, payment: verdict{kind: kindPayment, typed: password}}
	q.Proof = proof
	if q.Key != "" {
		if r, found, err := s.Switch.Replay(ctx, q); err != nil || found {
			return s.ended(ctx, q, r, err)
		}
	}
	if over != "" {
		return refuse(over), nil
	}
	if proof.payment, reason, err = s.compare(ctx, &c, kindPayment, password); err != nil || reason != "" {
		return refuse(reason), err
	}
	q.Proof = proof
	if call.Timeout != 0 {
		q.Timeout -= time.Since(began) // the passwords took their part
	}
	return s.do(ctx, q)
}

// Detach ends the link of an account that is not the primary (C4).
func (s *Service) Detach(ctx context.Context, call Call, id string) (Answer, error) {
	q := switching.Request{
		Type: codec.Detach, Client: call.Client, Operation: "detach", Key: call.Key, Asked: id, Timeout: call.Timeout, Gone: call.Gone,
	}
	var l link
	var who visitor
	reason, err := s.withSession(ctx, call, func(ctx context.Context, tx switching.Tx, v visitor) (err error) {
		who = v
		l, err = s.oneLink(ctx, tx, `id = $1 AND customer = $2`, id, v.customer)
		return err
	})
	switch {
	case err != nil:
		return Answer{}, err
	case reason != "":
		c, err := s.whoever(ctx, call)
		if err != nil {
			return Answer{}, err
		}
		who.customer = c.ID
	case l.ID == "":
		reason = ReasonNoLink
	case l.Role == Primary:
		reason = ReasonPrimary
	}
	if reason != "" {
		q.Customer = who.customer
		return s.replayOr(ctx, q, reason)
	}
	q.Customer, q.Account, q.Bank, q.Proof = who.customer, l.Account, l.Bank, detachProof{who.session, id}
	return s.do(ctx, q)
}

// whoever is the follower's customer, logged in or not: an answer that was lost is
// told again though the session has ended since.
func (s *Service) whoever(ctx context.Context, call Call) (c row, err error) {
	err = s.reading(ctx, func(ctx context.Context, tx switching.Tx) error {
		c, _, err = s.byFollower(ctx, tx, call.Follower)
		return err
	})
	return c, err
}
