package stage

import (
	"context"
	"testing"
	"time"
)

// Start runs a stage for a test, and stops it at its end.
func Start(t testing.TB, o Options) *Stage {
	t.Helper()
	if o.World.Dir == "" {
		o.World.Dir = t.TempDir()
	}
	ctx, stop := context.WithCancel(context.Background())
	s, err := New(ctx, o)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	ran := make(chan error, 2) // once for WaitUp, once for the end
	go func() { err := s.Run(ctx); ran <- err; ran <- err }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ran:
			if err != nil {
				t.Errorf("stage: %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("stage did not stop")
		}
	})
	limit, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := s.WaitUp(limit, ran); err != nil {
		t.Fatal(err)
	}
	return s
}
