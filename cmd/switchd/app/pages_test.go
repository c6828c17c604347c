package app

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// once is a listener that accepts one connection.
type once struct {
	net.Listener
	conns chan net.Conn // closed by Close
}

func (l once) Accept() (net.Conn, error) {
	if c, ok := <-l.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (l once) Close() error { close(l.conns); return nil }

// Who announces a body and sends none is cut off: net/http waits for it.
func TestPagesWaitForNoBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watcher, door := net.Pipe()
		l := once{conns: make(chan net.Conn, 1)}
		l.conns <- door
		s := pages(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "alive") }), zerolog.Nop())
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		_, _ = io.WriteString(watcher, "GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
		_ = watcher.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := io.ReadAll(watcher); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("held for an hour")
		}
		_ = watcher.Close()
		_ = s.Close()
		<-served
	})
}
