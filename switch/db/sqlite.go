package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
)

// What is here knows that the database is SQLite; the rest of the package only
// begins, commits and rolls back.

// lockWait is busy_timeout, for what SQLite does not wait for.
const lockWait = 5 * time.Second

// pragma is a setting of one connection, read back after it is set: SQLite
// ignores what it cannot do.
type pragma struct{ name, set, want string }

var (
	readerPragmas = []pragma{
		{"busy_timeout", "5000", "5000"},
		{"foreign_keys", "ON", "1"},
		{"query_only", "ON", "1"},
		{"temp_store", "MEMORY", "2"},
		{"cache_size", "-8192", "-8192"},
	}
	keeperPragmas = []pragma{
		{"busy_timeout", "5000", "5000"},
		{"synchronous", "FULL", "2"}, // of the log before it is put back, and of the file after
	}
	writerPragmas = []pragma{
		{"busy_timeout", "5000", "5000"},
		{"journal_mode", "WAL", "wal"},
		{"synchronous", "FULL", "2"},
		{"foreign_keys", "ON", "1"},
		{"temp_store", "MEMORY", "2"}, // keeps what savepoints undo out of files
		// 4 MB, no more: a commit after a page was split looks through the whole
		// cache, which at 16 MB costs more than reading pages again.
		{"cache_size", "-4096", "-4096"},
		{"wal_autocheckpoint", "0", "0"},               // see type wal
		{"journal_size_limit", "33554432", "33554432"}, // the log's file shrinks to 32 MB when it is reused
	}
)

// openPool makes the file before SQLite would, which goes by the umask; the log
// and its index get the file's mode, but for those that are there. It returns the
// path without symbolic links, by which SQLite names these two.
func openPool(path string) (pool *sql.DB, file string, err error) {
	if path == "" || strings.HasPrefix(path, ":") {
		return nil, "", errors.New("the path of a file is needed")
	}
	if err := makeFile(path); err != nil {
		return nil, "", err
	}
	if file, err = filepath.EvalSymlinks(path); err != nil {
		return nil, "", err
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Chmod(file+suffix, 0o600); err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
			return nil, "", err
		}
	}
	// One call for the whole process. What fdatasync leaves out, timestamps, no
	// recovery needs. Where the system has none, SQLite goes on with fsync.
	_, _ = sqlite.Fdatasync(true)
	pool, err = sql.Open("sqlite", dsn(path))
	return pool, file, err
}

// makeFile does not open a file that is there: to close it again would drop the
// locks that another DB of this process has on it (fcntl locks are the
// process's).
func makeFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	return nil
}

// dsn has the settings of Migrate's connections; sessions set theirs themselves.
func dsn(path string) string {
	return uri(path) + "?_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)"
}

// uri is the path in a form in which ?, # and % are taken literally.
func uri(path string) string {
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

func openSession(ctx context.Context, pool *sql.DB, pragmas []pragma, write bool) (*session, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, execs: map[string]driver.StmtExecContext{}, queries: map[string]*sql.Stmt{}}
	if err := setPragmas(ctx, conn, pragmas); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if write {
		err = s.watch()
	}
	return s, err
}

func setPragmas(ctx context.Context, conn *sql.Conn, pragmas []pragma) error {
	for _, p := range pragmas {
		if err := set(ctx, conn, p); err != nil {
			return fmt.Errorf("set %s: %w", p.name, err)
		}
		var got string
		if err := conn.QueryRowContext(ctx, "PRAGMA "+p.name).Scan(&got); err != nil {
			return fmt.Errorf("read back %s: %w", p.name, err)
		}
		if got != p.want {
			return fmt.Errorf("%s = %s did not take: it is %s, not %s", p.name, p.set, got, p.want)
		}
	}
	return nil
}

// set waits itself for another process's lock: to turn a file to WAL SQLite goes
// from a reader to the only writer, and there it does not, for fear of a deadlock.
func set(ctx context.Context, conn *sql.Conn, p pragma) error {
	const pause = 10 * time.Millisecond
	for late := time.Now().Add(lockWait); ; {
		_, err := conn.ExecContext(ctx, "PRAGMA "+p.name+" = "+p.set)
		if !busy(err) || time.Now().After(late) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// busy says whether another's lock kept a statement from running.
func busy(err error) bool {
	const locked = 5 // SQLITE_BUSY
	return resultCode(err)&0xff == locked
}

// lockOut takes the lock of a file beside the database, and returns what gives it
// back; the system does for a process that ended.
func lockOut(ctx context.Context, file string) (release func() error, err error) {
	file += "-alone"
	if err := makeFile(file); err != nil {
		return nil, err
	}
	pool, err := sql.Open("sqlite", uri(file))
	if err != nil {
		return nil, err
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	release = func() error { return errors.Join(conn.Close(), pool.Close()) }
	if _, err = conn.ExecContext(ctx, "PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE"); busy(err) {
		err = ErrTaken
	}
	if err != nil {
		return nil, errors.Join(err, release())
	}
	return release, nil
}

// watch hooks the session to SQLite, which may end a transaction by itself. A
// statement after that would be a transaction of its own: tx.check stops it. A
// COMMIT that a function says would persist half a batch: the hook turns it
// into a rollback.
func (s *session) watch() error {
	return s.conn.Raw(func(c any) error {
		h, ok := c.(sqlite.HookRegisterer)
		if !ok {
			return errors.New("the driver has no hooks")
		}
		h.RegisterRollbackHook(func() { s.rolledBack = true })
		h.RegisterCommitHook(func() int32 {
			if s.committing {
				return 0
			}
			return 1
		})
		return nil
	})
}

// inUse says whether a statement could not run because its last result is still
// being read.
func inUse(err error) bool {
	const misuse = 21 // SQLITE_MISUSE
	return resultCode(err)&0xff == misuse
}

// unwritten reports whether a COMMIT failed while it wrote the log, and so
// before the frame that commits was whole: SQLite writes that one last, and
// syncs only then.
func unwritten(err error) bool {
	const ioerrWrite = 10 | 3<<8 // SQLITE_IOERR_WRITE
	const full = 13              // SQLITE_FULL
	code := resultCode(err)
	return code == full || code == ioerrWrite
}

// resultCode is SQLite's, extended; 0 for no error, and for one of another.
func resultCode(err error) int {
	var e *sqlite.Error
	if err == nil || !errors.As(err, &e) {
		return 0
	}
	return e.Code()
}
