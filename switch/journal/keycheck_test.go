package journal_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	switching "wxswitch/switch"
	"wxswitch/switch/journal"
	"wxswitch/switch/vault"
)

// TestCheckKey: the key fits if it opens the newest row that is not damaged.
func TestCheckKey(t *testing.T) {
	o := options(t)
	path := filepath.Join(t.TempDir(), "key.json")
	var err error
	if err = vault.NewKeyFile(path); err != nil {
		t.Fatal(err)
	}
	keys := map[string]*vault.Vault{}
	if keys["own"], err = vault.Load(path); err != nil {
		t.Fatal(err)
	}
	if err = vault.Rotate(path); err != nil {
		t.Fatal(err)
	}
	if keys["own, rotated"], err = vault.Load(path); err != nil {
		t.Fatal(err)
	}
	if keys["stranger"], err = vault.New(); err != nil {
		t.Fatal(err)
	}
	o.Vault = keys["own"]
	j := start(t, o)
	check := func(when string, wrong ...string) {
		t.Helper()
		for name, key := range keys {
			want := false
			for _, w := range wrong {
				want = want || w == name
			}
			of := &journal.Journal{Options: j.Options}
			of.Vault = key
			if err := of.CheckKey(t.Context()); errors.Is(err, journal.ErrWrongKey) != want || !want && err != nil {
				t.Errorf("%s, key %q: %v", when, name, err)
			}
		}
	}
	check("no rows")
	n := switching.NewNumbers(j, time.Now)
	opened(t, j, n, o, "6210081234567890")
	newest := opened(t, j, n, o, "6210081234567891")
	check("rows", "stranger")
	damage(t, o, newest.ID)
	check("the newest damaged", "stranger")
	o.Vault = keys["own, rotated"]
	rotated := &journal.Journal{Options: j.Options}
	rotated.Vault = o.Vault
	opened(t, rotated, n, o, "6210081234567892")
	check("the newest of the rotated key", "stranger", "own")
}
