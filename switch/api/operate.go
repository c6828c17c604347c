package api

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"wxswitch/banks"
	"wxswitch/codec"
	"wxswitch/routing"
	switching "wxswitch/switch"
)

// ExplainRoute says which bank holds an account, and why.
func (o operationsOf) ExplainRoute(_ context.Context, in ExplainRouteRequestObject) (ExplainRouteResponseObject, error) {
	if r := checkAccount(in.Body.Account, in.Body.Bank); r != nil {
		return nil, r
	}
	e := o.Router.Table().Explain(codec.NewAccount(in.Body.Account), routing.Bank(in.Body.Bank))
	out := RouteExplanation{
		Table: e.Table, Account: e.Account.String(), Digits: e.Digits, Chosen: string(e.Chosen),
		Bank: string(e.Bank), Kind: RouteExplanationKind(e.Kind), Reason: string(e.Reason), Why: e.Why,
		Rules: make([]RouteRule, len(e.Rules)),
	}
	for i, v := range e.Rules {
		out.Rules[i] = RouteRule{
			At: v.At, Kind: RouteRuleKind(v.Kind), Bank: string(v.Bank), Prefix: v.Prefix, Lengths: v.Lengths,
			Won: v.Won, Why: v.Why,
		}
	}
	return ExplainRoute200JSONResponse(out), nil
}

// ReloadRoutes reads the files of routes and places again.
func (o operationsOf) ReloadRoutes(ctx context.Context, _ ReloadRoutesRequestObject) (ReloadRoutesResponseObject, error) {
	if err := o.Reload(ctx); err != nil {
		return nil, refuseBecause(codeRoutesInvalid, err.Error())
	}
	table := o.Router.Table()
	return ReloadRoutes200JSONResponse{Version: table.Version(), Rules: table.Rules()}, nil
}

// ListBanks shows each bank's breaker, bulkhead and links.
func (o operationsOf) ListBanks(context.Context, ListBanksRequestObject) (ListBanksResponseObject, error) {
	statuses := o.Banks()
	slices.SortFunc(statuses, func(a, b banks.Status) int { return cmp.Compare(a.Bank, b.Bank) })
	out := make([]Bank, len(statuses))
	for i, s := range statuses {
		out[i] = Bank{
			Bank: s.Bank, Breaker: BankBreaker(s.Breaker), InFlight: s.InFlight, Limit: s.Limit,
			Queued: s.Queued, Online: s.Online, Links: linksOf(s.Links),
		}
	}
	return ListBanks200JSONResponse{Banks: out}, nil
}

func linksOf(statuses []banks.LinkStatus) []Link {
	out := make([]Link, len(statuses))
	for i, l := range statuses {
		out[i] = Link{Name: l.Name, State: LinkState(l.State), Since: l.Since.In(codec.Shanghai), LastError: l.LastError}
	}
	return out
}

// The bounds of a page of advices or notices.
const (
	defaultPage = 50
	maxPage     = 200
)

// ListAdvices lists a page of what must still be told to banks.
func (o operationsOf) ListAdvices(ctx context.Context, in ListAdvicesRequestObject) (ListAdvicesResponseObject, error) {
	p := in.Params
	after, limit, refused := pageOf(p)
	if refused != nil {
		return nil, refused
	}
	list, err := o.Advices.Advices(ctx, p.Bank, switching.AdviceState(p.State), after, limit)
	if err != nil {
		return nil, o.adviceError(err, 0)
	}
	if len(list) == 0 && after == 0 && p.Bank != "" && !o.hasBank(p.Bank) { // one mistyped is no bank at peace
		return nil, refuseBecause(codeParameterInvalid, "no bank has this name, and no such advice is kept")
	}
	out := ListAdvices200JSONResponse{Advices: make([]Advice, len(list))}
	for i, a := range list {
		out.Advices[i] = adviceOf(a)
	}
	if len(list) == limit {
		out.Next = formatID(list[limit-1].ID)
	}
	return out, nil
}

