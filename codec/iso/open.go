package iso

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

//go:embed dialects
var embedded embed.FS

// Builtin returns a dialect that ships with the program: cups or plain.
func Builtin(name string) (*Dialect, error) {
	data, err := builtin(name)
	if err != nil {
		return nil, err
	}
	return Parse(name+".yaml", data)
}

func builtin(name string) ([]byte, error) {
	data, err := embedded.ReadFile("dialects/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("no dialect %q: one of %s, or a file", name, strings.Join(Builtins(), ", "))
	}
	return data, nil
}

// Builtins returns the names of the dialects that ship.
func Builtins() []string {
	entries, err := embedded.ReadDir("dialects")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Load reads a dialect from a file. The error is a *FileError for what is wrong
// in the file, with its line and column.
func Load(path string) (*Dialect, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("dialect: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("dialect: %w", err)
	}
	return Parse(path, data)
}

// Open returns the dialect of that name, or else reads it from that file. What
// looks like a path (a separator or .yaml in it) is one.
func Open(nameOrPath string) (*Dialect, error) {
	if strings.ContainsAny(nameOrPath, `/\`) || strings.HasSuffix(nameOrPath, ".yaml") {
		return Load(nameOrPath)
	}
	return Builtin(nameOrPath)
}

// Parse reads a dialect from the text of a file; name is for errors. A base is
// always one that ships.
func Parse(name string, data []byte) (*Dialect, error) {
	var own file
	top, err := parse(name, data, &own)
	if err != nil {
		return nil, err
	}
	layers, whole := []layer{top}, own
	if own.Base != "" {
		if layers, err = onBase(top, own.Base, &whole); err != nil {
			return nil, err
		}
	}
	d, err := compile(&whole)
	var f *fault
	if errors.As(err, &f) {
		return nil, locate(layers, f)
	}
	return d, err
}

func onBase(top layer, base string, whole *file) ([]layer, error) {
	data, err := builtin(base)
	if err != nil {
		return nil, locate([]layer{top}, &fault{[]string{"base"}, err.Error()})
	}
	under, err := parse(base+".yaml", data, &file{})
	if err != nil {
		return nil, err
	}
	*whole = file{}
	merged := layer{top.name, lay(top.root, under.root)}
	return []layer{top, under}, merged.decode(whole)
}
