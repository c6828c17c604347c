package app

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"wxswitch/switch/vault"
)

// full has every key, one a line, so that each can be made wrong by itself.
const full = `listen: 127.0.0.1:0
ops: 127.0.0.1:0
key_file: key.json
database: switch.db
routes: routes.yaml
places: places.yaml
erase_after: 43800h
front:
  url: http://127.0.0.1:8490
  token_file: front.token
acquirer: "48980000"
forwarder: "48980001"
clients:
  - id: batch
    token_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    scopes: [bank]
  - id: operators
    token_sha256: 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752
    previous_token_sha256: fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9
    scopes: [operate]
anonymous: [bank]
grace: 5s
drain: 20s
advices:
  backoff_min: 1s
  backoff_max: 5m
log:
  level: info
  format: json
banks:
  - name: xjrcu
    dialect: own.yaml
    title: 新疆农村信用社
    words:
      A1: 请改日再来
      B2: 请稍后再来
    links:
      - name: xjrcu-1
        addresses: ["127.0.0.1:9102", "127.0.0.1:9103"]
        role: send
      - name: xjrcu-2
        addresses: ["127.0.0.1:9104"]
    deadline: 10s
    deadlines:
      balance: 5s
      reversal: 15s
    limit: 256
    queue: 512
    breaker:
      consecutive_failures: 10
      failure_ratio: 0.5
      min_requests: 20
      window: 60s
      open_for: 10s
      probes: 1
    sign_on: true
    echo_idle: 30s
    network_timeout: 5s
    dial_timeout: 5s
    write_timeout: 5s
    read_timeout: 10s
    backoff_min: 250ms
    backoff_max: 30s
    drain_limit: 15s
    acquirer: "48980002"
    forwarder: "48980003"
  - name: korla
    dialect: plain
    links: [{name: korla-1, addresses: ["127.0.0.1:9105"]}]
`

const (
	ownDialect = "name: own\nbase: plain\n"
	ownRoutes  = "cards:\n  - {bank: xjrcu, prefix: \"621008\", lengths: [16]}\n"
	ownPlaces  = "merchants:\n  - {id: m-1, name: 大巴扎商场, address: 乌鲁木齐市解放南路8号, phone: 0991-2100001, offer: 满100元减10元, lat: 43.78, lng: 87.62}\n"
)

// ownKey is a key file.
var ownKey = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "key")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "key.json")
	if err := vault.NewKeyFile(path); err != nil {
		panic(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return string(text)
})

// load reads the text as a configuration beside its dialect and routes, and
// returns its errors without the folder's name. Nothing may be made there.
func load(t *testing.T, text string) (Config, string) {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"switchd.yaml": text, "own.yaml": ownDialect, "routes.yaml": ownRoutes, "places.yaml": ownPlaces,
		"key.json": ownKey(), "front.token": "token\n", "empty.token": "\n",
		"printed.token": "token:        abc\ntoken_sha256: 123\n", // switchctl token new > printed.token
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(filepath.Join(dir, "switchd.yaml"))
	if made, _ := os.ReadDir(dir); len(made) != len(files) {
		t.Errorf("files were made: %v", made)
	}
	if err == nil {
		return c, ""
	}
	return c, strings.ReplaceAll(err.Error(), dir+"/", "")
}

// key is one key of full.
type key struct {
	path         string // as errors name it: banks[0].links[0].name
	kind         reflect.Type
	line, column int // of the key, from 1
	end          int // the last line of what stands under it
}

var (
	item = regexp.MustCompile(`^( *)- `)
	pair = regexp.MustCompile(`^( *)([A-Za-z0-9_]+):`)
)

