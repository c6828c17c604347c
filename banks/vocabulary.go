package banks

import (
	"context"
	"time"

	"wxswitch/codec"
)

// Reason says why a request was not sent, or why its end is in doubt.
type Reason string

// The reasons of NotSent.
const (
	BreakerOpen  Reason = "breaker-open"
	NoLink       Reason = "no-link"
	BulkheadFull Reason = "bulkhead-full"
	Draining     Reason = "draining"
	DeadlinePast Reason = "deadline"       // passed while the request was queued
	Duplicate    Reason = "duplicate-pair" // the same Pair is in flight
	Unwritable   Reason = "unwritable"     // the dialect cannot write this message
)

// The reasons of InDoubt.
const (
	NoReply  Reason = "no-reply"
	BadReply Reason = "bad-reply" // paired, but cannot be read or names another operation
)

// NotSent is the error of a request of which provably no byte left.
type NotSent struct {
	Reason Reason
	Err    error // what is behind it; may be nil
}

func (e *NotSent) Error() string { return "not sent: " + string(e.Reason) }

// Unwrap returns the cause.
func (e *NotSent) Unwrap() error { return e.Err }

// InDoubt is the error of a request that was or may have been sent and got no
// clear answer by its deadline.
type InDoubt struct {
	Reason Reason
	Err    error
}

func (e *InDoubt) Error() string {
	if e.Err == nil {
		return "in doubt: " + string(e.Reason)
	}
	return "in doubt: " + string(e.Reason) + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *InDoubt) Unwrap() error { return e.Err }

// Reply is a bank's answer.
type Reply struct {
	*codec.Message
	// Meaning is what its code says, by the bank's dialect.
	Meaning codec.Meaning
	// Took is the time from hand-over to the mux until the reply was read.
	Took time.Duration
}

// Handler takes what a bank says that nobody waits for. Its methods are called
// on goroutines that Bank.Run waits for, at most a fixed number at once.
type Handler interface {
	// Late takes a reply whose waiter has gone. bank is the bank it came from.
	Late(ctx context.Context, bank string, reply *codec.Message)
	// Incoming takes a request of the bank's own and returns the reply to it;
	// nil sends none. Network messages never reach it.
	Incoming(ctx context.Context, bank string, request *codec.Message) *codec.Message
}

// LinkState is a state of a link.
type LinkState string

// The states of a link.
const (
	LinkDown     LinkState = "down" // between two dials
	LinkDialing  LinkState = "dialing"
	LinkSigning  LinkState = "sign-on"
	LinkOnline   LinkState = "online"
	LinkDraining LinkState = "draining"
)

// LinkStatus is a snapshot of one link.
type LinkStatus struct {
	Name      string    `json:"name"` // "wlmq-1 127.0.0.1:9001"
	State     LinkState `json:"state"`
	Since     time.Time `json:"since"`                // when it came online, began to drain, or went away: dials meanwhile leave it
	LastError string    `json:"last_error,omitempty"` // of the last connection that ended, or could not be made
}

// Status is a snapshot of a bank, for ops and the API.
type Status struct {
	Bank     string       `json:"bank"`
	Breaker  string       `json:"breaker"` // closed, half-open, open
	InFlight int          `json:"in_flight"`
	Limit    int          `json:"limit"` // of the bulkhead
	Queued   int          `json:"queued"`
	Online   int          `json:"online"` // links
	Links    []LinkStatus `json:"links"`
}
