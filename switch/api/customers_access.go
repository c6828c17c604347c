package api

import (
	"context"
	"time"

	"wxswitch/codec"
	"wxswitch/switch/customer"
)

// GetPageKey is with what a page seals passwords.
func (o operationsOf) GetPageKey(ctx context.Context, _ GetPageKeyRequestObject) (GetPageKeyResponseObject, error) {
	k, err := o.Customers.PageKey(ctx)
	if err != nil {
		return nil, err
	}
	return GetPageKey200JSONResponse{
		Kid: k.KID, Spki: k.SPKI, Nonce: k.Nonce, Expires: k.Expires.In(codec.Shanghai),
		Jwk: JWK{Kty: k.JWK.KTY, Alg: k.JWK.Alg, Use: k.JWK.Use, Kid: k.JWK.KID, N: k.JWK.N, E: k.JWK.E},
	}, nil
}

// ListChoices is what forms let a customer choose.
func (o operationsOf) ListChoices(context.Context, ListChoicesRequestObject) (ListChoicesResponseObject, error) {
	c := o.Customers.Choices()
	out := ListChoices200JSONResponse{Banks: []Choice{}, Certificates: []Choice{}, Businesses: []Choice{}}
	for _, b := range c.Banks {
		out.Banks = append(out.Banks, Choice{Id: b.ID, Name: b.Name})
	}
	for _, t := range c.Certificates {
		out.Certificates = append(out.Certificates, Choice{Id: t.ID, Name: t.Name})
	}
	for _, b := range c.Businesses {
		out.Businesses = append(out.Businesses, Choice{Id: b.ID, Name: b.Name})
	}
	return out, nil
}

// GetCustomer is where a follower stands.
func (o operationsOf) GetCustomer(ctx context.Context, in GetCustomerRequestObject) (GetCustomerResponseObject, error) {
	v, err := o.Customers.View(ctx, followerOf(ctx))
	if err != nil {
		return nil, err
	}
	out := GetCustomer200JSONResponse{
		State: CustomerState(v.State), Followed: v.Followed, Frozen: v.Frozen, HasLogin: v.Login, HasPayment: v.Payment,
		Notices: v.Notices, InDoubt: v.InDoubt, Changing: v.Changing, PrimaryBank: v.BankName, PrimarySuffix: v.Suffix,
		SetupUntil: shanghai(v.SetupUntil), Consents: make([]Consent, len(v.Consents)),
	}
	for i, c := range v.Consents {
		out.Consents[i] = Consent{Kind: ConsentKind(c.Kind), Version: c.Version, At: c.At.In(codec.Shanghai)}
	}
	return out, nil
}

// Follow notes that the follower follows.
func (o operationsOf) Follow(ctx context.Context, in FollowRequestObject) (FollowResponseObject, error) {
	p := in.Params
	call, err := callOf(ctx, "", &p.IdempotencyKey, p.RequestTimeout)
	if err != nil {
		return nil, err
	}
	e, err := endedOf(o.Customers.Follow(ctx, call, unixSeconds(p.At)))
	return Follow200JSONResponse{e}, err
}

// Unfollow notes that the follower has left.
func (o operationsOf) Unfollow(ctx context.Context, in UnfollowRequestObject) (UnfollowResponseObject, error) {
	p := in.Params
	call, err := callOf(ctx, "", &p.IdempotencyKey, p.RequestTimeout)
	if err != nil {
		return nil, err
	}
	e, err := endedOf(o.Customers.Unfollow(ctx, call, unixSeconds(p.At)))
	return Unfollow200JSONResponse{e}, err
}

// unixSeconds is a time; 0 is none.
func unixSeconds(at int64) time.Time {
	if at <= 0 {
		return time.Time{}
	}
	return time.Unix(at, 0)
}

// GetCodes is the clocks of the last SMS code.
func (o operationsOf) GetCodes(ctx context.Context, in GetCodesRequestObject) (GetCodesResponseObject, error) {
	p := in.Params
	if !p.Purpose.Valid() {
		return nil, refuseParameter("purpose", false)
	}
	c, err := o.Customers.Codes(ctx, followerOf(ctx), customer.Purpose(p.Purpose))
	if err != nil {
		return nil, err
	}
	return GetCodes200JSONResponse{AgainSeconds: seconds(c.Again, true), ValidSeconds: seconds(c.Valid, false)}, nil
}

// SendCode has an SMS code sent.
func (o operationsOf) SendCode(ctx context.Context, in SendCodeRequestObject) (SendCodeResponseObject, error) {
	p, b := in.Params, in.Body
	call, err := callOf(ctx, "", &p.IdempotencyKey, p.RequestTimeout)
	if err != nil {
		return nil, err
	}
	if !b.Purpose.Valid() {
		return nil, refuseField("/purpose", "must be authenticate, attach or reset")
	}
	if err := checkTyped(typed{"/account", b.Account, 64}, typed{"/bank", b.Bank, 64}); err != nil {
		return nil, err
	}
	e, err := endedOf(o.Customers.SendCode(ctx, call, customer.CodeRequest{
		Purpose: customer.Purpose(b.Purpose), Account: codec.NewAccount(b.Account), Bank: b.Bank,
	}))
	return SendCode200JSONResponse{e}, err
}

