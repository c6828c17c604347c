package customer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// id returns a resident ID with the birthday, its check character right.
func id(t *testing.T, birthday string) string {
	t.Helper()
	digits := "650102" + birthday + "001"
	return digits + string(checkCharacter(digits))
}

func TestCheckCert(t *testing.T) {
	s := &Store{Options: Options{Now: func() time.Time { return time.Date(2026, 7, 30, 15, 59, 59, 0, time.UTC) }}}
	for name, c := range map[string]struct {
		kind, number, want string
		reason             switching.Reason
	}{
		"the standard's example":        {"01", "11010519491231002X", "11010519491231002X", ""},
		"its second":                    {"01", "440524188001010014", "", ReasonCert}, // born 1880
		"small x":                       {"01", "11010519491231002x", "11010519491231002X", ""},
		"full width":                    {"01", "１１０１０５１９４９１２３１００２Ｘ", "11010519491231002X", ""},
		"full width, small x":           {"01", "１１０１０５１９４９１２３１００２ｘ", "11010519491231002X", ""},
		"blanks":                        {"01", " 110105 19491231\u3000002X\t", "11010519491231002X", ""},
		"nothing that is seen":          {"01", "\u200b11010519491231002X\ufeff\u202e", "11010519491231002X", ""},
		"digit wrong":                   {"01", "11010519491231003X", "", ReasonCert},
		"check wrong":                   {"01", "110105194912310021", "", ReasonCert},
		"X inside":                      {"01", "1101051949123100X2", "", ReasonCert},
		"15 digits":                     {"01", "110105491231002", "", ReasonCert},
		"17 digits":                     {"01", "11010519491231002", "", ReasonCert},
		"19 characters":                 {"01", "11010519491231002X1", "", ReasonCert},
		"no such region":                {"01", "99" + id(t, "19491231")[2:], "", ReasonCert},
		"born today":                    {"01", id(t, "20260730"), id(t, "20260730"), ""},
		"born tomorrow":                 {"01", id(t, "20260731"), "", ReasonCert},
		"born on no day":                {"01", id(t, "20250229"), "", ReasonCert},
		"born on a leap day":            {"01", id(t, "20000229"), id(t, "20000229"), ""},
		"born in month 13":              {"01", id(t, "19991301"), "", ReasonCert},
		"born in 1899":                  {"01", id(t, "18991231"), "", ReasonCert},
		"Arabic digits":                 {"01", "١١٠١٠٥١٩٤٩١٢٣١٠٠٢X", "", ReasonCert},
		"empty":                         {"01", "", "", ReasonCert},
		"blanks only":                   {"03", " \u3000 ", "", ReasonCert},
		"no kind":                       {"", "11010519491231002X", "", ReasonCertType},
		"no such kind":                  {"08", "11010519491231002X", "", ReasonCertType},
		"kind is SQL":                   {"01' OR '1'='1", "11010519491231002X", "", ReasonCertType},
		"passport":                      {"03", "e12345678", "E12345678", ""},
		"permit with brackets":          {"04", "H12345678（01）", "H12345678(01)", ""},
		"a resident ID of another kind": {"99", "110105194912310021", "110105194912310021", ""},
		"20 characters":                 {"99", "ABCDEFGHIJ0123456789", "ABCDEFGHIJ0123456789", ""},
		"21 characters":                 {"99", "ABCDEFGHIJ01234567890", "", ReasonCert},
		"20 full-width characters":      {"99", "ＡＢＣＤＥＦＧＨＩＪ０１２３４５６７８９", "ABCDEFGHIJ0123456789", ""},
		"one character that is many":    {"99", "\ufdfa", "", ReasonCert},
		"marks only":                    {"99", "-/()", "", ReasonCert},
		"SQL":                           {"99", "1'; DROP TABLE x;--", "", ReasonCert},
		"HTML":                          {"99", "<b>123</b>", "", ReasonCert},
		"emoji":                         {"99", "123😀456", "", ReasonCert},
		"汉字":                            {"02", "军字第1234567号", "", ReasonCert},
		"汉字 of four bytes":              {"99", "𠮷1234567", "", ReasonCert},
		"Uyghur":                        {"99", "ئەلۋەتتە1234", "", ReasonCert},
		"no UTF-8":                      {"99", "123\xff456", "", ReasonCert},
		"zero byte":                     {"99", "123\x00456", "123456", ""}, // cannot be seen
		"very long":                     {"99", strings.Repeat("1", 1<<20), "", ReasonCert},
	} {
		t.Run(name, func(t *testing.T) {
			got, reason := s.checkCert(c.kind, c.number)
			if got.Reveal() != c.want || reason != c.reason {
				t.Errorf("%q, %q; want %q, %q", got.Reveal(), reason, c.want, c.reason)
			}
		})
	}
}

