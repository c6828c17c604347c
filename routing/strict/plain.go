package strict

import (
	"bytes"
	"maps"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

// The YAML library's time grows with the square of the depth of nesting, of
// the keys in one map, of values left out, of some runs of quotes and tabs: minutes or hours for a
// megabyte. So what the format does not use is refused before the library
// works on it.
const (
	maxDepth = 16 // of brackets, and of dashes on one line
	maxKeys  = 64 // in one map that is written line by line
	maxMarks = 2  // --- or ...
	maxEmpty = 64 // keys and dashes with nothing behind them
)

// readable refuses what is not text.
func (p *Reader) readable(data []byte) bool {
	for at := 0; at < len(data); {
		r, size := utf8.DecodeRune(data[at:])
		switch {
		case r == utf8.RuneError && size == 1:
			p.Report(p.offset(data[:at]), "not UTF-8")
			return false
		case r < ' ' && r != '\n' && r != '\r':
			p.Report(p.offset(data[:at]), "control character or tab: indent with spaces")
			return false
		}
		at += size
	}
	return true
}

// offset returns the place behind what comes before.
func (p *Reader) offset(before []byte) Place {
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return Place{p.file, bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(line) + 1}
}

// plain refuses a shape that no file of rules has.
func (p *Reader) plain(tokens token.Tokens) bool {
	s := shape{keys: make(map[int]int)}
	for _, t := range tokens {
		if wrong := s.take(t); wrong != "" {
			p.Report(p.tokenPlace(t), "%s", wrong)
			return false
		}
	}
	return true
}

// shape follows a file's tokens.
type shape struct {
	last   *token.Token // before this one, comments apart
	key    int          // column of the last key
	depth  int          // of brackets
	line   int          // of the last dash
	dashes int          // in that line
	marks  int          // of documents
	empty  int          // values left out
	keys   map[int]int  // of the maps that are open, outside brackets, by their column
}

// take takes the next token and says what is wrong with the shape, if anything.
func (s *shape) take(t *token.Token) string {
	if t.Type == token.CommentType {
		return ""
	}
	if s.leftOut(t) {
		s.empty++
	}
	switch t.Type {
	case token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType, token.MappingKeyType, token.DirectiveType:
		return "anchors, tags, directives and complex keys are not used here"
	case token.SequenceStartType, token.MappingStartType:
		s.depth++
	case token.SequenceEndType, token.MappingEndType:
		s.depth--
	case token.DocumentHeaderType, token.DocumentEndType:
		s.marks++
	case token.SequenceEntryType:
		s.dash(t.Position)
	case token.MappingValueType:
		s.colon()
	}
	s.last = t
	return s.tooMuch()
}

func (s *shape) dash(at *token.Position) {
	if s.dashes++; at.Line != s.line {
		s.line, s.dashes = at.Line, 1
	}
	// A dash ends the maps that stand to its right.
	maps.DeleteFunc(s.keys, func(column, _ int) bool { return column > at.Column })
}

func (s *shape) colon() {
	s.key = 0
	if s.last != nil {
		s.key = s.last.Position.Column
	}
	if s.depth <= 0 {
		s.keys[s.key]++
	}
}

// leftOut reports whether the last token wanted a value and t is none.
func (s *shape) leftOut(t *token.Token) bool {
	switch {
	case s.last == nil:
		return false
	case s.last.Type == token.SequenceEntryType:
		return t.Position.Line > s.last.Position.Line && t.Position.Column <= s.last.Position.Column
	case s.last.Type != token.MappingValueType:
		return false
	case s.depth > 0:
		return t.Type == token.CollectEntryType || t.Type == token.MappingEndType
	case t.Type == token.SequenceEntryType:
		return t.Position.Column < s.key
	}
	return t.Position.Line > s.last.Position.Line && t.Position.Column <= s.key
}

func (s *shape) tooMuch() string {
	switch {
	case s.depth+s.dashes > maxDepth:
		return "nested too deep"
	case s.marks > maxMarks:
		return "too many documents"
	case s.empty > maxEmpty:
		return "too many values left out"
	case s.last.Type == token.MappingValueType && s.keys[s.key] > maxKeys:
		return "too many keys in one map"
	}
	return ""
}
