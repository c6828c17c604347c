package customer

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/alexedwards/argon2id"

	switching "wxswitch/switch"
)

// The kinds of passwords.
const (
	kindLogin   = "login"   // 微信登录密码
	kindPayment = "payment" // 微信支付密码
)

// Password is what a customer typed. It prints as six asterisks, however long
// it is.
type Password struct{ v *string } // a pointer: of an unexported field, too, fmt prints no more than an address

// NewPassword returns the password; it checks nothing.
func NewPassword(v string) Password { return Password{&v} }

// Reveal returns the password in clear. Every caller answers for where it goes.
func (p Password) Reveal() string {
	if p.v == nil {
		return ""
	}
	return *p.v
}

// String returns six asterisks.
func (Password) String() string { return "******" }

// Format prints six asterisks, whatever the verb.
func (p Password) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// MarshalText returns six asterisks.
func (p Password) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// MarshalJSON returns six asterisks.
func (p Password) MarshalJSON() ([]byte, error) { return json.Marshal(p.String()) }

const (
	computeWait  = 5 * time.Second // for a place to compute in, where ctx has more
	computeQueue = 64              // callers at once that compute or wait for it
)

// compute runs fn, which takes much CPU and memory, in one of few places. It
// waits for one until ctx ends; ReasonBusy where none became free.
func (s *Store) compute(ctx context.Context, fn func() error) (switching.Reason, error) {
	select {
	case s.queue <- struct{}{}:
		defer func() { <-s.queue }()
	default:
		return ReasonBusy, nil
	}
	ctx, stop := context.WithTimeout(ctx, computeWait)
	defer stop()
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
		return "", fn()
	case <-ctx.Done():
		return ReasonBusy, nil
	}
}

// peppered is the password under a key that stands outside the database: who has
// the database alone cannot even try one. It is bound to customer and kind, so
// that a hash copied to another row opens nothing.
func (s *Store) peppered(customer, kind string, p Password) string {
	return base64.RawStdEncoding.EncodeToString(s.Vault.Hash("password pepper", kind, customer, p.Reveal()))
}

// hash returns what is kept of a password. Call it in compute.
func (s *Store) hash(customer, kind string, p Password) (string, error) {
	h, err := argon2id.CreateHash(s.peppered(customer, kind, p), &s.Argon)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return h, nil
}

// maxMemory is far above any setting of ours, in KiB.
const maxMemory = 1 << 20

// check compares a password with what is kept, and says whether that was made
// with less work than is asked today. Call it in compute.
func (s *Store) check(customer, kind string, p Password, kept string) (right, outgrown bool, err error) {
	params, _, _, err := argon2id.DecodeHash(kept)
	if err == nil && (params.Iterations == 0 || params.Parallelism == 0 || params.KeyLength == 0 || params.Memory > maxMemory) {
		err = argon2id.ErrInvalidHash // argon2 would panic, or take all memory
	}
	if err != nil {
		return false, false, fmt.Errorf("kept %s password of %s: %w", kind, customer, err)
	}
	right, err = argon2id.ComparePasswordAndHash(s.peppered(customer, kind, p), kept)
	outgrown = params.Memory < s.Argon.Memory || params.Iterations < s.Argon.Iterations || params.KeyLength < s.Argon.KeyLength
	return right, outgrown, err
}

// credential returns the customer's password of the kind.
func (c *row) credential(kind string) *credential {
	if kind == kindPayment {
		return &c.Payment
	}
	return &c.Login
}

// verdict is what was found of a typed password outside the transaction that
// needs it: hashing takes too long for the one writer.
type verdict struct {
	kind  string
	typed Password
	hash  string // what it was compared with; empty if it was not
	right bool
	fresh string // what to keep instead, where the work asked has grown
}

// covers is what the keyed hash of a body covers of it.
func (v verdict) covers() string { return v.typed.Reveal() }

// compare computes the verdict on a password. It takes as long for a customer
// without one. Who is locked out is told so in any case, and costs no hash.
func (s *Store) compare(ctx context.Context, c *row, kind string, p Password) (verdict, switching.Reason, error) {
	k, v := c.credential(kind), verdict{kind: kind, typed: p}
	if k.locked(s.Now()) {
		return v, "", nil
	}
	reason, err := s.compute(ctx, func() (err error) {
		if k.Hash == "" {
			_, err = s.hash(c.ID, kind, p)
			return err
		}
		var outgrown bool
		v.hash = k.Hash
		if v.right, outgrown, err = s.check(c.ID, kind, p, k.Hash); err != nil || !v.right || !outgrown {
			return err
		}
		v.fresh, err = s.hash(c.ID, kind, p)
		return err
	})
	return v, reason, err
}

// locks are how long the wrong tries lock: each time longer, until a right one.
var locks = []time.Duration{5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 24 * time.Hour}

// locked: what ends much later than the last lock could was made by a clock that was
// set back since, and has ended.
func (k *credential) locked(now time.Time) bool {
	left := k.Until.Sub(now)
	return left > 0 && (k.Locks == 0 || left <= 2*locks[min(k.Locks, len(locks))-1])
}

// judge applies a verdict to the customer as it is now, and saves what it
// changes: counts a wrong try, locks, or forgets the tries after a right one.
// ReasonBusy, with nothing counted, where the password was changed since it was
// compared: the same request again is judged anew.
func (s *Store) judge(ctx context.Context, tx switching.Tx, c *row, v verdict) (switching.Reason, error) {
	missing, wrong, locked := ReasonNoLogin, ReasonLoginWrong, ReasonLoginLocked
	if v.kind == kindPayment {
		missing, wrong, locked = ReasonNoPayment, ReasonPaymentWrong, ReasonPaymentLocked
	}
	k := c.credential(v.kind)
	switch {
	case k.Hash == "":
		return missing, nil
	case k.locked(s.Now()):
		return locked, nil
	case v.hash != k.Hash:
		return ReasonBusy, nil
	case v.right:
		return "", s.forgive(ctx, tx, c, k, v.fresh)
	}
	if k.Wrong++; k.Wrong < s.Limits.PasswordTries {
		return wrong, s.save(ctx, tx, c)
	}
	k.Until = s.Now().Add(locks[min(k.Locks, len(locks)-1)])
	k.Wrong, k.Locks = 0, k.Locks+1
	err := s.save(ctx, tx, c)
	return locked, errors.Join(err, s.remember(ctx, tx, c.ID, v.kind+"-locked", c.State, c.State, byFollower))
}

// byFollower is the cause of what a customer does here itself.
var byFollower = cause{who: "follower"}

// forgive is judge for a right password.
func (s *Store) forgive(ctx context.Context, tx switching.Tx, c *row, k *credential, fresh string) error {
	if fresh == "" {
		fresh = k.Hash
	}
	after := credential{Hash: fresh}
	if *k == after {
		return nil
	}
	*k = after
	return s.save(ctx, tx, c)
}
