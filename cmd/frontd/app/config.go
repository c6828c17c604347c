package app

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"wxswitch/cmd/frontd/internal/callback"
	"wxswitch/cmd/frontd/internal/chat"
	"wxswitch/cmd/frontd/internal/h5"
	"wxswitch/cmd/frontd/internal/menu"
	"wxswitch/cmd/frontd/internal/secret"
	"wxswitch/cmd/frontd/internal/wechat"
	"wxswitch/cmd/internal/config"
)

// Config is the front's configuration. Paths in a file are relative to it; what
// ends in _file holds one secret, a line, but for KeyFile.
type Config struct {
	// Listen is the address of pages and callback, Internal that of the notices,
	// which the switch sends, Ops that of /metrics, /livez and /readyz.
	Listen   string `yaml:"listen"`
	Internal string `yaml:"internal"`
	Ops      string `yaml:"ops"`
	// Public is the address by which phones and the platform reach Listen:
	// https://…, or http:// on the loopback interface.
	Public string `yaml:"public"`
	// KeyFile holds the keys that seal cookies, a line each, the same at every
	// instance: `frontd key new` makes one. The first seals, all open.
	KeyFile string `yaml:"key_file"`
	// FrameAncestors may frame pages: an origin; nobody if unset.
	FrameAncestors string `yaml:"frame_ancestors"`
	// Terms is the version of the terms that customers accept.
	Terms string `yaml:"terms"`

	Account  Account  `yaml:"account"`
	Platform Platform `yaml:"platform"`
	Switch   Switch   `yaml:"switch"`

	// Hotline, BranchesTitle and Branches are answers of the chat (B2, B3); the first
	// two are the manual's if unset.
	Hotline       string   `yaml:"hotline"`
	BranchesTitle string   `yaml:"branches_title"`
	Branches      []string `yaml:"branches"`
	// Menu is that of the account; the manual's if unset.
	Menu []menu.Column `yaml:"menu"`
	// Notices are how followers are told, by kind.
	Notices wechat.Rules `yaml:"notices"`
	Log     Log          `yaml:"log"`

	Hooks `yaml:"-"`
}

// Account is the official account.
type Account struct {
	Name  string `yaml:"name"`   // as followers read it
	ID    string `yaml:"id"`     // gh_…
	AppID string `yaml:"app_id"` // wx…
	// The secrets, and those before them while they are changed.
	SecretFile         string `yaml:"secret_file"`
	TokenFile          string `yaml:"token_file"`
	PreviousTokenFile  string `yaml:"previous_token_file"`
	AESKeyFile         string `yaml:"aes_key_file"`
	PreviousAESKeyFile string `yaml:"previous_aes_key_file"`

	Secret, Token, PreviousToken, AESKey, PreviousAESKey secret.Text `yaml:"-"`
}

// Platform is where WeChat is.
type Platform struct {
	API       string `yaml:"api"`       // https://api.weixin.qq.com
	Authorize string `yaml:"authorize"` // https://open.weixin.qq.com/connect/oauth2/authorize
}

// Switch is where the switch is, and by what each knows the other.
type Switch struct {
	URL string `yaml:"url"`
	// TokenFile holds the token of scope customer; NoticeTokenFile that by which
	// the switch is known here.
	TokenFile       string `yaml:"token_file"`
	NoticeTokenFile string `yaml:"notice_token_file"`
	// Channel is the front's name for its followers: wechat.
	Channel string `yaml:"channel"`
	// Timeout bounds a call; above the longest deadline of a bank: 40 s.
	Timeout time.Duration `yaml:"timeout"`

	Token, NoticeToken secret.Text `yaml:"-"`
}

// Log is what is logged, on standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error; info
	Format string `yaml:"format"` // json or console; json
}

// Hooks are for programs that run the front inside their own process.
type Hooks struct {
	// Listener and InternalListener are used in place of the addresses.
	Listener, InternalListener net.Listener
	// Ready is told the addresses once the doors are open.
	Ready func(Addresses)
	// Keys are used in place of KeyFile.
	Keys [][]byte
	Tap  Tap // may be nil
	// LogTo takes the log instead of standard error.
	LogTo io.Writer
	Now   func() time.Time // default time.Now
}

// Addresses are where the doors are.
type Addresses struct{ Public, Internal, Ops string }

