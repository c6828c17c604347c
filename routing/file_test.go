package routing

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wxswitch/routing/strict"
)

// wrongFiles are files that are refused, each with all that is told of it.
var wrongFiles = []struct {
	name, file string
	want       []string
}{
	{"empty", "", []string{`1:1: no rules`}},
	{"comment only", "# nothing\n", []string{`1:1: no rules`}},
	{"empty lists", "cards: []\npassbooks: []\n", []string{`1:1: no rules`}},
	{"not a map", "- a\n", []string{`1:1: the file must be a map with the keys cards, passbooks`}},
	{"text", "cards", []string{`1:1: the file must be a map with the keys cards, passbooks`}},
	{"syntax", "cards:\n  - {bank: klb\n", []string{`2:5: could not find flow mapping end token '}'`}},
	{"tab", "cards:\n\t- {}\n", []string{`2:1: control character or tab: indent with spaces`}},
	{"not UTF-8", "cards:\n  # \xc0\xa5\n", []string{`2:5: not UTF-8`}},
	{"second document", "cards: []\n---\ncards: []\n", []string{`3:1: a second document`}},
	{"directive", "%YAML 1.2\n---\ncards: []\n", []string{`1:1: anchors, tags, directives and complex keys are not used here`}},
	{"anchor", "cards: &a []\n", []string{`1:8: anchors, tags, directives and complex keys are not used here`}},
	{"alias", "cards: *a\n", []string{`1:8: anchors, tags, directives and complex keys are not used here`}},
	{"tag", "cards: !!seq []\n", []string{`1:8: anchors, tags, directives and complex keys are not used here`}},
	{"merge", "cards: []\n<<: {}\n", []string{`2:1: anchors, tags, directives and complex keys are not used here`}},
	{"complex key", "? [a]\n: b\n", []string{`1:1: anchors, tags, directives and complex keys are not used here`}},
	{"nested", "cards: [[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]\n", []string{`1:24: nested too deep`}},
	{"unknown key at the top", "cards: []\ncard: []\n", []string{`2:1: unknown key "card"; the file has cards, passbooks`}},
	{"too many keys", strings.Repeat("a:\n- b\n", 65), []string{`129:2: too many keys in one map`}},
	{"list missing", "cards:\npassbooks: {}\n", []string{`1:1: cards must be a list`, `2:1: passbooks must be a list`}},
	{"list twice", "cards: []\npassbooks: []\ncards: []\n", []string{`3:1: cards stands twice, first at t.yaml:1:1`}},
	{"rule is text", "cards:\n- klb\n", []string{
		`2:3: a card rule must be a map with the keys bank, prefix, lengths, luhn`,
	}},
	{"rule is empty", "passbooks:\n-\n", []string{
		`2:3: a passbook rule must be a map with the keys bank, prefix, length, shared`,
	}},
	{"keys missing", "cards:\n- {}\npassbooks:\n- bank: klb\n", []string{
		`2:3: a card rule needs bank`, `2:3: a card rule needs prefix`, `2:3: a card rule needs lengths`,
		`4:3: a passbook rule needs prefix`, `4:3: a passbook rule needs length`,
	}},
	{"keys of the other kind", "cards:\n- {bank: klb, prefix: \"621029\", lengths: [19], shared: true}\npassbooks:\n- {bank: klb, prefix: \"\", length: 12, luhn: true}\n", []string{
		`2:48: unknown key "shared"; a card rule has bank, prefix, lengths, luhn`,
		`4:39: unknown key "luhn"; a passbook rule has bank, prefix, length, shared`,
	}},
	{"key twice", "cards:\n- {bank: klb, bank: xjrcu, prefix: \"621029\", lengths: [19]}\n", []string{
		`2:15: bank stands twice, first at t.yaml:2:4`,
	}},
	{"unknown bank", "cards:\n- {bank: icbc, prefix: \"621029\", lengths: [19]}\n", []string{
		`2:10: bank "icbc" is not configured; there are ["xjrcu" "urmqccb" "klb" "korla"]`,
	}},
	{"wrong types", "cards:\n- {bank: 12, prefix: 621029, lengths: 19, luhn: \"no\"}\npassbooks:\n- {bank: ~, prefix: , length: \"12\", shared: 1}\n", []string{
		`2:10: bank must be text, in quotes if it looks like something else`,
		`2:22: prefix must be text, in quotes if it looks like something else`,
		`2:30: lengths must be a list`,
		`2:49: luhn must be true or false`,
		`4:10: bank must be text, in quotes if it looks like something else`,
		`4:20: prefix must be text, in quotes if it looks like something else`,
		`4:31: length must be a whole number`,
		`4:45: shared must be true or false`,
	}},
	{"prefixes", "cards:\n- {bank: klb, prefix: \"62\", lengths: [19]}\n- {bank: klb, prefix: \"62102900000\", lengths: [19]}\n- {bank: klb, prefix: 62a, lengths: [19]}\n- {bank: klb, prefix: \"６２１\", lengths: [19]}\npassbooks:\n- {bank: klb, prefix: \"-1\", length: 12}\n- {bank: klb, prefix: \"1234567\", length: 12}\n", []string{
		`2:23: prefix "62": 3 to 10 digits`,
		`3:23: prefix "62102900000": 3 to 10 digits`,
		`4:23: prefix "62a": digits only`,
		`5:23: prefix "６２１": digits only`,
		`7:23: prefix "-1": digits only`,
		`8:23: prefix "1234567": leaves less than 6 digits open of 12`,
	}},
	{"lengths", "cards:\n- {bank: klb, prefix: \"621029\", lengths: []}\n- {bank: klb, prefix: \"621028\", lengths: [11, 20, 16, 16]}\n- {bank: klb, prefix: \"621027\", lengths: [0x10, 016, 1_6, 16.0, -16, 99999999999999999999]}\npassbooks:\n- {bank: klb, prefix: \"\", length: 7}\n- {bank: klb, prefix: \"\", length: 29}\n", []string{
		`2:33: lengths: at least one`,
		`3:43: length: 12 to 19`, `3:47: length: 12 to 19`, `3:55: length 16 stands twice`,
		`4:43: length must be a whole number`, `4:49: length must be a whole number`, `4:54: length must be a whole number`,
		`4:59: length must be a whole number`, `4:65: length must be a whole number`, `4:70: length must be a whole number`,
		`6:35: length: 8 to 28`, `7:35: length: 8 to 28`,
	}},
	{"same card twice", "cards:\n- {bank: xjrcu, prefix: \"621008\", lengths: [16, 18, 19]}\n- {bank: klb, prefix: \"621008\", lengths: [19, 16]}\n", []string{
		`3:3: card "621008" of klb: prefix and length 16 are taken by card "621008" of xjrcu at t.yaml:2:3`,
		`3:3: card "621008" of klb: prefix and length 19 are taken by card "621008" of xjrcu at t.yaml:2:3`,
	}},
	{"same card twice at one bank", "cards:\n- bank: klb\n  prefix: \"621008\"\n  lengths: [16]\n- bank: klb\n  prefix: \"621008\"\n  lengths: [16]\n", []string{
		`5:3: card "621008" of klb: prefix and length 16 are taken by card "621008" of klb at t.yaml:2:3`,
	}},
	{"same passbook twice", "passbooks:\n- {bank: klb, prefix: \"\", length: 12, shared: true}\n- {bank: klb, prefix: \"\", length: 12, shared: true}\n", []string{
		`3:3: passbook "" of klb: prefix and length 12 are taken by passbook "" of klb at t.yaml:2:3`,
	}},
	{"passbooks of two banks", "passbooks:\n- {bank: klb, prefix: \"70\", length: 12, shared: true}\n- {bank: korla, prefix: \"7\", length: 12}\n- {bank: xjrcu, prefix: \"71\", length: 12}\n", []string{
		`3:3: passbook "7" of korla: numbers of 12 digits could also be of passbook "70" of klb at t.yaml:2:3; mark both shared: true if customers must choose the bank`,
		`4:3: passbook "71" of xjrcu: numbers of 12 digits could also be of passbook "7" of korla at t.yaml:3:3; mark both shared: true if customers must choose the bank`,
	}},
	{"shared by the shorter only", "passbooks:\n- {bank: klb, prefix: \"7\", length: 12, shared: true}\n- {bank: korla, prefix: \"70\", length: 12}\n", []string{
		`3:3: passbook "70" of korla: numbers of 12 digits could also be of passbook "7" of klb at t.yaml:2:3; mark both shared: true if customers must choose the bank`,
	}},
	{"passbook over card", "cards:\n- {bank: klb, prefix: \"621029\", lengths: [19]}\npassbooks:\n- {bank: klb, prefix: \"62\", length: 19}\n- {bank: xjrcu, prefix: \"6210291\", length: 19, shared: true}\n", []string{
		`4:3: passbook "62" of klb: numbers of 19 digits could also be of card "621029" of klb at t.yaml:2:3; cards and passbooks must not overlap`,
		`5:3: passbook "6210291" of xjrcu: numbers of 19 digits could also be of passbook "62" of klb at t.yaml:4:3; mark both shared: true if customers must choose the bank`,
		`5:3: passbook "6210291" of xjrcu: numbers of 19 digits could also be of card "621029" of klb at t.yaml:2:3; cards and passbooks must not overlap`,
	}},
	{"all told at once", "cards:\n- {bank: icbc, prefix: \"621008\", lengths: [16], x: 1}\npassbooks:\n- {bank: klb, prefix: \"621\", length: 16}\n", []string{
		`2:10: bank "icbc" is not configured; there are ["xjrcu" "urmqccb" "klb" "korla"]`,
		`2:49: unknown key "x"; a card rule has bank, prefix, lengths, luhn`,
		`4:3: passbook "621" of klb: numbers of 16 digits could also be of card "621008" of icbc at t.yaml:2:3; cards and passbooks must not overlap`,
	}},
}

