package features

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/world"
	"wxswitch/codec"
)

// rows are the rows of the features that the switch decides, each with its test.
var rows = []struct {
	id   string
	test func(row)
}{
	{"A1", visit},
	{"A2", theForm},
	{"A3", code},
	{"A4", wrongCode},
	{"A5", rightCode},
	{"A6", firstVisit},
	{"A7", setup},
	{"A8", deregistration},
	{"A9", itsThreeEnds},
	{"A10", afterIt},
	{"A11", loginOnce},
	{"A12", consent},
	{"A13", manyPhones},
	{"A14", theBankSpeaks},
	{"C1", balances},
	{"C2", details},
	{"C3", attach},
	{"C4", detach},
	{"D1", appointment},
	{"D3", reset},
	{"D4", movement},
}

// TestFeatures: a row whose test does not pass fails it, and so does one that has
// none.
func TestFeatures(t *testing.T) {
	e := start(t)
	var passed []string
	for _, r := range rows {
		if t.Run(r.id, func(t *testing.T) { r.test(row{t, e}) }) {
			passed = append(passed, r.id)
		}
	}
	want := []string{
		"A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A11", "A12", "A13", "A14", "C1", "C2", "C3", "C4", "D1", "D3", "D4",
	}
	if !slices.Equal(passed, want) {
		t.Errorf("passed: %v", passed)
	}
}

// visit: an unknown follower finds the form's choices.
func visit(r row) {
	f := r.person()
	f.state("unknown")
	choices := f.ask("GET", "/v1/choices", nil)
	if banks := f.list(choices, "banks"); len(banks) != 2 || banks[0]["name"] != "乌鲁木齐银行" {
		f.Fatal(choices.Body)
	}
	if kinds := f.list(choices, "certificates"); len(kinds) == 0 || kinds[0]["id"] != "01" {
		f.Fatal(choices.Body)
	}
}

// theForm: what is typed is checked before anything is sent.
func theForm(r row) {
	f := r.person()
	good := func(change fields) fields {
		form := f.Form(bankA, "000000")
		maps.Copy(form, change)
		return form
	}
	card := f.account(bankA)
	for code, change := range map[string]fields{
		"cert-type-missing":   {"cert_type": ""},
		"account-missing":     {"account": " "},
		"cert-number-invalid": {"cert_number": "110105194912310021"},
		"account-invalid":     {"account": card[:len(card)-1] + string('0'+(card[len(card)-1]-'0'+1)%10)}, // Luhn
		"unknown-bin":         {"account": "9999990000000000"},
		"bank-mismatch":       {"bank": bankB},
		"code-missing":        {"code": ""},
		"consent-missing":     {"terms": ""},
	} {
		f.refused(f.ask("POST", "/v1/customer/authentication", good(change)), code)
	}
	f.state("unknown")
	// Full width, blanks and a small x are the customer's way of typing.
	code := f.sms("authenticate", bankA)
	p := f.at(bankA)
	form := good(fields{"code": fullWidth(code), "cert_number": " " + strings.ToLower(fullWidth(p.Cert.Reveal())), "account": card[:4] + " " + card[4:]})
	f.ends(f.ask("POST", "/v1/customer/authentication", form), "approved", "认证成功，感谢您的使用")
}

func fullWidth(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return c - '0' + '０'
		}
		return c
	}, s)
}

