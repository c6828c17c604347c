package db

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// opened returns a database that is closed when the test ends. Its writer does
// not run yet.
func opened(t testing.TB, o Options) *DB {
	t.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "test.db")
	}
	d, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// start runs the writer; the function it returns ends it and waits.
func start(t testing.TB, d *DB) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// withTable is a running database with table t (id INTEGER PRIMARY KEY, v TEXT
// UNIQUE).
func withTable(t testing.TB, o Options) *DB {
	t.Helper()
	d := opened(t, o)
	start(t, d)
	must(t, d.Write(t.Context(), exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)`)))
	return d
}

type fn = func(ctx context.Context, tx Tx) error

func exec(query string, args ...any) fn {
	return func(ctx context.Context, tx Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	}
}

// values reads all v of table t, in order.
func values(t testing.TB, d *DB) (all []string) {
	t.Helper()
	must(t, d.Read(context.Background(), func(ctx context.Context, tx Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT v FROM t ORDER BY id`) //nolint:sqlclosecheck // left open on purpose
		if err != nil {
			return err
		}
		for rows.Next() {
			var v string
			if err := rows.Scan(&v); err != nil {
				return err
			}
			all = append(all, v)
		}
		return rows.Err() // left open on purpose: the end of the transaction closes it
	}))
	return all
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until ok.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not happen within 5 s")
		}
	}
}