func (o operationsOf) hasBank(name string) bool {
	return slices.ContainsFunc(o.Banks(), func(s banks.Status) bool { return s.Bank == name })
}

func pageOf(p ListAdvicesParams) (after int64, limit int, refused *refusal) {
	if p.State != "" && !p.State.Valid() {
		return 0, 0, refuseParameter("state", false)
	}
	return boundsOf(p.After, p.Limit)
}

// RetryAdvice sends an advice at once.
func (o operationsOf) RetryAdvice(ctx context.Context, in RetryAdviceRequestObject) (RetryAdviceResponseObject, error) {
	id, ok := parseID(in.Id)
	if !ok {
		return nil, refuse(codeAdviceUnknown)
	}
	a, err := o.Advices.RetryAdvice(ctx, id)
	if err != nil {
		return nil, o.adviceError(err, id)
	}
	o.operated(ctx, &a, "advice retried by operator")
	return RetryAdvice200JSONResponse{AdviceJSONResponse(adviceOf(a))}, nil
}

// CloseAdvice ends an advice by hand. A repeat of the same close gets the same
// answer.
func (o operationsOf) CloseAdvice(ctx context.Context, in CloseAdviceRequestObject) (CloseAdviceResponseObject, error) {
	id, ok := parseID(in.Id)
	outcome := switching.Outcome(in.Body.Outcome)
	switch {
	case !ok:
		return nil, refuse(codeAdviceUnknown)
	case !isText(in.Body.Reason, 200):
		return nil, refuseField("/reason", "must be 1 to 200 printable characters")
	case outcome != "" && !in.Body.Outcome.Valid():
		return nil, refuseField("/outcome", "must be approved or declined")
	}
	a, err := o.Advices.CloseAdvice(ctx, id, in.Body.Reason, outcome)
	repeat := errors.Is(err, switching.ErrAdviceEnded) && a.State == switching.AdviceClosed &&
		a.Note == in.Body.Reason && (outcome == "" || outcome == a.Entry.Standing)
	if err != nil && !repeat {
		return nil, o.adviceError(err, id)
	}
	o.operated(ctx, &a, "advice closed by operator")
	return CloseAdvice200JSONResponse{AdviceJSONResponse(adviceOf(a))}, nil
}

// operated writes who did what. A reason is the operator's own words: the journal
// keeps it, the log does not.
func (o operationsOf) operated(ctx context.Context, a *switching.Advice, what string) {
	o.Log.Info().Int64("advice", a.ID).Str("client", clientOf(ctx).ID).Str("type", string(a.Type)).Str("bank", a.Entry.Bank).
		Int64("id", a.Entry.ID).Str("standing", string(a.Entry.Standing)).Msg(what)
}

func (o operationsOf) adviceError(err error, id int64) *refusal {
	switch {
	case errors.Is(err, switching.ErrAdviceNeedEnd):
		return refuseField("/outcome", err.Error())
	case errors.Is(err, switching.ErrCommitUnknown):
		return refuse(codeOutcomeUnknown)
	}
	if known := problemOf(err); known != nil {
		return known
	}
	o.Log.Error().Err(err).Int64("advice", id).Msg("api: advices")
	return refuse("journal")
}

func adviceOf(a switching.Advice) Advice {
	out := Advice{
		Id: formatID(a.ID), Type: AdviceType(a.Type), State: AdviceState(a.State), Bank: a.Entry.Bank,
		Transaction: formatID(a.Entry.ID), AccountSuffix: a.Entry.Account.Suffix(), Rrn: string(a.Entry.RRN),
		Attempts: a.Attempts, Created: a.Created.In(codec.Shanghai), LastCode: a.LastCode, Note: a.Note,
	}
	if a.State == switching.AdvicePending {
		out.Next = shanghai(a.Next)
	}
	return out
}
