package parts

import (
	"os"
	"runtime"
	"runtime/debug"
	"sync"
)

const (
	// The heap may grow to five times what is in use before it is collected: that is
	// some 20 MB, and collections cost a tenth of the throughput.
	gcPercent = 400
	// A thread that waits for the disk keeps its place among GOMAXPROCS until the
	// runtime looks, and on two processors that is half of them. So there is one more
	// for the database's writer and one for its checkpoints: at 64 in flight a tenth
	// of the throughput.
	diskThreads = 2
)

// Tune sets the runtime for a program that journals. What GOGC or GOMAXPROCS in
// the environment says stays. The first call counts; after it the runtime does not
// follow a CPU limit that is changed.
var Tune = sync.OnceFunc(func() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + diskThreads)
	}
})
