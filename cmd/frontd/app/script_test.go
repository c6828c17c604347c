package app_test

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"wxswitch/cmd/frontd/app"
	"wxswitch/cmd/internal/program"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"frontd": func() { program.Main(app.Command()) }})
}

func TestScripts(t *testing.T) {
	repository, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob(filepath.Join(repository, "testdata/script/frontd_*.txtar"))
	if err != nil || len(scripts) < 1 {
		t.Fatal(scripts, err)
	}
	testscript.Run(t, testscript.Params{
		Files: scripts, RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, "REPO="+repository)
			return nil
		},
	})
}
