package stage

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// twoFronts are two instances behind a balancer, which answer with their number
// once they may.
func twoFronts(t *testing.T, may <-chan struct{}) (s *Stage, balancer string) {
	t.Helper()
	s = &Stage{fronts: []*front{newFront(), newFront()}}
	for i, f := range s.fronts {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f.public.Listener, f.notices.Listener, f.kill = l, l, func() {}
		instance := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			<-may
			_, _ = w.Write(append(body, '0'+byte(i)))
		})}
		go instance.Serve(&f.public)
		t.Cleanup(func() { _ = instance.Close() })
	}
	b := httptest.NewServer(s.through(func(f *front) net.Listener { return &f.public }))
	t.Cleanup(b.Close)
	return s, b.URL
}

func post(url string) (status int, body string, err error) {
	client := http.Client{Timeout: 30 * time.Second} // so that one that is never answered ends
	r, err := client.Post(url, "text/plain", strings.NewReader("body "))
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	return r.StatusCode, string(text), err
}

// Who is killed takes what is in flight with it, at once; what comes then is
// answered by the other, whole.
func TestKill(t *testing.T) {
	may := make(chan struct{})
	s, balancer := twoFronts(t, may)
	lost := make(chan int, 1)
	go func() {
		status, _, _ := post(balancer)
		lost <- status
	}()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	dead, err := s.AwaitBusy(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s.Kill(dead)
	select {
	case status := <-lost:
		if status != http.StatusBadGateway {
			t.Errorf("what was in flight got %d", status)
		}
	case <-ctx.Done():
		t.Fatal("the connection was not cut")
	}
	close(may)
	want := "body " + string('0'+rune(1-dead))
	var several sync.WaitGroup // at once, as the parts of a page are
	for range 8 {
		several.Go(func() {
			for range 25 {
				if status, body, err := post(balancer); status != http.StatusOK || body != want || err != nil {
					t.Errorf("%d %q, %v; want %q", status, body, err, want)
				}
			}
		})
	}
	several.Wait()
	s.Kill(1 - dead)
	if status, _, _ := post(balancer); status != http.StatusBadGateway {
		t.Errorf("with none left: %d", status)
	}
}
