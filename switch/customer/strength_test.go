package customer

import (
	"fmt"
	"testing"

	switching "wxswitch/switch"
)

func TestStrength(t *testing.T) {
	numbers := []string{tellerCert, tellerCard, "30123456789012345"}
	for _, c := range []struct {
		kind, password string
		want           switching.Reason
	}{
		{kindLogin, goodLogin, ""},
		{kindLogin, "zhu-lin7", ""},
		{kindLogin, "8Zhu2Lin9Mei4Lan6Qiu", ""},
		{kindLogin, "<b>');DROP--1", ""},
		{kindLogin, `"&lt;/script>\0`, ""},
		// Form.
		{kindLogin, "", ReasonLoginForm},
		{kindLogin, "Zhu2Lin", ReasonLoginForm},
		{kindLogin, "8Zhu2Lin9Mei4Lan6Qiu0", ReasonLoginForm},
		{kindLogin, "tianshanlu", ReasonLoginForm},
		{kindLogin, "8264917350", ReasonLoginForm},
		{kindLogin, "#!%&*()_+?", ReasonLoginForm},
		{kindLogin, "Tianshan 88x", ReasonLoginForm},
		{kindLogin, "Tianshan\x0088x", ReasonLoginForm},
		{kindLogin, "Tianshan\x7f88x", ReasonLoginForm},
		{kindLogin, "Ｔｉａｎｓｈａｎ８８", ReasonLoginForm},
		{kindLogin, "Tianshan８８x", ReasonLoginForm},
		{kindLogin, "天山天山天山8x", ReasonLoginForm},
		{kindLogin, "Tianshan😀88", ReasonLoginForm},
		{kindLogin, "𠮷Tianshan88", ReasonLoginForm},
		{kindLogin, "تەڭرىتاغ88", ReasonLoginForm},
		{kindLogin, "Tianshan\xff88", ReasonLoginForm},
		// Trivial.
		{kindLogin, "abcd1234", ReasonWeak},
		{kindLogin, "1234abcd", ReasonWeak},
		{kindLogin, "a12345678", ReasonWeak},
		{kindLogin, "Qwerty123", ReasonWeak},
		{kindLogin, "asdfgh654321", ReasonWeak},
		{kindLogin, "Password1", ReasonWeak},
		{kindLogin, "P@1Passw0rd", ReasonWeak},
		{kindLogin, "woaini5201314", ReasonWeak},
		{kindLogin, "aaaa1111", ReasonWeak},
		{kindLogin, "xk7xk7xk7", ReasonWeak},
		{kindLogin, "xk7!xk7!xk", ReasonWeak},
		// The customer's own.
		{kindLogin, "li19491231", ReasonWeak},
		{kindLogin, "wang491231", ReasonWeak},
		{kindLogin, "wang123149!", ReasonWeak},
		{kindLogin, "wang311249!", ReasonWeak},
		{kindLogin, "wang31121949", ReasonWeak},
		{kindLogin, "wang110105", ReasonWeak},
		{kindLogin, "1002xwang", ""}, // five in a row
		{kindLogin, "wang31002x", ReasonWeak},
		{kindLogin, "wang31002X", ReasonWeak},
		{kindLogin, "wang567892!", ReasonWeak},
		{kindLogin, "wang621008!", ReasonWeak},

		{kindPayment, goodPay, ""},
		{kindPayment, "904715", ""},
		{kindPayment, "", ReasonPaymentForm},
		{kindPayment, "82736", ReasonPaymentForm},
		{kindPayment, "8273641", ReasonPaymentForm},
		{kindPayment, "82736a", ReasonPaymentForm},
		{kindPayment, "８２７３６４", ReasonPaymentForm},
		{kindPayment, "82736４", ReasonPaymentForm},
		{kindPayment, "٨٢٧٣٦٤", ReasonPaymentForm},
		{kindPayment, " 27364", ReasonPaymentForm},
		{kindPayment, "+27364", ReasonPaymentForm},
		{kindPayment, "123456", ReasonWeak},
		{kindPayment, "654321", ReasonWeak},
		{kindPayment, "789012", ReasonWeak},
		{kindPayment, "210987", ReasonWeak},
		{kindPayment, "135791", ReasonWeak},
		{kindPayment, "888888", ReasonWeak},
		{kindPayment, "112233", ReasonWeak},
		{kindPayment, "332211", ReasonWeak},
		{kindPayment, "121212", ReasonWeak},
		{kindPayment, "168168", ReasonWeak},
		{kindPayment, "123321", ReasonWeak},
		{kindPayment, "147258", ReasonWeak},
		{kindPayment, "491231", ReasonWeak},
		{kindPayment, "123149", ReasonWeak},
		{kindPayment, "311249", ReasonWeak},
		{kindPayment, "194912", ReasonWeak},
		{kindPayment, "110105", ReasonWeak},
		{kindPayment, "231002", ReasonWeak},
		{kindPayment, "621008", ReasonWeak},
		{kindPayment, "567892", ReasonWeak},
		{kindPayment, "301234", ReasonWeak}, // of the passbook
	} {
		if got := strength(c.kind, NewPassword(c.password), numbers); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.kind, c.password, got, c.want)
		}
	}
}

func TestOldResidentID(t *testing.T) {
	for _, p := range []string{"491231", "123149", "311249"} {
		if got := strength(kindPayment, NewPassword(p), []string{"110105491231002"}); got != ReasonWeak {
			t.Error(p, got)
		}
	}
	for _, number := range []string{"110105199902300021", "G12345678", "", "12345"} { // no day, no resident ID
		if got := birthdays(number); got != nil {
			t.Error(number, got)
		}
	}
}

// Of a million payment passwords enough are left.
func TestTrivialDigits(t *testing.T) {
	weak := 0
	for n := 0; n < 1_000_000; n += 17 {
		if trivialDigits(fmt.Sprintf("%06d", n)) {
			weak++
		}
	}
	if weak < 2000/17 || weak > 3500/17 {
		t.Error("trivial of every 17th:", weak)
	}
}
