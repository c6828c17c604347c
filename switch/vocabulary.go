package switching

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"wxswitch/codec"
)

// Outcome is how a transaction ended: the only value callers branch on.
type Outcome string

// The outcomes.
const (
	// Approved: the bank said yes.
	Approved Outcome = "approved"
	// Declined: the bank said no; End.Code says why.
	Declined Outcome = "declined"
	// TimedOut: sent or perhaps sent, and no clear answer by the deadline. In
	// doubt; never to be called failed.
	TimedOut Outcome = "timed-out"
	// Refused: provably not sent; End.Reason says why.
	Refused Outcome = "refused"
)

// Reason says why a transaction was refused or timed out. Those of packages
// routing and banks are passed on as they are.
type Reason string

// The switch's own reasons of Refused.
const (
	ReasonSettling    Reason = "settling"     // an earlier change of the account is unsettled
	ReasonDeadline    Reason = "deadline"     // passed before anything was sent
	ReasonDraining    Reason = "draining"     // the switch is going down
	ReasonUnsupported Reason = "unsupported"  // the bank's dialect has no such type
	ReasonUnwritable  Reason = "unwritable"   // a field breaks the dialect's rules
	ReasonJournal     Reason = "journal"      // the row could not be written
	ReasonUnknownBank Reason = "unknown-bank" // routed to a bank that is not configured
)

// The switch's own reasons of TimedOut.
const (
	ReasonBankInDoubt  Reason = "bank-in-doubt" // the bank answered that it does not know (68, 98)
	ReasonUnmappedCode Reason = "unmapped-code" // a code that nobody configured, on a change of state
	ReasonRecovered    Reason = "recovered"     // found open after its deadline by the scan
)

// Raw is the Operation of a transaction that a client asks for by itself, with a
// customer's id of its own. No Effect runs for it.
const Raw = "transactions"

// Request is what a caller asks. It has no wire detail.
type Request struct {
	Type codec.Type
	// Client is the authenticated caller; Operation and Key are scoped to it.
	Client    string
	Operation string
	// Key is the idempotency key. Empty only for an enquiry that need not be
	// repeatable.
	Key string
	// Customer is the customer's id: ours, or in a raw transaction the client's own.
	Customer string
	Account  codec.Account
	// Bank is the 开户行 the customer chose, empty for none.
	Bank string
	// Fields are what else the message says, by name. FieldSMSCode is sent and
	// never journalled.
	Fields codec.Fields
	// Asked is what was asked, where our own rules chose account and fields by it:
	// the body's hash then covers it in their place, so that a repeat is the same
	// request though the customer's state changed since.
	Asked string
	// Proof is what the type's Effect checks when the row is opened, nil for
	// none. It is never stored.
	Proof Proof
	// Timeout shortens the bank's deadline; 0 leaves it, below 0 is past.
	Timeout time.Duration
	// Gone reports whether who asked has hung up, and will not hear how it ended; nil
	// where that cannot be known.
	Gone func() bool
}

// Proof is what a customer must show for a change: a password's verdict, an SMS
// code. It lives in memory only.
type Proof interface {
	// Covers is what the body's keyed hash covers of it, so that a repeat of the
	// key with another code or password is told apart.
	Covers() string
}

// End is how a transaction ended.
type End struct {
	Outcome Outcome
	Reason  Reason // of Refused and TimedOut
	Code    string // the bank's F39, where it answered
	Reply   codec.Fields
}

// Entry is one row of the journal: all that a stranger needs to finish the job.
type Entry struct {
	// ID is the number of the first sending: its STAN in the last six digits.
	ID        int64
	Client    string
	Operation string
	KeyHash   []byte // keyed hash of client, operation and key; nil for none
	BodyHash  []byte // keyed hash of what was asked
	Type      codec.Type
	Customer  string // the client's own after the client and a space
	Bank      string
	Card      bool // the account is a card
	Account   codec.Account
	Fields    codec.Fields // what an advice repeats; never a code or a password
	Proof     Proof        // while it is opened; never stored
	MTI       string
	Code3     string // F3, the processing code
	STAN      codec.STAN
	Sent      codec.Stamp
	RRN       codec.RRN
	// Joins is the ID of the entry whose operation this one waits for and
	// whose RRN it has; 0 for one that sends.
	Joins    int64
	Instance string
	Opened   time.Time
	Deadline time.Time

	Open bool // not ended yet
	End  End  // the first answer: what a repeat of the key is told
	// Ended is when the first answer was journalled.
	Ended time.Time
	// Won says of what Journal.Close returns that this was the Close that ended it.
	Won bool
	// Unheard says, to an Effect, that nobody waits for this end: whoever asked may have
	// died, or its caller have hung up and heard nothing.
	Unheard bool
	// Standing is how it stands today: End.Outcome until something late
	// changed it.
	Standing Outcome
	// Holds is true while no other change of the account may run: it is open,
	// or its advice is not acknowledged.
	Holds bool
	// Late is what a late reply said, Unmapped for none; LateCode its F39.
	Late     codec.Meaning
	LateCode string
}

