package switching

import (
	"bytes"
	"strings"
	"testing"

	"wxswitch/switch/vault"
)

// Keys of one moment stand together in the journal's index, and are told apart all
// the same.
func TestUUIDKeysAreInTheOrderOfTheirTime(t *testing.T) {
	v, err := vault.New()
	if err != nil {
		t.Fatal(err)
	}
	s := &Switch{Options: Options{Hasher: v}}
	hash := func(client, key string) []byte { return s.keyHash(&Request{Client: client, Operation: "op", Key: key}) }
	const early, late = "019ae3c2-f46b-7e2b-9d3f-0c5b1b7d2a10", "019ae3c2-f46c-7000-8000-000000000000"
	if a, b := hash("c", early), hash("c", late); bytes.Compare(a, b) >= 0 || len(a) != 22 || len(b) != 22 {
		t.Errorf("%x, %x", a, b)
	}
	if bytes.Equal(hash("c", early), hash("d", early)) || bytes.Equal(hash("c", early), hash("c", strings.ToUpper(early))) {
		t.Error("two keys are one")
	}
	for _, other := range []string{"k", "019ae3c2f46b7e2b9d3f0c5b1b7d2a10", "019ae3c2-f46b-4e2b-9d3f-0c5b1b7d2a10"} {
		if h := hash("c", other); !bytes.Equal(h, v.Index("idempotency", "c", "op", other)) {
			t.Errorf("%s: %x", other, h)
		}
	}
}
