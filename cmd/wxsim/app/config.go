package app

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"wxswitch/cmd/internal/config"
)

// Config is the whole configuration. The keys of the YAML file stand beside the
// fields; what has no key is for the program that runs wxsim in its own process.
type Config struct {
	// Listen is a loopback address, as 127.0.0.1:8500. Port 0 takes a free one.
	Listen string `yaml:"listen"`
	// Patience is how long an answer to a callback is waited for; 5s, as the
	// platform does. Tests shorten it.
	Patience  time.Duration `yaml:"patience"`
	Front     Front         `yaml:"front"`
	Account   Account       `yaml:"account"`
	Templates []Template    `yaml:"templates"`
	Followers []Follower    `yaml:"followers"`
	Banks     []Bank        `yaml:"banks"`
	Places    []Place       `yaml:"places"`
	// Quota is how many template messages a day (Asia/Shanghai) the account may
	// send; 100000, as a new account's.
	Quota int `yaml:"quota"`
	Log   Log `yaml:"log"`

	// Hops are messages that pass between front, switch and banks, for the
	// picture beside the phone. Nil: wxsim reads the banks' feeds instead, and
	// shows none between front and switch.
	Hops <-chan Hop `yaml:"-"`
	// Ready is told the address once it is listened on; may be nil.
	Ready func(address string) `yaml:"-"`
	LogTo io.Writer            `yaml:"-"` // os.Stderr
	// Now decides how long tokens, codes, quotas and windows live; time.Now.
	Now func() time.Time `yaml:"-"`
	// Listener takes the place of Listen; it must be on loopback. Run closes it.
	Listener net.Listener `yaml:"-"`
}

// Front is the service that the account belongs to.
type Front struct {
	// Public is the root of its pages, as http://127.0.0.1:8090. Its host is the
	// account's domain for web authorisation (网页授权域名).
	Public   string `yaml:"public"`
	Callback string `yaml:"callback"` // where followers' messages are posted
}

// Account is the official account, as its owner sees it at the platform.
type Account struct {
	Name   string `yaml:"name"`
	ID     string `yaml:"id"` // the original id (原始ID), gh_…
	AppID  string `yaml:"app_id"`
	Secret Secret `yaml:"secret"`
	Token  Secret `yaml:"token"`   // signs callbacks: 3 to 32 letters and digits
	AESKey Secret `yaml:"aes_key"` // EncodingAESKey, 43 letters and digits
	// Encrypt is 安全模式: callbacks and their answers are encrypted. Else they
	// are plain (明文模式).
	Encrypt bool `yaml:"encrypt"`
}

// Template is a template of messages that the account has.
type Template struct {
	ID     string  `yaml:"id"`
	Title  string  `yaml:"title"`
	Fields []Field `yaml:"fields"` // in the order in which they are shown
}

// Field is one line of a template. The beginning of the name is its type.
type Field struct {
	Name  string `yaml:"name"`  // as thing1, amount4
	Label string `yaml:"label"` // as 开户行
}

// Follower is a person with a phone.
type Follower struct {
	Name string `yaml:"name"`
	// Person is which of the banks' made-up customers it is: an index of what
	// their control API lists. The same index is the same person at every bank.
	Person int `yaml:"person"`
	// Following says that it follows from the beginning: the front is told so,
	// as soon as it answers.
	Following bool `yaml:"following"`
}

// Bank is a simulated member bank.
type Bank struct {
	ID      string `yaml:"id"`
	Title   string `yaml:"title"`   // the name that people read
	Control string `yaml:"control"` // its control API's root, as http://127.0.0.1:9181
}

// Place is a point on the phone's map.
type Place struct {
	ID   string  `yaml:"id"`
	Name string  `yaml:"name"`
	X    float64 `yaml:"x"` // 0 to 1, from the left
	Y    float64 `yaml:"y"` // 0 to 1, from the top
	Lat  float64 `yaml:"lat"`
	Lng  float64 `yaml:"lng"`
}

// Log is the log on standard error.
type Log struct {
	Level string `yaml:"level"` // debug, info, warn, error; info
}

// Secret is a text that does not print.
type Secret string

// String hides it.
func (Secret) String() string { return "[secret]" }

// GoString hides it.
func (Secret) GoString() string { return "[secret]" }

// MarshalJSON hides it.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"[secret]"`), nil }

// Load reads and checks the file. Errors say file, line and column.
func Load(path string) (Config, error) {
	var c Config
	f, err := config.Read(path, &c)
	if err != nil {
		return Config{}, err
	}
	if key, reason := c.check(); reason != "" {
		return Config{}, f.At(key, reason)
	}
	return c, nil
}

const (
	maxFollowers = 500
	maxQuota     = 10_000_000
)

var (
	tokens  = regexp.MustCompile(`^[A-Za-z0-9]{3,32}$`)
	aesKeys = regexp.MustCompile(`^[A-Za-z0-9]{43}$`)
)

