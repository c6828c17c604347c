package strict

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	yamlparser "github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Root returns what the file holds, or nil with the problem reported.
func (p *Reader) Root(data []byte) ast.Node {
	switch {
	case len(data) > p.max:
		p.Report(Place{p.file, 1, 1}, "larger than %d bytes", p.max)
		return nil
	case !p.readable(data):
		return nil
	}
	// As Windows writes files; the library counts some of their lines twice.
	data = bytes.ReplaceAll(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\r\n"), []byte("\n"))
	tokens := lexer.Tokenize(string(data))
	if !p.plain(tokens) {
		return nil
	}
	// Keys that stand twice are reported by Mapping, with both places.
	file, err := yamlparser.Parse(tokens, 0, yamlparser.AllowDuplicateMapKey())
	if err != nil {
		p.syntax(err)
		return nil
	}
	return p.document(file)
}

func (p *Reader) syntax(err error) {
	var syntax yaml.Error
	if errors.As(err, &syntax) && syntax.GetToken() != nil {
		p.Report(p.tokenPlace(syntax.GetToken()), "%s", syntax.GetMessage())
		return
	}
	p.Report(Place{p.file, 1, 1}, "not YAML")
}

// document returns the body of the file's one document.
func (p *Reader) document(file *ast.File) ast.Node {
	var root ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case root != nil:
			p.Report(p.Place(doc.Body), "a second document")
			return nil
		default:
			root = doc.Body
		}
	}
	if root == nil {
		p.Report(Place{p.file, 1, 1}, "%s", p.nothing)
	}
	return root
}

func (p *Reader) tokenPlace(t *token.Token) Place {
	return Place{p.file, t.Position.Line, t.Position.Column}
}

// Place returns where a node begins.
func (p *Reader) Place(n ast.Node) Place {
	switch n := n.(type) {
	case *ast.MappingValueNode:
		return p.Place(n.Key)
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return p.Place(n.Values[0])
		}
	}
	return p.tokenPlace(n.GetToken())
}

// Mapping is a map of the file.
type Mapping struct {
	At   Place
	What string // "a card rule"
	// Pairs is nil for what is no map.
	Pairs map[string]*ast.MappingValueNode
}

// Mapping reads a map that may have these keys, each once.
func (p *Reader) Mapping(n ast.Node, what string, keys ...string) Mapping {
	m := Mapping{At: p.Place(n), What: what}
	node, ok := n.(*ast.MappingNode)
	if !ok {
		p.Report(m.At, "%s must be a map with the keys %s", what, strings.Join(keys, ", "))
		return m
	}
	m.Pairs = make(map[string]*ast.MappingValueNode)
	for _, pair := range node.Values {
		key := pair.Key.GetToken().Value
		switch first := m.Pairs[key]; {
		case first != nil:
			p.Report(p.Place(pair), "%s stands twice, first at %s", key, p.Place(first))
		case !slices.Contains(keys, key):
			p.Report(p.Place(pair), "unknown key %.40q; %s has %s", key, what, strings.Join(keys, ", "))
		default:
			m.Pairs[key] = pair
		}
	}
	return m
}

// Need returns the value of a key, or reports that it is missing.
func (p *Reader) Need(m Mapping, key string) (ast.Node, bool) {
	if pair := m.Pairs[key]; pair != nil {
		return pair.Value, true
	}
	if m.Pairs != nil {
		p.Report(m.At, "%s needs %s", m.What, key)
	}
	return nil, false
}

// List reads the list under a key, empty where the key is missing.
func (p *Reader) List(m Mapping, key string) []ast.Node {
	pair := m.Pairs[key]
	if pair == nil {
		return nil
	}
	node, ok := pair.Value.(*ast.SequenceNode)
	if !ok {
		p.Report(p.Place(pair), "%s must be a list", key)
		return nil
	}
	return node.Values
}

// Text reads text.
func (p *Reader) Text(n ast.Node, key string) (string, bool) {
	node, ok := n.(*ast.StringNode)
	if !ok {
		p.Report(p.Place(n), "%s must be text, in quotes if it looks like something else", key)
		return "", false
	}
	return node.Value, true
}

// Flag reads true or false under a key, and what it is where the key is missing.
func (p *Reader) Flag(m Mapping, key string, missing bool) bool {
	pair := m.Pairs[key]
	if pair == nil {
		return missing
	}
	node, ok := pair.Value.(*ast.BoolNode)
	if !ok {
		p.Report(p.Place(pair.Value), "%s must be true or false", key)
		return missing
	}
	return node.Value
}

// Number reads a small decimal number. The library would take 0x10 and 016 for
// other numbers than people do.
func (p *Reader) Number(n ast.Node, key string) (int, bool) {
	written := n.GetToken().Value
	_, ok := n.(*ast.IntegerNode)
	if !ok || !whole.MatchString(written) {
		p.Report(p.Place(n), "%s must be a whole number", key)
		return 0, false
	}
	number, err := strconv.Atoi(written)
	return number, err == nil
}

var (
	whole   = regexp.MustCompile(`^[1-9][0-9]{0,3}$`)
	decimal = regexp.MustCompile(`^(0|[1-9][0-9]{0,3})(\.[0-9]{1,8})?$`)
)

// Decimal reads a number that may have a point, such as 87.616824: not negative,
// and without an exponent.
func (p *Reader) Decimal(n ast.Node, key string) (float64, bool) {
	written := n.GetToken().Value
	if kind := n.Type(); (kind != ast.FloatType && kind != ast.IntegerType) || !decimal.MatchString(written) {
		p.Report(p.Place(n), "%s must be a number such as 87.616824", key)
		return 0, false
	}
	number, err := strconv.ParseFloat(written, 64)
	return number, err == nil
}
