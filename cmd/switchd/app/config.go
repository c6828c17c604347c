package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"

	"wxswitch/banks"
	"wxswitch/cmd/internal/config"
	"wxswitch/codec"
	"wxswitch/codec/iso"
	"wxswitch/routing"
	switching "wxswitch/switch"
	"wxswitch/switch/api"
	"wxswitch/switch/customer"
	"wxswitch/switch/notice"
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
	// Places is the file of branches and merchants; empty for none.
	Places string `yaml:"places"`
	// EraseAfter is how long after its end a customer is known by name; for ever if
	// unset.
	EraseAfter time.Duration `yaml:"erase_after"`
	// Front is where what followers must be told goes; while it has no URL that
	// is kept.
	Front Front `yaml:"front"`
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
	ID          string `yaml:"id"`
	TokenSHA256 string `yaml:"token_sha256"` // hexadecimal; `switchctl token new` prints both
	// PreviousTokenSHA256 is that of the token before, good too while the caller
	// changes to the new one.
	PreviousTokenSHA256 string      `yaml:"previous_token_sha256"`
	Scopes              []api.Scope `yaml:"scopes"`
}

// Bank is a member bank: its dialect and its links. Its drain_limit is 3 s here,
// and at most that: the API has waited for what is in flight before.
type Bank struct {
	// Dialect is the name of a built-in dialect, or a dialect file.
	Dialect string `yaml:"dialect"`
	// Title is the bank's name as customers read it; the id if unset.
	Title string `yaml:"title"`
	// Words are what customers read of this bank's codes (F39), where the common
	// words do not fit.
	Words        map[string]string `yaml:"words"`
	banks.Config `yaml:",inline"`
}

// Front is the front's service, which tells followers.
type Front struct {
	URL string `yaml:"url"`
	// TokenFile holds the token by which the front knows the switch.
	TokenFile string       `yaml:"token_file"`
	Token     codec.Secret `yaml:"-"` // in place of the file
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
	// Reload reads routes and places again for each value; main sends SIGHUP.
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
	// Limits and Argon are the customers' rules and the work of a password's hash.
	Limits customer.Limits
	Argon  argon2id.Params
	// Notices changes how notices are told, in tests.
	Notices func(*notice.Options)
}

// Addresses are where the doors are, with the ports that were chosen for :0.
type Addresses struct{ API, Ops string }

// Load reads and checks a configuration file, and the files that it names but
// for the database. Every rule it breaks is reported, a line each.
func Load(path string) (Config, error) {
	var c Config
	f, err := config.Read(path, &c)
	if err != nil {
		return c, err
	}
	for _, p := range []*string{&c.KeyFile, &c.Database, &c.Routes, &c.Places, &c.Front.TokenFile} {
		*p = f.Dir(*p)
	}
	for i, b := range c.Banks {
		if _, err := iso.Builtin(b.Dialect); err != nil {
			c.Banks[i].Dialect = f.Dir(b.Dialect)
		}
	}
	errs := append(c.check(f.At), c.readSecrets(f.At)...)
	return c, errors.Join(errs...)
}

// maxWait is far above what grace, drain and back-off are for, and keeps sums of
// them from overflowing.
const maxWait = 24 * time.Hour

// check reports each rule that the configuration breaks; at says where.
func (c *Config) check(at func(key, reason string) error) (errs []error) {
	need := func(ok bool, key, rule string) {
		if !ok {
			errs = append(errs, at(key, rule))
		}
	}
	address := func(s, key string) { rule := config.AddressRule(s); need(rule == "", key, rule) }
	wait := func(d time.Duration, key string) {
		need(d >= 0, key, "must not be negative")
		need(d <= maxWait, key, "must not exceed "+maxWait.String())
	}
	address(c.Listen, "listen")
	address(c.Ops, "ops")
	errs = append(errs, config.CheckDoors(at, config.Door{Key: "listen", Address: c.Listen}, config.Door{Key: "ops", Address: c.Ops})...)
	need(c.KeyFile != "" || c.Key != nil, "key_file", "must not be empty")
	need(c.Database != "", "database", "must not be empty")
	need(c.Routes != "", "routes", "must not be empty")
	need(isInstitution(c.Acquirer), "acquirer", "must be 1 to 11 digits")
	need(c.Forwarder == "" || isInstitution(c.Forwarder), "forwarder", "must be 1 to 11 digits")
	wait(c.Grace, "grace")
	wait(c.Drain, "drain")
	wait(c.Advices.BackoffMin, "advices.backoff_min")
	wait(c.Advices.BackoffMax, "advices.backoff_max")
	need(c.Advices.BackoffMax == 0 || c.Advices.BackoffMin <= c.Advices.BackoffMax, "advices.backoff_min", "must not exceed backoff_max")
	need(config.IsLevel(c.Log.Level), "log.level", "must be debug, info, warn or error")
	need(slices.Contains([]string{"", "json", "console"}, c.Log.Format), "log.format", "must be json or console")
	need(c.EraseAfter >= 0, "erase_after", "must not be negative")
	need(c.Front.URL == "" || config.IsURL(c.Front.URL), "front.url", "must be http://host or https://host")
	need(c.Front.URL == "" || c.Front.TokenFile != "" || !c.Front.Token.IsZero(), "front.token_file", "must not be empty")
	errs = append(errs, c.checkAccess(at)...)
	errs = append(errs, c.checkBanks(at)...)
	if len(errs) == 0 {
		_, routes := c.loadRoutes()
		_, places := c.loadPlaces()
		errs = append(fileErrors("routes", routes, at), fileErrors("places", places, at)...)
	}
	return errs
}

