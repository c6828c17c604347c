package parts

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// MaxWaiting is how many connections of one door may wait for a request.
const MaxWaiting = 1024

// waiting are the connections of a server that wait for a request, the longest
// first.
type waiting struct {
	most int
	mu   sync.Mutex // guards what follows
	list *list.List
	at   map[net.Conn]*list.Element
}

// Waiting returns a hook for http.Server.ConnState that keeps at most so many
// connections waiting for a request: one more, and the one that has waited longest
// is closed. So whoever holds connections and asks nothing keeps nobody out, as a
// limit on all would; and no work is cut off.
func Waiting(most int) func(net.Conn, http.ConnState) {
	w := &waiting{most: most, list: list.New(), at: make(map[net.Conn]*list.Element)}
	return func(c net.Conn, s http.ConnState) {
		if longest := w.note(c, s == http.StateNew || s == http.StateIdle); longest != nil {
			_ = longest.Close()
		}
	}
}

// note notes whether c waits, and returns the one to be closed, if there is one.
func (w *waiting) note(c net.Conn, waits bool) net.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(c)
	if waits {
		w.at[c] = w.list.PushBack(c)
	}
	if w.list.Len() <= w.most {
		return nil
	}
	longest := w.list.Front().Value.(net.Conn) //nolint:errcheck,forcetypeassert // it holds nothing else
	w.drop(longest)
	return longest
}

func (w *waiting) drop(c net.Conn) {
	if e, ok := w.at[c]; ok {
		w.list.Remove(e)
		delete(w.at, c)
	}
}