// code: 60 s and 5 min, told by the clocks; a decline reads like a success.
func code(r row) {
	f := r.person()
	first := f.sms("authenticate", bankA)
	clocks := f.ask("GET", "/v1/customer/codes?purpose=authenticate", nil).Body
	if again, valid := clocks["again_seconds"].(float64), clocks["valid_seconds"].(float64); again < 50 || again > 60 || valid < 290 || valid > 300 {
		f.Fatal(clocks)
	}
	ask := func() world.Reply {
		return f.ask("POST", "/v1/customer/codes", fields{"purpose": "authenticate", "account": f.account(bankA)})
	}
	f.refused(ask(), "code-too-soon")
	f.later(time.Minute)
	good := f.ends(ask(), "approved", "")
	if again := f.lastCode(bankA); again != first {
		f.refused(f.ask("POST", "/v1/customer/authentication", f.Form(bankA, first)), "code-void")
	}
	f.later(time.Minute)
	f.fault(bankA, sim.Fault{Kind: sim.Decline, Code: "14", Type: codec.SMSCode})
	const sounds = "若该账号已开通短信验证服务，验证码将发送至您在开户行预留的手机号；号码已变更请联系开户行"
	declined := ask()
	if declined.Status != http.StatusOK || declined.Text() != sounds || good.Text() != sounds {
		f.Fatal(declined.Body, good.Body)
	}
	// One that timed out on its way is good once it comes.
	f.later(time.Minute)
	f.fault(bankA, sim.Fault{Kind: sim.SilenceAfter, Type: codec.SMSCode})
	f.ends(ask(), "timed-out", "")
	f.ends(f.ask("POST", "/v1/customer/authentication", f.Form(bankA, f.lastCode(bankA))), "approved", "")
}

// wrongCode: wrong, expired, void and used are told alike.
func wrongCode(r row) {
	f := r.person()
	const text = "您输入的短信验证码有误，请重新输入"
	right := f.sms("authenticate", bankA)
	wrong := "000000"
	if right == wrong {
		wrong = "111111"
	}
	tell := func(code, reason string) {
		r := f.refused(f.ask("POST", "/v1/customer/authentication", f.Form(bankA, code)), reason)
		if r.Text() != text {
			f.Fatal(r.Text())
		}
	}
	tell(wrong, "code-wrong")
	f.later(5*time.Minute + time.Second)
	tell(right, "code-expired")
	right = f.sms("authenticate", bankA)
	for range 5 {
		tell(wrong, "code-wrong")
	}
	tell(right, "code-void")
	right = f.sms("authenticate", bankA)
	f.ends(f.ask("POST", "/v1/customer/authentication", f.Form(bankA, right)), "approved", "")
	tell(right, "code-used")
}

// rightCode: approved, declined, timed out; no half-made customer on either side.
func rightCode(r row) {
	f := r.person()
	f.authenticated(bankA)
	f.state("authenticated")
	if !f.registered(bankA) {
		f.Fatal("not registered at the bank")
	}
	g := r.person()
	g.fault(bankA, sim.Fault{Kind: sim.Decline, Code: "05", Type: codec.Authenticate})
	if a := g.ends(g.tryAuthenticate(bankA), "declined", ""); a.Text() == "" {
		g.Fatal("no reason")
	}
	g.state("unknown")
	h := r.person()
	h.fault(bankA, sim.Fault{Kind: sim.SilenceAfter, Type: codec.Authenticate})
	if a := h.ends(h.tryAuthenticate(bankA), "timed-out", ""); a.Text() == "" {
		h.Fatal("not told so")
	}
	h.state("unknown")
	h.eventually("the reversal undoes it", func() bool { return !h.registered(bankA) })
	// The name is what the bank says it is.
	n := r.person()
	n.fault(bankA, sim.Fault{Kind: sim.OtherName, Type: codec.Authenticate})
	n.ends(n.tryAuthenticate(bankA), "approved", "")
	if list := n.loggedIn().linked(); list[0]["holder"] != "张三" {
		n.Fatal(list)
	}
	// A repeat of the form is the same answer, and another message to nobody.
	k := r.person()
	form := k.Form(bankB, k.sms("authenticate", bankB))
	for range 2 {
		k.ends(k.askWith("same", "POST", "/v1/customer/authentication", form), "approved", "认证成功，感谢您的使用")
	}
}

// firstVisit: what needs a customer sends one who is none to the form.
func firstVisit(r row) {
	f := r.person()
	f.refused(f.ask("GET", "/v1/customer/accounts", nil), "not-authenticated")
	if a := f.refused(f.ask("POST", "/v1/customer/deregistration", nil), "not-authenticated"); a.Text() != "您尚未认证，无需注销" {
		f.Fatal(a.Text())
	}
}

