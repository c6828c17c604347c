package customer

import (
	"context"
	"errors"
	"fmt"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// AuthRequest is the form of 客户认证 (A2).
type AuthRequest struct {
	CertType   string // in the centre's words: 01 resident ID …
	CertNumber string
	Account    codec.Account
	Bank       string // the 开户行, where the number does not decide
	Code       codec.Secret
	Terms      string // version of the service terms that was accepted
	Notices    string // version of the consent to 动账; empty for none
}

// Authenticate checks the form and the code, and asks the account's bank (A5).
func (s *Service) Authenticate(ctx context.Context, call Call, r AuthRequest) (Answer, error) {
	cert, reason := s.checkCert(r.CertType, r.CertNumber)
	account, noAccount := typedAccount(r.Account.Reveal())
	code, noCode := normalCode(r.Code.Reveal())
	switch {
	case reason != "":
		return refuse(reason), nil
	case noAccount != "":
		return refuse(noAccount), nil
	case noCode != "":
		return refuse(noCode), nil
	case r.Terms == "":
		return refuse(ReasonConsent), nil
	}
	c, err := s.meet(ctx, call.Follower)
	if err != nil {
		return Answer{}, err
	}
	q := switching.Request{
		Type: codec.Authenticate, Client: call.Client, Operation: "authenticate", Key: call.Key, Customer: c.ID,
		Account: account, Bank: r.Bank, Timeout: call.Timeout, Proof: authProof{code, r.Terms, r.Notices},
	}
	q.Fields.Set(codec.FieldCertType, r.CertType)
	q.Fields.Set(codec.FieldCertNumber, cert.Reveal())
	return s.do(ctx, q)
}

// Deregister asks the primary's bank to let the customer go (A8). Whose state
// has changed since gets, for the same key, the same answer.
func (s *Service) Deregister(ctx context.Context, call Call) (Answer, error) {
	c, err := s.meet(ctx, call.Follower)
	if err != nil {
		return Answer{}, err
	}
	q := switching.Request{
		Type: codec.Deregister, Client: call.Client, Operation: "deregister", Key: call.Key, Customer: c.ID,
		Asked: "deregister", Timeout: call.Timeout, Gone: call.Gone,
	}
	if !c.State.Active() {
		return s.replayOr(ctx, q, ReasonNotAuthenticated)
	}
	var primary link
	err = s.reading(ctx, func(ctx context.Context, tx switching.Tx) error {
		primary, err = s.primaryOf(ctx, tx, c.ID)
		return err
	})
	if err != nil {
		return Answer{}, err
	}
	if primary.ID == "" { // ended between the two reads
		return s.replayOr(ctx, q, ReasonNotAuthenticated)
	}
	q.Account, q.Bank = primary.Account, primary.Bank
	return s.do(ctx, q)
}

// do has the switch carry the request out, and words its end.
func (s *Service) do(ctx context.Context, q switching.Request) (Answer, error) {
	if q.Key == "" && !q.Type.Stateless() {
		return Answer{}, ErrNoKey
	}
	r, err := s.Switch.Do(ctx, q)
	return s.ended(ctx, q, r, err)
}

// ended is answer for a change. What the bank approved after the customer had ended
// is released there, and not told as done.
func (s *Service) ended(ctx context.Context, q switching.Request, r switching.Result, err error) (Answer, error) {
	a, err := s.answer(q, r, err)
	if err != nil || a.Outcome != switching.Approved || q.Type != codec.Authenticate && q.Type != codec.Attach {
		return a, err
	}
	var done bool
	err = s.reading(ctx, func(ctx context.Context, tx switching.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM customer_history WHERE customer = $1 AND entry = $2 AND event IN ($3, $4))`,
			q.Customer, r.ID, string(AuthApproved), attachApproved).Scan(&done)
	})
	if err != nil {
		return Answer{}, fmt.Errorf("read history: %w", err)
	}
	if !done {
		a.Outcome, a.Text = switching.Declined, declined[q.Type]
	}
	return a, nil
}

// replayOr answers as the key ended before, or refuses.
func (s *Service) replayOr(ctx context.Context, q switching.Request, reason switching.Reason) (Answer, error) {
	if q.Key == "" {
		return Answer{}, ErrNoKey
	}
	r, found, err := s.Switch.Replay(ctx, q)
	if err == nil && !found {
		end := switching.End{Outcome: switching.Refused, Reason: reason}
		return Answer{Outcome: end.Outcome, Reason: reason, Text: s.words(q.Type, end, q.Bank)}, nil
	}
	return s.ended(ctx, q, r, err)
}

// answer words how the switch ended a request. What it does not know the
// customer reads as timed out; the error says so to the front.
func (s *Service) answer(q switching.Request, r switching.Result, err error) (Answer, error) {
	if errors.Is(err, switching.ErrOutcomeUnknown) {
		unknown := switching.End{Outcome: switching.TimedOut}
		return Answer{Outcome: switching.TimedOut, Text: s.words(q.Type, unknown, q.Bank)}, err
	}
	if err != nil {
		return Answer{}, err
	}
	return Answer{
		Outcome: r.End.Outcome, Reason: r.End.Reason, Text: s.words(q.Type, r.End, r.Bank), Entry: r.ID,
	}, nil
}
