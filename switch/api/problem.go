package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"time"

	switching "wxswitch/switch"
	"wxswitch/switch/customer"
)

// The door's own problem codes. Those of refused transactions are the reasons
// of packages switching, routing and banks.
const (
	codeBodyInvalid        = "body-invalid"
	codeBodyTooLarge       = "body-too-large"
	codeBodyTimeout        = "body-timeout"
	codeContentType        = "content-type"
	codeParameterInvalid   = "parameter-invalid"
	codeTokenMissing       = "token-missing"
	codeTokenInvalid       = "token-invalid"
	codeScopeMissing       = "scope-missing"
	codeNotFound           = "not-found"
	codeMethodNotAllowed   = "method-not-allowed"
	codeBusy               = "busy"
	codeInternal           = "internal"
	codeKeyMissing         = "idempotency-key-missing"
	codeKeyInvalid         = "idempotency-key-invalid"
	codeKeyReused          = "idempotency-key-reused"
	codeInProgress         = "in-progress"
	codeOutcomeUnknown     = "outcome-unknown"
	codeState              = "state"
	codeTransactionUnknown = "transaction-unknown"
	codeAdviceUnknown      = "advice-unknown"
	codeAdviceState        = "advice-state"
	codeAdviceOnItsWay     = "advice-on-its-way"
	codeRoutesInvalid      = "routes-invalid"
)

// kind is one sort of problem: a row of the page /problems.
type kind struct {
	Code   string
	Status int
	Retry  ProblemRetry
	After  time.Duration // Retry-After; 0 for none
	Title  string
	// Text is the detail where there is nothing more special to say.
	Text string
}

const (
	never   = ProblemRetryNever
	later   = ProblemRetryLater
	sameKey = ProblemRetrySameKey
)

// kinds is every problem that the API answers.
var kinds = slices.Concat(switchKinds, customerKinds, doorKinds)

// switchKinds and doorKinds are the problems of transactions, and of every call.
var switchKinds = []kind{
	{"unknown-bin", 422, never, 0, "No member bank has such an account", "no rule of the route table matches the account; nothing was sent"},
	{"bank-mismatch", 422, never, 0, "The chosen bank does not hold the account", "the account's number belongs to another bank than the chosen one; nothing was sent"},
	{"bank-needed", 422, never, 0, "Several banks have such accounts", "the number does not tell the bank: the customer must choose it; nothing was sent"},
	{"account-invalid", 422, never, 0, "The account's number is wrong", "not digits, a length that its bank does not have, or a wrong check digit; nothing was sent"},
	{"unsupported", 422, never, 0, "The bank has no such transaction", "the bank's dialect does not know the type; nothing was sent"},
	{"unwritable", 422, never, 0, "The transaction cannot be written for the bank", "a field is missing or breaks a rule of the bank's dialect; nothing was sent"},
	{"settling", 409, later, 2 * time.Second, "An earlier change is not settled", "an earlier change of this account or customer is not settled, and did not settle within the deadline; nothing was sent"},
	{"deadline", 504, later, 0, "The deadline passed before anything was sent", "the deadline passed before anything was sent; nothing was sent"},
	{"breaker-open", 503, later, 5 * time.Second, "The bank does not answer at present", "the bank failed too often and is left alone for a while; nothing was sent"},
	{"no-link", 503, later, 5 * time.Second, "The bank cannot be reached", "no link to the bank is online; nothing was sent"},
	{"bulkhead-full", 503, later, time.Second, "The bank is busy", "as many requests as allowed are under way to the bank; nothing was sent"},
	{"draining", 503, later, 5 * time.Second, "The switch is going down", "the switch takes no new work; nothing was sent"},
	{"journal", 503, sameKey, 5 * time.Second, "The journal cannot be written", "without its row nothing is sent, and nothing was sent now; what an earlier request with this key did could not be looked up: repeat it with the same key"},
	{"unknown-bank", 503, later, 0, "The bank is not configured", "the route table names a bank that the switch does not have; nothing was sent"},
	{"duplicate-pair", 503, later, time.Second, "The message's number is in flight", "a message with the same number waits for its answer; nothing was sent"},
	{codeState, 409, never, 0, "The customer's state does not allow it", "the customer's state does not allow it; nothing was sent"},
}

