package routing

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	yamlparser "github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// root returns what the file holds, or nil with the problem reported.
func (p *reader) root(data []byte) ast.Node {
	switch {
	case len(data) > maxSize:
		p.report(place{p.file, 1, 1}, "larger than %d bytes", maxSize)
		return nil
	case !p.readable(data):
		return nil
	}
	tokens := lexer.Tokenize(string(bytes.TrimPrefix(data, []byte("\ufeff"))))
	if !p.plain(tokens) {
		return nil
	}
	// Keys that stand twice are reported by mapping, with both places.
	file, err := yamlparser.Parse(tokens, 0, yamlparser.AllowDuplicateMapKey())
	if err != nil {
		p.syntax(err)
		return nil
	}
	return p.document(file)
}

func (p *reader) syntax(err error) {
	var syntax yaml.Error
	if errors.As(err, &syntax) && syntax.GetToken() != nil {
		p.report(p.tokenPlace(syntax.GetToken()), "%s", syntax.GetMessage())
		return
	}
	p.report(place{p.file, 1, 1}, "not YAML")
}

// document returns the body of the file's one document.
func (p *reader) document(file *ast.File) ast.Node {
	var root ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case root != nil:
			p.report(p.place(doc.Body), "a second document")
			return nil
		default:
			root = doc.Body
		}
	}
	if root == nil {
		p.report(place{p.file, 1, 1}, "no rules")
	}
	return root
}

func (p *reader) tokenPlace(t *token.Token) place {
	return place{p.file, t.Position.Line, t.Position.Column}
}

// place returns where a node begins.
func (p *reader) place(n ast.Node) place {
	switch n := n.(type) {
	case *ast.MappingValueNode:
		return p.place(n.Key)
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return p.place(n.Values[0])
		}
	}
	return p.tokenPlace(n.GetToken())
}

// mapping is a map of the file.
type mapping struct {
	at   place
	what string // "a card rule"
	// pairs is nil for what is no map.
	pairs map[string]*ast.MappingValueNode
}

// mapping reads a map that may have these keys, each once.
func (p *reader) mapping(n ast.Node, what string, keys ...string) mapping {
	m := mapping{at: p.place(n), what: what}
	node, ok := n.(*ast.MappingNode)
	if !ok {
		p.report(m.at, "%s must be a map with the keys %s", what, strings.Join(keys, ", "))
		return m
	}
	m.pairs = make(map[string]*ast.MappingValueNode)
	for _, pair := range node.Values {
		key := pair.Key.GetToken().Value
		switch first := m.pairs[key]; {
		case first != nil:
			p.report(p.place(pair), "%s stands twice, first at %s", key, p.place(first))
		case !slices.Contains(keys, key):
			p.report(p.place(pair), "unknown key %.40q; %s has %s", key, what, strings.Join(keys, ", "))
		default:
			m.pairs[key] = pair
		}
	}
	return m
}

// need returns the value of a key, or reports that it is missing.
func (p *reader) need(m mapping, key string) (ast.Node, bool) {
	if pair := m.pairs[key]; pair != nil {
		return pair.Value, true
	}
	if m.pairs != nil {
		p.report(m.at, "%s needs %s", m.what, key)
	}
	return nil, false
}

// list reads the list under a key, empty where the key is missing.
func (p *reader) list(m mapping, key string) []ast.Node {
	pair := m.pairs[key]
	if pair == nil {
		return nil
	}
	node, ok := pair.Value.(*ast.SequenceNode)
	if !ok {
		p.report(p.place(pair), "%s must be a list", key)
		return nil
	}
	return node.Values
}

func (p *reader) text(n ast.Node, key string) (string, bool) {
	node, ok := n.(*ast.StringNode)
	if !ok {
		p.report(p.place(n), "%s must be text, in quotes if it looks like something else", key)
		return "", false
	}
	return node.Value, true
}

// flag reads true or false under a key, and what it is where the key is missing.
func (p *reader) flag(m mapping, key string, missing bool) bool {
	pair := m.pairs[key]
	if pair == nil {
		return missing
	}
	node, ok := pair.Value.(*ast.BoolNode)
	if !ok {
		p.report(p.place(pair.Value), "%s must be true or false", key)
		return missing
	}
	return node.Value
}

// number reads a small decimal number. The library would take 0x10 and 016 for
// other numbers than people do.
func (p *reader) number(n ast.Node, key string) (int, bool) {
	written := n.GetToken().Value
	_, ok := n.(*ast.IntegerNode)
	if !ok || !isDigits(written) || len(written) > 4 || written[0] == '0' {
		p.report(p.place(n), "%s must be a whole number", key)
		return 0, false
	}
	number, err := strconv.Atoi(written)
	return number, err == nil
}