func TestCheckCharacterFindsWhatPeopleMistype(t *testing.T) {
	good := "11010519491231002X"
	now := time.Date(2026, 7, 30, 0, 0, 0, 0, time.UTC)
	for i := range 17 {
		for d := byte('0'); d <= '9'; d++ {
			bad := good[:i] + string(d) + good[i+1:]
			if bad != good && isResident(bad, now) {
				t.Errorf("%s is taken", bad)
			}
		}
		if i < 16 && good[i] != good[i+1] {
			if bad := good[:i] + string(good[i+1]) + string(good[i]) + good[i+2:]; isResident(bad, now) {
				t.Errorf("%s is taken", bad)
			}
		}
	}
}

func TestNormalAccount(t *testing.T) {
	for typed, want := range map[string]string{
		"6210081234567890":          "6210081234567890",
		" 6210 0812 3456 7890\n":    "6210081234567890",
		"6210-0812–3456—7890":       "6210081234567890",
		"６２１００８１２３４５６７８９０":          "6210081234567890",
		"６２１０　０８１２－３４５６ 7890":       "6210081234567890",
		"6210\u200b081234567890":    "6210081234567890",
		"12345\u2212678":            "12345678",
		"":                          "",
		"6210'--":                   "6210'",
		strings.Repeat("1", 100000): "",
	} {
		if got := normalAccount(typed); got.Reveal() != want {
			t.Errorf("%.40q: %q, want %q", typed, got.Reveal(), want)
		}
	}
}

func TestNormalCode(t *testing.T) {
	for typed, want := range map[string]string{
		"012345": "012345", " 012 345 ": "012345", "０１２３４５": "012345",
		"": "", "12345": "", "1234567": "", "12345a": "", "12-345": "", "١٢٣٤٥٦": "", "12345😀": "",
	} {
		got, reason := normalCode(typed)
		if got.Reveal() != want || (reason == "") != (want != "") {
			t.Errorf("%q: %q, %q", typed, got.Reveal(), reason)
		}
	}
}

func TestNormalPhone(t *testing.T) {
	for typed, want := range map[string]string{
		"13812345678": "13812345678", "１３８１２３４５６７８": "13812345678", "138 1234 5678": "13812345678",
		"138-1234-5678": "13812345678", "+86 138 1234 5678": "13812345678", "＋８６13812345678": "13812345678", "19912345678": "19912345678",
		"": "", "12812345678": "", "1381234567": "", "138123456789": "", "0990-1234567": "", "+1 13812345678": "", "8613812345678": "",
		"1381234567x": "", "13812345678<": "",
	} {
		got, reason := normalPhone(typed)
		if got.Reveal() != want || (reason == ReasonPhone) != (want == "") {
			t.Errorf("%q: %q, %q", typed, got.Reveal(), reason)
		}
	}
}

func FuzzWhatWasTyped(f *testing.F) {
	f.Add("11010519491231002x")
	f.Add("１３８－1234 5678")
	s := &Store{Options: Options{Now: time.Now}}
	f.Fuzz(func(t *testing.T, typed string) {
		for _, kind := range []string{"01", "99"} {
			cert, reason := s.checkCert(kind, typed)
			n := cert.Reveal()
			if (reason == "") != (n != "") || len(n) > 20 {
				t.Fatalf("%q: %q, %q", typed, n, reason)
			}
			if again, _ := s.checkCert(kind, n); again != cert {
				t.Fatalf("%q is not the same twice", typed)
			}
		}
		a := normalAccount(typed)
		if strings.Trim(a.Reveal(), "0123456789") != "" || a.IsZero() {
			return // no route has it
		}
		if normalAccount(a.Reveal()) != a {
			t.Fatalf("%q: %q", typed, a.Reveal())
		}
		if fmt.Sprint(a) == a.Reveal() {
			t.Fatalf("%q is printed in clear", typed)
		}
	})
}

