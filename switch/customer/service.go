package customer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wxswitch/codec"
	"wxswitch/routing"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// Doors are what a Service reaches the rest of the switch by. All are required
// but Notices and Registerer.
type Doors struct {
	// Switch carries out what a bank must be asked.
	Switch interface {
		Do(ctx context.Context, r switching.Request) (switching.Result, error)
		Replay(ctx context.Context, r switching.Request) (result switching.Result, found bool, err error)
	}
	// Journal does what sends nothing, once per key.
	Journal interface {
		Local(ctx context.Context, l switching.Local, fn func(context.Context, switching.Tx) ([]byte, error)) (answer []byte, replayed bool, err error)
		LocalDone(ctx context.Context, l switching.Local) (answer []byte, done bool, err error)
	}
	Router *routing.Router
	Banks  []Bank // the member banks, as customers may choose them
	Places *Places
	// Notices forgets what waits to be told to a follower who left; may be nil.
	Notices interface {
		Forget(ctx context.Context, tx switching.Tx, channel, subject string) error
	}
	Log        zerolog.Logger
	Registerer prometheus.Registerer // may be nil
}

// Bank is a member bank as customers see it.
type Bank struct {
	ID   string
	Name string // Chinese
	// Words has this bank's own texts for its codes, by F39.
	Words map[string]string
}

// Service is what the API calls: one method an operation. It is safe for
// concurrent use.
type Service struct {
	*Store
	Doors
	unmapped *prometheus.CounterVec // what customers got a general text for
}

// New returns the Service over the Store.
func New(s *Store, d Doors) *Service { return &Service{s, d, newUnmapped(d.Registerer)} }

// Call is who calls and how.
type Call struct {
	Client   string // the authenticated client of the API
	Key      string // the idempotency key; required by what changes anything
	Follower Follower
	Session  codec.Secret // token of a login; empty for none
	Timeout  time.Duration
	Gone     func() bool // whether who asked has hung up; may be nil
}

// Answer is how an operation ended, with the words for the customer.
type Answer struct {
	Outcome switching.Outcome
	Reason  switching.Reason // of Refused and TimedOut
	Text    string           // Chinese, for the customer
	Entry   int64            // the transaction, 0 for none
}

// Refused reports whether the operation ended before anything was sent.
func (a Answer) Refused() bool { return a.Outcome == switching.Refused }

// refuse is the Answer of a rule of ours.
func refuse(r switching.Reason) Answer {
	return Answer{Outcome: switching.Refused, Reason: r, Text: Text(r)}
}

// approve is the Answer of what was done here.
func approve() Answer { return Answer{Outcome: switching.Approved} }

// The reasons of this package's refusals. Each has its text in texts.go.
const (
	// Of what was typed.
	ReasonCertType    switching.Reason = "cert-type-missing"
	ReasonCert        switching.Reason = "cert-number-invalid"
	ReasonCodeFormat  switching.Reason = "code-missing"
	ReasonAccount     switching.Reason = "account-missing"
	ReasonConsent     switching.Reason = "consent-missing"
	ReasonLoginForm   switching.Reason = "login-password-invalid"   // length or characters
	ReasonPaymentForm switching.Reason = "payment-password-invalid" // not 6 digits
	ReasonLoginWeak   switching.Reason = "login-password-weak"
	ReasonPaymentWeak switching.Reason = "payment-password-weak"
	ReasonSame        switching.Reason = "passwords-equal"
	ReasonPhone       switching.Reason = "phone-invalid"
	ReasonBusiness    switching.Reason = "business-missing"
	ReasonLocation    switching.Reason = "location-invalid"
	ReasonRange       switching.Reason = "range-reversed"
	ReasonFuture      switching.Reason = "range-future"
	ReasonRangeLong   switching.Reason = "range-too-long"
	ReasonRangeOld    switching.Reason = "range-too-old"
	ReasonRangeFormat switching.Reason = "range-invalid"
	// Of codes: the last four are told alike (A4).
	ReasonCodeSoon    switching.Reason = "code-too-soon"
	ReasonCodesADay   switching.Reason = "codes-a-day"
	ReasonCodeWrong   switching.Reason = "code-wrong"
	ReasonCodeExpired switching.Reason = "code-expired"
	ReasonCodeVoid    switching.Reason = "code-void"
	ReasonCodeUsed    switching.Reason = "code-used"
	// Of who the customer is.
	ReasonNotAuthenticated switching.Reason = "not-authenticated"
	ReasonInProgress       switching.Reason = "authentication-in-progress"
	ReasonDeregistering    switching.Reason = "deregistering"
	ReasonFrozen           switching.Reason = "frozen"
	ReasonOtherCert        switching.Reason = "other-certificate"
	ReasonUnfollowed       switching.Reason = "not-following"
	// Of passwords and sessions.
	ReasonNoSession     switching.Reason = "session-needed"
	ReasonNoLogin       switching.Reason = "login-password-missing"
	ReasonNoPayment     switching.Reason = "payment-password-missing"
	ReasonLoginWrong    switching.Reason = "login-password-wrong"
	ReasonPaymentWrong  switching.Reason = "payment-password-wrong"
	ReasonLoginLocked   switching.Reason = "login-locked"
	ReasonPaymentLocked switching.Reason = "payment-locked"
	ReasonSetupOver     switching.Reason = "setup-over"
	ReasonIdentity      switching.Reason = "identity-mismatch" // of a reset
	ReasonPageKey       switching.Reason = "page-key"          // old, or its nonce spent: load the page again
	ReasonBusy          switching.Reason = "busy"
	// Of accounts.
	ReasonNoLink  switching.Reason = "account-unknown"
	ReasonLinked  switching.Reason = "account-linked"
	ReasonLinks   switching.Reason = "accounts-too-many"
	ReasonPrimary switching.Reason = "account-primary"
	// Of visits.
	ReasonNoBranch switching.Reason = "branch-unknown"
	ReasonVisits   switching.Reason = "visits-a-day"
)

// ErrNoKey says that what changes something needs an idempotency key.
var ErrNoKey = errors.New("customer: no idempotency key")

// local is the Local of a call.
func (c Call) local(operation, customer string, covers ...string) switching.Local {
	return switching.Local{Client: c.Client, Operation: operation, Key: c.Key, Customer: customer, Covers: covers}
}

// reading runs fn in a transaction that reads.
func (s *Store) reading(ctx context.Context, fn func(ctx context.Context, tx switching.Tx) error) error {
	if err := s.DB.Read(ctx, func(ctx context.Context, tx db.Tx) error { return fn(ctx, tx) }); err != nil {
		return fmt.Errorf("customer: %w", err)
	}
	return nil
}
