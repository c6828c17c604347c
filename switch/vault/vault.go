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
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Errors of [Vault.Open]: ErrOpen, and which of two it is.
var (
	ErrOpen = errors.New("vault: cannot open sealed value")
	// ErrKey: no key has the id that the value names. It may be newer than the
	// key file that was loaded.
	ErrKey = fmt.Errorf("%w: no such key", ErrOpen)
	// ErrDamaged: the value is damaged, or was sealed in another context.
	ErrDamaged = fmt.Errorf("%w: damaged, or of another context", ErrOpen)
)

// Vault seals values and makes keyed indexes. It is safe for concurrent use.
type Vault struct {
	aead  tink.AEAD
	ids   map[uint32]bool // of the keys that open
	index macs
	hash  macs
}

// keyFile is the file's content.
type keyFile struct {
	Comment string          `json:"comment"`
	AEAD    json.RawMessage `json:"aead"` // a Tink keyset
	MAC     []byte          `json:"mac"`  // 32 bytes, for indexes and hashes
	// Check is a checksum of both. A MAC key with one wrong bit works, and finds
	// nothing that is in the database.
	Check []byte `json:"check"`
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
	f.Check = f.sum()
	return nil
}

// sum is the same however the file is indented. Of keys that nobody can guess
// it tells nothing.
func (f *keyFile) sum() []byte {
	var b bytes.Buffer
	_ = json.Compact(&b, f.AEAD) // it was read from JSON
	b.Write(f.MAC)
	sum := sha256.Sum256(b.Bytes())
	return sum[:8]
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
	if !bytes.Equal(f.Check, f.sum()) {
		return nil, errors.New("it is damaged: its checksum is wrong")
	}
	v := &Vault{aead: a, ids: make(map[uint32]bool), index: newMACs(f.MAC, "index"), hash: newMACs(f.MAC, "hash")}
	for _, k := range h.KeysetInfo().GetKeyInfo() {
		if k.GetOutputPrefixType() != tinkpb.OutputPrefixType_TINK {
			return nil, errors.New("its keyset has a key whose values would not name it")
		}
		v.ids[k.GetKeyId()] = k.GetStatus() == tinkpb.KeyStatusType_ENABLED
	}
	return v, nil
}

// Seal encrypts. context is where the value belongs; it opens nowhere else.
func (v *Vault) Seal(plaintext, context []byte) ([]byte, error) {
	sealed, err := v.aead.Encrypt(plaintext, context)
	if err != nil {
		return nil, fmt.Errorf("vault: seal: %w", err)
	}
	return sealed, nil
}

// Open decrypts what Seal made in the same context. The error is [ErrKey] or
// [ErrDamaged], which both are [ErrOpen].
func (v *Vault) Open(sealed, context []byte) ([]byte, error) {
	plain, err := v.aead.Decrypt(sealed, context)
	if err == nil {
		return plain, nil
	}
	if id, ok := KeyID(sealed); ok && !v.ids[id] {
		return nil, ErrKey
	}
	return nil, ErrDamaged
}

// KeyID is the id of the key that sealed a value, as the key file names it; not
// ok for what no vault sealed.
func KeyID(sealed []byte) (id uint32, ok bool) {
	if len(sealed) < 5 || sealed[0] != 1 { // Tink's prefix: the version, the id
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed[1:5]), true
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

type mac struct {
	hash.Hash
	buffer []byte
}

// newMACs derives the key of one use from the master key.
func newMACs(master []byte, use string) macs {
	derive := hmac.New(sha256.New, master)
	derive.Write([]byte("wxswitch " + use))
	key := derive.Sum(nil)
	return macs{&sync.Pool{New: func() any {
		return &mac{hmac.New(sha256.New, key), make([]byte, 0, 256)}
	}}}
}

// sum covers the parts with their lengths, so that ("ab", "c") and ("a", "bc")
// differ. Parts go through the state's own buffer: turned into bytes, each would
// be copied to the heap.
func (m macs) sum(parts []string) []byte {
	h := m.pool.Get().(*mac) //nolint:forcetypeassert,errcheck // the pool holds nothing else
	defer m.pool.Put(h)
	h.Reset()
	for _, p := range parts {
		_, _ = h.Write(binary.BigEndian.AppendUint64(h.buffer[:0], uint64(len(p))))
		for len(p) > 0 {
			n := min(len(p), cap(h.buffer))
			_, _ = h.Write(append(h.buffer[:0], p[:n]...))
			p = p[n:]
		}
	}
	return h.Sum(make([]byte, 0, sha256.Size))
}
