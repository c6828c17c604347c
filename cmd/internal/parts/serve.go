package parts

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Serve is a part that serves a listener until ctx is done. Then it takes nothing
// new, and what is in flight has the time of drain; 0 is none. See [Guard] for what
// strangers can hold of it.
func Serve(s *http.Server, l net.Listener, drain time.Duration) Run {
	Guard(s)
	return func(ctx context.Context) error {
		done := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			defer close(done)
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
			defer cancel()
			if s.Shutdown(last) != nil {
				_ = s.Close()
			}
		})
		err := s.Serve(l)
		if !stop() {
			<-done
		}
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return err
	}
}

// Up waits until up is closed, or what was to come up has ended instead: its end
// comes from ran.
func Up(ctx context.Context, up <-chan struct{}, ran <-chan error) error {
	select {
	case <-up:
		return nil
	case err := <-ran:
		return errors.Join(errors.New("ended before it was up"), err)
	case <-ctx.Done():
		return ctx.Err()
	}
}
