package routing

import (
	"errors"
	"os"
	"testing"

	"wxswitch/codec"
	"wxswitch/routing/strict"
)

var testBanks = []Bank{"xjrcu", "urmqccb", "klb", "korla"}

const sampleFile = "../testdata/bins/xinjiang.yaml"

// FuzzRouteFile: any bytes give a table that can be used, or problems that
// each name a place.
func FuzzRouteFile(f *testing.F) {
	sample, err := os.ReadFile(sampleFile)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample)
	for _, wrong := range wrongFiles {
		f.Add([]byte(wrong.file))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := Parse("fuzz.yaml", data, testBanks)
		if err != nil {
			checkProblems(t, err)
			return
		}
		for _, c := range claimsOf(table.rules) {
			account := codec.NewAccount((c.prefix + "0000000000000000000000000000")[:c.length])
			if target, reason := table.route(account.Reveal(), c.bank); reason == UnknownBIN {
				t.Errorf("%s: length %d: %v, unknown to its own table", c.rule, c.length, target)
			}
			_ = table.Explain(account, "").String()
		}
	})
}

func checkProblems(t *testing.T, err error) {
	t.Helper()
	var problems Problems
	if !errors.As(err, &problems) || len(problems) == 0 || len(problems) > strict.MaxProblems+1 {
		t.Fatalf("not problems: %v", err)
	}
	for _, p := range problems {
		if p.File != "fuzz.yaml" || p.Line < 1 || p.Column < 1 || p.Text == "" {
			t.Errorf("problem without place or text: %q", p)
		}
	}
}
