package app

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAStopHasALimit: a part that never ends keeps the process no longer than Drain
// and the margin.
func TestAStopHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &app{Config: Config{Drain: 5 * time.Second}}
		released := make(chan struct{})
		a.parts.Add("stuck", func(context.Context) error { <-released; return nil })
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Hour, stop)
		begun := time.Now()
		err := a.untilStopped(ctx)
		if err == nil || !strings.Contains(err.Error(), "settled at the next start") {
			t.Errorf("stopped with %v", err)
		}
		if took := time.Since(begun); took != time.Hour+25*time.Second {
			t.Errorf("stopped after %s, told after an hour", took)
		}
		close(released)
	})
}
