package api

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/customer"
)

// Customers decides what customers may do, and does it; the methods are
// documented there. Errors are switching.ErrKeyReused, ErrInProgress and
// ErrOutcomeUnknown, those that package customer names, and ours; a refusal is
// an Answer.
type Customers interface {
	Choices() customer.Choices
	PageKey(ctx context.Context) (customer.PageKey, error)

	View(ctx context.Context, f customer.Follower) (customer.View, error)
	Follow(ctx context.Context, call customer.Call) (customer.Answer, error)
	Unfollow(ctx context.Context, call customer.Call) (customer.Answer, error)
	Codes(ctx context.Context, f customer.Follower, p customer.Purpose) (customer.CodeClocks, error)
	SendCode(ctx context.Context, call customer.Call, r customer.CodeRequest) (customer.Answer, error)
	Authenticate(ctx context.Context, call customer.Call, r customer.AuthRequest) (customer.Answer, error)
	Deregister(ctx context.Context, call customer.Call) (customer.Answer, error)
	Login(ctx context.Context, call customer.Call, password customer.Sealed) (customer.LoginAnswer, error)
	Logout(ctx context.Context, call customer.Call) (customer.Answer, error)
	SetPasswords(ctx context.Context, call customer.Call, r customer.SetRequest) (customer.Answer, error)
	ResetPassword(ctx context.Context, call customer.Call, r customer.ResetRequest) (customer.Answer, error)
	Accounts(ctx context.Context, call customer.Call) ([]customer.Account, customer.Answer, error)
	Attach(ctx context.Context, call customer.Call, r customer.AttachRequest) (customer.Answer, error)
	Detach(ctx context.Context, call customer.Call, link string) (customer.Answer, error)
	Balances(ctx context.Context, call customer.Call, links []string, line func(customer.BalanceLine)) (customer.Answer, error)
	Details(ctx context.Context, call customer.Call, r customer.DetailsRequest) (customer.DetailsPage, error)
	Book(ctx context.Context, call customer.Call, r customer.VisitRequest) (customer.VisitAnswer, error)

	SetTalk(ctx context.Context, f customer.Follower, value codec.Secret, life time.Duration) error
	Talk(ctx context.Context, f customer.Follower) (value codec.Secret, found bool, err error)
	EndTalk(ctx context.Context, f customer.Follower) error
	PutOnce(ctx context.Context, name string, value codec.Secret, life time.Duration) error
	Once(ctx context.Context, name string, value codec.Secret, life time.Duration) (first bool, before codec.Secret, err error)
	Take(ctx context.Context, name string) (value codec.Secret, found bool, err error)

	ShowCustomer(ctx context.Context, id string, f customer.Follower) (customer.Shown, error)
	Freeze(ctx context.Context, id, who, reason string) (customer.Shown, error)
	Release(ctx context.Context, id, who, reason string) (customer.Shown, error)
}

var _ Customers = (*customer.Service)(nil)

// busyFollowers bounds what is under way in one follower's name, so that none
// takes the places of the others.
type busyFollowers struct {
	limit int
	mu    sync.Mutex // guards under
	under map[customer.Follower]int
}

func newBusyFollowers(limit int) *busyFollowers {
	return &busyFollowers{limit: limit, under: make(map[customer.Follower]int)}
}

// enter takes a place, if there is one left.
func (b *busyFollowers) enter(f customer.Follower) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.under[f] >= b.limit {
		return false
	}
	b.under[f]++
	return true
}

func (b *busyFollowers) leave(f customer.Follower) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.under[f]--; b.under[f] == 0 {
		delete(b.under, f)
	}
}

// serve is around each generated operation: it checks and bounds the follower.
// A caller that hangs up cancels nothing.
func (a *API) serve(next StrictHandlerFunc, _ string) StrictHandlerFunc {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request, request any) (any, error) {
		if door, ok := w.(*answer); !ok || !door.op.follower {
			return next(ctx, w, r, request)
		}
		f := customer.Follower{Channel: r.Header.Get("Follower-Channel"), Subject: r.Header.Get("Follower-Subject")}
		if !isVisible(f.Channel, 64) || !isVisible(f.Subject, 128) {
			return nil, refuse(codeFollowerInvalid)
		}
		if !a.busy.enter(f) {
			return nil, refuse(codeFollowerBusy)
		}
		defer a.busy.leave(f)
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), maxTimeout)
		defer stop()
		return next(ctx, w, r, request)
	}
}