// setup: within ten minutes of a right code, or with the old password.
func setup(r row) {
	f := r.person().authenticated(bankA)
	weak := f.at(bankA).Cert.Reveal()
	for password, reason := range map[string]string{"12345678": "login-password-invalid", "aaaaaaa1": "login-password-weak", weak[:8] + "ab": "login-password-weak"} {
		f.refused(f.ask("POST", "/v1/customer/passwords", fields{"login": f.sealed(password)}), reason)
	}
	for password, reason := range map[string]string{"123456": "payment-password-weak", "888888": "payment-password-weak", "12345": "payment-password-invalid"} {
		f.refused(f.ask("POST", "/v1/customer/passwords", fields{"payment": f.sealed(password)}), reason)
	}
	f.loggedIn()
	f.later(11 * time.Minute)
	f.refused(f.ask("POST", "/v1/customer/passwords", fields{"payment": f.sealed("246135")}), "setup-over")
	f.ends(f.ask("POST", "/v1/customer/passwords", fields{"payment": f.sealed("246135"), "old_payment": f.sealed(payment)}), "approved", "")
}

// deregistration: the bank of the primary alone is asked; no password is needed.
func deregistration(r row) {
	f := r.person().authenticated(bankA).loggedIn()
	f.attached(bankB)
	f.Session = ""
	f.ends(f.ask("POST", "/v1/customer/deregistration", nil), "approved", "交易成功")
	f.state("deregistered")
	if f.registered(bankA) {
		f.Fatal("still registered")
	}
}

// itsThreeEnds, letter for letter, and what follows each.
func itsThreeEnds(r row) {
	f := r.person().authenticated(bankA)
	f.fault(bankA, sim.Fault{Kind: sim.Decline, Code: "05", Type: codec.Deregister})
	f.ends(f.ask("POST", "/v1/customer/deregistration", nil), "declined", "注销失败，请与开户行联系。")
	f.state("authenticated")
	f.ends(f.ask("POST", "/v1/customer/deregistration", nil), "approved", "交易成功")

	g := r.person().authenticated(bankA) // refused
	g.Sims[bankA].Down()
	g.eventually("no link", func() bool {
		a := g.ask("POST", "/v1/customer/deregistration", nil)
		return a.Code() == "no-link" && a.Text() == "注销失败，请与开户行联系。"
	})
	g.must(g.Sims[bankA].Up(g.Context()))
	g.eventually("a link", func() bool {
		return g.ask("POST", "/v1/customer/codes", fields{"purpose": "attach", "account": g.account(bankA)}).Code() != "no-link"
	})
	g.until("authenticated")

	h := r.person().authenticated(bankA) // in doubt, and done
	h.fault(bankA, sim.Fault{Kind: sim.SilenceAfter, Type: codec.Deregister})
	h.ends(h.ask("POST", "/v1/customer/deregistration", nil), "timed-out", "注销超时，请与开户行联系！")
	h.until("deregistered")
	if n := h.told(1); n.Kind != "deregistered" {
		h.Fatal(n)
	}

	k := r.person().authenticated(bankA) // in doubt, and declined
	k.fault(bankA, sim.Fault{Kind: sim.Silence, Type: codec.Deregister})
	k.fault(bankA, sim.Fault{Kind: sim.Decline, Code: "05", Type: codec.Completion})
	k.ends(k.ask("POST", "/v1/customer/deregistration", nil), "timed-out", "注销超时，请与开户行联系！")
	k.until("authenticated")
	if n := k.told(1); n.Kind != "restored" {
		k.Fatal(n)
	}

	m := r.person().authenticated(bankA) // done, and nobody there to hear it
	m.hangsUp(bankA, codec.Deregister, "/v1/customer/deregistration")
	if n := m.told(1); n.Kind != "deregistered" {
		m.Fatal(n)
	}

	l := r.person().authenticated(bankA) // not registered counts as approved
	l.fault(bankA, sim.Fault{Kind: sim.Decline, Code: "25", Type: codec.Deregister})
	l.ends(l.ask("POST", "/v1/customer/deregistration", nil), "approved", "交易成功")
}

