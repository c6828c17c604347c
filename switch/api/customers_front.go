package api

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"strconv"
	"time"

	"wxswitch/codec"
	"wxswitch/switch/customer"
)

// done is the answer of what has nothing else to say.
var done = DoneJSONResponse{Done: true}

// PutTalk keeps where the conversation with a follower stands.
func (o operationsOf) PutTalk(ctx context.Context, in PutTalkRequestObject) (PutTalkResponseObject, error) {
	err := o.Customers.SetTalk(ctx, followerOf(ctx), codec.NewSecret(in.Body.Value), lifeOf(in.Params.Seconds))
	return PutTalk200JSONResponse{done}, keptError(err)
}

// GetTalk is where the conversation with a follower stands.
func (o operationsOf) GetTalk(ctx context.Context, _ GetTalkRequestObject) (GetTalkResponseObject, error) {
	value, found, err := o.Customers.Talk(ctx, followerOf(ctx))
	return GetTalk200JSONResponse{Found: found, Value: value.Reveal()}, keptError(err)
}

// EndTalk forgets where the conversation with a follower stands.
func (o operationsOf) EndTalk(ctx context.Context, _ EndTalkRequestObject) (EndTalkResponseObject, error) {
	err := o.Customers.EndTalk(ctx, followerOf(ctx))
	return EndTalk200JSONResponse{done}, keptError(err)
}

// PutKept keeps a value under a name.
func (o operationsOf) PutKept(ctx context.Context, in PutKeptRequestObject) (PutKeptResponseObject, error) {
	err := o.Customers.PutOnce(ctx, in.Body.Name, codec.NewSecret(in.Body.Value), lifeOf(in.Params.Seconds))
	return PutKept200JSONResponse{done}, keptError(err)
}

// PutKeptOnce keeps a value under a name that has none.
func (o operationsOf) PutKeptOnce(ctx context.Context, in PutKeptOnceRequestObject) (PutKeptOnceResponseObject, error) {
	first, before, err := o.Customers.Once(ctx, in.Body.Name, codec.NewSecret(in.Body.Value), lifeOf(in.Params.Seconds))
	return PutKeptOnce200JSONResponse{First: first, Before: before.Reveal()}, keptError(err)
}

// TakeKept takes a value and forgets it.
func (o operationsOf) TakeKept(ctx context.Context, in TakeKeptRequestObject) (TakeKeptResponseObject, error) {
	value, found, err := o.Customers.Take(ctx, in.Body.Name)
	return TakeKept200JSONResponse{Found: found, Value: value.Reveal()}, keptError(err)
}

// lifeOf bounds what would overflow; what is out of range stays so.
func lifeOf(seconds int) time.Duration {
	return time.Duration(min(max(seconds, 0), 1<<20)) * time.Second
}

func keptError(err error) error {
	switch {
	case errors.Is(err, customer.ErrKeptSize):
		return refuseField("", "the value or the name is too long, or there is no name")
	case errors.Is(err, customer.ErrKeptLife):
		return refuseParameter("seconds", false)
	}
	return err
}

// The bounds of a page of places.
const (
	defaultPlaces = 10
	maxPlaces     = 50
	maxOffset     = 1_000_000
)

var degrees = regexp.MustCompile(`^-?[0-9]{1,3}(\.[0-9]{1,15})?$`)

// locationOf reads degrees; what is not as in openapi.yaml is no location, and
// no error shows it.
func locationOf(latitude, longitude string) (customer.Location, *refusal) {
	lat, err := strconv.ParseFloat(latitude, 64)
	lng, err2 := strconv.ParseFloat(longitude, 64)
	at, reason := customer.NewLocation(lat, lng)
	if err != nil || err2 != nil || reason != "" || !degrees.MatchString(latitude) || !degrees.MatchString(longitude) {
		return at, refuse(string(customer.ReasonLocation))
	}
	return at, nil
}

// FindNearest is the nearest branches or merchants.
func (o operationsOf) FindNearest(_ context.Context, in FindNearestRequestObject) (FindNearestResponseObject, error) {
	p, b := in.Params, in.Body
	limit := cmp.Or(p.Limit, defaultPlaces)
	at, refused := locationOf(b.Latitude, b.Longitude)
	switch {
	case !b.Kind.Valid():
		return nil, refuseField("/kind", "must be branches or merchants")
	case limit < 1 || limit > maxPlaces:
		return nil, refuseParameter("limit", false)
	case p.Offset < 0 || p.Offset > maxOffset:
		return nil, refuseParameter("offset", false)
	case refused != nil:
		return nil, refused
	}
	near, total := o.Places.Nearest(at, customer.PlaceKind(b.Kind), limit, p.Offset)
	out := FindNearest200JSONResponse{Places: make([]NearPlace, len(near)), Total: total}
	for i, n := range near {
		out.Places[i].Metres = n.Metres
		if n.Branch != nil {
			branch := o.branchOf(*n.Branch)
			out.Places[i].Branch = &branch
		}
		if m := n.Merchant; m != nil {
			out.Places[i].Merchant = &Merchant{
				Id: m.ID, Name: m.Name, Address: m.Address, Phone: m.Phone, Offer: m.Offer, Latitude: m.Lat, Longitude: m.Lng,
			}
		}
	}
	return out, nil
}

// GetBranch is one branch.
func (o operationsOf) GetBranch(_ context.Context, in GetBranchRequestObject) (GetBranchResponseObject, error) {
	b, found := o.Places.Branch(in.Id)
	if !found {
		return nil, refuse(string(customer.ReasonNoBranch))
	}
	return GetBranch200JSONResponse(o.branchOf(b)), nil
}

func (o operationsOf) branchOf(b customer.Branch) Branch {
	out := Branch{
		Id: b.ID, Bank: b.Bank, BankName: b.Bank, Number: b.Number, Name: b.Name, Address: b.Address, Phone: b.Phone, Hours: b.Hours,
		Services: append([]string{}, b.Services...), Latitude: b.Lat, Longitude: b.Lng,
	}
	for _, bank := range o.Customers.Choices().Banks {
		if bank.ID == b.Bank {
			out.BankName = bank.Name
		}
	}
	return out
}
