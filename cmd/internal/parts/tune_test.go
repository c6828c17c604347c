package parts

import (
	"runtime"
	"runtime/debug"
	"testing"
)

var untuned = runtime.GOMAXPROCS(0)

func TestTuneOnce(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	t.Setenv("GOGC", "")
	Tune()
	Tune() // several switches in one process
	if now := runtime.GOMAXPROCS(0); now != untuned+diskThreads {
		t.Errorf("GOMAXPROCS is %d, was %d", now, untuned)
	}
	if percent := debug.SetGCPercent(gcPercent); percent != gcPercent {
		t.Errorf("GOGC is %d", percent)
	}
}
