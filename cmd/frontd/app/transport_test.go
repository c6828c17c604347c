package app

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// A request that was read is never called unsent, though its repeat finds the port
// closed; one that nobody could take is.
func TestWhatWasSentIsNotCalledUnsent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan string, 2)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_ = l.Close()
		b := make([]byte, 1024)
		n, _ := c.Read(b)
		read <- string(b[:n])
		_ = c.Close()
	}()
	ask := func() error {
		r, err := http.NewRequest(http.MethodPost, "http://"+l.Addr().String(), strings.NewReader("book"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Idempotency-Key", "k")
		a, err := (&http.Client{Transport: again{&http.Transport{}}}).Do(r)
		if err == nil {
			_, _ = io.Copy(io.Discard, a.Body)
			a.Body.Close()
		}
		return err
	}
	var dial *net.OpError
	if err := ask(); err == nil || errors.As(err, &dial) && dial.Op == "dial" {
		t.Errorf("sent: %v", err)
	}
	if got := <-read; !strings.Contains(got, "POST / ") {
		t.Errorf("the switch read %q", got)
	}
	if err := ask(); !errors.As(err, &dial) || dial.Op != "dial" {
		t.Errorf("not sent: %v", err)
	}
}
