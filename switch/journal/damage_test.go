package journal_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/journal/journaltest"
)

// damage makes the sealed part of rows unreadable: of the first, and up to the last
// if there is one.
func damage(t *testing.T, o journaltest.Options, first int64, last ...int64) {
	t.Helper()
	raw(t, o, `UPDATE entry SET asked = x'0102' WHERE id BETWEEN $1 AND $2`, first, append(last, first)[0])
}

// raw changes the database behind the journal's back.
func raw(t *testing.T, o journaltest.Options, query string, args ...any) {
	t.Helper()
	d, err := sql.Open("sqlite", "file:"+filepath.Join(o.At, "journal.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // the statement tells
	if _, err := d.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

// TestSealedValuesAreTheirRows: one that was copied to another row, or to the other
// column, does not open there.
func TestSealedValuesAreTheirRows(t *testing.T) {
	o := options(t)
	j := start(t, o)
	n := switching.NewNumbers(j, time.Now)
	for name, copied := range map[string]string{
		"request of another": `UPDATE entry SET asked = (SELECT asked FROM entry WHERE id = $2) WHERE id = $1`,
		"reply of another":   `UPDATE entry SET reply = (SELECT reply FROM entry WHERE id = $2) WHERE id = $1`,
		"its own request":    `UPDATE entry SET reply = asked WHERE id = $1 AND $2 > 0`,
	} {
		var rows [2]switching.Entry
		for i := range rows {
			rows[i] = opened(t, j, n, o, fmt.Sprintf("621008123456789%d", i))
			end := switching.End{Outcome: switching.Approved, Code: "00"}
			end.Reply.Set(codec.FieldHolder, "阿依古丽")
			if _, err := j.Close(t.Context(), rows[i], end); err != nil {
				t.Fatal(err)
			}
		}
		raw(t, o, copied, rows[0].ID, rows[1].ID)
		if e, found, err := j.Get(t.Context(), rows[0].ID); err == nil {
			t.Errorf("%s opens: found %v, of %s", name, found, e.Account.Reveal())
		}
	}
}

// opened opens a registration of the account.
func opened(t *testing.T, store journaltest.Store, n *switching.Numbers, o journaltest.Options, account string) switching.Entry {
	t.Helper()
	e := entry(t, o, n, account)
	e.Type, e.Customer = codec.Authenticate, ""
	opening, err := store.Open(t.Context(), e)
	if err != nil || opening.Kind != switching.Opened {
		t.Fatal(opening.Kind, err)
	}
	return opening.Entry
}

// TestUnreadableOpen: a row that cannot be read keeps no other from the scan. A reply
// to it is not taken for one to nothing.
func TestUnreadableOpen(t *testing.T) {
	o := options(t)
	j := start(t, o)
	n := switching.NewNumbers(j, time.Now)
	bad := opened(t, j, n, o, "6210081234567890")
	worse := opened(t, j, n, o, "6210081234567891")
	good := opened(t, j, n, o, "6210081234567892")
	damage(t, o, bad.ID)
	damage(t, o, worse.ID)
	due, err := j.Due(t.Context(), time.Now().Add(time.Hour), 1)
	if err == nil || len(due) != 1 || due[0].ID != good.ID {
		t.Fatalf("due: %d, %v; want the good one and an error", len(due), err)
	}
	if _, err := j.Close(t.Context(), good, switching.End{Outcome: switching.TimedOut}); err != nil {
		t.Fatal(err)
	}
	late := switching.LateReply{Bank: bad.Bank, Type: bad.Type, RRN: bad.RRN, STAN: bad.STAN, Sent: bad.Sent, Code: "00", Meaning: codec.Approved}
	if _, known, err := j.Late(t.Context(), late); err == nil {
		t.Fatal("a reply to it: known", known)
	}
}

// TestUnreadableAdvice: an advice whose entry cannot be read is parked, and the
// next goes out; operators see both, and may close it.
func TestUnreadableAdvice(t *testing.T) {
	o := options(t)
	j := start(t, o)
	n := switching.NewNumbers(j, time.Now)
	ctx := t.Context()
	entries := make([]switching.Entry, 2)
	for i, account := range []string{"6210081234567890", "6210081234567891"} {
		entries[i] = opened(t, j, n, o, account)
		if _, err := j.Close(ctx, entries[i], switching.End{Outcome: switching.TimedOut}); err != nil {
			t.Fatal(err)
		}
	}
	bad, good := entries[0], entries[1]
	damage(t, o, bad.ID)
	a, ok, err := j.Claim(ctx, bad.Bank, 2, time.Now().Add(time.Minute))
	if err != nil || !ok || a.Entry.ID != good.ID {
		t.Fatal("the good one is not claimed:", ok, a.Entry.ID, err)
	}
	list, err := j.Advices(ctx, "", "", 0, 10)
	if err != nil || len(list) != 2 {
		t.Fatal("list:", len(list), err)
	}
	parked := list[0]
	if parked.Entry.ID != bad.ID || parked.State != switching.AdviceParked || parked.Note == "" || parked.Entry.Bank != bad.Bank {
		t.Fatalf("parked: entry %d of %s, %s, note %q", parked.Entry.ID, parked.Entry.Bank, parked.State, parked.Note)
	}
	if _, err := j.RetryAdvice(ctx, parked.ID); err == nil {
		t.Fatal("it can be sent again")
	}
	if _, err := j.CloseAdvice(ctx, parked.ID, "settled by phone", ""); err != nil {
		t.Fatal(err)
	}
	opened(t, j, n, o, "6210081234567890") // the account is free
}

// More advices that cannot be read than one claim looks at, as where an old key was
// lost, keep no good one back for ever.
func TestManyUnreadableAdvices(t *testing.T) {
	o := options(t)
	j := start(t, o)
	n := switching.NewNumbers(j, time.Now)
	ctx := t.Context()
	var last switching.Entry
	for i := range 102 {
		last = opened(t, j, n, o, fmt.Sprintf("6210081234%06d", i))
		if _, err := j.Close(ctx, last, switching.End{Outcome: switching.TimedOut}); err != nil {
			t.Fatal(err)
		}
	}
	damage(t, o, last.ID-101, last.ID-1)
	for range 2 {
		a, ok, err := j.Claim(ctx, last.Bank, 2, time.Now().Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			if a.Entry.ID != last.ID {
				t.Fatal("claimed:", a.Entry.ID)
			}
			return
		}
	}
	t.Fatal("the good one is never claimed")
}

// releases is an Effect that releases another row.
type releases struct{ of *int64 }

func (releases) Open(context.Context, switching.Tx, *switching.Entry) error { return nil }
func (r releases) Close(context.Context, switching.Tx, switching.Entry, switching.Outcome) ([]switching.Notice, []switching.Advice, error) {
	return nil, []switching.Advice{{Entry: switching.Entry{ID: *r.of}, Type: codec.Release}}, nil
}

// TestUnreadableOriginal: a registration that cannot be read keeps no
// deregistration from its end; its release is parked.
func TestUnreadableOriginal(t *testing.T) {
	o := options(t)
	var of int64
	o.Effects = map[codec.Type]switching.Effect{codec.Deregister: releases{&of}}
	j := start(t, o)
	n := switching.NewNumbers(j, time.Now)
	ctx := t.Context()
	bad := opened(t, j, n, o, "6210081234567890")
	if _, err := j.Close(ctx, bad, switching.End{Outcome: switching.Approved, Code: "00"}); err != nil {
		t.Fatal(err)
	}
	of = bad.ID
	damage(t, o, bad.ID)
	e := entry(t, o, n, "6210081234567891")
	e.Type, e.Customer = codec.Deregister, ""
	opening, err := j.Open(ctx, e)
	if err != nil || opening.Kind != switching.Opened {
		t.Fatal(opening.Kind, err)
	}
	if _, err := j.Close(ctx, opening.Entry, switching.End{Outcome: switching.Approved, Code: "00"}); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := j.Claim(ctx, bad.Bank, 2, time.Now().Add(time.Minute)); ok || err != nil {
		t.Fatal(ok, err)
	}
	list, err := j.Advices(ctx, "", switching.AdviceParked, 0, 10)
	if err != nil || len(list) != 1 || list[0].Entry.ID != bad.ID || list[0].Type != codec.Release {
		t.Fatal(list, err)
	}
}
