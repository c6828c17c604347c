package wechat_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"wxswitch/cmd/frontd/internal/wechat"
)

func TestShape(t *testing.T) {
	twenty := strings.Repeat("好", 20)
	for _, test := range []struct{ name, value, want string }{ // want "" is an error
		{"thing1", "乌鲁木齐银行 尾号0056", "乌鲁木齐银行 尾号0056"},
		{"thing1", twenty, twenty},
		{"thing1", twenty + "好", strings.Repeat("好", 19) + "…"},
		{"thing12", strings.Repeat("𠮷", 11), strings.Repeat("𠮷", 9) + "…"},
		{"thing1", strings.Repeat("好", 18) + " 好好好", strings.Repeat("好", 18) + "…"},
		{"thing1", " 一\n二\t三\x00\u200d🎉 ", "一 二 三"},
		{"thing1", "☎ 96518 🎉", "☎ 96518"},
		{"thing1", "\xff\xfe", "无"},
		{"thing1", "", "无"},
		{"character_string2", "6217****0056", "6217****0056"},
		{"character_string2", strings.Repeat("1", 40), strings.Repeat("1", 32)},
		{"character_string2", "尾号0056", ""},
		{"character_string2", "", ""},
		{"phrase3", "注销成功", "注销成功"},
		{"phrase3", "注销申请中", "注销申请中"},
		{"phrase3", "注销申请成功", ""},
		{"phrase3", "OK", ""},
		{"phrase3", "", ""},
		{"amount4", "¥1234.56", "¥1234.56"},
		{"amount4", "¥99999999.99", "¥99999999.99"},
		{"amount4", "¥12345678.00", "¥12345678.00"},
		{"amount4", "¥123456789.00", "¥123456789"},
		{"amount4", "¥123456789.01", ""},
		{"amount4", "¥12345678901.00", ""},
		{"amount4", "¥1,234.56", ""},
		{"amount4", "-¥5.00", ""},
		{"amount4", "", ""},
		{"time5", "2026年3月7日 14:15", "2026年3月7日 14:15"},
		{"time5", "00:00", "00:00"},
		{"time5", "2026年3月7日 24:00", ""},
		{"time5", "2026年13月7日 14:15", ""},
		{"time5", "", ""},
		{"const6", "收入", "收入"},
		{"const6", "", ""},
		{"const6", twenty, twenty},
		{"const6", twenty + "好", ""},
		{"thing", "x", ""},
		{"first", "x", ""},
		{"remark1", "x", ""},
		{"Thing1", "x", ""},
		{"", "x", ""},
	} {
		got, err := wechat.Shape(test.name, test.value)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s %q: %q, %v; want %q", test.name, test.value, got, err, test.want)
		}
	}
}

// Whatever a bank writes, a field holds what the platform takes, or nothing.
func FuzzShape(f *testing.F) {
	for _, seed := range []string{"", "好", "¥1.00", "2026年3月7日 14:15", "👨‍👩‍👧", "\xff", strings.Repeat("好 ", 30), "ئۇيغۇرچە", strings.Repeat("0", 31) + " 0"} {
		f.Add(seed)
	}
	limits := map[string]int{"thing1": 20, "character_string1": 32, "phrase1": 5, "amount1": 12, "time1": 18, "const1": 20}
	f.Fuzz(func(t *testing.T, value string) {
		for name, most := range limits {
			got, err := wechat.Shape(name, value)
			if err != nil {
				continue
			}
			n := utf8.RuneCountInString(got)
			if name == "thing1" {
				n = len(utf16.Encode([]rune(got)))
			}
			if n == 0 || n > most || !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
				t.Errorf("%s %q: %q", name, value, got)
			}
			if again, err := wechat.Shape(name, got); err != nil || again != got {
				t.Errorf("%s %q: twice %q, %v", name, got, again, err)
			}
		}
	})
}
