package db

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
)

// A setting that did not take would lose the last commits on power loss, which
// no killed process shows.
func TestDurabilityIsReadBack(t *testing.T) {
	d := withTable(t, Options{})
	must(t, d.Write(t.Context(), func(ctx context.Context, tx Tx) error {
		for _, p := range []struct{ query, want string }{
			{"PRAGMA synchronous", "2"},
			{"PRAGMA journal_mode", "wal"},
			{"PRAGMA foreign_keys", "1"},
			{"PRAGMA busy_timeout", "5000"},
			{"PRAGMA wal_autocheckpoint", "0"}, // nobody waits for a checkpoint
			{"PRAGMA journal_size_limit", "33554432"},
		} {
			var got string
			must(t, tx.QueryRowContext(ctx, p.query).Scan(&got))
			same(t, p.query, got, p.want)
		}
		return nil
	}))
	var got string
	must(t, d.wal.keeper.conn.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&got))
	same(t, "of the keeper", got, "2") // or the log would be used again before the file is on disk
}

func TestOpenRefusesWhatDidNotTake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	for _, p := range []pragma{{"synchronous", "NORMAL", "2"}, {"journal_mode", "DELETE", "wal"}, {"no_such", "1", "1"}} {
		d, err := open(t.Context(), Options{Path: path}, []pragma{p})
		if err == nil {
			_ = d.Close()
			t.Fatal("opened with", p)
		}
		same(t, "names the setting", strings.Contains(err.Error(), p.name), true)
	}
	for _, path := range []string{"", ":memory:", t.TempDir(), filepath.Join(t.TempDir(), "no", "x.db")} {
		if _, err := Open(t.Context(), Options{Path: path}); err == nil {
			t.Errorf("opened %q", path)
		}
	}
}

func TestNotADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	must(t, os.WriteFile(path, []byte(strings.Repeat("no database ", 100)), 0o600))
	_, err := Open(t.Context(), Options{Path: path})
	if err == nil || !strings.Contains(err.Error(), "not a database") {
		t.Error(err)
	}
}

func TestFileMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a?b#c%41.db") // taken literally
	must(t, os.WriteFile(path, nil, 0o644))           //nolint:gosec // too wide on purpose
	d := withTable(t, Options{Path: path})
	must(t, d.Write(t.Context(), insert("a")))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		must(t, err)
		same(t, suffix, info.Mode(), fs.FileMode(0o600))
	}
}

// A log that a crash left, put back from a copy, has what the file has.
func TestFileModeOfALogThatWasThere(t *testing.T) {
	d := withTable(t, Options{})
	must(t, d.Write(t.Context(), insert("a")))
	path := filepath.Join(t.TempDir(), "copy.db")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		data, err := os.ReadFile(d.o.Path + suffix)
		must(t, err)
		must(t, os.WriteFile(path+suffix, data, 0o644)) //nolint:gosec // too wide on purpose
	}
	c, err := Open(t.Context(), Options{Path: path})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		must(t, err)
		same(t, suffix, info.Mode(), fs.FileMode(0o600))
	}
}

