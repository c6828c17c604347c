package h5

import (
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/world"
	"wxswitch/cmd/switchd/app"
	"wxswitch/codec"
)

func quick(c *app.Config) {
	for i := range c.Banks {
		c.Banks[i].Deadline = time.Second
	}
}

// The pages of a customer's whole life, without JavaScript: what is shown and
// where each step leads.
func TestACustomersLife(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.loggedIn("oLife")

	x.sees("账户管理", "户名", "**** ****", `data-part="/h5/accounts/`)
	id := regexp.MustCompile(`data-account="([A-Za-z0-9_-]{22})"`).FindStringSubmatch(x.page.body)[1]
	x.get("/h5/accounts/" + id + "/balance")
	x.sees("余额", "¥")
	x.get("/h5/accounts/" + id + "/details?period=month")
	x.sees("交易明细", "本日", "自定义")
	today := time.Now().In(codec.Shanghai) // on the first of a month 本月 may be empty
	x.get("/h5/accounts/" + id + "/details?period=custom&from=" + today.AddDate(0, 0, -7).Format(time.DateOnly) + "&to=" + today.Format(time.DateOnly))
	x.sees("交易明细", "本日", "自定义", "¥")
	x.get("/h5/accounts/" + id + "/details?period=custom&from=2026-11-20&to=2026-11-01")
	x.sees("起始日期不能晚于截止日期", `value="2026-11-20"`, `value="2026-11-01"`)
	x.get("/h5/accounts/" + id + "/remove")
	x.send("/h5/accounts/"+id+"/remove", nil)
	x.at("/h5/accounts/"+id+"/remove", 409)

	x.get("/h5/accounts/add")
	x.sees("在加挂账户前，须设置微信支付密码，否则无法加挂。")
	other := url.Values{"account": {x.follower().Account(bankB)}}
	x.send("/h5/accounts/add/code", other)
	form := x.fill(with(other, "code", x.code(bankB)))
	x.post("/h5/accounts/add", with(form, "payment", x.seal(url.Values{"payment": {theirPay}}).Get("payment")))
	x.sees(`data-result="approved"`, "加挂成功")
	x.get("/h5/accounts/edit")
	remove := regexp.MustCompile(`/h5/accounts/[A-Za-z0-9_-]{22}/remove`).FindString(x.page.body)
	x.get(remove)
	x.sees("解挂后将无法查询该账户")
	x.send(remove, nil)
	x.sees("解挂成功")
	x.get(remove)
	x.at("/h5/accounts/edit", 200)

	x.get("/h5/deregister")
	x.send("/h5/deregister", nil)
	x.sees(`data-result="approved"`, "交易成功")
	x.get("/h5/deregister")
	x.sees("您尚未认证，无需注销")
	x.get("/h5/accounts")
	x.at("/h5/authenticate", 200)
	x.sees(`id="cert_type"`)
	logs := b.log.String()
	p := x.follower().At(bankA)
	for _, secret := range []string{p.Cert.Reveal(), x.follower().Account(bankA), x.follower().Account(bankB), theirLogin, theirPay, "oLife", id} {
		if strings.Contains(logs, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	for _, line := range []string{`"page":"accounts-details"`, `"form":"accounts-remove"`} {
		if !strings.Contains(logs, line) {
			t.Error("no line with ", line)
		}
	}
}

// A9: each end has its text, and a second tap asks nothing again.
func TestDeregistrationHasThreeEnds(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.authenticated("oEnds")
	for _, end := range []struct {
		fault         sim.Fault
		outcome, text string
	}{
		{sim.Fault{Kind: sim.Decline, Code: "05"}, "declined", "注销失败，请与开户行联系。"},
		{sim.Fault{Kind: sim.SilenceAfter}, "timed-out", "注销超时，请与开户行联系！"},
	} {
		end.fault.Type, end.fault.Count, end.fault.Account = codec.Deregister, 1, x.follower().At(bankA).Accounts[0].Number
		if _, err := b.Sims[bankA].SetFault(end.fault); err != nil {
			t.Fatal(err)
		}
		x.get("/h5/deregister")
		form := x.fill(nil)
		for range 2 { // a second tap
			x.post("/h5/deregister", form)
			x.sees(`data-result="`+end.outcome+`"`, end.text)
		}
		x.get(x.page.url.Path) // loaded again
		x.sees(end.text)
	}
	b.Sims[bankA].Down()
	y := b.browser("oRefused").authenticates(bankB)
	b.Sims[bankB].Down()
	time.Sleep(100 * time.Millisecond)
	y.get("/h5/deregister")
	y.send("/h5/deregister", nil)
	y.sees(`data-result="refused"`, "注销失败，请与开户行联系。")
}

// What is wrong is said beside the field, what was typed stays, and the key is new.
func TestAFormIsShownAgain(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.browser("oAgain")
	x.get("/h5/authenticate")
	x.sees("在开户行开户并已开通短信验证服务的借记卡或活期一本通", "60秒内不可重复获取，验证码5分钟内有效")
	x.sees(`id="account" name="account" type="text" inputmode="numeric"`)
	first := x.fill(nil).Get("key")
	x.send("/h5/authenticate", with(x.identity(bankA), "code", "000000", "terms", theTerms))
	x.sees("您输入的短信验证码有误，请重新输入", `id="code" name="code"`, `value="`+x.follower().Account(bankA)+`"`)
	if again := x.fill(nil).Get("key"); again == first || again == "" {
		t.Errorf("keys %q, %q", first, again)
	}
	x.send("/h5/authenticate", with(x.identity(bankA), "code", "000000"))
	x.sees("请阅读并同意服务协议和隐私政策")
	x.send("/h5/authenticate/code", with(x.identity(bankA), "account", "6217510000000000000"))
	x.sees("卡号或账号有误，请核对后重新输入", `aria-invalid="true"`)
	x.send("/h5/authenticate/code", x.identity(bankA))
	x.at("/h5/authenticate/code", 200)
	x.sees("验证码将发送至您在开户行预留的手机号", `disabled>获取验证码`)
	if again := regexp.MustCompile(`data-again="(\d+)"`).FindStringSubmatch(x.page.body); again == nil || again[1] == "0" {
		t.Error("no countdown")
	}
	x.get("/h5/authenticate") // loaded again: it goes on counting
	x.sees(`disabled>获取验证码`)
}

// A code is typed once: it stays where it is good still, and the short message can
// be filled in by the phone.
func TestACodeIsShownAgainWhileItIsGood(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.browser("oTyped")
	shows := func(what, want string) {
		t.Helper()
		field := regexp.MustCompile(`<input[^>]* id="code"[^>]*>`).FindString(x.page.body)
		if !strings.Contains(field, ` value="`+want+`"`) || !strings.Contains(field, ` inputmode="numeric"`) || !strings.Contains(field, ` autocomplete="one-time-code"`) {
			t.Errorf("%s: %s", what, field)
		}
	}
	x.get("/h5/authenticate")
	form := with(x.identity(bankA), "terms", theTerms)
	x.send("/h5/authenticate/code", form)
	shows("asked for", "")
	code := x.code(bankA)
	wrong := map[bool]string{true: "111111", false: "000000"}[code == "000000"]
	x.send("/h5/authenticate", with(form, "code", code, "terms", ""))
	x.sees("请阅读并同意服务协议和隐私政策")
	shows("no consent", code)
	x.send("/h5/authenticate", with(form, "code", code, "account", "9999990000000000"))
	shows("unknown account", code)
	x.send("/h5/authenticate", with(form, "code", wrong))
	x.sees("您输入的短信验证码有误，请重新输入")
	shows("wrong code", "")
	x.send("/h5/authenticate", with(form, "code", code))
	x.sees(`data-result="approved"`)

	x.get("/h5/security/reset/payment")
	x.send("/h5/security/reset/payment/code", form)
	form.Set("code", x.code(bankA))
	reset := func(password string, pairs ...string) {
		t.Helper()
		typed := x.fill(with(form, pairs...))
		x.post("/h5/security/reset/payment", with(typed, "password", x.seal(url.Values{"password": {password}}).Get("password")))
	}
	reset("123456")
	x.sees("微信支付密码过于简单，请重新设置", "填写的密码不会保留，请重新填写")
	shows("weak password", form.Get("code"))
	reset(theirPay, "cert_number", "11010519491231002X")
	x.sees("您填写的信息与认证时的信息不一致")
	shows("used", "")
}

// What is wrong with a password is said of that password, old or new.
func TestTheWrongPasswordIsMarked(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.authenticated("oMarked")
	sets := func(wrong string, pairs ...string) {
		t.Helper()
		x.get("/h5/settings")
		form := x.fill(nil)
		typed := with(nil, pairs...)
		sealed := x.seal(typed)
		for name := range typed {
			form.Set(name, sealed.Get(name))
		}
		x.post("/h5/settings", form)
		for _, m := range regexp.MustCompile(`<input[^>]* id="([a-z_]+)" type="password"[^>]*>`).FindAllStringSubmatch(x.page.body, -1) {
			if marked := strings.Contains(m[0], ` aria-invalid="true"`); marked != (m[1] == wrong) {
				t.Errorf("%s is wrong: %s marked %t", wrong, m[1], marked)
			}
		}
	}
	sets("payment", "login", theirLogin, "payment", "123456")
	x.sees(`id="payment" type="password" inputmode="numeric"`)
	x.sees("填写的密码不会保留，请重新填写")
	sets("login", "login", "aaaaaaa1", "payment", theirPay)
	sets("payment", "login", theirLogin, "payment", "12345")
	sets("", "login", theirLogin, "payment", theirPay)
	x.sees(`data-result="approved"`)
	later := time.Now().Add(11 * time.Minute)
	b.Now = func() time.Time { return later } // then the old ones are asked for
	sets("old_payment", "old_payment", "111222", "payment", "246135")
}

// A13: the form for another account is a page of its own, also for one who was away.
func TestAnotherAccountOutlivesTheSession(t *testing.T) {
	b, ahead := startAhead(t)
	x := b.authenticated("oAnother")
	x.get("/h5/authenticate")
	x.sees("已认证", `href="/h5/authenticate/again"`)
	x.get("/h5/authenticate/again")
	x.sees(`action="/h5/authenticate/again"`, `formaction="/h5/authenticate/again/code"`)
	form := x.fill(x.identity(bankB))
	ahead.Add(int64(idleLife + time.Minute))
	for _, path := range []string{"/h5/authenticate/again", "/h5/authenticate/again/code"} {
		x.post(path, form)
		x.sees("刚才填写的内容未提交", `href="/h5/authenticate/again"`)
	}
	x.get("/h5/authenticate/again")
	x.at("/h5/authenticate/again", 200)
	x.sees(`id="cert_type"`)
	x.send("/h5/authenticate/again/code", x.identity(bankB))
	x.sees(`action="/h5/authenticate/again"`)
	_, err := b.Sims[bankB].SetFault(sim.Fault{Kind: sim.Decline, Code: "05", Type: codec.Authenticate, Count: 1, Account: x.follower().At(bankB).Accounts[0].Number})
	if err != nil {
		t.Fatal(err)
	}
	x.send("/h5/authenticate/again", with(x.identity(bankB), "code", x.code(bankB), "terms", theTerms))
	x.sees(`data-result="declined"`, `href="/h5/authenticate/again"`)
	ahead.Add(int64(time.Minute))
	x.get("/h5/authenticate/again")
	x.send("/h5/authenticate/again/code", x.identity(bankB))
	x.send("/h5/authenticate/again", with(x.identity(bankB), "code", x.code(bankB), "terms", theTerms))
	x.sees(`data-result="approved"`, `href="/h5/settings"`)
}

// C2: 自定义 asks for dates, and says when there are none; a bank that is down can be
// asked again.
func TestDetailsThatDoNotCome(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.loggedIn("oDetails")
	details := regexp.MustCompile(`/h5/accounts/[A-Za-z0-9_-]{22}/details`).FindString(x.page.body)
	const wrong, again = "查询日期有误，请重新选择", "重试</a>"
	lacks := func(text string) {
		t.Helper()
		if strings.Contains(x.page.body, text) {
			t.Errorf("%s says %q", x.page.url, text)
		}
	}
	x.get(details + "?period=custom")
	lacks(wrong)
	x.get(details + "?period=custom&from=&to=")
	x.sees(wrong, `id="from"`)
	lacks(again)
	_, err := b.Sims[bankA].SetFault(sim.Fault{Kind: sim.Silence, Type: codec.Details, Count: 1, Account: x.follower().At(bankA).Accounts[0].Number})
	if err != nil {
		t.Fatal(err)
	}
	x.get(details)
	x.sees("查询超时，请稍后再试", again)
	x.get(details)
	lacks(again)
	b.wire.set("/details", false)
	x.get(details)
	x.at(details, 502)
	x.sees("系统繁忙，请稍后再试", again)
	b.Sims[bankA].Down()
	time.Sleep(100 * time.Millisecond)
	x.get(details)
	x.sees("开户行系统暂时无法受理，请稍后再试", again)
	x.get("/h5/accounts/" + strings.Repeat("x", 22) + "/details")
	x.sees("账户管理</h1>")
}

// A11, A7: who is not logged in is led to it, and from there back.
func TestWhatIsMissingLeadsThereAndBack(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.browser("oLed")
	leadsOn := func(to string) {
		t.Helper()
		if x.get("/h5/login?to=/h5/accounts/add"); x.page.url.RequestURI() != to+"?to=/h5/accounts/add" {
			t.Error(x.page.url)
		}
	}
	leadsOn("/h5/authenticate")
	x.authenticates(bankA)
	leadsOn("/h5/settings")
	x.get("/h5/accounts")
	x.at("/h5/settings", 200)
	form := x.fill(nil)
	if form.Get("to") != "/h5/accounts" {
		t.Fatal(form)
	}
	sealed := x.seal(url.Values{"login": {theirLogin}})
	x.post("/h5/settings", with(form, "login", sealed.Get("login")))
	x.sees(`href="/h5/accounts"`, "继续</a>")
	x.get("/h5/accounts/add")
	x.at("/h5/login", 200)
	form = x.fill(nil)
	x.post("/h5/login", with(form, "password", x.seal(url.Values{"password": {"not-it-9999"}}).Get("password")))
	x.sees("微信登录密码有误，请重新输入")
	form = x.fill(nil)
	x.post("/h5/login", with(form, "password", x.seal(url.Values{"password": {theirLogin}}).Get("password")))
	x.at("/h5/accounts/add", 200)
	x.sees("设置微信支付密码")
	x.get("/h5/security")
	b.wire.set("", true)
	x.send("/h5/logout", nil)
	x.sees("系统繁忙，请稍后再试")
	b.wire.set("", false)
	x.get("/h5/security")
	x.send("/h5/logout", nil)
	x.sees("已退出登录")
	for _, page := range []string{"", "/edit", "/add", "/" + strings.Repeat("x", 22) + "/balance", "/" + strings.Repeat("x", 22) + "/details"} {
		x.get("/h5/accounts" + page)
		x.at("/h5/login", 200)
	}
}

// D1: near places come from what the follower said to the chat.
func TestPlaces(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.browser("oPlaces")
	x.get("/h5/branches")
	x.sees("请先发送您的位置", "点击输入框旁的「+」→「位置」→「发送位置」") // as in the chat
	if _, err := x.follower().Ask(t.Context(), "PUT", "/v1/customer/talk?seconds=600", world.Fields{"value": `{"lat":"43.7975","lng":"87.6177"}`}); err != nil {
		t.Fatal(err)
	}
	x.get("/h5/branches")
	x.sees("乌鲁木齐银行新华北路支行", "米")
	x.get("/h5/merchants")
	x.sees("二道桥大巴扎", "刷卡满100元减10元")
	x.get("/h5/branches/urmqccb-1")
	x.sees("新华北路108号", "预约", "0991-9600101")
	x.get("/h5/branches/urmqccb-1/visit")
	x.sees(`id="phone" name="phone" type="text" inputmode="numeric"`)
	x.send("/h5/branches/urmqccb-1/visit", url.Values{"business": {"vip"}, "phone": {"12"}})
	x.sees("请输入11位手机号码", `value="vip" checked`)
	x.send("/h5/branches/urmqccb-1/visit", url.Values{"phone": {"13899990001"}})
	x.sees("请选择预约业务", `role="radiogroup" aria-invalid="true" aria-describedby="alert"`)
	x.send("/h5/branches/urmqccb-1/visit", url.Values{"business": {"vip"}, "phone": {"13899990001"}})
	x.sees("预约成功，预约号将发送至您填写的手机", "开户行答复")
	x.get("/h5/branches/nowhere")
	if x.sees("未找到该网点"); strings.Contains(x.page.body, "重新打开") {
		t.Error("it leads to what is not there again")
	}
}

// D3: the identity is checked again. The session is over, and the pages know it.
func TestReset(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.loggedIn("oReset")
	x.get("/h5/security")
	x.sees("退出登录")
	x.get("/h5/security/reset/payment")
	x.sees("微信支付密码重置", "认证账户或已加挂的账户")
	x.send("/h5/security/reset/payment/code", x.identity(bankA))
	form := x.fill(with(x.identity(bankA), "code", x.code(bankA)))
	x.post("/h5/security/reset/payment", with(form, "password", x.seal(url.Values{"password": {"730164"}}).Get("password")))
	x.sees(`data-result="approved"`)
	if x.get("/h5/security"); strings.Contains(x.page.body, "退出登录") {
		t.Error("logged in still")
	}
	x.get("/h5/security/reset/login")
	x.sees("微信登录密码重置")
	x.get("/h5/security/reset/other")
	x.at("/h5/security/reset/other", 404)
}

// What WeChat leads back to is what was asked for, with what comes after it.
func TestTheWayBackIsWhole(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	b.loggedIn("oWhole")
	for _, path := range []string{"/h5/security/reset/login", "/h5/security/reset/payment", "/h5/login?to=/h5/accounts/add"} {
		y := b.browser("oWhole")
		if y.get(path); y.page.url.RequestURI() != path {
			t.Errorf("%s became %s", path, y.page.url.RequestURI())
		}
	}
	y := b.browser("oWhole")
	if y.get("/h5/login?to=//evil.example"); y.page.url.RequestURI() != "/h5/login" {
		t.Error(y.page.url)
	}
}

// An answer that is lost on its way is learned by the same form: it keeps its key
// and what was typed, and the bank is asked once; also where the switch is then
// away, and where something between the two answers in its place.
func TestALostAnswerIsLearned(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	for name, lose := range map[string]func(){
		"lost":    func() { b.wire.set("/visits", false) },
		"away":    func() { b.wire.leave("/visits") },
		"between": func() { b.wire.between("/visits", `{"code":"upstream-timeout","message":"gateway timeout"}`) },
		"unknown": func() { b.wire.between("/visits", outcomeUnknown) },
	} {
		y, before := b.browser("oLost-"+name), b.visits()
		phone := y.follower().At(bankA).Phone.Reveal()
		y.get("/h5/branches/urmqccb-1/visit")
		form := y.fill(url.Values{"business": {"vip"}, "phone": {phone}})
		lose()
		y.post("/h5/branches/urmqccb-1/visit", form)
		y.sees(textUnheard, "查询结果")
		again := y.fill(nil)
		if y.page.status != 504 || again.Get("key") != form.Get("key") || again.Get("business") != "vip" || again.Get("phone") != phone {
			t.Errorf("%s: %d, %v", name, y.page.status, again)
		}
		y.post("/h5/branches/urmqccb-1/visit", again) // and still, where it is away
		b.wire.set("", false)
		y.post("/h5/branches/urmqccb-1/visit", again)
		y.sees("预约成功")
		if n := b.visits() - before; n != 1 {
			t.Errorf("%s: %d visits", name, n)
		}
	}
	x := b.authenticated("oLost")
	x.get("/h5/deregister")
	form := x.fill(nil)
	for _, lose := range []func(){
		func() { b.wire.set("/deregistration", false) },
		func() { b.wire.between("/deregistration", outcomeUnknown) },
		func() { b.wire.between("/deregistration", `{"status":504,"code":"other","retry":"later"}`) },
	} {
		lose()
		x.post("/h5/deregister", form)
		x.sees(`data-result="timed-out"`, "注销超时，请与开户行联系！")
	}
	x.post("/h5/deregister", form) // the back button, and the same form
	x.sees(`data-result="approved"`, "交易成功")
}

// outcomeUnknown is the switch's answer where it does not know what is on its disk.
const outcomeUnknown = `{"status":504,"code":"outcome-unknown","retry":"same-key","text":"注销超时，请与开户行联系！"}`

// What was refused before it had a row has used its key for nothing, and a tap before
// may be under way by the same: the form keeps it.
func TestAFormKeepsAKeyThatWasUsedForNothing(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	for name, c := range map[string]struct {
		refuse func()
		kept   bool
	}{
		"busy": {func() {
			b.wire.between("/visits", `{"status":504,"code":"bulkhead-full","retry":"later","text":"忙"}`)
		}, true},
		"away": {func() { b.wire.leave("/visits") }, true},
		"journalled": {func() {
			b.wire.between("/visits", `{"status":504,"code":"no-link","retry":"later","id":"7","text":"忙"}`)
		}, false},
		"for ever": {func() { b.wire.between("/visits", `{"status":504,"code":"unwritable","retry":"never","text":"忙"}`) }, false},
	} {
		y := b.browser("oKept-" + strings.ReplaceAll(name, " ", "-"))
		phone := y.follower().At(bankA).Phone.Reveal()
		y.get("/h5/branches/urmqccb-1/visit")
		typed := url.Values{"business": {"vip"}, "phone": {phone}}
		form := y.fill(typed)
		c.refuse()
		y.post("/h5/branches/urmqccb-1/visit", form)
		y.sees(`value="` + phone + `"`)
		again := y.fill(typed)
		if kept := again.Get("key") == form.Get("key"); kept != c.kept {
			t.Errorf("%s: kept %v", name, kept)
		}
		b.wire.set("", false)
		y.post("/h5/branches/urmqccb-1/visit", again)
		y.sees("预约成功")
	}
}

// So it is with a code: what is asked for again is the same one, and not too soon.
func TestALostAnswerToACodeIsLearned(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.browser("oLostCode")
	x.get("/h5/authenticate")
	form := x.fill(x.identity(bankA))
	b.wire.set("/codes", false)
	x.post("/h5/authenticate/code", form)
	x.sees(textUnheard, `value="`+form.Get("account")+`"`)
	if again := x.fill(nil).Get("code_key"); again != form.Get("code_key") {
		t.Errorf("key %s, not %s", again, form.Get("code_key"))
	}
	x.send("/h5/authenticate/code", x.identity(bankA))
	x.sees("验证码将发送至您在开户行预留的手机号")
}

// Who goes back to a form that was carried out, and changes it, asks for another thing.
func TestAFormThatIsChangedAfterItsEnd(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.browser("oChanged")
	const page = "/h5/branches/urmqccb-1/visit"
	x.get(page)
	form := x.fill(url.Values{"business": {"vip"}, "phone": {"13899990003"}})
	x.post(page, form)
	x.sees(`data-result="approved"`)
	x.post(page, with(form, "phone", "13899990004"))
	x.sees("内容有改动，请再次提交", "13899990004")
	x.send(page, url.Values{"business": {"vip"}, "phone": {"13899990004"}})
	x.sees(`data-result="approved"`)
	if n := b.visits(); n != 2 {
		t.Errorf("%d visits", n)
	}
}

// A2: where the number does not decide, the 开户行 is asked for, and goes with each step.
func TestTheBankIsAskedFor(t *testing.T) {
	b := start(t, world.Options{Tune: sharesBooks})
	x := b.browser("oBook")
	for accounts := x.follower().At(bankA).Accounts; len(accounts) < 2 || accounts[1].Card; accounts = x.follower().At(bankA).Accounts {
		x.person = b.nobody()
	}
	x.authenticates(bankA).logsIn()
	form := with(x.identity(bankA), "account", x.follower().At(bankA).Accounts[1].Number.Reveal())
	const chosen = `<option value="urmqccb" selected>乌鲁木齐银行`
	for _, page := range []string{"/h5/accounts/add", "/h5/security/reset/payment"} {
		form.Del("bank")
		form.Del("code")
		if x.get(page); strings.Contains(x.page.body, `id="bank"`) {
			t.Error("asked for beforehand at " + page)
		}
		x.send(page+"/code", form)
		x.sees("请选择该账号的开户行", `id="bank" name="bank" aria-invalid="true"`)
		form.Set("bank", bankA)
		x.send(page+"/code", form)
		x.sees("验证码将发送至您在开户行预留的手机号", chosen)
		x.send(page, form) // without a code
		x.sees(chosen)
		sent, err := b.Sims[bankA].Messages(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		form.Set("code", sent[len(sent)-1].Code.Reveal())
		typed, sealed := x.fill(form), x.seal(url.Values{"payment": {theirPay}, "password": {"730164"}})
		x.post(page, with(typed, "payment", sealed.Get("payment"), "password", sealed.Get("password")))
		x.sees(`data-result="approved"`)
	}
}

var booksOfBanks = regexp.MustCompile(`  - \{bank: \w+, prefix: ("\d+"), length: (\d+)\}\n`)

// sharesBooks has each bank give out the other's passbook numbers, too.
func sharesBooks(c *app.Config) {
	quick(c)
	routes, err := os.ReadFile(c.Routes)
	if err != nil {
		panic(err)
	}
	routes = booksOfBanks.ReplaceAll(routes, []byte("  - {bank: "+bankA+", prefix: $1, length: $2, shared: true}\n  - {bank: "+bankB+", prefix: $1, length: $2, shared: true}\n"))
	if err := os.WriteFile(c.Routes, routes, 0o600); err != nil {
		panic(err)
	}
}

// A9: what is in doubt can be asked for again, by a form that is made anew.
func TestADeregistrationInDoubtCanBeDoneAgain(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.authenticated("oDoubt")
	for _, asked := range []codec.Type{codec.Deregister, codec.Completion} {
		if _, err := b.Sims[bankA].SetFault(sim.Fault{Kind: sim.Silence, Type: asked}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		x.get("/h5/deregister")
		x.send("/h5/deregister", nil)
		x.sees(`data-result="timed-out"`, "注销超时，请与开户行联系！")
	}
}

// Who confirms what another browser has done meanwhile is told that nothing is left.
func TestADeregistrationThatIsDone(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x, y := b.authenticated("oDone"), b.browser("oDone")
	x.get("/h5/deregister")
	y.get("/h5/deregister")
	y.send("/h5/deregister", nil)
	y.sees(`data-result="approved"`)
	x.send("/h5/deregister", nil)
	x.sees("您尚未认证，无需注销")
}

// A6: a code for what only a customer can do leads to 客户认证.
func TestACodeOfNobody(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.browser("oNobody")
	x.get("/h5/authenticate")
	x.send("/h5/security/reset/payment/code", x.identity(bankA))
	x.at("/h5/authenticate", 200)
}

// Without the switch each page says so, and nothing else.
func TestEveryPageWithoutTheSwitch(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.browser("oAway")
	x.get("/h5/authenticate")
	b.wire.set("", true)
	for pattern := range visits {
		page, get := strings.CutPrefix(strings.ReplaceAll(pattern, "{id}", strings.Repeat("x", 22)), "GET ")
		if !get {
			continue
		}
		x.get(page)
		if x.sees("系统繁忙，请稍后再试"); x.page.status != 503 && !strings.HasSuffix(page, "/balance") {
			t.Errorf("%s: %d", page, x.page.status)
		}
	}
	y := b.browser("oAwayToo")
	y.get("/h5/authenticate")
	y.at("/h5/oauth", 503)
	y.sees("系统繁忙，请稍后再试", `href="/h5/authenticate"`)
}

// What a page offers to dial is a number.
func TestTel(t *testing.T) {
	for number, want := range map[string]string{"0991-960 0101": "tel:0991-9600101", "+86 96518": "tel:+8696518", "javascript:1": "", "": "tel:"} {
		if got := string(tel(number)); got != want {
			t.Errorf("%q becomes %q", number, got)
		}
	}
}

// visits are how many were booked at the bank.
func (b *bench) visits() (n int) {
	b.Helper()
	sent, err := b.Sims[bankA].Messages(b.Context(), 0)
	if err != nil {
		b.Fatal(err)
	}
	for _, sms := range sent {
		if strings.Contains(sms.Text.Reveal(), "预约号") {
			n++
		}
	}
	return n
}

// A switch that is not there was asked nothing: that is no doubt.
func TestASwitchThatIsDown(t *testing.T) {
	b := start(t, world.Options{Tune: quick})
	x := b.authenticated("oDown")
	x.get("/h5/deregister")
	form := x.fill(nil)
	b.wire.set("", true)
	x.post("/h5/deregister", form)
	x.sees(`data-result="refused"`, "注销失败，请与开户行联系。")
	x.get("/h5/deregister")
	x.sees("系统繁忙，请稍后再试", "重新打开")
	x.post("/h5/authenticate/again/code", form)
	x.sees("系统繁忙，请稍后再试", `href="/h5/authenticate/again"`)
	b.wire.set("", false)
	x.get("/h5/deregister")
	x.send("/h5/deregister", nil)
	x.sees("交易成功")
}
