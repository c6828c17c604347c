package crowdtest

import (
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// Size is how many chat at once.
const Size = 200

// Busy is what who must try later reads.
const Busy = "系统繁忙，请稍后再试"

const (
	limit   = 5 * time.Second // the platform waits no longer for an answer
	mayBusy = 20              // one in so many may ask to try later
)

// Answers are those that the crowd got. The zero value is ready.
type Answers struct {
	mu   sync.Mutex // guards what follows
	took []time.Duration
	busy int
}

// Note notes an answer: the right one, or one that asks to try later.
func (a *Answers) Note(took time.Duration, busy bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.took = append(a.took, took)
	if busy {
		a.busy++
	}
}

// Judge fails the test if one answer came late, or too many ask to try later.
func (a *Answers) Judge(t testing.TB) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	n := len(a.took)
	if n == 0 {
		t.Fatal("no answers")
	}
	slices.Sort(a.took)
	t.Logf("%d answers to %d followers: p50 %s, p99 %s, longest %s; %d busy", n, Size, a.took[n/2], a.took[n*99/100], a.took[n-1], a.busy)
	if a.took[n-1] > limit {
		t.Errorf("an answer took %s", a.took[n-1])
	}
	if a.busy*mayBusy > n {
		t.Errorf("%d of %d answers ask to try later", a.busy, n)
	}
}

// Dir is a folder in memory, where there is one, for the switch's database: on a
// disk that others sync to, with twelve processes on two cores, the switch needed
// more than the second that an answer may ask it, and one answer in nine was busy.
func Dir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "crowd")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Client has a connection for each of the crowd.
func Client() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * Size}}
}