func TestReadersSeeOneStateAndWriteNothing(t *testing.T) {
	d := withTable(t, Options{})
	must(t, d.Write(t.Context(), insert("a")))
	must(t, d.Read(t.Context(), func(ctx context.Context, tx Tx) error {
		count := func() (n int) {
			must(t, tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM t`).Scan(&n))
			return n
		}
		before := count()
		must(t, d.Write(ctx, insert("b")))
		same(t, "count", count(), before)
		if err := insert("c")(ctx, tx); err == nil {
			t.Error("a reader wrote")
		}
		return nil
	}))
	same(t, "rows", values(t, d), []string{"a", "b"})
}

func TestReadWaitsForAConnectionAndIsInterrupted(t *testing.T) {
	d := withTable(t, Options{Readers: 1})
	must(t, d.Read(t.Context(), func(ctx context.Context, _ Tx) error {
		short, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		err := d.Read(short, func(context.Context, Tx) error { return nil })
		same(t, "no connection", errors.Is(err, context.DeadlineExceeded), true)
		return nil
	}))
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := d.Read(short, func(ctx context.Context, tx Tx) error {
		const forever = `WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n`
		return tx.QueryRowContext(ctx, forever, 1).Scan(new(int))
	})
	same(t, "interrupted", errors.Is(err, context.DeadlineExceeded), true)
	func() {
		defer func() { _ = recover() }()
		_ = d.Read(t.Context(), func(ctx context.Context, tx Tx) error { panic("oops") })
	}()
	same(t, "rows", len(values(t, d)), 0) // on that same connection
	must(t, d.Close())
	same(t, "closed", d.Read(t.Context(), func(context.Context, Tx) error { return nil }), ErrClosed)
}

func migration(up string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("-- +goose Up\n" + up + "\n")}
}

func TestMigrate(t *testing.T) {
	d := opened(t, Options{})
	ctx := t.Context()
	one := fstest.MapFS{"migrations/00001_a.sql": migration(`CREATE TABLE a (x INTEGER);`)}
	two := fstest.MapFS{"migrations/00001_a.sql": one["migrations/00001_a.sql"], "migrations/00002_b.sql": migration(`CREATE TABLE b (x INTEGER);`)}
	bad := fstest.MapFS{"migrations/00001_a.sql": one["migrations/00001_a.sql"], "migrations/00002_b.sql": migration(`CREATE TABLE c (x INTEGER); CREATE TABLE a (x INTEGER);`)}
	must(t, d.Migrate(ctx, one, "room_version"))
	must(t, d.Migrate(ctx, one, "room_version"))
	if err := d.Migrate(ctx, bad, "room_version"); err == nil {
		t.Error("a broken migration passed")
	}
	must(t, d.Migrate(ctx, two, "room_version"))
	err := d.Migrate(ctx, one, "room_version")
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "version 2") {
		t.Error(err)
	}
	// Another room counts for itself.
	must(t, d.Migrate(ctx, fstest.MapFS{"migrations/00001_z.sql": migration(`CREATE TABLE z (x INTEGER);`)}, "other_version"))
	start(t, d)
	must(t, d.Write(ctx, func(ctx context.Context, tx Tx) error {
		return errors.Join(exec(`INSERT INTO b (x) VALUES (1)`)(ctx, tx), exec(`INSERT INTO z (x) VALUES (1)`)(ctx, tx))
	}))
	must(t, d.Migrate(ctx, two, "room_version")) // beside a running writer
	if err := d.Migrate(ctx, fstest.MapFS{}, "empty_version"); err == nil {
		t.Error("no migrations at all")
	}
}

// The disk is full in the middle of a batch: who got an error finds nothing of
// his, who got nil finds all, and the writer goes on.
func TestDiskFull(t *testing.T) {
	d := withTable(t, Options{})
	must(t, d.Write(t.Context(), func(ctx context.Context, tx Tx) error {
		var n int
		return tx.QueryRowContext(ctx, `PRAGMA max_page_count = 40`).Scan(&n)
	}))
	errs := together(t, d, big("A"), big("B"), big("C"), big("D"), insert("small"))
	all := strings.Join(values(t, d), " ")
	failed := 0
	for i, job := range []string{"A", "B", "C", "D", "small"} {
		if errs[i] != nil {
			failed++
			same(t, "clear and certain", strings.Contains(errs[i].Error(), "full") && !errors.Is(errs[i], ErrUnknown), true)
		}
		same(t, job+" is there", strings.Contains(all, job), errs[i] == nil)
	}
	if failed == 0 || errs[4] != nil {
		t.Error("the disk was not full, or stayed so for who came after:", errs)
	}
	must(t, d.Write(t.Context(), big("z")))
}

// big is a job that writes eight pages.
func big(name string) fn {
	return func(ctx context.Context, tx Tx) error {
		for i := range 8 {
			if err := insert(fmt.Sprint(name, i, strings.Repeat("-", 3000)))(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	}
}

// Under writers that never pause, too, the log is put back and used again, and
// not by whoever waits for the writer.
func TestLogIsPutBackUnderLoad(t *testing.T) {
	d := opened(t, Options{})
	d.wal.pages = 50
	d.wal.max = 1 << 40 // the last resort is not what is tried
	start(t, d)
	must(t, d.Write(t.Context(), exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)`)))
	const jobs, writers = 200, 8 // a page each
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range jobs {
				must(t, d.Write(t.Context(), insert(strings.Repeat("x", 3000))))
			}
		})
	}
	all.Wait()
	if size := d.wal.size(); size > jobs*writers/3*4096 {
		t.Errorf("after %d pages the log takes %d bytes", jobs*writers, size)
	}
}

// To count what is in the log puts nothing of it back.
func TestLookingAtTheLogIsAllItDoes(t *testing.T) {
	d := withTable(t, Options{})
	must(t, d.Write(t.Context(), insert("a")))
	for range 2 {
		if pages, back := checkpoint(d.wal.keeper, "NOOP"); pages == 0 || back != 0 {
			t.Error(pages, back)
		}
	}
	pages, back := checkpoint(d.wal.keeper, "PASSIVE")
	same(t, "put back", back, pages)
}

