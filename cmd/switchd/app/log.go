package app

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Lines that wait to be written: for how long, and how many bytes of them.
const (
	logDelay = 100 * time.Millisecond
	logBytes = 64 << 10
)

// logWriter writes lines many at a time, since a write for each costs as much as
// the journal's share of a request. A warning, and what is worse, is written at
// once, behind all that came before it: a panic of zerolog's loses nothing, and a
// crash the last logDelay of what went well, which stands in the journal too.
type logWriter struct {
	mu     sync.Mutex // guards what follows
	to     io.Writer
	lines  []byte
	closed bool // nothing waits any more
}

// WriteLevel takes a line (zerolog.LevelWriter).
func (w *logWriter) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.lines)+len(line) > logBytes {
		w.flush()
	}
	w.lines = append(w.lines, line...)
	if level >= zerolog.WarnLevel || w.closed {
		w.flush()
	}
	return len(line), nil
}

// Write takes a line without a level.
func (w *logWriter) Write(line []byte) (int, error) { return w.WriteLevel(zerolog.NoLevel, line) }

// flush drops what cannot be written, as zerolog does.
func (w *logWriter) flush() {
	if len(w.lines) > 0 {
		_, _ = w.to.Write(w.lines)
		w.lines = w.lines[:0]
	}
}

// run writes what waits, now and then, until ctx is done.
func (w *logWriter) run(ctx context.Context) error {
	ticks := time.NewTicker(logDelay)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			w.mu.Lock()
			w.flush()
			w.mu.Unlock()
		case <-ctx.Done():
			return nil
		}
	}
}

// close writes what waits, and from now on each line as it comes.
func (w *logWriter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.flush()
}
