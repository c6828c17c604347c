package parts_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"wxswitch/cmd/internal/parts"
)

// stack is three parts that note their ends; crash ends the middle one.
func stack(stopped *[]string, crash <-chan error) *parts.Stack {
	var s parts.Stack
	stops := func(name string) parts.Run {
		return func(ctx context.Context) error {
			<-ctx.Done()
			*stopped = append(*stopped, name) // one at a time: each is waited for
			return nil
		}
	}
	s.Add("middle", func(ctx context.Context) error {
		select {
		case err := <-crash:
			return err
		case <-ctx.Done():
			return stops("middle")(ctx)
		}
	})
	s.Add("top", stops("top"))
	s.AddFirst("bottom", stops("bottom"))
	return &s
}

func TestPartsStopFromTheTop(t *testing.T) {
	var stopped []string
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := stack(&stopped, nil).Run(ctx); err != nil || strings.Join(stopped, " ") != "top middle bottom" {
		t.Error(err, stopped)
	}
}

// A part that ends by itself stops the others, and is named.
func TestAPartThatEndsStopsTheOthers(t *testing.T) {
	for want, err := range map[string]error{"middle: ended by itself": nil, "middle: disk gone": errors.New("disk gone")} {
		var stopped []string
		crash := make(chan error, 1)
		crash <- err
		if err := stack(&stopped, crash).Run(t.Context()); err == nil || err.Error() != want || strings.Join(stopped, " ") != "top bottom" {
			t.Errorf("%v, want %s; %v", err, want, stopped)
		}
	}
}
