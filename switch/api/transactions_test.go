package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"wxswitch/banks"
	"wxswitch/codec"
	"wxswitch/routing"
	switching "wxswitch/switch"
	"wxswitch/switch/api"
)

func TestBalance(t *testing.T) {
	d := open(t, nil)
	var a api.Answer
	d.call("POST", "/v1/transactions", bankToken, balanceBody).ok(t, &a)
	if a.Id != "12000123" || a.Outcome != api.AnswerOutcomeApproved || a.AccountSuffix != "7890" || a.Bank != "xjrcu" ||
		a.Code != "00" || a.Rrn != "000012000123" || a.Stan != "000123" || a.Holder != "古丽" || a.Replayed {
		t.Errorf("%+v", a)
	}
	if a.Balance == nil || *a.Balance.Ledger != 123456 || *a.Balance.Available != -50 || a.Balance.Currency != "156" {
		t.Errorf("%+v", a.Balance)
	}
	r := d.sw.last(t)
	if r.Client != "teller" || r.Key != "" || r.Type != codec.Balance || r.Account.Reveal() != card || r.Timeout != 0 {
		t.Errorf("%+v", r)
	}
}

func TestAuthenticateSaysAll(t *testing.T) {
	d := open(t, nil)
	body := strings.TrimSuffix(authenticateBody, "}") + `,"bank":"xjrcu","customer":"c-9"}`
	answer := d.call("POST", "/v1/transactions", bankToken, body, "Idempotency-Key", "k-1", "Request-Timeout", "1500")
	answer.ok(t, &api.Answer{})
	r := d.sw.last(t)
	if r.Key != "k-1" || r.Operation == "" || r.Bank != "xjrcu" || r.Customer != "c-9" || r.Timeout != 1500*time.Millisecond ||
		r.Fields.Get(codec.FieldCertType) != "01" || r.Fields.Get(codec.FieldCertNumber) != certNumber {
		t.Errorf("%+v", r)
	}
	if got := answer.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
}

func TestEndsAre200(t *testing.T) {
	ends := []switching.End{
		{Outcome: switching.Declined, Code: "14"},
		{Outcome: switching.TimedOut, Reason: switching.Reason(banks.NoReply)},
		{Outcome: switching.TimedOut, Reason: switching.ReasonBankInDoubt, Code: "68"},
	}
	for _, end := range ends {
		d := open(t, nil)
		d.sw.do = func(_ context.Context, r switching.Request) (switching.Result, error) {
			result := ended(r, end)
			result.Replayed = true
			return result, nil
		}
		var a api.Answer
		d.call("POST", "/v1/transactions", bankToken, deregisterBody, "Idempotency-Key", "k").ok(t, &a)
		if string(a.Outcome) != string(end.Outcome) || a.Reason != string(end.Reason) || a.Code != end.Code || !a.Replayed || a.Balance != nil {
			t.Errorf("%+v", a)
		}
	}
}

func TestRefusalsAreProblems(t *testing.T) {
	cases := []struct {
		reason switching.Reason
		status int
		after  bool
	}{
		{switching.Reason(routing.UnknownBIN), 422, false},
		{switching.Reason(routing.BankMismatch), 422, false},
		{switching.Reason(routing.BankAmbiguous), 422, false},
		{switching.Reason(routing.BadAccount), 422, false},
		{switching.ReasonUnsupported, 422, false},
		{switching.ReasonUnwritable, 422, false},
		{switching.ReasonSettling, 409, true},
		{switching.ReasonDeadline, 504, false},
		{switching.Reason(banks.BreakerOpen), 503, true},
		{switching.Reason(banks.NoLink), 503, true},
		{switching.Reason(banks.BulkheadFull), 503, true},
		{switching.ReasonDraining, 503, true},
		{switching.ReasonJournal, 503, true},
		{switching.ReasonUnknownBank, 503, false},
		{switching.Reason(banks.Duplicate), 503, true},
	}
	for _, c := range cases {
		for _, journalled := range []bool{false, true} {
			d := open(t, nil)
			d.sw.do = func(_ context.Context, r switching.Request) (switching.Result, error) {
				result := ended(r, switching.End{Outcome: switching.Refused, Reason: c.reason})
				result.Journalled = journalled
				return result, nil
			}
			answer := d.call("POST", "/v1/transactions", bankToken, balanceBody)
			p := answer.problem(t, string(c.reason))
			if answer.status != c.status || (answer.header.Get("Retry-After") != "") != c.after || (p.Id == "12000123") != journalled {
				t.Errorf("%s: %d %s %v", c.reason, answer.status, answer.body, answer.header)
			}
			if !strings.Contains(p.Detail, "nothing was sent") {
				t.Errorf("%s: %s", c.reason, p.Detail)
			}
		}
	}
}

