package app

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const good = `key_file: key.json
banks:
  - name: one
    dialect: cups
    listen: ["127.0.0.1:0"]
    database: one.db
    control: 127.0.0.1:0
`

func load(t *testing.T, text string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "banksim.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path)
}

func TestLoadSaysWhereItIsWrong(t *testing.T) {
	for name, test := range map[string]struct{ old, new, want string }{
		"unknown key":  {"dialect: cups", "dialekt: cups", "banksim.yaml:4:5:"},
		"no key file":  {"key_file: key.json\n", "", "key_file: missing"},
		"no banks":     {good[strings.Index(good, "banks:"):], "", "banks: at least one"},
		"no name":      {"name: one", "name: \"\"", "banksim.yaml:3:11: banks[0].name: missing"},
		"no dialect":   {"    dialect: cups\n", "", "banks[0].dialect: missing"},
		"no database":  {"    database: one.db\n", "", "banks[0].database: missing"},
		"no address":   {`["127.0.0.1:0"]`, "[]", "banks[0].listen: at least one"},
		"bad address":  {`["127.0.0.1:0"]`, "[there]", "banks[0].listen[0]: an address"},
		"no port":      {`["127.0.0.1:0"]`, `["127.0.0.1:65536"]`, "banksim.yaml:5:14: banks[0].listen[0]: an address"},
		"other host":   {"control: 127.0.0.1:0", "control: 0.0.0.0:9181", "banksim.yaml:7:14: banks[0].control: a loopback address"},
		"dialect":      {"dialect: cups", "dialect: cup.yaml", "banksim.yaml:4:14: banks[0].dialect: "},
		"people":       {"name: one", "name: one\n    people: 100001", "banksim.yaml:4:13: banks[0].people: 0 to 100000"},
		"card":         {"name: one", "name: one\n    cards: [{prefix: x, length: 19}]", "banksim.yaml:4:13: banks[0].cards[0]: the prefix is digits"},
		"passbook":     {"name: one", "name: one\n    passbooks: {prefix: \"5\", length: 29}", "banks[0].passbooks: with this prefix the length is 7 to 28"},
		"bad duration": {"name: one", "name: one\n    idle: soon", "must be a duration"},
		"negative":     {"name: one", "name: one\n    idle: -1s", "banks[0].idle: 0 or more"},
		"workers":      {"name: one", "name: one\n    workers: -1", "banks[0].workers: 0 to"},
		"queue":        {"name: one", "name: one\n    workers: 4\n    queue: -1", "banksim.yaml:5:12: banks[0].queue: 0 to"},
		"huge queue":   {"name: one", "name: one\n    queue: 9223372036854775807", "banksim.yaml:4:12: banks[0].queue: 0 to"},
		"drain":        {"name: one", "name: one\n    idle: 4s\n    drain: -1s", "banksim.yaml:5:12: banks[0].drain: 0 or more"},
		"no code":      {"name: one", "name: one\n    not_registered: é", "banksim.yaml:4:21: banks[0].not_registered: two letters"},
		"bad level":    {"banks:", "log: {level: loud}\nbanks:", "log.level: one of"},
		"library's":    {"banks:", "log: {level: disabled}\nbanks:", "log.level: one of"},
		"name twice": {
			good, good + "  - {name: one, dialect: cups, listen: [\"127.0.0.1:0\"], database: two.db}\n",
			"banksim.yaml:8:12: banks[1].name: two banks",
		},
		"address twice": {`["127.0.0.1:0"]`, `["127.0.0.1:9101", "127.0.0.1:9101"]`, "banksim.yaml:5:32: banks[0].listen[1]: the address is that of banks[0].listen[0]"},
		"control at another's links": {
			good, strings.Replace(good, "127.0.0.1:0", "0.0.0.0:9181", 1) +
				"  - {name: two, dialect: cups, listen: [\"127.0.0.1:0\"], database: two.db, control: \"127.0.0.1:9181\"}\n",
			"banksim.yaml:8:84: banks[1].control: the address is that of banks[0].listen[0]",
		},
		"database twice": {
			good, good + "  - name: two\n    dialect: cups\n    listen: [\"127.0.0.1:0\"]\n    database: ./one.db\n",
			"banksim.yaml:11:15: banks[1].database: two banks",
		},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(good, test.old, test.new, 1)
			if text == good {
				t.Fatal("nothing was changed")
			}
			if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestRunRefusesWhatItCannotOpen(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"dialect": {func(c *Config) { c.Banks[0].Dialect = "nothing.yaml" }, "nothing.yaml"},
		"control": {func(c *Config) { c.Banks[0].Control = "0.0.0.0:0" }, "loopback"},
		"people":  {func(c *Config) { c.Banks[0].People = -1 }, "people"},
		"second": {func(c *Config) {
			c.Banks = append(c.Banks, Bank{Name: "two", Dialect: "cups", Database: "none/two.db"})
		}, "bank two"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := load(t, good)
			if err != nil {
				t.Fatal(err)
			}
			test.change(&c)
			if err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestRunTwice(t *testing.T) {
	c, err := load(t, good)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds key and ledger
		runOnce(t, c)
	}
}

// runOnce starts the program, asks it by the address that it prints, and stops
// it.
func runOnce(t *testing.T, c Config) {
	t.Helper()
	out, in := io.Pipe()
	c.Out, c.LogTo = in, io.Discard
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { err := Run(ctx, c); _ = in.CloseWithError(err); done <- err }()
	address := ""
	for s := bufio.NewScanner(out); address == "" && s.Scan(); {
		_, address, _ = strings.Cut(s.Text(), "control at ")
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	if address != "" {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Get(address + "/customers")
		if err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("customers: %v %v", res, err)
		} else {
			_ = res.Body.Close()
		}
	}
	cancel()
	if err := <-done; err != nil || address == "" {
		t.Fatalf("run: %v, address %q", err, address)
	}
}

func TestTheSampleIsGood(t *testing.T) {
	c, err := Load("../../../testdata/config/banksim.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c.KeyFile = filepath.Join(dir, "key.json")
	for i := range c.Banks {
		b := &c.Banks[i]
		b.Database = filepath.Join(dir, b.Name+".db")
		b.Listen, b.Control = []string{"127.0.0.1:0"}, "127.0.0.1:0"
	}
	runOnce(t, c)
}
