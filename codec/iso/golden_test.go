package iso_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wxswitch/codec"
	"wxswitch/codec/iso"
)

var update = flag.Bool("update", false, "write testdata/wire anew")

func goldenPath(dialect, name string) string {
	return filepath.Join("..", "..", "testdata", "wire", dialect, name)
}

// readHex reads a golden file: hexadecimal digits, in lines.
func readHex(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func inLines(raw []byte) []byte {
	var b bytes.Buffer
	for line := range slices.Chunk(raw, 32) {
		b.WriteString(strings.ToUpper(hex.EncodeToString(line)) + "\n")
	}
	return b.Bytes()
}

func reading(t *testing.T, d *iso.Dialect, raw []byte) []byte {
	t.Helper()
	text, err := json.MarshalIndent(iso.Describe(d, raw), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func TestGolden(t *testing.T) {
	for _, dialect := range iso.Builtins() {
		d := builtin(t, dialect)
		all := goldens(d)
		files, err := filepath.Glob(goldenPath(dialect, "*.hex"))
		if err != nil || !*update && len(files) != len(all) {
			t.Fatalf("%s: %d golden files for %d messages, %v", dialect, len(files), len(all), err)
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			t.Run(dialect+"/"+name, func(t *testing.T) {
				m := all[name]
				raw, err := d.Pack(m)
				if err != nil {
					t.Fatal(err)
				}
				if *update {
					writeGolden(t, goldenPath(dialect, name), raw, reading(t, d, raw))
				}
				want := readHex(t, goldenPath(dialect, name)+".hex")
				if !bytes.Equal(raw, want) {
					t.Errorf("packed:\n%swant:\n%s", inLines(raw), inLines(want))
				}
				got, err := d.Unpack(want)
				if err != nil {
					t.Fatal(err)
				}
				if !got.Equal(&m.Fields) || got.Type != m.Type || got.Reply != m.Reply || got.Repeat != m.Repeat {
					t.Errorf("unpacked %v, want %v", got, m)
				}
				wantJSON, err := os.ReadFile(goldenPath(dialect, name) + ".json")
				if err != nil {
					t.Fatal(err)
				}
				if text := reading(t, d, want); !bytes.Equal(text, wantJSON) {
					t.Errorf("reading:\n%s", text)
				}
			})
		}
	}
}

func writeGolden(t *testing.T, path string, raw, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	for ext, data := range map[string][]byte{".hex": inLines(raw), ".json": text} {
		if err := os.WriteFile(path+ext, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReadingMasks: no golden reading holds a secret of its message.
func TestReadingMasks(t *testing.T) {
	files, err := filepath.Glob(goldenPath("*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{card16, card19, passbook, cert, "阿卜杜拉", "证件"} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s: holds a secret", path)
			}
		}
	}
}

// TestReadingMasksACopy: nor does the copy of an account that a bank wants.
func TestReadingMasksACopy(t *testing.T) {
	d, err := iso.Load(write(t, "name: b\nbase: cups\nfields:\n  103: {name: second account, format: ans..28, copy: account}\n"+
		"types: {balance: {request: [2|102, 3, 7, 11, 32, 33, 37, 103]}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	raw := pack(t, d, with(request(d, codec.Balance), codec.FieldPAN, "", codec.FieldAccount, passbook))
	if n := bytes.Count(raw, []byte(passbook)); n != 2 {
		t.Fatalf("%d times in %q", n, raw)
	}
	if text := reading(t, d, raw); bytes.Contains(text, []byte(passbook)) {
		t.Errorf("the reading holds it: %s", text)
	}
}
