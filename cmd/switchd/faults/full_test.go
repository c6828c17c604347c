package faults

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	switching "wxswitch/switch"
)

// disk is a file system of a size, for the switch's database alone. Without the
// right to mount one it is a folder, and the size of the switch's files is
// bounded in its place.
type disk struct {
	t       *testing.T
	dir     string
	mounted bool
}

func newDisk(t *testing.T) *disk {
	d := &disk{t: t, dir: filepath.Join(t.TempDir(), "disk")}
	must(t, os.Mkdir(d.dir, 0o700))
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, "size=48m"); err != nil {
		t.Logf("no disk of its own (%v): the size of files is bounded instead", err)
		return d
	}
	d.mounted = true
	t.Cleanup(func() { must(t, syscall.Unmount(d.dir, 0)) })
	return d
}

func (d *disk) filler() string { return filepath.Join(d.dir, "filler") }

// fill leaves no room, not one byte.
func (d *disk) fill(c *child) {
	if !d.mounted {
		c.tell("limit 1")
		return
	}
	f, err := os.OpenFile(d.filler(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(d.t, err)
	defer f.Close() //nolint:errcheck // what is written is not read
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else {
			must(d.t, err)
		}
	}
}

// free makes room again.
func (d *disk) free(c *child) {
	if !d.mounted {
		c.tell("limit %d", int64(1)<<40)
		return
	}
	must(d.t, os.Remove(d.filler()))
}

// TestNoRoomUnderLoad: the disk of the journal is full while requests run, twice.
// Nothing is told that is not so; with room again it goes on by itself, and the
// books agree.
func TestNoRoomUnderLoad(t *testing.T) {
	d := newDisk(t)
	h := newHouse(t, plan{people: 120, breaker: "{consecutive_failures: 1000, min_requests: 1000}", data: filepath.Join(d.dir, "switch.db")})
	c := h.startChild()
	h.online()
	k := &killing{random: rand.New(rand.NewPCG(1, 1))} //nolint:gosec // reproducible
	l := k.load(h, 0)
	approved := func(a heard) bool { return a.outcome() == switching.Approved && a.key != "" }
	l.more(t, 50, "approvals", approved)
	for range 2 {
		d.fill(c)
		l.more(t, 50, "refusals for the journal", func(a heard) bool { return a.problem == "journal" && a.status == 503 })
		d.free(c)
		l.more(t, 50, "approvals", approved)
	}
	heard := l.end()
	told := make(map[string]int)
	for _, a := range heard {
		if a.err != nil {
			t.Errorf("no answer: %v", a.err)
		}
		told[cmp.Or(a.problem, string(a.outcome()))]++
	}
	t.Logf("%d requests: %v", len(heard), told)
	k.repeat(t, h, heard)
	h.compare()
	if err := c.stop(); err != nil {
		t.Errorf("stop: %v: %s", err, c.tail())
	}
	c.sane()
}

// more waits until the callers have heard n more that are so.
func (l *load) more(t *testing.T, n int, what string, so func(heard) bool) {
	t.Helper()
	count := func() (count int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, a := range l.all {
			if so(a) {
				count++
			}
		}
		return count
	}
	until := count() + n
	eventually(t, what, func() bool { return count() >= until })
}
