package parts_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"wxswitch/cmd/internal/parts"
)

// Whoever holds connections and asks nothing keeps nobody out, and work goes on.
func TestConnectionsThatWait(t *testing.T) {
	const most = 4
	entered, release := make(chan struct{}), make(chan struct{})
	l := listen(t)
	s := &http.Server{ConnState: parts.Waiting(most, 0), ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			close(entered)
			<-release
		}
	})}
	go func() { _ = s.Serve(l) }()
	defer s.Close()
	long := ask(t, l, "/long")
	<-entered
	var held []net.Conn
	for i := range 20 {
		c := ask(t, l, []string{"", "/short"}[i%2]) // one that asked nothing yet, one that did
		if i%2 == 1 {
			answered(t, c)
		}
		held = append(held, c)
	}
	open := 0
	for _, c := range held {
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, err := c.Read(make([]byte, 1))
		if e, ok := err.(net.Error); ok && e.Timeout() { //nolint:errorlint // as it comes
			open++
		}
	}
	if open != most {
		t.Errorf("%d of %d are open", open, len(held))
	}
	close(release)
	answered(t, long)
}

// A program that stood still finds more callers than may wait, and each has asked:
// none is sent away.
func TestConnectionsThatHaveAsked(t *testing.T) {
	l := listen(t)
	hook := parts.Waiting(1, 0)
	var come []net.Conn
	for _, path := range []string{"/", "/", "", "/", ""} {
		ask(t, l, path)
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // may be closed
		hook(c, http.StateNew)
		come = append(come, c)
	}
	for i, open := range []bool{true, true, false, true, true} {
		if err := come[i].SetDeadline(time.Time{}); errors.Is(err, net.ErrClosed) == open {
			t.Errorf("connection %d: %v", i, err)
		}
	}
}

// More callers than may wait push one another out no sooner than each has had its
// time: who is new waits for that.
func TestConnectionsThatHaveJustCome(t *testing.T) {
	const most, least = 2, 200 * time.Millisecond
	l := listen(t)
	s := &http.Server{ReadHeaderTimeout: time.Minute, ConnState: parts.Waiting(most, least), Handler: http.NotFoundHandler()}
	go func() { _ = s.Serve(l) }()
	defer s.Close()
	begun := time.Now()
	silent := []net.Conn{ask(t, l, ""), ask(t, l, "")}
	answered(t, ask(t, l, "/"))
	if lived := time.Since(begun); lived < least {
		t.Errorf("let in after %s", lived)
	}
	_ = silent[0].SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := silent[0].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Error("who asks nothing stays:", err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// ask opens a connection and asks for the path, if there is one.
func ask(t *testing.T, l net.Listener, path string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if path != "" {
		_, err = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func answered(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
}
