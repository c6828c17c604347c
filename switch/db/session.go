package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
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
	// be executed while its rows are read, starts the rows again. Those that
	// return no rows are the driver's own: database/sql costs a µs for each.
	execs   map[string]driver.StmtExecContext
	queries map[string]*sql.Stmt
	args    []driver.NamedValue // exec's, used again

	// Set by SQLite's hooks, which run inside statements.
	committing bool // COMMIT is ours; any other is turned into a rollback
	rolledBack bool // since begin
}

// query returns the prepared statement, or nil if one more is not kept: a
// statement of an earlier function may still be open, so none is thrown out.
func (s *session) query(query string) (*sql.Stmt, error) {
	if st, ok := s.queries[query]; ok {
		return st, nil
	}
	if len(s.queries) >= maxStatements {
		return nil, nil
	}
	st, err := s.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	s.queries[query] = st
	return st, nil
}

// exec runs a statement for what it does. Of one that cannot be kept the
// connection takes care.
func (s *session) exec(ctx context.Context, query string, args ...any) (r sql.Result, err error) {
	if len(s.execs) >= maxStatements && s.execs[query] == nil {
		return s.conn.ExecContext(ctx, query, args...)
	}
	if err := s.bind(args); err != nil {
		return nil, err
	}
	err = s.conn.Raw(func(c any) error {
		st, err := s.execOf(c, query)
		if err == nil {
			r, err = st.ExecContext(ctx, s.args)
		}
		return err
	})
	clear(s.args) // keeps nobody's values alive
	return r, err
}

// bind turns arguments into the driver's, as database/sql does.
func (s *session) bind(args []any) (err error) {
	s.args = s.args[:0]
	for i, a := range args {
		v := driver.NamedValue{Ordinal: i + 1}
		if named, ok := a.(sql.NamedArg); ok {
			v.Name, a = named.Name, named.Value
		}
		switch a.(type) {
		case int64, string, []byte, bool, nil:
			v.Value = a
		default:
			if v.Value, err = driver.DefaultParameterConverter.ConvertValue(a); err != nil {
				return fmt.Errorf("parameter %d: %w", i+1, err)
			}
		}
		s.args = append(s.args, v)
	}
	return nil
}

func (s *session) execOf(c any, query string) (driver.StmtExecContext, error) {
	if st, ok := s.execs[query]; ok {
		return st, nil
	}
	p, ok := c.(driver.ConnPrepareContext)
	if !ok {
		return nil, errors.New("the driver prepares nothing")
	}
	prepared, err := p.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	st, ok := prepared.(driver.StmtExecContext)
	if !ok {
		return nil, errors.Join(errors.New("the driver executes nothing"), prepared.Close())
	}
	s.execs[query] = st
	return st, nil
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
	for _, st := range s.queries {
		_ = st.Close()
	}
	_ = s.conn.Raw(func(any) error {
		for _, st := range s.execs {
			_ = st.(driver.Stmt).Close() //nolint:forcetypeassert,errcheck // it was prepared
		}
		return nil
	})
	_ = s.conn.Close()
}

// tx is the Tx of one function.
type tx struct {
	s     *session
	write bool
	saved bool // the savepoint that undoes the function is set
	sole  bool // ExecSole has changed something
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

// errSole: a function went on writing after ExecSole.
var errSole = errors.New("db: ExecSole was to be the function's only change")

// mayWrite comes before a statement that may write: the first sets the savepoint
// that undoes the function alone. If that does not work the transaction is lost.
func (t *tx) mayWrite() error {
	if err := t.check(); err != nil {
		return err
	}
	switch {
	case t.sole:
		return errSole
	case t.saved || !t.write:
		return nil
	}
	if err := t.s.steer("SAVEPOINT job"); err != nil {
		t.s.rollback()
		return err
	}
	t.saved = true
	return nil
}

// reads says whether a text can only read. Others may, too.
func reads(query string) bool {
	const word = "SELECT "
	return len(query) > len(word) && strings.EqualFold(query[:len(word)], word)
}

// mayRun is check or mayWrite, before a query.
func (t *tx) mayRun(query string) error {
	if reads(query) {
		return t.check()
	}
	return t.mayWrite()
}

func (t *tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := t.mayWrite(); err != nil {
		return nil, err
	}
	return t.s.exec(t.ctx(ctx), query, args...)
}

// ExecSole executes an INSERT, UPDATE or DELETE that, if it changes a row, is all
// that its function changes: cheaper than ExecContext, since only what may have
// to be undone needs a savepoint, and a statement that fails undoes itself. After
// it changed something further writes are refused, and an error or a panic of the
// function undoes all functions that ran before it in the batch: keep it from
// failing then. After one that changed nothing anything goes. Without triggers
// only: SQLite does not count what they change.
func ExecSole(ctx context.Context, of Tx, query string, args ...any) (sql.Result, error) {
	t, ok := of.(*tx)
	if !ok || t.saved {
		return of.ExecContext(ctx, query, args...)
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	if t.sole {
		return nil, errSole
	}
	r, err := t.s.exec(t.ctx(ctx), query, args...)
	if err != nil {
		return nil, err
	}
	n, err := r.RowsAffected()
	t.sole = n > 0 || err != nil
	return r, err
}

func (t *tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := t.mayRun(query); err != nil {
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
		st, err := t.s.query(query) //nolint:sqlclosecheck // kept
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
	if t.mayRun(query) != nil {
		return t.s.conn.QueryRowContext(over, query) // a Row with an error in it
	}
	row := t.queryRow(t.ctx(ctx), query, args)
	t.row = append(t.row, row)
	return row
}

func (t *tx) queryRow(ctx context.Context, query string, args []any) *sql.Row {
	if len(args) > 0 {
		if st, err := t.s.query(query); err == nil && st != nil { //nolint:sqlclosecheck // kept
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
