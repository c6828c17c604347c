package vault

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"pgregory.net/rapid"
)

func made(t testing.TB) (path string, v *Vault) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "key.json")
	must(t, NewKeyFile(path))
	return path, load(t, path)
}

func load(t testing.TB, path string) *Vault {
	t.Helper()
	v, err := Load(path)
	must(t, err)
	return v
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func seal(t testing.TB, v *Vault, plain, context string) []byte {
	t.Helper()
	sealed, err := v.Seal([]byte(plain), []byte(context))
	must(t, err)
	return sealed
}

func TestRoundTrip(t *testing.T) {
	path, v := made(t)
	again := load(t, path)
	rapid.Check(t, func(r *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(r, "plain")
		context := rapid.SliceOf(rapid.Byte()).Draw(r, "context")
		sealed, err := v.Seal(plain, context)
		if err != nil {
			r.Fatal(err)
		}
		if got, err := again.Open(sealed, context); err != nil || !bytes.Equal(got, plain) {
			r.Fatalf("%x, %v", got, err)
		}
		if _, err := v.Open(sealed, append(context, 0)); !errors.Is(err, ErrOpen) {
			r.Fatalf("in another context: %v", err)
		}
		if second, _ := v.Seal(plain, context); bytes.Equal(second, sealed) {
			r.Fatal("sealed the same twice")
		}
	})
}

func TestDamaged(t *testing.T) {
	_, v := made(t)
	_, stranger := made(t)
	sealed := seal(t, v, "6210081234567890", "entry.asked 1")
	if bytes.Contains(sealed, []byte("62100812")) {
		t.Fatal("sealed in clear")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := v.Open(bad, []byte("entry.asked 1")); !errors.Is(err, ErrOpen) {
			t.Fatalf("byte %d: %v", i, err)
		}
		if _, err := v.Open(sealed[:i], []byte("entry.asked 1")); !errors.Is(err, ErrOpen) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	if _, err := v.Open(nil, nil); !errors.Is(err, ErrOpen) {
		t.Error(err)
	}
	if _, err := v.Open(sealed, []byte("entry.asked 2")); !errors.Is(err, ErrDamaged) || errors.Is(err, ErrKey) {
		t.Error("in another context:", err)
	}
	if _, err := stranger.Open(sealed, []byte("entry.asked 1")); !errors.Is(err, ErrKey) || errors.Is(err, ErrDamaged) {
		t.Error("opened by another key:", err)
	}
}

// keyIDs are the ids in a key file, and its primary.
func keyIDs(t *testing.T, path string) (primary uint32, all []uint32) {
	t.Helper()
	data, err := os.ReadFile(path) //nolint:gosec // the test's own
	must(t, err)
	var f struct {
		AEAD struct {
			PrimaryKeyID uint32 `json:"primaryKeyId"`
			Key          []struct {
				KeyID uint32 `json:"keyId"`
			} `json:"key"`
		} `json:"aead"`
	}
	must(t, json.Unmarshal(data, &f))
	for _, k := range f.AEAD.Key {
		all = append(all, k.KeyID)
	}
	return f.AEAD.PrimaryKeyID, all
}

func TestRotate(t *testing.T) {
	path, before := made(t)
	oldest, _ := keyIDs(t, path)
	old := seal(t, before, "a", "c")
	must(t, Rotate(path))
	after := load(t, path)
	newest, all := keyIDs(t, path)
	if newest == oldest || len(all) != 2 {
		t.Fatal("keys", oldest, newest, all)
	}
	fresh := seal(t, after, "b", "c")
	for what, c := range map[string]struct {
		sealed []byte
		id     uint32
	}{"old": {old, oldest}, "fresh": {fresh, newest}} {
		if got, ok := KeyID(c.sealed); !ok || got != c.id {
			t.Errorf("%s names key %d, not %d", what, got, c.id)
		}
		if _, err := after.Open(c.sealed, []byte("c")); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := before.Open(fresh, []byte("c")); !errors.Is(err, ErrKey) {
		t.Error("opened by a vault that has not the key:", err)
	}
	if !bytes.Equal(before.Index("x"), after.Index("x")) || !bytes.Equal(before.Hash("x"), after.Hash("x")) {
		t.Error("indexes and hashes changed")
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode() != 0o600 {
		t.Error(info.Mode())
	}
}

func TestParts(t *testing.T) {
	path, v := made(t)
	lists := [][]string{{}, {""}, {"", ""}, {"ab", "c"}, {"a", "bc"}, {"abc"}, {"a", "b", "c"}, {"abc", ""}, {"", "abc"}, {"\x00\x00\x00\x01a"}, {"a\x00\x00\x00\x00"}}
	seen := make(map[string][]string)
	for _, parts := range lists {
		for name, sum := range map[string][]byte{"index": v.Index(parts...), "hash": v.Hash(parts...)[:16]} {
			if was, there := seen[string(sum)]; there {
				t.Errorf("%s of %q is that of %q", name, parts, was)
			}
			seen[string(sum)] = parts
		}
		if !bytes.Equal(v.Index(parts...), load(t, path).Index(parts...)) || !bytes.Equal(v.Hash(parts...), load(t, path).Hash(parts...)) {
			t.Errorf("%q: not the same after Load", parts)
		}
	}
	_, stranger := made(t)
	if bytes.Equal(v.Index("a"), stranger.Index("a")) {
		t.Error("not keyed")
	}
	if len(v.Index("a")) != 16 || len(v.Hash("a")) != 32 {
		t.Error("lengths", len(v.Index("a")), len(v.Hash("a")))
	}
}

func TestIndexAtOnce(t *testing.T) {
	_, v := made(t)
	want := v.Index("a", "b")
	done := make(chan bool)
	for range 8 {
		go func() {
			ok := true
			for range 200 {
				ok = ok && bytes.Equal(v.Index("a", "b"), want)
			}
			done <- ok
		}()
	}
	for range 8 {
		if !<-done {
			t.Error("another index under concurrency")
		}
	}
}

func TestKeyFileIsKept(t *testing.T) {
	path, v := made(t)
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode() != 0o600 {
		t.Error(info.Mode())
	}
	if err := NewKeyFile(path); !errors.Is(err, fs.ErrExist) {
		t.Error("overwritten:", err)
	}
	if !bytes.Equal(load(t, path).Index("x"), v.Index("x")) {
		t.Error("changed")
	}
	if err := NewKeyFile(filepath.Join(path, "no", "such")); err == nil {
		t.Error("made in no folder")
	}
}

func TestLoadRefuses(t *testing.T) {
	path, _ := made(t)
	good, err := os.ReadFile(path) //nolint:gosec // the test's own
	must(t, err)
	var parts map[string]json.RawMessage
	must(t, json.Unmarshal(good, &parts))
	without := func(key, value string) string {
		cut := map[string]json.RawMessage{"aead": parts["aead"], "mac": parts["mac"], "check": parts["check"]}
		cut[key] = json.RawMessage(value)
		data, err := json.Marshal(cut)
		must(t, err)
		return string(data)
	}
	for name, c := range map[string]struct {
		content string
		mode    fs.FileMode
		want    string
	}{
		"group may read": {string(good), 0o640, "chmod 600"},
		"all may read":   {string(good), 0o604, "chmod 600"},
		"group may run":  {string(good), 0o610, "chmod 600"},
		"empty":          {"", 0o600, "no key file"},
		"no JSON":        {"key = secret-words", 0o600, "no key file"},
		"cut short":      {string(good[:len(good)/2]), 0o600, "no key file"},
		"no keyset":      {without("aead", "null"), 0o600, "damaged"},
		"empty keyset":   {without("aead", "{}"), 0o600, "damaged"},
		"no MAC":         {without("mac", `""`), 0o600, "MAC"},
		"short MAC":      {without("mac", `"c2VjcmV0"`), 0o600, "MAC"},
		"another MAC":    {without("mac", `"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="`), 0o600, "checksum"},
		"no checksum":    {without("check", `""`), 0o600, "checksum"},
		"too large":      {strings.Repeat(" ", maxFile+1), 0o600, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := filepath.Join(t.TempDir(), "key.json")
			must(t, os.WriteFile(bad, []byte(c.content), 0o600))
			must(t, os.Chmod(bad, c.mode))
			for what, err := range map[string]error{"load": second(Load(bad)), "rotate": Rotate(bad)} {
				if what == "rotate" && strings.Contains(c.want, "MAC") {
					continue // it does not look at the MAC key
				}
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), bad) {
					t.Errorf("%s: %v", what, err)
				}
				if err != nil && strings.Contains(err.Error(), "secret") {
					t.Errorf("%s quotes the file: %v", what, err)
				}
			}
		})
	}
	if _, err := Load(filepath.Join(t.TempDir(), "key.json")); err == nil || !strings.Contains(err.Error(), "switchctl key new") {
		t.Error("missing file:", err)
	}
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("loaded a folder")
	}
}

