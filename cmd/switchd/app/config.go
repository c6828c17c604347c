package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/rs/zerolog"

	"wxswitch/banks"
	"wxswitch/cmd/internal/config"
	"wxswitch/codec"
	"wxswitch/codec/iso"
	"wxswitch/routing"
	"wxswitch/switch/api"
	"wxswitch/switch/vault"
)

// Config is the switch's configuration. Paths in a file are relative to it.
type Config struct {
	// Listen is the API's address; Ops that of /metrics, /livez and /readyz.
	Listen string `yaml:"listen"`
	Ops    string `yaml:"ops"`
	// KeyFile, Database and Routes are files; only the database is made if it
	// is not there.
	KeyFile  string `yaml:"key_file"`
	Database string `yaml:"database"`
	Routes   string `yaml:"routes"`
	// Acquirer and Forwarder are the centre's numbers at the banks (F32, F33);
	// Forwarder defaults to Acquirer.
	Acquirer  string `yaml:"acquirer"`
	Forwarder string `yaml:"forwarder"`
	// Clients may call the API; Anonymous are scopes of callers without a
	// token, on the loopback interface only.
	Clients   []Client    `yaml:"clients"`
	Anonymous []api.Scope `yaml:"anonymous"`
	Banks     []Bank      `yaml:"banks"`
	// Grace is how long after its deadline an open transaction, or an advice on
	// its way, is left to the process that sent it; 5 s.
	Grace time.Duration `yaml:"grace"`
	// Drain bounds the wait for what is in flight at a stop; 20 s.
	Drain   time.Duration `yaml:"drain"`
	Advices Advices       `yaml:"advices"`
	Log     Log           `yaml:"log"`

	Hooks `yaml:"-"`
}

// Client is a caller of the API.
type Client struct {
	ID          string      `yaml:"id"`
	TokenSHA256 string      `yaml:"token_sha256"` // hexadecimal; `switchctl token new` prints both
	Scopes      []api.Scope `yaml:"scopes"`
}

// Bank is a member bank: its dialect and its links.
type Bank struct {
	// Dialect is the name of a built-in dialect, or a dialect file.
	Dialect      string `yaml:"dialect"`
	banks.Config `yaml:",inline"`
}

// Advices is how what must still be told to banks is repeated.
type Advices struct {
	BackoffMin time.Duration `yaml:"backoff_min"` // 1 s
	BackoffMax time.Duration `yaml:"backoff_max"` // 5 min
}

// Log is what is logged, on standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error; info
	Format string `yaml:"format"` // json or console; json
}

// Hooks are for programs that run the switch inside their own process.
type Hooks struct {
	// Ready is told the addresses once the doors are open.
	Ready func(Addresses)
	// Reload reads the routes again for each value; main sends SIGHUP.
	Reload <-chan struct{}
	// Tap is shown every message to and from banks, in clear.
	Tap func(bank string, out bool, raw []byte)
	// Dial opens the connections to banks; nil for TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// LogTo takes the log instead of standard error.
	LogTo io.Writer
	// Key is used in place of KeyFile.
	Key *vault.Vault
	// Failpoint is called between durable steps, in tests.
	Failpoint func(step string)
	// FailCommit makes commits fail, in tests.
	FailCommit func(step string) error
	Now        func() time.Time // default time.Now
}

// Addresses are where the doors are, with the ports that were chosen for :0.
type Addresses struct{ API, Ops string }

// Load reads and checks a configuration file, and the files that it names but
// for key and database. Every rule it breaks is reported, a line each.
func Load(path string) (Config, error) {
	var c Config
	f, err := config.Read(path, &c)
	if err != nil {
		return c, err
	}
	for _, p := range []*string{&c.KeyFile, &c.Database, &c.Routes} {
		*p = f.Dir(*p)
	}
	for i, b := range c.Banks {
		if _, err := iso.Builtin(b.Dialect); err != nil {
			c.Banks[i].Dialect = f.Dir(b.Dialect)
		}
	}
	return c, errors.Join(c.check(f.At)...)
}

