package sim

import (
	"sync"

	"wxswitch/banks/adapter"
)

// feed shows the wire to whoever looks. Nobody who looks slowly holds the bank
// up: what a watcher has no room for, it misses.
type feed struct {
	mu       sync.Mutex // guards what follows
	watchers map[chan adapter.Event]struct{}
	recent   []adapter.Event // the last of them, oldest first
}

const (
	feedRecent = 100
	feedRoom   = 256
)

func (f *feed) publish(e adapter.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.recent) == feedRecent {
		f.recent = append(f.recent[:0], f.recent[feedRecent/2:]...)
	}
	f.recent = append(f.recent, e)
	for w := range f.watchers {
		select {
		case w <- e:
		default:
		}
	}
}

// watch returns a channel that begins with the recent events, and what ends the
// watching. Nobody closes the channel.
func (f *feed) watch() (events <-chan adapter.Event, end func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := make(chan adapter.Event, feedRoom)
	for _, e := range f.recent {
		w <- e
	}
	if f.watchers == nil {
		f.watchers = map[chan adapter.Event]struct{}{}
	}
	f.watchers[w] = struct{}{}
	return w, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watchers, w)
	}
}

// Watch returns the bank's wire: the recent messages, then each as it passes,
// masked when printed. end must be called.
func (b *Bank) Watch() (events <-chan adapter.Event, end func()) { return b.feed.watch() }
