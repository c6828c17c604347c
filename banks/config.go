package banks

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"wxswitch/codec"
)

// Role says which way requests go on a link.
type Role string

// The roles. Replies and network messages go both ways on every link.
const (
	Duplex  Role = "duplex"  // the default
	Send    Role = "send"    // carries our requests
	Receive Role = "receive" // carries the bank's requests; never takes one of ours
)

// Config is one member bank. A zero value means the default that the field's
// comment names; [New] fills them in.
type Config struct {
	// Name is the bank's id in routes, logs and metrics.
	Name  string       `yaml:"name"`
	Links []LinkConfig `yaml:"links"`
	// Deadline is what the bank is given for a request; 10s. Deadlines differ
	// from it by type.
	Deadline  time.Duration                `yaml:"deadline"`
	Deadlines map[codec.Type]time.Duration `yaml:"deadlines"`
	// Limit is the bulkhead: how many requests may be in flight at once; 256.
	Limit int `yaml:"limit"`
	// Queue bounds the messages that wait for a link, expired ones that no
	// link has skipped yet among them; twice Limit. A request that finds it
	// full is refused as BulkheadFull.
	Queue   int           `yaml:"queue"`
	Breaker BreakerConfig `yaml:"breaker"`
	// SignOn says that links sign on before and sign off after use (08xx).
	SignOn bool `yaml:"sign_on"`
	// EchoIdle is how long a link may bring nothing before it is asked for a
	// sign of life; 30s; negative: never asked.
	EchoIdle time.Duration `yaml:"echo_idle"`
	// NetworkTimeout is how long the bank may take to answer a sign-on, an
	// echo or a sign-off; 5s. An echo unanswered drops the link.
	NetworkTimeout time.Duration `yaml:"network_timeout"`
	// DialTimeout is for each address; 5s.
	DialTimeout time.Duration `yaml:"dial_timeout"`
	// WriteTimeout drops a link whose peer does not read; 5s.
	WriteTimeout time.Duration `yaml:"write_timeout"`
	// ReadTimeout drops a link whose peer stops inside a message, after one
	// to two times this; 10s.
	ReadTimeout time.Duration `yaml:"read_timeout"`
	// BackoffMin and BackoffMax bound the wait before a redial, which is drawn
	// from zero to a bound that doubles with each failure; 250ms, 30s. A link
	// that held for BackoffMax starts again at BackoffMin.
	BackoffMin time.Duration `yaml:"backoff_min"`
	BackoffMax time.Duration `yaml:"backoff_max"`
	// DrainLimit is how long Run waits for what is in flight when it is told to
	// stop; 15s. Sign-off follows, at most NetworkTimeout.
	DrainLimit time.Duration `yaml:"drain_limit"`
	// Acquirer and Forwarder are our numbers (F32, F33) in network messages.
	Acquirer  string `yaml:"acquirer"`
	Forwarder string `yaml:"forwarder"`
}

// LinkConfig is one connection to the bank.
type LinkConfig struct {
	// Name is for people: "wlmq-1".
	Name string `yaml:"name"`
	// Addresses are host:port, tried in turn when one fails.
	Addresses []string `yaml:"addresses"`
	Role      Role     `yaml:"role"`
}

// BreakerConfig is when a bank is given a rest.
type BreakerConfig struct {
	// ConsecutiveFailures within Window open the breaker; 10.
	ConsecutiveFailures int `yaml:"consecutive_failures"`
	// FailureRatio of what ended within Window opens it too, once that is at
	// least MinRequests; 0.5, 20.
	FailureRatio float64 `yaml:"failure_ratio"`
	MinRequests  int     `yaml:"min_requests"`
	// Window is how far back the breaker looks, counted from when a request
	// began: a silence is forgotten before it is known unless the window is
	// longer than the deadline. 60s, or twice the longest deadline.
	Window time.Duration `yaml:"window"`
	// OpenFor is how long it stays open before it lets probes through; 10s.
	OpenFor time.Duration `yaml:"open_for"`
	// Probes is how many requests may pass half-open; as many successes in a
	// row close it; 1.
	Probes int `yaml:"probes"`
}

// ConfigError says that a key of a [Config] broke a rule.
type ConfigError struct {
	Key  string // "links[0].addresses", relative to the bank
	Rule string
}

func (e *ConfigError) Error() string { return e.Key + ": " + e.Rule }

// Validate reports every key that breaks its rule, as joined [*ConfigError].
// Zero values are in order: they mean the defaults.
func (c Config) Validate() error {
	v := &violations{}
	v.require(c.Name != "", "name", "must not be empty")
	v.require(len(c.Links) > 0, "links", "at least one")
	names := make(map[string]bool)
	for i, l := range c.Links {
		l.validate(v, fmt.Sprintf("links[%d]", i))
		v.require(!names[l.Name], fmt.Sprintf("links[%d].name", i), "used twice")
		names[l.Name] = true
	}
	for t, d := range c.Deadlines {
		sent := slices.Contains([]codec.Class{codec.Enquiry, codec.Change, codec.Advice}, t.Class())
		v.require(sent, "deadlines."+string(t), "no such transaction type") // a network message has network_timeout
		v.require(d > 0, "deadlines."+string(t), "must be positive")
	}
	c.validateNumbers(v)
	c.Breaker.validate(v)
	return errors.Join(v.errs...)
}

