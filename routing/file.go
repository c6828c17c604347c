package routing

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

const (
	maxSize     = 2 << 20 // bytes of a file
	maxProblems = 100     // told of one file
)

// Problem is one thing that is wrong in a file of rules.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line"`   // from 1
	Column int    `json:"column"` // from 1, in characters
	Text   string `json:"text"`
}

// String is file:line:column: text.
func (p Problem) String() string {
	return fmt.Sprintf("%s: %s", place{p.File, p.Line, p.Column}, p.Text)
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

// Load reads a table from a file; see [Parse]. A file that cannot be read
// gives the error of package os.
func Load(path string, banks []Bank) (*Table, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("routes: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("routes: %w", err)
	}
	return Parse(path, data, banks)
}

// Parse reads a table from a file's contents; name stands for the file in
// errors and explanations, and banks are the ids that rules may name. The error
// is [Problems].
func Parse(name string, data []byte, banks []Bank) (*Table, error) {
	p := &reader{file: name, banks: banks}
	rules := p.rules(p.root(data))
	p.contradictions(rules)
	if len(p.problems) > 0 {
		return nil, p.sorted()
	}
	sum := sha256.Sum256(data)
	return newTable(hex.EncodeToString(sum[:6]), rules), nil
}

// reader reads one file and collects what is wrong with it.
type reader struct {
	file     string
	banks    []Bank
	problems Problems
}

func (p *reader) full() bool { return len(p.problems) > maxProblems }

// report notes a problem. The first one above the limit is noted as such, the
// others are dropped.
func (p *reader) report(at place, format string, args ...any) {
	if p.full() {
		return
	}
	text := fmt.Sprintf(format, args...)
	if len(p.problems) == maxProblems {
		text = fmt.Sprintf("more than %d problems: the rest is not told", maxProblems)
	}
	p.problems = append(p.problems, Problem{p.file, at.line, at.column, text})
}

// sorted returns the problems by place, but for the one that says there are more.
func (p *reader) sorted() Problems {
	told := p.problems[:min(len(p.problems), maxProblems)]
	slices.SortStableFunc(told, func(a, b Problem) int {
		return cmp.Or(a.Line-b.Line, a.Column-b.Column)
	})
	return p.problems
}

// rules reads the two lists of the file.
func (p *reader) rules(root ast.Node) []rule {
	if root == nil {
		return nil
	}
	var rules []rule
	file := p.mapping(root, "the file", "cards", "passbooks")
	for _, n := range p.list(file, "cards") {
		rules = append(rules, p.card(n))
	}
	for _, n := range p.list(file, "passbooks") {
		rules = append(rules, p.passbook(n))
	}
	if len(rules) == 0 && len(p.problems) == 0 {
		p.report(p.place(root), "no rules")
	}
	return rules
}

func (p *reader) card(n ast.Node) rule {
	m := p.mapping(n, "a card rule", "bank", "prefix", "lengths", "luhn")
	r := rule{at: p.place(n), card: true, bank: p.bank(m), luhn: p.flag(m, "luhn", true)}
	prefix, ok := p.prefix(m, minBIN)
	lengths := p.lengths(m)
	if ok && r.bank != "" && p.leavesOpen(m, prefix, lengths) {
		r.prefix, r.lengths = prefix, lengths
	}
	return r
}

func (p *reader) passbook(n ast.Node) rule {
	m := p.mapping(n, "a passbook rule", "bank", "prefix", "length", "shared")
	r := rule{at: p.place(n), bank: p.bank(m), shared: p.flag(m, "shared", false)}
	prefix, ok := p.prefix(m, 0)
	var lengths []int
	if v, found := p.need(m, "length"); found {
		lengths = p.length(v, nil, minDigits, maxDigits)
	}
	if ok && r.bank != "" && p.leavesOpen(m, prefix, lengths) {
		r.prefix, r.lengths = prefix, lengths
	}
	return r
}

func (p *reader) bank(m mapping) Bank {
	n, ok := p.need(m, "bank")
	if !ok {
		return ""
	}
	name, ok := p.text(n, "bank")
	if ok && !slices.Contains(p.banks, Bank(name)) {
		p.report(p.place(n), "bank %.40q is not configured; there are %q", name, p.banks)
	}
	return Bank(name)
}

func (p *reader) prefix(m mapping, shortest int) (string, bool) {
	n, ok := p.need(m, "prefix")
	if !ok {
		return "", false
	}
	prefix, ok := p.text(n, "prefix")
	switch {
	case !ok:
	case !isDigits(prefix):
		p.report(p.place(n), "prefix %.40q: digits only", prefix)
	case len(prefix) < shortest || len(prefix) > maxPrefix:
		p.report(p.place(n), "prefix %.40q: %d to %d digits", prefix, shortest, maxPrefix)
	default:
		return prefix, true
	}
	return "", false
}

func (p *reader) leavesOpen(m mapping, prefix string, lengths []int) bool {
	for _, length := range lengths {
		if length-len(prefix) < minOpen {
			p.report(p.place(m.pairs["prefix"].Value), "prefix %q: leaves less than %d digits open of %d", prefix, minOpen, length)
			return false
		}
	}
	return true
}

func (p *reader) lengths(m mapping) []int {
	if _, ok := p.need(m, "lengths"); !ok {
		return nil
	}
	problems := len(p.problems)
	var lengths []int
	for _, n := range p.list(m, "lengths") {
		lengths = p.length(n, lengths, minCard, maxCard)
	}
	if len(lengths) == 0 && len(p.problems) == problems {
		p.report(p.place(m.pairs["lengths"]), "lengths: at least one")
	}
	return lengths
}

// length appends one length of account to those already read.
func (p *reader) length(n ast.Node, to []int, shortest, longest int) []int {
	length, ok := p.number(n, "length")
	switch {
	case !ok:
	case length < shortest || length > longest:
		p.report(p.place(n), "length: %d to %d", shortest, longest)
	case slices.Contains(to, length):
		p.report(p.place(n), "length %d stands twice", length)
	default:
		return append(to, length)
	}
	return to
}
