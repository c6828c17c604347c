package parts

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestTuneOnce(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	t.Setenv("GOGC", "")
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	Tune()
	Tune() // several switches in one process
	if now := runtime.GOMAXPROCS(0); now != before+diskThreads {
		t.Errorf("GOMAXPROCS is %d, was %d", now, before)
	}
	if percent := debug.SetGCPercent(gcPercent); percent != gcPercent {
		t.Errorf("GOGC is %d", percent)
	}
}
