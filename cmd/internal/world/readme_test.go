package world_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"wxswitch/cmd/internal/world"
	"wxswitch/cmd/internal/world/worldtest"
)

// block is the README's first in the language after the mark.
func block(t *testing.T, mark, language string) string {
	t.Helper()
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), mark)
	_, rest, found2 := strings.Cut(rest, "```"+language+"\n")
	text, _, found3 := strings.Cut(rest, "```")
	if !found || !found2 || !found3 {
		t.Fatalf("the README has no %s after %q", language, mark)
	}
	return text
}

// The README's Python is run as it stands there.
func TestTheReadmesPythonDoesABalance(t *testing.T) {
	program := block(t, "", "python")
	if lines := strings.Count(program, "\n"); lines != 8 {
		t.Errorf("the README promises eight lines, and has %d", lines)
	}
	w := worldtest.Start(t, world.Options{})
	p := w.Sims["xjrcu"].People()[0]
	python := exec.CommandContext(t.Context(), "python3", "-c", program)
	python.Env = append(os.Environ(), "URL="+w.URL(), "TOKEN="+w.Token, "ACCOUNT="+p.Accounts[0].Number.Reveal())
	out, err := python.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "approved ") {
		t.Fatalf("python3 (apt-get install python3): %v\n%s", err, out)
	}
}

// What the README does by hand before it starts the programs, which it does on the
// samples' ports, is done as it stands there.
func TestTheReadmesSamplesFit(t *testing.T) {
	before, _, found := strings.Cut(block(t, "### All of it by hand", "sh"), "\nbanksim ")
	if !found || !strings.Contains(before, "\nfrontd config check frontd.yaml") {
		t.Fatal("the README checks no configuration before it starts a program")
	}
	before += "\nfor token in switch.token operator.token; do grep $(tr -d '\\n' < $token | sha256sum | cut -d' ' -f1) -B1 switchd.yaml; done"
	shell := exec.CommandContext(t.Context(), "sh", "-ec", before)
	shell.Dir = "../../.."
	shell.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	out, err := shell.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "switchd.yaml: ok (4 banks, 3 clients)\nfrontd.yaml: good") {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, client := range []string{"front", "operators"} {
		if !strings.Contains(string(out), "- id: "+client) {
			t.Errorf("nobody has a token of %s:\n%s", client, out)
		}
	}
}
