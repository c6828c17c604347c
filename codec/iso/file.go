package iso

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"wxswitch/codec"
)

// maxFile bounds a dialect file, in bytes.
const maxFile = 64 << 10

// file is a dialect as it is written. doc.go explains every key.
type file struct {
	Name      string                             `yaml:"name"`
	About     string                             `yaml:"about"`
	Base      string                             `yaml:"base"`
	Frame     frameSpec                          `yaml:"frame"`
	Header    []partSpec                         `yaml:"header"`
	Bitmap    string                             `yaml:"bitmap"`
	Pairing   []string                           `yaml:"pairing"`
	CertTypes map[string]string                  `yaml:"cert-types"`
	Fields    map[int]*fieldSpec                 `yaml:"fields"`
	Types     map[codec.Type]*typeSpec           `yaml:"types"`
	Codes     map[codec.Type]map[string][]string `yaml:"codes"`
	Advices   map[codec.Type]map[string][]string `yaml:"advices"`
}

type frameSpec struct {
	Prefix   int    `yaml:"prefix"`
	Offset   int    `yaml:"offset"`
	Size     int    `yaml:"size"`
	Encoding string `yaml:"encoding"`
	Adjust   int    `yaml:"adjust"`
	Max      int    `yaml:"max"`
	Idle     bool   `yaml:"idle"`
}

// partSpec is one value: a field, or a part of one.
type partSpec struct {
	Name   string `yaml:"name"`
	Format string `yaml:"format"`
	Min    int    `yaml:"min"`
	Is     string `yaml:"is"`
	Value  string `yaml:"value"`
	Reply  string `yaml:"reply"`
	Fill   string `yaml:"fill"`
	Copy   string `yaml:"copy"`
	From   int    `yaml:"from"`
	Pad    string `yaml:"pad"`
	// Words are the centre's words and the bank's.
	Words map[string]string `yaml:"words"`
}

type fieldSpec struct {
	One      partSpec      `yaml:",inline"`
	Parts    []partSpec    `yaml:"parts"`
	Balances *balancesSpec `yaml:"balances"`
	TLV      *tlvSpec      `yaml:"tlv"`
	Rows     *rowsSpec     `yaml:"rows"`
}

type balancesSpec struct {
	Account   string `yaml:"account"`
	Currency  string `yaml:"currency"`
	Ledger    string `yaml:"ledger"`
	Available string `yaml:"available"`
}

type rowsSpec struct {
	In      string `yaml:"in"`
	Out     string `yaml:"out"`
	Summary int    `yaml:"summary"`
}

type tlvSpec struct {
	Usage   string               `yaml:"usage"`
	Tag     int                  `yaml:"tag"`
	Length  int                  `yaml:"length"`
	Unknown string               `yaml:"unknown"`
	Tags    map[string]*partSpec `yaml:"tags"`
}

type typeSpec struct {
	MTI struct {
		Request string `yaml:"request"`
		Repeat  string `yaml:"repeat"`
		Reply   string `yaml:"reply"`
	} `yaml:"mti"`
	Code     string   `yaml:"code"`
	Network  string   `yaml:"network"`
	Request  []string `yaml:"request"`
	Reply    []string `yaml:"reply"`
	Approved []string `yaml:"approved"`
}

// FileError says what is wrong with a dialect file, and where.
type FileError struct {
	File         string
	Line, Column int
	Reason       string
}

func (e *FileError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Reason)
}

// layer is one parsed file; a file with a base lies over the base's.
type layer struct {
	name string
	root *ast.MappingNode
}

// parse reads one file into its tree and into f.
func parse(name string, data []byte, f *file) (layer, error) {
	l := layer{name: name}
	if len(data) > maxFile {
		return l, &FileError{name, 1, 1, "larger than 64 KiB"}
	}
	if deep(data) {
		return l, &FileError{name, 1, 1, "nested too deep"}
	}
	// As Windows writes files; the library counts some of their lines twice.
	data = bytes.ReplaceAll(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\r\n"), []byte("\n"))
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return l, l.wrap(err)
	}
	if len(tree.Docs) != 1 {
		return l, &FileError{name, 1, 1, "not one YAML document"}
	}
	root, ok := tree.Docs[0].Body.(*ast.MappingNode)
	if !ok {
		return l, &FileError{name, 1, 1, "not a mapping of keys to values"}
	}
	if err := l.plain(root, 0); err != nil {
		return l, err
	}
	l.root = root
	return l, l.decode(f)
}

// deep reports brackets, or dashes on one line, nested beyond all use, over which
// the parser would take seconds.
func deep(data []byte) bool {
	open := 0
	for line := range bytes.Lines(data) {
		head := line[:len(line)-len(bytes.TrimLeft(line, "- "))]
		if bytes.Count(head, []byte("- ")) > 100 {
			return true
		}
	}
	for _, c := range data {
		switch c {
		case '[', '{':
			open++
		case ']', '}':
			open--
		}
		if open > 100 {
			return true
		}
	}
	return false
}

