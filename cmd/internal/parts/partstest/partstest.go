package partstest

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wxswitch/cmd/internal/parts"
)

// Start runs a part until the test's end, where it must stop without a fault, and
// waits until up is closed.
func Start(t testing.TB, run parts.Run, up <-chan struct{}) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 2) // once for parts.Up, once for the end
	go func() { err := run(ctx); ran <- err; ran <- err }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ran:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Error("did not stop")
		}
	})
	limit, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := parts.Up(limit, up, ran); err != nil {
		t.Fatal(err)
	}
}

// Text collects what is written, by any goroutine. The zero value is ready.
type Text struct {
	mu  sync.Mutex // guards all
	all bytes.Buffer
}

// Write implements io.Writer.
func (t *Text) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.Write(b)
}

// Bytes are what was written so far.
func (t *Text) Bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.all.Bytes())
}

func (t *Text) String() string { return string(t.Bytes()) }

// Counted is what counters and histograms have counted, by name and values of labels,
// between spaces.
func Counted(t testing.TB, from prometheus.Gatherer) map[string]uint64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]uint64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := []string{f.GetName()}
			for _, l := range m.GetLabel() {
				name = append(name, l.GetValue())
			}
			got[strings.Join(name, " ")] = uint64(m.GetCounter().GetValue()) + m.GetHistogram().GetSampleCount()
		}
	}
	return got
}
