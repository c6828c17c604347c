package app

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"wxswitch/cmd/frontd/internal/h5"
)

// NewKey makes a file with a key that seals cookies, or puts one behind those that
// the file has: it opens, until UseKey.
func NewKey(path string) error {
	keys, err := readKeys(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key := make([]byte, h5.KeySize)
	_, _ = rand.Read(key)
	return writeKeys(path, append(keys, key))
}

// UseKey puts the last key of the file before the others: it seals, they open.
func UseKey(path string) error {
	keys, err := readKeys(path)
	if err != nil {
		return err
	}
	last := len(keys) - 1
	return writeKeys(path, slices.Insert(keys[:last:last], 0, keys[last]))
}

// writeKeys leaves, wherever it crashes, the old file or the new one: the name is
// changed once what it will name is on disk. A link to a file stays one. What stands
// where the new file is made goes: keys would get its mode, or go where it points.
func writeKeys(path string, keys [][]byte) error {
	path = filepath.Clean(path)
	if file, err := filepath.EvalSymlinks(path); err == nil { // else there is none yet
		path = file
	}
	var text bytes.Buffer
	for _, key := range keys {
		text.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(fresh, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator's path
	if err != nil {
		return err
	}
	_, err = file.Write(text.Bytes())
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}
