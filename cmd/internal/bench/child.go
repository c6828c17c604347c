package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// roleVariable tells this program, started again, what to be.
const roleVariable = "WXSWITCH_BENCH_ROLE"

// role is the part of a child. Its orders come as lines of JSON on standard
// input, one answer to each goes to standard output, and the end of its input is
// its own: so a child outlives nobody, however its parent ended.
type role struct {
	Name   string
	Config string // the switch's file
	Bank   string // the relay's bank
	Keeps  string // what the relay keeps
	Dir    string // where it does
	Banks  int    // how many the bank is
	Token  string // by which the front knows the switch
}

// hello is a child's first line.
type hello struct{ Addresses []string }

// order changes what a child does. Done is the answer to each.
type order struct {
	Profile    string // begin a CPU profile in this file
	EndProfile bool
	Bank       int      // which bank the rest is for
	CodeOf     string   // an account: its last SMS code is asked for
	Movements  []string // accounts: write movements of them, in turn
	Times      int      // of each
	Say        bool     // tell the switch what is written, and wait until it has heard it
	Told       int      // the front: wait until so many notices more were told
	Rate       int      // answers a second; 0 for as many as can be
	Silent     bool
	Delay      time.Duration // of each answer
}

type done struct {
	Error string
	Code  string
}

// child is a process of this program, seen by its parent.
type child struct {
	name   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	mu     sync.Mutex // held from an order to its answer
	orders *json.Encoder
	says   *json.Decoder
	at     []string // its addresses
}

// startChild starts a child and waits until it is up. It ignores Ctrl-C: its
// parent stops it.
func startChild(r role, log *os.File) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	part, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.Background(), self)
	cmd.Env = append(os.Environ(), roleVariable+"="+string(part))
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{name: r.Name, cmd: cmd, in: in, orders: json.NewEncoder(in), says: json.NewDecoder(out)}
	var h hello
	if err := c.says.Decode(&h); err != nil {
		return nil, errors.Join(fmt.Errorf("%s did not come up: see %s", r.Name, log.Name()), c.stop())
	}
	c.at = h.Addresses
	return c, nil
}

// tell gives an order and waits until it is carried out.
func (c *child) tell(o order) error {
	_, err := c.ask(o)
	return err
}

// ask is tell for an order that is answered by more.
func (c *child) ask(o order) (d done, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := errors.Join(c.orders.Encode(o), c.says.Decode(&d)); err != nil {
		return d, fmt.Errorf("%s: %w", c.name, err)
	}
	if d.Error != "" {
		return d, fmt.Errorf("%s: %s", c.name, d.Error)
	}
	return d, nil
}

// stop lets the child end, and kills one that does not.
func (c *child) stop() error {
	_ = c.in.Close()
	killer := time.AfterFunc(30*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer killer.Stop()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// cpu is what the process has spent until now, by its own account (proc(5),
// utime and stime, in ticks of 10 ms).
func (c *child) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, _ := strconv.ParseInt(f, 10, 64)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