var doorKinds = []kind{
	{codeKeyMissing, 400, never, 0, "No Idempotency-Key", "the header Idempotency-Key is required for what changes something"},
	{codeKeyInvalid, 400, never, 0, "The Idempotency-Key is wrong", "the header Idempotency-Key has 1 to 128 visible ASCII characters, and stands once"},
	{codeKeyReused, 422, never, 0, "The Idempotency-Key was used for something else", "the key was used with another body; nothing was sent"},
	{codeInProgress, 409, sameKey, time.Second, "The first request is still under way", "the first request with this key had not ended by this one's deadline; nothing was sent for this one"},
	{codeOutcomeUnknown, 500, sameKey, time.Second, "How it ended is not known", "the journal could not be written or read: neither done nor refused; a repeat of the same key learns it"},
	{codeTransactionUnknown, 404, never, 0, "No such transaction", "this client has no transaction with that id"},
	{codeAdviceUnknown, 404, never, 0, "No such advice", "there is no advice with that id"},
	{codeAdviceState, 409, never, 0, "The advice has ended", "the advice has ended otherwise; look at it again"},
	{codeAdviceOnItsWay, 409, later, 5 * time.Second, "The advice is on its way", "the advice was sent to the bank, which may be doing what it says: close it when it was answered, or its time is over"},
	{codeRoutesInvalid, 422, never, 0, "The file of routes, or that of places, is wrong", "the file of routes, or that of places, is wrong; the tables in use stay"},
	{codeBodyInvalid, 400, never, 0, "The body is wrong", "the body is wrong"},
	{codeBodyTooLarge, 413, never, 0, "The body is too large", "a body has at most 64 KiB"},
	{codeBodyTimeout, 408, later, 0, "The body did not come in time", "the body did not come in time; nothing was sent"},
	{codeContentType, 415, never, 0, "The body is not JSON", "the header Content-Type must be application/json"},
	{codeParameterInvalid, 400, never, 0, "A parameter is wrong", "a parameter is wrong"},
	{codeTokenMissing, 401, never, 0, "No token", "the header Authorization: Bearer TOKEN is required"},
	{codeTokenInvalid, 401, never, 0, "The token is wrong", "no client has this token"},
	{codeScopeMissing, 403, never, 0, "Not allowed", "the client's scopes do not allow this operation"},
	{codeNotFound, 404, never, 0, "No such page", "the API has no such path"},
	{codeMethodNotAllowed, 405, never, 0, "Wrong method", "the path does not take this method"},
	{codeBusy, 503, later, time.Second, "The switch is busy", "as many requests as allowed are under way; nothing was sent"},
	{codeInternal, 500, sameKey, 0, "An error of the switch", "an error of the switch; a repeat of the same key learns what became of it"},
}

// doubts is every reason that an Answer of timed-out may have.
var doubts = []struct{ Reason, Text string }{
	{"no-reply", "the bank did not answer by the deadline"},
	{"bad-reply", "the bank's answer cannot be read"},
	{"bank-in-doubt", "the bank answered that it does not know"},
	{"unmapped-code", "the bank answered with a code that is not configured"},
	{"recovered", "the switch went down meanwhile; the deadline passed"},
}

var kindOf = func() map[string]*kind {
	m := make(map[string]*kind, len(kinds))
	for i := range kinds {
		m[kinds[i].Code] = &kinds[i]
	}
	return m
}()

// behind are the errors that come from behind the door, and the problem that each
// is told as, whatever the operation.
var behind = []struct {
	err  error
	code string
}{
	{switching.ErrKeyReused, codeKeyReused},
	{switching.ErrInProgress, codeInProgress},
	{switching.ErrOutcomeUnknown, codeOutcomeUnknown},
	{customer.ErrNoKey, codeKeyMissing},
	{customer.ErrKeptFull, codeKeptFull},
	{customer.ErrNoCustomer, codeCustomerUnknown},
	{ErrNoNotice, codeNoticeUnknown},
	{ErrNoticeEnded, codeNoticeState},
	{switching.ErrNoAdvice, codeAdviceUnknown},
	{switching.ErrAdviceEnded, codeAdviceState},
	{switching.ErrAdviceOnItsWay, codeAdviceOnItsWay},
}