func TestEffectsRefusal(t *testing.T) {
	d := open(t, nil)
	d.sw.do = func(_ context.Context, r switching.Request) (switching.Result, error) {
		return ended(r, switching.End{Outcome: switching.Refused, Reason: "not-registered"}), nil
	}
	p := d.call("POST", "/v1/transactions", bankToken, deregisterBody, "Idempotency-Key", "k").problem(t, "state")
	if p.Status != http.StatusConflict || !strings.Contains(p.Detail, "not-registered") {
		t.Errorf("%+v", p)
	}
}

func TestErrorsOfDo(t *testing.T) {
	cases := []struct {
		err    error
		code   string
		status int
		retry  api.ProblemRetry
	}{
		{switching.ErrKeyReused, "idempotency-key-reused", 422, api.ProblemRetryNever},
		{switching.ErrInProgress, "in-progress", 409, api.ProblemRetrySameKey},
		{switching.ErrOutcomeUnknown, "outcome-unknown", 500, api.ProblemRetrySameKey},
		{errors.New("boom"), "internal", 500, api.ProblemRetrySameKey},
	}
	for _, c := range cases {
		d := open(t, nil)
		d.sw.do = func(context.Context, switching.Request) (switching.Result, error) { return switching.Result{}, c.err }
		p := d.call("POST", "/v1/transactions", bankToken, deregisterBody, "Idempotency-Key", "k").problem(t, c.code)
		if p.Status != c.status || p.Retry != c.retry {
			t.Errorf("%+v", p)
		}
	}
}

func TestIdempotencyKey(t *testing.T) {
	d := open(t, nil)
	for _, body := range []string{authenticateBody, deregisterBody} {
		d.call("POST", "/v1/transactions", bankToken, body).problem(t, "idempotency-key-missing")
		d.call("POST", "/v1/transactions", bankToken, body, "Idempotency-Key", "").problem(t, "idempotency-key-missing")
	}
	for _, key := range []string{"a b", strings.Repeat("k", 129), "schlüssel", "a\tb"} {
		d.call("POST", "/v1/transactions", bankToken, balanceBody, "Idempotency-Key", key).problem(t, "idempotency-key-invalid")
	}
	if d.sw.count() != 0 {
		t.Errorf("the switch was asked %d times", d.sw.count())
	}
	for _, key := range []string{"!", strings.Repeat("~", 128), "a,b", "a%20b", "007", "null", `"quoted"`} {
		d.call("POST", "/v1/transactions", bankToken, balanceBody, "Idempotency-Key", key).ok(t, &api.Answer{})
		if got := d.sw.last(t).Key; got != key {
			t.Errorf("key %q arrived as %q", key, got)
		}
	}
}

func TestKeyStandsOnce(t *testing.T) {
	d := open(t, nil)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url+"/v1/transactions", strings.NewReader(deregisterBody))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{
		"Authorization": {"Bearer " + bankToken}, "Content-Type": {"application/json"}, "Idempotency-Key": {"a", "b"},
	}
	d.send(r).problem(t, "idempotency-key-invalid")
}

