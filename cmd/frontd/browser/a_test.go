package browser

import (
	"strings"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/codec"
)

// words: the menu opens the form itself, a word is answered with a link to it.
func words(b bed) {
	p := b.phone()
	p.pick("客户认证")
	p.page.at("/h5/authenticate")
	p.page.sees("客户认证", "证件类型")
	p.shot("authenticate")
	for _, word := range []string{"rz", "ＲＺ", "Rz", " 认证　"} {
		p.say(word)
		p.hears("您好，客户认证请点击这里")
	}
	p.shot("chat")
	p.open("这里")
	p.page.at("/h5/authenticate")
}

// theForm: what is typed is checked, and what is wrong is said beside the field.
func theForm(b bed) {
	p := b.phone()
	p.pick("客户认证")
	p.page.at("/h5/authenticate")
	p.page.sees("证件类型", "证件号码", "卡号/账号", "短信验证码", "在开户行开户并已开通短信验证服务的借记卡或活期一本通")
	p.page.lacks("#bank", "")
	wrong := func(field, text string) {
		p.Helper()
		p.page.enter("#code", map[bool]string{true: "", false: "000000"}[field == "#code"])
		p.sends()
		p.page.alerts(text)
		if got := look[string](p.page, "attribute", field, "aria-invalid"); got != "true" {
			p.Errorf("%s is not marked as wrong: %q", field, text)
		}
	}
	p.page.tick("#terms")
	wrong("#cert_type", "请选择证件类型")
	p.page.choose("#cert_type", "01")
	p.page.enter("#account", p.Account(bankA))
	p.page.tap("#cert_number")
	p.insert(strings.Repeat("1", 25)) // 20 go in
	p.page.holds("#cert_number", strings.Repeat("1", 20))
	wrong("#cert_number", "证件号码有误，请核对后重新输入")
	p.page.enter("#cert_number", "110105194912310021") // GB 11643
	wrong("#cert_number", "证件号码有误，请核对后重新输入")
	p.shot("form-wrong")
	p.page.enter("#cert_number", p.At(bankA).Cert.Reveal())
	card := p.Account(bankA)
	p.page.enter("#account", card[:len(card)-1]+string('0'+(card[len(card)-1]-'0'+1)%10)) // Luhn
	wrong("#account", "卡号或账号有误，请核对后重新输入")
	p.page.enter("#account", "9999990000000000")
	wrong("#account", "该卡号或账号暂不支持，请核对后重新输入")
	// 开户行 is asked where the number does not decide.
	p.page.enter("#account", sharedBook+"0000000000017")
	p.page.tap("[data-code]")
	p.page.alerts("请选择该账号的开户行")
	p.page.choose("#bank", bankB)
	p.page.enter("#account", card)
	wrong("#bank", "您选择的开户行与该卡号或账号不符，请重新选择")
	p.shot("form-bank")
	p.page.choose("#bank", bankA)
	wrong("#code", "请输入6位短信验证码")
	// Blanks and a small x are the customer's way of typing.
	p.page.enter("#account", card[:4]+" "+card[4:])
	p.page.enter("#cert_number", " "+strings.ToLower(p.At(bankA).Cert.Reveal()))
	p.code()
	p.sends()
	p.page.ends("approved", textAuthenticated)
	p.shot("authenticated")
	byPassbook(b)
}

// byPassbook authenticates with a 活期一本通.
func byPassbook(b bed) {
	q := b.closed(b.next())
	for len(q.At(bankA).Accounts) < 2 || q.At(bankA).Accounts[1].Card {
		q = b.closed(b.next())
	}
	q.start()
	q.form(bankA)
	q.page.enter("#account", q.At(bankA).Accounts[1].Number.Reveal())
	q.code()
	q.sends()
	q.page.ends("approved", textAuthenticated)
}

// code: 60 s and 5 min are told and kept; a decline reads like a success.
func code(b bed) {
	const sounds = "若该账号已开通短信验证服务，验证码将发送至您在开户行预留的手机号；号码已变更请联系开户行"
	p := b.phone()
	p.form(bankA)
	p.page.sees("60秒内不可重复获取，验证码5分钟内有效")
	first := p.code()
	p.page.says("#code-part [role=status]", sounds)
	p.page.sees("验证码有效时间还剩4:5")
	p.page.waits("[data-code][disabled]", "秒后")
	p.shot("code-sent")
	p.form(bankA) // loaded again: it goes on counting
	p.page.waits("[data-code][disabled]", "秒后")
	p.later(time.Minute)
	p.form(bankA)
	if second := p.code(); second != first {
		p.page.enter("#code", first) // void
		p.sends()
		p.page.alerts(textWrongCode)
	}
	p.later(time.Minute)
	p.fault(bankA, sim.Fault{Kind: sim.Decline, Code: "14", Type: codec.SMSCode})
	p.form(bankA)
	p.page.tap("[data-code]")
	p.page.says("#code-part [role=status]", sounds)

	q := b.phone() // what was provably not sent leaves the 60 s free
	q.World.Sims[bankB].Down()
	q.form(bankB)
	q.page.tap("[data-code]")
	q.page.alerts("开户行系统暂时无法受理，请稍后再试")
	q.page.waits("[data-code]:not([disabled])", "获取验证码")
	must(q, q.World.Sims[bankB].Up(q.Context()))
	q.up(bankB)
	q.code()
}

