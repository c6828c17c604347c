package app

import (
	"bytes"
	"strings"
	"testing"
	"time"

	switching "wxswitch/switch"
)

// What the file says reaches the parts that it is for, each of which has a default
// of its own.
func TestTheFileReachesTheParts(t *testing.T) {
	c, fault := load(t, strings.NewReplacer(
		"grace: 5s", "grace: 7s", "drain: 20s", "drain: 2s", "level: info", "level: warn", "format: json", "format: console",
		"backoff_min: 1s", "backoff_min: 2s", "backoff_max: 5m", "backoff_max: 3m",
	).Replace(full))
	if fault != "" {
		t.Fatal(fault)
	}
	var logged bytes.Buffer
	c.LogTo = &logged
	a := wired(t, c)
	defer func() {
		if err := a.closeDB(); err != nil {
			t.Error(err)
		}
	}()
	for _, of := range []struct {
		what      string
		got, want any
	}{
		{"grace of open entries", a.sw.Grace, 7 * time.Second},
		{"grace of advices", a.advices.Grace, 7 * time.Second},
		{"drain", a.sw.Drain, 2 * time.Second},
		{"pauses of advices", a.journal.Backoff, switching.Backoff{Min: 2 * time.Second, Max: 3 * time.Minute}},
		{"numbers", a.sw.Acquirer + " " + a.sw.Forwarder, "48980000 48980001"},
		{"erasing", a.store.Limits.Erase, 43800 * time.Hour},
		{"the front's token", a.Front.Token.Reveal(), "token"},
		{"deadline of the type", a.sw.Banks()["xjrcu"].Deadline("balance"), 5 * time.Second},
	} {
		if of.got != of.want {
			t.Errorf("%s: %v, want %v", of.what, of.got, of.want)
		}
	}
	if titles := a.titles(); titles[0].Name != "新疆农村信用社" || titles[0].Words["B2"] != "请稍后再来" || titles[1].Name != "korla" {
		t.Errorf("titles %+v", titles)
	}
	a.log.Info().Msg("not told")
	a.log.Warn().Msg("told")
	a.lines.Close()
	if text := logged.String(); strings.Contains(text, "not told") || !strings.Contains(text, "WRN told") {
		t.Errorf("logged %q", text)
	}
}

// The token before is good too.
func TestBothTokensOfAClientAreKnown(t *testing.T) {
	c, fault := load(t, full)
	if fault != "" {
		t.Fatal(fault)
	}
	known, err := clients(c.Clients)
	if err != nil {
		t.Fatal(err)
	}
	if operators := known[1]; operators.TokenSHA256[0] != 0x60 || operators.PreviousSHA256[0] != 0xfc {
		t.Errorf("%x, %x", operators.TokenSHA256, operators.PreviousSHA256)
	}
}

// A bank's drain_limit shortens its part of a stop, and lengthens it never.
func TestABanksDrainLimitCounts(t *testing.T) {
	for limit, takes := range map[time.Duration]time.Duration{time.Second: time.Second, time.Minute: afterDrain} {
		var begun time.Time
		within(t, func(c *Config) { c.Banks[0].DrainLimit = limit }, func(t *testing.T, a *app, _ *silentBank) {
			if _, err := a.sw.Banks()["xjrcu"].Admit(); err != nil { // never given back
				t.Fatal(err)
			}
			begun = time.Now()
			t.Cleanup(func() {
				if took := time.Since(begun); took != takes {
					t.Errorf("stopped after %s, want %s", took, takes)
				}
			})
		})
	}
}
