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

// tally is what one load by wrk brought.
type tally struct {
	answers int
	took    time.Duration
	cpu     time.Duration // wrk's own
}

func (t tally) perSecond() float64 { return float64(t.answers) / t.took.Seconds() }

// wrk keeps so many requests in flight for the time. The error says that an
// answer was missing or wrong.
func (s *stage) wrk(ctx context.Context, address, kind, accounts string, inFlight int, d time.Duration) (tally, error) {
	threads := min(2, inFlight)
	cmd := exec.CommandContext(ctx, "wrk",
		"-t", strconv.Itoa(threads), "-c", strconv.Itoa(inFlight), "-d", d.String(), "--timeout", "30s",
		"-s", s.file("load.lua"), "http://"+address, "--", kind, s.keyPrefix(), s.token, accounts)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return tally{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	t, err := readTally(string(out))
	t.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return t, err
}

func readTally(out string) (tally, error) {
	_, result, ok := strings.Cut(out, "RESULT ")
	if !ok {
		return tally{}, fmt.Errorf("wrk said: %s", out)
	}
	var answers, micros, wrong, broken int
	if _, err := fmt.Sscan(result, &answers, &micros, &wrong, &broken); err != nil {
		return tally{}, fmt.Errorf("wrk said: %s", out)
	}
	if wrong+broken > 0 {
		_, sample, _ := strings.Cut(result, "SAMPLE ")
		return tally{}, fmt.Errorf("%d of %d answers are wrong, %d failed: %s", wrong, answers, broken, strings.TrimSpace(sample))
	}
	if answers == 0 {
		return tally{}, errors.New("nothing was answered")
	}
	return tally{answers: answers, took: time.Duration(micros) * time.Microsecond}, nil
}
