package parts

import (
	"container/list"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

const (
	// MaxWaiting is how many connections of one door may wait for a request, some 20
	// KB each.
	MaxWaiting = 4096
	// MinWait is how long each may, however many come.
	MinWait = time.Second
)

// waiting are the connections of a server that wait for a request, the longest
// first.
type waiting struct {
	most  int
	least time.Duration
	mu    sync.Mutex // guards what follows
	list  *list.List // of waiter
	at    map[net.Conn]*list.Element
}

type waiter struct {
	net.Conn
	since time.Time
}

// Waiting returns a hook for http.Server.ConnState that keeps at most so many
// connections waiting for a request: one more, and the one that has waited longest
// is closed. So whoever holds connections and asks nothing keeps nobody out, as a
// limit on all would; and no work is cut off.
//
// One that has waited for less than least stays, and who is new waits in the
// listener's queue. So more callers than that at once, as after a time in which the
// program stood still, do not push one another out: whoever is, comes again, and
// there was no end to it. For the same reason one stays whose request has come and
// is not read yet.
func Waiting(most int, least time.Duration) func(net.Conn, http.ConnState) {
	w := &waiting{most: most, least: least, list: list.New(), at: make(map[net.Conn]*list.Element)}
	return func(c net.Conn, s http.ConnState) {
		w.note(c, s == http.StateNew || s == http.StateIdle)
		for full := w.trim(); full > 0 && s == http.StateNew; full = w.trim() {
			<-time.After(full) // the server accepts nobody meanwhile
		}
	}
}

// note notes whether c waits.
func (w *waiting) note(c net.Conn, waits bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(c)
	if waits {
		w.at[c] = w.list.PushBack(waiter{c, time.Now()})
	}
}

// trim closes those that are too many and have waited long enough. Where some have
// not, it returns when to look again.
func (w *waiting) trim() (again time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.list.Len() > w.most {
		longest := w.list.Front().Value.(waiter) //nolint:errcheck,forcetypeassert // it holds nothing else
		asked := hasAsked(longest.Conn)
		if rest := w.least - time.Since(longest.since); rest > 0 && !asked {
			return min(rest, w.least/100)
		}
		w.drop(longest.Conn)
		if !asked {
			_ = longest.Close()
		}
	}
	return 0
}

// hasAsked reports whether there is something to read.
func hasAsked(c net.Conn) (asked bool) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Control(func(fd uintptr) { // fails for one that is closed
		n, _, _ := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		asked = n > 0
	})
	return asked
}

func (w *waiting) drop(c net.Conn) {
	if e, ok := w.at[c]; ok {
		w.list.Remove(e)
		delete(w.at, c)
	}
}