// OpenKind says what Journal.Open found.
type OpenKind uint8

// The kinds.
const (
	Opened        OpenKind = iota + 1 // the row is on disk: send
	Joined                            // the row is on disk under the first's RRN: wait for its end
	Known                             // the key was used before with this body; Entry is that row
	KeyReused                         // the key was used before with another body
	Settling                          // Blocker is unsettled; nothing was written
	EffectRefused                     // the effect refused; Entry is the row, ended
)

// Opening is what Journal.Open found.
type Opening struct {
	Kind    OpenKind
	Entry   Entry
	Blocker int64 // the unsettled entry's ID
}

// Tx is a database transaction as an [Effect] sees it; parameters are $1, $2 ….
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Effect is what a type does to the customer's state. One is registered per
// type, never a closure of one call: it also runs for what a scan or a late
// reply ends, in another process. It uses SQL only.
type Effect interface {
	// Open locks and checks the state before the row is written. It may refuse
	// with an *EffectRefusal, which commits what it wrote unless it is Undone;
	// any other error rolls back.
	Open(ctx context.Context, tx Tx, e *Entry) error
	// Close applies an outcome, in time or late: e.Standing is the outcome, and
	// e.End.Outcome differs from it where it came late. For Refused it gives back
	// what Open took. Of an Advice that it returns, the original's ID and the
	// type count.
	Close(ctx context.Context, tx Tx, e Entry, o Outcome) ([]Notice, []Advice, error)
}

// EffectRefusal is an Effect's refusal: told to the caller, and journalled with
// what the Effect wrote. One that is Undone leaves nothing of either, and the key
// free.
type EffectRefusal struct {
	Reason Reason
	Undone bool
}

func (e *EffectRefusal) Error() string { return "refused: " + string(e.Reason) }

// Notice is something a follower must be told.
type Notice struct {
	// ID follows from the cause: a cause that comes again gives the same ID, and
	// the outbox keeps each once.
	ID string
	// Channel and Subject are the follower.
	Channel, Subject string
	// Order: notices of one follower with the same Order are told in the order
	// they were written.
	Order string
	Kind  NoticeKind
	// Data is what the text is filled with, by name; sealed at rest. Of an account
	// it has the last four digits.
	Data map[string]string
	At   time.Time // of the cause
}

// NoticeKind says what a notice tells.
type NoticeKind string

// The kinds of notices.
const (
	NoticeMovement      NoticeKind = "movement"       // D4; data: account, bank, direction, amount, balance, summary, at
	NoticeDeregistered  NoticeKind = "deregistered"   // A9: a deregistration in doubt was approved
	NoticeRestored      NoticeKind = "restored"       // A9: it was declined
	NoticeDetached      NoticeKind = "detached"       // C4: in doubt, approved; data: account, bank
	NoticeAttached      NoticeKind = "attached"       // C4: a detach in doubt was declined, the link stands
	NoticeSuperseded    NoticeKind = "superseded"     // A13: authenticated by another follower
	NoticeAccountEnded  NoticeKind = "account-ended"  // A14; data: account, bank, event
	NoticeCustomerEnded NoticeKind = "customer-ended" // A14, of the primary; data: account, bank, event
)

// Heard is what a bank said by itself.
type Heard struct {
	Bank    string
	Message *codec.Message
	At      time.Time
}

// Listener is what a type that banks send by themselves does to the customers.
// It runs once for a message, in the transaction that remembers it; it uses SQL
// only. code is the answer's F39.
type Listener interface {
	Hear(ctx context.Context, tx Tx, h Heard) (code string, notices []Notice, advices []Advice, err error)
}

// Local is work that sends nothing, done once per idempotency key.
type Local struct {
	Client, Operation, Key string
	// Customer is the customer's id, ours.
	Customer string
	// Covers is what was asked, secrets decrypted; a keyed hash of it is kept.
	Covers []string
}

// AdviceState is where an advice stands.
type AdviceState string

