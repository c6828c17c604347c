package api

import (
	"context"

	"wxswitch/codec"
	"wxswitch/switch/customer"
)

// ShowCustomer shows a customer by its id or its follower.
func (o operationsOf) ShowCustomer(ctx context.Context, in ShowCustomerRequestObject) (ShowCustomerResponseObject, error) {
	b := in.Body
	byFollower := b.Channel != "" || b.Subject != ""
	switch {
	case byFollower == (b.Customer != ""):
		return nil, refuseField("", "customer, or channel and subject")
	case byFollower && (!isVisible(b.Channel, 64) || !isVisible(b.Subject, 128)), !byFollower && !isRandomID(b.Customer):
		return nil, refuse(codeCustomerUnknown)
	}
	v, err := o.Customers.ShowCustomer(ctx, b.Customer, customer.Follower{Channel: b.Channel, Subject: b.Subject})
	if err != nil {
		return nil, err
	}
	return ShowCustomer200JSONResponse{customerOf(v)}, nil
}

// FreezeCustomer lets a customer do nothing until it is released.
func (o operationsOf) FreezeCustomer(ctx context.Context, in FreezeCustomerRequestObject) (FreezeCustomerResponseObject, error) {
	v, err := o.setFrozen(ctx, in.Id, in.Body.Reason, o.Customers.Freeze, "customer frozen by operator")
	return FreezeCustomer200JSONResponse{v}, err
}

// ReleaseCustomer ends a freeze.
func (o operationsOf) ReleaseCustomer(ctx context.Context, in ReleaseCustomerRequestObject) (ReleaseCustomerResponseObject, error) {
	v, err := o.setFrozen(ctx, in.Id, in.Body.Reason, o.Customers.Release, "customer released by operator")
	return ReleaseCustomer200JSONResponse{v}, err
}

func (o operationsOf) setFrozen(ctx context.Context, id, reason string,
	set func(ctx context.Context, id, who, reason string) (customer.Shown, error), done string,
) (CustomerJSONResponse, error) {
	switch {
	case !isRandomID(id):
		return CustomerJSONResponse{}, refuse(codeCustomerUnknown)
	case !isText(reason, 200):
		return CustomerJSONResponse{}, refuseField("/reason", "must be 1 to 200 printable characters")
	}
	client := clientOf(ctx).ID
	v, err := set(ctx, id, client, reason)
	if err != nil {
		return CustomerJSONResponse{}, err
	}
	o.Log.Info().Str("customer", id).Str("client", client).Msg(done)
	return customerOf(v), nil
}

func customerOf(v customer.Shown) CustomerJSONResponse {
	out := CustomerJSONResponse{
		Id: v.ID, Channel: v.Channel, Subject: v.Subject, Followed: v.Followed, State: CustomerState(v.State), Frozen: v.Frozen,
		Notices: v.Notices, Sessions: v.Sessions, Login: passwordOf(v.Login), Payment: passwordOf(v.Payment),
		Links: make([]CustomerLink, len(v.Links)), Codes: make([]CustomerCode, len(v.Codes)), History: make([]CustomerEvent, len(v.History)),
	}
	for i, l := range v.Links {
		out.Links[i] = CustomerLink{
			Id: l.ID, Bank: l.Bank, Suffix: l.Suffix, Role: CustomerLinkRole(l.Role), State: CustomerLinkState(l.State), Transaction: formatID(l.Entry),
		}
	}
	for i, c := range v.Codes {
		out.Codes[i] = CustomerCode{
			Purpose: Purpose(c.Purpose), Bank: c.Bank, State: CustomerCodeState(c.State), Sent: c.Sent.In(codec.Shanghai), Wrong: c.Wrong,
			Transaction: formatID(c.Entry),
		}
	}
	for i, e := range v.History {
		out.History[i] = CustomerEvent{
			At: e.At.In(codec.Shanghai), Event: e.Event, From: CustomerState(e.From), To: CustomerState(e.To),
			Transaction: someID(e.Entry), Who: e.Who, Note: e.Note,
		}
	}
	return out
}

func passwordOf(p customer.ShownPassword) PasswordState {
	return PasswordState{Set: p.Set, Wrong: p.Wrong, LockedUntil: shanghai(p.Locked)}
}
