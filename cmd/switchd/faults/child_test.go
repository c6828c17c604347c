package faults

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wxswitch/cmd/switchd/app"
	"wxswitch/codec"
	"wxswitch/codec/frame"
	"wxswitch/codec/iso"
)

// childEnv holds the configuration file of a test binary that is to be switchd;
// pauseEnv, how often it may send a code to one follower.
const (
	childEnv = "WXSWITCH_FAULTS_CHILD"
	pauseEnv = "WXSWITCH_FAULTS_PAUSE"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		os.Exit(beSwitchd(path))
	}
	flag.Parse()
	for name, value := range map[string]string{"rapid.checks": modelRuns, "test.parallel": atOnce} {
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			_ = f.Value.Set(value)
		}
	}
	goleak.VerifyTestMain(m)
}

// modelRuns is how many orders TestEveryOrder tries of each pair of types,
// unless -rapid.checks says otherwise: with the race detector one takes about a
// second.
const modelRuns = "25"

// atOnce is how many of the tests that may run beside others do: they wait most
// of their time.
const atOnce = "6"

// beSwitchd runs the switch as cmd/switchd does, with failpoints that the parent
// arms on standard input: "arm STEP N" dies at the N-th pass of a step, "limit N"
// bounds the size of its files. It dies with its parent.
func beSwitchd(path string) int {
	signal.Ignore(syscall.SIGXFSZ)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c, err := app.Load(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	f := failpoint{dialects: make(map[string]codec.Dialect)}
	for _, b := range c.Banks {
		for _, l := range b.Links {
			for _, address := range l.Addresses {
				if f.dialects[address], err = iso.Open(b.Dialect); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return 1
				}
			}
		}
	}
	pause, _ := time.ParseDuration(os.Getenv(pauseEnv))
	c.Hooks = briskly(pause, func(step string) error { f.pass(step); return nil })
	c.Failpoint, c.FailCommit, c.Dial = f.pass, func(step string) error { f.pass(step); return nil }, f.dial
	c.Ready = func(a app.Addresses) { fmt.Fprintln(os.Stdout, "up", a.API, a.Ops, os.Getpid()) }
	go f.obey(os.Stdin)
	if err := app.Run(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// failpoint kills the process at the n-th pass of a step: those of the switch,
// of its database, of advices, of notices ("notice-claim", "notice-send"), and of
// failConn.
type failpoint struct {
	dialects map[string]codec.Dialect // by address; read only

	mu   sync.Mutex // guards what follows
	step string
	left int
}

func (f *failpoint) hit(step string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.step != step || f.left == 0 {
		return false
	}
	f.left--
	return f.left == 0
}

func (f *failpoint) pass(step string) {
	if f.hit(step) {
		die(step)
	}
}

func (f *failpoint) armed(step string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.step == step && f.left > 0
}

// die is kill -9. The parent is told where, and when, to count what was in
// flight.
func die(step string) {
	fmt.Fprintln(os.Stdout, "dying", step, time.Now().UnixNano())
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func (f *failpoint) obey(commands io.Reader) {
	lines := bufio.NewScanner(commands)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		n, _ := strconv.Atoi(words[len(words)-1])
		switch words[0] {
		case "arm":
			f.mu.Lock()
			f.step, f.left = words[1], n
			f.mu.Unlock()
		case "limit":
			bound := syscall.Rlimit{Cur: uint64(n), Max: 1 << 40}
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &bound); err != nil {
				fmt.Fprintln(os.Stderr, "limit:", err)
			}
		}
		fmt.Fprintln(os.Stdout, "ok")
	}
	os.Exit(3)
}

func (f *failpoint) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return failConn{c, f, f.dialects[address]}, nil
}

// failConn passes "half" when half of a write is on the socket, "write" when
// all is, and "sent" when an advice was among it.
type failConn struct {
	net.Conn
	f       *failpoint
	dialect codec.Dialect
}

func (c failConn) Write(b []byte) (int, error) {
	if c.f.hit("half") {
		_, _ = c.Conn.Write(b[:len(b)/2])
		die("half")
	}
	n, err := c.Conn.Write(b)
	c.f.pass("write")
	if c.f.armed("sent") && c.advises(b) {
		c.f.pass("sent")
	}
	return n, err
}

