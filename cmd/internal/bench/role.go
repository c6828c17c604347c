package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/alexedwards/argon2id"

	"wxswitch/cmd/switchd/app"
)

// play is the life of a child.
func play(part string) error {
	var r role
	if err := json.Unmarshal([]byte(part), &r); err != nil {
		return fmt.Errorf("%s: %w", roleVariable, err)
	}
	p := &player{says: json.NewEncoder(os.Stdout)}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { defer cancel(); p.obey() }()
	switch r.Name {
	case "bank":
		return p.bank(ctx, r.Banks)
	case "relay":
		return runRelay(ctx, r, p.hello)
	case "front":
		return p.serveFront(ctx, r.Token)
	case "switch":
		return p.switchd(ctx, r.Config)
	}
	return fmt.Errorf("no role %q", r.Name)
}

// player is a child, seen by itself.
type player struct {
	says    *json.Encoder
	banks   []*isoBank // before hello
	front   *front     // before hello
	profile *os.File
}

func (p *player) hello(addresses ...string) { _ = p.says.Encode(hello{addresses}) }

// obey carries out orders until there will be none.
func (p *player) obey() {
	orders := json.NewDecoder(os.Stdin)
	for {
		var o order
		if orders.Decode(&o) != nil {
			return
		}
		code, err := p.carryOut(o)
		d := done{Code: code}
		if err != nil {
			d.Error = err.Error()
		}
		_ = p.says.Encode(d)
	}
}

func (p *player) carryOut(o order) (code string, err error) {
	switch {
	case o.Profile != "":
		if p.profile, err = os.Create(o.Profile); err != nil {
			return "", err
		}
		return "", pprof.StartCPUProfile(p.profile)
	case o.EndProfile:
		pprof.StopCPUProfile()
		return "", errors.Join(p.profile.Close(), writeAllocs(p.profile.Name()+".allocs"))
	case o.Told > 0 && p.front != nil:
		return "", p.front.await(o.Told)
	case o.Bank < len(p.banks):
		return p.banks[o.Bank].carryOut(o)
	}
	return "", errors.New("no such order")
}

// writeAllocs writes what was allocated since the start, for `go tool pprof
// -sample_index=alloc_space`.
func writeAllocs(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}

// switchd is the switch as its operators run it, from its file. But thousands of
// customers are to authenticate, attach and log in within seconds: they need not
// wait between two SMS codes, and their passwords are hashed with little work,
// which no scene measures.
func (p *player) switchd(ctx context.Context, path string) error {
	c, err := app.Load(path)
	if err != nil {
		return err
	}
	c.Limits.CodePause = time.Millisecond
	c.Argon = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	c.Ready = func(a app.Addresses) { p.hello(a.API, a.Ops) }
	return app.Run(ctx, c)
}