// afterIt: everything ends at once; the other banks are told; it can be done again.
func afterIt(r row) {
	f := r.person().authenticated(bankA).loggedIn()
	f.attached(bankB)
	if !f.registered(bankB) {
		f.Fatal("not registered at the second bank")
	}
	f.ends(f.ask("POST", "/v1/customer/deregistration", nil), "approved", "")
	f.refused(f.ask("GET", "/v1/customer/accounts", nil), "not-authenticated")
	f.eventually("the other bank is told", func() bool { return !f.registered(bankB) })
	v := f.view()
	if v["has_login"] == true || v["has_payment"] == true {
		f.Fatal(v)
	}
	f.authenticated(bankA)
	f.state("authenticated")
}

// loginOnce a session; a forgotten password is set anew.
func loginOnce(r row) {
	f := r.person().authenticated(bankA)
	f.refused(f.ask("GET", "/v1/customer/accounts", nil), "login-password-missing")
	f.loggedIn()
	token := f.Session
	for i := range 5 {
		want := "login-password-wrong"
		if i == 4 {
			want = "login-locked"
		}
		f.refused(f.ask("POST", "/v1/customer/session", fields{"password": f.sealed("wrong-1234")}), want)
	}
	f.refused(f.ask("POST", "/v1/customer/session", fields{"password": f.sealed(login)}), "login-locked")
	f.later(5*time.Minute + time.Second)
	f.login()
	if f.Session == token {
		f.Fatal("the same token")
	}
	other := f.as("-other")
	other.Session = f.Session
	other.refused(other.ask("GET", "/v1/customer/accounts", nil), "not-authenticated")
	f.later(16 * time.Minute)
	f.refused(f.ask("GET", "/v1/customer/accounts", nil), "session-needed")
	code := f.sms("reset", bankA)
	p := f.at(bankA)
	f.ends(f.ask("POST", "/v1/customer/passwords/reset", fields{
		"kind": "login", "cert_type": p.CertType, "cert_number": p.Cert.Reveal(), "account": f.account(bankA), "code": code,
		"password": f.sealed("kuqa-20261128x"),
	}), "approved", "")
	f.refused(f.ask("POST", "/v1/customer/session", fields{"password": f.sealed(login)}), "login-password-wrong")
	f.ends(f.ask("POST", "/v1/customer/session", fields{"password": f.sealed("kuqa-20261128x")}), "approved", "")
}

// consent: terms, and notices by a tick of their own.
func consent(r row) {
	f := r.person()
	form := f.Form(bankA, f.sms("authenticate", bankA))
	delete(form, "notices")
	f.ends(f.ask("POST", "/v1/customer/authentication", form), "approved", "")
	v := f.view()
	list, _ := v["consents"].([]any)
	if v["notices"] != false || len(list) != 1 {
		f.Fatal(v)
	}
	f.must(f.Sims[bankA].Move(f.Context(), f.at(bankA).Accounts[0].Number, true, 100, "消费"))
	g := r.person().authenticated(bankA)
	g.must(g.Sims[bankA].Move(g.Context(), g.at(bankA).Accounts[0].Number, true, 100, "消费"))
	g.told(1) // what came after it was told
	if n := len(f.Front.Told(f.Subject)); n != 0 {
		f.Fatal("told without consent")
	}
}

// manyPhones: one certificate, one follower; another account replaces the primary.
func manyPhones(r row) {
	f := r.person().authenticated(bankA).loggedIn()
	g := f.as("-second").authenticated(bankA)
	f.state("superseded")
	if n := f.told(1); n.Kind != "superseded" {
		f.Fatal(n)
	}
	f.refused(f.ask("GET", "/v1/customer/accounts", nil), "not-authenticated")
	g.state("authenticated")
	g.authenticated(bankB).loggedIn()
	list := g.linked()
	if len(list) != 2 || list[0]["bank"] != bankB || list[0]["primary"] != true || list[1]["primary"] != false {
		g.Fatal(list)
	}
}

