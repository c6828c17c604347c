package vault

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// ErrOpen: the value was not sealed by these keys in this context, or it is
// damaged.
var ErrOpen = errors.New("vault: cannot open sealed value")

// Vault seals values and makes keyed indexes. It is safe for concurrent use.
type Vault struct {
	aead  tink.AEAD
	index macs
	hash  macs
}

// keyFile is the file's content.
type keyFile struct {
	Comment string          `json:"comment"`
	AEAD    json.RawMessage `json:"aead"` // a Tink keyset
	MAC     []byte          `json:"mac"`  // 32 bytes, for indexes and hashes
}

const macSize = 32

// New returns a vault with fresh keys that live in memory only.
func New() (*Vault, error) {
	f, err := newKeys()
	if err != nil {
		return nil, err
	}
	return open(f)
}

func newKeys() (*keyFile, error) {
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("vault: new key: %w", err)
	}
	f := &keyFile{Comment: "wxswitch keys. Secret. Without this file the journal cannot be read.", MAC: make([]byte, macSize)}
	if _, err := rand.Read(f.MAC); err != nil {
		return nil, fmt.Errorf("vault: new key: %w", err)
	}
	return f, f.setHandle(h)
}

func (f *keyFile) setHandle(h *keyset.Handle) error {
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)); err != nil {
		return fmt.Errorf("vault: write keyset: %w", err)
	}
	f.AEAD = b.Bytes()
	return nil
}

func (f *keyFile) handle() (*keyset.Handle, error) {
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(f.AEAD)))
	if err != nil {
		return nil, errors.New("its keyset is damaged") // Tink's text may quote the file
	}
	return h, nil
}

func open(f *keyFile) (*Vault, error) {
	if len(f.MAC) != macSize {
		return nil, errors.New("its MAC key is damaged")
	}
	h, err := f.handle()
	if err != nil {
		return nil, err
	}
	a, err := aead.New(h)
	if err != nil {
		return nil, errors.New("its keyset holds no AEAD")
	}
	return &Vault{aead: a, index: newMACs(f.MAC, "index"), hash: newMACs(f.MAC, "hash")}, nil
}

// Seal encrypts. context is where the value belongs; it opens nowhere else.
func (v *Vault) Seal(plaintext, context []byte) ([]byte, error) {
	sealed, err := v.aead.Encrypt(plaintext, context)
	if err != nil {
		return nil, fmt.Errorf("vault: seal: %w", err)
	}
	return sealed, nil
}

// Open decrypts what Seal made in the same context. The error is ErrOpen.
func (v *Vault) Open(sealed, context []byte) ([]byte, error) {
	plain, err := v.aead.Decrypt(sealed, context)
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// Index returns 16 bytes that are equal for equal parts, and tell nothing of
// them without the key.
func (v *Vault) Index(parts ...string) []byte { return v.index.sum(parts)[:16] }

// Hash returns 32 bytes, likewise, under another key.
func (v *Vault) Hash(parts ...string) []byte { return v.hash.sum(parts) }

// Format prints no key, whatever the verb.
func (Vault) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "vault") }

// MarshalJSON writes no key.
func (Vault) MarshalJSON() ([]byte, error) { return []byte(`"vault"`), nil }

// macs is a pool of HMAC states of one key.
type macs struct{ pool *sync.Pool }

// newMACs derives the key of one use from the master key.
func newMACs(master []byte, use string) macs {
	derive := hmac.New(sha256.New, master)
	derive.Write([]byte("wxswitch " + use))
	key := derive.Sum(nil)
	return macs{&sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// sum covers the parts with their lengths, so that ("ab", "c") and ("a", "bc")
// differ.
func (m macs) sum(parts []string) []byte {
	h := m.pool.Get().(hash.Hash) //nolint:forcetypeassert,errcheck // the pool holds nothing else
	defer m.pool.Put(h)
	h.Reset()
	buffer := make([]byte, 0, 256)
	for _, p := range parts {
		buffer = binary.BigEndian.AppendUint32(buffer[:0], uint32(len(p))) //nolint:gosec // bodies are bounded
		_, _ = h.Write(append(buffer, p...))
	}
	return h.Sum(make([]byte, 0, sha256.Size))
}
