package vault

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// maxFile is far above any key file.
const maxFile = 1 << 20

// NewKeyFile makes a key file. It never overwrites one.
func NewKeyFile(path string) error {
	f, err := newKeys()
	if err != nil {
		return err
	}
	if err := write(path, f); err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	return nil
}

// Load reads a key file.
func Load(path string) (*Vault, error) {
	f, err := read(path)
	if err != nil {
		return nil, err
	}
	v, err := open(f)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return v, nil
}

// Rotate adds a key that seals from now on; those before still open. A vault that
// was loaded before goes on with what it has, and answers ErrKey for what is
// sealed with the new key: restart all that share the file. Run it as the user
// who owns the file. The file
// is replaced in one step: a crash leaves the old one or the new one, and perhaps
// a file beside it (path.new) that keeps later rotations out until it is removed.
func Rotate(path string) error {
	f, err := read(path)
	if err != nil {
		return err
	}
	if _, err := open(f); err != nil {
		return fmt.Errorf("key file %s: %w", path, err)
	}
	if err := f.rotate(); err != nil {
		return fmt.Errorf("key file %s: %w", path, err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	next := path + ".new"
	if err := write(next, f); err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("key file: %w", errors.Join(err, os.Remove(next)))
	}
	return syncDir(path)
}

func (f *keyFile) rotate() error {
	h, err := f.handle()
	if err != nil {
		return err
	}
	m := keyset.NewManagerFromHandle(h)
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		return err
	}
	if err := m.SetPrimary(id); err != nil {
		return err
	}
	if h, err = m.Handle(); err != nil {
		return err
	}
	return f.setHandle(h)
}

func read(path string) (*keyFile, error) {
	file, err := os.Open(filepath.Clean(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("key file %s does not exist: make one with `switchctl key new %s`: %w", path, path, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat() // of what is read, whatever the name says by now
	switch {
	case err != nil:
		return nil, fmt.Errorf("key file: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("key file %s is not a file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("key file %s has mode %04o: others may read it; chmod 600", path, info.Mode().Perm())
	case info.Size() > maxFile:
		return nil, fmt.Errorf("key file %s is too large", path)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	return parse(path, data)
}

func parse(path string, data []byte) (*keyFile, error) {
	var f keyFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("key file %s is no key file", path) // the library's text may quote it
	}
	return &f, nil
}

// write makes the file and has it on disk before it returns. Where it fails it
// leaves none.
func write(path string, f *keyFile) error {
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(data, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return syncDir(path)
}

func syncDir(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
