package wechat

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// FieldError is a value that a template's field cannot hold.
type FieldError struct{ Name, Rule string }

func (e *FieldError) Error() string { return fmt.Sprintf("wechat: field %s: %s", e.Name, e.Rule) }

// kind is a field's type: its name without the number.
type kind string

// The types that are known.
const (
	kindThing     kind = "thing"
	kindCharacter kind = "character_string"
	kindPhrase    kind = "phrase"
	kindAmount    kind = "amount"
	kindTime      kind = "time"
	kindConst     kind = "const"
)

// shapes make a value fit its type; what they return else is the rule.
var shapes = map[kind]func(string) (value, rule string){
	kindThing:     thing,
	kindCharacter: characterString,
	kindPhrase:    phrase,
	kindAmount:    amount,
	kindTime:      clock,
	kindConst:     constant,
}

var fieldName = regexp.MustCompile(`^([a-z_]+?)[0-9]{1,3}$`)

func kindOf(name string) (kind, bool) {
	m := fieldName.FindStringSubmatch(name)
	if m == nil {
		return "", false
	}
	_, known := shapes[kind(m[1])]
	return kind(m[1]), known
}

// Shape makes a value fit the type that the field's name tells, as the platform
// checks it (47003):
//
//	thing             cut to 20 characters; 无 where there is none
//	character_string  ASCII, cut to 32
//	phrase            1 to 5 Chinese characters
//	amount            ¥ and at most 10 digits, as ¥1234.56; .00 goes where there are more
//	time              2006年1月2日 15:04, or 15:04
//	const             1 to 20 characters, of those that the template lists
//
// Only what is for reading is cut: half a phrase, an amount or a time would say
// something else. Error: *FieldError.
func Shape(name, value string) (string, error) {
	k, known := kindOf(name)
	if !known {
		return "", &FieldError{name, "of no type that is known"}
	}
	shaped, rule := shapes[k](printable(value))
	if rule != "" {
		return "", &FieldError{name, rule}
	}
	return shaped, nil
}

// printable is the value in one line, without what phones do not show: control
// characters, joiners, and the pictures that the platform leaves out.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Cs, unicode.Co), r == utf8.RuneError, r > 0xFFFF && unicode.Is(unicode.So, r):
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

const maxThing = 20

func thing(s string) (value, rule string) {
	if s == "" {
		return "无", ""
	}
	return cutUnits(s, maxThing), ""
}

func characterString(s string) (value, rule string) {
	for _, r := range s {
		if r > unicode.MaxASCII {
			return "", "must be ASCII"
		}
	}
	if s == "" {
		return "", "must not be empty"
	}
	return strings.TrimRight(s[:min(len(s), 32)], " "), ""
}

func phrase(s string) (value, rule string) {
	n := 0
	for _, r := range s {
		if !unicode.Is(unicode.Han, r) {
			return "", "must be Chinese characters"
		}
		n++
	}
	if n == 0 || n > 5 {
		return "", "must be 1 to 5 characters"
	}
	return s, ""
}

var amountShape = regexp.MustCompile(`^¥([0-9]{1,20})(\.[0-9]{2})?$`)

func amount(s string) (value, rule string) {
	m := amountShape.FindStringSubmatch(s)
	if m == nil {
		return "", "must be an amount, such as ¥1234.56"
	}
	whole, fen := m[1], m[2]
	const most = 10
	if len(whole)+len(strings.TrimPrefix(fen, ".")) > most && fen == ".00" {
		fen = ""
	}
	if len(whole)+len(strings.TrimPrefix(fen, ".")) > most {
		return "", "has more than 10 digits"
	}
	return "¥" + whole + fen, ""
}

var clockShape = regexp.MustCompile(`^([0-9]{4}年(1[0-2]|[1-9])月([12][0-9]|3[01]|[1-9])日 )?([01][0-9]|2[0-3]):[0-5][0-9]$`)

func clock(s string) (value, rule string) {
	if !clockShape.MatchString(s) {
		return "", "must be a time, such as 2006年1月2日 15:04"
	}
	return s, ""
}

func constant(s string) (value, rule string) {
	if n := utf8.RuneCountInString(s); n == 0 || n > maxThing {
		return "", "must be 1 to 20 characters"
	}
	return s, ""
}

const ellipsis = "…"

// cutUnits cuts at a character, and counts as UTF-16 does, so that a rare
// character is two: it is not known which the platform counts.
func cutUnits(s string, most int) string {
	units, at := 0, 0
	for i, r := range s {
		units += 1
		if r > 0xFFFF {
			units++
		}
		if units > most {
			return strings.TrimSpace(s[:at]) + ellipsis
		}
		if units < most {
			at = i + utf8.RuneLen(r)
		}
	}
	return s
}

// cutBytes cuts at a character.
func cutBytes(s string, most int) string {
	if len(s) <= most {
		return s
	}
	at := most - len(ellipsis)
	for at > 0 && !utf8.RuneStart(s[at]) {
		at--
	}
	return s[:at] + ellipsis
}