// theBankSpeaks, and is heard on its own accounts.
func theBankSpeaks(r row) {
	f := r.person().authenticated(bankA).loggedIn()
	f.attached(bankB)
	f.must(f.Sims[bankB].Event(f.Context(), f.at(bankB).Accounts[0].Number, "closed"))
	if n := f.told(1); n.Kind != "account-ended" || n.Data["event"] != "closed" {
		f.Fatal(n)
	}
	if list := f.linked(); len(list) != 1 {
		f.Fatal(list)
	}
	f.must(f.Sims[bankA].Event(f.Context(), f.at(bankA).Accounts[0].Number, "deregistered"))
	if n := f.told(2); n.Kind != "customer-ended" {
		f.Fatal(n)
	}
	f.state("deregistered")
	f.refused(f.ask("GET", "/v1/customer/accounts", nil), "not-authenticated")
}

// balances: the account used to authenticate first; each line by itself.
func balances(r row) {
	f := r.person().authenticated(bankA).loggedIn()
	f.attached(bankB)
	list := f.linked()
	if list[0]["primary"] != true || list[0]["holder"] != f.at(bankA).Holder || list[0]["suffix"] != f.account(bankA)[len(f.account(bankA))-4:] {
		f.Fatal(list)
	}
	f.fault(bankB, sim.Fault{Kind: sim.Silence, Type: codec.Balance})
	lines := f.list(f.ask("GET", "/v1/customer/balances", nil), "balances")
	if len(lines) != 2 || lines[0]["outcome"] != "approved" || lines[1]["outcome"] != "timed-out" || lines[1]["text"] == "" {
		f.Fatal(lines)
	}
	if lines[0]["balance"].(float64) != float64(f.at(bankA).Accounts[0].Balance) {
		f.Fatal(lines[0])
	}
	one := f.list(f.ask("GET", "/v1/customer/balances?account="+list[1]["id"].(string), nil), "balances")
	if len(one) != 1 || one[0]["outcome"] != "approved" {
		f.Fatal(one)
	}
	g := r.person().authenticated(bankA).loggedIn()
	foreign := g.list(g.ask("GET", "/v1/customer/balances?account="+list[1]["id"].(string), nil), "balances")
	if len(foreign) != 1 || foreign[0]["reason"] != "account-unknown" {
		g.Fatal(foreign)
	}
}

// details: by period, in pages whose end the first fixes.
func details(r row) {
	f := r.person().authenticated(bankA).loggedIn()
	id := f.linked()[0]["id"].(string)
	path := "/v1/customer/accounts/" + id + "/details?"
	today := time.Now().Add(time.Duration(f.ahead.Load())).In(codec.Shanghai)
	day := func(back int) string { return today.AddDate(0, 0, -back).Format(time.DateOnly) }
	for _, period := range []string{"today", "week", "month"} {
		f.ends(f.ask("GET", path+"period="+period, nil), "approved", "")
	}
	seen, to, cursor := 0, "", "period=custom&from="+day(29)+"&to="+day(0)
	for pages := 1; ; pages++ {
		p := f.ends(f.ask("GET", path+cursor, nil), "approved", "")
		if to == "" {
			to = p.Body["to"].(string)
		}
		if p.Body["to"] != to {
			f.Fatal("the end moved")
		}
		seen += len(f.list(p, "rows"))
		next, more := p.Body["next"].(string)
		if !more {
			if pages < 3 {
				f.Fatal(pages, "pages")
			}
			break
		}
		cursor = "cursor=" + next
	}
	if seen < 28 || seen > 30 {
		f.Fatal(seen, "rows")
	}
	for query, reason := range map[string]string{
		"period=custom&from=" + day(0) + "&to=" + day(3):   "range-reversed",
		"period=custom&from=" + day(1) + "&to=" + day(-2):  "range-future",
		"period=custom&from=" + day(200) + "&to=" + day(0): "range-too-long",
		"period=custom&from=2026-02-30&to=" + day(0):       "range-invalid",
		"cursor=AAAA": "range-invalid",
	} {
		f.refused(f.ask("GET", path+query, nil), reason)
	}
}

