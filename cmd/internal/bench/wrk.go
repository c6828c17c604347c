package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

//go:embed load.lua
var script []byte

// load is what wrk sends: so many requests in flight for the time.
type load struct {
	kind     string
	accounts string // file
	inFlight int
	time     time.Duration
	// pause of a connection between two requests; with one, refusals are
	// counted and not wrong.
	pause time.Duration
}

// tally is what a load brought.
type tally struct {
	answers int // refusals among them
	refused int
	took    time.Duration
	cpu     time.Duration // wrk's own
}

func (t tally) perSecond() float64 { return float64(t.answers) / t.took.Seconds() }

// wrk sends the load. The error says that an answer was missing or wrong.
func (s *stage) wrk(ctx context.Context, address string, l load) (tally, error) {
	threads := min(2, l.inFlight)
	cmd := exec.CommandContext(ctx, "wrk",
		"-t", strconv.Itoa(threads), "-c", strconv.Itoa(l.inFlight), "-d", l.time.String(), "--timeout", "30s",
		"-s", s.file("load.lua"), "http://"+address, "--",
		l.kind, s.keysFrom(), s.token, s.file(l.accounts), strconv.FormatInt(l.pause.Milliseconds(), 10))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return tally{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	t, err := readTally(string(out))
	t.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return t, err
}

func readTally(out string) (t tally, err error) {
	_, result, ok := strings.Cut(out, "RESULT ")
	if !ok {
		return t, fmt.Errorf("wrk said: %s", out)
	}
	var micros, wrong, broken int
	if _, err := fmt.Sscan(result, &t.answers, &micros, &t.refused, &wrong, &broken); err != nil {
		return t, fmt.Errorf("wrk said: %s", out)
	}
	t.took = time.Duration(micros) * time.Microsecond
	switch {
	case wrong+broken > 0:
		_, sample, _ := strings.Cut(result, "SAMPLE ")
		return t, fmt.Errorf("%d of %d answers are wrong, %d failed: %s", wrong, t.answers, broken, strings.TrimSpace(sample))
	case t.answers == 0:
		return t, errors.New("nothing was answered")
	}
	return t, nil
}
