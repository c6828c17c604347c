package parts

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"
)

// Lines that wait to be written: for how long, how many bytes of them are not worth
// waiting for more, and how many there may be. Close gives up after linesPatience.
const (
	linesDelay    = 100 * time.Millisecond
	linesBytes    = 64 << 10
	linesMost     = 1 << 20
	linesPatience = time.Second
)

// Lines takes a log's lines and writes them many at a time, since a write for each
// costs as much as the journal's share of a request. A warning, and what is worse,
// is written at once, behind all that came before it. Whoever logs waits for no
// write: a pipe that nobody reads would hold up all the program. What finds no room
// or cannot be written is dropped, counted, and told once lines are written again.
type Lines struct {
	to   io.Writer
	lost atomic.Int64  // in all
	wake chan struct{} // capacity 1: what waits is to be written now
	over chan struct{} // closed by Close
	done chan struct{} // closed when all is written
	once sync.Once     // Close's
	told int64         // of lost; Run's alone

	mu      sync.Mutex // guards what follows
	waiting []byte
	timed   bool // what waits will be written in a while
	closed  bool // nothing waits any more
}

// NewLines returns Lines that Run writes to w. If that is standard error, the program
// ends no more when its reader does.
func NewLines(w io.Writer) *Lines {
	if w == io.Writer(os.Stderr) {
		signal.Ignore(syscall.SIGPIPE)
	}
	return &Lines{to: w, wake: make(chan struct{}, 1), over: make(chan struct{}), done: make(chan struct{})}
}

// Logger returns a log of these lines; of the format console they are for people.
func (l *Lines) Logger(level zerolog.Level, format string) zerolog.Logger {
	out := io.Writer(l)
	if format == "console" {
		out = console(l, l.to)
	}
	return zerolog.New(out).Level(level).With().Timestamp().Logger()
}

// Registry returns what a program's metrics begin with: Go's, the process's, and how
// many lines were dropped.
func (l *Lines) Registry(program string) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: program + "_log_lost_total", Help: "Lines of the log that could not be written.",
	}, l.Lost))
	return r
}

// Lost is how many lines were dropped.
func (l *Lines) Lost() float64 { return float64(l.lost.Load()) }

// Write takes a line without a level, which is written at once.
func (l *Lines) Write(line []byte) (int, error) { return l.WriteLevel(zerolog.NoLevel, line) }

// WriteLevel takes a line (zerolog.LevelWriter).
func (l *Lines) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed: // by what outlived the stop
		return l.to.Write(line)
	case len(l.waiting)+len(line) > linesMost:
		l.lost.Add(1)
		return len(line), nil
	}
	l.waiting = append(l.waiting, line...)
	switch {
	case level >= zerolog.WarnLevel || len(l.waiting) > linesBytes:
		l.now()
	case !l.timed:
		l.timed = true
		time.AfterFunc(linesDelay, l.now)
	}
	return len(line), nil
}

func (l *Lines) now() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Run writes until Close, which waits for it.
func (l *Lines) Run() {
	defer close(l.done)
	for spare := []byte(nil); ; {
		select {
		case <-l.wake:
			l.mu.Lock()
			lines := l.take(spare)
			l.mu.Unlock()
			l.write(lines)
			spare = lines
		case <-l.over:
			l.mu.Lock()
			defer l.mu.Unlock()
			l.write(l.take(nil))
			l.closed = true
			return
		}
	}
}

// take takes what waits, and leaves spare for what comes next. The caller holds mu.
func (l *Lines) take(spare []byte) []byte {
	lines := l.waiting
	l.waiting, l.timed = spare[:0], false
	return lines
}

// write writes lines, and then tells of those that are lost.
func (l *Lines) write(lines []byte) {
	if len(lines) == 0 {
		return
	}
	if n, err := l.to.Write(lines); err != nil {
		l.lost.Add(int64(bytes.Count(lines[n:], []byte{'\n'})))
		return
	}
	lost := l.lost.Load()
	if lost == l.told {
		return
	}
	if _, err := fmt.Fprintf(l.to, `{"level":"warn","lines":%d,"message":"lines of the log were lost"}`+"\n", lost-l.told); err == nil {
		l.told = lost
	}
}

// Close writes what waits, if that can be written; from now on each line is written
// as it comes.
func (l *Lines) Close() {
	l.once.Do(func() { close(l.over) })
	select {
	case <-l.done:
	case <-time.After(linesPatience):
	}
}
