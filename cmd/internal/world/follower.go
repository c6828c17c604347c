package world

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"

	"wxswitch/banks/sim"
)

// Follower is a follower of the official account, one of the made-up people, as
// the front's service speaks for it.
type Follower struct {
	*World
	Subject string
	Person  int    // at every bank
	Session string // token of the login
	HTTP    http.Client
}

// Follower returns a follower who is the person.
func (w *World) Follower(subject string, person int) *Follower {
	return &Follower{World: w, Subject: subject, Person: person}
}

// At is the person as a bank knows it.
func (f *Follower) At(bank string) sim.Person { return f.Sims[bank].People()[f.Person] }

// Account is the number of the person's first account at the bank, in clear.
func (f *Follower) Account(bank string) string { return account(f.At(bank)) }

func account(p sim.Person) string { return p.Accounts[0].Number.Reveal() }

// Reply is an answer of the API.
type Reply struct {
	Status int
	Body   map[string]any
}

// Text is what the customer reads.
func (r Reply) Text() string { return r.field("text") }

// Outcome is how it ended.
func (r Reply) Outcome() string { return r.field("outcome") }

// Code is a problem's.
func (r Reply) Code() string { return r.field("code") }

func (r Reply) field(name string) string { s, _ := r.Body[name].(string); return s }

// List is a list of the answer.
func (r Reply) List(name string) (list []map[string]any) {
	all, _ := r.Body[name].([]any)
	for _, one := range all {
		if m, ok := one.(map[string]any); ok {
			list = append(list, m)
		}
	}
	return list
}

// Fields are a body.
type Fields map[string]any

var keys atomic.Int64

// Ask calls the API for the follower, under a key of its own.
func (f *Follower) Ask(ctx context.Context, method, path string, body any) (Reply, error) {
	return f.AskWith(ctx, fmt.Sprint("key-", keys.Add(1)), method, path, body)
}

// AskWith is Ask under an idempotency key.
func (f *Follower) AskWith(ctx context.Context, key, method, path string, body any) (r Reply, err error) {
	var data io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return r, err
		}
		data = bytes.NewReader(text)
	}
	q, err := http.NewRequestWithContext(ctx, method, f.URL()+path, data)
	if err != nil {
		return r, err
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer " + f.Token, "Follower-Channel": "wechat", "Follower-Subject": f.Subject,
		"Idempotency-Key": key, "Session-Token": f.Session,
	} {
		if value != "" {
			q.Header.Set(name, value)
		}
	}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	a, err := f.HTTP.Do(q)
	if err != nil {
		return r, err
	}
	defer a.Body.Close() //nolint:errcheck // read
	r.Status = a.StatusCode
	return r, json.NewDecoder(a.Body).Decode(&r.Body)
}

// LastCode is the last SMS code that the phone on the bank's file got for the
// account.
func (f *Follower) LastCode(ctx context.Context, bank string) (string, error) {
	all, err := f.Sims[bank].Messages(ctx, 0)
	if err != nil {
		return "", err
	}
	for _, s := range slices.Backward(all) {
		if s.Account.Reveal() == f.Account(bank) && !s.Code.IsZero() {
			return s.Code.Reveal(), nil
		}
	}
	return "", errors.New("no SMS")
}

// Form is the form of 客户认证, by the account at the bank.
func (f *Follower) Form(bank, code string) Fields {
	p := f.At(bank)
	return Fields{
		"cert_type": p.CertType, "cert_number": p.Cert.Reveal(), "account": f.Account(bank), "code": code,
		"terms": "2026-11", "notices": "2026-11",
	}
}

// Seal encrypts a password as a page does.
func (f *Follower) Seal(ctx context.Context, password string) (string, error) {
	k, err := f.Ask(ctx, "GET", "/v1/page-key", nil)
	if err != nil {
		return "", err
	}
	return SealPassword(k.field("kid"), k.field("spki"), k.field("nonce"), password)
}

// SealPassword encrypts a password with a page key: RSA-OAEP-256, with a nonce.
func SealPassword(kid, spki, nonce, password string) (string, error) {
	der, err := base64.StdEncoding.DecodeString(spki)
	if err != nil {
		return "", err
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return "", err
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return "", errors.New("the page key is no RSA key")
	}
	plain, err := json.Marshal(Fields{"nonce": nonce, "value": password})
	if err != nil {
		return "", err
	}
	box, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, plain, nil)
	return kid + "." + base64.RawURLEncoding.EncodeToString(box), err
}
