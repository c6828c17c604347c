package journal

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
	"wxswitch/switch/vault"
)

//go:embed migrations
var migrations embed.FS

// Options are what a Journal is made of. DB and Vault are required.
type Options struct {
	DB    *db.DB
	Vault *vault.Vault
	// Effects are what types do to the customer's state, if anything.
	Effects map[codec.Type]switching.Effect
	// Listeners are what the messages of banks' own do.
	Listeners map[codec.Type]switching.Listener
	// Outbox takes what must be told to followers; required where effects or
	// listeners tell anything.
	Outbox Outbox
	// Backoff is the pause between two attempts of an advice; Min defaults to 1 s, Max
	// to 5 min, and is at least Min.
	Backoff switching.Backoff
	Now     func() time.Time // default time.Now
}

// Outbox keeps notices, in the transaction of their cause. One whose ID is there
// already it leaves as it is.
type Outbox interface {
	Put(ctx context.Context, tx switching.Tx, n switching.Notice) error
}

// Journal implements switching.Journal. It is safe for concurrent use, and for
// several processes on one database.
type Journal struct{ Options }

var _ switching.Journal = (*Journal)(nil)

// New brings the tables up to date and returns the Journal.
func New(ctx context.Context, o Options) (*Journal, error) {
	o.Backoff.Min = cmp.Or(o.Backoff.Min, time.Second)
	o.Backoff.Max = max(o.Backoff.Min, cmp.Or(o.Backoff.Max, 5*time.Minute))
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := o.DB.Migrate(ctx, migrations, "journal_version"); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return &Journal{o}, nil
}

// write runs fn in a transaction of the one writer.
func (j *Journal) write(ctx context.Context, fn func(context.Context, db.Tx) error) error {
	return unknown(j.DB.Write(ctx, fn))
}

func unknown(err error) error {
	if errors.Is(err, db.ErrUnknown) {
		return fmt.Errorf("%w: %w", switching.ErrCommitUnknown, err)
	}
	return err
}

// Open writes the row, unless its key is known or its account is held.
func (j *Journal) Open(ctx context.Context, e switching.Entry) (switching.Opening, error) {
	e.Open, e.Holds = true, e.Type.Class() == codec.Change
	r := row{Opening: switching.Opening{Entry: e}}
	err := j.seal(&r)
	if err == nil {
		err = j.write(ctx, func(ctx context.Context, tx db.Tx) error { return j.open(ctx, tx, &r) })
	}
	if err != nil { // the writer may still be at work on r, if it hangs
		return switching.Opening{}, err
	}
	return r.Opening, nil
}

func (j *Journal) open(ctx context.Context, tx db.Tx, r *row) error {
	blocker, err := customerBlocker(ctx, tx, &r.Entry)
	if err != nil {
		return err
	}
	if blocker != 0 {
		return j.conflict(ctx, tx, r, blocker)
	}
	inserted, err := j.insert(ctx, tx, r)
	if err != nil {
		return err
	}
	if !inserted {
		return j.conflict(ctx, tx, r, 0)
	}
	return j.openEffect(ctx, tx, r, switching.Opened)
}

