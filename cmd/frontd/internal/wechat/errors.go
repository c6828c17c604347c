package wechat

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Error is the platform's answer that it did not do what it was asked.
type Error struct {
	Call    string // as template/send
	Code    int    // errcode
	Message string // errmsg, cut
}

func newError(code int, message string) *Error {
	message = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, message)
	return &Error{Code: code, Message: cutBytes(message, 200)}
}

func (e *Error) Error() string {
	return fmt.Sprintf("wechat: %s: errcode %d: %s", e.Call, e.Code, e.Message)
}

// Unanswered says that the platform did not answer, or not as it does. It may have
// done what it was asked.
type Unanswered struct {
	Call string
	Err  error
}

func (u *Unanswered) Error() string { return fmt.Sprintf("wechat: %s: no answer: %v", u.Call, u.Err) }

func (u *Unanswered) Unwrap() error { return u.Err }

// perhapsTold reports whether a message may have been taken without an answer.
func perhapsTold(err error) bool {
	var u *Unanswered
	return errors.As(err, &u) && u.Call != callToken
}

// The platform's codes that something here depends on.
const (
	codeBusy         = -1
	codeToken        = 40001 // also the secret, where the token is asked for
	codeOpenID       = 40003
	codeToken2       = 40014
	codeInvalid      = 40029
	codeTemplateID   = 40037
	codeMissing      = 41008
	codeTokenExpired = 42001
	codeExpired      = 42003
	codeUsed         = 40163
	codeUnfollowed   = 43004
	codeBlacklisted  = 43019
	codeRefused      = 43101
	codeQuota        = 45009
	codeMinute       = 45011
	codeWindow       = 45015
	codeReplies      = 45047
	codeRepeated     = 45065
	codeNoMenu       = 46003
	codeField        = 47003
	codeUnauthorized = 48001
	codeDeclined     = 48002
	codeBanned       = 48004
	codeKindless     = 48008
)

// Action is what an answer of the platform asks for.
type Action string

// The actions. Every code that has no other means Again: most of those are about
// configuration (40013, 40125, 40164), which an operator mends, and then all goes
// on.
const (
	None     Action = ""         // it was done
	Refresh  Action = "refresh"  // get the token again and repeat, once
	Gone     Action = "gone"     // the follower does not follow
	Tomorrow Action = "tomorrow" // nothing more today
	Soon     Action = "soon"     // nothing more this minute
	Never    Action = "never"    // it cannot be told, as it is
	Again    Action = "again"    // later
)

// remedy is an action; elsewhere says that another kind of message may do.
type remedy struct {
	action    Action
	elsewhere bool
}

var remedies = map[int]remedy{
	codeToken:        {Refresh, false},
	codeToken2:       {Refresh, false},
	codeTokenExpired: {Refresh, false},
	codeUnfollowed:   {Gone, false},
	codeQuota:        {Tomorrow, true}, // each kind of message has its own
	codeMinute:       {Soon, false},
	codeBusy:         {Again, false},
	// Not gone: with another account's app id all openids are wrong, and everybody
	// would be taken for one who left. An operator can send again what was parked.
	codeOpenID:       {Never, false},
	codeBlacklisted:  {Never, false}, // by the account itself, which can undo it
	codeRefused:      {Never, true},
	codeWindow:       {Never, true}, // customer service: not within 48 hours
	codeReplies:      {Never, true}, // customer service: as many as may be
	codeField:        {Never, true},
	codeTemplateID:   {Again, true}, // configuration's fault
	codeUnauthorized: {Again, true}, // the account may not send that kind
	codeDeclined:     {Never, true}, // the follower has switched messages of the account off
	codeBanned:       {Again, true}, // from the account, for a while
	codeKindless:     {Again, true}, // as 48001
	// A guess: known of other messages, as the answer to a client_msg_id that comes
	// again. Any other action would tell it twice.
	codeRepeated: {None, false},
}

func remedyOf(err error) remedy {
	var e *Error
	var f *FieldError
	switch {
	case err == nil:
		return remedy{None, false}
	case errors.As(err, &f):
		return remedy{Never, true}
	case !errors.As(err, &e):
		return remedy{Again, false} // perhaps done: no other kind of message
	}
	if r, known := remedies[e.Code]; known {
		return r
	}
	return remedy{Again, false}
}

// ActionOf returns what an error of this package asks for; Again for any other.
func ActionOf(err error) Action { return remedyOf(err).action }
