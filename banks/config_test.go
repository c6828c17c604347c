package banks

import (
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/rs/zerolog"

	"wxswitch/codec"
)

func TestDefaults(t *testing.T) {
	c := testConfig()
	c.EchoIdle = 0
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	d := c.withDefaults()
	want(t, "deadline", d.deadline(codec.Balance), 10*time.Second)
	want(t, "queue", d.Queue, 512)
	want(t, "echo", d.EchoIdle, 30*time.Second)
	want(t, "window", d.Breaker.Window, time.Minute)
	c.Deadlines = map[codec.Type]time.Duration{codec.Deregister: 45 * time.Second}
	d = c.withDefaults()
	want(t, "window", d.Breaker.Window, 90*time.Second)
	want(t, "deadline", d.deadline(codec.Deregister), 45*time.Second)
	want(t, "deadline", d.deadline(codec.Balance), 10*time.Second)
}

// The defaults are those of the package's documentation.
func TestDefaultsAreAsDocumented(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "# Defaults")
	table, _, _ = strings.Cut(table, "# Rooms")
	text, err := yaml.Marshal(Config{}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	for key, value := range tree["breaker"].(map[string]any) {
		tree["breaker."+key] = value
	}
	rows := regexp.MustCompile(`([a-z_.]+) {2,}(\S+)`).FindAllStringSubmatch(table, -1)
	want(t, "rows", len(rows), 18)
	for _, row := range rows {
		is := fmt.Sprint(tree[row[1]])
		if d, err := time.ParseDuration(is); err == nil {
			said, _ := time.ParseDuration(row[2])
			want(t, row[1], d, said)
		} else if row[1] != "queue" { // see TestDefaults
			want(t, row[1], is, row[2])
		}
	}
}