// keys finds those of full, but the ones of its last line.
func keys(t *testing.T) (all []key) {
	t.Helper()
	type level struct {
		indent, items int
		path          string
	}
	var stack []level
	lines := strings.Split(full, "\n")
	for i, line := range lines[:len(lines)-2] {
		if m := item.FindStringSubmatch(line); m != nil {
			for stack[len(stack)-1].indent >= len(m[1]) {
				stack = stack[:len(stack)-1]
			}
			list := &stack[len(stack)-1]
			stack = append(stack, level{indent: len(m[1]), path: fmt.Sprintf("%s[%d]", list.path, list.items)})
			stack[len(stack)-2].items++
			line = m[1] + "  " + line[len(m[0]):]
		}
		m := pair.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("line %d is no key: %q", i+1, line)
		}
		for len(stack) > 0 && stack[len(stack)-1].indent >= len(m[1]) {
			stack = stack[:len(stack)-1]
		}
		path := m[2]
		if len(stack) > 0 {
			path = stack[len(stack)-1].path + "." + path
		}
		stack = append(stack, level{indent: len(m[1]), path: path})
		k := key{path: path, line: i + 1, column: len(m[1]) + 1, end: i + 1}
		for k.end < len(lines)-1 && len(lines[k.end])-len(strings.TrimLeft(lines[k.end], " ")) > len(m[1]) {
			k.end++
		}
		all = append(all, k)
	}
	kinds := make(map[string]reflect.Type)
	kindsOf("", reflect.TypeFor[Config](), kinds)
	for i := range all {
		all[i].kind = kinds[general(all[i].path)]
		if all[i].kind == nil {
			t.Fatalf("%s is no key of the configuration", all[i].path)
		}
	}
	return all
}

var index = regexp.MustCompile(`\[\d+\]`)

// general is the path without numbers, and of a map with its values' key.
func general(path string) string {
	path = index.ReplaceAllString(path, "[]")
	for _, m := range []string{".deadlines.", ".words."} {
		if of, _, ok := strings.Cut(path, m); ok {
			return of + m + "*"
		}
	}
	return path
}

// kindsOf collects every key of the type by its general path.
func kindsOf(path string, t reflect.Type, kinds map[string]reflect.Type) {
	if path != "" {
		kinds[path] = t
	}
	switch t.Kind() {
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			kindsOf(path+"[]", t.Elem(), kinds)
			delete(kinds, path+"[]")
		}
	case reflect.Map:
		kinds[path+".*"] = t.Elem()
	case reflect.Struct:
		for f := range t.Fields() {
			name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			switch {
			case options == "inline":
				inner := make(map[string]reflect.Type)
				kindsOf("", f.Type, inner)
				for of, kind := range inner {
					kinds[strings.TrimPrefix(path+"."+of, ".")] = kind
				}
			case name != "" && name != "-":
				kindsOf(strings.TrimPrefix(path+"."+name, "."), f.Type, kinds)
			}
		}
	default:
	}
}

// with is full with the lines of the key replaced.
func (k key) with(lines ...string) string {
	all := strings.Split(full, "\n")
	return strings.Join(slices.Concat(all[:k.line-1], lines, all[k.end:]), "\n")
}

// value is full with another value of the key.
func (k key) value(text string) string { return k.with(strings.TrimRight(k.head()+" "+text, " ")) }

// head is the key's line up to its colon.
func (k key) head() string {
	line := strings.Split(full, "\n")[k.line-1]
	return line[:k.column-1+strings.Index(line[k.column-1:], ":")+1]
}

// lines are those of the key and what stands under it.
func (k key) lines() []string { return strings.Split(full, "\n")[k.line-1 : k.end] }

// name is the last part of the path.
func (k key) name() string { return k.path[strings.LastIndex("."+k.path, "."):] }

// TestEveryKeyIsTried: a key that is added to the configuration must be added
// here.
func TestEveryKeyIsTried(t *testing.T) {
	if _, wrong := load(t, full); wrong != "" {
		t.Fatal(wrong)
	}
	kinds, have := make(map[string]reflect.Type), make(map[string]bool)
	kindsOf("", reflect.TypeFor[Config](), kinds)
	for _, k := range keys(t) {
		have[general(k.path)] = true
	}
	for path := range kinds {
		if !have[path] {
			t.Errorf("full has no %s", path)
		}
	}
	for path, kind := range kinds {
		if _, tried := outOfRange[path]; !tried && kind.Kind() != reflect.Bool && kind.Kind() != reflect.Struct {
			t.Errorf("no wrong value of %s is tried", path)
		}
	}
	t.Logf("%d keys", len(kinds))
}