// Load reads and checks a configuration file and the files it names. Every rule
// it breaks is reported, a line each.
func Load(path string) (Config, error) {
	var c Config
	f, err := config.Read(path, &c)
	if err != nil {
		return c, err
	}
	errs := c.readFiles(f)
	return c, errors.Join(append(errs, c.check(f.At)...)...)
}

// secretFile is a key of the configuration and where its file's secret goes.
type secretFile struct {
	key   string
	path  string
	into  *secret.Text
	shape shape
}

// shape is what a secret must look like, by the rule of whoever uses it.
type shape struct {
	fits func(string) bool
	rule string
}

var (
	anyLine   = shape{func(string) bool { return true }, ""}
	appSecret = shape{wechat.IsAppSecret, "the file must hold the AppSecret: letters and digits"}
	aesKey    = shape{callback.IsAESKey, "the file must hold an EncodingAESKey: 43 letters and digits"}
	oneToken  = shape{config.IsVisible, "the file must hold one token and nothing else"}
	longToken = shape{func(s string) bool { return wechat.IsToken(s) && config.IsVisible(s) }, "the file must hold a token of at least 32 characters: `switchctl token new` makes one"}
)

func (c *Config) secrets() []secretFile {
	return []secretFile{
		{"account.secret_file", c.Account.SecretFile, &c.Account.Secret, appSecret},
		{"account.token_file", c.Account.TokenFile, &c.Account.Token, anyLine},
		{"account.previous_token_file", c.Account.PreviousTokenFile, &c.Account.PreviousToken, anyLine},
		{"account.aes_key_file", c.Account.AESKeyFile, &c.Account.AESKey, aesKey},
		{"account.previous_aes_key_file", c.Account.PreviousAESKeyFile, &c.Account.PreviousAESKey, aesKey},
		{"switch.token_file", c.Switch.TokenFile, &c.Switch.Token, oneToken},
		{"switch.notice_token_file", c.Switch.NoticeTokenFile, &c.Switch.NoticeToken, longToken},
	}
}

func (c *Config) readFiles(f *config.File) (errs []error) {
	for _, s := range c.secrets() {
		if s.path == "" {
			continue
		}
		text, err := config.Line(f.Dir(s.path))
		switch {
		case err != nil:
			errs = append(errs, f.At(s.key, err.Error()))
		case !s.shape.fits(text):
			errs = append(errs, f.At(s.key, s.shape.rule))
		}
		*s.into = secret.Text(text)
	}
	if c.KeyFile != "" {
		keys, err := readKeys(f.Dir(c.KeyFile))
		if err != nil {
			errs = append(errs, f.At("key_file", err.Error()))
		}
		c.Keys = keys
	}
	return errs
}

// readKeys reads the keys that seal cookies: base64, a line each. Who has them can be
// any follower, so a file that others may read is refused.
func readKeys(path string) (keys [][]byte, err error) {
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s has mode %04o: others may read it; chmod 600", path, info.Mode().Perm())
	}
	for i, line := range bytes.Fields(data) {
		key, err := base64.StdEncoding.DecodeString(string(line))
		if err != nil || len(key) != h5.KeySize {
			return nil, fmt.Errorf("line %d is no key: `frontd key new` makes one", i+1)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("the file holds no key: `frontd key new` makes one")
	}
	return keys, nil
}

var (
	accountID = regexp.MustCompile(`^gh_[0-9a-z]{1,32}$`)
	appID     = regexp.MustCompile(`^wx[0-9a-z]{1,32}$`)
	channel   = regexp.MustCompile(`^[!-~]{1,64}$`)
	// origin is a source of a content security policy: a wildcard host too, and nothing
	// that would end the directive.
	origin = regexp.MustCompile(`^https?://[A-Za-z0-9*.\-:\[\]]+$`)
)