// wrong is a code that is not the right one.
func wrong(code codec.Secret) codec.Secret {
	if code.Reveal() == "000000" {
		return codec.NewSecret("000001")
	}
	return codec.NewSecret("000000")
}

// A form typed in full width and in groups is the same customer's.
func TestTypedAnyWay(t *testing.T) {
	w := newWorld(t)
	f := follower("a")
	wide := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= '!' && r <= '~' {
				return r - '!' + '！'
			}
			return r
		}, s)
	}
	code := w.code(f, ForAuthenticate, cardA)
	r := authRequest(wide(cardA[:4])+" - "+cardA[4:], codec.NewSecret(" "+wide(code.Reveal())+" "))
	r.CertNumber = wide(strings.ToLower(cert))
	a, err := w.service.Authenticate(w.Context(), w.call(f), r)
	w.want(a, err, switching.Approved, "")
	if got := w.row(f).Cert.Reveal(); got != cert {
		t.Error(got)
	}
	if w.desk.last.Account.Reveal() != cardA {
		t.Error(w.desk.last.Account.Reveal())
	}
}

func TestAnAuthenticationsFormIsChecked(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		change func(*AuthRequest)
		want   switching.Reason
	}{
		"no type":        {func(r *AuthRequest) { r.CertType = "" }, ReasonCertType},
		"no such type":   {func(r *AuthRequest) { r.CertType = "<i>" }, ReasonCertType},
		"no number":      {func(r *AuthRequest) { r.CertNumber = "" }, ReasonCert},
		"check wrong":    {func(r *AuthRequest) { r.CertNumber = "110105194912310021" }, ReasonCert},
		"no code":        {func(r *AuthRequest) { r.Code = codec.Secret{} }, ReasonCodeFormat},
		"code of five":   {func(r *AuthRequest) { r.Code = codec.NewSecret("12345") }, ReasonCodeFormat},
		"terms not read": {func(r *AuthRequest) { r.Terms = "" }, ReasonConsent},
	} {
		t.Run(name, func(t *testing.T) {
			r := authRequest(cardA, codec.NewSecret("123456"))
			c.change(&r)
			a, err := w.service.Authenticate(w.Context(), w.call(follower("a")), r)
			if err != nil || !a.Refused() || a.Reason != c.want || a.Text != Text(c.want) {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
	if w.desk.sent != 0 {
		t.Errorf("%d sent", w.desk.sent)
	}
}

func TestWhoIsNotAuthenticatedNeedsNoDeregistration(t *testing.T) {
	w := newWorld(t)
	a, err := w.service.Deregister(w.Context(), w.call(follower("a")))
	w.want(a, err, switching.Refused, ReasonNotAuthenticated)
	if a.Text != "您尚未认证，无需注销" {
		t.Error(a.Text)
	}
}

func TestAnAccountMustBeTyped(t *testing.T) {
	w := newWorld(t)
	call := w.loggedIn(w.authenticated("f", cardA))
	code := codec.NewSecret("123456")
	for _, typed := range []string{"", " ", "—"} {
		account := codec.NewAccount(typed)
		a, err := w.service.SendCode(w.Context(), w.call(call.Follower), CodeRequest{Purpose: ForAttach, Account: account, Bank: "xjrcu"})
		w.want(a, err, switching.Refused, ReasonAccount)
		r := authRequest(cardA, code)
		r.Account, r.Bank = account, "xjrcu"
		a, err = w.service.Authenticate(w.Context(), w.call(call.Follower), r)
		w.want(a, err, switching.Refused, ReasonAccount)
		a, err = w.service.Attach(w.Context(), call, AttachRequest{Account: account, Bank: "xjrcu", Code: code, Payment: w.sealed(payment)})
		w.want(a, err, switching.Refused, ReasonAccount)
	}
}