// customerBlocker returns the unsettled change of the same customer that e must
// wait for: a deregistration excludes every other change, but a visit. One that it
// may join comes before a reversal that came back beside that.
func customerBlocker(ctx context.Context, tx db.Tx, e *switching.Entry) (int64, error) {
	if e.Customer == "" || !e.Holds || e.Account.IsZero() {
		return 0, nil
	}
	var id int64
	err := tx.QueryRowContext(ctx, `SELECT id FROM entry WHERE customer = $1 AND customer <> '' AND holds = 1
		AND (type = $2 OR $3 = $2) AND type <> $4 ORDER BY type <> $3, id LIMIT 1`, e.Customer, string(codec.Deregister), string(e.Type), string(codec.Appointment)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// conflict says which rule kept the row out: its key's, that of what holds its
// customer, or else, where holder is 0, that of what holds its account.
func (j *Journal) conflict(ctx context.Context, tx db.Tx, r *row, holder int64) error {
	if known, err := j.known(ctx, tx, r); err != nil || known {
		return err
	}
	if holder == 0 {
		err := tx.QueryRowContext(ctx, `SELECT id FROM entry WHERE bank = $1 AND account_ix = $2 AND holds = 1`,
			r.Entry.Bank, r.accountIx).Scan(&holder)
		if err != nil {
			return fmt.Errorf("find what holds the account: %w", err)
		}
	}
	return j.hold(ctx, tx, r, holder)
}

func (j *Journal) known(ctx context.Context, tx db.Tx, r *row) (bool, error) {
	if r.Entry.KeyHash == nil {
		return false, nil
	}
	e, known, err := j.one(ctx, tx, `key_hash = $1`, r.Entry.KeyHash)
	switch {
	case err != nil || !known:
		return false, err
	case bytes.Equal(e.BodyHash, r.Entry.BodyHash):
		r.Opening = switching.Opening{Kind: switching.Known, Entry: e}
	default:
		r.Opening = switching.Opening{Kind: switching.KeyReused}
	}
	return true, nil
}

// hold joins the holder, or waits for it.
func (j *Journal) hold(ctx context.Context, tx db.Tx, r *row, holder int64) error {
	h, found, err := j.one(ctx, tx, `id = $1`, holder)
	if err != nil || !found {
		return fmt.Errorf("read what holds the account: %w", err)
	}
	if !joins(&r.Entry, &h, r.accountIx, j.accountIx(&h)) {
		r.Opening = switching.Opening{Kind: switching.Settling, Blocker: holder}
		return nil
	}
	r.Entry.Joins, r.Entry.Holds, r.Entry.RRN = h.ID, false, h.RRN
	inserted, err := j.insert(ctx, tx, r)
	if err != nil {
		return err
	}
	if !inserted {
		return fmt.Errorf("entry %d is there already", r.Entry.ID)
	}
	return j.openEffect(ctx, tx, r, switching.Joined)
}

// joins reports whether e is a second try of what h is bringing to its end.
func joins(e, h *switching.Entry, eIx, hIx []byte) bool {
	return e.Type.Doubt() == codec.Completion && e.Type == h.Type && e.Client == h.Client && e.Operation == h.Operation &&
		e.Customer == h.Customer && e.Bank == h.Bank && bytes.Equal(eIx, hIx)
}

// openEffect runs the type's Effect, if it has one. Its refusal ends the row,
// under its key, with what the Effect wrote; one that is undone is an error. The
// row was written before, so that a repeat of the key or a change that must wait
// does not get here; what the Effect changes in the entry is not kept.
func (j *Journal) openEffect(ctx context.Context, tx db.Tx, r *row, kind switching.OpenKind) error {
	r.Kind = kind
	effect := j.effectOf(&r.Entry)
	if effect == nil {
		return nil
	}
	asked := r.Entry
	err := effect.Open(ctx, tx, &asked)
	var refusal *switching.EffectRefusal
	if errors.As(err, &refusal) && !refusal.Undone {
		r.Kind = switching.EffectRefused
		_, err = j.end(ctx, tx, &r.Entry, &switching.End{Outcome: switching.Refused, Reason: refusal.Reason}, true)
	}
	return err
}

// Close ends the entry if it is open, and returns the row as it then stands.
func (j *Journal) Close(ctx context.Context, e switching.Entry, end switching.End) (switching.Entry, error) {
	write := j.DB.Write
	if e.Type.Stateless() && end.Outcome != switching.TimedOut {
		write = j.DB.WriteLater // its answer has mostly been given
	}
	err := unknown(write(ctx, func(ctx context.Context, tx db.Tx) error { return j.close(ctx, tx, &e, &end) }))
	if err != nil { // the writer may still be at work on e, if it hangs
		return switching.Entry{}, err
	}
	return e, nil
}

// close is every end: in time, late on an open row, by scan. It makes e the row
// as it then stands.
func (j *Journal) close(ctx context.Context, tx db.Tx, e *switching.Entry, end *switching.End) error {
	won, err := j.end(ctx, tx, e, end, false)
	if err != nil || !won {
		return err
	}
	if err := j.effect(ctx, tx, e, end.Outcome); err != nil {
		return err
	}
	if t, doubt := switching.Doubt(*e, *end); doubt {
		return j.addAdvice(ctx, tx, *e, j.accountIx(e), t)
	}
	return nil
}

// Two texts, because an UPDATE that names key_hash writes its index again, even
// with the same value: that costs as much as the rest.
const (
	setEnd          = `UPDATE entry SET open = 0, holds = $1, outcome = $2, standing = $2, reason = $3, code = $4, reply = $5, ended = $6`
	endEntry        = setEnd + ` WHERE id = $7 AND open = 1`
	endEntryFreeKey = setEnd + `, key_hash = NULL WHERE id = $7 AND open = 1`

	// None came back while the entry held the account. Asked in the statement
	// that ends the entry, that costs nearly nothing.
	noneWaits = ` AND NOT EXISTS (SELECT 1 FROM advice a
		WHERE a.bank = entry.bank AND a.account_ix = entry.account_ix AND a.state IN ('pending', 'parked'))`
	endAlone        = endEntry + noneWaits
	endAloneFreeKey = endEntryFreeKey + noneWaits
)

// end is the compare-and-set from open, after which e is the row. won is false
// where another was first.
func (j *Journal) end(ctx context.Context, tx db.Tx, e *switching.Entry, end *switching.End, keepKey bool) (won bool, err error) {
	reply, err := j.sealReply(e.ID, &end.Reply)
	if err != nil {
		return false, err
	}
	_, doubt := switching.Doubt(*e, *end)
	now := j.Now()
	alone, beside := endAlone, endEntry
	if switching.FreesKey(*end) && !keepKey {
		alone, beside = endAloneFreeKey, endEntryFreeKey
	}
	args := []any{doubt, string(end.Outcome), string(end.Reason), end.Code, reply, now.UnixMilli(), e.ID}
	sole := !doubt && j.effectOf(e) == nil
	done, err := db.Changed(exec(ctx, tx, sole, alone, args...))
	if err == nil && !done {
		var row switching.Entry
		if row, _, err = j.one(ctx, tx, `id = $1`, e.ID); err != nil || !row.Open {
			*e = row
			return false, err
		}
		if _, err = tx.ExecContext(ctx, beside, args...); err == nil && !doubt {
			err = handOver(ctx, tx, e.ID)
		}
	}
	if err != nil {
		return false, fmt.Errorf("end entry: %w", err)
	}
	e.Open, e.Holds, e.End, e.Standing, e.Ended, e.Won = false, doubt, *end, end.Outcome, now, true
	return true, nil
}

func (j *Journal) effect(ctx context.Context, tx db.Tx, e *switching.Entry, o switching.Outcome) error {
	effect := j.effectOf(e)
	if effect == nil {
		return nil
	}
	notices, advices, err := effect.Close(ctx, tx, *e, o)
	if err != nil {
		return fmt.Errorf("effect of %s: %w", e.Type, err)
	}
	return j.consequences(ctx, tx, notices, advices)
}

// effectOf is the Effect of an entry. A raw transaction has none: its caller
// answers for its customers itself.
func (j *Journal) effectOf(e *switching.Entry) switching.Effect {
	if e.Operation == switching.Raw {
		return nil
	}
	return j.Effects[e.Type]
}

// longest bounds how far ahead a deadline or a lease can be that was written
// under the clock as it is now: the longest time-out of a request is 10 min.
// What is farther was written under one that was set back since, and is due.
const longest = 11 * time.Minute

// Due returns open entries whose deadline is before t, or longer ahead than any,
// oldest first; beside them an error if it met unreadable ones.
func (j *Journal) Due(ctx context.Context, t time.Time, limit int) (due []switching.Entry, err error) {
	err = j.DB.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		due, err = j.many(ctx, tx, limit, `open = 1 AND (deadline < $1 OR deadline > $2) ORDER BY deadline`,
			t.UnixMilli(), j.Now().Add(longest).UnixMilli())
		return err
	})
	return due, err
}

// Find returns the entry that used the key hash.
func (j *Journal) Find(ctx context.Context, keyHash []byte) (switching.Entry, bool, error) {
	return j.read(ctx, `key_hash = $1`, keyHash)
}

// Get returns the entry with the ID.
func (j *Journal) Get(ctx context.Context, id int64) (switching.Entry, bool, error) {
	return j.read(ctx, `id = $1`, id)
}

// Confirm returns the entry with the ID as it stands after a commit of its own.
// A commit before it that hung or failed has by then become visible, or its
// place in the log is taken and it never will.
func (j *Journal) Confirm(ctx context.Context, id int64) (e switching.Entry, found bool, err error) {
	err = j.write(ctx, func(ctx context.Context, tx db.Tx) error {
		if _, err := advance(ctx, tx, "confirmed", 0, 1); err != nil {
			return fmt.Errorf("confirm: %w", err)
		}
		e, found, err = j.one(ctx, tx, `id = $1`, id)
		return err
	})
	return e, found, err
}

func (j *Journal) read(ctx context.Context, where string, arg any) (e switching.Entry, found bool, err error) {
	err = j.DB.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		e, found, err = j.one(ctx, tx, where, arg)
		return err
	})
	return e, found, err
}