// check reports each rule that the configuration breaks, and fills in what has a
// default; at says where.
func (c *Config) check(at func(key, reason string) error) (errs []error) {
	c.defaults()
	need := func(ok bool, key, rule string) {
		if !ok {
			errs = append(errs, at(key, rule))
		}
	}
	var doors []config.Door
	door := func(key, address string) {
		rule := config.AddressRule(address)
		need(rule == "", key, rule)
		doors = append(doors, config.Door{Key: key, Address: address})
	}
	if c.Listener == nil {
		door("listen", c.Listen)
	}
	if c.InternalListener == nil {
		door("internal", c.Internal)
	}
	door("ops", c.Ops)
	errs = append(errs, config.CheckDoors(at, doors...)...)
	need(isPublic(c.Public), "public", "must be https://host, or http:// on the loopback interface, without a path: only there can a page encrypt")
	need(len(c.Keys) > 0 || c.KeyFile != "", "key_file", "must not be empty")
	need(c.FrameAncestors == "" || origin.MatchString(c.FrameAncestors), "frame_ancestors", "must be one origin: https://host")
	need(c.Terms != "" && len(c.Terms) <= 64 && !strings.ContainsFunc(c.Terms, unicode.IsControl),
		"terms", "must be the version that customers accept, one line of at most 64 bytes")
	need(c.Account.Name != "", "account.name", "must not be empty")
	need(accountID.MatchString(c.Account.ID), "account.id", "must be gh_ and letters or digits")
	need(appID.MatchString(c.Account.AppID), "account.app_id", "must be wx and letters or digits")
	need(c.Account.Secret.IsSet() || c.Account.SecretFile != "", "account.secret_file", "must not be empty")
	need(c.Account.Token.IsSet() || c.Account.TokenFile != "", "account.token_file", "must not be empty")
	need(c.Account.AESKey.IsSet() || !c.Account.PreviousAESKey.IsSet(), "account.previous_aes_key_file", "stands without aes_key_file")
	need(config.IsURL(c.Platform.API), "platform.api", "must be http://host or https://host")
	need(config.IsURL(c.Platform.Authorize), "platform.authorize", "must be http://host or https://host")
	need(config.IsURL(c.Switch.URL), "switch.url", "must be http://host or https://host")
	need(c.Switch.Token.IsSet() || c.Switch.TokenFile != "", "switch.token_file", "must not be empty")
	need(c.Switch.NoticeToken.IsSet() || c.Switch.NoticeTokenFile != "", "switch.notice_token_file", "must not be empty")
	need(channel.MatchString(c.Switch.Channel), "switch.channel", "must be 1 to 64 visible ASCII characters")
	need(c.Switch.Timeout >= time.Second && c.Switch.Timeout <= 10*time.Minute, "switch.timeout", "must be 1s to 10m")
	need(config.IsLevel(c.Log.Level), "log.level", "must be debug, info, warn or error")
	need(slices.Contains([]string{"", "json", "console"}, c.Log.Format), "log.format", "must be json or console")
	errs = append(errs, menu.Check(c.Menu, chat.Answers, at)...)
	errs = append(errs, c.Notices.Check("notices", at)...)
	return append(errs, c.checkPages(at)...)
}

// checkPages reports what leads to a page that is not there; what is no path of a
// page at all is reported by others.
func (c *Config) checkPages(at func(key, reason string) error) (errs []error) {
	check := func(page, key string) {
		if strings.HasPrefix(page, "/h5/") && !h5.IsPage(page) {
			errs = append(errs, at(key+".page", "no page of the front"))
		}
	}
	for i, column := range c.Menu {
		for k, item := range column.Items {
			check(item.Page, fmt.Sprintf("menu[%d].items[%d]", i, k))
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(c.Notices)) {
		check(c.Notices[kind].Page, "notices."+kind)
	}
	return errs
}

func (c *Config) defaults() {
	c.Platform.API = cmp.Or(c.Platform.API, "https://api.weixin.qq.com")
	c.Platform.Authorize = cmp.Or(c.Platform.Authorize, "https://open.weixin.qq.com/connect/oauth2/authorize")
	c.Switch.Channel = cmp.Or(c.Switch.Channel, "wechat")
	c.Switch.Timeout = cmp.Or(c.Switch.Timeout, 40*time.Second)
	if len(c.Menu) == 0 {
		c.Menu = menu.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.LogTo == nil {
		c.LogTo = os.Stderr
	}
}

func isPublic(s string) bool {
	u, err := url.Parse(s)
	if err != nil || !config.IsURL(s) || u.Path != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// Secrets are the configuration's, for programs that have them in memory.
type Secrets struct{ App, Token, AESKey, Switch, Notices string }

// SetSecrets puts secrets in place of files.
func (c *Config) SetSecrets(s Secrets) {
	c.Account.Secret, c.Account.Token, c.Account.AESKey = secret.Text(s.App), secret.Text(s.Token), secret.Text(s.AESKey)
	c.Switch.Token, c.Switch.NoticeToken = secret.Text(s.Switch), secret.Text(s.Notices)
}

// DefaultNotices are rules for two templates: one of movements, one of all else.
func DefaultNotices(movement, service string) wechat.Rules {
	return wechat.DefaultRules(movement, service)
}