// wrongCode: wrong, expired, void and used are told alike.
func wrongCode(b bed) {
	p := b.phone()
	p.form(bankA)
	right := p.code()
	wrong := "000000"
	if right == wrong {
		wrong = "111111"
	}
	tell := func(code string) {
		p.Helper()
		p.page.enter("#code", code)
		p.sends()
		p.page.alerts(textWrongCode)
		p.page.holds("#code", "")
	}
	tell(wrong)
	p.shot("code-wrong")
	p.later(5*time.Minute + time.Second)
	tell(right)
	p.form(bankA)
	right = p.code()
	for range 5 {
		tell(wrong)
	}
	tell(right)
	p.later(time.Minute)
	p.form(bankA)
	right = p.code()
	p.sends()
	p.page.ends("approved", textAuthenticated)
	p.pick("客户认证")
	p.page.tap("[data-nav=again]")
	p.page.at("/h5/authenticate/again")
	p.identity(bankA)
	p.page.tick("#terms")
	tell(right)
}

// rightCode: approved, declined, timed out; no half-made customer on either side.
func rightCode(b bed) {
	p := b.phone()
	p.fault(bankA, sim.Fault{Kind: sim.Decline, Code: "05", Type: codec.Authenticate})
	p.form(bankA)
	p.code()
	p.sends()
	p.page.ends("declined", "您填写的证件信息与该账号在开户行预留的信息不一致，请核对后重新输入")
	p.shot("authenticate-declined")
	p.page.tap("[data-primary]", "重新认证")
	p.page.at("/h5/authenticate")
	p.page.waits("#cert_type", "")

	p.later(time.Minute)
	p.fault(bankA, sim.Fault{Kind: sim.SilenceAfter, Type: codec.Authenticate})
	p.form(bankA)
	p.code()
	p.sends()
	p.page.sees("处理中…")
	p.page.ends("timed-out", "认证超时，本次认证未生效，请稍后重新认证")
	p.shot("authenticate-timed-out")
	p.unregisters(bankA)
	p.pick("客户认证")
	p.page.waits("#cert_type", "")

	p.later(time.Minute)
	p.authenticated(bankA)
	if !p.registered(bankA) {
		p.Error("not registered at the bank")
	}
	p.pick("客户认证")
	p.page.sees("已认证", "尾号"+p.tail(bankA))
	p.shot("authenticated-already")
}

// firstVisit: what needs a customer sends one who is none to the form.
func firstVisit(b bed) {
	p := b.phone()
	p.accounts()
	p.page.at("/h5/authenticate")
	p.page.waits("#cert_type", "")
	p.pick("安全管理")
	p.page.at("/h5/security")
	p.shot("security")
	for _, nav := range []string{"reset-payment", "settings"} {
		p.pick("安全管理")
		p.page.tap("[data-nav=" + nav + "]")
		p.page.at("/h5/authenticate")
	}
	p.say("zx")
	p.hears("您好，注销请点击这里")
	p.open("这里")
	p.page.sees("您尚未认证，无需注销")
	p.shot("nothing-to-deregister")
}

