package customer

import (
	"context"
	"fmt"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// VisitRequest is the form of 网点预约 (D1).
type VisitRequest struct {
	Branch   string // id of Places
	Business string // id of Businesses
	Phone    string // as it was typed
}

// VisitAnswer is how a booking ended, with what the bank's core returned.
type VisitAnswer struct {
	Answer
	Number   string // of the appointment, where the bank told one
	BankText string
}

// Book asks the branch's bank for a visit. Any follower may, without 认证.
func (s *Service) Book(ctx context.Context, call Call, r VisitRequest) (VisitAnswer, error) {
	branch, found := s.Places.Branch(r.Branch)
	phone, reason := normalPhone(r.Phone)
	switch {
	case !isBusiness(r.Business):
		return VisitAnswer{Answer: refuse(ReasonBusiness)}, nil
	case reason != "":
		return VisitAnswer{Answer: refuse(reason)}, nil
	case call.Key == "":
		return VisitAnswer{}, ErrNoKey
	}
	c, err := s.meet(ctx, call.Follower)
	if err != nil {
		return VisitAnswer{}, err
	}
	q := switching.Request{
		Type: codec.Appointment, Client: call.Client, Operation: "visit", Key: call.Key, Customer: c.ID,
		Bank: branch.Bank, Asked: r.Branch + " " + r.Business + " " + phone.Reveal(), Timeout: call.Timeout,
	}
	q.Fields.Set(codec.FieldBranch, branch.Number)
	q.Fields.Set(codec.FieldBusiness, r.Business)
	q.Fields.Set(codec.FieldPhone, phone.Reveal())
	result, known := switching.Result{}, true
	if found {
		result, err = s.Switch.Do(ctx, q)
	} else { // it may have been there when the key was new
		result, known, err = s.Switch.Replay(ctx, q)
	}
	if err == nil && !known {
		return VisitAnswer{Answer: refuse(ReasonNoBranch)}, nil
	}
	v := VisitAnswer{Number: result.End.Reply.Get(codec.FieldAppointment), BankText: result.End.Reply.Get(codec.FieldText)}
	v.Answer, err = s.answer(q, result, err)
	return v, err
}

func isBusiness(id string) bool {
	for _, b := range Businesses() {
		if b.ID == id {
			return true
		}
	}
	return false
}

// visitEffect counts visits. One that ends Refused gives its place back; one that
// the bank declined, or that timed out, counts.
type visitEffect struct{ *Store }

func (x visitEffect) Open(ctx context.Context, tx switching.Tx, e *switching.Entry) error {
	if !ours(*e) {
		return nil
	}
	c, err := x.byID(ctx, tx, e.Customer)
	if err != nil {
		return err
	}
	switch {
	case c.Frozen:
		return refusal(ReasonFrozen, nil)
	case !c.Followed:
		return refusal(ReasonUnfollowed, nil)
	}
	phone := x.Vault.Index("phone", e.Fields.Get(codec.FieldPhone))
	since := midnight(x.Now()).UnixMilli()
	var byCustomer, byPhone int
	err = tx.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM visit WHERE customer = $1 AND at >= $3),
		(SELECT COUNT(*) FROM visit WHERE phone_ix = $2 AND at >= $3)`, c.ID, phone, since).Scan(&byCustomer, &byPhone)
	switch {
	case err != nil:
		return fmt.Errorf("count visits: %w", err)
	case max(byCustomer, byPhone) >= x.Limits.VisitsADay:
		return refusal(ReasonVisits, nil)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO visit (customer, phone_ix, at, entry) VALUES ($1, $2, $3, $4)`,
		c.ID, phone, x.Now().UnixMilli(), e.ID)
	if err != nil {
		return fmt.Errorf("count visit: %w", err)
	}
	return nil
}

func (x visitEffect) Close(ctx context.Context, tx switching.Tx, e switching.Entry, o switching.Outcome) ([]switching.Notice, []switching.Advice, error) {
	if o != switching.Refused {
		return nil, nil, nil
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM visit WHERE entry = $1`, e.ID); err != nil {
		return nil, nil, fmt.Errorf("give visit back: %w", err)
	}
	return nil, nil, nil
}
