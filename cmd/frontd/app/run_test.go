package app

import (
	"bytes"
	"context"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"wxswitch/cmd/frontd/internal/callback/callbacktest"
	"wxswitch/cmd/internal/parts"
)

// A panic ends its own request only, and what it said is not logged.
func TestPanic(t *testing.T) {
	var log, lines bytes.Buffer
	stdlog.SetOutput(&lines)
	defer stdlog.SetOutput(os.Stderr)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &app{log: zerolog.New(&log)}
	door := a.serve(l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("6210081234567892")
		}
	}))
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- door(ctx) }()
	get := func(path string) error {
		r, err := http.Get("http://" + l.Addr().String() + path)
		if err == nil {
			err = r.Body.Close()
		}
		return err
	}
	if get("/panic") == nil || get("/") != nil {
		t.Error("a panic was answered, or ended more than its request")
	}
	stop()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if text := log.String() + lines.String(); !strings.Contains(text, `"panic":"string"`) || !strings.Contains(text, "run_test.go") || strings.Contains(text, "6210081234567892") {
		t.Error(text)
	}
}

// Who is told to stop takes nothing new, and finishes what is in flight.
func TestAStopFinishesWhatIsInFlight(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	var once sync.Once
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		once.Do(func() { close(asked) })
		<-answer
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"outcome":"approved"}`)
	}))
	t.Cleanup(slow.Close)
	finish := sync.OnceFunc(func() { close(answer) })
	t.Cleanup(finish)

	platform := callbacktest.Platform{
		Account: "gh_1", AppID: "wx1", Token: "spamtest", AESKey: "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", Now: time.Now(),
	}
	up := make(chan struct{})
	var at Addresses
	c := Config{
		Listen: "127.0.0.1:0", Internal: "127.0.0.1:0", Ops: "127.0.0.1:0", Public: "https://wx.example.cn", Terms: "7",
		Account: Account{Name: "a", ID: platform.Account, AppID: platform.AppID}, Switch: Switch{URL: slow.URL},
		Notices: DefaultNotices("movementTemplate", "serviceTemplate"),
		Hooks:   Hooks{Keys: [][]byte{make([]byte, 32)}, LogTo: io.Discard, Ready: func(a Addresses) { at = a; close(up) }},
	}
	c.SetSecrets(Secrets{App: "secret", Token: platform.Token, AESKey: platform.AESKey, Switch: "token", Notices: strings.Repeat("n", 32)})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- Run(ctx, c) }()
	if err := parts.Up(t.Context(), up, ran); err != nil {
		t.Fatal(err)
	}

	post := func(client *http.Client) error {
		_, err := platform.Post(t.Context(), client, "http://"+at.Public+CallbackPath, platform.Event("f", "unsubscribe", ""))
		return err
	}
	answered := make(chan error, 1)
	go func() { answered <- post(http.DefaultClient) }()
	<-asked
	stop()
	for begun := time.Now(); post(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 100 * time.Millisecond}) == nil; {
		if time.Since(begun) > 5*time.Second {
			t.Fatal("still takes what is new")
		}
	}
	select {
	case err := <-answered:
		t.Fatalf("what was in flight was cut: %v", err)
	case err := <-ran:
		t.Fatalf("stopped before what was in flight: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	finish()
	if err := <-answered; err != nil {
		t.Errorf("what was in flight: %v", err)
	}
	if err := <-ran; err != nil {
		t.Error(err)
	}
}

// pipes are a door without a network.
type pipes struct {
	come   chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.come:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { p.once.Do(func() { close(p.closed) }); return nil }

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// asksFor asks a door for a page that takes so long to make.
func asksFor(t *testing.T, page time.Duration) (phone net.Conn, stop func(), ran chan error) {
	a := &app{Config: Config{Switch: Switch{Timeout: 40 * time.Second}}}
	door := &pipes{come: make(chan net.Conn, 1), closed: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	ran = make(chan error, 1)
	go func() {
		ran <- a.serve(door, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(page)
			_, _ = io.WriteString(w, "the end")
		}))(ctx)
	}()
	phone, front := net.Pipe()
	door.come <- front
	_, _ = io.WriteString(phone, "GET / HTTP/1.0\r\n\r\n")
	synctest.Wait()
	return phone, stop, ran
}

// A page is waited for as long as the switch may take to answer it.
func TestAStopWaitsForTheSlowestPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		phone, stop, ran := asksFor(t, 40*time.Second)
		stop()
		if answer, err := io.ReadAll(phone); !strings.HasSuffix(string(answer), "the end") {
			t.Errorf("%q, %v", answer, err)
		}
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
}

// A browser that asks and takes no answer holds a door up for a time, not for good;
// one whose page takes as long as a bank may gets it.
func TestWhoTakesNoAnswerIsCutOff(t *testing.T) {
	for away, end := range map[time.Duration]string{24 * time.Hour: "", 0: "the end"} {
		synctest.Test(t, func(t *testing.T) {
			phone, stop, ran := asksFor(t, 40*time.Second)
			time.Sleep(away)
			answer, _ := io.ReadAll(phone)
			if got := string(answer); !strings.HasSuffix(got, end) || end == "" && got != "" {
				t.Errorf("away for %s: read %q", away, got)
			}
			stop()
			if err := <-ran; err != nil {
				t.Error(err)
			}
		})
	}
}
