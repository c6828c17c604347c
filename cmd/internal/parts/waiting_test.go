package parts_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wxswitch/cmd/internal/parts"
)

// Whoever holds connections and asks nothing keeps nobody out, and work goes on.
func TestConnectionsThatWait(t *testing.T) {
	const most, least = 4, 100 * time.Millisecond
	d := newDoor(t, most, least)
	long := ask(t, d.l, "/long")
	<-d.entered
	var held []net.Conn
	for i := range 20 {
		c := ask(t, d.l, []string{"", "/short"}[i%2]) // one that asked nothing yet, one that did
		if i%2 == 1 {
			answered(t, c)
		}
		held = append(held, c)
	}
	<-time.After(2 * least) // since all have had their time, the next makes room
	held = append(held, ask(t, d.l, ""))
	if open := stillOpen(held); open != most {
		t.Errorf("%d of %d are open", open, len(held))
	}
	close(d.release)
	answered(t, long)
}

// A program that stood still finds more callers than may wait, and each has asked:
// none is sent away.
func TestConnectionsThatHaveAsked(t *testing.T) {
	l := listen(t)
	s := &http.Server{} //nolint:gosec // never serves
	parts.GuardWith(s, 1, 0)
	var come []net.Conn
	for _, path := range []string{"/", "/", "", "/", ""} {
		ask(t, l, path)
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // nothing was written
		s.ConnState(c, http.StateNew)
		come = append(come, c)
	}
	for i, ended := range []bool{false, false, true, false, false} {
		if got := isEnded(t, come[i]); got != ended {
			t.Errorf("connection %d: ended %v", i, got)
		}
	}
}

// isEnded reports whether the time in which c may be read is over.
func isEnded(t *testing.T, c net.Conn) bool {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return errors.Is(raw.Read(func(uintptr) bool { return true }), os.ErrDeadlineExceeded)
}

// One that is ended in the moment in which its request was read is answered.
func TestConnectionsWhoseRequestWasJustRead(t *testing.T) {
	l := listen(t)
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.NotFoundHandler()}
	parts.GuardWith(s, 1, 0)
	read, in, release, hook := make(chan struct{}), make(chan struct{}, 2), make(chan struct{}), s.ConnState
	var held atomic.Bool
	s.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateActive && held.CompareAndSwap(false, true) {
			close(read)
			<-release
		}
		hook(c, state)
		if state == http.StateNew {
			in <- struct{}{}
		}
	}
	go func() { _ = s.Serve(l) }()
	defer s.Close() //nolint:errcheck // the listener's
	first := ask(t, l, "/")
	<-in
	<-read
	ask(t, l, "")
	<-in // and the first was ended
	close(release)
	answered(t, first)
}

// More callers than may wait push one another out no sooner than each has had its
// time: who is new waits for that.
func TestConnectionsThatHaveJustCome(t *testing.T) {
	const most, least = 2, 200 * time.Millisecond
	d := newDoor(t, most, least)
	begun := time.Now()
	silent := []net.Conn{ask(t, d.l, ""), ask(t, d.l, "")}
	answered(t, ask(t, d.l, "/"))
	if lived := time.Since(begun); lived < least {
		t.Errorf("let in after %s", lived)
	}
	_ = silent[0].SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := silent[0].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Error("who asks nothing stays:", err)
	}
}

// Those who ask often, and are too many, keep nobody out who asks too.
func TestConnectionsThatAskOften(t *testing.T) {
	const most, least, many = 2, 400 * time.Millisecond, 8
	d := newDoor(t, most, least)
	var often []net.Conn
	for range many { // each is at work when the next comes, and so not counted
		often = append(often, ask(t, d.l, "/long"))
		<-d.entered
	}
	close(d.release)
	stop := make(chan struct{})
	var asking sync.WaitGroup
	for _, c := range often {
		answered(t, c)
		asking.Go(func() {
			for !isClosed(stop) {
				if _, err := io.WriteString(c, request("/")); err != nil {
					return
				}
				_, _ = c.Read(make([]byte, 1024))
				select {
				case <-stop:
				case <-time.After(least / 4):
				}
			}
		})
	}
	answered(t, ask(t, d.l, "/"))
	close(stop)
	asking.Wait()
}

// Who sends half a body and was refused holds a connection for a second, not for
// the whole time of a read.
func TestConnectionsWithHalfABody(t *testing.T) {
	d := newDoor(t, 4, time.Millisecond)
	for _, ask := range []string{
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf",
		"GET /much HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf",
	} {
		begun := time.Now()
		c := dial(t, d.l)
		if _, err := io.WriteString(c, ask); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(begun.Add(30 * time.Second))
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("%q: %v", ask, err)
		}
		if held := time.Since(begun); held > readTime/2 {
			t.Errorf("%q: held for %s", ask, held)
		}
	}
	c := dial(t, d.l)
	for range 2 { // what comes whole does not end the connection
		if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nhalf"); err != nil {
			t.Fatal(err)
		}
		answered(t, c)
	}
}

// Nothing that has not asked, and nothing that waits to be let in, delays a stop.
func TestConnectionsAtTheEnd(t *testing.T) {
	for name, silent := range map[string]int{"has not asked": 1, "waits to be let in": 2} {
		d := newDoor(t, 1, time.Minute)
		for range silent {
			ask(t, d.l, "")
			<-d.come
		}
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := d.s.Shutdown(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(begun); took > 4*time.Second {
			t.Errorf("%s: the stop took %s", name, took)
		}
	}
}

// door is a guarded server. It answers /long once it is released.
type door struct {
	s       *http.Server
	l       net.Listener
	come    chan struct{} // one for each connection
	entered chan struct{} // one for each /long
	release chan struct{}
}

const readTime = 20 * time.Second

func newDoor(t *testing.T, most int, least time.Duration) *door {
	t.Helper()
	d := &door{l: listen(t), come: make(chan struct{}, 100), entered: make(chan struct{}, 100), release: make(chan struct{})}
	d.s = &http.Server{ReadHeaderTimeout: time.Minute, ReadTimeout: readTime, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/long":
			d.entered <- struct{}{}
			<-d.release
		case "/much": // more than net/http holds back until the handler is done
			_, _ = w.Write(make([]byte, 100<<10))
		}
	})}
	parts.GuardWith(d.s, most, least)
	hook := d.s.ConnState
	d.s.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			d.come <- struct{}{}
		}
		hook(c, state)
	}
	go func() { _ = d.s.Serve(d.l) }()
	t.Cleanup(func() { _ = d.s.Close() })
	return d
}

// stillOpen counts those that are not closed.
func stillOpen(held []net.Conn) (open int) {
	for _, c := range held {
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			open++
		}
	}
	return open
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
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

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ask opens a connection and asks for the path, if there is one.
func ask(t *testing.T, l net.Listener, path string) net.Conn {
	t.Helper()
	c := dial(t, l)
	if path == "" {
		return c
	}
	if _, err := io.WriteString(c, request(path)); err != nil {
		t.Fatal(err)
	}
	return c
}

func request(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n" }

func answered(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
}