// check completes the configuration, and returns the key that is wrong, and why.
func (c *Config) check() (key, reason string) {
	if c.Patience == 0 {
		c.Patience = 5 * time.Second
	}
	if c.Quota == 0 {
		c.Quota = 100_000
	}
	switch {
	case !config.IsLevel(c.Log.Level):
		return "log.level", "one of debug, info, warn, error"
	case c.Listener == nil && !isLoopback(c.Listen):
		return "listen", "a loopback address such as 127.0.0.1:8500"
	case c.Patience < 0 || c.Patience > time.Minute:
		return "patience", "0s to 1m"
	case c.Quota < 0 || c.Quota > maxQuota:
		return "quota", fmt.Sprintf("0 to %d", maxQuota)
	}
	for _, part := range []func() (string, string){c.checkFront, c.Account.check, c.checkTemplates, c.checkFollowers, c.checkBanks, c.checkPlaces} {
		if key, reason := part(); reason != "" {
			return key, reason
		}
	}
	return "", ""
}

// isLoopback says whether only this machine can reach an address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

func (c *Config) checkFront() (key, reason string) {
	u, err := rootOf(c.Front.Public)
	if err != nil || u.Path != "" {
		return "front.public", "a URL such as http://127.0.0.1:8090, without a path"
	}
	if _, err := rootOf(c.Front.Callback); err != nil {
		return "front.callback", "a URL such as http://127.0.0.1:8090/wechat"
	}
	return "", ""
}

// rootOf reads a URL that others are built on.
func rootOf(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil ||
		u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(u.Path, "/") {
		return nil, errors.New("http or https, a host, no user, query, or slash at the end")
	}
	return u, nil
}

func (a *Account) check() (key, reason string) {
	switch {
	case a.Name == "":
		return "account.name", "missing"
	case !strings.HasPrefix(a.ID, "gh_"):
		return "account.id", "the original id, gh_…"
	case a.AppID == "":
		return "account.app_id", "missing"
	case a.Secret == "":
		return "account.secret", "missing"
	case !tokens.MatchString(string(a.Token)):
		return "account.token", "3 to 32 letters and digits"
	}
	if _, err := aesKey(a.AESKey); a.Encrypt && err != nil {
		return "account.aes_key", err.Error()
	}
	return "", ""
}

// aesKey is the key that an EncodingAESKey writes.
func aesKey(s Secret) ([]byte, error) {
	if !aesKeys.MatchString(string(s)) {
		return nil, errors.New("43 letters and digits")
	}
	return base64.StdEncoding.DecodeString(string(s) + "=")
}

func (c *Config) checkTemplates() (key, reason string) {
	ids := map[string]bool{}
	for i, t := range c.Templates {
		at := fmt.Sprintf("templates[%d].", i)
		if t.ID == "" || ids[t.ID] {
			return at + "id", "missing, or twice"
		}
		ids[t.ID] = true
		if len(t.Fields) == 0 {
			return at + "fields", "at least one"
		}
		for j, f := range t.Fields {
			if fieldRule(f.Name) == nil || f.Label == "" {
				return fmt.Sprintf("%sfields[%d]", at, j), "a name such as thing1 or amount2, and a label"
			}
		}
	}
	return "", ""
}

func (c *Config) checkFollowers() (key, reason string) {
	if len(c.Followers) == 0 || len(c.Followers) > maxFollowers {
		return "followers", fmt.Sprintf("1 to %d", maxFollowers)
	}
	for i, f := range c.Followers {
		if f.Name == "" || f.Person < 0 {
			return fmt.Sprintf("followers[%d]", i), "a name, and a person: 0 or more"
		}
	}
	return "", ""
}

func (c *Config) checkBanks() (key, reason string) {
	ids := map[string]bool{}
	for i, b := range c.Banks {
		at := fmt.Sprintf("banks[%d].", i)
		if b.ID == "" || ids[b.ID] {
			return at + "id", "missing, or twice"
		}
		ids[b.ID] = true
		if b.Title == "" {
			return at + "title", "missing"
		}
		if u, err := rootOf(b.Control); err != nil || u.Path != "" {
			return at + "control", "a URL such as http://127.0.0.1:9181"
		}
	}
	return "", ""
}

func (c *Config) checkPlaces() (key, reason string) {
	ids := map[string]bool{}
	for i, p := range c.Places {
		at := fmt.Sprintf("places[%d].", i)
		switch {
		case p.ID == "" || ids[p.ID]:
			return at + "id", "missing, or twice"
		case p.Name == "":
			return at + "name", "missing"
		case p.X < 0 || p.X > 1 || p.Y < 0 || p.Y > 1:
			return at + "x", "0 to 1, as y"
		case p.Lat < -90 || p.Lat > 90 || p.Lng < -180 || p.Lng > 180:
			return at + "lat", "degrees, as lng"
		}
		ids[p.ID] = true
	}
	return "", ""
}