func second(_ *Vault, err error) error { return err }

// TestNamelessKey: a key whose values do not begin with its id is refused, though
// the file is otherwise in order.
func TestNamelessKey(t *testing.T) {
	f, err := newKeys()
	must(t, err)
	h, err := keyset.NewHandle(aead.AES256GCMNoPrefixKeyTemplate())
	must(t, err)
	must(t, f.setHandle(h))
	if _, err := open(f); err == nil || !strings.Contains(err.Error(), "name") {
		t.Error(err)
	}
}

// What could not be written whole is not there, nor in the way of the next.
func TestNoRoomForAKeyFile(t *testing.T) {
	path, before := made(t)
	other := filepath.Join(t.TempDir(), "other.json")
	bound := func(size uint64) {
		must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: 1 << 40}))
	}
	bound(100)
	fresh, rotated := NewKeyFile(other), Rotate(path)
	bound(1 << 40)
	if fresh == nil || rotated == nil {
		t.Error(fresh, rotated)
	}
	sealed, err := before.Seal([]byte("a"), nil)
	must(t, err)
	_, err = load(t, path).Open(sealed, nil)
	must(t, errors.Join(err, NewKeyFile(other), Rotate(path)))
}

// A key file by another name stays one file: who shares it finds the new key.
func TestRotateThroughALink(t *testing.T) {
	path, _ := made(t)
	link := filepath.Join(t.TempDir(), "link.json")
	must(t, os.Symlink(path, link))
	must(t, Rotate(link))
	sealed, err := load(t, link).Seal([]byte("a"), nil)
	must(t, err)
	if _, err := load(t, path).Open(sealed, nil); err != nil {
		t.Error(err)
	}
}