// TestEveryKeyWrong makes every key wrong in every way that a key of its type
// can be; each time the error says where and why.
func TestEveryKeyWrong(t *testing.T) {
	tried, first := 0, make(map[string]int)
	for _, k := range keys(t) {
		if item, _, ok := strings.Cut(k.path, "]."); ok && first[item] == 0 {
			first[item] = k.line
		}
		check := func(what, text string, line int, reason string) {
			t.Helper()
			tried++
			_, got := load(t, text)
			for one := range strings.Lines(got) {
				if !located.MatchString(one) {
					t.Errorf("%s, %s: no place: %s", k.path, what, one)
				}
			}
			if !strings.Contains(got, fmt.Sprintf("switchd.yaml:%d:", line)) || !strings.Contains(got, reason) {
				t.Errorf("%s, %s: got %q, want line %d: %s", k.path, what, got, line, reason)
			}
		}
		spaces := strings.Repeat(" ", k.column-1)
		unknown := slices.Clone(k.lines())
		unknown[0] = strings.Replace(unknown[0], k.name()+":", k.name()+"_:", 1)
		if !strings.HasSuffix(general(k.path), ".*") {
			check("unknown key", k.with(unknown...), k.line, fmt.Sprintf("unknown key %q", k.name()+"_"))
		}
		check("twice", k.with(append(slices.Clone(k.lines()), spaces+k.name()+": 1")...), k.end+1, fmt.Sprintf("mapping key %q already defined", k.name()))
		check("no value", k.value(""), k.line, k.path+": has no value")
		check("null", k.value("~"), k.line, k.path+": has no value")
		check("anchor", k.value("&a 1"), k.line, k.path+": anchors")
		check("tag", k.value("!!str 1"), k.line, k.path+": anchors")
		for _, v := range wrongValues(k.kind) {
			check(v, k.value(v), k.line, k.path+": must be ")
		}
		for _, v := range outOfRange[general(k.path)] {
			if client, _, ok := strings.Cut(k.path, "]."); ok && strings.HasPrefix(client, "clients[") { // told of the client
				check(v[0], k.value(v[0]), first[client], client+"]: ")
				check(v[0], k.value(v[0]), first[client], v[1])
				continue
			}
			check(v[0], k.value(v[0]), k.line, k.path+v[1])
		}
	}
	t.Logf("%d wrong files", tried)
}

var located = regexp.MustCompile(`^[a-z]+\.yaml:\d+:\d+: \S`)

// wrongValues are none of the type.
func wrongValues(kind reflect.Type) []string {
	if kind == reflect.TypeFor[time.Duration]() {
		return []string{"5", "-5", "0", "1.5", `"5"`, `""`, "true", "soon", "5 parsecs", "5d", "9999999999h", "[5s]", "{a: 5s}"}
	}
	switch kind.Kind() {
	case reflect.String:
		return []string{"7", "1.5", "true", "0x10", "[a]", "{a: b}"}
	case reflect.Bool:
		return []string{"7", "yes", `"true"`, "[true]", "{a: true}"}
	case reflect.Int:
		return []string{"many", `"5"`, "1.5", "0x10", "016", "1_000", "99999999999999999999", "true", "[5]", "{a: 5}"}
	case reflect.Float64:
		return []string{"half", `"0.5"`, "true", "[0.5]", "{a: 0.5}"}
	case reflect.Slice:
		return []string{"7", "text", "true", "{a: b}"}
	default:
		return []string{"7", "text", "true", "[a]"}
	}
}

const hash = "token_sha256 must be 64 hexadecimal digits"

var (
	notNegative = slices.Clip([][2]string{{"-1", ": must not be negative"}})
	negative    = slices.Clip([][2]string{{"-1s", ": must not be negative"}})
	tooLong     = [2]string{"2562047h47m", ": must not exceed 24h0m0s"}
	port        = [][2]string{
		{"here", ": must be host:port"},
		{`""`, ": must be host:port"},
		{`"127.0.0.1:"`, ": must be host:port"},
		{`"127.0.0.1:99999"`, ": no such port"},
		{`"127.0.0.1:-1"`, ": no such port"},
		{`"::1"`, ": must be host:port"},
	}
	number  = [][2]string{{`"4898000a"`, ": must be 1 to 11 digits"}, {`"489800001234"`, ": must be 1 to 11 digits"}, {`" 4898"`, ": must be 1 to 11 digits"}}
	unnamed = [][2]string{{`""`, ": must not be empty"}}
	scopes  = [][2]string{{"[rule]", ": unknown scope"}, {"[7]", "[0]: must be text"}, {"[[bank]]", "[0]: must be text"}, {"[~]", "[0]: has no value"}}
)

