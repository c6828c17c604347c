package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"wxswitch/cmd/internal/parts"
	"wxswitch/cmd/internal/stage"
	"wxswitch/cmd/internal/world"
	switchd "wxswitch/cmd/switchd/app"
	"wxswitch/codec"
)

// errAnswered ends the parts after the check, without a fault.
var errAnswered = errors.New("all is up and answers")

// phone shows the whole product in a browser, until ctx is done.
func phone(ctx context.Context, c Config, dir string, logs *os.File) error {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(c.Out, format+"\n", args...) }
	s, err := stage.New(ctx, stage.Options{World: world.Options{Dir: dir, LogTo: logs, Tune: unhurried}})
	if err != nil {
		return err
	}
	say("Starting two simulated banks, the switch, the front and a simulated WeChat …")
	var all parts.Stack
	all.Add("stage", s.Run)
	all.Add("phone", func(ctx context.Context) error {
		select {
		case <-s.Up:
		case <-ctx.Done():
			return nil
		}
		if c.Once {
			return check(ctx, s)
		}
		say("\nOpen this in a browser (Chrome, Edge or Firefox: they lead every *.localhost to this machine):\n\n  %s\n", s.URL())
		say("  switch    API %s   metrics http://%s/metrics   health http://%s/readyz", s.World.URL(), s.World.Addresses.Ops, s.World.Addresses.Ops)
		say("  front     pages %s   metrics http://%s/metrics", s.FrontURL(), s.Ops[0])
		for _, b := range world.Banks {
			say("  bank      %s %s: control http://%s", b.ID, b.Title, s.World.Sims[b.ID].ControlAddr())
		}
		say("  log       %s\n\nCtrl-C ends all.", filepath.Join(dir, logName))
		<-ctx.Done()
		return nil
	})
	if err := all.Run(ctx); !errors.Is(err, errAnswered) {
		return err
	}
	say("All is up and answers.")
	return nil
}

// unhurried gives a deregistration the five seconds that its step shows, and keeps
// the advice out of the picture until the late approval has come.
func unhurried(c *switchd.Config) {
	for i := range c.Banks {
		c.Banks[i].Deadlines = map[codec.Type]time.Duration{codec.Deregister: 5 * time.Second}
		c.Banks[i].Breaker.OpenFor = 5 * time.Second
	}
}

// check says rz as the first follower, and waits for the answer in its chat: so all
// of it has worked, but for the pages.
func check(ctx context.Context, s *stage.Stage) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := ask(ctx, s, http.MethodPost, "/sim/say", map[string]string{"text": "rz"}); err != nil {
		return err
	}
	for {
		state, err := ask(ctx, s, http.MethodGet, "/sim/state", nil)
		switch {
		case err != nil:
			return err
		case strings.Contains(state, "/h5/authenticate") && strings.Contains(state, "客户认证请"):
			return errAnswered
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return errors.New("the chat did not answer rz")
		}
	}
}

// ask calls the first phone. Not every resolver leads *.localhost to this machine,
// as browsers do.
func ask(ctx context.Context, s *stage.Stage, method, path string, body any) (string, error) {
	var text bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			return "", err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, s.Phone(0)+path, &text)
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	here := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}}}
	a, err := here.Do(r)
	if err != nil {
		return "", err
	}
	defer a.Body.Close() //nolint:errcheck // read
	answer, err := io.ReadAll(io.LimitReader(a.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if a.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s %s: %s", method, path, a.Status)
	}
	return string(answer), nil
}