func (l layer) decode(f *file) error {
	if err := yaml.NodeToValue(l.root, f, yaml.Strict()); err != nil {
		return l.wrap(err)
	}
	return nil
}

func (l layer) wrap(err error) error {
	var known yaml.Error
	if errors.As(err, &known) && known.GetToken() != nil {
		at := known.GetToken().Position
		return &FileError{l.name, at.Line, at.Column, known.GetMessage()}
	}
	return &FileError{l.name, 1, 1, err.Error()}
}

func (l layer) at(n ast.Node, reason string) error {
	p := n.GetToken().Position
	return &FileError{l.name, p.Line, p.Column, reason}
}

// plain refuses what YAML can do beyond mappings, lists and values (anchors,
// tags), and keeps numbers such as 00 and 0200 as they are written: YAML would
// take them for octal.
func (l layer) plain(n ast.Node, depth int) error {
	if depth > 8 {
		return l.at(n, "nested too deep")
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			if _, ok := v.Key.(*ast.MergeKeyNode); ok {
				return l.at(v.Key, "merge keys are not allowed")
			}
			if k, ok := v.Key.(*ast.IntegerNode); ok {
				v.Key = literal(k).(ast.MapKeyNode)
			}
			if err := l.plain(v.Value, depth+1); err != nil {
				return err
			}
			v.Value = literal(v.Value)
		}
	case *ast.SequenceNode:
		for i, v := range n.Values {
			if err := l.plain(v, depth+1); err != nil {
				return err
			}
			n.Values[i] = literal(v)
		}
	case *ast.StringNode, *ast.IntegerNode, *ast.BoolNode, *ast.NullNode, *ast.LiteralNode:
	default:
		return l.at(n, "only mappings, lists, texts, numbers, true and false are allowed")
	}
	return nil
}

// literal turns a number that is not written as people count into a text.
func literal(n ast.Node) ast.Node {
	i, ok := n.(*ast.IntegerNode)
	if !ok {
		return n
	}
	text := i.GetToken().Value
	if v, err := strconv.Atoi(text); err == nil && strconv.Itoa(v) == text {
		return n
	}
	return ast.String(i.GetToken())
}

// lay returns the tree of over laid on under: mappings are merged key by key,
// anything else replaces, and a null removes.
func lay(over, under *ast.MappingNode) *ast.MappingNode {
	out := *under
	out.Values = slices.Clone(under.Values)
	for _, v := range over.Values {
		i := slices.IndexFunc(out.Values, func(u *ast.MappingValueNode) bool { return key(u) == key(v) })
		_, remove := v.Value.(*ast.NullNode)
		switch {
		case remove && i >= 0:
			out.Values = slices.Delete(out.Values, i, i+1)
		case remove:
		case i < 0:
			out.Values = append(out.Values, v)
		default:
			merged := *v
			a, okA := v.Value.(*ast.MappingNode)
			b, okB := out.Values[i].Value.(*ast.MappingNode)
			if okA && okB {
				merged.Value = lay(a, b)
			}
			out.Values[i] = &merged
		}
	}
	return &out
}

func key(v *ast.MappingValueNode) string { return v.Key.GetToken().Value }

// find returns the node that the path leads to, or the last one on the way,
// and how far it came.
func (l layer) find(path []string) (found ast.Node, depth int) {
	var n ast.Node = l.root
	found = n
	for _, step := range path {
		switch at := n.(type) {
		case *ast.MappingNode:
			i := slices.IndexFunc(at.Values, func(v *ast.MappingValueNode) bool { return key(v) == step })
			if i < 0 {
				return found, depth
			}
			n, found = at.Values[i].Value, at.Values[i].Key
		case *ast.SequenceNode:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(at.Values) {
				return found, depth
			}
			n, found = at.Values[i], at.Values[i]
		default:
			return found, depth
		}
		depth++
	}
	return found, depth
}

// locate says where the fault of a whole dialect lies: in the layer that comes
// nearest to its path, the uppermost of equals. What lies in the base, which is
// sound by itself, is put down to the line that names the base.
func locate(layers []layer, f *fault) error {
	n, depth := layers[0].find(f.path)
	err := layers[0].at(n, f.reason)
	for _, under := range layers[1:] {
		if n, d := under.find(f.path); d > depth {
			base, _ := layers[0].find([]string{"base"})
			err = layers[0].at(base, "on the base, "+under.at(n, f.reason).Error())
		}
	}
	return err
}

// fault is what is wrong at a path of keys and indexes of the file.
type fault struct {
	path   []string
	reason string
}

func (f *fault) Error() string { return f.reason }