func (c Config) validateNumbers(v *violations) {
	v.number("limit", c.Limit)
	v.number("queue", c.Queue)
	v.duration("deadline", c.Deadline)
	v.duration("network_timeout", c.NetworkTimeout)
	v.duration("dial_timeout", c.DialTimeout)
	v.duration("write_timeout", c.WriteTimeout)
	v.duration("read_timeout", c.ReadTimeout)
	v.duration("backoff_min", c.BackoffMin)
	v.duration("backoff_max", c.BackoffMax)
	v.duration("drain_limit", c.DrainLimit)
	d := c.withDefaults()
	v.require(d.BackoffMin <= d.BackoffMax, "backoff_min", "must not exceed backoff_max")
	v.require(d.Breaker.Window >= 2*d.longest(), "breaker.window", "must be at least twice the longest deadline")
}

func (l LinkConfig) validate(v *violations, key string) {
	v.require(l.Name != "", key+".name", "must not be empty")
	v.require(len(l.Addresses) > 0, key+".addresses", "at least one host:port")
	for i, a := range l.Addresses {
		_, port, err := net.SplitHostPort(a)
		v.require(err == nil && port != "", fmt.Sprintf("%s.addresses[%d]", key, i), "must be host:port")
	}
	switch l.Role {
	case "", Duplex, Send, Receive:
	default:
		v.require(false, key+".role", "must be duplex, send or receive")
	}
}

func (b BreakerConfig) validate(v *violations) {
	v.require(b.ConsecutiveFailures >= 0, "breaker.consecutive_failures", "must not be negative")
	v.require(b.FailureRatio >= 0 && b.FailureRatio <= 1, "breaker.failure_ratio", "from 0 to 1")
	v.require(b.MinRequests >= 0, "breaker.min_requests", "must not be negative")
	v.number("breaker.probes", b.Probes)
	v.duration("breaker.window", b.Window)
	v.duration("breaker.open_for", b.OpenFor)
}

type violations struct{ errs []error }

func (v *violations) require(ok bool, key, rule string) {
	if !ok {
		v.errs = append(v.errs, &ConfigError{key, rule})
	}
}

// maxNumber is far more than a bank is sent at once, and so little that room for
// twice as many can be made.
const maxNumber = 1_000_000

func (v *violations) number(key string, n int) {
	v.require(n >= 0, key, "must not be negative")
	v.require(n <= maxNumber, key, fmt.Sprintf("must not exceed %d", maxNumber))
}

func (v *violations) duration(key string, d time.Duration) {
	v.require(d >= 0, key, "must not be negative")
}

// withDefaults returns the configuration with every zero value filled in.
func (c Config) withDefaults() Config {
	c.Deadline = cmp.Or(c.Deadline, 10*time.Second)
	c.Limit = cmp.Or(c.Limit, 256)
	c.Queue = cmp.Or(c.Queue, 2*c.Limit)
	c.EchoIdle = cmp.Or(c.EchoIdle, 30*time.Second)
	c.NetworkTimeout = cmp.Or(c.NetworkTimeout, 5*time.Second)
	c.DialTimeout = cmp.Or(c.DialTimeout, 5*time.Second)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 5*time.Second)
	c.ReadTimeout = cmp.Or(c.ReadTimeout, 10*time.Second)
	c.BackoffMin = cmp.Or(c.BackoffMin, 250*time.Millisecond)
	c.BackoffMax = cmp.Or(c.BackoffMax, 30*time.Second)
	c.DrainLimit = cmp.Or(c.DrainLimit, 15*time.Second)
	c.Breaker.ConsecutiveFailures = cmp.Or(c.Breaker.ConsecutiveFailures, 10)
	c.Breaker.FailureRatio = cmp.Or(c.Breaker.FailureRatio, 0.5)
	c.Breaker.MinRequests = cmp.Or(c.Breaker.MinRequests, 20)
	c.Breaker.Window = cmp.Or(c.Breaker.Window, max(time.Minute, 2*c.longest()))
	c.Breaker.OpenFor = cmp.Or(c.Breaker.OpenFor, 10*time.Second)
	c.Breaker.Probes = cmp.Or(c.Breaker.Probes, 1)
	return c
}

// longest is the longest deadline of any type.
func (c Config) longest() time.Duration {
	d := c.Deadline
	for _, of := range c.Deadlines {
		d = max(d, of)
	}
	return d
}
