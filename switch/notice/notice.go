package notice

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	switching "wxswitch/switch"
	"wxswitch/switch/db"
	"wxswitch/switch/vault"
)

//go:embed migrations
var migrations embed.FS

// State is where a notice stands.
type State string

// The states of a notice.
const (
	StatePending   State = "pending"   // to be sent
	StateSent      State = "sent"      // accepted by the front
	StateDelivered State = "delivered" // reported as delivered
	StateGone      State = "gone"      // its follower is gone
	StateParked    State = "parked"    // waits for an operator
	StateDiscarded State = "discarded" // by an unfollowing or an operator
)

// Options are what Notices are made of. DB, Vault, Sender and Text are required;
// the package's doc.go has the defaults.
type Options struct {
	DB     *db.DB
	Vault  *vault.Vault
	Sender Sender
	// Text makes the words that the follower reads. A notice for which it has
	// none is parked.
	Text func(n switching.Notice) string
	// Gone is told of a follower that was gone at the time, in the transaction that
	// discards what waited for it: whoever writes notices must write none for it until it
	// follows again. It uses SQL only. May be nil.
	Gone func(ctx context.Context, tx switching.Tx, channel, subject string, at time.Time) error
	// Told reports whether a follower is still told of the kind; it is asked where a
	// delivery failed, before the next round. It uses SQL only. May be nil: yes.
	Told func(ctx context.Context, tx switching.Tx, channel, subject string, kind switching.NoticeKind) (bool, error)

	Workers  int               // notices on their way at once
	Deadline time.Duration     // of one sending
	Lease    time.Duration     // how long a claim keeps others off; at least 2 × Deadline
	Poll     time.Duration     // how often what is due is looked for
	Backoff  switching.Backoff // after a sending that failed
	Attempts int               // sendings before a notice is parked
	Rounds   int               // failed deliveries before a notice is parked
	Keep     time.Duration     // how long what ended is kept, and its ID remembered

	Now        func() time.Time // default time.Now
	Log        zerolog.Logger
	Registerer prometheus.Registerer // may be nil
	// Fail, in tests, stops the work on a notice after "claim" or "send", as a
	// kill there would.
	Fail func(step string) error
}

// workers is the default of Workers.
const workers = 128

func (o *Options) defaults() error {
	if o.DB == nil || o.Vault == nil || o.Sender == nil || o.Text == nil {
		return errors.New("notice: DB, Vault, Sender and Text are required")
	}
	o.Workers = cmp.Or(o.Workers, workers)
	o.Deadline = cmp.Or(o.Deadline, 5*time.Second)
	o.Lease = max(cmp.Or(o.Lease, 30*time.Second), 2*o.Deadline)
	o.Poll = cmp.Or(o.Poll, time.Second)
	o.Backoff = cmp.Or(o.Backoff, switching.Backoff{Min: 2 * time.Second, Max: 30 * time.Minute})
	o.Attempts = cmp.Or(o.Attempts, 50)
	o.Rounds = cmp.Or(o.Rounds, 8)
	o.Keep = cmp.Or(o.Keep, 30*24*time.Hour)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Gone == nil {
		o.Gone = func(context.Context, switching.Tx, string, string, time.Time) error { return nil }
	}
	if o.Told == nil {
		o.Told = func(context.Context, switching.Tx, string, string, switching.NoticeKind) (bool, error) {
			return true, nil
		}
	}
	if o.Fail == nil {
		o.Fail = func(string) error { return nil }
	}
	return nil
}

// Notices keeps and tells notices. It is safe for concurrent use, and for
// several processes on one database.
type Notices struct {
	o        Options
	circuits circuits
	metrics  metrics
	kick     chan struct{} // capacity 1
	places   chan struct{} // of those on their way
	turn     int           // the relay's: which channel is served first
	tidied   time.Time     // the relay's: when old rows were last deleted
}

// New brings the tables up to date. It starts nothing: call Run.
func New(ctx context.Context, o Options) (*Notices, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	if err := o.DB.Migrate(ctx, migrations, "notice_version"); err != nil {
		return nil, fmt.Errorf("notice: %w", err)
	}
	n := &Notices{o: o, kick: make(chan struct{}, 1), places: make(chan struct{}, o.Workers)}
	n.circuits.hold = o.Deadline + time.Second
	n.metrics = newMetrics(n)
	return n, nil
}

// Kick looks at once for what is due. Call it after a commit that wrote notices.
func (n *Notices) Kick() {
	select {
	case n.kick <- struct{}{}:
	default:
	}
}

// The longest id, channel and subject.
const (
	maxID      = 128
	maxChannel = 64
	maxSubject = 256
)