// problemOf is the problem of an error from behind the door, nil for any other.
func problemOf(err error) *refusal {
	for _, b := range behind {
		if errors.Is(err, b.err) {
			return refuse(b.code)
		}
	}
	return nil
}

// refusal is the error that ends a request with a problem.
type refusal struct {
	*kind
	detail  string // empty: the kind's text
	id      int64  // of the journalled transaction; 0 for none
	pointer string
	text    string // what the customer reads; see tell
	allow   string // the header Allow
}

func (r *refusal) Error() string { return r.Code }

// refuse returns the refusal of that code. A reason that stands in no table is
// a refusal by the customer's state, which detail then names.
func refuse(code string) *refusal {
	if k, ok := kindOf[code]; ok {
		return &refusal{kind: k}
	}
	k := kindOf[codeState]
	return &refusal{kind: k, detail: k.Text + " (" + code + ")"}
}

// refuseBecause returns the refusal of that code with a detail of its own.
func refuseBecause(code, detail string) *refusal {
	r := refuse(code)
	r.detail = detail
	return r
}

// refuseField refuses a body for one field: the detail names field and rule.
func refuseField(pointer, rule string) *refusal {
	detail := rule
	if pointer != "" {
		detail = pointer + ": " + rule
	}
	r := refuseBecause(codeBodyInvalid, detail)
	r.pointer = pointer
	return r
}

// write answers the problem.
func (r *refusal) write(w http.ResponseWriter) {
	p := Problem{
		Type: "/problems#" + r.Code, Title: r.Title, Status: r.Status, Code: r.Code,
		Detail: r.detail, Pointer: r.pointer, Retry: r.Retry, Text: r.text,
	}
	if p.Detail == "" {
		p.Detail = r.Text
	}
	if r.id != 0 {
		p.Id = formatID(r.id)
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if r.After != 0 {
		h.Set("Retry-After", strconv.Itoa(int(r.After/time.Second)))
	}
	if r.allow != "" {
		h.Set("Allow", r.allow)
	}
	if r.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(r.Status)
	_ = json.NewEncoder(w).Encode(p) // a caller that hung up
}

// problemsPage is the table for people.
var problemsPage = func() []byte {
	var b bytes.Buffer
	data := struct{ Kinds, Doubts any }{kinds, doubts}
	if err := problemsTemplate.Execute(&b, data); err != nil {
		panic(err)
	}
	return b.Bytes()
}()

var problemsTemplate = template.Must(template.New("problems").Parse(`<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>wxswitch: problems</title>
<style>body{font:16px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em}table{border-collapse:collapse}
td,th{padding:.3em .7em;text-align:left;vertical-align:top;border-bottom:1px solid #ccc}:target{background:#ffc}</style>
<h1>Problems</h1>
<p>Branch on <code>code</code>. <code>retry</code> says what a repeat does: <i>never</i>: the same again;
<i>later</i>: nothing was sent, send it again; <i>same-key</i>: repeat the same Idempotency-Key, which sends nothing twice.</p>
<table><tr><th>code<th>status<th>retry<th>meaning</tr>
{{range .Kinds}}<tr id="{{.Code}}"><td><code>{{.Code}}</code><td>{{.Status}}<td>{{.Retry}}<td>{{.Title}}: {{.Text}}.</tr>
{{end}}</table>
<h1>Reasons of timed-out</h1>
<p>Not problems: answered with 200 and <code>outcome</code> timed-out. In doubt, never failed.</p>
<table><tr><th>reason<th>meaning</tr>
{{range .Doubts}}<tr id="{{.Reason}}"><td><code>{{.Reason}}</code><td>{{.Text}}.</tr>
{{end}}</table></html>
`))
