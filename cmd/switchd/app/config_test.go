package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheSampleConfigurationIsGood(t *testing.T) {
	const path = "../../../testdata/config/switchd.yaml"
	c, err := Load(path)
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), path+":8:11: key_file: ") {
		t.Fatalf("only its key is to be missing: %v", err)
	}
	if len(c.Banks) != 4 || c.Banks[0].Acquirer != "48980000" || !strings.HasSuffix(c.Routes, "testdata/bins/xinjiang.yaml") {
		t.Errorf("read as %+v", c)
	}
}

// sample is the sample configuration with one text replaced.
func sample(t *testing.T, old, text string) string {
	t.Helper()
	data, err := os.ReadFile("../../../testdata/config/switchd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		t.Fatalf("the sample has no %q", old)
	}
	routes, err := filepath.Abs("../../../testdata/bins/xinjiang.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "switchd.yaml")
	changed := strings.Replace(string(data), old, text, 1)
	changed = strings.Replace(changed, "../bins/xinjiang.yaml", routes, 1)
	changed = strings.Replace(changed, "../places/xinjiang.yaml", strings.Replace(routes, "/bins/", "/places/", 1), 1)
	for path, text := range map[string]string{path: changed, filepath.Join(filepath.Dir(path), "key.json"): ownKey()} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestAWrongConfigurationSaysWhereAndWhy(t *testing.T) {
	tests := map[string]struct{ old, text, want string }{
		"unknown key":      {"drain:", "drian:", `:33:1: unknown key "drian"`},
		"no duration":      {"drain: 20s", "drain: soon", ":33:8: drain: must be a duration"},
		"negative":         {"drain: 20s", "drain: -1s", "drain: must not be negative"},
		"no address":       {"127.0.0.1:8480", "here", ":5:9: listen: must be host:port"},
		"no such port":     {"127.0.0.1:8480", "127.0.0.1:99999", ":5:9: listen: no such port"},
		"one door twice":   {"ops: 127.0.0.1:8481", "ops: localhost:8480", ":6:6: ops: the address is that of listen"},
		"no acquirer":      {`acquirer: "48980000"`, `acquirer: ""`, ": acquirer: must be 1 to 11 digits"},
		"short hash":       {"d03cc96f3c0e1c92b7152a5793a246cf5e1e59cda6bfe46aa4031034f1b3ccad", "9f86", `client "batch": token_sha256 must be 64 hexadecimal digits`},
		"unknown scope":    {"[operate]", "[rule]", `unknown scope "rule"`},
		"unknown dialect":  {"dialect: cups", "dialect: cuips", "banks[0].dialect: "},
		"bank twice":       {"name: xjrcu\n", "name: urmqccb\n", "banks[1].name: stands twice"},
		"no addresses":     {`["127.0.0.1:9105"]`, `[]`, "banks[3].links[0].addresses: at least one"},
		"no such type":     {"balance: 5s", "balances: 5s", "banks[0].deadlines.balances: no such transaction type"},
		"level":            {"level: info", "level: loud", "log.level: must be debug"},
		"bank not in file": {"name: korla\n", "name: korl\n", "xinjiang.yaml:"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Load(sample(t, test.old, test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestWithoutItsKeyFileTheSwitchDoesNotStart(t *testing.T) {
	c, err := Load(sample(t, "key_file: key.json", "key_file: /nowhere/key.json"))
	if err == nil || !strings.Contains(err.Error(), ":8:11: key_file: ") {
		t.Fatalf("got %v", err)
	}
	if err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "switchctl key new") {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Stat(c.Database); !os.IsNotExist(err) {
		t.Error("a database was made without a key to seal it with")
	}
}
