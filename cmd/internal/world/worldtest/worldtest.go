package worldtest

import (
	"context"
	"testing"

	"wxswitch/cmd/internal/parts/partstest"
	"wxswitch/cmd/internal/world"
)

// Start runs a world for a test, and stops it at its end.
func Start(t testing.TB, o world.Options) *world.World {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	w, err := world.New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	partstest.Start(t, w.Run, w.Up)
	return w
}