// fileErrors tells the faults of a file that a key names: those inside with
// their place in it.
func fileErrors(key string, err error, at func(key, reason string) error) []error {
	var unreadable *fs.PathError
	switch {
	case errors.As(err, &unreadable):
		return []error{at(key, err.Error())}
	case err != nil:
		return []error{err}
	}
	return nil
}

// loadPlaces is nil where no file is configured.
func (c *Config) loadPlaces() (*customer.PlaceTable, error) {
	if c.Places == "" {
		return nil, nil //nolint:nilnil // no file is no fault, and no table
	}
	ids := make([]string, 0, len(c.Banks))
	for _, b := range c.Banks {
		ids = append(ids, b.Name)
	}
	return customer.LoadPlaces(c.Places, ids)
}

// isInstitution takes what F32 and F33 can hold (ISO 8583: n..11).
func isInstitution(s string) bool {
	return s != "" && len(s) <= 11 && strings.Trim(s, "0123456789") == ""
}

func (c *Config) checkBanks(at func(key, reason string) error) (errs []error) {
	if len(c.Banks) == 0 {
		errs = append(errs, at("banks", "at least one"))
	}
	names := make(map[string]bool)
	for i := range c.Banks {
		b := &c.Banks[i]
		key := fmt.Sprintf("banks[%d]", i)
		if b.Acquirer != "" && !isInstitution(b.Acquirer) {
			errs = append(errs, at(key+".acquirer", "must be 1 to 11 digits"))
		}
		if b.Forwarder != "" && !isInstitution(b.Forwarder) {
			errs = append(errs, at(key+".forwarder", "must be 1 to 11 digits"))
		}
		b.Acquirer = cmp.Or(b.Acquirer, c.Acquirer)
		b.Forwarder = cmp.Or(b.Forwarder, c.Forwarder, b.Acquirer)
		errs = append(errs, b.check(key, at)...)
		if names[b.Name] {
			errs = append(errs, at(key+".name", "stands twice"))
		}
		names[b.Name] = true
	}
	return errs
}

// maxDeadline is the longest that a bank may be given. What is open for longer
// the journal takes for a row that was written under a clock that was set back
// since, and ends it at once; the minute between is for clocks that are set.
const maxDeadline = 10 * time.Minute

// check asks for what banks.New would refuse, and places it in the file.
func (b *Bank) check(key string, at func(key, reason string) error) (errs []error) {
	if utf8.RuneCountInString(b.Title) > 30 {
		errs = append(errs, at(key+".title", "must be at most 30 characters"))
	}
	for _, code := range slices.Sorted(maps.Keys(b.Words)) {
		if !codec.IsCode(code) {
			errs = append(errs, at(key+".words."+code, "must be a code of two letters or digits"))
		}
		if n := utf8.RuneCountInString(b.Words[code]); n < 1 || n > 60 {
			errs = append(errs, at(key+".words."+code, "must be 1 to 60 characters"))
		}
	}
	d, err := iso.Open(b.Dialect)
	switch {
	case err != nil:
		errs = append(errs, at(key+".dialect", err.Error()))
		err = b.Validate()
	case !isInstitution(b.Acquirer) || !isInstitution(b.Forwarder): // told of the keys themselves
		err = b.Validate()
	default:
		_, err = banks.New(b.Config, d, nil, banks.Options{Numbers: &switching.Numbers{}})
	}
	for _, e := range configErrors(err) {
		errs = append(errs, at(key+"."+e.Key, e.Rule))
	}
	if b.Deadline > maxDeadline {
		errs = append(errs, at(key+".deadline", "must not exceed "+maxDeadline.String()))
	}
	for _, t := range slices.Sorted(maps.Keys(b.Deadlines)) {
		if b.Deadlines[t] > maxDeadline {
			errs = append(errs, at(key+".deadlines."+string(t), "must not exceed "+maxDeadline.String()))
		}
	}
	for i, l := range b.Links {
		for k, address := range l.Addresses {
			if config.AddressRule(address) == config.NoPort { // else told above
				errs = append(errs, at(fmt.Sprintf("%s.links[%d].addresses[%d]", key, i, k), config.NoPort))
			}
		}
	}
	return errs
}

// configErrors are those that err is joined of.
func configErrors(err error) (all []*banks.ConfigError) {
	switch e := err.(type) { //nolint:errorlint // the tree of errors itself
	case *banks.ConfigError:
		return []*banks.ConfigError{e}
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			all = append(all, configErrors(err)...)
		}
	case interface{ Unwrap() error }:
		return configErrors(e.Unwrap())
	}
	return all
}

func (c *Config) loadRoutes() (*routing.Table, error) {
	ids := make([]routing.Bank, 0, len(c.Banks))
	for _, b := range c.Banks {
		ids = append(ids, routing.Bank(b.Name))
	}
	return routing.Load(c.Routes, ids)
}
