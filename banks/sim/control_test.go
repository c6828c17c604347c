package sim

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"wxswitch/codec"
)

func call(t *testing.T, b *Bank, method, path, body string, head ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+b.ControlAddr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(head); i += 2 {
		req.Header.Set(head[i], head[i+1])
		if head[i] == "Host" {
			req.Host = head[i+1]
		}
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // read whole
	out, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(out)
}

func TestControl(t *testing.T) {
	b, _ := start(t, func(c *Config) { c.Control = "127.0.0.1:0" })
	l := dial(t, b)
	_, body := call(t, b, "GET", "/customers", "")
	var who []customer
	if err := json.Unmarshal([]byte(body), &who); err != nil || len(who) != 20 {
		t.Fatalf("customers: %v", err)
	}
	number := who[2].Accounts[0].Number
	if status, body := call(t, b, "POST", "/faults", `{"kind":"decline","code":"51","count":1,"account":"`+number+`"}`); status != 201 {
		t.Fatalf("fault: %d %s", status, body)
	}
	if _, body := call(t, b, "GET", "/faults", ""); !strings.Contains(body, `"decline"`) || strings.Contains(body, number) {
		t.Errorf("faults: %s", body)
	}
	l.expect(l.request(codec.Authenticate, 1, b.People()[2], 0), "51")
	l.expect(l.request(codec.Authenticate, 2, b.People()[2], 0), "00")
	for path, want := range map[string]string{
		"/":                "kinds of fault",
		"/ledger?limit=1":  `"answer":"51"`,
		"/ledger?after=1":  `"effect":true`,
		"/effects":         `"registered"`,
		"/registrations":   `"000000000002"`,
		"/faults":          "[]",
		"/ledger?after=99": "[]",
	} {
		if status, body := call(t, b, "GET", path, ""); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, _ := call(t, b, "POST", "/down", ""); status != 204 {
		t.Errorf("down: %d", status)
	}
	if status, _ := call(t, b, "POST", "/up", ""); status != 204 {
		t.Errorf("up: %d", status)
	}
	dial(t, b)
}

func TestControlRefuses(t *testing.T) {
	b, _ := start(t, func(c *Config) { c.Control = "127.0.0.1:0" })
	for name, test := range map[string]struct {
		method, path, body string
		head               []string
		status             int
	}{
		"another name":   {"GET", "/customers", "", []string{"Host", "evil.example"}, 421},
		"another origin": {"POST", "/down", "", []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, 403},
		"no JSON":        {"POST", "/faults", "{", nil, 400},
		"unknown key":    {"POST", "/faults", `{"kind":"silence","who":1}`, nil, 400},
		"unknown kind":   {"POST", "/faults", `{"kind":"odd"}`, nil, 400},
		"a type of ours": {"POST", "/faults", `{"kind":"silence","type":"movement"}`, nil, 400},
		"a code of none": {"POST", "/faults", `{"kind":"decline","code":"é"}`, nil, 400},
		"half a code":    {"POST", "/faults", `{"kind":"decline","code":"5 "}`, nil, 400},
		"too long":       {"POST", "/faults", `{"kind":"` + strings.Repeat("x", 5000) + `"}`, nil, 400},
		"bad id":         {"DELETE", "/faults/x", "", nil, 400},
		"bad limit":      {"GET", "/ledger?limit=-1", "", nil, 400},
		"no such page":   {"GET", "/nothing", "", nil, 404},
	} {
		t.Run(name, func(t *testing.T) {
			if status, body := call(t, b, test.method, test.path, test.body, test.head...); status != test.status {
				t.Errorf("got %d %s, want %d", status, body, test.status)
			}
		})
	}
}

// TestFeedIsMasked reads the wire of an authentication by both parties' eyes.
func TestFeedIsMasked(t *testing.T) {
	b, _ := start(t, func(c *Config) { c.Control = "127.0.0.1:0" })
	l, who := dial(t, b), b.People()[3]
	l.expect(l.request(codec.Authenticate, 1, who, 0), "00")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+b.ControlAddr()+"/feed", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // cut short
	var seen strings.Builder
	for s := bufio.NewScanner(res.Body); s.Scan() && strings.Count(seen.String(), `"000000000001"`) < 2; {
		seen.WriteString(s.Text())
	}
	for _, secret := range []string{who.Accounts[0].Number.Reveal(), who.Cert.Reveal(), who.Holder} {
		if strings.Contains(seen.String(), secret) {
			t.Errorf("the feed shows a secret: %s", seen.String())
		}
	}
	if !strings.Contains(seen.String(), `"out":true`) || !strings.Contains(seen.String(), `"authenticate"`) {
		t.Errorf("the feed: %s", seen.String())
	}
}
