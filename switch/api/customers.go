package api

import (
	"context"
	"errors"
	"math"
	"net/http"
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
	Follow(ctx context.Context, call customer.Call, at time.Time) (customer.Answer, error)
	Unfollow(ctx context.Context, call customer.Call, at time.Time) (customer.Answer, error)
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

// serve is around each generated operation: a caller that hangs up cancels
// nothing; a follower is checked and bounded, and given on in the context with the
// caller. What the platform says of a follower is not what the follower asks.
func (a *API) serve(next StrictHandlerFunc, _ string) StrictHandlerFunc {
	return func(caller context.Context, w http.ResponseWriter, r *http.Request, request any) (any, error) {
		ctx, stop := context.WithTimeout(context.WithoutCancel(caller), maxTimeout)
		defer stop()
		door, ok := w.(*answer)
		if !ok || !door.op.follower {
			return next(ctx, w, r, request)
		}
		f := customer.Follower{Channel: r.Header.Get("Follower-Channel"), Subject: r.Header.Get("Follower-Subject")}
		if !isVisible(f.Channel, 64) || !isVisible(f.Subject, 128) {
			return nil, refuse(codeFollowerInvalid)
		}
		if !door.op.told && !a.paces.allow(f) || !a.busy.enter(f) {
			return nil, refuse(codeFollowerBusy)
		}
		defer a.busy.leave(f)
		return next(context.WithValue(ctx, askerKey{}, asker{f, caller}), w, r, request)
	}
}

type askerKey struct{}

// asker is the follower that serve checked, and who asks in its name.
type asker struct {
	customer.Follower
	caller context.Context //nolint:containedctx // only asked whether it has ended
}

func (a asker) gone() bool { return a.caller.Err() != nil }

func askerOf(ctx context.Context) asker { return ctx.Value(askerKey{}).(asker) }

func followerOf(ctx context.Context) customer.Follower { return askerOf(ctx).Follower }

// callOf is who asks, in whose name, and the headers that the operation takes:
// empty and nil for those that it does not.
func callOf(ctx context.Context, session string, key *Key, timeout *RequestTimeout) (customer.Call, error) {
	who := askerOf(ctx)
	call := customer.Call{Client: clientOf(ctx).ID, Follower: who.Follower, Session: codec.NewSecret(session), Gone: who.gone}
	if session != "" && !isVisible(session, 128) {
		return call, refuseParameter("Session-Token", false)
	}
	if key != nil {
		switch call.Key = *key; {
		case call.Key == "":
			return call, refuse(codeKeyMissing)
		case !isVisible(call.Key, 128):
			return call, refuse(codeKeyInvalid)
		}
	}
	limit, refused := timeoutOf(timeout)
	if refused != nil {
		return call, refused
	}
	call.Timeout = limit
	return call, nil
}

// refusalOf is the problem of how an operation ended, nil where it is none.
func refusalOf(a customer.Answer, err error) error {
	r := problemOf(err)
	switch {
	case err == nil && !a.Refused():
		return nil
	case err == nil:
		r = refuse(string(a.Reason))
		r.id = a.Entry
	case r != nil:
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