// setup: from the result page, and from 客户认证; within ten minutes of a right
// code, or with the old password.
func setup(b bed) {
	p := b.phone().authenticated(bankA)
	p.page.tap("[data-primary]", "登录设置")
	p.page.at("/h5/settings")
	p.page.sees("微信登录密码", "微信支付密码", "请在10分钟内完成设置")
	p.shot("settings")
	for password, text := range map[string]string{
		"12345678": "微信登录密码须为8至20位，至少包含字母、数字、符号中的两种", "aaaaaaa1": "微信登录密码过于简单，请重新设置",
	} {
		p.sets(password, "")
		p.page.alerts(text)
	}
	p.page.enter("#login", theirLogin)
	p.page.enter("#login_again", theirLogin+"x")
	p.sends()
	p.page.alerts("两次输入的密码不一致，请重新输入")
	p.page.waits("#login_again[aria-invalid=true]", "")
	p.page.lacks("#login[aria-invalid=true]", "")
	p.sets(theirLogin, "123456")
	p.page.alerts("微信支付密码过于简单，请重新设置")
	p.page.sees("填写的密码不会保留，请重新填写")
	p.page.waits("#payment[aria-invalid=true]", "")
	p.page.lacks("#login[aria-invalid=true]", "")
	p.sets(theirLogin, theirPay)
	p.page.ends("approved", "密码设置成功")
	p.shot("settings-done")
	p.later(11 * time.Minute)
	p.pick("客户认证")
	p.page.tap("[data-nav=settings]", "登录设置")
	p.page.at("/h5/settings")
	p.page.sees("修改密码须输入原密码")
	p.shot("settings-old")
	p.page.enter("#old_payment", "111222")
	p.sets("", "246135")
	p.page.alerts("微信支付密码有误，请重新输入")
	p.page.enter("#old_payment", theirPay)
	p.sets("", "246135")
	p.page.ends("approved", "密码设置成功")
	// Who has none, and came too late, is led to have the identity checked again.
	q := b.phone().authenticated(bankA)
	q.later(11 * time.Minute)
	q.page.tap("[data-primary]", "登录设置")
	q.page.sees("设置时间已过，请重新验证身份后再设置")
	q.shot("settings-late")
}

// deregistration: by the menu and two words; the page asks for 确认, no password.
func deregistration(b bed) {
	p := b.phone().authenticated(bankA)
	p.pick("客户注销")
	p.hears("您好，注销请点击这里")
	for _, word := range []string{"zx", "注销", "ＺＸ "} {
		p.say(word)
		if e := p.hears(); e.Text != "您好，注销请点击这里" {
			p.Errorf("%q is answered %q", word, e.Text)
		}
	}
	p.open("这里")
	p.page.at("/h5/deregister")
	p.page.sees("确认", p.tail(bankA))
	p.shot("deregister")
	p.page.tap("[data-primary]", "确认")
	p.page.ends("approved", "交易成功")
	p.shot("deregistered")
	p.unregisters(bankA)
}

// deregister says zx and confirms.
func (p *phone) deregister() {
	p.Helper()
	p.say("zx")
	p.hears("您好，注销请点击这里")
	p.open("这里")
	p.page.at("/h5/deregister")
	p.page.tap("[data-primary]", "确认")
}

// itsThreeEnds, letter for letter, and what follows each.
func itsThreeEnds(b bed) {
	p := b.phone().authenticated(bankA)
	p.fault(bankA, sim.Fault{Kind: sim.Decline, Code: "05", Type: codec.Deregister})
	p.deregister()
	p.page.ends("declined", "注销失败，请与开户行联系。")
	p.shot("deregister-declined")
	// In doubt, and declined: the customer is again what it was, and is told.
	p.fault(bankA, sim.Fault{Kind: sim.Silence, Type: codec.Deregister})
	p.fault(bankA, sim.Fault{Kind: sim.Decline, Code: "05", Type: codec.Completion})
	p.deregister()
	p.page.ends("timed-out", "注销超时，请与开户行联系！")
	p.shot("deregister-timed-out")
	p.home()
	p.hears("注销")
	p.deregister()
	p.page.ends("approved", "交易成功")

	// In doubt, and done.
	p.later(time.Minute)
	p.authenticated(bankA)
	p.fault(bankA, sim.Fault{Kind: sim.SilenceAfter, Type: codec.Deregister})
	p.deregister()
	p.page.ends("timed-out", "注销超时，请与开户行联系！")
	p.home()
	p.hears("您的客户注销已办理成功，微信银行服务已终止。")
	p.shot("deregistered-late")

	// Refused: nothing could be sent.
	q := b.phone().authenticated(bankB)
	q.World.Sims[bankB].Down()
	q.down(bankB)
	q.deregister()
	q.page.ends("refused", "注销失败，请与开户行联系。")
	must(q, q.World.Sims[bankB].Up(q.Context()))
	q.up(bankB)
	q.page.tap("[data-primary]", "再次注销")
	q.page.at("/h5/deregister")
	q.sends()
	q.page.ends("approved", "交易成功")
}

// afterIt: everything ends at once; the other bank is told; it can be done again.
func afterIt(b bed) {
	p := b.known(bankB)
	if !p.registered(bankB) {
		p.Error("not registered at the second bank")
	}
	p.deregister()
	p.page.ends("approved", "交易成功")
	p.accounts()
	p.page.at("/h5/authenticate")
	p.unregisters(bankB)
	p.later(time.Minute)
	p.authenticated(bankA)
	p.accounts()
	p.page.at("/h5/settings") // the passwords are gone
}

