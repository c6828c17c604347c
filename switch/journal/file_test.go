package journal_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
	"wxswitch/switch/journal"
	"wxswitch/switch/journal/journaltest"
	"wxswitch/switch/vault"
)

const (
	card   = "6210081234567890"
	cert   = "650102199001011234"
	holder = "阿依古丽·买买提"
	said   = "余额不足请联系网点"
)

func options(t testing.TB) journaltest.Options {
	t.Helper()
	v, err := vault.New()
	if err != nil {
		t.Fatal(err)
	}
	return journaltest.Options{At: t.TempDir(), Vault: v, Now: time.Now}
}

func entry(t testing.TB, o journaltest.Options, n *switching.Numbers, account string) switching.Entry {
	t.Helper()
	number, err := n.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e := switching.Entry{
		ID: number.ID, Client: "front", Operation: "op", Type: codec.Deregister, Customer: account, Bank: "xjrcu", Card: true,
		KeyHash: o.Vault.Index("key", fmt.Sprint(number.ID)), BodyHash: o.Vault.Hash("body", account, cert),
		Account: codec.NewAccount(account), MTI: "0100", Code3: "930000", STAN: number.STAN, Sent: number.Sent,
		RRN: codec.NewRRN(number.ID), Instance: "i", Opened: time.Now(), Deadline: time.Now().Add(time.Minute),
	}
	e.Fields.Set(codec.FieldCertNumber, cert)
	e.Fields.Set(codec.FieldHolder, holder)
	return e
}

// TestNothingInClear: no account, certificate or name lies on the disk, in any
// spelling, whatever way a row went.
func TestNothingInClear(t *testing.T) {
	o := options(t)
	j := start(t, o)
	n := switching.NewNumbers(j, time.Now)
	ctx := t.Context()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	end := switching.End{Outcome: switching.Declined, Code: "51"}
	end.Reply.Set(codec.FieldHolder, holder)
	end.Reply.Set(codec.FieldText, said)
	end.Reply.Set(codec.FieldPAN, card)
	for _, end := range []switching.End{end, {Outcome: switching.TimedOut}} {
		e := entry(t, o, n, card)
		e.Customer = "c1"
		if opening, err := j.Open(ctx, e); err != nil || opening.Kind != switching.Opened {
			t.Fatal(opening.Kind, err)
		}
		must(j.Close(ctx, e, end))
		r := switching.LateReply{Bank: e.Bank, Type: e.Type, RRN: e.RRN, STAN: e.STAN, Sent: e.Sent, Code: "68", Meaning: codec.InDoubt, Reply: end.Reply}
		if _, known, err := j.Late(ctx, r); err != nil || !known {
			t.Fatal(known, err)
		}
	}
	a, ok, err := j.Claim(ctx, "xjrcu", 2, time.Now().Add(time.Minute))
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	must(j.Answered(ctx, a.ID, switching.LateReply{Type: codec.Completion, Meaning: codec.Declined, Code: "14", Reply: end.Reply}))

	files, err := filepath.Glob(filepath.Join(o.At, "journal.db*"))
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	var disk []byte
	for _, f := range files {
		content, err := os.ReadFile(f) //nolint:gosec // the test's own
		if err != nil {
			t.Fatal(err)
		}
		disk = append(disk, content...)
	}
	if !bytes.Contains(disk, []byte("xjrcu")) {
		t.Fatal("what is in clear is not found: the search is broken")
	}
	for _, secret := range []string{card, cert, holder, said, card[6:], "买买提"} {
		for name, form := range map[string]string{
			"clear": secret, "hex": hex.EncodeToString([]byte(secret)), "base64": base64.RawStdEncoding.EncodeToString([]byte(secret))[:len(secret)/3*4],
		} {
			if bytes.Contains(disk, []byte(form)) {
				t.Errorf("%s of %.4s… on disk", name, secret)
			}
		}
	}
}

