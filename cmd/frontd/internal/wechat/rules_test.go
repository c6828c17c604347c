package wechat_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"wxswitch/cmd/frontd/internal/wechat"
	"wxswitch/cmd/internal/config"
	"wxswitch/switch/api/frontapi"
)

// The switch's kinds of notice.
var all = []string{"movement", "deregistered", "restored", "detached", "attached", "superseded", "account-ended", "customer-ended"}

func TestRulesCheck(t *testing.T) {
	type file struct {
		Notices wechat.Rules `yaml:"notices"`
	}
	const good = "notices:\n  movement:\n    template: t-1_x\n    page: /h5/accounts\n    fields: {thing1: bank account, character_string2: tail, phrase3: direction, amount4: amount, time5: at, const6: event}\n    text: true\n  account-ended: {text: true}\n"
	for _, test := range []struct{ text, want string }{
		{good, ""},
		{"notices:\n  birthday: {text: true}\n", "f.yaml:2:13: notices.birthday: must be one of account-ended, "},
		{"notices:\n  movement: {text: false}\n", "f.yaml:2:13: notices.movement: needs a template"},
		{"notices:\n  movement: {text: true, page: /h5/accounts}\n", "f.yaml:2:13: notices.movement: page and fields"},
		{"notices:\n  movement: {text: true, fields: {thing1: bank}}\n", "f.yaml:2:13: notices.movement: page and fields"},
		{"notices:\n  account-ended:\n    template: t\n", "f.yaml:3:13: notices.account-ended.fields: a template"},
		{"notices:\n  account-ended:\n    template: a b\n    fields: {thing1: bank}\n", "f.yaml:3:15: notices.account-ended.template: "},
		{"notices:\n  account-ended:\n    template: t\n    page: http://evil\n    fields: {thing1: bank}\n", "f.yaml:4:11: notices.account-ended.page: "},
		{"notices:\n  account-ended:\n    template: t\n    fields:\n      first: bank\n", "f.yaml:5:14: notices.account-ended.fields.first: must be thing, "},
		{"notices:\n  account-ended:\n    template: t\n    fields:\n      thing1: banks\n", "f.yaml:5:15: notices.account-ended.fields.thing1: must come from account, amount, "},
		{"notices:\n  account-ended:\n    template: t\n    fields:\n      amount1: text\n", "f.yaml:5:16: notices.account-ended.fields.amount1: must come from amount, balance"},
		{"notices:\n  account-ended:\n    template: t\n    fields:\n      phrase1: event result\n", "f.yaml:5:16: notices.account-ended.fields.phrase1: must come from one of "},
		{"notices:\n  account-ended:\n    template: t\n    fields:\n      thing1: ''\n", "f.yaml:5:15: notices.account-ended.fields.thing1: must come from one of "},
	} {
		var c file
		f, err := config.Parse("f.yaml", []byte(test.text), &c)
		if err != nil {
			t.Fatal(test.text, err)
		}
		err = errors.Join(c.Notices.Check("notices", f.At)...)
		if got := fmt.Sprint(err); !strings.HasPrefix(got, test.want) || (err == nil) != (test.want == "") || strings.Contains(got, "\n") {
			t.Errorf("%s: %v, want %s", test.text, err, test.want)
		}
	}
}

// Every kind has a rule that is good, and words that its template can hold.
func TestDefaultRules(t *testing.T) {
	at := func(key, reason string) error { return fmt.Errorf("%s: %s", key, reason) }
	for _, ids := range [][2]string{{"t1", "t2"}, {"", "t2"}, {"t1", ""}, {"", ""}} {
		rules := wechat.DefaultRules(ids[0], ids[1])
		if errs := rules.Check("notices", at); errs != nil || len(rules) != len(all) {
			t.Error(ids, errs, len(rules))
		}
	}
	// By template alone, each kind is taken with nothing but what it must have.
	rules := wechat.DefaultRules("t1", "t2")
	for kind, rule := range rules {
		rule.Text = false
		rules[kind] = rule
	}
	r := newRoom(t, func(o *wechat.NoticeOptions) { o.Rules = rules })
	for _, kind := range all {
		n := frontapi.Notice{Id: kind, Round: 1, Channel: "wechat", Subject: openID, Kind: kind, Text: "长" + strings.Repeat("文", 40), At: time.Now()}
		if kind == "movement" {
			n.Data = map[string]string{"amount": "1"}
		}
		r.expect(n, 200)
	}
	for _, h := range r.platform.at(pathTemplate) {
		for name, v := range values(h) {
			if v == "" || utf8.RuneCountInString(v) > 20 {
				t.Errorf("%s %q", name, v)
			}
		}
	}
	if n := len(r.platform.at(pathTemplate)); n != len(all) {
		t.Error(n)
	}
}

func TestEvents(t *testing.T) {
	r := newRoom(t, func(o *wechat.NoticeOptions) {
		o.Rules = wechat.Rules{"account-ended": {Template: "t", Fields: map[string]string{"phrase1": "event", "character_string2": "tail", "const3": "what"}}}
	})
	var got []string
	for i, event := range []string{"deregistered", "closed", "card-lost", "card-replaced", "eaten"} {
		n := frontapi.Notice{
			Id: "e", Round: i + 1, Channel: "wechat", Subject: openID, Kind: "account-ended", Text: "x", At: time.Now(),
			Data: map[string]string{"event": event, "account": []string{"****7", "621751000010909"}[i%2]},
		}
		r.expect(n, 200)
		v := values(r.platform.at(pathTemplate)[i])
		got = append(got, v["phrase1"]+v["character_string2"]+v["const3"])
	}
	want := []string{"柜台注销7账户状态变更", "账户销户0909账户状态变更", "卡片挂失7账户状态变更", "卡片更换0909账户状态变更", "状态变更7账户状态变更"}
	if !slices.Equal(got, want) {
		t.Error(got)
	}
}
