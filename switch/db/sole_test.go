package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
)

const doNothing = `INSERT INTO t (v) VALUES ($1) ON CONFLICT DO NOTHING`

func sole(query string, args ...any) fn {
	return func(ctx context.Context, tx Tx) error {
		_, err := ExecSole(ctx, tx, query, args...)
		return err
	}
}

// then runs functions in turn, in one transaction, whatever they return; the
// last one's error is theirs all.
func then(all ...fn) fn {
	return func(ctx context.Context, tx Tx) (err error) {
		for _, f := range all {
			err = f(ctx, tx)
		}
		return err
	}
}

func failing(context.Context, Tx) error { return errors.New("by itself") }

// What a sole statement did not do by itself is undone like anything else, alone.
func TestExecSoleHarmsNoNeighbour(t *testing.T) {
	d := withTable(t, Options{})
	errs := together(t, d,
		sole(doNothing, "a"),
		sole(`INSERT INTO t (v) VALUES ($1)`, "a"),          // breaks the unique index
		then(sole(doNothing, "a"), insert("gone"), failing), // it had changed nothing
		then(sole(doNothing, "a"), sole(doNothing, "b")),
		then(insert("gone too"), sole(doNothing, "gone as well"), failing), // there is a savepoint
		then(sole(`UPDATE t SET v = 'c' WHERE v = $1`, "a"), query(t, `SELECT v FROM t WHERE id = $1`, 1, "c")),
		insert("d"))
	same(t, "rows", values(t, d), []string{"c", "b", "d"})
	for i, failed := range []bool{false, true, true, false, true, false, false} {
		same(t, fmt.Sprint("failed ", i, ": ", errs[i]), errs[i] != nil, failed)
	}
}

func query(t *testing.T, q string, arg any, want string) fn {
	return func(ctx context.Context, tx Tx) error {
		var got string
		err := tx.QueryRowContext(ctx, q, arg).Scan(&got)
		same(t, q, got, want)
		return err
	}
}

// Nothing may be written after it, in whatever way.
func TestExecSoleIsTheLast(t *testing.T) {
	d := withTable(t, Options{})
	must(t, d.Write(t.Context(), func(ctx context.Context, tx Tx) error {
		must(t, sole(doNothing, "a")(ctx, tx))
		for _, more := range []fn{insert("b"), sole(doNothing, "b")} {
			if err := more(ctx, tx); !errors.Is(err, errSole) {
				t.Error("more was written:", err)
			}
		}
		const returning = `INSERT INTO t (v) VALUES ($1) RETURNING v`
		if _, err := tx.QueryContext(ctx, returning, "b"); !errors.Is(err, errSole) { //nolint:sqlclosecheck,rowserrcheck // there are none
			t.Error("more was written:", err)
		}
		if err := tx.QueryRowContext(ctx, returning, "b").Scan(new(string)); err == nil {
			t.Error("more was written")
		}
		return nil
	}))
	same(t, "rows", values(t, d), []string{"a"})
}

// A function that fails after it is undone with those before it in the batch,
// and each is told so.
func TestExecSoleThenFailure(t *testing.T) {
	for name, fails := range map[string]fn{"error": failing, "panic": func(context.Context, Tx) error { panic("oops") }} {
		d := withTable(t, Options{})
		errs := together(t, d, insert("before"), then(sole(doNothing, "a"), fails), insert("after"))
		same(t, name+": rows", values(t, d), []string{"after"})
		for i, failed := range []bool{true, true, false} {
			same(t, fmt.Sprint(name, ": failed ", i), errs[i] != nil && !errors.Is(errs[i], ErrUnknown), failed)
		}
	}
}

// A row that a query returns is written, and undone, like any other.
func TestReturningIsUndone(t *testing.T) {
	d := withTable(t, Options{})
	errs := together(t, d, insert("a"),
		then(query(t, `INSERT INTO t (v) VALUES ($1) RETURNING v`, "gone", "gone"), failing),
		then(query(t, ` /* select */ WITH n AS (SELECT $1 AS v) INSERT INTO t (v) SELECT v FROM n RETURNING v`, "gone", "gone"), failing),
		insert("b"))
	same(t, "rows", values(t, d), []string{"a", "b"})
	for i, failed := range []bool{false, true, true, false} {
		same(t, fmt.Sprint("failed ", i), errs[i] != nil, failed)
	}
}

// Arguments of every kind that database/sql takes.
func TestArguments(t *testing.T) {
	d := withTable(t, Options{})
	type text string
	for _, c := range []struct {
		arg  any
		want string
	}{
		{7, "7"},
		{int64(8), "8"},
		{uint8(9), "9"},
		{true, "1"},
		{1.5, "1.5"},
		{"s", "s"},
		{text("t"), "t"},
		{[]byte("b"), "b"},
		{sql.NullString{}, "none"},
		{nil, "none"},
		{[]byte(nil), "none"},
		{sql.Named("n", "named"), "named"},
	} {
		must(t, d.Write(t.Context(), then(exec(`DELETE FROM t`), exec(`INSERT INTO t (v) VALUES (CAST(COALESCE($1, 'none') AS TEXT))`, c.arg))))
		same(t, fmt.Sprintf("%T", c.arg), values(t, d), []string{c.want})
	}
	for _, bad := range []any{struct{}{}, uint64(1 << 63)} {
		if err := d.Write(t.Context(), exec(`INSERT INTO t (v) VALUES ($1)`, bad)); err == nil {
			t.Errorf("%T was taken", bad)
		}
	}
	if err := d.Write(t.Context(), exec(`INSERT INTO t (v) VALUES ($1)`)); err == nil {
		t.Error("a missing argument")
	}
}