// image copies the files as a crash at this moment leaves them: the log is copied
// after the database, and perhaps in the middle of a write. Where the log began anew
// meanwhile (its header has other salts), the two are of no one moment: then again.
func image(t *testing.T, from string) (to string) {
	t.Helper()
	read := func(name string) []byte {
		content, err := os.ReadFile(filepath.Join(from, name)) //nolint:gosec // the test's own
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	const header = 32
	for {
		before, database, log := read("journal.db-wal"), read("journal.db"), read("journal.db-wal")
		if !bytes.Equal(before[:min(header, len(before))], log[:min(header, len(log))]) {
			continue
		}
		to = t.TempDir()
		for name, content := range map[string][]byte{"journal.db": database, "journal.db-wal": log} {
			if err := os.WriteFile(filepath.Join(to, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return to
	}
}

// TestCrash: what was answered before a crash is there after it, and nothing is
// half there, at any moment under load.
func TestCrash(t *testing.T) {
	o := options(t)
	j := start(t, o)
	n := switching.NewNumbers(j, time.Now)
	var mu sync.Mutex // guards answered
	answered := make(map[int64]switching.Outcome)
	note := func(id int64, o switching.Outcome) {
		mu.Lock()
		defer mu.Unlock()
		answered[id] = o
	}
	ctx, stop := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for c := range 8 {
		callers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				e := entry(t, o, n, fmt.Sprintf("62100%d%010d", c, i))
				if _, err := j.Open(t.Context(), e); err != nil {
					t.Error(err)
					return
				}
				note(e.ID, "")
				outcome := []switching.Outcome{switching.Approved, switching.TimedOut}[i%2]
				if _, err := j.Close(t.Context(), e, switching.End{Outcome: outcome}); err != nil {
					t.Error(err)
					return
				}
				note(e.ID, outcome)
			}
		})
	}
	for range 10 {
		mu.Lock()
		had := len(answered)
		mu.Unlock()
		for enough := false; !enough; { // more than at the image before
			mu.Lock()
			enough = len(answered) > had+20
			mu.Unlock()
			_, _, _ = j.Get(t.Context(), 1)
		}
		mu.Lock()
		before := maps.Clone(answered)
		mu.Unlock()
		crashed := o
		crashed.At = image(t, o.At)
		checkImage(t, start(t, crashed), before)
	}
	stop()
	callers.Wait()
}

func checkImage(t *testing.T, j *journal.Journal, answered map[int64]switching.Outcome) {
	t.Helper()
	list, err := j.Advices(t.Context(), "", "", 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	advices := make(map[int64]int)
	for _, a := range list {
		advices[a.Entry.ID]++
	}
	for id, outcome := range answered {
		e, found, err := j.Get(t.Context(), id)
		if err != nil || !found {
			t.Fatalf("row %d: %v, %v", id, found, err)
		}
		if outcome != "" && e.End.Outcome != outcome {
			t.Fatalf("row %d ended as %q, answered was %q", id, e.End.Outcome, outcome)
		}
		doubt := e.End.Outcome == switching.TimedOut
		if doubt != (advices[id] == 1) || e.Holds != (e.Open || doubt) {
			t.Fatalf("row %d is half there: %s, open %v, holds %v, %d advices", id, e.End.Outcome, e.Open, e.Holds, advices[id])
		}
	}
}

// TestDiskFull: a full disk is an error before anything is sent, and leaves
// nothing; with room again all goes on.
func TestDiskFull(t *testing.T) {
	o := options(t)
	d, err := db.Open(t.Context(), db.Options{Path: filepath.Join(o.At, "journal.db")})
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.New(t.Context(), journal.Options{DB: d, Vault: o.Vault})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	defer func() { stop(); <-ended; _ = d.Close() }()
	n := switching.NewNumbers(j, time.Now)
	entry(t, o, n, card) // reserves the numbers while it can
	limit := func(pages int) {
		if err := d.Write(t.Context(), func(ctx context.Context, tx db.Tx) error {
			return tx.QueryRowContext(ctx, fmt.Sprintf(`PRAGMA max_page_count = %d`, pages)).Scan(new(int))
		}); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // as many as there are
	var opened []switching.Entry
	full := false
	for i := 0; !full; i++ {
		entries := make([]switching.Entry, 8)
		errs := make([]error, 8)
		var callers sync.WaitGroup
		for k := range entries {
			entries[k] = entry(t, o, n, fmt.Sprintf("62100%d%010d", k, i))
			callers.Go(func() { _, errs[k] = j.Open(t.Context(), entries[k]) })
		}
		callers.Wait()
		for k, err := range errs {
			_, found, readErr := j.Get(t.Context(), entries[k].ID)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if !errors.Is(err, switching.ErrCommitUnknown) && found != (err == nil) {
				t.Fatalf("told %v, on disk %v", err, found)
			}
			if err == nil {
				opened = append(opened, entries[k])
			}
			full = full || err != nil
		}
	}
	limit(1 << 20)
	for _, e := range opened {
		if row, err := j.Close(t.Context(), e, switching.End{Outcome: switching.TimedOut}); err != nil || row.End.Outcome != switching.TimedOut {
			t.Fatal(row.End, err)
		}
	}
	if len(opened) == 0 {
		t.Error("full from the start")
	}
}

// TestAConfirmationIsWritten: a commit that has nothing to write waits for none that
// hung before it.
func TestAConfirmationIsWritten(t *testing.T) {
	o := options(t)
	j := start(t, o)
	log := func() []byte {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(o.At, "journal.db-wal")) //nolint:gosec // the test's own
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	before := log()
	if _, _, err := j.Confirm(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(before, log()) {
		t.Error("nothing is on disk after it that was not before")
	}
}