func TestWrongFiles(t *testing.T) {
	for _, c := range wrongFiles {
		t.Run(c.name, func(t *testing.T) {
			table, err := Parse("t.yaml", []byte(c.file), testBanks)
			if table != nil || err == nil {
				t.Fatal("taken")
			}
			want := "t.yaml:" + strings.Join(c.want, "\nt.yaml:")
			if err.Error() != want {
				t.Errorf("got\n%s\nwant\n%s", err, want)
			}
		})
	}
}

func TestWindowsFile(t *testing.T) {
	file := "\ufeffcards:\r\n- bank: klb\r\n  prefix: \"621029\"\r\n  lengths: [19]\r\n"
	if _, err := Parse("t.yaml", []byte(file), testBanks); err != nil {
		t.Error(err)
	}
	file = "# ours\r\ncards: # all\r\n\r\n- {bank: klb, prefix: \"621029\", lengths: [19], x: 1}\r\n"
	if _, err := Parse("t.yaml", []byte(file), testBanks); err == nil || !strings.HasPrefix(err.Error(), "t.yaml:4:48: unknown key") {
		t.Error(err)
	}
}

// TestHugeFiles: the library alone takes a minute and more for most of these,
// so they must be refused before it works on them.
func TestHugeFiles(t *testing.T) {
	const size = maxSize / 8
	const unused = "anchors, tags, directives and complex keys are not used here"
	for _, c := range []struct{ name, file, want string }{
		{"brackets", strings.Repeat("[", size), "nested too deep"},
		{"maps", strings.Repeat("{a: ", size/4), "nested too deep"},
		{"dashes", strings.Repeat("- ", size/2), "nested too deep"},
		{"dashes and keys", strings.Repeat("- a: ", size/5), "nested too deep"},
		{"anchors", strings.Repeat("&a ", size/3), unused},
		{"tags", strings.Repeat("!a ", size/3), unused},
		{"complex keys", strings.Repeat("? ", size/2), unused},
		{"keys", strings.Repeat("a: 1\n", size/5), "too many keys in one map"},
		{"documents", strings.Repeat("---\n...\n", size/8), "too many documents"},
		{"empty items", strings.Repeat("-\n", size/2), "too many values left out"},
		{"empty keys", "[" + strings.Repeat("{a:},", size/5), "too many values left out"},
		{"empty keys in items", strings.Repeat("- a:\n", size/5), "too many values left out"},
		{"quotes", strings.Repeat("\"\t", size/2), "control character or tab: indent with spaces"},
		{"too large", strings.Repeat("\n", maxSize+1), "larger than 2097152 bytes"},
	} {
		_, err := Parse("fuzz.yaml", []byte(c.file), testBanks)
		checkProblems(t, err)
		if !strings.HasSuffix(err.Error(), ": "+c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestTooManyProblems(t *testing.T) {
	_, err := Parse("fuzz.yaml", []byte("cards:\n"+strings.Repeat("- x\n", 500)), testBanks)
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != strict.MaxProblems+1 {
		t.Fatalf("%d problems", len(problems))
	}
	if last := problems[strict.MaxProblems].Text; last != "more than 100 problems: the rest is not told" {
		t.Error(last)
	}
}

func TestLoad(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), testBanks); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Load(t.TempDir(), testBanks); err == nil {
		t.Error("a directory was taken")
	}
	large := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(large, make([]byte, maxSize+5), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(large, testBanks); err == nil || err.Error() != fmt.Sprintf("%s:1:1: larger than %d bytes", large, maxSize) {
		t.Errorf("large file: %v", err)
	}
}

func TestVersion(t *testing.T) {
	one, err := Load(sampleFile, testBanks)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(sampleFile)
	if err != nil {
		t.Fatal(err)
	}
	same, err := Parse("other name", data, testBanks)
	if err != nil || same.Version() != one.Version() || len(one.Version()) != 12 {
		t.Errorf("same contents: %q and %q, %v", one.Version(), same.Version(), err)
	}
	other, err := Parse(sampleFile, append(data, '\n'), testBanks)
	if err != nil || other.Version() == one.Version() {
		t.Errorf("other contents: same version, %v", err)
	}
	if one.Rules() != 16 {
		t.Errorf("%d rules", one.Rules())
	}
}
