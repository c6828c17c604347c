package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"wxswitch/switch/vault"
)

// childEnv makes this test's binary the program itself, to be sent signals.
const childEnv = "WXSWITCH_SWITCHD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		main()
	}
	os.Exit(m.Run())
}

const configuration = `listen: 127.0.0.1:0
ops: 127.0.0.1:0
key_file: key.json
database: switch.db
routes: routes.yaml
places: places.yaml
acquirer: "48980000"
anonymous: [bank, customer]
banks:
  - {name: xjrcu, dialect: plain, links: [{name: l, addresses: ["127.0.0.1:1"]}]}
  - {name: klb, dialect: plain, links: [{name: l, addresses: ["127.0.0.1:1"]}]}
`

// TestHangupReloadsRoutes: each SIGHUP, not only the first, has the files of routes and
// places read again. Where one is wrong, neither changes anything.
func TestHangupReloadsRoutes(t *testing.T) {
	p := start(t)
	for _, c := range []struct{ to, place, said, now string }{
		{"klb", "klb", "routes reloaded", "klb"},
		{"xjrcu", "xjrcu", "routes reloaded", "xjrcu"},
		{"nobody", "klb", "routes.yaml:2", "xjrcu"}, // where it is wrong
		{"klb", "nobody", "places.yaml:2", "xjrcu"},
		{"klb", "klb", "routes reloaded", "klb"},
	} {
		p.write("routes.yaml", routesTo(c.to))
		p.write("places.yaml", placeOf(c.place))
		p.signal(syscall.SIGHUP)
		p.says(c.said)
		if bank := p.explain(); bank != c.now {
			t.Errorf("after a file that says %s the account is of %s, want %s", c.to, bank, c.now)
		}
		if bank := p.branch(); bank != c.now {
			t.Errorf("after a file that says %s the branch is of %s, want %s", c.place, bank, c.now)
		}
	}
	p.signal(syscall.SIGTERM)
	p.says("switch is down")
	for range p.lines { // its end
	}
	if err := p.Wait(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// TestHangupAtTheStart: one that comes while the files are read ends nothing.
func TestHangupAtTheStart(t *testing.T) {
	p := prepare(t)
	path := filepath.Join(p.dir, "switchd.yaml")
	p.must(syscall.Mkfifo(path, 0o600))
	p.run()
	file, err := os.OpenFile(path, os.O_WRONLY, 0) // once it reads
	p.must(err)
	p.signal(syscall.SIGHUP)
	_, err = file.WriteString(configuration)
	p.must(errors.Join(err, file.Close()))
	p.says("switch is up")
	p.signal(syscall.SIGTERM)
	for range p.lines { // its end
	}
	if err := p.Wait(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// TestALogWhoseReaderIsGone: the switch works on, and stops as it should.
func TestALogWhoseReaderIsGone(t *testing.T) {
	p := start(t)
	p.must(p.log.Close())
	for range p.lines { // its end
	}
	p.signal(syscall.SIGHUP)
	if bank := p.explain(); bank != "xjrcu" {
		t.Errorf("the account is of %s", bank)
	}
	p.signal(syscall.SIGTERM)
	if err := p.Wait(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// TestADatabaseThatIsMadeIsTold: where a disk is not mounted, the switch begins with
// nothing, and says so.
func TestADatabaseThatIsMadeIsTold(t *testing.T) {
	p := prepare(t)
	p.write("switchd.yaml", configuration)
	for _, made := range []bool{true, false} {
		p.lines = make(chan map[string]any, 64)
		p.run()
		told := false
		for line := range p.lines {
			switch line["message"] {
			case "there was no database: a new one is made":
				told = true
			case "switch is up":
				p.signal(syscall.SIGTERM)
			}
		}
		if err := p.Wait(); err != nil || told != made {
			t.Errorf("%v; a new database was told: %v, want %v", err, told, made)
		}
	}
}

func routesTo(bank string) string {
	return "cards:\n  - {bank: " + bank + ", prefix: \"621008\", lengths: [16]}\n"
}

func placeOf(bank string) string {
	return "branches:\n  - {id: one, bank: " + bank + ", number: '1', name: 一, address: 一, phone: 0991-9600101, hours: 一, services: [一], lat: 43.8, lng: 87.6}\n"
}

// process is switchd as one of its own.
type process struct {
	*exec.Cmd
	t     *testing.T
	dir   string
	log   io.Closer
	lines chan map[string]any // of its log; closed at its end
	url   string
}

func start(t *testing.T) *process {
	p := prepare(t)
	p.write("switchd.yaml", configuration)
	p.run()
	p.url = "http://" + p.says("switch is up")["api"].(string)
	return p
}

// prepare makes the files that the configuration names.
func prepare(t *testing.T) *process {
	p := &process{t: t, dir: t.TempDir(), lines: make(chan map[string]any, 64)}
	p.write("routes.yaml", routesTo("xjrcu"))
	p.write("places.yaml", placeOf("xjrcu"))
	p.must(vault.NewKeyFile(filepath.Join(p.dir, "key.json")))
	return p
}

func (p *process) run() {
	p.t.Helper()
	p.Cmd = exec.CommandContext(p.t.Context(), os.Args[0], "--config", filepath.Join(p.dir, "switchd.yaml"))
	p.Env = append(os.Environ(), childEnv+"=1")
	log, err := p.StderrPipe()
	p.must(err)
	p.must(p.Start())
	p.log = log
	go func() {
		defer close(p.lines)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			var fields map[string]any
			if err := json.Unmarshal(lines.Bytes(), &fields); err != nil {
				p.t.Errorf("it says %q", lines.Text())
			}
			p.lines <- fields
		}
	}()
}

// says waits for a line of the log that holds the words.
func (p *process) says(words string) map[string]any {
	p.t.Helper()
	for limit := time.After(time.Minute); ; {
		select {
		case line, alive := <-p.lines:
			if text, _ := json.Marshal(line); strings.Contains(string(text), words) {
				return line
			}
			if !alive {
				p.t.Fatalf("it ended and never said %q", words)
			}
		case <-limit:
			p.t.Fatalf("it does not say %q", words)
		}
	}
}

// explain asks which bank an account is of.
func (p *process) explain() string {
	p.t.Helper()
	answer, err := http.Post(p.url+"/v1/routes/explain", "application/json", strings.NewReader(`{"account":"6210081234567892"}`))
	p.must(err)
	return p.bankIn(answer)
}

// branch asks which bank the branch is of.
func (p *process) branch() string {
	p.t.Helper()
	answer, err := http.Get(p.url + "/v1/places/branches/one")
	p.must(err)
	return p.bankIn(answer)
}

func (p *process) bankIn(answer *http.Response) string {
	p.t.Helper()
	defer answer.Body.Close()
	var of struct{ Bank string }
	p.must(json.NewDecoder(answer.Body).Decode(&of))
	return of.Bank
}

func (p *process) signal(s os.Signal) { p.t.Helper(); p.must(p.Process.Signal(s)) }

func (p *process) write(name, text string) {
	p.t.Helper()
	p.must(os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600))
}

func (p *process) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}
