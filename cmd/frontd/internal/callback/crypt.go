package callback

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the platform's choice
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
)

// signature is the platform's: SHA-1 over the sorted parts, in hex.
func signature(token Secret, parts ...string) string {
	all := append([]string{string(token)}, parts...)
	slices.Sort(all)
	sum := sha1.Sum([]byte(strings.Join(all, ""))) //nolint:gosec // the platform's choice
	return hex.EncodeToString(sum[:])
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// key encrypts as the platform does: AES-256-CBC with the key's first half as
// initial vector, over 16 random bytes, the length (4 bytes, big endian), the
// message and the app id, padded by PKCS #7 to blocks of 32.
type key struct {
	block cipher.Block
	iv    []byte
	appID string
}

const (
	keyLength    = 43 // of EncodingAESKey: base64 without its "="
	randomLength = 16
	headLength   = randomLength + 4
	padding      = 32
)

// IsAESKey takes an EncodingAESKey.
func IsAESKey(s string) bool {
	_, err := base64.StdEncoding.DecodeString(s + "=")
	return err == nil && len(s) == keyLength
}

func newKey(s Secret, appID string) (key, error) {
	raw, err := base64.StdEncoding.DecodeString(string(s) + "=")
	if err != nil || !IsAESKey(string(s)) {
		return key{}, errors.New("callback: an AES key is 43 characters a-zA-Z0-9")
	}
	block, err := aes.NewCipher(raw)
	return key{block, raw[:aes.BlockSize], appID}, err
}

// One error for all: who holds no token learns nothing from which it was, and
// does not come here.
var errSealed = errors.New("not encrypted with this key for this app id")

// open decrypts what the signature was checked of.
func (k key) open(sealed string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(b) == 0 || len(b)%aes.BlockSize != 0 {
		return nil, errSealed
	}
	cipher.NewCBCDecrypter(k.block, k.iv).CryptBlocks(b, b)
	pad := int(b[len(b)-1])
	if pad < 1 || pad > padding || len(b)-pad < headLength {
		return nil, errSealed
	}
	b = b[:len(b)-pad]
	length := uint64(binary.BigEndian.Uint32(b[randomLength:headLength]))
	if b = b[headLength:]; length > uint64(len(b)) || !equal(string(b[length:]), k.appID) {
		return nil, errSealed
	}
	return b[:length], nil
}

func (k key) seal(plain []byte) string {
	random := make([]byte, randomLength)
	_, _ = rand.Read(random) // never fails
	return k.sealWith(random, plain)
}

func (k key) sealWith(random, plain []byte) string {
	b := slices.Concat(random, binary.BigEndian.AppendUint32(nil, uint32(len(plain))), plain, []byte(k.appID))
	pad := padding - len(b)%padding
	for range pad {
		b = append(b, byte(pad))
	}
	cipher.NewCBCEncrypter(k.block, k.iv).CryptBlocks(b, b)
	return base64.StdEncoding.EncodeToString(b)
}

func newNonce() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