func TestConfigIsRead(t *testing.T) {
	const text = `
name: wlmq
links:
  - {name: wlmq-1, addresses: ["10.0.0.1:9001", "10.0.0.2:9001"]}
  - {name: wlmq-2, addresses: ["10.0.0.1:9002"], role: send}
deadline: 8s
deadlines: {deregister: 12s}
limit: 100
breaker: {consecutive_failures: 5, open_for: 3s, probes: 2}
sign_on: true
echo_idle: -1s
acquirer: "00010344"
`
	var c Config
	if err := yaml.UnmarshalWithOptions([]byte(text), &c, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	want(t, "deadline", c.deadline(codec.Deregister), 12*time.Second)
	want(t, "role", c.Links[1].Role, Send)
	want(t, "probes", c.Breaker.Probes, 2)
}

func TestConfigErrors(t *testing.T) {
	for rule, change := range map[string]func(*Config){
		"name: must not be empty":                                     func(c *Config) { c.Name = "" },
		"links: at least one":                                         func(c *Config) { c.Links = nil },
		"links[0].name: must not be empty":                            func(c *Config) { c.Links[0].Name = "" },
		"links[0].addresses: at least one host:port":                  func(c *Config) { c.Links[0].Addresses = nil },
		"links[0].addresses[1]: must be host:port":                    func(c *Config) { c.Links[0].Addresses = []string{"a:1", "b"} },
		"links[0].addresses[0]: must be host:port":                    func(c *Config) { c.Links[0].Addresses = []string{"a:"} },
		"links[0].role: must be duplex, send or receive":              func(c *Config) { c.Links[0].Role = "both" },
		"links[1].name: used twice":                                   func(c *Config) { c.Links = append(c.Links, c.Links[0]) },
		"deadline: must not be negative":                              func(c *Config) { c.Deadline = -1 },
		"deadlines.refund: no such transaction type":                  func(c *Config) { c.Deadlines = map[codec.Type]time.Duration{"refund": 1} },
		"deadlines.echo: no such transaction type":                    func(c *Config) { c.Deadlines = map[codec.Type]time.Duration{codec.Echo: time.Second} },
		"deadlines.movement: no such transaction type":                func(c *Config) { c.Deadlines = map[codec.Type]time.Duration{codec.Movement: time.Second} },
		"deadlines.balance: must be positive":                         func(c *Config) { c.Deadlines = map[codec.Type]time.Duration{codec.Balance: 0} },
		"limit: must not be negative":                                 func(c *Config) { c.Limit = -1 },
		"queue: must not be negative":                                 func(c *Config) { c.Queue = -1 },
		"limit: must not exceed 1000000":                              func(c *Config) { c.Limit = math.MaxInt },
		"queue: must not exceed 1000000":                              func(c *Config) { c.Queue = 1 << 50 },
		"breaker.probes: must not exceed 1000000":                     func(c *Config) { c.Breaker.Probes = 1 << 32 },
		"network_timeout: must not be negative":                       func(c *Config) { c.NetworkTimeout = -1 },
		"dial_timeout: must not be negative":                          func(c *Config) { c.DialTimeout = -1 },
		"write_timeout: must not be negative":                         func(c *Config) { c.WriteTimeout = -1 },
		"read_timeout: must not be negative":                          func(c *Config) { c.ReadTimeout = -1 },
		"drain_limit: must not be negative":                           func(c *Config) { c.DrainLimit = -1 },
		"backoff_min: must not be negative":                           func(c *Config) { c.BackoffMin = -1 },
		"backoff_max: must not be negative":                           func(c *Config) { c.BackoffMin, c.BackoffMax = -1, -1 },
		"backoff_min: must not exceed backoff_max":                    func(c *Config) { c.BackoffMin = time.Hour },
		"breaker.failure_ratio: from 0 to 1":                          func(c *Config) { c.Breaker.FailureRatio = 50 },
		"breaker.consecutive_failures: must not be negative":          func(c *Config) { c.Breaker.ConsecutiveFailures = -1 },
		"breaker.min_requests: must not be negative":                  func(c *Config) { c.Breaker.MinRequests = -1 },
		"breaker.probes: must not be negative":                        func(c *Config) { c.Breaker.Probes = -1 },
		"breaker.open_for: must not be negative":                      func(c *Config) { c.Breaker.OpenFor = -1 },
		"breaker.window: must not be negative":                        func(c *Config) { c.Breaker.Window = -1 },
		"breaker.window: must be at least twice the longest deadline": func(c *Config) { c.Breaker.Window = 15 * time.Second },
	} {
		c := testConfig()
		change(&c)
		err := c.Validate()
		var e *ConfigError
		if !errors.As(err, &e) || !slices.Contains(strings.Split(err.Error(), "\n"), rule) {
			t.Errorf("error %q, want %q", err, rule)
		}
		if _, err := New(c, fake{}, &listener{}, Options{Log: zerolog.Nop(), Numbers: &counting{}}); err == nil {
			t.Errorf("New accepted what breaks %q", rule)
		}
	}
}

// The ratio is a share, and a deadline by type a time: what is none is refused, as far
// as it may be off.
func TestConfigAtItsBounds(t *testing.T) {
	for _, c := range []struct {
		ratio    float64
		deadline time.Duration
		broken   string
	}{
		{0, 1, ""},
		{1, 1, ""},
		{-0.01, 1, "breaker.failure_ratio: from 0 to 1"},
		{1.01, 1, "breaker.failure_ratio: from 0 to 1"},
		{math.NaN(), 1, "breaker.failure_ratio: from 0 to 1"},
		{0, -1, "deadlines.balance: must be positive"},
	} {
		cfg := testConfig()
		cfg.Breaker.FailureRatio, cfg.Deadlines = c.ratio, map[codec.Type]time.Duration{codec.Balance: c.deadline}
		if err := cfg.Validate(); (err != nil) != (c.broken != "") || err != nil && err.Error() != c.broken {
			t.Errorf("%v, %v: error %v, want %q", c.ratio, c.deadline, err, c.broken)
		}
	}
}

func TestNewAsksTheDialect(t *testing.T) {
	for rule, lacks := range map[string]codec.Type{
		"sign_on: the dialect has no sign-off": codec.SignOff,
		"echo_idle: the dialect has no echo":   codec.Echo,
	} {
		c := testConfig()
		c.SignOn, c.EchoIdle = true, 0
		_, err := New(c, fake{lacks: lacks}, &listener{}, Options{Numbers: &counting{}})
		if err == nil || err.Error() != "bank wlmq: "+rule {
			t.Errorf("error %q, want %q", err, rule)
		}
	}
	c := testConfig()
	c.SignOn = true
	_, err := New(c, must(t, "cups"), &listener{}, Options{Numbers: &counting{}})
	if err == nil || !strings.Contains(err.Error(), "sign_on: sign-on cannot be written: F33") {
		t.Errorf("error %v, want the forwarder missed", err)
	}
	if _, err := New(testConfig(), fake{}, &listener{}, Options{}); err == nil {
		t.Error("a bank without numbers was accepted")
	}
}
