package customer

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// Sealed is a password as a page encrypts it: the key's kid, a point, and the
// base64url, without padding, of the RSA-OAEP-256 encryption of the JSON object
// {"nonce": …, "value": …}. No label.
type Sealed string

// maxSealed is in characters; a kid and 256 bytes take 365.
const maxSealed = 512

// openSealed decrypts what a page sealed. ReasonPageKey for all that no page of
// ours sealed with a key that still opens. The nonce is for spend.
func (s *Store) openSealed(ctx context.Context, x Sealed) (value Password, nonce string, reason switching.Reason, err error) {
	kid, text, ok := strings.Cut(string(x), ".")
	box, wrong := base64.RawURLEncoding.Strict().DecodeString(text)
	if !ok || wrong != nil || len(x) > maxSealed {
		return value, "", ReasonPageKey, nil //nolint:nilerr // told by the reason
	}
	k, err := s.keyFor(ctx, kid)
	if err != nil {
		return value, "", "", fmt.Errorf("customer: page key: %w", err)
	}
	if k.kid == "" {
		return value, "", ReasonPageKey, nil
	}
	var plain []byte
	reason, _ = s.compute(ctx, func() (err error) {
		plain, err = rsa.DecryptOAEP(sha256.New(), nil, k.private, box, nil)
		return err
	})
	if reason != "" {
		return value, "", reason, nil
	}
	value, nonce, ok = parseSealed(plain)
	if !ok {
		return Password{}, "", ReasonPageKey, nil
	}
	return value, nonce, "", nil
}

// parseSealed reads what was sealed; nothing, where the decryption failed.
func parseSealed(plain []byte) (value Password, nonce string, ok bool) {
	var p struct{ Nonce, Value *string }
	d := json.NewDecoder(bytes.NewReader(plain))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil || p.Nonce == nil || p.Value == nil {
		return value, "", false
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return value, "", false
	}
	return NewPassword(*p.Value), *p.Nonce, true
}

// A nonce is its end in Unix milliseconds, random bytes, and a keyed hash of both.
const (
	nonceRandom = 16
	nonceHash   = 12
)

func (s *Store) nonce(expires time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(expires.UnixMilli()))
	b = append(b, make([]byte, nonceRandom)...)
	_, _ = rand.Read(b[8:])
	return base64.RawURLEncoding.EncodeToString(append(b, s.nonceMAC(b)...))
}

func (s *Store) nonceMAC(b []byte) []byte {
	return s.Vault.Hash("page nonce", string(b))[:nonceHash]
}

// spend spends a nonce in the transaction of what uses it, and refuses with
// ReasonPageKey one that is spent, too old, or not ours. A repeat of an
// idempotency key does not come this far.
func (s *Store) spend(ctx context.Context, tx switching.Tx, nonce string) (switching.Reason, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(b) != 8+nonceRandom+nonceHash {
		return ReasonPageKey, nil //nolint:nilerr // told by the reason
	}
	body, mac := b[:8+nonceRandom], b[8+nonceRandom:]
	expires := time.UnixMilli(int64(binary.BigEndian.Uint64(body)))
	if !hmac.Equal(mac, s.nonceMAC(body)) || !s.Now().Before(expires) {
		return ReasonPageKey, nil
	}
	fresh, err := db.Changed(tx.ExecContext(ctx, `INSERT INTO page_nonce (nonce, expires) VALUES ($1, $2) ON CONFLICT (nonce) DO NOTHING`, nonce, expires.UnixMilli()))
	switch {
	case err != nil:
		return "", fmt.Errorf("spend nonce: %w", err)
	case !fresh:
		return ReasonPageKey, nil
	}
	return "", nil
}

// inputs are a call's passwords, decrypted.
type inputs []input

type input struct {
	given bool
	value Password
	nonce string
}

// openAll decrypts what a call brings; what is empty was not given.
func (s *Store) openAll(ctx context.Context, list ...Sealed) (all inputs, reason switching.Reason, err error) {
	for _, x := range list {
		in := input{given: x != ""}
		if in.given {
			if in.value, in.nonce, reason, err = s.openSealed(ctx, x); err != nil || reason != "" {
				return nil, reason, err
			}
		}
		all = append(all, in)
	}
	return all, "", nil
}

// covers tells what was not given from what was given empty.
func (all inputs) covers() (values []string) {
	for _, in := range all {
		values = append(values, fmt.Sprintf("%t %q", in.given, in.value.Reveal()))
	}
	return values
}

// nonces are the different ones: a page may use its nonce for all passwords of
// one request.
func (all inputs) nonces() (list []string) {
	for _, in := range all {
		if in.given && !slices.Contains(list, in.nonce) {
			list = append(list, in.nonce)
		}
	}
	return list
}
