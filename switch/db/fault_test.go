package db

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// A disk that hangs keeps no caller for ever, not even one whose context never
// ends: what had not begun was not done, what had is unknown.
func TestWriterHangs(t *testing.T) {
	for _, c := range []struct {
		step string
		want error
		wait time.Duration
	}{{"begin", ErrBusy, hangWait}, {"commit-before", ErrUnknown, 2 * hangWait}} {
		path := filepath.Join(t.TempDir(), "test.db")
		synctest.Test(t, func(t *testing.T) {
			gate := make(chan struct{})
			d := opened(t, Options{Path: path, Fail: func(step string) error {
				if step == c.step {
					<-gate
				}
				return nil
			}})
			start(t, d)
			began := time.Now()
			err := d.Write(context.Background(), exec(`CREATE TABLE t (v)`))
			same(t, c.step+": error", errors.Is(err, c.want), true)
			same(t, c.step+": waited", time.Since(began), c.wait)
			close(gate)
		})
	}
}

// Who watches a disk that hangs hears of it, and for how long, as long as it does.
func TestAWriterThatHangsIsSeen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		d := opened(t, Options{Path: path, Fail: func(step string) error {
			if step == "commit-before" {
				<-gate
			}
			return nil
		}})
		start(t, d)
		same(t, "at work before", d.Busy(), time.Duration(0))
		write := make(chan error, 1)
		go func() { write <- d.Write(context.Background(), exec(`CREATE TABLE t (v)`)) }()
		time.Sleep(slowWait)
		must(t, d.Health(t.Context()))
		time.Sleep(time.Second)
		same(t, "at work", d.Busy(), slowWait+time.Second)
		if err := d.Health(t.Context()); err == nil || !strings.Contains(err.Error(), "6s") {
			t.Error("health of a writer that hangs:", err)
		}
		close(gate)
		must(t, <-write)
		synctest.Wait()
		same(t, "at work after", d.Busy(), time.Duration(0))
		must(t, d.Health(t.Context()))
	})
}

// A COMMIT that SQLite itself refuses leaves nothing of its batch, and the
// writer goes on.
func TestCommitIsRefused(t *testing.T) {
	d := withTable(t, Options{})
	must(t, d.Write(t.Context(), exec(`CREATE TABLE child (id INTEGER REFERENCES t (id))`)))
	errs := together(t, d, insert("a"), func(ctx context.Context, tx Tx) error {
		return errors.Join(exec(`PRAGMA defer_foreign_keys = ON`)(ctx, tx), exec(`INSERT INTO child (id) VALUES (77)`)(ctx, tx))
	})
	for i, err := range errs {
		same(t, fmt.Sprint("unknown ", i), errors.Is(err, ErrUnknown), true)
	}
	same(t, "rows", len(values(t, d)), 0)
	must(t, d.Write(t.Context(), insert("b")))
}

// Whatever batch meets a full disk, and wherever in it: nil means on disk, an
// error means not, for every one of them; and with room again all goes on.
func TestFullAnywhere(t *testing.T) {
	d := withTable(t, Options{})
	limit := func(extra int) {
		must(t, d.Write(t.Context(), func(ctx context.Context, tx Tx) error {
			var pages int
			must(t, tx.QueryRowContext(ctx, `PRAGMA page_count`).Scan(&pages))
			return tx.QueryRowContext(ctx, fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+extra)).Scan(&pages)
		}))
	}
	var failed, done, turn int
	rapid.Check(t, func(r *rapid.T) {
		turn++
		rows := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(1, 9000), 1, 4), 2, 8).Draw(r, "sizes of rows, by job")
		alone := rapid.SliceOfN(rapid.Bool(), len(rows), len(rows)).Draw(r, "jobs without a savepoint, if of one row")
		fails := rapid.IntRange(0, len(rows)).Draw(r, "job that fails by itself")
		limit(rapid.IntRange(0, 12).Draw(r, "pages left"))
		jobs := make([]fn, len(rows))
		for i := range rows {
			jobs[i] = func(ctx context.Context, tx Tx) error {
				for k, size := range rows[i] {
					write := insert
					if alone[i] && len(rows[i]) == 1 && i != fails {
						write = func(v string) fn { return sole(doNothing, v) }
					}
					if err := write(fmt.Sprintf("%d.%d.%d %s", turn, i, k, strings.Repeat("x", size)))(ctx, tx); err != nil {
						return err
					}
				}
				if i == fails {
					return errors.New("by itself")
				}
				return nil
			}
		}
		errs := together(t, d, jobs...)
		limit(1 << 20)
		all := values(t, d)
		for i, err := range errs {
			prefix := fmt.Sprintf("%d.%d.", turn, i)
			has := 0
			for _, v := range all {
				if strings.HasPrefix(v, prefix) {
					has++
				}
			}
			want := len(rows[i])
			if err != nil {
				want = 0
			}
			if has != want {
				r.Fatalf("job %d was told %v and has %d rows of %d", i, err, has, len(rows[i]))
			}
			if err == nil {
				done++
			} else if i != fails {
				failed++
			}
		}
	})
	if failed == 0 || done == 0 {
		t.Errorf("%d failed and %d done: the disk was never full, or always", failed, done)
	}
}