// headers are what comes with a call beside its body; nil and empty for what
// the operation does not take. The follower was checked by serve.
type headers struct {
	channel, subject, session string
	key                       *Key
	timeout                   *RequestTimeout
}

func callOf(ctx context.Context, h headers) (customer.Call, error) {
	call := customer.Call{
		Client: clientOf(ctx).ID, Follower: customer.Follower{Channel: h.channel, Subject: h.subject}, Session: codec.NewSecret(h.session),
	}
	if h.session != "" && !isVisible(h.session, 128) {
		return call, refuseParameter("Session-Token", false)
	}
	if h.key != nil {
		switch call.Key = *h.key; {
		case call.Key == "":
			return call, refuse(codeKeyMissing)
		case !isVisible(call.Key, 128):
			return call, refuse(codeKeyInvalid)
		}
	}
	timeout, refused := timeoutOf(h.timeout)
	if refused != nil {
		return call, refused
	}
	call.Timeout = timeout
	return call, nil
}

// refusalOf is the problem of how an operation ended, nil where it is none.
func refusalOf(a customer.Answer, err error) error {
	var r *refusal
	switch {
	case err == nil && !a.Refused():
		return nil
	case err == nil:
		r = refuse(string(a.Reason))
		r.id = a.Entry
	case errors.Is(err, switching.ErrKeyReused):
		r = refuse(codeKeyReused)
	case errors.Is(err, switching.ErrInProgress):
		r = refuse(codeInProgress)
	case errors.Is(err, switching.ErrOutcomeUnknown):
		r = refuse(codeOutcomeUnknown)
	case errors.Is(err, customer.ErrNoKey):
		r = refuse(codeKeyMissing)
	case errors.Is(err, context.DeadlineExceeded): // what writes says by its own error where that is in doubt
		r = refuse(string(switching.ReasonDeadline))
	default:
		return err
	}
	r.text = a.Text
	return r
}

func endedOf(a customer.Answer, err error) (EndedJSONResponse, error) {
	if err := refusalOf(a, err); err != nil {
		return EndedJSONResponse{}, err
	}
	return EndedJSONResponse{Outcome: EndedOutcome(a.Outcome), Reason: string(a.Reason), Text: a.Text, Id: someID(a.Entry)}, nil
}

// someID is formatID, empty for none.
func someID(id int64) string {
	if id == 0 {
		return ""
	}
	return formatID(id)
}

// typed is a field that a customer typed or chose.
type typed struct {
	pointer, value string
	limit          int // in characters
}

// checkTyped refuses what no form lets through. Whether the rest is right is the
// customer's rules' to say, in the customer's words.
func checkTyped(fields ...typed) error {
	for _, f := range fields {
		if utf8.RuneCountInString(f.value) > f.limit {
			return refuseField(f.pointer, "too long")
		}
		for _, c := range f.value {
			if unicode.IsControl(c) || c == utf8.RuneError {
				return refuseField(f.pointer, "must be printable characters")
			}
		}
	}
	return nil
}

// isRandomID reports whether s may be an id of ours: 128 bits in base64url.
func isRandomID(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return len(s) == 22
}

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
	v, err := o.Customers.View(ctx, customer.Follower{Channel: in.Params.FollowerChannel, Subject: in.Params.FollowerSubject})
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

// shanghai is nil for the zero time.
func shanghai(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.In(codec.Shanghai)
	return &t
}

// seconds is what is left of a clock: rounded so that a page never promises
// more than there is, nor lets a customer ask before it may.
func seconds(d time.Duration, up bool) int {
	if up {
		return int(math.Ceil(d.Seconds()))
	}
	return int(d.Seconds())
}

// Follow notes that the follower follows.
func (o operationsOf) Follow(ctx context.Context, in FollowRequestObject) (FollowResponseObject, error) {
	p := in.Params
	call, err := callOf(ctx, headers{channel: p.FollowerChannel, subject: p.FollowerSubject, key: &p.IdempotencyKey, timeout: p.RequestTimeout})
	if err != nil {
		return nil, err
	}
	e, err := endedOf(o.Customers.Follow(ctx, call))
	return Follow200JSONResponse{e}, err
}

// Unfollow notes that the follower has left.
func (o operationsOf) Unfollow(ctx context.Context, in UnfollowRequestObject) (UnfollowResponseObject, error) {
	p := in.Params
	call, err := callOf(ctx, headers{channel: p.FollowerChannel, subject: p.FollowerSubject, key: &p.IdempotencyKey, timeout: p.RequestTimeout})
	if err != nil {
		return nil, err
	}
	e, err := endedOf(o.Customers.Unfollow(ctx, call))
	return Unfollow200JSONResponse{e}, err
}

