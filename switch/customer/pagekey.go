package customer

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"wxswitch/switch/db"
	"wxswitch/switch/vault"
)

// PageKey is what a page needs to encrypt passwords.
type PageKey struct {
	KID     string
	SPKI    string // base64 of the DER, for importKey("spki")
	JWK     JWK    // the same key, for importKey("jwk")
	Nonce   string // for one request, all its passwords
	Expires time.Time
}

// JWK is an RSA public key (RFC 7517, RFC 7518).
type JWK struct {
	KTY string `json:"kty"`
	Alg string `json:"alg"`
	Use string `json:"use"`
	KID string `json:"kid"`
	N   string `json:"n"`
	E   string `json:"e"`
}

const pageKeyBits = 2048

// pageKey is one key pair.
type pageKey struct {
	kid     string
	created time.Time
	private *rsa.PrivateKey
}

// pageKeys are the keys that were used lately. The database has them all.
type pageKeys struct {
	mu     *sync.Mutex // guards open
	open   map[string]pageKey
	making chan struct{} // an element while one is made
}

func newPageKeys() pageKeys {
	return pageKeys{new(sync.Mutex), make(map[string]pageKey), make(chan struct{}, 1)}
}

func (k pageKeys) get(kid string) (pageKey, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, ok := k.open[kid]
	return key, ok
}

// put keeps a key, and drops those that were made before the time.
func (k pageKeys) put(key pageKey, before time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for kid, old := range k.open {
		if !old.created.After(before) {
			delete(k.open, kid)
		}
	}
	k.open[key.kid] = key
}

// newest returns the newest key that was made before the time, whose kid is empty if
// there is none.
func (k pageKeys) newest(before time.Time) (newest pageKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range k.open {
		if key.created.After(newest.created) && key.created.Before(before) {
			newest = key
		}
	}
	return newest
}

// PageKey returns the key of the day and a fresh nonce. A nonce is kept nowhere
// until it is spent, so that nobody can fill anything by asking for them.
func (s *Store) PageKey(ctx context.Context) (PageKey, error) {
	key, err := s.currentKey(ctx)
	if err != nil {
		return PageKey{}, fmt.Errorf("customer: page key: %w", err)
	}
	public := &key.private.PublicKey
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return PageKey{}, fmt.Errorf("customer: page key: %w", err)
	}
	expires := s.Now().Add(s.Limits.Nonce)
	return PageKey{
		KID: key.kid, SPKI: base64.StdEncoding.EncodeToString(der), Nonce: s.nonce(expires), Expires: expires,
		JWK: JWK{
			KTY: "RSA", Alg: "RSA-OAEP-256", Use: "enc", KID: key.kid,
			N: base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
			E: base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
		},
	}, nil
}

// given reports whether the key is still given to pages.
func (s *Store) given(k pageKey) bool {
	return k.kid != "" && s.Now().Before(k.created.Add(s.Limits.PageKey))
}

// opens reports whether the key still opens what pages sealed. One from too far ahead
// was made before the clock was set back.
func (s *Store) opens(k pageKey) bool {
	return k.kid != "" && s.Now().Sub(k.created).Abs() < s.Limits.PageKey+s.Limits.PageKeyOpens
}

// ahead is from when on a key was made before the clock was set back: others come
// before it.
func (s *Store) ahead() time.Time { return s.Now().Add(s.Limits.PageKey) }

// currentKey returns a key to give to a page. Who finds none makes one; others
// meanwhile get the one before, as long as it opens for longer than a nonce.
func (s *Store) currentKey(ctx context.Context) (pageKey, error) {
	if k := s.keys.newest(s.ahead()); s.given(k) {
		return k, nil
	}
	k, err := s.findKey(ctx, `created < $1`, s.ahead().UnixMilli())
	if err != nil || s.given(k) {
		return k, err
	}
	select {
	case s.keys.making <- struct{}{}:
	default:
		if s.Now().Add(s.Limits.Nonce).Before(k.created.Add(s.Limits.PageKey + s.Limits.PageKeyOpens)) {
			return k, nil
		}
		select {
		case s.keys.making <- struct{}{}:
		case <-ctx.Done():
			return k, fmt.Errorf("wait for a key that is made: %w", ctx.Err())
		}
	}
	defer func() { <-s.keys.making }()
	if k := s.keys.newest(s.ahead()); s.given(k) { // made while we waited
		return k, nil
	}
	return s.makeKey(ctx)
}

// findKey returns the newest key that the condition names, and keeps it; none
// has an empty kid.
func (s *Store) findKey(ctx context.Context, where string, args ...any) (k pageKey, err error) {
	var sealed []byte
	var created int64
	err = s.DB.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT kid, private, created FROM page_key WHERE `+where+` ORDER BY created DESC, kid LIMIT 1`, args...).
			Scan(&k.kid, &sealed, &created)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return pageKey{}, nil
	case err != nil:
		return pageKey{}, fmt.Errorf("read key: %w", err)
	}
	k.created = moment(created)
	der, err := s.unseal(sealed, "page_key.private", k.kid)
	if err != nil {
		return pageKey{}, err
	}
	if k.private, err = x509.ParsePKCS1PrivateKey([]byte(der)); err != nil {
		return pageKey{}, fmt.Errorf("key %s: %w", k.kid, err)
	}
	s.keepKey(k)
	return k, nil
}

// keepKey keeps a key at hand, and drops those that open no more.
func (s *Store) keepKey(k pageKey) {
	s.keys.put(k, s.Now().Add(-s.Limits.PageKey-s.Limits.PageKeyOpens))
}

// CheckKey is for a start: with a vault that has not the key of the newest page key no
// page could seal a password for a day. The error is vault.ErrKey, or the database's.
func (s *Store) CheckKey(ctx context.Context) error {
	_, err := s.findKey(ctx, `1 = 1`)
	if errors.Is(err, vault.ErrDamaged) {
		return nil
	}
	return err
}

// makeKey makes a key and stores it. One that another instance made meanwhile is
// as good: pages are given either, and both open everywhere.
func (s *Store) makeKey(ctx context.Context) (k pageKey, err error) {
	reason, err := s.compute(ctx, func() (err error) {
		k.private, err = rsa.GenerateKey(rand.Reader, pageKeyBits)
		return err
	})
	if reason != "" {
		err = errors.New("too many passwords at once")
	}
	if err != nil {
		return k, fmt.Errorf("make key: %w", err)
	}
	k.kid, k.created = randomID(), time.UnixMilli(s.Now().UnixMilli())
	sealed, err := s.seal(string(x509.MarshalPKCS1PrivateKey(k.private)), "page_key.private", k.kid)
	if err != nil {
		return k, err
	}
	err = s.DB.Write(ctx, func(ctx context.Context, tx db.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO page_key (kid, private, created) VALUES ($1, $2, $3)`, k.kid, sealed, k.created.UnixMilli())
		return err
	})
	if err != nil {
		return k, fmt.Errorf("store key: %w", err)
	}
	s.keepKey(k)
	return k, nil
}

// keyFor returns the key that a page names, no kid for one that opens nothing.
func (s *Store) keyFor(ctx context.Context, kid string) (k pageKey, err error) {
	k, ok := s.keys.get(kid)
	if !ok {
		if k, err = s.findKey(ctx, `kid = $1`, kid); err != nil {
			return k, err
		}
	}
	if !s.opens(k) {
		return pageKey{}, nil
	}
	return k, nil
}
