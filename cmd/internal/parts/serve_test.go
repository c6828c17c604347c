package parts

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"
)

// What is in flight when the part is told to stop has its time, and no more.
func TestServeDrains(t *testing.T) {
	for name, test := range map[string]struct {
		drain time.Duration
		ends  bool
	}{
		"in time":     {10 * time.Second, true},
		"out of time": {20 * time.Millisecond, false},
		"at once":     {0, false},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			begun, goOn := make(chan struct{}), make(chan struct{})
			h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				close(begun)
				<-goOn
				w.WriteHeader(http.StatusTeapot)
			})
			ctx, stop := context.WithCancel(t.Context())
			ran := make(chan error, 1)
			go func() { ran <- Serve(&http.Server{Handler: h}, l, test.drain)(ctx) }()
			answered := make(chan bool, 1)
			go func() {
				r, err := http.Get("http://" + l.Addr().String())
				answered <- err == nil && r.StatusCode == http.StatusTeapot
			}()
			<-begun
			stop()
			if test.ends {
				close(goOn)
			}
			if got := <-answered; got != test.ends {
				t.Errorf("answered: %v", got)
			}
			if !test.ends {
				close(goOn)
			}
			if err := <-ran; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUp(t *testing.T) {
	up, ran := make(chan struct{}), make(chan error, 1)
	broken := errors.New("broken")
	ran <- broken
	if err := Up(t.Context(), up, ran); !errors.Is(err, broken) {
		t.Error(err)
	}
	close(up)
	if err := Up(t.Context(), up, ran); err != nil {
		t.Error(err)
	}
}