// Put keeps a notice, in the transaction of its cause. One whose ID is there
// already stays as it is. The ID, unlike the data, is not sealed. Errors: of a
// notice without id or follower, or with longer ones than the front takes, and the
// database's.
func (n *Notices) Put(ctx context.Context, tx switching.Tx, x switching.Notice) error {
	if !within(x.ID, maxID) || !within(x.Channel, maxChannel) || !within(x.Subject, maxSubject) {
		return fmt.Errorf("notice: %s: id, channel or subject is empty or too long", x.Kind)
	}
	data, err := n.seal(x)
	if err != nil {
		return err
	}
	now, lane := n.o.Now().UnixMilli(), n.o.Vault.Index("notice lane", x.Channel, x.Subject, x.Order)
	_, err = tx.ExecContext(ctx, `INSERT INTO notice (id, channel, subject, lane, head, kind, data, at, created, state, round, claims, attempts, next)
		VALUES ($1, $2, $3, $4, `+alone+`, $5, $6, $7, $8, 'pending', 1, 0, 0, $8) ON CONFLICT (id) DO NOTHING`,
		x.ID, x.Channel, x.Subject, lane, string(x.Kind), data, x.At.UnixMilli(), now)
	if err != nil {
		return fmt.Errorf("put notice: %w", err)
	}
	return nil
}

func within(s string, longest int) bool { return s != "" && len(s) <= longest }

// alone is 1 if nothing of lane $4 is pending, else 0.
const alone = `CASE WHEN EXISTS (SELECT 1 FROM notice WHERE lane = $4 AND state = 'pending') THEN 0 ELSE 1 END`

// Forget discards what waits for a follower: it unfollowed, or lost its accounts
// to another. What is on its way may still reach it.
func (n *Notices) Forget(ctx context.Context, tx switching.Tx, channel, subject string) error {
	return n.drop(ctx, tx, channel, subject, "", whenever, StateDiscarded, "the follower is no longer told")
}

// Hush discards the movements that wait for a follower: it is a customer no more, or
// frozen. What tells of an end is still told. Movements have lanes of their own, so
// that none is left without its first.
func (n *Notices) Hush(ctx context.Context, tx switching.Tx, channel, subject string) error {
	return n.drop(ctx, tx, channel, subject, switching.NoticeMovement, whenever, StateDiscarded, "movements are no longer told")
}

// whenever is later than any notice is written, also under a clock that was set back
// since.
var whenever = time.UnixMilli(math.MaxInt64)

// drop ends what waits for the follower since that time or longer, of the kind, or
// of all for none.
func (n *Notices) drop(ctx context.Context, tx switching.Tx, channel, subject string, kind switching.NoticeKind, at time.Time, state State, answer string) error {
	_, err := tx.ExecContext(ctx, `UPDATE notice SET state = $1, head = 0, data = $2, ended = $3, answer = $4
		WHERE channel = $5 AND subject = $6 AND ($7 = '' OR kind = $7) AND created <= $8 AND state IN ('pending', 'parked')`,
		string(state), nothing, n.o.Now().UnixMilli(), answer, channel, subject, string(kind), at.UnixMilli())
	if err != nil {
		return fmt.Errorf("drop notices of a follower: %w", err)
	}
	return nil
}

// nothing is what is left of data that is not needed again.
var nothing = []byte{}

// dataContext binds sealed data to its notice and its follower.
func dataContext(id, channel, subject string) []byte {
	return []byte("notice.data " + id + "\x00" + channel + "\x00" + subject)
}

func (n *Notices) seal(x switching.Notice) ([]byte, error) {
	clear, err := json.Marshal(x.Data)
	if err != nil {
		return nil, fmt.Errorf("write notice's data: %w", err)
	}
	sealed, err := n.o.Vault.Seal(clear, dataContext(x.ID, x.Channel, x.Subject))
	if err != nil {
		return nil, fmt.Errorf("seal notice: %w", err)
	}
	return sealed, nil
}

func (n *Notices) open(c claimed) (switching.Notice, error) {
	x := switching.Notice{ID: c.ID, Channel: c.Channel, Subject: c.Subject, Kind: c.Kind, At: time.UnixMilli(c.At)}
	clear, err := n.o.Vault.Open(c.Data, dataContext(c.ID, c.Channel, c.Subject))
	if err != nil {
		return x, fmt.Errorf("open notice: %w", err)
	}
	if err := json.Unmarshal(clear, &x.Data); err != nil {
		return x, fmt.Errorf("read notice's data: %w", err)
	}
	return x, nil
}

// CheckKey is for a start: with a vault that has not the key of the newest notice that
// waits, all would be parked as unreadable. The error is vault.ErrKey, or the database's.
func (n *Notices) CheckKey(ctx context.Context) error {
	err := n.o.DB.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		var c claimed
		err := tx.QueryRowContext(ctx, `SELECT id, channel, subject, data FROM notice WHERE state = 'pending' ORDER BY seq DESC LIMIT 1`).
			Scan(&c.ID, &c.Channel, &c.Subject, &c.Data)
		if err != nil {
			return err
		}
		if _, err = n.open(c); errors.Is(err, vault.ErrKey) {
			return err
		}
		return nil
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}
