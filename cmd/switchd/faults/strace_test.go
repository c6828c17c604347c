package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"wxswitch/switch/api/client"
)

// TestJournalIsSyncedFirst traces the system calls of one deregistration: a
// killed process shows a write that came too early, never one that the disk
// does not have yet.
func TestJournalIsSyncedFirst(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing: apt-get install strace")
	}
	h := newHouse(t, plan{})
	trace := h.path("trace")
	c := h.startChild(strace, "-f", "-yy", "-s", "2000", "-o", trace,
		"-e", "trace=read,recvfrom,write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync,sync_file_range")
	h.online()
	h.answered(question{kind: client.TypeAuthenticate, bank: "xjrcu", key: "before"}) // numbers are reserved by now
	a := h.answered(question{kind: client.TypeDeregister, bank: "xjrcu", key: "traced-key"})
	must(t, c.stop())
	text, err := os.ReadFile(trace)
	must(t, err)
	order := orderOf(string(text), "traced-key", string(a.RRN), h.banks["xjrcu"].address())
	t.Logf("%s", strings.Join(order, " → "))
	must(t, checkOrderOf(order))
}

// The events of a trace.
const (
	asked  = "request read"
	logged = "log written"
	synced = "log synced"
	sent   = "bank's socket written"
	came   = "reply read"
	told   = "caller's socket written"
)

var resumed = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)$`)

// orderOf reads a trace as the events of one transaction, in order. A write
// counts when it begins, a read or a sync when it has ended.
func orderOf(trace, key, rrn, bank string) (order []string) {
	calls := make(map[string]string) // by thread: the call that has not ended
	for line := range strings.Lines(trace) {
		line = strings.TrimSpace(line)
		thread, call, _ := strings.Cut(line, " ")
		call = strings.TrimSpace(call)
		if m := resumed.FindStringSubmatch(line); m != nil {
			thread, call = m[1], calls[m[1]]+m[3]
			delete(calls, thread)
			order = appendEvent(order, ended(call, key, rrn, bank))
			continue
		}
		order = appendEvent(order, began(call, rrn, bank))
		if part, ok := strings.CutSuffix(call, "<unfinished ...>"); ok {
			calls[thread] = part
			continue
		}
		order = appendEvent(order, ended(call, key, rrn, bank))
	}
	from := slices.Index(order, asked)
	if from < 0 {
		return nil
	}
	return slices.Compact(order[from:])
}

func appendEvent(order []string, event string) []string {
	if event == "" || event != asked && !slices.Contains(order, asked) {
		return order
	}
	return append(order, event)
}

func is(call string, names ...string) bool {
	name, _, _ := strings.Cut(call, "(")
	return slices.Contains(names, name)
}

func began(call, rrn, bank string) string {
	switch {
	case !is(call, "write", "writev", "sendto", "sendmsg", "pwrite64"):
	case strings.Contains(call, "switch.db-wal>"):
		return logged
	case strings.Contains(call, "->"+bank+"]") && strings.Contains(call, rrn):
		return sent
	case strings.Contains(call, "TCP:") && strings.Contains(call, rrn):
		return told
	}
	return ""
}

func ended(call, key, rrn, bank string) string {
	switch {
	case is(call, "fsync", "fdatasync") && strings.Contains(call, "switch.db-wal>") && strings.HasSuffix(call, "= 0"):
		return synced
	case !is(call, "read", "recvfrom"):
	case strings.Contains(call, key):
		return asked
	case strings.Contains(call, "->"+bank+"]") && strings.Contains(call, rrn):
		return came
	}
	return ""
}

var inOrder = []string{asked, logged, synced, sent, came, logged, synced, told}

// checkOrderOf wants the order that is promised, up to the answer.
func checkOrderOf(order []string) error {
	if i := slices.Index(order, told); i >= 0 {
		order = order[:i+1]
	}
	if !slices.Equal(order, inOrder) {
		return fmt.Errorf("%w:\n%s, not\n%s", errOrder, strings.Join(order, ", "), strings.Join(inOrder, ", "))
	}
	return nil
}

var errOrder = errors.New("the journal is not synced first")

// TestOrderOfATraceCanBeWrong: what the test above must find.
func TestOrderOfATraceCanBeWrong(t *testing.T) {
	const log, bank, caller = "8</x/switch.db-wal>", "9<TCP:[127.0.0.1:4->127.0.0.1:7]>", "10<TCP:[127.0.0.1:5->127.0.0.1:6]>"
	lines := []string{
		`1 read(` + caller + `, "Idempotency-Key: k"..., 4096) = 100`,
		`1 pwrite64(` + log + `, "x", 4096, 0) = 4096`,
		`1 fdatasync(` + log + `) = 0`,
		`2 write(` + bank + `, "0100 R", 6) = 6`,
		`2 read(` + bank + `, "0110 R", 6) = 6`,
		`1 pwrite64(` + log + `, "x", 4096, 0 <unfinished ...>`,
		`3 read(` + bank + `, "", 6) = -1 EAGAIN`,
		`1 <... pwrite64 resumed>) = 4096`,
		`1 fdatasync(` + log + ` <unfinished ...>`,
		`1 <... fdatasync resumed>) = 0`,
		`2 write(` + caller + `, "{R}", 3) = 3`,
	}
	check := func(lines []string) error {
		return checkOrderOf(orderOf(strings.Join(lines, "\n")+"\n", "Key: k", "R", "127.0.0.1:7"))
	}
	must(t, check(lines))
	for name, wrong := range map[string][]string{
		"no sync before the bank":   slices.Delete(slices.Clone(lines), 2, 3),
		"no sync before the answer": slices.Delete(slices.Clone(lines), 8, 10),
		"sync that fails":           append(append(slices.Clone(lines[:2]), `1 fdatasync(`+log+`) = -1 EIO`), lines[3:]...),
		"sync that ends too late":   append(append(slices.Clone(lines[:9]), lines[10]), lines[9]),
		"bank first":                append([]string{lines[0], lines[3]}, append(slices.Clone(lines[1:3]), lines[4:]...)...),
		"nothing":                   nil,
	} {
		if err := check(wrong); !errors.Is(err, errOrder) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
