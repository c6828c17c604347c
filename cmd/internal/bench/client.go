package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

var approved = []byte(`"outcome":"approved"`)

// asks makes requests with fresh keys over the accounts of some banks.
type asks struct {
	url, token string
	kinds      []string // in turn
	accounts   []string
	n          atomic.Uint64
}

func (s *stage) asks(address string, banks []int, kinds ...string) *asks {
	a := &asks{url: "http://" + address + "/v1/transactions", token: s.token, kinds: kinds}
	for n := range perBank / len(banks) {
		for _, bank := range banks {
			a.accounts = append(a.accounts, account(bank, n))
		}
	}
	return a
}

// next is a vegeta.Targeter.
func (a *asks) next(t *vegeta.Target) error {
	n := a.n.Add(1)
	t.Method, t.URL = http.MethodPost, a.url
	t.Header = http.Header{
		"Authorization":   {"Bearer " + a.token},
		"Content-Type":    {"application/json"},
		"Idempotency-Key": {key()},
	}
	t.Body = fmt.Appendf(nil, `{"type":%q,"account":%q}`, a.kinds[n%uint64(len(a.kinds))], a.accounts[n%uint64(len(a.accounts))])
	return nil
}

// attack asks at a steady rate, whatever the answers take, and hands each to
// take.
func attack(ctx context.Context, a *asks, perSecond int, d time.Duration, take func(*vegeta.Result)) {
	attacker := vegeta.NewAttacker(vegeta.Workers(64), vegeta.MaxWorkers(4096), vegeta.Connections(4096), vegeta.Timeout(askLimit))
	stop := context.AfterFunc(ctx, func() { attacker.Stop() })
	defer stop()
	for r := range attacker.Attack(a.next, vegeta.Rate{Freq: perSecond, Per: time.Second}, d, "bench") {
		take(r)
	}
}

// askLimit is how long an answer is waited for.
const askLimit = 30 * time.Second

// isBusy reports whether the switch refused because it had too much under way.
func isBusy(r *vegeta.Result) bool {
	return r.Code == http.StatusServiceUnavailable &&
		(bytes.Contains(r.Body, []byte(`"code":"busy"`)) || bytes.Contains(r.Body, []byte(`"code":"bulkhead-full"`)))
}

func isApproved(r *vegeta.Result) bool {
	return r.Code == http.StatusOK && bytes.Contains(r.Body, approved)
}

func (s *stage) allBanks() (all []int) {
	for i := range bankCount {
		all = append(all, i)
	}
	return all
}

// untilAnswered waits until each of the banks approves a request.
func (s *stage) untilAnswered(ctx context.Context, banks []int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, bank := range banks {
		a := s.asks(s.sw.at[0], []int{bank}, "balance")
		for !a.once(ctx) {
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
				return fmt.Errorf("%s does not answer: see %s", bankName(bank), s.log.Name())
			}
		}
	}
	return nil
}

// once asks once and reports whether it was approved.
func (a *asks) once(ctx context.Context) (ok bool) {
	attack(ctx, a, 1000, time.Millisecond, func(r *vegeta.Result) { ok = isApproved(r) })
	return ok
}
