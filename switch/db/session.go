package db

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
)

// errLost: SQLite gave up the transaction by itself, or the function ended it.
var errLost = errors.New("the transaction had ended before its function did")

// maxStatements bounds what a session keeps prepared, of either kind.
const maxStatements = 256

// session is one connection and its prepared statements, used by one goroutine
// at a time.
type session struct {
	conn *sql.Conn
	// Prepared by their text. Apart, because the driver, when a statement cannot
	// be executed while its rows are read, starts the rows again.
	execs, queries map[string]*sql.Stmt

	// Set by SQLite's hooks, which run inside statements.
	committing bool // COMMIT is ours; any other is turned into a rollback
	rolledBack bool // since begin
}

// stmt returns the prepared statement, or nil if one more is not kept: a
// statement of an earlier function may still be open, so none is thrown out.
func (s *session) stmt(kept map[string]*sql.Stmt, query string) (*sql.Stmt, error) {
	if st, ok := kept[query]; ok {
		return st, nil
	}
	if len(kept) >= maxStatements {
		return nil, nil
	}
	st, err := s.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	kept[query] = st
	return st, nil
}

func (s *session) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	st, err := s.stmt(s.execs, query) //nolint:sqlclosecheck // kept
	if err != nil {
		return nil, err
	}
	if st == nil {
		return s.conn.ExecContext(ctx, query, args...)
	}
	return st.ExecContext(ctx, args...)
}

// steer runs one of the few statements that steer a transaction. It has no
// context: what it does must not be left half done.
func (s *session) steer(query string) error {
	_, err := s.exec(context.Background(), query)
	return err
}

// begin begins a transaction. On failure it leaves none, whatever was before.
func (s *session) begin(how string) error {
	s.rolledBack = false
	err := s.steer(how)
	if err != nil {
		s.rollback()
	}
	return err
}

func (s *session) commit() error {
	s.committing = true
	defer func() { s.committing = false }()
	return s.steer("COMMIT")
}

// rollback ends the transaction if there is one, and says nothing if not.
func (s *session) rollback() {
	_ = s.steer("ROLLBACK")
	s.rolledBack = true
}

// lost says whether the transaction that begin began is no more.
func (s *session) lost() bool { return s.rolledBack }

// close gives the connection back. Its statements go first: database/sql does
// not know them as the connection's, and SQLite keeps one whose statements are
// open, with its files, for as long as the process lives.
func (s *session) close() {
	for _, kept := range []map[string]*sql.Stmt{s.execs, s.queries} {
		for _, st := range kept {
			_ = st.Close()
		}
	}
	_ = s.conn.Close()
}

// tx is the Tx of one function.
type tx struct {
	s     *session
	write bool
	ended atomic.Bool
	rows  []*sql.Rows // handed out, to be closed at the end
	row   []*sql.Row
}

// end closes what the function left open, which would keep its statement from
// being used again, and makes the Tx useless.
func (t *tx) end() {
	t.ended.Store(true)
	for _, r := range t.rows {
		_ = r.Close()
	}
	for _, r := range t.row {
		_ = r.Scan() // closes it; there is no other way
	}
}

// ctx is the context of a statement. The writer's never end: SQLite answers an
// interrupted write by undoing the whole transaction, the neighbours' too.
func (t *tx) ctx(ctx context.Context) context.Context {
	if t.write {
		return context.Background()
	}
	return ctx
}

func (t *tx) check() error {
	if t.ended.Load() {
		return sql.ErrTxDone
	}
	if t.s.lost() {
		return errLost
	}
	return nil
}

func (t *tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	return t.s.exec(t.ctx(ctx), query, args...)
}

func (t *tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	rows, err := t.query(t.ctx(ctx), query, args)
	if err == nil {
		t.rows = append(t.rows, rows)
	}
	return rows, err
}

// query runs a kept statement, or a fresh one if the kept one is in the middle
// of another result. SQLite notices that when it binds parameters, so a
// statement without any is never kept.
func (t *tx) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if len(args) > 0 {
		st, err := t.s.stmt(t.s.queries, query) //nolint:sqlclosecheck // kept
		if err != nil {
			return nil, err
		}
		if st != nil {
			rows, err := st.QueryContext(ctx, args...)
			if !inUse(err) {
				return rows, err
			}
		}
	}
	return t.s.conn.QueryContext(ctx, query, args...)
}

func (t *tx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if t.check() != nil {
		return t.s.conn.QueryRowContext(over, query) // a Row with an error in it
	}
	row := t.queryRow(t.ctx(ctx), query, args)
	t.row = append(t.row, row)
	return row
}

func (t *tx) queryRow(ctx context.Context, query string, args []any) *sql.Row {
	if len(args) > 0 {
		if st, err := t.s.stmt(t.s.queries, query); err == nil && st != nil { //nolint:sqlclosecheck // kept
			if row := st.QueryRowContext(ctx, args...); !inUse(row.Err()) {
				return row
			}
		}
	}
	return t.s.conn.QueryRowContext(ctx, query, args...)
}

// over is a context that has ended.
var over = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
