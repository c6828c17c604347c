package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// strict compares a tree with the type that it is to be read into. The library
// takes 1.5 for a whole number, 7 for a text, and nothing for anything, and says
// what it does not take in words of Go.
type strict struct {
	path string
	errs []error
}

// check returns an error for every place that does not fit, a line each.
func (s *strict) check(tree *ast.File, t reflect.Type) error {
	var root ast.Node
	for _, doc := range tree.Docs {
		switch _, comment := doc.Body.(*ast.CommentGroupNode); {
		case doc.Body == nil || comment:
		case root != nil:
			s.report(doc.Body, "", "a second document")
		default:
			root = doc.Body
		}
	}
	if root != nil {
		s.node(root, "", t)
	}
	return errors.Join(s.errs...)
}

func (s *strict) report(n ast.Node, key, rule string) {
	if key != "" {
		rule = key + ": " + rule
	}
	at := begin(n).GetToken().Position
	s.errs = append(s.errs, fmt.Errorf("%s:%d:%d: %s", s.path, at.Line, at.Column, rule))
}

// begin is the node that stands where n begins.
func begin(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.MappingValueNode:
		return begin(n.Key)
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return begin(n.Values[0])
		}
	}
	return n
}

func (s *strict) node(n ast.Node, key string, t reflect.Type) {
	switch n.(type) {
	case *ast.NullNode:
		s.report(n, key, "has no value: leave the key out for its default")
		return
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		s.report(n, key, "anchors, aliases and tags are not used here")
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		s.mapping(n, key, fields(t), nil)
	case reflect.Map:
		s.mapping(n, key, nil, t.Elem())
	case reflect.Slice:
		s.list(n, key, t.Elem())
	default:
		if rule := scalar(n, t); rule != "" {
			s.report(n, key, rule)
		}
	}
}

// mapping checks a map with these keys or, where there are none, with any keys
// and values of the type.
func (s *strict) mapping(n ast.Node, key string, keys map[string]reflect.Type, other reflect.Type) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		s.report(n, key, "must be a map of keys and values")
		return
	}
	for _, pair := range m.Values {
		name := pair.Key.GetToken().Value
		t, known := keys[name]
		if keys == nil {
			t, known = other, true
		}
		switch _, text := pair.Key.(*ast.StringNode); {
		case keys == nil && !text: // a code such as 51: any would do, written so
			s.report(pair, key, fmt.Sprintf("unknown key %.40q: must be text, in quotes if it looks like something else", name))
		case !text || !known:
			s.report(pair, key, fmt.Sprintf("unknown key %.40q", name))
		default:
			s.node(pair.Value, strings.TrimPrefix(key+"."+name, "."), t)
		}
	}
}

func (s *strict) list(n ast.Node, key string, t reflect.Type) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		s.report(n, key, "must be a list")
		return
	}
	for i, value := range list.Values {
		s.node(value, fmt.Sprintf("%s[%d]", key, i), t)
	}
}

// fields are the keys of a struct and their types.
func fields(t reflect.Type) map[string]reflect.Type {
	keys := make(map[string]reflect.Type)
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			maps.Copy(keys, fields(f.Type))
		case name != "" && name != "-":
			keys[name] = f.Type
		}
	}
	return keys
}

// scalar returns the rule that a value of the type breaks.
func scalar(n ast.Node, t reflect.Type) string {
	text, _ := n.(*ast.StringNode)
	_, whole := n.(*ast.IntegerNode)
	_, broken := n.(*ast.FloatNode)
	_, flag := n.(*ast.BoolNode)
	switch k := t.Kind(); {
	case t == reflect.TypeFor[time.Duration]():
		if text == nil || !isDuration(text.Value) {
			return "must be a duration, such as 20s or 500ms"
		}
	case k == reflect.String && text == nil:
		return "must be text, in quotes if it looks like something else"
	case k == reflect.Bool && !flag:
		return "must be true or false"
	case k == reflect.Float64 && !whole && !broken:
		return "must be a number"
	case slices.Contains([]reflect.Kind{reflect.Int, reflect.Uint64}, k) && (!whole || !isWhole(n.GetToken().Value, t)):
		return "must be a whole number"
	}
	return ""
}

func isDuration(s string) bool {
	_, err := time.ParseDuration(s)
	return err == nil
}

// isWhole takes decimal numbers only: the library reads 016 as 14.
func isWhole(s string, t reflect.Type) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || digits[0] == '0' && digits != "0" {
		return false
	}
	var err error
	if t.Kind() == reflect.Uint64 {
		_, err = strconv.ParseUint(s, 10, 64)
	} else {
		_, err = strconv.ParseInt(s, 10, t.Bits())
	}
	return err == nil
}