// attach: payment password, code to that account's phone, the bank's word.
func attach(r row) {
	f := r.person().authenticated(bankA)
	f.ends(f.ask("POST", "/v1/customer/passwords", fields{"login": f.sealed(login)}), "approved", "")
	f.login()
	try := func(code, password string) world.Reply {
		return f.ask("POST", "/v1/customer/accounts", fields{"account": f.account(bankB), "code": code, "payment": f.sealed(password)})
	}
	code := f.sms("attach", bankB)
	if a := f.refused(try(code, payment), "payment-password-missing"); a.Text() != "在加挂账户前，须设置微信支付密码，否则无法加挂。" {
		f.Fatal(a.Text())
	}
	f.ends(f.ask("POST", "/v1/customer/passwords", fields{"payment": f.sealed(payment)}), "approved", "")
	f.refused(try(code, "864209"), "payment-password-wrong")
	f.fault(bankB, sim.Fault{Kind: sim.Decline, Code: "05", Type: codec.Attach})
	f.ends(try(code, payment), "declined", "")
	f.attached(bankB)
	f.refused(f.ask("POST", "/v1/customer/codes", fields{"purpose": "attach", "account": f.account(bankB)}), "account-linked")
	f.refused(try("123456", payment), "account-linked")
	// Another's account is the bank's to decline.
	g := r.person()
	code = func() string {
		f.later(time.Minute)
		f.ends(f.ask("POST", "/v1/customer/codes", fields{"purpose": "attach", "account": g.account(bankB)}), "approved", "")
		return g.lastCode(bankB)
	}()
	f.ends(f.ask("POST", "/v1/customer/accounts", fields{"account": g.account(bankB), "code": code, "payment": f.sealed(payment)}), "declined", "")
	if len(f.linked()) != 2 {
		f.Fatal(f.linked())
	}
}

// detach, but not of the primary.
func detach(r row) {
	f := r.person().authenticated(bankA).loggedIn()
	f.attached(bankB)
	list := f.linked()
	path := func(i int) string { return "/v1/customer/accounts/" + list[i]["id"].(string) + "/detach" }
	f.refused(f.ask("POST", path(0), nil), "account-primary")
	f.fault(bankB, sim.Fault{Kind: sim.Silence, Type: codec.Detach})
	f.ends(f.ask("POST", path(1), nil), "timed-out", "")
	if n := f.told(1); n.Kind != "detached" { // brought to its end by the completion
		f.Fatal(n)
	}
	if len(f.linked()) != 1 || f.registered(bankB) {
		f.Fatal("still linked")
	}

	g := r.person().authenticated(bankA).loggedIn() // who is gone before the answer is told
	g.attached(bankB)
	g.hangsUp(bankB, codec.Detach, "/v1/customer/accounts/"+g.linked()[1]["id"].(string)+"/detach")
	if n := g.told(1); n.Kind != "detached" {
		g.Fatal(n)
	}
}

