package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

type sample struct {
	Name  string            `yaml:"name"`
	Share float64           `yaml:"share"`
	Limit int               `yaml:"limit"`
	Wait  time.Duration     `yaml:"wait"`
	Words map[string]string `yaml:"words"`
	Banks []struct {
		ID    string   `yaml:"id"`
		Links []string `yaml:"links"`
	} `yaml:"banks"`
}

func TestParseSaysWhereItIsWrong(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"unknown key": {"name: a\ntname: b\n", "f.yaml:2:1: unknown key \"tname\""},
		"key twice":   {"name: a\nname: b\n", "f.yaml:2:1: mapping key"},
		"wrong type":  {"name: a\nbanks: 7\n", "f.yaml:2:8:"},
		"duration":    {"name: a\nwait: soon\n", "f.yaml:2:7: wait: must be a duration"},
		"no number":   {"share: x\n", "f.yaml:1:8: share: must be a number"},
		"octal":       {"limit: 016\n", "f.yaml:1:8: limit: must be a whole number"},
		"broken":      {"limit: 1.5\n", "f.yaml:1:8: limit: must be a whole number"},
		"no text":     {"name: 7\n", "f.yaml:1:7: name: must be text"},
		"no value":    {"name:\n", "f.yaml:1:7: name: has no value"},
		"two files":   {"name: a\n---\nname: b\n", "f.yaml:3:1: a second document"},
		"anchor":      {"name: &a b\n", "f.yaml:1:7: name: anchors"},
		"tag":         {"name: !!str b\n", "f.yaml:1:7: name: anchors"},
		"merge key":   {"<<: {name: a}\n", "f.yaml:1:1: unknown key \"<<\""},
		"key no text": {"words: {51: a}\n", "f.yaml:1:9: words: unknown key \"51\": must be text, in quotes"},
		"no YAML":     {"name: [a\n", "f.yaml:1:7:"},
		"too large":   {strings.Repeat("#", maxSize+1), "f.yaml:1:1: larger than"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(test.text), &sample{})
			if err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %v, want one line beginning %q", err, test.want)
			}
		})
	}
}

func TestParseTakesWhatIsRight(t *testing.T) {
	for text, want := range map[string]sample{
		"share: 1\nlimit: 0\n": {Share: 1}, "share: 0.5\nlimit: -7\n": {Share: 0.5, Limit: -7}, "---\nname: '016'\n": {Name: "016"}, "# nothing\n": {},
	} {
		var s sample
		if _, err := Parse("f.yaml", []byte(text), &s); err != nil || !reflect.DeepEqual(s, want) {
			t.Errorf("%q: %+v %v", text, s, err)
		}
	}
}

func TestAtPointsAtTheKeyOrItsParent(t *testing.T) {
	var s sample
	f, err := Parse("f.yaml", []byte("name: a\nwait: 5s\nbanks:\n  - id: x\n    links: []\n  - id: y\n"), &s)
	if err != nil || s.Wait != 5*time.Second {
		t.Fatal(s, err)
	}
	for key, want := range map[string]string{
		"banks[0].links": "f.yaml:5:12: banks[0].links: bad",
		"banks[1].links": "f.yaml:6:", // not there: its bank
		"missing":        "f.yaml:1:1: missing: bad",
	} {
		if got := f.At(key, "bad").Error(); !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAFileFromWindows(t *testing.T) {
	var s sample
	f, err := Parse("f.yaml", []byte("\ufeff# ours\r\nname: a\r\nwait: 5s\r\n"), &s)
	if err != nil || s.Name != "a" || s.Wait != 5*time.Second {
		t.Fatalf("%+v %v", s, err)
	}
	if got := f.At("wait", "bad").Error(); !strings.HasPrefix(got, "f.yaml:3:") {
		t.Error(got)
	}
}

func TestIsURL(t *testing.T) {
	for _, s := range []string{"http://h", "https://h/", "http://127.0.0.1:8491", "http://[::1]:80/front", "http://h:65535"} {
		if !IsURL(s) {
			t.Errorf("%s is refused", s)
		}
	}
	for _, s := range []string{"", "h", "ftp://h", "http://", "http://:80", "http://u@h", "http://h?q=1", "http://h?", "http://h#f", "http://h:0x50", "http://h:65536", "http://h:99999/"} {
		if IsURL(s) {
			t.Errorf("%s is taken", s)
		}
	}
}

func TestCheckDoors(t *testing.T) {
	at := func(key, reason string) error { return errors.New(key + ": " + reason) }
	for second, clashes := range map[string]bool{
		"127.0.0.1:80": true, "localhost:80": true, ":80": true, "0.0.0.0:80": true, "[::]:80": true, "[::ffff:127.0.0.1]:080": true,
		"127.0.0.1:81": false, "127.0.0.2:80": false, "[::1]:80": false, "front:80": false, "here": false, "": false,
	} {
		errs := CheckDoors(at, Door{"listen", "127.0.0.1:80"}, Door{"ops", second})
		if (len(errs) > 0) != clashes || clashes && errs[0].Error() != "ops: the address is that of listen" {
			t.Errorf("%q: %v", second, errs)
		}
	}
	for _, both := range []string{"127.0.0.1:0", ":0", "nowhere", ""} {
		if errs := CheckDoors(at, Door{"listen", both}, Door{"ops", both}); errs != nil {
			t.Errorf("%q: %v", both, errs)
		}
	}
	if errs := CheckDoors(at, Door{"a", "front:80"}, Door{"b", "front:80"}, Door{"c", ":80"}); len(errs) != 2 {
		t.Error(errs)
	}
	if errs := CheckDoors(at, Door{"a", "front:80"}, Door{"b", "back:80"}); errs != nil {
		t.Errorf("two names: %v", errs)
	}
}

func TestSecretsHaveTheirLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for text, want := range map[string]struct{ line, token string }{
		"s3cret":                            {"s3cret", "s3cret"},
		" s3cret \r\n\n":                    {"s3cret", "s3cret"}, // as editors leave it
		"two words\n":                       {"two words", ""},
		"密\n":                               {"密", ""},
		"s3cret\nmore\n":                    {},
		"s3cret\rmore":                      {},
		"\n":                                {},
		"":                                  {},
		strings.Repeat("s", 4<<10):          {strings.Repeat("s", 4<<10), strings.Repeat("s", 4<<10)},
		strings.Repeat("s", 4<<10) + "\n":   {},
		strings.Repeat("s", 1<<10) + "\x00": {strings.Repeat("s", 1<<10) + "\x00", ""},
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		line, errLine := Line(path)
		token, errToken := Token(path)
		if line != want.line || token != want.token || (errLine == nil) != (want.line != "") || (errToken == nil) != (want.token != "") {
			t.Errorf("%.20q: %.20q %v, %.20q %v", text, line, errLine, token, errToken)
		}
		for _, err := range []error{errLine, errToken} {
			if err != nil && (!strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "s3cret")) {
				t.Error(err)
			}
		}
	}
	if _, err := Line(path + ".none"); err == nil {
		t.Error("there is none")
	}
}
