package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/rs/zerolog"
)

// maxSize is far above any configuration, and below what makes the library's
// parser, which is quadratic in places, slow.
const maxSize = 64 << 10

// File is a configuration file that was read, for errors that point into it.
type File struct {
	path string
	tree *ast.File
}

// Read decodes the file into the struct that into points to.
func Read(path string, into any) (*File, error) {
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, data, into)
}

// Parse is Read for what is in memory already.
func Parse(path string, data []byte, into any) (*File, error) {
	if len(data) > maxSize {
		return nil, fmt.Errorf("%s:1:1: larger than %d bytes", path, maxSize)
	}
	// As Windows writes files; the library counts some of their lines twice.
	data = bytes.ReplaceAll(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\r\n"), []byte("\n"))
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, located(path, err)
	}
	if err := (&strict{path: path}).check(tree, reflect.TypeOf(into).Elem()); err != nil {
		return nil, err
	}
	if err := yaml.UnmarshalWithOptions(data, into, yaml.Strict()); err != nil {
		return nil, located(path, err)
	}
	return &File{path, tree}, nil
}

// Line reads a file of one line, which a secret has to itself, without the blanks
// around it. The error names the file, never what is in it.
func Line(path string) (string, error) {
	const most = 4 << 10
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	line := strings.TrimSpace(string(data))
	if line == "" || len(data) > most || strings.ContainsAny(line, "\r\n") {
		return "", fmt.Errorf("%s must hold one line", path)
	}
	return line, nil
}

// Token is Line for a token.
func Token(path string) (string, error) {
	token, err := Line(path)
	if err == nil && !IsVisible(token) {
		return "", fmt.Errorf("%s must hold one token and nothing else", path)
	}
	return token, err
}

// located puts the library's error into one line: its own spans several, and
// quotes the file.
func located(path string, err error) error {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil {
		p := y.GetToken().Position
		return fmt.Errorf("%s:%d:%d: %s", path, p.Line, p.Column, y.GetMessage())
	}
	return fmt.Errorf("%s:1:1: not the YAML that is expected", path)
}

// IsLevel reports whether log.level may be so; empty is the default.
func IsLevel(level string) bool {
	return slices.Contains([]string{"", "debug", "info", "warn", "error"}, level)
}

// Level is what log.level says, which IsLevel has taken; info if it is empty.
func Level(level string) zerolog.Level {
	if parsed, err := zerolog.ParseLevel(level); err == nil && level != "" {
		return parsed
	}
	return zerolog.InfoLevel
}

// At returns an error that points at a key, such as banks[0].name; a key that
// is not there points at what should have it.
func (f *File) At(key, reason string) error {
	line, column := f.position(key)
	return fmt.Errorf("%s:%d:%d: %s: %s", f.path, line, column, key, reason)
}

func (f *File) position(key string) (line, column int) {
	for key != "" {
		if p, err := yaml.PathString("$." + key); err == nil {
			if node, err := p.FilterFile(f.tree); err == nil && node != nil {
				at := node.GetToken().Position
				return at.Line, at.Column
			}
		}
		key = parent(key)
	}
	return 1, 1
}

// parent is the key of what a key stands in.
func parent(key string) string {
	for i := len(key) - 1; i > 0; i-- {
		if key[i] == '.' || key[i] == '[' {
			return key[:i]
		}
	}
	return ""
}

// Dir resolves a path of the file against the file's own folder.
func (f *File) Dir(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(f.path), path)
}
