package app

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // what the platform prescribes
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
)

// signature is SHA-1 over the sorted parts, as WeChat signs callbacks.
func signature(token Secret, parts ...string) string {
	all := append(parts, string(token))
	slices.Sort(all)
	sum := sha1.Sum([]byte(strings.Join(all, ""))) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

// newNonce returns ten random digits or so.
func newNonce() string {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return strings.TrimLeft(hex.EncodeToString(b[:]), "0") + "7"
}

// block is what WeChat pads to, twice that of AES.
const block = 32

// seal encrypts as 消息加解密 prescribes: 16 random bytes, the length, the
// message, the app id; AES-256-CBC, the key's first 16 bytes as vector.
func seal(key Secret, message []byte, appID string) (string, error) {
	k, err := aesKey(key)
	if err != nil {
		return "", err
	}
	c, err := aes.NewCipher(k)
	if err != nil {
		return "", err
	}
	plain := make([]byte, 16, 64+len(message))
	_, _ = rand.Read(plain)
	plain = binary.BigEndian.AppendUint32(plain, uint32(len(message)))
	plain = append(append(plain, message...), appID...)
	n := block - len(plain)%block
	plain = append(plain, bytes.Repeat([]byte{byte(n)}, n)...)
	cipher.NewCBCEncrypter(c, k[:16]).CryptBlocks(plain, plain)
	return base64.StdEncoding.EncodeToString(plain), nil
}

var errSeal = errors.New("the encryption cannot be opened")

// unseal is the opposite of seal; another's app id is refused.
func unseal(key Secret, sealed, appID string) ([]byte, error) {
	k, err := aesKey(key)
	if err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(data) == 0 || len(data)%aes.BlockSize != 0 {
		return nil, errSeal
	}
	c, err := aes.NewCipher(k)
	if err != nil {
		return nil, err
	}
	cipher.NewCBCDecrypter(c, k[:16]).CryptBlocks(data, data)
	return unpack(data, appID)
}

func unpack(data []byte, appID string) ([]byte, error) {
	n := int(data[len(data)-1])
	if n < 1 || n > block || len(data) < n+20 {
		return nil, errSeal
	}
	data = data[16 : len(data)-n]
	size := uint64(binary.BigEndian.Uint32(data))
	if data = data[4:]; size > uint64(len(data)) || string(data[size:]) != appID {
		return nil, errSeal
	}
	return data[:size], nil
}
