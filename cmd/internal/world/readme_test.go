package world_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"wxswitch/cmd/internal/world"
)

// The README's Python is run as it stands there.
func TestTheReadmesPythonDoesABalance(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, program, _ := strings.Cut(string(readme), "```python\n")
	program, _, _ = strings.Cut(program, "```")
	if lines := strings.Count(program, "\n"); lines != 8 {
		t.Errorf("the README promises eight lines, and has %d", lines)
	}
	w := world.Start(t, world.Options{})
	p := w.Sims["xjrcu"].People()[0]
	python := exec.CommandContext(t.Context(), "python3", "-c", program)
	python.Env = append(os.Environ(), "URL="+w.URL(), "TOKEN="+w.Token, "ACCOUNT="+p.Accounts[0].Number.Reveal())
	out, err := python.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "approved ") {
		t.Fatalf("python3 (apt-get install python3): %v\n%s", err, out)
	}
}
