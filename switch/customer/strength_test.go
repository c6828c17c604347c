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
		{kindLogin, "abcd1234", ReasonLoginWeak},
		{kindLogin, "1234abcd", ReasonLoginWeak},
		{kindLogin, "a12345678", ReasonLoginWeak},
		{kindLogin, "Qwerty123", ReasonLoginWeak},
		{kindLogin, "asdfgh654321", ReasonLoginWeak},
		{kindLogin, "Password1", ReasonLoginWeak},
		{kindLogin, "P@1Passw0rd", ReasonLoginWeak},
		{kindLogin, "woaini5201314", ReasonLoginWeak},
		{kindLogin, "aaaa1111", ReasonLoginWeak},
		{kindLogin, "xk7xk7xk7", ReasonLoginWeak},
		{kindLogin, "xk7!xk7!xk", ReasonLoginWeak},
		// The customer's own.
		{kindLogin, "li19491231", ReasonLoginWeak},
		{kindLogin, "wang491231", ReasonLoginWeak},
		{kindLogin, "wang123149!", ReasonLoginWeak},
		{kindLogin, "wang311249!", ReasonLoginWeak},
		{kindLogin, "wang31121949", ReasonLoginWeak},
		{kindLogin, "wang110105", ReasonLoginWeak},
		{kindLogin, "1002xwang", ""}, // five in a row
		{kindLogin, "wang31002x", ReasonLoginWeak},
		{kindLogin, "wang31002X", ReasonLoginWeak},
		{kindLogin, "wang567892!", ReasonLoginWeak},
		{kindLogin, "wang621008!", ReasonLoginWeak},

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
		{kindPayment, "123456", ReasonPaymentWeak},
		{kindPayment, "654321", ReasonPaymentWeak},
		{kindPayment, "789012", ReasonPaymentWeak},
		{kindPayment, "210987", ReasonPaymentWeak},
		{kindPayment, "135791", ReasonPaymentWeak},
		{kindPayment, "888888", ReasonPaymentWeak},
		{kindPayment, "112233", ReasonPaymentWeak},
		{kindPayment, "332211", ReasonPaymentWeak},
		{kindPayment, "121212", ReasonPaymentWeak},
		{kindPayment, "168168", ReasonPaymentWeak},
		{kindPayment, "123321", ReasonPaymentWeak},
		{kindPayment, "147258", ReasonPaymentWeak},
		{kindPayment, "491231", ReasonPaymentWeak},
		{kindPayment, "123149", ReasonPaymentWeak},
		{kindPayment, "311249", ReasonPaymentWeak},
		{kindPayment, "194912", ReasonPaymentWeak},
		{kindPayment, "110105", ReasonPaymentWeak},
		{kindPayment, "231002", ReasonPaymentWeak},
		{kindPayment, "621008", ReasonPaymentWeak},
		{kindPayment, "567892", ReasonPaymentWeak},
		{kindPayment, "301234", ReasonPaymentWeak}, // of the passbook
	} {
		if got := strength(c.kind, NewPassword(c.password), numbers); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.kind, c.password, got, c.want)
		}
	}
}

func TestOldResidentID(t *testing.T) {
	for _, p := range []string{"491231", "123149", "311249"} {
		if got := strength(kindPayment, NewPassword(p), []string{"110105491231002"}); got != ReasonPaymentWeak {
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