// TestRotateInterrupted: what a crash in Rotate left does not hide the key, and
// is named.
func TestRotateInterrupted(t *testing.T) {
	path, v := made(t)
	must(t, os.WriteFile(path+".new", []byte("half"), 0o600))
	if err := Rotate(path); err == nil || !strings.Contains(err.Error(), path+".new") {
		t.Error(err)
	}
	if !bytes.Equal(load(t, path).Index("x"), v.Index("x")) {
		t.Error("changed")
	}
}

// TestPrintsNoKey: however a vault is printed, alone or inside something.
func TestPrintsNoKey(t *testing.T) {
	path, v := made(t)
	data, err := os.ReadFile(path) //nolint:gosec // the test's own
	must(t, err)
	var f keyFile
	must(t, json.Unmarshal(data, &f))
	holder := struct {
		Vault  *Vault
		hidden *Vault
		value  Vault
	}{v, v, *v}
	var printed strings.Builder
	for _, x := range []any{v, *v, holder, &holder, []*Vault{v}, map[string]any{"v": v}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&printed, verb+"\n", x)
		}
		j, err := json.Marshal(x)
		must(t, err)
		printed.Write(j)
	}
	all := printed.String()
	for _, form := range []string{string(f.MAC), hex.EncodeToString(f.MAC), fmt.Sprintf("%d", f.MAC), fmt.Sprintf("%d", f.MAC[:8])[1:], "keyData", "typeUrl"} {
		if strings.Contains(all, strings.TrimSuffix(form, "]")) {
			t.Errorf("printed %.12q", form)
		}
	}
	for _, x := range []any{v, *v} { //nolint:govet // a copy, to print
		if got := fmt.Sprintf("%#v", x); got != "vault" {
			t.Error("printed", got)
		}
	}
	if !strings.Contains(all, "vault") {
		t.Error("printed nothing:", all)
	}
}

func FuzzLoad(f *testing.F) {
	path, _ := made(f)
	good, err := os.ReadFile(path) //nolint:gosec // the test's own
	must(f, err)
	f.Add(good)
	f.Add(bytes.Replace(good, []byte("ENABLED"), []byte("DISABLED"), 1))
	f.Add(bytes.Replace(good, []byte("AesGcmKey"), []byte("HmacKey"), 1))
	f.Add(bytes.Replace(good, []byte("TINK"), []byte("RAW"), 1))
	f.Add([]byte(`{"aead":{"primaryKeyId":1,"key":[{}]},"mac":""}`))
	f.Add([]byte(`{"aead":{"key":[null]}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		f, err := parse("key.json", data)
		if err != nil {
			return
		}
		f.Check = f.sum() // else hardly anything would come past it
		v, err := open(f)
		if err != nil {
			return
		}
		sealed, err := v.Seal([]byte("x"), nil)
		if err != nil {
			return
		}
		if got, err := v.Open(sealed, nil); err != nil || string(got) != "x" {
			t.Fatalf("%q, %v", got, err)
		}
	})
}