// GetCodes is the clocks of the last SMS code.
func (o operationsOf) GetCodes(ctx context.Context, in GetCodesRequestObject) (GetCodesResponseObject, error) {
	p := in.Params
	if !p.Purpose.Valid() {
		return nil, refuseParameter("purpose", false)
	}
	c, err := o.Customers.Codes(ctx, customer.Follower{Channel: p.FollowerChannel, Subject: p.FollowerSubject}, customer.Purpose(p.Purpose))
	if err != nil {
		return nil, err
	}
	return GetCodes200JSONResponse{AgainSeconds: seconds(c.Again, true), ValidSeconds: seconds(c.Valid, false)}, nil
}

// SendCode has an SMS code sent.
func (o operationsOf) SendCode(ctx context.Context, in SendCodeRequestObject) (SendCodeResponseObject, error) {
	p, b := in.Params, in.Body
	call, err := callOf(ctx, headers{channel: p.FollowerChannel, subject: p.FollowerSubject, key: &p.IdempotencyKey, timeout: p.RequestTimeout})
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
	call, err := callOf(ctx, headers{channel: p.FollowerChannel, subject: p.FollowerSubject, key: &p.IdempotencyKey, timeout: p.RequestTimeout})
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
	call, err := callOf(ctx, headers{channel: p.FollowerChannel, subject: p.FollowerSubject, key: &p.IdempotencyKey, timeout: p.RequestTimeout})
	if err != nil {
		return nil, err
	}
	e, err := endedOf(o.Customers.Deregister(ctx, call))
	return Deregister200JSONResponse{e}, err
}

// Login opens a session.
func (o operationsOf) Login(ctx context.Context, in LoginRequestObject) (LoginResponseObject, error) {
	p := in.Params
	call, err := callOf(ctx, headers{channel: p.FollowerChannel, subject: p.FollowerSubject, key: &p.IdempotencyKey, timeout: p.RequestTimeout})
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
	call, err := callOf(ctx, headers{p.FollowerChannel, p.FollowerSubject, p.SessionToken, &p.IdempotencyKey, p.RequestTimeout})
	if err != nil {
		return nil, err
	}
	e, err := endedOf(o.Customers.Logout(ctx, call))
	return Logout200JSONResponse{e}, err
}

// SetPasswords is 登录设置.
func (o operationsOf) SetPasswords(ctx context.Context, in SetPasswordsRequestObject) (SetPasswordsResponseObject, error) {
	p, b := in.Params, in.Body
	call, err := callOf(ctx, headers{p.FollowerChannel, p.FollowerSubject, p.SessionToken, &p.IdempotencyKey, p.RequestTimeout})
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
	call, err := callOf(ctx, headers{channel: p.FollowerChannel, subject: p.FollowerSubject, key: &p.IdempotencyKey, timeout: p.RequestTimeout})
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

// BookVisit is 网点预约.
func (o operationsOf) BookVisit(ctx context.Context, in BookVisitRequestObject) (BookVisitResponseObject, error) {
	p, b := in.Params, in.Body
	call, err := callOf(ctx, headers{channel: p.FollowerChannel, subject: p.FollowerSubject, key: &p.IdempotencyKey, timeout: p.RequestTimeout})
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
	p := in.Params
	call, err := callOf(ctx, headers{channel: p.FollowerChannel, subject: p.FollowerSubject, session: p.SessionToken})
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
	call, err := callOf(ctx, headers{p.FollowerChannel, p.FollowerSubject, p.SessionToken, &p.IdempotencyKey, p.RequestTimeout})
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
	call, err := callOf(ctx, headers{p.FollowerChannel, p.FollowerSubject, p.SessionToken, &p.IdempotencyKey, p.RequestTimeout})
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
	call, err := callOf(ctx, headers{channel: p.FollowerChannel, subject: p.FollowerSubject, session: p.SessionToken, timeout: p.RequestTimeout})
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
	if l.Outcome == switching.Approved {
		balance, available := int64(l.Balance), int64(l.Available)
		out.Balance, out.Available = &balance, &available
	}
	return out
}

// ListDetails is 交易明细.
func (o operationsOf) ListDetails(ctx context.Context, in ListDetailsRequestObject) (ListDetailsResponseObject, error) {
	p := in.Params
	call, err := callOf(ctx, headers{channel: p.FollowerChannel, subject: p.FollowerSubject, session: p.SessionToken, timeout: p.RequestTimeout})
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
