package app

import (
	"encoding/xml"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTemplateFields(t *testing.T) {
	for name, values := range map[string]struct{ good, bad []string }{
		"thing1":            {[]string{"乌鲁木齐银行", strings.Repeat("长", 20), "消费 32"}, []string{"", " ", strings.Repeat("长", 21), "a\nb", "\xff"}},
		"character_string2": {[]string{"621751******0056", strings.Repeat("a", 32), "A-1 #2"}, []string{"尾号0056", strings.Repeat("a", 33), "é"}},
		"phrase3":           {[]string{"支出", "交易成功了"}, []string{"交易成功了吗", "ok", "支出1"}},
		"amount4":           {[]string{"¥32.50", "￥1234567890", "32.5元", "-¥5"[:0] + "¥-5", "$0"}, []string{"¥12345678.901", "¥123456789.12", "¥1,234.56", "¥¥1", "约32", "¥"}},
		"time5":             {[]string{"2026年11月29日 02:07", "2026-11-29 2:07", "15:01", "2026年11月29日", "2026-11-29 02:07:09"}, []string{"24:00", "昨天", "2026年11月", "02:7"}},
		"const6":            {[]string{"成功"}, []string{strings.Repeat("长", 21)}},
		"number7":           {[]string{"0", "-12.5"}, []string{"1e3", "十"}},
	} {
		for _, v := range values.good {
			if !validField(name, v) {
				t.Errorf("%s does not take %q", name, v)
			}
		}
		for _, v := range values.bad {
			if validField(name, v) {
				t.Errorf("%s takes %q", name, v)
			}
		}
	}
	for _, name := range []string{"thing", "money1", "1", "first", "thing1x", "thing0001"} {
		if fieldRule(name) != nil {
			t.Errorf("%s is a field", name)
		}
	}
}

func TestSanitised(t *testing.T) {
	for text, want := range map[string]string{
		"a & b < c\nd": "a &amp; b &lt; c\nd",
		`<a href="http://x/y?a=1&b=2">这里</a>。`:               `<a href="http://x/y?a=1&amp;b=2">这里</a>。`,
		`<a href="http://x/y?a=1&amp;b=2">这里</a>`:            `<a href="http://x/y?a=1&amp;b=2">这里</a>`,
		`<a class=x href='https://x/'>a</a>`:                 `<a href="https://x/">a</a>`,
		`<a href="javascript:alert(1)">a</a>`:                `&lt;a href=&#34;javascript:alert(1)&#34;&gt;a&lt;/a&gt;`,
		`<a href="/h5/x">a</a>`:                              `&lt;a href=&#34;/h5/x&#34;&gt;a&lt;/a&gt;`,
		`<a href="http://x/" onclick="y">a</a>`:              `<a href="http://x/">a</a>`,
		`<a href="http://x/"><img src=x>b</a>`:               `<a href="http://x/">&lt;img src=x&gt;b</a>`,
		`<script>alert(1)</script>`:                          `&lt;script&gt;alert(1)&lt;/script&gt;`,
		`<a href="http://1/">1</a><a href="http://2/">2</a>`: `<a href="http://1/">1</a><a href="http://2/">2</a>`,
	} {
		if got := sanitised(text); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// FuzzSanitised: nothing but links and letters comes out, whatever goes in.
func FuzzSanitised(f *testing.F) {
	f.Add(`<a href="http://x/&quot;onclick=y">a</a>`)
	f.Add(`<a href='http://x/"><script>'>a</a><a href="http://y/">`)
	link := regexp.MustCompile(`<a href="https?://[^"<>]*">[^<>]*</a>`)
	f.Fuzz(func(t *testing.T, text string) {
		if rest := link.ReplaceAllString(sanitised(text), ""); strings.ContainsAny(rest, `<>"`) {
			t.Errorf("%q becomes %q", text, sanitised(text))
		}
	})
}

func TestMasked(t *testing.T) {
	for text, want := range map[string]string{
		"6217511234567890123":         "***************0123",
		"65010219900101123X 支出":       "**************123X 支出",
		"验证码887766，5分钟":               "验证码******，5分钟",
		"尾号0056，2026年11月29日 ¥32.50":   "尾号0056，2026年11月29日 ¥32.50",
		"13912345678":                 "*******5678",
		"我的卡 6217 5178-3030 8000 009": "我的卡 ***************0009",
		"６２１７５１１２３４５６７８９０１２３":         "***************０１２３",
		"2026-11-28 10:15 余额 1000":    "2026-11-28 10:15 余额 1000",
	} {
		if got := masked(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if short("oSimABCDEFGHIJ") != "oSim…HIJ" || short("o") != "…" || cut("长长", 4) != "长…" {
		t.Error(short("oSimABCDEFGHIJ"), short("o"), cut("长长", 4))
	}
}

// FuzzAnswer: no answer makes the simulator fall over, and none is shown that
// is not for who wrote.
func FuzzAnswer(f *testing.F) {
	s := &Sim{cfg: Config{Account: Account{ID: "gh_x", AppID: "wx", Token: "tok", AESKey: "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"}}}
	good := "<xml><ToUserName>o</ToUserName><FromUserName>gh_x</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><Content>x</Content></xml>"
	sealed, err := seal(s.cfg.Account.AESKey, []byte(good), "wx")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(false, good)
	f.Add(true, "<xml><Encrypt>"+sealed+"</Encrypt><MsgSignature>"+signature("tok", sealed)+"</MsgSignature></xml>")
	f.Add(true, "<xml><Encrypt></Encrypt></xml>")
	f.Add(false, "<!DOCTYPE x [<!ENTITY a 'b'>]><xml>&a;</xml>")
	f.Fuzz(func(t *testing.T, encrypt bool, body string) {
		sim := &Sim{cfg: s.cfg}
		sim.cfg.Account.Encrypt = encrypt
		a, err := sim.readAnswer(push{openID: "o"}, []byte(body))
		text := a.Content
		if err == nil && (len(text) > maxContent || text != "" && !encrypt && !strings.Contains(body, "gh_x")) {
			t.Errorf("%q shows %q", body, text)
		}
	})
}

// FuzzPush: what a follower writes comes out of the XML as it went in.
func FuzzPush(f *testing.F) {
	f.Add("]]>")
	f.Add("<x/>&amp;\n")
	f.Fuzz(func(t *testing.T, text string) {
		if text = strings.Map(printable, text); !utf8.ValidString(text) {
			return
		}
		var back inbound
		p := push{fields: []field{{name: "Content", value: text}}}
		if err := xml.Unmarshal(p.xml("gh_x"), &back); err != nil || back.Content != text {
			t.Errorf("%q became %q: %v", text, back.Content, err)
		}
	})
}
