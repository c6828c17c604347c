package app

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"wxswitch/cmd/frontd/internal/desk"
	"wxswitch/switch/api/client"
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

// What is said is for the switch alone: where something before it leads elsewhere,
// nobody hears certificate, code and session there.
func TestNoRedirectIsFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		t.Errorf("elsewhere: session %q, body %s", r.Header.Get("Session-Token"), body)
	}))
	defer elsewhere.Close()
	before := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer before.Close()
	c, err := (&Config{Switch: Switch{URL: before.URL, Timeout: time.Minute}}).client()
	if err != nil {
		t.Fatal(err)
	}
	_, err = desk.Ask[client.Ended](c.Attach(t.Context(),
		&client.AttachParams{FollowerChannel: "wechat", FollowerSubject: "f", SessionToken: "token", IdempotencyKey: "k"},
		client.Attachment{Account: "6210081234567892", Code: "123456"}))
	if !errors.Is(err, desk.ErrStrange) {
		t.Error(err)
	}
}
