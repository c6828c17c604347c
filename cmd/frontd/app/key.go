package app

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"wxswitch/cmd/frontd/internal/h5"
)

// NewKey makes a file with a key that seals cookies, or puts one before those
// that the file has. A crash leaves the old file or the new one.
func NewKey(path string) error {
	path = filepath.Clean(path)
	var old []byte
	if _, err := readKeys(path); err == nil {
		if old, err = os.ReadFile(path); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key := make([]byte, h5.KeySize)
	_, _ = rand.Read(key)
	text := append([]byte(base64.StdEncoding.EncodeToString(key)+"\n"), bytes.TrimLeft(old, "\n")...)
	fresh := path + ".new"
	if err := os.WriteFile(fresh, text, 0o600); err != nil { //nolint:gosec // the operator's path
		return err
	}
	return os.Rename(fresh, path)
}