func (c failConn) advises(b []byte) bool {
	for frames := frame.NewReader(bytes.NewReader(b), c.dialect.Frame()); ; {
		raw, err := frames.Next()
		if err != nil {
			return false
		}
		if head, err := c.dialect.Peek(raw); err == nil && head.Type.Class() == codec.Advice {
			return true
		}
	}
}

// child is switchd as a process of its own.
type child struct {
	t      testing.TB
	cmd    *exec.Cmd
	pid    int // its own, where another program runs it
	stdin  io.WriteCloser
	lines  chan string // what it says; closed at its end
	exited chan error  // capacity 1
	killed time.Time   // once dead: since when it was dying
	diedOf string      // once dead: the step, where it was a failpoint
	log    string
}

// startChild starts the switch as a child, behind further words of a command
// line, and waits until it is up.
func (h *house) startChild(before ...string) *child {
	h.t.Helper()
	self, err := os.Executable()
	must(h.t, err)
	words := append(before, self)
	log, err := os.OpenFile(h.path("child.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(h.t, err)
	defer log.Close() //nolint:errcheck // the child has its own
	c := &child{t: h.t, lines: make(chan string, 64), exited: make(chan error, 1), log: log.Name()}
	c.cmd = exec.Command(words[0], words[1:]...) //nolint:gosec,noctx // this binary; killed by the tests
	c.cmd.Env = append(os.Environ(), childEnv+"="+h.path("switchd.yaml"), pauseEnv+"="+h.pause.String())
	c.cmd.Stderr = log
	c.stdin, err = c.cmd.StdinPipe()
	must(h.t, err)
	out, err := c.cmd.StdoutPipe()
	must(h.t, err)
	must(h.t, c.cmd.Start())
	go c.listen(out)
	c.pid = c.cmd.Process.Pid
	h.t.Cleanup(c.kill)
	words = strings.Fields(c.line())
	if len(words) != 4 || words[0] != "up" {
		h.t.Fatalf("switchd does not start: %s", c.tail())
	}
	c.pid, err = strconv.Atoi(words[3])
	must(h.t, err)
	h.up(app.Addresses{API: words[1], Ops: words[2]})
	return c
}

func (c *child) listen(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if at, dying := strings.CutPrefix(lines.Text(), "dying "); dying {
			step, at, _ := strings.Cut(at, " ")
			ns, _ := strconv.ParseInt(at, 10, 64)
			c.killed, c.diedOf = time.Unix(0, ns), step
			continue
		}
		c.lines <- lines.Text()
	}
	close(c.lines)
	c.exited <- c.cmd.Wait()
}

// line is the next thing it says, empty at its end.
func (c *child) line() string {
	select {
	case l := <-c.lines:
		return l
	case <-time.After(limit):
		c.t.Fatalf("switchd says nothing: %s", c.tail())
		return ""
	}
}

// tell gives a command and waits until it is obeyed, or the child is dead.
func (c *child) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(c.stdin, format+"\n", args...)
	c.line()
}

// wait returns how it ended; it may be called again.
func (c *child) wait() error {
	select {
	case err := <-c.exited:
		c.exited <- err
		_ = c.stdin.Close()
		return err
	case <-time.After(limit):
		c.t.Errorf("switchd does not end")
		return nil
	}
}

// stop asks it to end, and returns how it did.
func (c *child) stop() error {
	must(c.t, syscall.Kill(c.pid, syscall.SIGTERM))
	return c.wait()
}

// kill is kill -9 from outside.
func (c *child) kill() {
	at := time.Now()
	select {
	case err := <-c.exited: // it is dead, and its number may be another's
		c.exited <- err
	default:
		_ = syscall.Kill(c.pid, syscall.SIGKILL)
	}
	_ = c.wait()
	if c.killed.IsZero() {
		c.killed = at
	}
}

// sane looks for what a dying process must not have said.
func (c *child) sane() {
	c.t.Helper()
	said, err := os.ReadFile(c.log)
	must(c.t, err)
	for _, bad := range []string{"DATA RACE", "panic", "fatal error"} {
		if strings.Contains(string(said), bad) {
			c.t.Fatalf("switchd said %q:\n%s", bad, said)
		}
	}
}

func (c *child) tail() string {
	said, _ := os.ReadFile(c.log)
	return string(said[max(0, len(said)-4000):])
}
