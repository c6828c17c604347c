package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func insert(v string) fn { return exec(`INSERT INTO t (v) VALUES ($1)`, v) }

// held lets one function hold the writer, so that what the test writes meanwhile
// waits and makes one batch.
func held(t *testing.T, d *DB) (release func()) {
	t.Helper()
	entered, gate, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- d.Write(context.Background(), func(context.Context, Tx) error {
			close(entered)
			<-gate
			return nil
		})
	}()
	<-entered
	return sync.OnceFunc(func() { close(gate); must(t, <-done) })
}

// together writes all as one batch and returns their errors.
func together(t *testing.T, d *DB, jobs ...fn) []error {
	t.Helper()
	release := held(t, d)
	errs := make([]error, len(jobs))
	var all sync.WaitGroup
	for i, job := range jobs {
		all.Go(func() { errs[i] = d.Write(context.Background(), job) })
		eventually(t, func() bool { return d.Waiting() == i+1 })
	}
	release()
	all.Wait()
	return errs
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestManyWritesShareACommit(t *testing.T) {
	var batches []int
	d := withTable(t, Options{Observe: func(n int, _ time.Duration) { batches = append(batches, n) }})
	jobs := make([]fn, 50)
	for i := range jobs {
		jobs[i] = insert(fmt.Sprint(i))
	}
	same(t, "errors", together(t, d, jobs...), make([]error, 50))
	same(t, "rows", len(values(t, d)), 50)
	must(t, d.Close())
	same(t, "batches", batches, []int{1, 1, 50}) // the table, the holder, and the rest
}

func TestBatchIsBounded(t *testing.T) {
	var largest int
	d := withTable(t, Options{MaxBatch: 3, Observe: func(n int, _ time.Duration) { largest = max(largest, n) }})
	together(t, d, insert("a"), insert("b"), insert("c"), insert("d"), insert("e"))
	same(t, "rows", len(values(t, d)), 5)
	must(t, d.Close())
	same(t, "largest batch", largest, 3)
}

func TestFailingJobHarmsNoNeighbour(t *testing.T) {
	d := withTable(t, Options{})
	mine := errors.New("mine")
	errs := together(t, d, insert("a"),
		func(ctx context.Context, tx Tx) error { return errors.Join(insert("gone")(ctx, tx), mine) },
		insert("b"),
		insert("a"), // breaks the unique index
		func(ctx context.Context, tx Tx) error { _ = insert("gone too")(ctx, tx); panic("oops") },
		insert("c"))
	same(t, "rows", values(t, d), []string{"a", "b", "c"})
	for i, failed := range []bool{false, true, false, true, true, false} {
		same(t, fmt.Sprint("failed ", i), errs[i] != nil, failed)
	}
	if !errors.Is(errs[1], mine) {
		t.Error("not the function's own error:", errs[1])
	}
	var p *PanicError
	if !errors.As(errs[4], &p) || p.Value != "oops" || !strings.Contains(string(p.Stack), "TestFailingJob") {
		t.Error("not the panic:", errs[4])
	}
}

// A function must not end the transaction: its COMMIT would persist the
// neighbours before it, which could then no longer fail, and what it writes
// after would stand outside.
func TestFunctionMayNotEndTheTransaction(t *testing.T) {
	for _, end := range []string{"COMMIT", "ROLLBACK"} {
		d := withTable(t, Options{})
		var after error
		errs := together(t, d, insert("a"),
			func(ctx context.Context, tx Tx) error {
				_, _ = tx.ExecContext(ctx, end)
				after = insert("outside")(ctx, tx)
				same(t, "row after the end", tx.QueryRowContext(ctx, `SELECT 1`).Scan(new(int)) != nil, true)
				return nil
			},
			insert("b"))
		same(t, end+": rows", values(t, d), []string{"b"})
		for i, failed := range []bool{true, true, false} {
			same(t, fmt.Sprint(end, ": failed ", i), errs[i] != nil, failed)
		}
		if !errors.Is(after, errLost) || errors.Is(errs[0], ErrUnknown) {
			t.Error(end, after, errs[0])
		}
	}
}

// One that releases the savepoint that would undo it alone is undone with those before
// it in the batch, whether it fails or not.
func TestFunctionMayNotReleaseItsSavepoint(t *testing.T) {
	for name, last := range map[string]fn{"fails": failing, "does not": insert("outside")} {
		d := withTable(t, Options{})
		errs := together(t, d, insert("a"), then(insert("outside too"), exec("RELEASE job"), last), insert("b"))
		same(t, name+": rows", values(t, d), []string{"b"})
		for i, failed := range []bool{true, true, false} {
			same(t, fmt.Sprint(name, ": failed ", i), errs[i] != nil && !errors.Is(errs[i], ErrUnknown), failed)
		}
	}
}

// Each durable step fails, and what is on disk is what the error said.
func TestFailpoints(t *testing.T) {
	for _, c := range []struct {
		step               string
		unknown, persisted bool
	}{{"begin", false, false}, {"commit-before", true, false}, {"commit-after", true, true}} {
		var at atomic.Value
		at.Store("")
		broken := errors.New("broken")
		d := withTable(t, Options{Fail: func(step string) error {
			if at.Load() == step {
				return broken
			}
			return nil
		}})
		at.Store(c.step)
		err := d.Write(t.Context(), insert("a"))
		at.Store("")
		same(t, c.step+": cause", errors.Is(err, broken), true)
		same(t, c.step+": unknown", errors.Is(err, ErrUnknown), c.unknown)
		same(t, c.step+": persisted", len(values(t, d)) == 1, c.persisted)
		must(t, d.Write(t.Context(), insert("b"))) // and the writer goes on
	}
}

func TestContextEndsWhileQueued(t *testing.T) {
	d := withTable(t, Options{})
	release := held(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Write(ctx, insert("a")) }()
	eventually(t, func() bool { return d.Waiting() == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	release()
	must(t, d.Write(t.Context(), insert("b")))
	same(t, "rows", values(t, d), []string{"b"})
	if err := d.Write(ctx, insert("c")); !errors.Is(err, context.Canceled) {
		t.Error("a dead context from the start:", err)
	}
}

func TestContextEndsWhileRunning(t *testing.T) {
	d := withTable(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	must(t, d.Write(ctx, func(inner context.Context, tx Tx) error {
		cancel()
		return errors.Join(inner.Err(), insert("a")(ctx, tx)) // even with the dead one
	}))
	same(t, "rows", values(t, d), []string{"a"})
}

func TestQueueIsFull(t *testing.T) {
	d := withTable(t, Options{Queue: 2})
	release := held(t, d)
	var all sync.WaitGroup
	for _, v := range []string{"a", "b"} {
		all.Go(func() { must(t, d.Write(context.Background(), insert(v))) })
	}
	eventually(t, func() bool { return d.Waiting() == 2 })
	if err := d.Write(t.Context(), insert("c")); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	release()
	all.Wait()
	same(t, "rows", len(values(t, d)), 2)
}

func TestRunFinishesWhatItAccepted(t *testing.T) {
	d := opened(t, Options{MaxBatch: 2})
	stop := start(t, d)
	must(t, d.Write(t.Context(), exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)`)))
	release := held(t, d)
	var all sync.WaitGroup
	for _, v := range []string{"a", "b", "c", "d", "e"} {
		all.Go(func() { must(t, d.Write(context.Background(), insert(v))) })
	}
	eventually(t, func() bool { return d.Waiting() == 5 })
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	eventually(t, func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.stopped })
	same(t, "late", d.Write(t.Context(), insert("late")), ErrClosed)
	release()
	<-stopped
	all.Wait()
	same(t, "rows", len(values(t, d)), 5)
	same(t, "health", d.Health(t.Context()), ErrClosed)
	same(t, "second Run", d.Run(t.Context()), ErrClosed)
}

func TestWriteBeforeRun(t *testing.T) {
	d := opened(t, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err := d.Write(ctx, insert("a"))
	if !errors.Is(err, ErrClosed) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	done := make(chan error, 1)
	go func() { done <- d.Write(context.Background(), exec(`CREATE TABLE t (v)`)) }()
	start(t, d)
	must(t, <-done)
	must(t, d.Health(t.Context()))
	if err := d.Run(t.Context()); err == nil || errors.Is(err, ErrClosed) {
		t.Error("a second writer:", err)
	}
}

// A function that kills the writer's goroutine (t.FailNow does) leaves no caller
// waiting, and nothing half done.
func TestGoexit(t *testing.T) {
	d := opened(t, Options{})
	go func() { _ = d.Run(context.Background()) }()
	must(t, d.Write(t.Context(), exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)`)))
	err := d.Write(t.Context(), func(ctx context.Context, tx Tx) error {
		must(t, insert("a")(ctx, tx))
		runtime.Goexit()
		return nil
	})
	if !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if err := d.Write(t.Context(), insert("b")); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	same(t, "rows", len(values(t, d)), 0)
}

// Results that a function leaves open or reads side by side do not disturb
// others of the same text.
func TestOpenResults(t *testing.T) {
	d := withTable(t, Options{})
	for _, v := range []string{"a", "b", "c"} {
		must(t, d.Write(t.Context(), insert(v)))
	}
	side := func(ctx context.Context, tx Tx) error {
		const q = `SELECT v FROM t WHERE id >= $1 ORDER BY id`
		first, err := tx.QueryContext(ctx, q, 1) //nolint:sqlclosecheck // likewise
		must(t, err)
		got := []string{}
		for first.Next() {
			var v, w string
			must(t, first.Scan(&v))
			must(t, tx.QueryRowContext(ctx, q, 3).Scan(&w))
			_, err := tx.ExecContext(ctx, q, 2)
			must(t, err)
			got = append(got, v+w)
		}
		same(t, "read", got, []string{"ac", "bc", "cc"})
		_ = tx.QueryRowContext(ctx, q, 1)   // never scanned
		_, err = tx.QueryContext(ctx, q, 1) //nolint:rowserrcheck,sqlclosecheck // left open on purpose
		return errors.Join(err, first.Err())
	}
	for range 3 {
		must(t, d.Write(t.Context(), side))
		must(t, d.Read(t.Context(), side))
	}
}

func TestTxEndsWithItsFunction(t *testing.T) {
	d := withTable(t, Options{})
	var kept Tx
	must(t, d.Write(t.Context(), func(_ context.Context, tx Tx) error { kept = tx; return nil }))
	if err := insert("a")(t.Context(), kept); !errors.Is(err, sql.ErrTxDone) {
		t.Error(err)
	}
	if err := kept.QueryRowContext(t.Context(), `SELECT 1`).Scan(new(int)); err == nil {
		t.Error("a row after the end")
	}
}

// More texts than are kept, and parameters by number, in any order.
func TestManyStatements(t *testing.T) {
	d := withTable(t, Options{})
	for i := range maxStatements + 20 {
		must(t, d.Write(t.Context(), func(ctx context.Context, tx Tx) error {
			var a, b int
			q := fmt.Sprintf(`SELECT $2, $1 + %d`, i)
			must(t, tx.QueryRowContext(ctx, q, 1, 7).Scan(&a, &b))
			if a != 7 || b != i+1 {
				return fmt.Errorf("%s: %d %d", q, a, b)
			}
			return exec(fmt.Sprintf(`INSERT INTO t (v) VALUES ($1 || '%d')`, i), "x")(ctx, tx)
		}))
	}
	same(t, "kept", len(d.writer.execs)+len(d.writer.queries), 2*maxStatements)
	all := values(t, d)
	slices.Sort(all)
	same(t, "rows", len(slices.Compact(all)), maxStatements+20)
}

// What nobody waits for shares the next commit, or has its own when for long
// there is none; a writer that is told to end does it at once.
func TestWriteLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	synctest.Test(t, func(t *testing.T) {
		var batches []int
		d := opened(t, Options{Path: path, Observe: func(n int, _ time.Duration) { batches = append(batches, n) }})
		stop := start(t, d)
		must(t, d.Write(t.Context(), exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)`)))
		later := func(v string) <-chan error {
			done := make(chan error, 1)
			go func() { done <- d.WriteLater(t.Context(), insert(v)) }()
			synctest.Wait()
			return done
		}
		began := time.Now()
		a, b := later("a"), later("b")
		must(t, d.Write(t.Context(), insert("c")))
		must(t, errors.Join(<-a, <-b))
		same(t, "waited", time.Since(began), time.Duration(0))
		must(t, <-later("d"))
		same(t, "waited alone", time.Since(began), laterWait)
		e := later("e")
		stop()
		must(t, <-e)
		same(t, "waited at the end", time.Since(began), laterWait)
		same(t, "batches", fmt.Sprint(batches), "[1 3 1 1]")
		same(t, "rows", fmt.Sprint(values(t, d)), "[a b c d e]")
	})
}

// A disk that takes nothing more can still be read. Health says so, also while
// nobody writes, until it takes something again.
func TestHealthOfFullDisk(t *testing.T) {
	for _, step := range []string{"begin", "commit-before"} {
		var full atomic.Bool
		d := withTable(t, Options{Fail: func(s string) error {
			if s == step && full.Load() {
				return errors.New("full")
			}
			return nil
		}})
		must(t, d.Health(t.Context()))
		full.Store(true)
		if err := d.Write(t.Context(), insert("a")); err == nil {
			t.Fatal(step, ": written to a full disk")
		}
		for range 2 {
			if err := d.Health(t.Context()); err == nil || !strings.Contains(err.Error(), "full") {
				t.Error(step, err)
			}
		}
		full.Store(false)
		must(t, d.Health(t.Context()))
	}
}

// A transaction that wrote nothing needs no room, and says nothing of the disk.
func TestHealthIsNotRestoredByWhatWritesNothing(t *testing.T) {
	var full atomic.Bool
	d := withTable(t, Options{Fail: func(s string) error {
		if s == "commit-before" && full.Load() {
			return errors.New("full")
		}
		return nil
	}})
	full.Store(true)
	if err := d.Write(t.Context(), insert("a")); err == nil {
		t.Fatal("written to a full disk")
	}
	full.Store(false) // for the commit of nothing
	must(t, d.Write(t.Context(), exec(`DELETE FROM t WHERE v = $1`, "none")))
	full.Store(true)
	if err := d.Health(t.Context()); err == nil {
		t.Error("well, and nothing can be written")
	}
	full.Store(false)
	must(t, d.Health(t.Context()))
	full.Store(true)
	must(t, d.Health(t.Context())) // it writes no more, once that went well
}
