package h5

import (
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
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
	x.sees("交易明细", "本日", "自定义", "¥")
	x.get("/h5/accounts/" + id + "/details?period=custom&from=2026-11-20&to=2026-11-01")
	x.sees("起始日期不能晚于截止日期")
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

	x.get("/h5/deregister")
	x.send("/h5/deregister", nil)
	x.sees(`data-result="approved"`, "交易成功")
	x.get("/h5/deregister")
	x.sees("您尚未认证，无需注销")
	x.get("/h5/accounts")
	x.at("/h5/authenticate", 200)
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
	y := b.authenticatedAt("oRefused", bankB)
	b.Sims[bankB].Down()
	time.Sleep(100 * time.Millisecond)
	y.get("/h5/deregister")
	y.send("/h5/deregister", nil)
	y.sees(`data-result="refused"`, "注销失败，请与开户行联系。")
}

// authenticatedAt is authenticated with the account at another bank.
func (b *bench) authenticatedAt(openID, bank string) *browser {
	x := b.browser(openID)
	x.get("/h5/authenticate")
	x.send("/h5/authenticate/code", x.identity(bank))
	x.send("/h5/authenticate", with(x.identity(bank), "code", x.code(bank), "terms", theTerms))
	x.sees(`data-result="approved"`)
	return x
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
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	b := start(t, world.Options{Tune: func(c *app.Config) { quick(c); c.Now = now }})
	b.Now = now
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
	x := b.authenticated("oLed")
	x.get("/h5/accounts")
	x.at("/h5/settings", 200)
	form := x.fill(nil)
	if form.Get("to") != "/h5/accounts" {
		t.Fatal(form)
	}
	sealed := x.seal(url.Values{"login": {theirLogin}})
	x.post("/h5/settings", with(form, "login", sealed.Get("login")))
	x.sees(`href="/h5/accounts"`)
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
	x.send("/h5/logout", nil)
	x.sees("已退出登录")
	x.get("/h5/accounts")
	x.at("/h5/login", 200)
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
	x.sees("未找到该网点")
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
	x := b.authenticated("oLost")
	visit := url.Values{"business": {"vip"}, "phone": {"13899990002"}}
	for name, lose := range map[string]func(){
		"lost":    func() { b.wire.set("/visits", false) },
		"away":    func() { b.wire.leave("/visits") },
		"between": func() { b.wire.between("/visits", `{"code":"upstream-timeout","message":"gateway timeout"}`) },
	} {
		before := b.visits()
		x.get("/h5/branches/urmqccb-1/visit")
		form := x.fill(visit)
		lose()
		x.post("/h5/branches/urmqccb-1/visit", form)
		x.sees(textUnheard, "查询结果")
		again := x.fill(nil)
		if x.page.status != 504 || again.Get("key") != form.Get("key") || again.Get("business") != "vip" || again.Get("phone") != "13899990002" {
			t.Errorf("%s: %d, %v", name, x.page.status, again)
		}
		x.post("/h5/branches/urmqccb-1/visit", again) // and still, where it is away
		b.wire.set("", false)
		x.post("/h5/branches/urmqccb-1/visit", again)
		x.sees("预约成功")
		if n := b.visits() - before; n != 1 {
			t.Errorf("%s: %d visits", name, n)
		}
	}
	x.get("/h5/deregister")
	form := x.fill(nil)
	b.wire.set("/deregistration", false)
	x.post("/h5/deregister", form)
	x.sees(`data-result="timed-out"`, "注销超时，请与开户行联系！")
	x.post("/h5/deregister", form) // the back button, and the same form
	x.sees(`data-result="approved"`, "交易成功")
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