// The states of an advice.
const (
	AdvicePending   AdviceState = "pending"   // to be sent, or sent without a clear answer
	AdviceDone      AdviceState = "done"      // acknowledged
	AdviceNotFound  AdviceState = "not-found" // provisional end of a reversal
	AdviceCancelled AdviceState = "cancelled" // overtaken before it was ever sent
	AdviceParked    AdviceState = "parked"    // waits for an operator
	AdviceClosed    AdviceState = "closed"    // by an operator
)

// Advice is what must still be told to a bank about an entry.
type Advice struct {
	ID    int64
	Entry Entry // the original
	Type  codec.Type
	State AdviceState
	// Attempts counts sendings, silence included, refusals not.
	Attempts int
	Claimed  time.Time // on its way until then, by whoever claimed it
	Next     time.Time // not before
	Created  time.Time
	LastCode string // F39 of its last answer
	Note     string // an operator's reason, or why it was parked
}

// AdviceStat counts the advices of one bank in one state.
type AdviceStat struct {
	Bank   string
	State  AdviceState
	Count  int
	Oldest time.Time
}

// Journal is the memory of the switch, durable before a message leaves and
// before an answer is given. Errors: [ErrCommitUnknown] where the truth must be
// read back, anything else means that nothing was written.
type Journal interface {
	// Numbers reserves a block of sending numbers, over all instances.
	Numbers(ctx context.Context) (Block, error)
	// Open writes the row, or says why not. Only ID, numbers and what was
	// asked must be filled in.
	Open(ctx context.Context, e Entry) (Opening, error)
	// Close ends the entry, which Open or Due returned, if it is still open, and
	// returns the row as it then stands, whoever ended it.
	Close(ctx context.Context, e Entry, end End) (Entry, error)
	// Late journals a reply that nobody waits for and applies what it changes.
	// known is false for a reply that answers nothing ever sent.
	Late(ctx context.Context, r LateReply) (e Entry, known bool, err error)
	// Due returns open entries whose deadline is before t, or so far ahead that
	// the clock must have been set back since, oldest first. Those
	// that cannot be read hide no other: an error may come beside entries, and
	// these are to be used.
	Due(ctx context.Context, t time.Time, limit int) ([]Entry, error)
	// Find returns the entry that used the key hash.
	Find(ctx context.Context, keyHash []byte) (Entry, bool, error)
	// Get returns the entry with the ID.
	Get(ctx context.Context, id int64) (Entry, bool, error)
	// Hear remembers what a bank said, runs its type's Listener once, and returns
	// the F39 that it was or is now answered with. repeat says it was heard before.
	Hear(ctx context.Context, h Heard) (code string, repeat bool, err error)
	// Confirm is Get behind a durable write of its own: what an earlier write
	// left unknown is then on disk for good, or never will be.
	Confirm(ctx context.Context, id int64) (Entry, bool, error)
}

// LateReply is a reply, to a request or to an advice, that found no waiter.
type LateReply struct {
	Bank    string
	Type    codec.Type
	RRN     codec.RRN
	STAN    codec.STAN
	Sent    codec.Stamp
	Code    string
	Reply   codec.Fields
	Meaning codec.Meaning     // for requests and completions
	Class   codec.AdviceClass // for reversals and releases
}

// Block is a run of sending numbers, durably this process's own. A number is
// cycle·10⁶ + STAN.
type Block struct {
	First, Last int64
	// NotBefore and NotAfter bound the stamps (F7) that may go with them, so
	// that (STAN, F7) never repeats, though the clock be set back.
	NotBefore, NotAfter time.Time
}

// Errors of Do besides outcomes.
var (
	// ErrKeyReused: the idempotency key was used with another body.
	ErrKeyReused = errors.New("idempotency key used with another body")
	// ErrInProgress: the first request with this key had not ended by the
	// repeat's deadline.
	ErrInProgress = errors.New("request with this idempotency key still in progress")
	// ErrOutcomeUnknown: it is not known what the journal holds; repeating the
	// same key learns it.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrCommitUnknown: a commit failed or its result is not known.
	ErrCommitUnknown = errors.New("commit unknown")
)

// Errors of the operators' calls on advices.
var (
	ErrNoAdvice       = errors.New("no such advice")
	ErrAdviceEnded    = errors.New("the advice has ended")
	ErrAdviceOnItsWay = errors.New("the advice is on its way")
	ErrAdviceNeedEnd  = errors.New("closing a completion, and nothing else, names its end: approved or declined")
)

// Result is what Do returns where it returns no error.
type Result struct {
	Entry
	// Journalled is false for a refusal before open: Entry then has Type, Bank
	// (where known) and End only.
	Journalled bool
	// Replayed marks the earlier answer to the same key.
	Replayed bool
}