// check reports each rule that the configuration breaks; at says where.
func (c *Config) check(at func(key, reason string) error) (errs []error) {
	fail := func(key, reason string) { errs = append(errs, at(key, reason)) }
	for key, v := range map[string]string{"key_file": c.KeyFile, "database": c.Database, "routes": c.Routes, "acquirer": c.Acquirer} {
		if v == "" && (key != "key_file" || c.Key == nil) {
			fail(key, "must not be empty")
		}
	}
	for key, v := range map[string]string{"listen": c.Listen, "ops": c.Ops} {
		if _, _, err := net.SplitHostPort(v); err != nil {
			fail(key, "must be host:port")
		}
	}
	for key, d := range map[string]time.Duration{
		"grace": c.Grace, "drain": c.Drain, "advices.backoff_min": c.Advices.BackoffMin, "advices.backoff_max": c.Advices.BackoffMax,
	} {
		if d < 0 {
			fail(key, "must not be negative")
		}
	}
	if _, err := c.level(); err != nil {
		fail("log.level", "must be debug, info, warn or error")
	}
	if c.Log.Format != "" && c.Log.Format != "json" && c.Log.Format != "console" {
		fail("log.format", "must be json or console")
	}
	errs = append(errs, c.checkAccess(at)...)
	errs = append(errs, c.checkBanks(at)...)
	if len(errs) == 0 {
		if _, err := c.loadRoutes(); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func (c *Config) checkAccess(at func(key, reason string) error) (errs []error) {
	if _, err := c.clients(); err != nil {
		errs = append(errs, at("clients", err.Error()))
	}
	if err := api.CheckScopes(c.Anonymous); err != nil {
		errs = append(errs, at("anonymous", err.Error()))
	}
	if len(c.Clients) == 0 && len(c.Anonymous) == 0 {
		errs = append(errs, at("clients", "at least one, or nobody could call"))
	}
	return errs
}

func (c *Config) checkBanks(at func(key, reason string) error) (errs []error) {
	if len(c.Banks) == 0 {
		errs = append(errs, at("banks", "at least one"))
	}
	names := make(map[string]bool)
	for i := range c.Banks {
		b := &c.Banks[i]
		key := fmt.Sprintf("banks[%d]", i)
		b.Acquirer = cmp.Or(b.Acquirer, c.Acquirer)
		b.Forwarder = cmp.Or(b.Forwarder, c.Forwarder, b.Acquirer)
		if _, err := iso.Open(b.Dialect); err != nil {
			errs = append(errs, at(key+".dialect", err.Error()))
		}
		errs = append(errs, bankErrors(key, b.Validate(), at)...)
		if names[b.Name] {
			errs = append(errs, at(key+".name", "stands twice"))
		}
		names[b.Name] = true
	}
	return errs
}

// bankErrors places the errors of banks.Config.Validate in the file.
func bankErrors(key string, err error, at func(key, reason string) error) (errs []error) {
	joined, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // the joined errors themselves
	if !ok {
		return nil
	}
	for _, err := range joined.Unwrap() {
		var e *banks.ConfigError
		if errors.As(err, &e) {
			errs = append(errs, at(key+"."+e.Key, e.Rule))
		}
	}
	return errs
}

func (c *Config) clients() ([]api.Client, error) {
	clients := make([]api.Client, 0, len(c.Clients))
	for _, configured := range c.Clients {
		sum, err := hex.DecodeString(configured.TokenSHA256)
		if err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("client %q: token_sha256 must be 64 hexadecimal digits", configured.ID)
		}
		clients = append(clients, api.Client{ID: configured.ID, TokenSHA256: [sha256.Size]byte(sum), Scopes: configured.Scopes})
	}
	return clients, api.CheckClients(clients)
}

func (c *Config) loadRoutes() (*routing.Table, error) {
	ids := make([]routing.Bank, 0, len(c.Banks))
	for _, b := range c.Banks {
		ids = append(ids, routing.Bank(b.Name))
	}
	return routing.Load(c.Routes, ids)
}

func (c *Config) level() (zerolog.Level, error) {
	if c.Log.Level == "" {
		return zerolog.InfoLevel, nil
	}
	return zerolog.ParseLevel(c.Log.Level)
}

// dialect opens the bank's dialect; check has opened it before.
func (b Bank) dialect() (codec.Dialect, error) { return iso.Open(b.Dialect) }
