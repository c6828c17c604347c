package notice

import (
	"sync"
	"time"

	switching "wxswitch/switch"
)

// trip is of how many followers in a row sendings must fail for the front to
// count as down for everybody: a few broken followers are not that.
const trip = 5

// pauses are between two probes of a front that is down.
var pauses = switching.Backoff{Min: time.Second, Max: time.Minute}

// circuit keeps the notices of a channel from being tried one by one while its
// front is down: shut, it lets one through after each pause.
type circuit struct {
	mu      sync.Mutex      // guards what follows
	failing map[string]bool // followers whose sendings failed since the last one that was answered
	shut    bool
	until   time.Time // nothing is sent before, while shut
	probes  int       // in a row that failed
	// age changes whenever the circuit shuts or lets a probe through: what was
	// sent before says nothing about now.
	age int
}

// circuits are those of all channels.
type circuits struct {
	mu   sync.Mutex // guards of
	of   map[string]*circuit
	hold time.Duration // how long a probe is waited for
}

func (c *circuits) channel(name string) *circuit {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = make(map[string]*circuit)
	}
	if c.of[name] == nil {
		c.of[name] = &circuit{failing: make(map[string]bool)}
	}
	return c.of[name]
}

// shut says of each channel whether it is.
func (c *circuits) shut() map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]bool, len(c.of))
	for name, one := range c.of {
		one.mu.Lock()
		all[name] = one.shut
		one.mu.Unlock()
	}
	return all
}

// admit returns how many of those that could be sent may be. A probe that never
// ends is forgotten after hold.
func (c *circuit) admit(now time.Time, could int, hold time.Duration) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.shut:
		return could
	case now.Before(c.until):
		return 0
	}
	c.until = now.Add(hold)
	c.age++
	return min(could, 1)
}

// began is asked when a sending begins.
func (c *circuit) began() (age int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.age
}

// heard learns from an answer to what began at the age, and says whether it
// counts as an attempt of its notice, and where not, when to try that again.
func (c *circuit) heard(age int, follower string, a Answer, now time.Time) (counts bool, next time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.Verdict == Closed {
		c.close(a.At)
		return false, a.At
	}
	if age != c.age {
		return !isFailure(a.Verdict), now.Add(pauses.Min)
	}
	switch a.Verdict {
	case Down:
		c.close(c.pause(now))
		return false, c.until
	case Failed:
		if c.shut {
			c.close(c.pause(now))
			return false, c.until
		}
		if c.failing[follower] = true; len(c.failing) >= trip {
			c.close(c.pause(now))
		}
		return true, time.Time{}
	default:
		c.shut, c.probes = false, 0
		clear(c.failing)
		return true, time.Time{}
	}
}

func isFailure(v Verdict) bool { return v == Failed || v == Down }

func (c *circuit) pause(now time.Time) time.Time {
	c.probes++
	return now.Add(pauses.After(c.probes))
}

func (c *circuit) close(until time.Time) {
	c.shut, c.until = true, until
	c.age++
	clear(c.failing)
}
