package db

import (
	"context"
	"database/sql"
)

// conn is a connection with its prepared statements. One goroutine uses it at a
// time.
type conn struct {
	*sql.Conn
	statements map[string]*sql.Stmt
}

// maxStatements bounds the prepared statements of a connection. The program's
// texts are fixed and fewer; beyond it statements are prepared each time.
const maxStatements = 256

func connect(ctx context.Context, pool *sql.DB) (*conn, error) {
	c, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{c, make(map[string]*sql.Stmt)}, nil
}

func (c *conn) close() error {
	for _, s := range c.statements {
		_ = s.Close()
	}
	return c.Conn.Close()
}

// prepared returns the statement, nil where it cannot be prepared or kept: then
// the text itself is run, and says why.
func (c *conn) prepared(ctx context.Context, query string) *sql.Stmt {
	if s := c.statements[query]; s != nil {
		return s
	}
	if len(c.statements) >= maxStatements {
		return nil
	}
	s, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	c.statements[query] = s
	return s
}

// ExecContext runs a statement.
func (c *conn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := c.prepared(ctx, query); s != nil {
		return s.ExecContext(ctx, args...)
	}
	return c.Conn.ExecContext(ctx, query, args...)
}

// QueryContext runs a query.
func (c *conn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := c.prepared(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return c.Conn.QueryContext(ctx, query, args...)
}

// QueryRowContext runs a query of one row.
func (c *conn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := c.prepared(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return c.Conn.QueryRowContext(ctx, query, args...)
}
