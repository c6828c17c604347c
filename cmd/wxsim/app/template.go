package app

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The types of a template's fields, and what their values may be. WeChat
// publishes no grammar for them: lengths are those of its page on template
// messages and of what it was seen to refuse with 47003.
var fieldRules = map[string]func(string) bool{
	"thing": func(v string) bool { return runes(v) <= 20 },
	"const": func(v string) bool { return runes(v) <= 20 },
	"name":  func(v string) bool { return runes(v) <= 20 },
	"phrase": func(v string) bool {
		return runes(v) <= 5 && all(v, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	},
	"character_string": func(v string) bool { return len(v) <= 32 && all(v, func(r rune) bool { return r >= ' ' && r <= '~' }) },
	"letter":           func(v string) bool { return len(v) <= 32 && all(v, isLetter) },
	"symbol":           func(v string) bool { return runes(v) <= 5 },
	"number":           regexp.MustCompile(`^-?[0-9]{1,32}(\.[0-9]+)?$`).MatchString,
	"phone_number":     regexp.MustCompile(`^[0-9+-]{1,17}$`).MatchString,
	"car_number":       func(v string) bool { return runes(v) <= 8 },
	"amount":           isAmount,
	"time":             isTime,
	"date":             isTime,
}

var (
	fieldNames = regexp.MustCompile(`^([a-z]+(?:_[a-z]+)?)[0-9]{1,3}$`)
	amounts    = regexp.MustCompile(`^([¥￥$€£]?)([+-]?)([0-9]+)(\.[0-9]{1,2})?(元?)$`)
	times      = regexp.MustCompile(`^([0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日|[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2})?( ?([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?)?$`)
)

// fieldRule is the rule of a field by its name, nil for no type that there is.
func fieldRule(name string) func(string) bool {
	m := fieldNames.FindStringSubmatch(name)
	if m == nil {
		return nil
	}
	return fieldRules[m[1]]
}

// validField says whether a field takes the value.
func validField(name, value string) bool {
	rule := fieldRule(name)
	return rule != nil && utf8.ValidString(value) && strings.TrimSpace(value) != "" &&
		!strings.ContainsAny(value, "\r\n\t") && rule(value)
}

func runes(v string) int { return utf8.RuneCountInString(v) }

func all(v string, is func(rune) bool) bool {
	return strings.IndexFunc(v, func(r rune) bool { return !is(r) }) < 0
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// isAmount: one currency sign, at most 10 digits with decimals, 元 at the end.
func isAmount(v string) bool {
	m := amounts.FindStringSubmatch(v)
	return m != nil && len(m[3])+len(strings.TrimPrefix(m[4], ".")) <= 10
}

func isTime(v string) bool { return v != "" && times.MatchString(v) }
