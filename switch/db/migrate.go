package db

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// ErrNewer says that the database was migrated by newer code than this.
var ErrNewer = errors.New("db: the database is newer than this program")

// Migrate brings the tables of one room up to date. fsys holds its migrations in
// the folder migrations (what `//go:embed migrations` gives), named
// 00001_word.sql and so on, in goose's format; table is the room's own version
// table, so that each room counts for itself. A migration runs in one
// transaction: a crash leaves it undone, and the next Migrate does it. Processes
// may do so at once. Call it before Run, or at least before anybody writes to these tables.
// Errors: [ErrNewer], or what failed, wrapped.
func (d *DB) Migrate(ctx context.Context, fsys fs.FS, table string) error {
	files, err := fs.Sub(fsys, "migrations")
	if err != nil {
		return fmt.Errorf("db: migrations of %s: %w", table, err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, d.pool, files,
		goose.WithTableName(table), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("db: migrations of %s: %w", table, err)
	}
	// What fails is tried again as long as the version rises: then another
	// process is at the same work.
	for before := int64(-1); ; {
		have, know, err := p.GetVersions(ctx)
		if err == nil && have > know {
			return fmt.Errorf("%w: %s is at version %d, this program knows up to %d", ErrNewer, table, have, know)
		}
		if err == nil {
			_, err = p.Up(ctx)
		}
		if err == nil {
			return nil
		}
		if have == before {
			return fmt.Errorf("db: migrate %s: %w", table, err)
		}
		before = have
	}
}
