package api

import (
	"context"
	"slices"

	"wxswitch/codec"
	"wxswitch/switch/customer"
)

// BookVisit is 网点预约.
func (o operationsOf) BookVisit(ctx context.Context, in BookVisitRequestObject) (BookVisitResponseObject, error) {
	p, b := in.Params, in.Body
	call, err := callOf(ctx, "", &p.IdempotencyKey, p.RequestTimeout)
	if err != nil {
		return nil, err
	}
	if err := checkTyped(typed{"/branch", b.Branch, 64}, typed{"/business", b.Business, 32}, typed{"/phone", b.Phone, 32}); err != nil {
		return nil, err
	}
	a, err := o.Customers.Book(ctx, call, customer.VisitRequest{Branch: b.Branch, Business: b.Business, Phone: b.Phone})
	if err := refusalOf(a.Answer, err); err != nil {
		return nil, err
	}
	return BookVisit200JSONResponse{
		Outcome: VisitOutcome(a.Outcome), Reason: string(a.Reason), Text: a.Text, Id: someID(a.Entry), Number: a.Number, BankText: a.BankText,
	}, nil
}

// ListAccounts is 账户管理.
func (o operationsOf) ListAccounts(ctx context.Context, in ListAccountsRequestObject) (ListAccountsResponseObject, error) {
	call, err := callOf(ctx, in.Params.SessionToken, nil, nil)
	if err != nil {
		return nil, err
	}
	list, a, err := o.Customers.Accounts(ctx, call)
	if err := refusalOf(a, err); err != nil {
		return nil, err
	}
	out := ListAccounts200JSONResponse{Accounts: make([]LinkedAccount, len(list))}
	for i, l := range list {
		out.Accounts[i] = accountOf(l)
	}
	return out, nil
}

func accountOf(a customer.Account) LinkedAccount {
	return LinkedAccount{
		Id: a.Link, Bank: a.Bank, BankName: a.BankName, Suffix: a.Suffix, Holder: a.Holder, Primary: a.Primary, Detaching: a.Detaching,
	}
}

// Attach is 账户加挂.
func (o operationsOf) Attach(ctx context.Context, in AttachRequestObject) (AttachResponseObject, error) {
	p, b := in.Params, in.Body
	call, err := callOf(ctx, p.SessionToken, &p.IdempotencyKey, p.RequestTimeout)
	if err != nil {
		return nil, err
	}
	err = checkTyped(typed{"/account", b.Account, 64}, typed{"/bank", b.Bank, 64}, typed{"/code", b.Code, 32}, typed{"/payment", b.Payment, 512})
	if err != nil {
		return nil, err
	}
	e, err := endedOf(o.Customers.Attach(ctx, call, customer.AttachRequest{
		Account: codec.NewAccount(b.Account), Bank: b.Bank, Code: codec.NewSecret(b.Code), Payment: customer.Sealed(b.Payment),
	}))
	return Attach200JSONResponse{e}, err
}

// Detach is 账户解挂.
func (o operationsOf) Detach(ctx context.Context, in DetachRequestObject) (DetachResponseObject, error) {
	p := in.Params
	call, err := callOf(ctx, p.SessionToken, &p.IdempotencyKey, p.RequestTimeout)
	switch {
	case err != nil:
		return nil, err
	case !isRandomID(in.Id):
		return nil, refuse(string(customer.ReasonNoLink))
	}
	e, err := endedOf(o.Customers.Detach(ctx, call, in.Id))
	return Detach200JSONResponse{e}, err
}

// maxLines bounds how many balances one call asks for.
const maxLines = 20

// ListBalances asks for balances side by side.
func (o operationsOf) ListBalances(ctx context.Context, in ListBalancesRequestObject) (ListBalancesResponseObject, error) {
	p := in.Params
	call, err := callOf(ctx, p.SessionToken, nil, p.RequestTimeout)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, id := range p.Account {
		if !isRandomID(id) {
			return nil, refuseParameter("account", false)
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(p.Account) > maxLines {
		return nil, refuseParameter("account", false)
	}
	out := ListBalances200JSONResponse{Balances: []BalanceLine{}}
	a, err := o.Customers.Balances(ctx, call, ids, func(l customer.BalanceLine) { out.Balances = append(out.Balances, lineOf(l)) })
	if err := refusalOf(a, err); err != nil {
		return nil, err
	}
	return out, nil
}

func lineOf(l customer.BalanceLine) BalanceLine {
	out := BalanceLine{
		Account: accountOf(l.Account), Outcome: BalanceLineOutcome(l.Outcome), Reason: string(l.Reason), Text: l.Text,
	}
	out.Balance, out.Available = (*int64)(l.Balance), (*int64)(l.Available)
	return out
}

// ListDetails is 交易明细.
func (o operationsOf) ListDetails(ctx context.Context, in ListDetailsRequestObject) (ListDetailsResponseObject, error) {
	p := in.Params
	call, err := callOf(ctx, p.SessionToken, nil, p.RequestTimeout)
	switch {
	case err != nil:
		return nil, err
	case !isRandomID(in.Id):
		return nil, refuse(string(customer.ReasonNoLink))
	}
	page, err := o.Customers.Details(ctx, call, customer.DetailsRequest{
		Link: in.Id, Period: string(p.Period), From: p.From, To: p.To, Cursor: p.Cursor,
	})
	if err := refusalOf(page.Answer, err); err != nil {
		return nil, err
	}
	out := ListDetails200JSONResponse{
		Outcome: DetailsPageOutcome(page.Outcome), Reason: string(page.Reason), Text: page.Text, Id: someID(page.Entry),
		Account: accountOf(page.Account), From: page.From.In(codec.Shanghai), To: page.To.In(codec.Shanghai),
		Rows: make([]Movement, len(page.Rows)), Next: page.Next,
	}
	for i, r := range page.Rows {
		out.Rows[i] = Movement{
			At: r.At.In(codec.Shanghai), Direction: MovementDirectionIn, Amount: int64(r.Amount), Balance: int64(r.Balance), Summary: r.Summary,
		}
		if r.Out {
			out.Rows[i].Direction = MovementDirectionOut
		}
	}
	return out, nil
}
