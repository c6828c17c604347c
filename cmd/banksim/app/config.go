package app

import (
	"errors"
	"fmt"
	"io"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/config"
	"wxswitch/codec"
	"wxswitch/codec/iso"
)

// Config is the whole configuration.
type Config struct {
	// KeyFile seals the banks' ledgers; it is made at the first start.
	KeyFile string `yaml:"key_file"`
	Log     Log    `yaml:"log"`
	Banks   []Bank `yaml:"banks"`

	// Out takes the addresses; nil discards them. LogTo takes the log; nil is
	// standard error.
	Out   io.Writer `yaml:"-"`
	LogTo io.Writer `yaml:"-"`
}

// Log is the log on standard error.
type Log struct {
	Level string `yaml:"level"` // debug, info, warn, error; info
}

// Bank is one simulated bank.
type Bank struct {
	Name     string   `yaml:"name"`
	Title    string   `yaml:"title"`    // as its SMS name it; the name if unset
	Dialect  string   `yaml:"dialect"`  // cups, plain, or a file
	Listen   []string `yaml:"listen"`   // addresses for links
	Control  string   `yaml:"control"`  // loopback address of the control API; none
	Database string   `yaml:"database"` // its ledger; made at the first start
	// Seed makes the people up: the same seed, the same people. A ledger must
	// be kept with the seed that it was begun with.
	Seed      uint64      `yaml:"seed"`
	People    int         `yaml:"people"` // 100
	Cards     []sim.Range `yaml:"cards"`
	Passbooks sim.Range   `yaml:"passbooks"`
	// NotRegistered is the F39 of a deregistration without registration; 25.
	NotRegistered string `yaml:"not_registered"`
	// Workers are how many requests are worked on at once, Queue how many
	// wait; 64 and 1024.
	Workers int           `yaml:"workers"`
	Queue   int           `yaml:"queue"`
	Idle    time.Duration `yaml:"idle"`  // silence after which a link is echoed; 30s
	Drain   time.Duration `yaml:"drain"` // how long a stop waits for work under way; 10s
}

// Load reads and checks the file; paths in it are relative to its folder.
// Errors say file, line and column.
func Load(path string) (Config, error) {
	var c Config
	f, err := config.Read(path, &c)
	if err != nil {
		return Config{}, err
	}
	if err := c.check(f); err != nil {
		return Config{}, err
	}
	c.KeyFile = f.Dir(c.KeyFile)
	for i := range c.Banks {
		b := &c.Banks[i]
		b.Database = f.Dir(b.Database)
		b.Dialect = b.dialect(f)
	}
	return c, nil
}

// dialect is a built-in one, or the path of a file.
func (b *Bank) dialect(f *config.File) string {
	if _, err := iso.Builtin(b.Dialect); err == nil {
		return b.Dialect
	}
	return f.Dir(b.Dialect)
}

func (c *Config) check(f *config.File) error {
	if !config.IsLevel(c.Log.Level) {
		return f.At("log.level", "one of debug, info, warn, error")
	}
	if c.KeyFile == "" {
		return f.At("key_file", "missing")
	}
	if len(c.Banks) == 0 {
		return f.At("banks", "at least one")
	}
	names, files := map[string]bool{}, map[string]bool{}
	var doors []config.Door
	for i, b := range c.Banks {
		at := fmt.Sprintf("banks[%d].", i)
		if key, reason := b.check(); reason != "" {
			return f.At(at+key, reason)
		}
		if _, err := iso.Open(b.dialect(f)); err != nil {
			return f.At(at+"dialect", err.Error())
		}
		database := f.Dir(b.Database)
		switch {
		case names[b.Name]:
			return f.At(at+"name", "two banks with this name")
		case files[database]:
			return f.At(at+"database", "two banks with this database")
		}
		names[b.Name], files[database] = true, true
		for k, address := range b.Listen {
			doors = append(doors, config.Door{Key: fmt.Sprintf("%slisten[%d]", at, k), Address: address})
		}
		doors = append(doors, config.Door{Key: at + "control", Address: b.Control})
	}
	return errors.Join(config.CheckDoors(f.At, doors...)...)
}

// maxWaiting bounds workers and queue: no machine serves more.
const maxWaiting = 1_000_000

// check returns the key that is wrong, and why.
func (b *Bank) check() (key, reason string) {
	switch {
	case b.Name == "":
		return "name", "missing"
	case b.Dialect == "":
		return "dialect", "missing"
	case b.Database == "":
		return "database", "missing"
	case len(b.Listen) == 0:
		return "listen", "at least one address"
	case b.Workers < 0 || b.Workers > maxWaiting:
		return "workers", "0 to 1000000"
	case b.Queue < 0 || b.Queue > maxWaiting:
		return "queue", "0 to 1000000"
	case b.Idle < 0:
		return "idle", "0 or more"
	case b.Drain < 0:
		return "drain", "0 or more"
	case b.NotRegistered != "" && !codec.IsCode(b.NotRegistered):
		return "not_registered", "two letters or digits"
	case b.People < 0 || b.People > sim.MaxPeople:
		return "people", fmt.Sprintf("0 to %d", sim.MaxPeople)
	case b.Control != "" && !sim.IsLoopback(b.Control):
		return "control", "a loopback address such as 127.0.0.1:9181"
	case b.Passbooks.Rule() != "":
		return "passbooks", b.Passbooks.Rule()
	}
	for i, r := range b.Cards {
		if rule := r.Rule(); rule != "" {
			return fmt.Sprintf("cards[%d]", i), rule
		}
	}
	for i, address := range b.Listen {
		if config.AddressRule(address) != "" {
			return fmt.Sprintf("listen[%d]", i), "an address such as 127.0.0.1:9101"
		}
	}
	return "", ""
}
