package faults

import (
	"context"
	"database/sql"
	"net/http"
	"strconv"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/api/client"
)

// question is one request of a caller.
type question struct {
	kind     client.Type
	bank     string
	person   int
	account  int // of the person's
	key      string
	customer string
	timeout  time.Duration
}

// heard is what became of a question: an answer or a problem, or neither where
// the line was cut.
type heard struct {
	question
	Told
	replayed bool
	reason   string
	problem  string // its code
	status   int
	body     []byte
	err      error
	began    time.Time
}

// outcome is what the caller may rely on; empty for nothing.
func (a heard) outcome() switching.Outcome { return a.Outcome }

// doubtful are the problems that are no outcome.
var doubtful = map[string]bool{
	"outcome-unknown": true, "in-progress": true, "internal": true, "idempotency-key-reused": true,
}

// ask sends the question, and writes down what was told.
func (h *house) ask(q question) heard { return h.askWithin(context.Background(), q) }

func (h *house) askWithin(ctx context.Context, q question) heard {
	p := h.banks[q.bank].people[q.person]
	account := p.Accounts[q.account].Number
	params := client.CreateTransactionParams{IdempotencyKey: q.key}
	if q.timeout != 0 {
		ms := q.timeout.Milliseconds()
		params.RequestTimeout = &ms
	}
	body := client.TransactionRequest{Type: q.kind, Account: account.Reveal(), Customer: q.customer}
	if q.kind == client.TypeAuthenticate {
		body.Certificate = &client.Certificate{Type: p.CertType, Number: p.Cert.Reveal()}
	}
	a := heard{question: q, began: time.Now()}
	a.Told = Told{Began: h.now(), Key: q.key, Type: codec.Type(q.kind), Bank: q.bank, Account: account}
	r, err := h.client().CreateTransactionWithResponse(ctx, &params, body)
	if a.err = err; err == nil {
		a.body = r.Body
		a.read(r)
		a.Problem = a.problem
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = append(h.told, a.Told)
	return a
}

// now is by the clock of the switch.
func (h *house) now() time.Time {
	if h.hooks.Now != nil {
		return h.hooks.Now()
	}
	return time.Now()
}

// read takes the outcome from the response. A problem that is a refusal names a
// transaction only where there is one.
func (a *heard) read(r *client.CreateTransactionResponse) {
	a.status = r.StatusCode()
	switch {
	case r.JSON200 != nil:
		x := r.JSON200
		a.ID, _ = strconv.ParseInt(x.Id, 10, 64)
		a.RRN, a.Outcome, a.Code, a.Holder = codec.RRN(x.Rrn), switching.Outcome(x.Outcome), x.Code, x.Holder
		a.replayed, a.reason = x.Replayed, x.Reason
		if x.Balance != nil {
			a.Balance = x.Balance.Ledger
		}
	case r.ApplicationproblemJSONDefault != nil:
		a.problem = r.ApplicationproblemJSONDefault.Code
		a.ID, _ = strconv.ParseInt(r.ApplicationproblemJSONDefault.Id, 10, 64)
		if !doubtful[a.problem] {
			a.Outcome = switching.Refused
		}
	}
}

// answered is ask for what must be answered with an outcome of the bank's. Where the
// machine stands still for a whole deadline nothing is sent, and it is asked again.
func (h *house) answered(q question) heard {
	h.t.Helper()
	a := h.ask(q)
	for tries := 1; a.problem == "deadline" && tries < 5; tries++ {
		a = h.ask(q)
	}
	if a.err != nil || a.status != http.StatusOK {
		h.t.Fatalf("%s: status %d, %v: %s", q.kind, a.status, a.err, a.body)
	}
	return a
}

// refused is ask for what must be refused with the problem.
func (h *house) refused(q question, problem string) heard {
	h.t.Helper()
	a := h.ask(q)
	if a.problem != problem {
		h.t.Fatalf("%s: want %s, got status %d, %v: %s", q.kind, problem, a.status, a.err, a.body)
	}
	return a
}

// each asks all questions at once, and returns what was heard in their order.
func (h *house) each(questions []question) []heard {
	answers := make([]heard, len(questions))
	done := make(chan struct{})
	for i, q := range questions {
		go func() { answers[i] = h.ask(q); done <- struct{}{} }()
	}
	for range questions {
		<-done
	}
	return answers
}

// settle waits until no row is open and no advice is left to be told.
func (h *house) settle() {
	h.t.Helper()
	var open, left int
	var err error
	for end := time.Now().Add(limit); ; <-time.After(50 * time.Millisecond) {
		open, left, err = h.doubts()
		must(h.t, err)
		switch {
		case open+left == 0:
			return
		case time.Now().After(end):
			h.t.Fatalf("not settled within %s: %d rows open, %d advices left", limit, open, left)
		}
	}
}

// doubts counts the open rows and the advices that are not acknowledged. It
// looks through a connection of its own, closed at once: one that stayed would
// keep a killed switch's log from being recovered.
func (h *house) doubts() (open, left int, err error) {
	err = look(h.data, `SELECT (SELECT COUNT(*) FROM entry WHERE open = 1),
		(SELECT COUNT(*) FROM advice WHERE state IN ('pending', 'parked'))`, &open, &left)
	return open, left, err
}

func look(path, query string, into ...any) error {
	d, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=query_only(1)")
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // only read
	return d.QueryRowContext(context.Background(), query).Scan(into...)
}
