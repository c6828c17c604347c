package routing

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"wxswitch/routing/strict"
)

const maxSize = 2 << 20 // bytes of a file

// Problems is the error of a file that is refused: all that is wrong with it,
// by line.
type Problems = strict.Problems

// Load reads a table from a file; see [Parse]. A file that cannot be read
// gives the error of package os.
func Load(path string, banks []Bank) (*Table, error) {
	data, err := strict.ReadFile(path, maxSize)
	if err != nil {
		return nil, fmt.Errorf("routes: %w", err)
	}
	return Parse(path, data, banks)
}

// Parse reads a table from a file's contents; name stands for the file in
// errors and explanations, and banks are the ids that rules may name, nil for any.
// The error is [Problems].
func Parse(name string, data []byte, banks []Bank) (*Table, error) {
	p := &reader{strict.New(name, maxSize, "no rules"), banks}
	rules := p.rules(p.Root(data))
	p.contradictions(rules)
	if err := p.Err(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	return newTable(hex.EncodeToString(sum[:6]), rules), nil
}

// reader reads one file and collects what is wrong with it.
type reader struct {
	*strict.Reader
	banks []Bank
}

// rules reads the two lists of the file.
func (p *reader) rules(root ast.Node) []rule {
	if root == nil {
		return nil
	}
	var rules []rule
	file := p.Mapping(root, "the file", "cards", "passbooks")
	for _, n := range p.List(file, "cards") {
		rules = append(rules, p.card(n))
	}
	for _, n := range p.List(file, "passbooks") {
		rules = append(rules, p.passbook(n))
	}
	if len(rules) == 0 && p.Told() == 0 {
		p.Report(p.Place(root), "no rules")
	}
	return rules
}

func (p *reader) card(n ast.Node) rule {
	m := p.Mapping(n, "a card rule", "bank", "prefix", "lengths", "luhn")
	r := rule{at: p.Place(n), card: true, bank: p.bank(m), luhn: p.Flag(m, "luhn", true)}
	prefix, ok := p.prefix(m, minBIN)
	lengths := p.lengths(m)
	if ok && r.bank != "" && p.leavesOpen(m, prefix, lengths) {
		r.prefix, r.lengths = prefix, lengths
	}
	return r
}

func (p *reader) passbook(n ast.Node) rule {
	m := p.Mapping(n, "a passbook rule", "bank", "prefix", "length", "shared")
	r := rule{at: p.Place(n), bank: p.bank(m), shared: p.Flag(m, "shared", false)}
	prefix, ok := p.prefix(m, 0)
	var lengths []int
	if v, found := p.Need(m, "length"); found {
		lengths = p.length(v, nil, minDigits, maxDigits)
	}
	if ok && r.bank != "" && p.leavesOpen(m, prefix, lengths) {
		r.prefix, r.lengths = prefix, lengths
	}
	return r
}

func (p *reader) bank(m strict.Mapping) Bank {
	n, ok := p.Need(m, "bank")
	if !ok {
		return ""
	}
	name, ok := p.Text(n, "bank")
	if ok && (name == "" || p.banks != nil && !slices.Contains(p.banks, Bank(name))) {
		p.Report(p.Place(n), "bank %.40q is not configured; there are %q", name, p.banks)
	}
	return Bank(name)
}

func (p *reader) prefix(m strict.Mapping, shortest int) (string, bool) {
	n, ok := p.Need(m, "prefix")
	if !ok {
		return "", false
	}
	prefix, ok := p.Text(n, "prefix")
	switch {
	case !ok:
	case !isDigits(prefix):
		p.Report(p.Place(n), "prefix %.40q: digits only", prefix)
	case len(prefix) < shortest || len(prefix) > maxPrefix:
		p.Report(p.Place(n), "prefix %.40q: %d to %d digits", prefix, shortest, maxPrefix)
	default:
		return prefix, true
	}
	return "", false
}

func (p *reader) leavesOpen(m strict.Mapping, prefix string, lengths []int) bool {
	for _, length := range lengths {
		if length-len(prefix) < minOpen {
			p.Report(p.Place(m.Pairs["prefix"].Value), "prefix %q: leaves less than %d digits open of %d", prefix, minOpen, length)
			return false
		}
	}
	return true
}

func (p *reader) lengths(m strict.Mapping) []int {
	if _, ok := p.Need(m, "lengths"); !ok {
		return nil
	}
	problems := p.Told()
	var lengths []int
	for _, n := range p.List(m, "lengths") {
		lengths = p.length(n, lengths, minCard, maxCard)
	}
	if len(lengths) == 0 && p.Told() == problems {
		p.Report(p.Place(m.Pairs["lengths"]), "lengths: at least one")
	}
	return lengths
}

// length appends one length of account to those already read.
func (p *reader) length(n ast.Node, to []int, shortest, longest int) []int {
	length, ok := p.Number(n, "length")
	switch {
	case !ok:
	case length < shortest || length > longest:
		p.Report(p.Place(n), "length: %d to %d", shortest, longest)
	case slices.Contains(to, length):
		p.Report(p.Place(n), "length %d stands twice", length)
	default:
		return append(to, length)
	}
	return to
}
