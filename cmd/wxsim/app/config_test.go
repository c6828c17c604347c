package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const sample = "../../../testdata/config/wxsim.yaml"

func TestLoadSaysWhereItIsWrong(t *testing.T) {
	good, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(sample); err != nil {
		t.Fatal("the sample:", err)
	}
	for name, test := range map[string]struct{ old, new, want string }{
		"unknown key":    {"listen:", "lissen:", "unknown key"},
		"every address":  {"listen: 127.0.0.1:8500", "listen: 0.0.0.0:8500", "listen: a loopback address"},
		"no host":        {"listen: 127.0.0.1:8500", `listen: ":8500"`, "listen: a loopback address"},
		"a name":         {"listen: 127.0.0.1:8500", "listen: example.com:8500", "listen: a loopback address"},
		"no patience":    {"front:", "patience: -1s\nfront:", "patience: 0s to 1m"},
		"no quota":       {"front:", "quota: -1\nfront:", "quota: 0 to"},
		"level":          {"front:", "log: {level: loud}\nfront:", "log.level: one of"},
		"library's":      {"front:", "log: {level: disabled}\nfront:", "log.level: one of"},
		"public":         {"  public: http://127.0.0.1:8490 ", "  public: http://127.0.0.1:8490/ ", "front.public: a URL"},
		"callback":       {"callback: http:", "callback: ftp:", "front.callback: a URL"},
		"name":           {"name: 新疆汇和银行", `name: ""`, "account.name: missing"},
		"original id":    {"id: gh_", "id: gx_", "account.id: the original id"},
		"app id":         {"app_id: wx0123456789abcdef", `app_id: ""`, "account.app_id: missing"},
		"secret":         {"secret: 00112233445566778899aabbccddeeff", `secret: ""`, "account.secret: missing"},
		"token":          {"token: demoToken8500", "token: a-b", "account.token: 3 to 32"},
		"key":            {"ABCDEFG", "ABCDEF", "account.aes_key: 43 letters"},
		"template twice": {"qT4mCwYbXk2sservice", "vjR9DUNAiOL8movement", "templates[1].id"},
		"field":          {"name: amount3", "name: money3", "templates[0].fields[2]: a name"},
		"follower":       {"person: 1}", "person: -1}", "followers[1]: a name"},
		"bank twice":     {"id: xjrcu", "id: urmqccb", "banks[1].id"},
		"bank's title":   {"title: 乌鲁木齐银行", `title: ""`, "banks[0].title: missing"},
		"control":        {`"http://127.0.0.1:9181"`, `"127.0.0.1:9181"`, "banks[0].control: a URL"},
		"place twice":    {"id: youhao", "id: xinhua", "places[1].id"},
		"place's name":   {"name: 友好路", `name: ""`, "places[1].name: missing"},
		"off the map":    {"x: 0.35", "x: 1.35", "places[1].x: 0 to 1"},
		"off the earth":  {"lat: 43.813921", "lat: 143.813921", "places[1].lat: degrees"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(string(good), test.old, test.new, 1)
			if text == string(good) {
				t.Fatal("nothing was changed")
			}
			path := filepath.Join(t.TempDir(), "wxsim.yaml")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Load(path); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "wxsim.yaml:") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestRunRefusesToBeReachedFromElsewhere(t *testing.T) {
	c, err := Load(sample)
	if err != nil {
		t.Fatal(err)
	}
	c.LogTo = io.Discard
	c.Listen = "0.0.0.0:0"
	if err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Error(err)
	}
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Listener = l
	if err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Error(err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("the listener is still open")
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	a := Account{Secret: "one", Token: "two", AESKey: "three"}
	data, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(data), fmt.Sprint(a), fmt.Sprintf("%+v %#v %s", a, a, a.Secret)} {
		for _, secret := range []string{"one", "two", "three"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s in %s", secret, text)
			}
		}
	}
}