// A commit for which there is no room is known not to be there: nobody has to read
// back, and what is left of it in the log a restart does not find.
func TestNoRoomIsCertain(t *testing.T) {
	dir := t.TempDir()
	for name, fill := range map[string]func() (room func()){"size of files": bounded(t), "disk": mounted(t, dir)} {
		if fill == nil {
			t.Log(name, "cannot be tried: no right to mount one")
			continue
		}
		path := filepath.Join(dir, "test.db")
		if name != "disk" {
			path = filepath.Join(t.TempDir(), "test.db")
		}
		d := withTable(t, Options{Path: path})
		must(t, d.Write(t.Context(), insert("before")))
		room := fill()
		err := d.Write(t.Context(), insert(strings.Repeat("x", 100_000)))
		room()
		if err == nil || errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
		copied := filepath.Join(t.TempDir(), "test.db") // as a crash leaves it
		for _, suffix := range []string{"", "-wal"} {
			data, err := os.ReadFile(path + suffix)
			must(t, err)
			must(t, os.WriteFile(copied+suffix, data, 0o600))
		}
		for _, d := range []*DB{d, opened(t, Options{Path: copied})} {
			same(t, name+": rows", values(t, d), []string{"before"})
		}
		must(t, d.Close())
	}
}

// bounded bounds the size of every file that this process writes.
func bounded(t *testing.T) func() (room func()) {
	set := func(limit uint64) {
		must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: 1 << 40}))
	}
	return func() func() { set(1); return func() { set(1 << 40) } }
}

// mounted makes of the folder a disk of its own; nil where that is not allowed.
func mounted(t *testing.T, dir string) func() (room func()) {
	if syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m") != nil {
		return nil
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, 0)) })
	filler := filepath.Join(dir, "filler")
	return func() func() {
		if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); err == nil {
			t.Error("there is room for more than the disk")
		}
		return func() { must(t, os.Remove(filler)) }
	}
}

// A file that was not there is made for its owner alone, its log too.
func TestNewFileMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	withTable(t, Options{Path: path})
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		must(t, err)
		same(t, "mode of "+suffix, info.Mode(), fs.FileMode(0o600))
	}
}

// A file that another writes to while it is not yet turned to WAL is waited for:
// SQLite itself does not, there.
func TestOpenWaitsForTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	pool, _, err := openPool(path)
	must(t, err)
	defer pool.Close() //nolint:errcheck // not what is tested
	other, err := pool.BeginTx(t.Context(), nil)
	must(t, err)
	_, err = other.ExecContext(t.Context(), `CREATE TABLE other (v)`)
	must(t, err)
	time.AfterFunc(100*time.Millisecond, func() { must(t, other.Commit()) })
	opened(t, Options{Path: path})
}

// Processes that start at once on a new file all get it, and agree.
func TestStartAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	files := fstest.MapFS{"migrations/0001_a.sql": migration(`CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);`)}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			d, err := Open(t.Context(), Options{Path: path})
			if err != nil {
				t.Error("open:", err)
				return
			}
			defer d.Close() //nolint:errcheck // not what is tested
			if err := d.Migrate(t.Context(), files, "room_version"); err != nil {
				t.Error("migrate:", err)
				return
			}
			start(t, d)
			if err := d.Write(t.Context(), insert(fmt.Sprint(i))); err != nil {
				t.Error("write:", err)
			}
		})
	}
	all.Wait()
	d := opened(t, Options{Path: path})
	got := values(t, d)
	slices.Sort(got)
	same(t, "rows", got, []string{"0", "1", "2", "3"})
}

// A file that is removed, or that another has taken the place of: nothing is told to
// be on disk that is gone with the process, who watches hears of it, and once the file
// is back all goes on.
func TestFileTakenAway(t *testing.T) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		for _, replaced := range []bool{false, true} {
			what := fmt.Sprintf("test.db%s, replaced: %v", suffix, replaced)
			d := withTable(t, Options{})
			path := d.o.Path + suffix
			must(t, os.Rename(path, path+".old"))
			if replaced {
				must(t, os.WriteFile(path, nil, 0o600))
			}
			time.Sleep(placeLook)
			for _, err := range []error{d.Health(t.Context()), d.Write(t.Context(), insert("gone"))} {
				if err == nil || errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), path) {
					t.Errorf("%s: %v", what, err)
				}
			}
			must(t, os.Rename(path+".old", path))
			must(t, d.Health(t.Context()))
			must(t, d.Write(t.Context(), insert("back")))
			same(t, what, values(t, d), []string{"back"})
		}
	}
}
