package program

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

const fails = "PROGRAM_TEST_FAILS"

func TestMain(m *testing.M) {
	if os.Getenv(fails) != "" {
		Main(&cobra.Command{RunE: func(*cobra.Command, []string) error { return errors.New("port taken") }})
	}
	os.Exit(m.Run())
}

// A program that fails ends, though nobody reads why: else nobody starts it again.
func TestAnErrorThatNobodyReads(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // not what is tested
	_ = w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := w.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the pipe is not full:", err)
	}
	c := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this test
	c.Env, c.Stderr = append(os.Environ(), fails+"=1"), w
	if err := syscall.SetNonblock(int(w.Fd()), false); err != nil { // as a shell's is
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(10*time.Second, func() { _ = c.Process.Kill() })
	defer kill.Stop()
	if err := c.Wait(); c.ProcessState.ExitCode() != 1 {
		t.Error(err)
	}
}
