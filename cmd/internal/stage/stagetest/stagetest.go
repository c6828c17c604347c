package stagetest

import (
	"context"
	"testing"

	"wxswitch/cmd/internal/parts/partstest"
	"wxswitch/cmd/internal/stage"
)

// Start runs a stage for a test, and stops it at its end.
func Start(t testing.TB, o stage.Options) *stage.Stage {
	t.Helper()
	if o.World.Dir == "" {
		o.World.Dir = t.TempDir()
	}
	s, err := stage.New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	partstest.Start(t, s.Run, s.Up)
	return s
}
