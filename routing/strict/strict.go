package strict

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// MaxProblems is how many problems of one file are told.
const MaxProblems = 100

// Place is where something stands in a file.
type Place struct {
	File         string
	Line, Column int // from 1; columns in characters
}

func (p Place) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Problem is one thing that is wrong in a file.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line"`   // from 1
	Column int    `json:"column"` // from 1, in characters
	Text   string `json:"text"`
}

// String is file:line:column: text.
func (p Problem) String() string {
	return fmt.Sprintf("%s: %s", Place{p.File, p.Line, p.Column}, p.Text)
}

// Problems is the error of a file that is refused: all that is wrong with it,
// by line.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// ReadFile reads a file, but no more than one byte above maxSize. The error is
// that of package os. A pipe is none: to open it would wait for whoever writes, and
// with it every later reload, and the stop.
func ReadFile(path string, maxSize int) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("is not a file")}
	}
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	return io.ReadAll(io.LimitReader(f, int64(maxSize)+1))
}

// Reader reads one file and collects what is wrong with it.
type Reader struct {
	file     string
	max      int // bytes
	nothing  string
	problems Problems
}

// New returns a Reader; name stands for the file in problems, maxSize bounds it
// in bytes, and nothing is told of one that has nothing in it.
func New(name string, maxSize int, nothing string) *Reader {
	return &Reader{file: name, max: maxSize, nothing: nothing}
}

// Report notes a problem. The first one above the limit is noted as such, the
// others are dropped.
func (p *Reader) Report(at Place, format string, args ...any) {
	if p.Full() {
		return
	}
	text := fmt.Sprintf(format, args...)
	if len(p.problems) == MaxProblems {
		text = fmt.Sprintf("more than %d problems: the rest is not told", MaxProblems)
	}
	p.problems = append(p.problems, Problem{p.file, at.Line, at.Column, text})
}

// Told is how many problems were noted.
func (p *Reader) Told() int { return len(p.problems) }

// Full reports whether further problems are dropped.
func (p *Reader) Full() bool { return len(p.problems) > MaxProblems }

// Err returns the [Problems] by place, but last the one that says there are more;
// nil if there are none.
func (p *Reader) Err() error {
	if len(p.problems) == 0 {
		return nil
	}
	told := p.problems[:min(len(p.problems), MaxProblems)]
	slices.SortStableFunc(told, func(a, b Problem) int {
		return cmp.Or(a.Line-b.Line, a.Column-b.Column)
	})
	return p.problems
}