// Authenticate is 客户认证.
func (o operationsOf) Authenticate(ctx context.Context, in AuthenticateRequestObject) (AuthenticateResponseObject, error) {
	p, b := in.Params, in.Body
	call, err := callOf(ctx, "", &p.IdempotencyKey, p.RequestTimeout)
	if err != nil {
		return nil, err
	}
	err = checkTyped(
		typed{"/cert_type", b.CertType, 8}, typed{"/cert_number", b.CertNumber, 64}, typed{"/account", b.Account, 64}, typed{"/bank", b.Bank, 64},
		typed{"/code", b.Code, 32}, typed{"/terms", b.Terms, 64}, typed{"/notices", b.Notices, 64},
	)
	if err != nil {
		return nil, err
	}
	e, err := endedOf(o.Customers.Authenticate(ctx, call, customer.AuthRequest{
		CertType: b.CertType, CertNumber: b.CertNumber, Account: codec.NewAccount(b.Account), Bank: b.Bank,
		Code: codec.NewSecret(b.Code), Terms: b.Terms, Notices: b.Notices,
	}))
	return Authenticate200JSONResponse{e}, err
}

// Deregister is 客户注销.
func (o operationsOf) Deregister(ctx context.Context, in DeregisterRequestObject) (DeregisterResponseObject, error) {
	p := in.Params
	call, err := callOf(ctx, "", &p.IdempotencyKey, p.RequestTimeout)
	if err != nil {
		return nil, err
	}
	e, err := endedOf(o.Customers.Deregister(ctx, call))
	return Deregister200JSONResponse{e}, err
}

// Login opens a session.
func (o operationsOf) Login(ctx context.Context, in LoginRequestObject) (LoginResponseObject, error) {
	p := in.Params
	call, err := callOf(ctx, "", &p.IdempotencyKey, p.RequestTimeout)
	if err != nil {
		return nil, err
	}
	if err := checkTyped(typed{"/password", in.Body.Password, 512}); err != nil {
		return nil, err
	}
	a, err := o.Customers.Login(ctx, call, customer.Sealed(in.Body.Password))
	if err := refusalOf(a.Answer, err); err != nil {
		return nil, err
	}
	return Login200JSONResponse{
		Outcome: LoginOutcome(a.Outcome), Text: a.Text, Token: a.Token.Reveal(),
		IdleSeconds: seconds(a.Idle, false), Until: a.Until.In(codec.Shanghai),
	}, nil
}

// Logout ends the session.
func (o operationsOf) Logout(ctx context.Context, in LogoutRequestObject) (LogoutResponseObject, error) {
	p := in.Params
	call, err := callOf(ctx, p.SessionToken, &p.IdempotencyKey, p.RequestTimeout)
	if err != nil {
		return nil, err
	}
	e, err := endedOf(o.Customers.Logout(ctx, call))
	return Logout200JSONResponse{e}, err
}

// SetPasswords is 登录设置.
func (o operationsOf) SetPasswords(ctx context.Context, in SetPasswordsRequestObject) (SetPasswordsResponseObject, error) {
	p, b := in.Params, in.Body
	call, err := callOf(ctx, p.SessionToken, &p.IdempotencyKey, p.RequestTimeout)
	if err != nil {
		return nil, err
	}
	err = checkTyped(typed{"/login", b.Login, 512}, typed{"/payment", b.Payment, 512},
		typed{"/old_login", b.OldLogin, 512}, typed{"/old_payment", b.OldPayment, 512})
	if err != nil {
		return nil, err
	}
	e, err := endedOf(o.Customers.SetPasswords(ctx, call, customer.SetRequest{
		Login: customer.Sealed(b.Login), Payment: customer.Sealed(b.Payment),
		OldLogin: customer.Sealed(b.OldLogin), OldPayment: customer.Sealed(b.OldPayment),
	}))
	return SetPasswords200JSONResponse{e}, err
}

// ResetPassword is 微信支付密码重置, and that of the login password.
func (o operationsOf) ResetPassword(ctx context.Context, in ResetPasswordRequestObject) (ResetPasswordResponseObject, error) {
	p, b := in.Params, in.Body
	call, err := callOf(ctx, "", &p.IdempotencyKey, p.RequestTimeout)
	if err != nil {
		return nil, err
	}
	if !b.Kind.Valid() {
		return nil, refuseField("/kind", "must be login or payment")
	}
	err = checkTyped(
		typed{"/cert_type", b.CertType, 8}, typed{"/cert_number", b.CertNumber, 64}, typed{"/account", b.Account, 64}, typed{"/bank", b.Bank, 64},
		typed{"/code", b.Code, 32}, typed{"/password", b.Password, 512},
	)
	if err != nil {
		return nil, err
	}
	e, err := endedOf(o.Customers.ResetPassword(ctx, call, customer.ResetRequest{
		Kind: string(b.Kind), CertType: b.CertType, CertNumber: b.CertNumber, Account: codec.NewAccount(b.Account), Bank: b.Bank,
		Code: codec.NewSecret(b.Code), New: customer.Sealed(b.Password),
	}))
	return ResetPassword200JSONResponse{e}, err
}
