package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"wxswitch/cmd/internal/world"
)

// customer is one who is authenticated and logged in.
type customer struct {
	subject, session string
	accounts         []linked
}

// linked is an account of a customer.
type linked struct{ id, number string }

const (
	loginPassword   = "kashgar-1847"
	paymentPassword = "806175"
	enrolAtOnce     = 16
)

// enrol makes so many customers, each with an account at each of the banks, the
// first its primary. No others have these subjects.
func (s *stage) enrol(ctx context.Context, group string, n int, banks ...int) ([]customer, error) {
	all := make([]customer, n)
	err := each(n, enrolAtOnce, func(i int) error {
		v := visitor{ctx: ctx, stage: s, customer: customer{subject: "o" + group + "-" + strconv.Itoa(i)}}
		for _, bank := range banks {
			v.numbers = append(v.numbers, account(bank, perBank+i)) // the other scenes' end before
		}
		if err := v.enrol(); err != nil {
			return fmt.Errorf("customer %s: %w", v.subject, err)
		}
		all[i] = v.customer
		return nil
	})
	return all, err
}

// each does 0 to n-1, so many at once, until one fails.
func each(n, atOnce int, do func(i int) error) error {
	var wg sync.WaitGroup
	var next atomic.Int64
	var failed atomic.Pointer[error]
	for range atOnce {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// visitor is a customer under way.
type visitor struct {
	ctx context.Context //nolint:containedctx // of the one visit that it lives for
	*stage
	customer
	numbers []string
}

type fields map[string]any

func (v *visitor) enrol() error {
	for _, step := range []func() error{v.authenticate, v.setPasswords, v.login, v.attach, v.list} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (v *visitor) authenticate() error {
	code, err := v.code("authenticate", v.numbers[0])
	if err != nil {
		return err
	}
	return v.do(http.MethodPost, "/v1/customer/authentication", fields{
		"cert_type": "03", "cert_number": "E" + strings.ToUpper(rand.Text()[:10]), "account": v.numbers[0], "code": code,
		"terms": "2026-11", "notices": "2026-11",
	}, nil)
}

// code has an SMS code sent, and reads it off the phone.
func (v *visitor) code(purpose, number string) (string, error) {
	if err := v.do(http.MethodPost, "/v1/customer/codes", fields{"purpose": purpose, "account": number}, nil); err != nil {
		return "", err
	}
	d, err := v.bank.ask(order{Bank: bankOf(number), CodeOf: number})
	return d.Code, err
}

func (v *visitor) setPasswords() error {
	sealed, err := v.seal(loginPassword, paymentPassword)
	if err != nil {
		return err
	}
	return v.do(http.MethodPost, "/v1/customer/passwords", fields{"login": sealed[0], "payment": sealed[1]}, nil)
}

func (v *visitor) login() error {
	sealed, err := v.seal(loginPassword)
	if err != nil {
		return err
	}
	var answer struct{ Token string }
	err = v.do(http.MethodPost, "/v1/customer/session", fields{"password": sealed[0]}, &answer)
	v.session = answer.Token
	return err
}

func (v *visitor) attach() error {
	for _, number := range v.numbers[1:] {
		code, err := v.code("attach", number)
		if err != nil {
			return err
		}
		sealed, err := v.seal(paymentPassword)
		if err != nil {
			return err
		}
		if err := v.do(http.MethodPost, "/v1/customer/accounts", fields{"account": number, "code": code, "payment": sealed[0]}, nil); err != nil {
			return err
		}
	}
	return nil
}

// list takes the ids of the accounts.
func (v *visitor) list() error {
	var answer struct{ Accounts []struct{ ID, Bank string } }
	if err := v.do(http.MethodGet, "/v1/customer/accounts", nil, &answer); err != nil {
		return err
	}
	for _, number := range v.numbers {
		for _, a := range answer.Accounts {
			if a.Bank == bankName(bankOf(number)) {
				v.accounts = append(v.accounts, linked{a.ID, number})
			}
		}
	}
	if len(v.accounts) != len(v.numbers) {
		return fmt.Errorf("has %d accounts, not %d", len(v.accounts), len(v.numbers))
	}
	return nil
}

// seal seals passwords as a page does, with one nonce.
func (v *visitor) seal(passwords ...string) (sealed []string, err error) {
	var k struct{ KID, SPKI, Nonce string }
	if err := v.do(http.MethodGet, "/v1/page-key", nil, &k); err != nil {
		return nil, err
	}
	for _, p := range passwords {
		one, err := world.SealPassword(k.KID, k.SPKI, k.Nonce, p)
		if err != nil {
			return nil, err
		}
		sealed = append(sealed, one)
	}
	return sealed, nil
}

// do asks, and wants what was asked done; into may be nil.
func (v *visitor) do(method, path string, body fields, into any) error {
	text, err := v.ask(method, path, body)
	if err != nil {
		return err
	}
	var answer struct{ Outcome, Text string }
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if answer.Outcome != "" && answer.Outcome != "approved" {
		return fmt.Errorf("%s: %s: %s", path, answer.Outcome, answer.Text)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

// ask returns the body of an answer with the status 200.
func (v *visitor) ask(method, path string, body fields) ([]byte, error) {
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return nil, err
		}
	}
	q, err := http.NewRequestWithContext(v.ctx, method, "http://"+v.sw.at[0]+path, &content)
	if err != nil {
		return nil, err
	}
	q.Header = v.headers(v.token)
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set("Idempotency-Key", key())
	}
	a, err := frontClient.Do(q)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(a.Body)
	if err := errors.Join(err, a.Body.Close()); err != nil {
		return nil, err
	}
	if a.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %d: %s", path, a.StatusCode, text)
	}
	return text, nil
}

var frontClient = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: enrolAtOnce}}

// headers are what the front asserts.
func (c *customer) headers(token string) http.Header {
	h := http.Header{
		"Authorization":    {"Bearer " + token},
		"Follower-Channel": {channel}, "Follower-Subject": {c.subject},
	}
	if c.session != "" {
		h.Set("Session-Token", c.session)
	}
	return h
}

const channel = "wechat"

// balancesPath asks for all the customer's accounts by their ids.
func (c *customer) balancesPath() string {
	var b strings.Builder
	for i, a := range c.accounts {
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString("account=" + a.id)
	}
	return "/v1/customer/balances" + b.String()
}

// checkBalances wants of each account its own line, approved.
func (c *customer) checkBalances(text []byte) error {
	var answer struct {
		Balances []struct {
			Account struct{ ID, Suffix string }
			Outcome string
			Balance int64
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	suffixes := make(map[string]string)
	for _, l := range answer.Balances {
		if l.Outcome == "approved" && l.Balance == fixedBalance {
			suffixes[l.Account.ID] = l.Account.Suffix
		}
	}
	for _, a := range c.accounts {
		if suffixes[a.id] != a.number[len(a.number)-4:] {
			return fmt.Errorf("%s: wrong balances: %s", c.subject, text)
		}
	}
	if len(answer.Balances) != len(c.accounts) {
		return fmt.Errorf("%s: too many balances: %s", c.subject, text)
	}
	return nil
}

// bankOf is which bank has the account.
func bankOf(number string) int {
	prefix, _ := strconv.Atoi(number[:6])
	return prefix - firstPrefix
}