// Run ends after the keeper: Close takes its connection away.
func TestRunWaitsForTheKeeper(t *testing.T) {
	d := opened(t, Options{})
	stop := start(t, d)
	entered, release, stopped := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var held sync.WaitGroup
	held.Go(func() { must(t, d.wal.keeper.conn.Raw(func(any) error { close(entered); <-release; return nil })) })
	<-entered
	must(t, d.Write(t.Context(), exec(`CREATE TABLE t (v)`)))
	eventually(t, func() bool { return len(d.wal.grown) == 0 }) // it looks at the log, and waits for its connection
	go func() { stop(); close(stopped) }()
	select {
	case <-stopped:
		t.Error("it did not wait")
	case <-time.After(100 * time.Millisecond):
	}
	close(release)
	held.Wait()
	<-stopped
}

// Readers that never pause keep SQLite from using its log again.
func TestLogDoesNotGrow(t *testing.T) {
	d := opened(t, Options{})
	d.wal.max, d.wal.interval = 1<<20, time.Millisecond
	start(t, d)
	must(t, d.Write(t.Context(), exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)`)))
	for range 100 {
		must(t, d.Write(t.Context(), insert(strings.Repeat("x", 100_000))))
	}
	eventually(t, func() bool {
		must(t, d.Write(t.Context(), insert("x")))
		return d.wal.size() <= 1<<20
	})
	must(t, d.Write(t.Context(), func(ctx context.Context, tx Tx) error {
		var ms int
		must(t, tx.QueryRowContext(ctx, `PRAGMA busy_timeout`).Scan(&ms))
		same(t, "busy_timeout is back", ms, 5000)
		return nil
	}))
}

// A reader that does not end keeps a log that is too long, and holds up the writer
// no longer than the package says.
func TestLongReaderHoldsUpLittle(t *testing.T) {
	d := opened(t, Options{})
	d.wal.max, d.wal.interval = 1, 0
	start(t, d)
	must(t, d.Write(t.Context(), exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)`)))
	must(t, d.Read(t.Context(), func(ctx context.Context, tx Tx) error {
		must(t, tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM t`).Scan(new(int)))
		began := time.Now()
		must(t, d.Write(ctx, insert("a")))
		must(t, d.Write(ctx, insert("b"))) // after it was waited for
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("held up for %v", took)
		}
		return nil
	}))
	must(t, d.Write(t.Context(), insert("c")))
	eventually(t, func() bool { return d.wal.size() == 0 })
}

// SQLite keeps the log beside the file itself, not beside a link to it.
func TestLogOfALinkedFile(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link.db")
	path := filepath.Join(t.TempDir(), "x.db")
	must(t, os.WriteFile(path, nil, 0o600))
	must(t, os.Symlink(path, link))
	d := withTable(t, Options{Path: link})
	if d.wal.size() == 0 {
		t.Error("its size is not seen")
	}
}

func TestCloseTwiceAndWithoutRun(t *testing.T) {
	d := opened(t, Options{})
	must(t, d.Close())
	must(t, d.Close())
	same(t, "Write", d.Write(t.Context(), insert("a")), ErrClosed)
	same(t, "Run", d.Run(t.Context()), ErrClosed)
}

// A statement that stays open keeps SQLite's connection, and the log is then
// never put back into the file.
func TestCloseLeavesNoFileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	d := withTable(t, Options{Path: path})
	must(t, d.Write(t.Context(), insert("a")))
	same(t, "rows", values(t, d), []string{"a"})
	must(t, d.Close())
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the log is still there:", err)
	}
}

// What makes no sense as a number takes the default, as nothing does.
func TestNumbersBelowOne(t *testing.T) {
	d := opened(t, Options{Path: filepath.Join(t.TempDir(), "test.db"), MaxBatch: -1, Queue: -1, Readers: -1})
	same(t, "defaults", []int{d.o.MaxBatch, d.o.Queue, d.o.Readers}, []int{256, 4096, 4})
}

// Who opens a file alone keeps others out that want it so, and nobody else.
func TestAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	d := opened(t, Options{Path: path, Alone: true})
	same(t, "alone", d.Alone(), true)
	same(t, "with others", opened(t, Options{Path: path}).Alone(), false)
	if second, err := Open(t.Context(), Options{Path: path, Alone: true}); !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), path) {
		t.Error(second, err)
	}
	beside, err := filepath.Glob(path + "-alone*")
	must(t, err)
	same(t, "files beside", len(beside), 1)
	must(t, d.Close())
	opened(t, Options{Path: path, Alone: true})
}