func TestRequestTimeout(t *testing.T) {
	d := open(t, nil)
	for _, ms := range []string{"x", "1.5", "1e3", "600001", "99999999999999999999", "10s", "0x10"} {
		d.call("POST", "/v1/transactions", bankToken, balanceBody, "Request-Timeout", ms).problem(t, "parameter-invalid")
	}
	if d.sw.count() != 0 {
		t.Errorf("the switch was asked %d times", d.sw.count())
	}
	for ms, want := range map[string]time.Duration{"1": time.Millisecond, "600000": 10 * time.Minute, "0": -1, "-5": -1} {
		d.call("POST", "/v1/transactions", bankToken, balanceBody, "Request-Timeout", ms).ok(t, &api.Answer{})
		if got := d.sw.last(t).Timeout; got != want {
			t.Errorf("%s ms arrived as %v", ms, got)
		}
	}
}

func TestGetTransaction(t *testing.T) {
	d := open(t, nil)
	late := ended(switching.Request{Client: "teller", Type: codec.Deregister, Account: codec.NewAccount(card)},
		switching.End{Outcome: switching.TimedOut, Reason: switching.Reason(banks.NoReply)}).Entry
	late.Standing, late.Late, late.LateCode = switching.Approved, codec.Approved, "00"
	running := entry(switching.Request{Client: "teller", Type: codec.Deregister, Account: codec.NewAccount(card)})
	running.ID, running.Open, running.Holds, running.Joins = 7, true, true, 5
	d.sw.entries = map[int64]switching.Entry{late.ID: late, 7: running}

	var got api.Transaction
	d.call("GET", "/v1/transactions/12000123", bankToken, "").ok(t, &got)
	if got.Open || got.Outcome != api.TransactionOutcomeTimedOut || got.Standing != api.TransactionStandingApproved ||
		got.Late == nil || got.Late.Meaning != api.LateReplyMeaningApproved || got.Ended == nil || got.AccountSuffix != "7890" {
		t.Errorf("%+v", got)
	}
	got = api.Transaction{}
	d.call("GET", "/v1/transactions/7", bankToken, "").ok(t, &got)
	if !got.Open || !got.Settling || got.Joins != "5" || got.Outcome != "" || got.Standing != "" || got.Ended != nil || got.Late != nil {
		t.Errorf("%+v", got)
	}
	running.Open, running.LateCode = false, "77" // which nobody configured
	d.sw.entries[7] = running
	d.call("GET", "/v1/transactions/7", bankToken, "").ok(t, &got)
	if got.Late == nil || got.Late.Meaning != api.LateReplyMeaningUnmapped || got.Late.Code != "77" {
		t.Errorf("%+v", got.Late)
	}
	d.call("GET", "/v1/transactions/7", otherToken, "").problem(t, "transaction-unknown")
	for _, id := range []string{"8", "x", "-7", "07", "+7", "7.0", "0", "99999999999999999999", "%31%00", "7%2f8"} {
		d.call("GET", "/v1/transactions/"+id, bankToken, "").problem(t, "transaction-unknown")
	}
	d.sw.getErr = errors.New("disk gone")
	d.call("GET", "/v1/transactions/7", bankToken, "").problem(t, "journal")
}

// Only what is ours is worth a warning: what a broken bank refuses comes in thousands.
func TestLevelsOfTheLog(t *testing.T) {
	for code, level := range map[string]string{"breaker-open": "debug", "outcome-unknown": "warn"} {
		d := open(t, nil)
		d.sw.do = func(_ context.Context, r switching.Request) (switching.Result, error) {
			if code == "outcome-unknown" {
				return switching.Result{}, switching.ErrOutcomeUnknown
			}
			return ended(r, switching.End{Outcome: switching.Refused, Reason: switching.Reason(code)}), nil
		}
		d.call("POST", "/v1/transactions", bankToken, balanceBody).problem(t, code)
		if want := `{"level":"` + level + `","operation":"transact","client":"teller","code":"` + code + `"`; !strings.Contains(d.log.String(), want) {
			t.Errorf("no %s in %s", want, d.log)
		}
	}
}
