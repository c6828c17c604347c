package wechat

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"wxswitch/cmd/frontd/internal/written"
	"wxswitch/switch/api/frontapi"
)

// facts are what a notice's fields are made of.
type facts struct {
	frontapi.Notice
	bank string // its name
}

// sources are what a field may come from (Rule.Fields); empty where the notice has
// nothing of the kind.
var sources = map[string]func(facts, kind) string{
	"bank":      func(f facts, _ kind) string { return f.bank },
	"account":   func(f facts, _ kind) string { return prefixed(tailPrefix, tail(f.Data["account"])) },
	"tail":      func(f facts, _ kind) string { return tail(f.Data["account"]) },
	"direction": func(f facts, _ kind) string { return directions[f.Data["direction"]] },
	"amount":    func(f facts, k kind) string { return money(f.Data["amount"], k != kindAmount) },
	"balance":   func(f facts, k kind) string { return money(f.Data["balance"], k != kindAmount) },
	"summary":   func(f facts, _ kind) string { return f.Data["summary"] },
	"at":        func(f facts, _ kind) string { return happened(f.Notice).Format("2006年1月2日 15:04") },
	"what":      func(f facts, _ kind) string { return kinds[f.Kind].what },
	"result":    func(f facts, _ kind) string { return kinds[f.Kind].result },
	"event":     func(f facts, _ kind) string { return eventOf(f.Data["event"]) },
	"text":      func(f facts, _ kind) string { return f.Text },
}

// fields are the values of a template's fields, by name; SendTemplate shapes them.
func (f facts) fields(r Rule) map[string]string {
	values := make(map[string]string, len(r.Fields))
	for name, source := range r.Fields {
		k, _ := kindOf(name)
		var parts []string
		for word := range strings.FieldsSeq(source) {
			if v := sources[word](f, k); v != "" {
				parts = append(parts, v)
			}
		}
		values[name] = strings.Join(parts, " ")
	}
	return values
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// tail is the last four digits of an account, of which the switch says no more: no
// page of the platform's shows more, whatever comes.
func tail(account string) string {
	at := len(account)
	for at > 0 && len(account)-at < 4 && account[at-1] >= '0' && account[at-1] <= '9' {
		at--
	}
	return account[at:]
}

// money writes fen; grouped is for reading.
func money(fen string, grouped bool) string {
	n, err := strconv.ParseInt(fen, 10, 64)
	if err != nil {
		return ""
	}
	return written.Money(n, grouped)
}

// happened is when a movement was, to the bank, or else when the switch heard of
// it.
func happened(n frontapi.Notice) time.Time {
	if t, err := time.ParseInLocation("20060102150405", n.Data["at"], written.Shanghai); err == nil {
		return t
	}
	return n.At.In(written.Shanghai)
}

func eventOf(event string) string {
	if text := events[event]; text != "" || event == "" {
		return text
	}
	return otherEvent
}

// domain is a dot before a letter: phones make a link of www.example.com, and of
// example.com too. An amount has digits there.
var domain = regexp.MustCompile(`\.([A-Za-z])`)

// harmless makes nothing in a text a link, nor a line of its own: what a payer wrote
// as summary of a movement is the bank's word in the account's chat.
func harmless(text string) string {
	text = strings.Map(func(r rune) rune { // first: what is not seen parts what is looked for
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && r != '\n' {
			return -1
		}
		return r
	}, text)
	text = strings.NewReplacer("<", "＜", ">", "＞", "://", "：//").Replace(text)
	return domain.ReplaceAllString(text, "．$1")
}