// outOfRange are values that are of the type and must not be, and the rest of
// the error after the key.
var outOfRange = map[string][][2]string{
	"listen": port, "ops": port,
	"database":         unnamed,
	"key_file":         {{`""`, ": must not be empty"}, {"none.json", ": key file "}, {"own.yaml", ": key file "}},
	"routes":           {{`""`, ": must not be empty"}, {"none.yaml", ": open "}, {".", ": "}},
	"places":           {{"none.yaml", ": open "}, {".", ": "}},
	"front.url":        {{"ftp://a", ": must be http"}, {"here", ": must be http"}, {`"http://a:b@c"`, ": must be http"}, {"http://a?b", ": must be http"}},
	"front.token_file": {{`""`, ": must not be empty"}, {"none.token", ": open "}, {".", ": read "}, {"empty.token", ": empty.token must hold one line"}, {"printed.token", ": printed.token must hold one line"}},
	"banks[].title":    {{`"一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一"`, ": must be at most 30 characters"}},
	"banks[].words":    {{"{A: b}", ".A: must be a code of two letters or digits"}, {"{ABC: b}", ".ABC: must be a code"}, {"{A1: 7}", ".A1: must be text"}},
	"banks[].words.*":  {{`""`, ": must be 1 to 60 characters"}},
	"acquirer":         append(number, [2]string{`""`, ": must be 1 to 11 digits"}),
	"forwarder":        number,
	"clients":          {{"[7]", "[0]: must be a map"}, {"[~]", "[0]: has no value"}, {"[{}]", "[0]: client"}},
	"anonymous":        scopes, "erase_after": negative,
	"grace": append(negative, tooLong), "drain": append(negative, tooLong),
	"advices.backoff_min": append(negative, [2]string{"6m", ": must not exceed backoff_max"}),
	"advices.backoff_max": append(negative, tooLong),
	"log.level":           {{"loud", ": must be debug, info, warn or error"}, {"fatal", ": must be debug"}, {`"7"`, ": must be debug"}},
	"log.format":          {{"xml", ": must be json or console"}},
	"banks":               {{"[]", ": at least one"}, {"[7]", "[0]: must be a map"}, {"[~]", "[0]: has no value"}, {"[{}]", "[0].name: must not be empty"}},
	"banks[].name":        unnamed,
	"banks[].dialect":     {{`""`, ": "}, {"cuips", ": "}, {"none.yaml", ": "}, {"routes.yaml", ": "}, {".", ": "}},
	"banks[].links": {
		{"[]", ": at least one"},
		{"[7]", "[0]: must be a map"},
		{"[~]", "[0]: has no value"},
		{"[{}]", "[0].name: must not be empty"},
		{`[{name: a, addresses: ["a:1"]}, {name: a, addresses: ["a:1"]}]`, "[1].name: used twice"},
	},
	"banks[].links[].name": unnamed,
	"banks[].links[].addresses": {
		{"[]", ": at least one"},
		{"[here]", "[0]: must be host:port"},
		{`["a:1", "a:"]`, "[1]: must be host:port"},
		{`["a:99999"]`, "[0]: no such port"},
		{"[7]", "[0]: must be text"},
		{"[~]", "[0]: has no value"},
	},
	"banks[].links[].role": {{"both", ": must be duplex, send or receive"}},
	"banks[].deadline":     {{"-1s", ": must not be negative"}, {"11m", ": must not exceed 10m0s"}, {"10m1ms", ": must not exceed 10m0s"}},
	"banks[].deadlines":    {{"{balances: 5s}", ".balances: no such transaction type"}, {"{balance: 0s}", ".balance: must be positive"}, {"{1: 5s}", ": unknown key"}},
	"banks[].deadlines.*":  {{"-1s", ": must be positive"}, {"11m", ": must not exceed 10m0s"}},
	"banks[].limit":        notNegative, "banks[].queue": notNegative,
	"banks[].breaker.consecutive_failures": notNegative, "banks[].breaker.min_requests": notNegative, "banks[].breaker.probes": notNegative,
	"banks[].breaker.failure_ratio": {{"-0.1", ": from 0 to 1"}, {"50", ": from 0 to 1"}, {".nan", ": must be a number"}, {".inf", ": must be a number"}},
	"banks[].breaker.window":        {{"-1s", ": must not be negative"}, {"15s", ": must be at least twice the longest deadline"}},
	"banks[].breaker.open_for":      negative,
	"banks[].echo_idle":             nil, // negative: never
	"banks[].network_timeout":       negative, "banks[].dial_timeout": negative, "banks[].write_timeout": negative, "banks[].read_timeout": negative,
	"banks[].backoff_min": append(negative, [2]string{"1h", ": must not exceed backoff_max"}),
	"banks[].backoff_max": negative, "banks[].drain_limit": negative,
	"banks[].acquirer": number, "banks[].forwarder": number,
	"clients[].id":           {{`""`, "client without id"}, {"anonymous", "the id is kept"}},
	"clients[].token_sha256": {{"9f86", hash}, {`""`, hash}, {strings.Repeat("0", 63) + "g", hash}, {`"` + strings.Repeat("0", 64) + `"`, "no token"}},
	"clients[].previous_token_sha256": {
		{"9f86", "previous_" + hash},
		{strings.Repeat("0", 63) + "g", "previous_" + hash},
		{strings.Repeat("a", 65), "previous_" + hash},
		{"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", `the previous token is empty, or one of client "batch"`},
	},
	"clients[].scopes": {{"[]", "no scope"}, {"[rule]", "unknown scope"}},
}