// appointment: the nearest first; what the core returned; limits.
func appointment(r row) {
	f := r.person()
	near := f.list(f.ask("POST", "/v1/places/nearest?limit=3", fields{"kind": "branches", "latitude": "43.7975", "longitude": "87.6177"}), "places")
	if len(near) != 3 || near[0]["metres"].(float64) > near[1]["metres"].(float64) || near[1]["metres"].(float64) > near[2]["metres"].(float64) {
		f.Fatal(near)
	}
	branch := near[0]["branch"].(map[string]any)
	book := func(phone string) world.Reply {
		return f.ask("POST", "/v1/customer/visits", fields{"branch": branch["id"], "business": "vip", "phone": phone})
	}
	for range 3 {
		a := f.ends(book("13899990001"), "approved", "")
		if number, _ := a.Body["number"].(string); number == "" || a.Body["bank_text"] == "" {
			f.Fatal(a.Body)
		}
	}
	f.refused(book("13899990001"), "visits-a-day")
	g := r.person()
	g.refused(g.ask("POST", "/v1/customer/visits", fields{"branch": branch["id"], "business": "vip", "phone": "13899990001"}), "visits-a-day")
	g.refused(g.ask("POST", "/v1/customer/visits", fields{"branch": branch["id"], "business": "vip", "phone": "123"}), "phone-invalid")
	g.refused(g.ask("POST", "/v1/customer/visits", fields{"branch": branch["id"], "business": "none", "phone": "13899990009"}), "business-missing")
	if merchants := f.list(f.ask("POST", "/v1/places/nearest", fields{"kind": "merchants", "latitude": "43.7975", "longitude": "87.6177"}), "places"); len(merchants) == 0 {
		f.Fatal("no merchants")
	}
}

// reset: identity again, then the new payment password.
func reset(r row) {
	f := r.person().authenticated(bankA).loggedIn()
	try := func(cert, code string) world.Reply {
		return f.ask("POST", "/v1/customer/passwords/reset", fields{
			"kind": "payment", "cert_type": "01", "cert_number": cert, "account": f.account(bankA), "code": code, "password": f.sealed("941726"),
		})
	}
	code := f.sms("reset", bankA)
	f.refused(try("11010519491231002X", code), "identity-mismatch")
	f.ends(try(f.at(bankA).Cert.Reveal(), f.sms("reset", bankA)), "approved", "")
	f.refused(f.ask("GET", "/v1/customer/accounts", nil), "session-needed")
	f.login()
	code = f.sms("attach", bankB)
	f.refused(f.ask("POST", "/v1/customer/accounts", fields{"account": f.account(bankB), "code": code, "payment": f.sealed(payment)}), "payment-password-wrong")
	f.ends(f.ask("POST", "/v1/customer/accounts", fields{"account": f.account(bankB), "code": code, "payment": f.sealed("941726")}), "approved", "")
}

// movement: every follower who has the account, once, though the front was down.
func movement(r row) {
	f := r.person().authenticated(bankA)
	move := func(amount codec.Amount) {
		f.must(f.Sims[bankA].Move(f.Context(), f.at(bankA).Accounts[0].Number, true, amount, "消费"))
	}
	move(3250)
	n := f.told(1)
	if n.Kind != "movement" || n.Data["amount"] != "3250" || n.Data["direction"] != "out" || !strings.Contains(n.Text, "32.50") {
		f.Fatal(n)
	}
	f.Front.Answers(http.StatusServiceUnavailable)
	move(100)
	move(200)
	f.eventually("the front is asked", func() bool { return f.Front.TurnedAway() > 0 })
	f.Front.Answers(0)
	f.later(time.Hour)
	if n := f.told(3); n.Data["amount"] != "200" {
		f.Fatal("out of order:", n.Data)
	}
	f.ends(f.ask("POST", "/v1/customer/unfollow", nil), "approved", "")
	failed := fields{"status": "system-failed", "at": time.Now().Format(time.RFC3339)}
	if r := f.ask("POST", "/v1/notices/"+f.told(3).Id+"/delivery", failed); r.Status != http.StatusOK {
		f.Fatal(r)
	}
	f.later(2 * time.Hour) // until it would be sent again
	move(300)
	g := r.person().authenticated(bankA)
	for n := range 3 {
		g.must(g.Sims[bankA].Move(g.Context(), g.at(bankA).Accounts[0].Number, true, 1, "消费"))
		g.told(n + 1)
	}
	if n := len(f.Front.Told(f.Subject)); n != 3 {
		f.Fatal("told one who has left")
	}
}
