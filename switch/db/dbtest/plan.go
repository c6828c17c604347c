// Package dbtest is for the tests of what stands on package db.
package dbtest

import (
	"context"
	"io/fs"
	"path/filepath"
	"testing"

	"wxswitch/switch/db"
)

// Migrated returns an empty database with a room's tables.
func Migrated(t testing.TB, files fs.FS, version string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{Path: filepath.Join(t.TempDir(), "test.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	if err := d.Migrate(t.Context(), files, version); err != nil {
		t.Fatal(err)
	}
	return d
}

// Plan returns how SQLite would carry out a query, step by step: what runs inside
// the writer's transaction must not grow with what is there.
func Plan(t testing.TB, d *db.DB, query string, args ...any) (steps []string) {
	t.Helper()
	err := d.Read(t.Context(), func(ctx context.Context, tx db.Tx) error {
		rows, err := tx.QueryContext(ctx, `EXPLAIN QUERY PLAN `+query, args...)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // rows.Err tells
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				return err
			}
			steps = append(steps, step)
		}
		return rows.Err()
	})
	if err != nil || len(steps) == 0 {
		t.Fatalf("plan of %s: %q, %v", query, steps, err)
	}
	return steps
}