// TestRequiredKeys: what may be left out has a default, and nothing else may.
func TestRequiredKeys(t *testing.T) {
	required := map[string]bool{
		"listen": true, "ops": true, "key_file": true, "database": true, "routes": true, "acquirer": true, "banks": true, "front.token_file": true,
		"clients[].id": true, "clients[].token_sha256": true, "clients[].scopes": true,
		"banks[].name": true, "banks[].dialect": true, "banks[].links": true, "banks[].links[].name": true, "banks[].links[].addresses": true,
	}
	for _, k := range keys(t) {
		left := k.with()
		if first := k.lines()[0]; item.MatchString(first) { // the item's next key takes its place
			next := strings.Split(full, "\n")[k.end]
			left = strings.Replace(full, first+"\n"+next, first[:k.column-1]+strings.TrimLeft(next, " "), 1)
		}
		_, wrong := load(t, left)
		if required[general(k.path)] != (wrong != "") {
			t.Errorf("without %s: %q", k.path, wrong)
		}
		for one := range strings.Lines(wrong) {
			if !located.MatchString(one) {
				t.Errorf("without %s: no place: %s", k.path, one)
			}
		}
	}
	both := strings.Replace(full, "anonymous: [bank]\n", "", 1)
	both = both[:strings.Index(both, "clients:")] + both[strings.Index(both, "grace:"):]
	if _, wrong := load(t, both); !strings.Contains(wrong, "clients: at least one") {
		t.Errorf("nobody may call: %q", wrong)
	}
}

// The first pause of advices is the longest, too, where no other is set: so it has
// the same bound.
func TestAFirstPauseWithoutALongest(t *testing.T) {
	text := strings.Replace(strings.Replace(full, "  backoff_max: 5m\n", "", 1), "backoff_min: 1s", "backoff_min: 2562047h", 1)
	if _, wrong := load(t, text); !strings.Contains(wrong, ":25:16: advices.backoff_min: must not exceed 24h0m0s") {
		t.Errorf("told: %q", wrong)
	}
}

// Each client that is wrong is told, also beside another that is.
func TestEveryWrongClientIsTold(t *testing.T) {
	text := strings.Replace(strings.Replace(full, "[operate]", "[rule]", 1), "token_sha256: 9f86", "token_sha256: 9g86", 1)
	if _, wrong := load(t, text); !strings.Contains(wrong, ":14:7: clients[0]: ") || !strings.Contains(wrong, ":17:7: clients[1]: ") {
		t.Errorf("two clients are wrong: %s", wrong)
	}
}

