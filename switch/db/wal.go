package db

import (
	"context"
	"os"
	"sync/atomic"
	"time"
)

const (
	walPages = 4000 // put back into the file when so many are not
	walLook  = 20 * time.Millisecond

	walMax      = 64 << 20
	walInterval = time.Second
)

// wal keeps SQLite's log short. To put it back into the file (a checkpoint) takes
// 5 to 30 ms for 4,000 pages, on a slow disk far more. All who wait for the writer
// would wait for that, so another connection does it, beside the writer.
//
// SQLite starts the log again from its beginning when a transaction begins while
// nothing in it is left to put back and nobody reads from it. Under a load that
// moment does not come by itself: the writer puts back the little that came in the
// meantime. And under readers that never pause it is kept from coming: once the log
// is too long the writer makes it come.
type wal struct {
	path  string
	pages int

	keeper *session      // run's alone
	grown  chan struct{} // capacity 1: something was committed
	rest   atomic.Bool   // what is left is the writer's to put back

	// The writer's alone.
	max      int64
	interval time.Duration
	checked  time.Time
}

func newWAL(path string) *wal {
	return &wal{
		path: path + "-wal", pages: walPages, grown: make(chan struct{}, 1),
		max: walMax, interval: walInterval, checked: time.Now(),
	}
}

func (w *wal) size() int64 {
	info, err := os.Stat(w.path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// run looks after the log until stop is closed. What fails is tried again at the
// next look; a crash in the middle of a checkpoint loses nothing: the log is whole.
func (w *wal) run(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-w.grown:
		}
		w.look()
		select {
		case <-stop:
			return
		case <-time.After(walLook):
		}
	}
}

func (w *wal) look() {
	if pages, back := checkpoint(w.keeper, "NOOP"); pages-back < w.pages {
		return
	}
	// The second time for what was committed during the first.
	checkpoint(w.keeper, "PASSIVE")
	checkpoint(w.keeper, "PASSIVE")
	w.rest.Store(true)
}

// committed is the writer's part, between two transactions.
func (w *wal) committed(writer *session) {
	select {
	case w.grown <- struct{}{}:
	default:
	}
	if w.rest.CompareAndSwap(true, false) {
		checkpoint(writer, "PASSIVE")
	}
	w.limit(writer)
}

// limit looks at the log now and then; if it is too long it lets no new reader
// into it and waits a little for the old ones. What fails is tried again at the
// next look.
func (w *wal) limit(s *session) {
	if time.Since(w.checked) < w.interval {
		return
	}
	w.checked = time.Now()
	if w.size() <= w.max {
		return
	}
	// Not kept as prepared statements: busy_timeout takes effect when it is
	// prepared, and only then.
	for _, q := range []string{"PRAGMA busy_timeout = 200", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA busy_timeout = 5000"} {
		_, _ = s.conn.ExecContext(context.Background(), q)
	}
}

// checkpoint returns how many pages are in the log, and how many of these are back
// in the file; a mode of NOOP only counts. Where it fails it counts none.
func checkpoint(s *session, mode string) (pages, back int) {
	var busy int
	row := s.conn.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+mode+")")
	if row.Scan(&busy, &pages, &back) != nil {
		return 0, 0
	}
	return pages, back
}