// loginOnce a session; a forgotten password is set anew.
func loginOnce(b bed) {
	p := b.phone().authenticated(bankA)
	p.accounts()
	p.page.at("/h5/settings") // who has none is led to it
	p.sets(theirLogin, "")
	p.page.ends("approved", "密码设置成功")
	p.page.tap("[data-primary]", "继续")
	p.page.at("/h5/login")
	p.shot("login")
	p.page.enter("#password", "wrong-1234")
	p.sends()
	p.page.alerts("微信登录密码有误，请重新输入")
	p.page.enter("#password", theirLogin)
	p.sends()
	p.page.at("/h5/accounts")
	p.accounts() // once a session
	p.page.at("/h5/accounts")
	p.later(16 * time.Minute)
	p.accounts()
	p.page.at("/h5/login")
	p.resets("login", "kuqa-20261128x")
	p.accounts()
	p.page.at("/h5/login")
	p.page.enter("#password", theirLogin)
	p.sends()
	p.page.alerts("微信登录密码有误，请重新输入")
	p.page.enter("#password", "kuqa-20261128x")
	p.sends()
	p.page.at("/h5/accounts")
}

// consent: terms and 动账, each by its own tick; what was accepted is kept.
func consent(b bed) {
	p := b.phone()
	p.pick("客户认证")
	p.page.at("/h5/authenticate")
	p.page.tap("a[href='/h5/terms']")
	p.page.waits("dialog[open]", "版本 2026-11")
	p.shot("terms")
	p.page.tap("dialog button", "关闭")
	p.page.lacks("dialog[open]", "")
	p.identity(bankA)
	p.code()
	p.sends()
	p.page.alerts("请阅读并同意服务协议和隐私政策")
	p.page.tick("#terms")
	p.page.holds("#code", p.lastCode(bankA))
	p.sends()
	p.page.ends("approved", textAuthenticated)
	view, err := p.atSwitch().Ask(p.Context(), "GET", "/v1/customer", nil)
	must(p, err)
	list := view.List("consents")
	if len(list) != 1 || list[0]["version"] != "2026-11" || list[0]["at"] == nil || view.Body["notices"] != false {
		p.Errorf("accepted: %v", view.Body)
	}
	p.home()
	p.heard = p.last()
	p.moves(bankA, true, 100, "消费")
	q := b.phone().authenticated(bankA)
	q.home()
	q.moves(bankA, true, 100, "消费")
	q.told("¥1.00") // what came after it was told
	for _, e := range p.entries() {
		if e.Kind == "card" {
			p.Errorf("told without consent: %s", e.Text)
		}
	}
}

// manyPhones: one certificate, one follower; another account replaces the primary.
func manyPhones(b bed) {
	p, q := b.pair()
	p.customer()
	p.later(time.Minute)
	p.say("rz") // a text may be sent to who has spoken
	p.hears()
	q.authenticated(bankA)
	p.hears("您的证件已通过另一微信号完成客户认证，本微信号的微信银行服务已终止。如非本人操作，请立即与开户行联系。")
	p.shot("superseded")
	p.accounts()
	p.page.at("/h5/authenticate")
	q.later(time.Minute)
	q.pick("客户认证")
	q.page.tap("[data-nav=again]", "更换认证账户")
	q.page.at("/h5/authenticate/again")
	q.identity(bankB)
	q.page.tick("#terms")
	q.code()
	q.sends()
	q.page.ends("approved", textAuthenticated)
	q.settled(theirLogin, "").loggedIn(theirLogin)
	q.page.waits("[data-shown]", "认证账户")
	q.page.waits("[data-shown]", "新疆农村信用社")
	q.page.waits(".line[data-account]", q.named(bankA))
}

// theBankSpeaks, and is heard on its own accounts.
func theBankSpeaks(b bed) {
	p := b.known(bankB)
	p.say("rz") // a text may be sent to who has spoken
	p.hears()
	must(p, p.World.Sims[bankB].Event(p.Context(), p.At(bankB).Accounts[0].Number, "closed"))
	p.hears("尾号" + p.tail(bankB))
	p.accounts()
	p.page.at("/h5/accounts")
	p.page.lacks("[data-account]", p.named(bankB))
	p.home()
	must(p, p.World.Sims[bankA].Event(p.Context(), p.At(bankA).Accounts[0].Number, "deregistered"))
	p.hears("您尾号" + p.tail(bankA) + "的账户（乌鲁木齐银行）已在开户行办理微信银行注销，微信银行服务已终止；如需继续使用，请重新进行客户认证。如有疑问，请与开户行联系。")
	p.shot("bank-speaks")
	p.accounts()
	p.page.at("/h5/authenticate")
}
