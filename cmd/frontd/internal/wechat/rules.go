package wechat

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Rules say how each kind of notice is told, by kind. A kind without a rule is
// told by its text.
//
//	notices:
//	  movement:
//	    template: vjR9DUNAiOL8…
//	    page: /h5/accounts
//	    fields: {thing1: bank account, thing2: direction summary, amount3: amount, thing4: balance, time5: at}
//	    text: true
type Rules map[string]Rule

// Rule is how one kind of notice is told: by a template message, as a text of
// customer service, or by whichever of the two the platform takes.
type Rule struct {
	// Template is the id that the platform gave the account's template; empty for
	// none.
	Template string `yaml:"template"`
	// Page is opened by a tap on the template message: a path under /h5/, or empty.
	Page string `yaml:"page"`
	// Fields are the template's, by name, such as thing1. Each has a source, or for a
	// thing several with blanks between: bank, account, tail, direction, amount,
	// balance, summary, at, what, result, event, text.
	Fields map[string]string `yaml:"fields"`
	// Text: the notice's text may be sent as customer service.
	Text bool `yaml:"text"`
}

// DefaultRules tell movements by one template, all else by another, and all by
// text where that does better. Their templates have the fields
//
//	movement  thing1 账户, thing2 交易类型, amount3 金额, thing4 余额, time5 时间
//	service   thing1 业务类型, phrase2 办理结果, thing3 账户, time4 时间, thing5 说明
//
// An id that is empty leaves the text.
func DefaultRules(movement, service string) Rules {
	rules := make(Rules, len(kinds))
	for kind := range kinds {
		rules[kind] = ruleOf(service, "", map[string]string{
			"thing1": "what", "phrase2": "result", "thing3": "bank account", "time4": "at", "thing5": "text",
		})
	}
	rules[kindMovement] = ruleOf(movement, "/h5/accounts", map[string]string{
		"thing1": "bank account", "thing2": "direction summary", "amount3": "amount", "thing4": "balance", "time5": "at",
	})
	return rules
}

func ruleOf(template, page string, fields map[string]string) Rule {
	if template == "" {
		return Rule{Text: true}
	}
	return Rule{Template: template, Page: page, Fields: fields, Text: true}
}

// Check returns, by the key of configuration, each rule that is broken; prefix is
// the key of the Rules, such as notices.
func (rules Rules) Check(prefix string, at func(key, reason string) error) (errs []error) {
	for _, kind := range slices.Sorted(maps.Keys(rules)) {
		key := prefix + "." + kind
		if _, known := kinds[kind]; !known {
			errs = append(errs, at(key, "must be one of "+strings.Join(slices.Sorted(maps.Keys(kinds)), ", ")))
			continue
		}
		errs = append(errs, rules[kind].check(key, at)...)
	}
	return errs
}

var (
	templateShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	pageShape     = regexp.MustCompile(`^/h5/[A-Za-z0-9/_-]*$`)
)

func (r Rule) check(key string, at func(key, reason string) error) (errs []error) {
	switch {
	case r.Template == "" && !r.Text:
		errs = append(errs, at(key, "needs a template, or text: true"))
	case r.Template == "" && (len(r.Fields) > 0 || r.Page != ""):
		errs = append(errs, at(key, "page and fields are a template's, and there is none"))
	case r.Template == "":
		return nil
	case !templateShape.MatchString(r.Template):
		errs = append(errs, at(key+".template", "must be an id: letters, digits, - and _"))
	case len(r.Fields) == 0:
		errs = append(errs, at(key+".fields", "a template has fields"))
	}
	if r.Page != "" && !pageShape.MatchString(r.Page) {
		errs = append(errs, at(key+".page", "must be a path that begins with /h5/"))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Fields)) {
		if rule := checkField(name, r.Fields[name]); rule != "" {
			errs = append(errs, at(key+".fields."+name, rule))
		}
	}
	return errs
}

// fitting are the sources that a type can hold; a thing holds all.
var fitting = map[kind][]string{
	kindCharacter: {"tail"},
	kindPhrase:    {"direction", "result", "event"},
	kindAmount:    {"amount", "balance"},
	kindTime:      {"at"},
	kindConst:     {"what", "result", "event", "direction", "bank"},
}

func checkField(name, source string) (rule string) {
	k, known := kindOf(name)
	if !known {
		return "must be thing, character_string, phrase, amount, time or const, and a number"
	}
	words := strings.Fields(source)
	allowed := slices.Sorted(maps.Keys(sources))
	if k != kindThing {
		allowed = fitting[k]
	}
	for _, word := range words {
		if !slices.Contains(allowed, word) {
			return "must come from " + strings.Join(allowed, ", ")
		}
	}
	if len(words) == 0 || len(words) > 1 && k != kindThing {
		return "must come from one of " + strings.Join(allowed, ", ")
	}
	return ""
}

// link is the address that a tap opens.
func (r Rule) link(public string) string {
	if r.Page == "" {
		return ""
	}
	u, err := url.JoinPath(public, r.Page)
	if err != nil {
		return ""
	}
	return u
}
