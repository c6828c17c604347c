package strict_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"wxswitch/routing/strict"
)

// read returns the number under the key n of a file, or what is wrong with it.
func read(text string) (float64, error) {
	r := strict.New("f.yaml", 1<<10, "nothing in it")
	root := r.Root([]byte(text))
	if root == nil {
		return 0, r.Err()
	}
	n, ok := r.Need(r.Mapping(root, "the file", "n"), "n")
	if !ok {
		return 0, r.Err()
	}
	d, _ := r.Decimal(n, "n")
	return d, r.Err()
}

func TestDecimal(t *testing.T) {
	for text, want := range map[string]float64{"n: 0": 0, "n: 7": 7, "n: 87.616824": 87.616824, "n: 0.5": 0.5, "n: 1234.12345678": 1234.12345678} {
		if got, err := read(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"n: -1", "n: +1", "n: 007", "n: 0x1F", "n: 1e3", "n: .5", "n: 1.", "n: .inf", "n: 12345", "n: 1.123456789", "n: '1'", "n:", "n: 1_0", "n: [1]"} {
		if got, err := read(text); err == nil || !strings.HasPrefix(err.Error(), "f.yaml:1:") {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

// A pipe in a file's place would hold a reload up for ever, and with it the stop.
func TestReadFileWaitsForNoWriter(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() {
		_, err := strict.ReadFile(pipe, 1<<10)
		read <- err
	}()
	select {
	case err := <-read:
		if want := "read " + pipe + ": is not a file"; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	case <-time.After(5 * time.Second):
		t.Error("a pipe is waited for")
	}
	if _, err := strict.ReadFile(t.TempDir(), 1<<10); err == nil || !strings.HasSuffix(err.Error(), "is a directory") {
		t.Error(err)
	}
}

func TestNothingAndTooMuch(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "f.yaml:1:1: nothing in it",
		strings.Repeat("#", 1<<10+1): "f.yaml:1:1: larger than 1024 bytes",
		"m: 1":                       "f.yaml:1:1: unknown key \"m\"; the file has n\nf.yaml:1:1: the file needs n",
	} {
		if _, err := read(text); err == nil || err.Error() != want {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}