// TestWholeFileWrong: what is no configuration at all.
func TestWholeFileWrong(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "comment": "# nothing\n", "list": "- a\n", "text": "text", "binary": "\x00\xff", "second document": full + "---\na: b\n",
		"second document, empty first": "---\n# nothing\n---\n- a\n", "tab": "log:\n\tlevel: info\n", "not closed": "banks: [\n", "nested": strings.Repeat("{a: ", 100),
		"two clients of an id":   strings.Replace(full, "id: operators", "id: batch", 1),
		"two clients of a token": strings.Replace(full, "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", 1),
		"routes of no bank":      strings.Replace(full, "name: xjrcu\n", "name: klb\n", 1),
		"routes of another kind": strings.Replace(full, "routes.yaml", "own.yaml", 1),
		"merge":                  full + "<<: {grace: 1s}\n", "too large": full + strings.Repeat("#\n", 64<<10), "two banks of a name": full + "  - name: korla\n    dialect: plain\n    links: [{name: a, addresses: [\"a:1\"]}]\n",
	} {
		_, wrong := load(t, text)
		if wrong == "" {
			t.Errorf("%s: taken", name)
		}
		for one := range strings.Lines(wrong) {
			if !located.MatchString(one) {
				t.Errorf("%s: no place: %s", name, one)
			}
		}
	}
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "none.yaml")} {
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestUnusableFiles: the files that are opened at the start say what is wrong
// with them, and no door is opened.
func TestUnusableFiles(t *testing.T) {
	for name, c := range map[string]struct {
		key, value, want string
		prepare          func(path string) error
	}{
		"key file missing":       {"key_file", "none.json", "switchd.yaml:3:11: key_file: ", nil},
		"key file a folder":      {"key_file", "own", "own is not a file", func(p string) error { return os.Mkdir(p, 0o700) }},
		"key file read by all":   {"key_file", "own", "chmod 600", func(p string) error { return os.WriteFile(p, []byte("{}"), 0o644) }}, //nolint:gosec // what is tested
		"key file of text":       {"key_file", "own", "own", func(p string) error { return os.WriteFile(p, []byte("text"), 0o600) }},
		"database a folder":      {"database", "own", "own", func(p string) error { return os.Mkdir(p, 0o700) }},
		"database in no folder":  {"database", "none/switch.db", "none/switch.db", nil},
		"database of text":       {"database", "own", "own", func(p string) error { return os.WriteFile(p, []byte(strings.Repeat("text", 1000)), 0o600) }},
		"routes a folder":        {"routes", "own", "switchd.yaml:5:9: routes: ", func(p string) error { return os.Mkdir(p, 0o700) }},
		"dialect a folder":       {"dialect", "own", "switchd.yaml:32:14: banks[0].dialect: ", func(p string) error { return os.Mkdir(p, 0o700) }},
		"dialect in no folder":   {"dialect", "none/own.yaml", "switchd.yaml:32:14: banks[0].dialect: ", nil},
		"routes in a wrong file": {"routes", "own", "own:1:1: ", func(p string) error { return os.WriteFile(p, []byte("- a\n"), 0o600) }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			old := map[string]string{"key_file": "key.json", "database": "switch.db", "routes": "routes.yaml", "dialect": "own.yaml"}[c.key]
			text := strings.Replace(full, c.key+": "+old, c.key+": "+c.value, 1)
			files := map[string]string{"switchd.yaml": text, "own.yaml": ownDialect, "routes.yaml": ownRoutes, "places.yaml": ownPlaces, "front.token": "token\n"}
			for file, content := range files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := vault.NewKeyFile(filepath.Join(dir, "key.json")); err != nil {
				t.Fatal(err)
			}
			if c.prepare != nil {
				if err := c.prepare(filepath.Join(dir, c.value)); err != nil {
					t.Fatal(err)
				}
			}
			config, err := Load(filepath.Join(dir, "switchd.yaml"))
			if err == nil {
				config.Ready = func(Addresses) { t.Error("a door was opened") }
				err = Run(t.Context(), config)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
