package browser

import (
	"fmt"
	"strings"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/codec"
)

// outside: the menu opens another site's page at once.
func (p *phone) outside(item, url string) {
	p.Helper()
	p.pick(item)
	p.app.waits("#browser", url)
}

func rates(b bed) {
	p := b.phone()
	p.outside("存贷款利率", "https://example.com/rates")
	p.shot("rates")
}

func branchList(b bed) {
	p := b.phone()
	p.pick("网点分布")
	p.hears("新疆汇和银行网点分布", "乌鲁木齐银行新华北路支行 0991-9600101", "新疆农村信用社人民路网点 0991-9600201")
	p.shot("branch-list")
}

func hotline(b bed) {
	p := b.phone()
	p.pick("服务热线")
	if e := p.hears(); e.Text != "400-800-9666" {
		p.Errorf("answers %q", e.Text)
	}
}

func jobs(b bed) { b.phone().outside("人才招聘", "https://example.com/jobs") }

func downloads(b bed) {
	p := b.phone()
	p.outside("移动银行下载", "https://example.com/mobile")
	p.outside("直销银行下载", "https://example.com/direct")
}

// balances: the account used to authenticate first; every linked one can be
// chosen, and has its own state.
func balances(b bed) {
	p := b.known(bankB)
	first, second := p.At(bankA), p.At(bankB)
	p.page.waits("[data-shown] [data-balance=approved]", money(first.Accounts[0].Balance))
	p.page.waits("[data-shown]", "认证账户")
	p.page.waits("[data-shown]", "**** **** **** "+p.tail(bankA))
	p.page.waits("[data-shown]", "户名："+first.Holder)
	if strings.Contains(look[string](p.page, "seen", ""), p.Account(bankA)) {
		p.Error("the whole number is shown")
	}
	p.shot("accounts")
	p.page.waits(".line .line-balance", money(second.Accounts[0].Balance))
	p.page.tap(".line-name", p.named(bankB))
	p.page.waits("[data-shown]", "新疆农村信用社")
	p.page.waits("[data-shown] [data-balance=approved]", money(second.Accounts[0].Balance))
	p.shot("accounts-two")
	p.fault(bankB, sim.Fault{Kind: sim.Silence, Type: codec.Balance})
	p.accounts()
	p.page.waits("[data-shown] [data-balance=approved]", money(first.Accounts[0].Balance))
	p.page.waits(".line [data-balance=timed-out]", "查询超时，请稍后再试")
	p.shot("accounts-timed-out")
	p.page.tap(".line [data-again-part]", "重试")
	p.page.waits(".line .line-balance", money(second.Accounts[0].Balance))
}

// details: by period, in pages; a range that cannot be gets a clear answer.
func details(b bed) {
	p := b.known()
	p.page.tap("[data-nav=details]", "交易明细")
	p.page.waits("[aria-current=page]", "本日")
	for _, period := range []string{"本周", "本月"} {
		p.page.tap(".tabs a", period)
		p.page.waits("[aria-current=page]", period)
		p.page.waits("#movements, .empty", "")
	}
	p.page.tap(".tabs a", "自定义")
	p.page.waits("#from", "")
	p.sends()
	p.page.alerts("查询日期有误，请重新选择")
	today := time.Now().Add(time.Duration(p.ahead.Load())).In(codec.Shanghai)
	ask := func(from, to int) {
		p.Helper()
		p.page.date("#from", today.AddDate(0, 0, -from).Format(time.DateOnly))
		p.page.date("#to", today.AddDate(0, 0, -to).Format(time.DateOnly))
		p.sends()
	}
	ask(0, 3)
	p.page.alerts("起始日期不能晚于截止日期")
	p.shot("details-wrong")
	ask(1, -2)
	p.page.alerts("查询日期不能晚于今天")
	ask(200, 0)
	p.page.sees("查询时间跨度过长，每次最多可查询")
	ask(29, 0)
	p.page.waits("#movements", "")
	p.page.waits(".movement", "余额 ¥")
	p.shot("details")
	seen := look[[]string](p.page, "all", "#movements > li")
	for len(look[[]string](p.page, "all", "a[data-more]")) > 0 {
		before := len(seen)
		p.page.tap("a[data-more]", "更早的明细")
		p.until(func() string {
			if seen = look[[]string](p.page, "all", "#movements > li"); len(seen) == before {
				return fmt.Sprintf("still %d movements", before)
			}
			return ""
		})
		p.page.quiet()
	}
	if len(seen) < 28 || len(seen) > 30 {
		p.Errorf("%d movements", len(seen))
	}
}

// attach: payment password, code to that account's phone, the bank's word.
func attach(b bed) {
	p := b.phone().authenticated(bankA).settled(theirLogin, "").loggedIn(theirLogin)
	add := func() {
		p.Helper()
		p.accounts()
		p.page.at("/h5/accounts")
		p.page.tap("[data-nav=edit]", "添加删除")
		p.page.at("/h5/accounts/edit")
		p.page.tap("[data-nav=add]", "+")
		p.page.at("/h5/accounts/add")
		p.page.sees("在加挂账户前，须设置微信支付密码，否则无法加挂。")
	}
	add()
	p.page.lacks("#account", "")
	p.shot("attach-no-password")
	p.page.tap("[data-nav=settings]", "设置微信支付密码")
	p.page.at("/h5/settings")
	p.sets("", theirPay)
	p.page.ends("approved", "密码设置成功")
	p.page.tap("[data-primary]", "继续")
	p.page.at("/h5/accounts/add")
	p.later(time.Minute)
	// Another's account is the bank's to decline.
	other := b.phone()
	add()
	p.page.enter("#account", other.Account(bankB))
	p.page.tap("[data-code]")
	p.page.waits("#code-part [role=status]", "若该账号已开通短信验证服务")
	p.page.quiet()
	p.page.enter("#code", other.lastCode(bankB))
	p.page.enter("#payment", theirPay)
	p.sends()
	p.page.ends("declined", "该账户不是您认证证件名下的账户，无法加挂")
	p.later(time.Minute)
	add()
	p.page.enter("#account", p.Account(bankB))
	p.code()
	p.page.enter("#payment", "864209")
	p.sends()
	p.page.alerts("微信支付密码有误，请重新输入")
	p.shot("attach")
	p.page.holds("#code", p.lastCode(bankB))
	p.page.enter("#payment", theirPay)
	p.sends()
	p.page.ends("approved", "加挂成功")
	p.shot("attached")
	p.page.tap("[data-primary]", "账户查询")
	p.page.waits(".line[data-account]", p.named(bankB))
}

// detach, but not of the primary.
func detach(b bed) {
	p := b.known(bankB)
	p.page.tap("[data-nav=edit]")
	p.page.at("/h5/accounts/edit")
	if links := look[[]string](p.page, "all", "[data-nav=remove]"); len(links) != 1 {
		p.Errorf("%d accounts can be removed", len(links))
	}
	p.shot("edit")
	p.page.tap(".line[data-account]:not(:has(.badge)) [data-nav=remove]", "删除")
	p.page.sees("账户解挂", "尾号"+p.tail(bankB), "解挂后将无法查询该账户，确定解挂吗？")
	p.shot("remove")
	p.page.tap("[data-primary]", "确认")
	p.page.ends("approved", "解挂成功")
	p.page.tap("[data-primary]", "返回添加删除")
	p.page.at("/h5/accounts/edit")
	p.page.lacks("[data-account]", p.named(bankB))
	p.unregisters(bankB)
}

// appointment: a location, the nearest first, what the bank's core returned, the
// bank's SMS; no 认证.
func appointment(b bed) {
	p := b.phone()
	p.say("1")
	p.hears("「+」→「位置」→「发送位置」")
	p.pick("网点预约")
	p.hears("「+」→「位置」→「发送位置」")
	p.locate("新华北路")
	if e := p.hears(); e.Text != "【1】网点预约、【2】特惠商户" {
		p.Errorf("answers %q", e.Text)
	}
	p.say("２")
	p.hears("二道桥大巴扎", "刷卡满100元减10元", "公里")
	p.say("1")
	e := p.hears("乌鲁木齐银行新华北路支行", "米")
	near, far := strings.Index(e.Text, "新华北路支行"), strings.Index(e.Text, "友好路支行")
	if near < 0 || far < near {
		p.Errorf("not by distance: %s", e.Text)
	}
	p.shot("nearest")
	p.open("查看更多网点")
	p.page.at("/h5/branches")
	p.page.waits("[data-nav=branch]", "新疆农村信用社人民路网点")
	p.shot("branches")
	p.page.tap("[data-nav=branch]", "新华北路支行")
	p.page.at("/h5/branches/urmqccb-1")
	p.page.sees("乌鲁木齐市天山区新华北路108号", "周一至周日 10:00–19:00", "0991-9600101", "个人业务、公司业务、VIP业务")
	p.shot("branch")
	p.page.tap("[data-nav=visit]", "预约")
	p.page.at("/h5/branches/urmqccb-1/visit")
	p.sends()
	p.page.alerts("请选择预约业务")
	p.page.tap("label.cell-radio", "VIP业务")
	p.page.enter("#phone", "12")
	p.sends()
	p.page.alerts("请输入11位手机号码")
	p.shot("visit")
	p.page.enter("#phone", p.At(bankA).Phone.Reveal())
	p.sends()
	p.page.ends("approved", "预约成功，预约号将发送至您填写的手机")
	p.page.sees("开户行答复")
	p.app.waits("#sms [data-sms]", "您的网点预约号为")
	p.shot("visit-done")
	p.app.tap("#sms [data-sms]")
	p.say("【2】")
	p.hears("附近特惠商户")
	p.open("查看更多特惠商户")
	p.page.at("/h5/merchants")
	p.page.sees("二道桥大巴扎", "刷卡满100元减10元")
	p.shot("merchants")
	p.later(10*time.Minute + time.Second) // then the location is forgotten
	p.say("1")
	p.hears("「+」→「位置」→「发送位置」")
}

// reset: identity again, then the new payment password; five wrong ones lock it.
func reset(b bed) {
	p := b.known()
	p.pick("安全管理")
	p.page.tap("[data-nav=reset-payment]", "微信支付密码重置")
	p.page.at("/h5/security/reset/payment")
	p.page.sees("微信支付密码重置")
	p.later(time.Minute)
	p.identity(bankA)
	p.code()
	p.page.enter("#password", "941726")
	p.page.enter("#password_again", "941726")
	p.shot("reset")
	p.page.enter("#cert_number", "11010519491231002X")
	p.sends()
	p.page.alerts("您填写的信息与认证时的信息不一致，请核对后重新输入")
	p.later(time.Minute)
	p.pick("安全管理")
	p.resets("payment", "941726")
	p.loggedIn(theirLogin)
	p.page.tap("[data-nav=edit]")
	p.page.tap("[data-nav=add]")
	p.page.at("/h5/accounts/add")
	p.later(time.Minute)
	p.page.enter("#account", p.Account(bankB))
	for i := range 5 {
		p.page.enter("#code", "123456")
		p.page.enter("#payment", theirPay) // that was before
		p.sends()
		if i < 4 {
			p.page.alerts("微信支付密码有误，请重新输入")
		}
	}
	p.page.alerts("微信支付密码错误次数过多，已暂时锁定，请稍后再试")
	p.shot("payment-locked")
}

// movement: every follower who has the account, once; kept while WeChat is busy;
// nothing to one who has left.
func movement(b bed) {
	p := b.phone().authenticated(bankA)
	p.home()
	p.heard = p.last()
	p.moves(bankA, true, 3250, "消费")
	p.told("32.50", "支出", "消费", p.tail(bankA))
	p.shot("movement")
	p.app.tap("#talk .card a", "查看详情")
	p.page.at("/h5/settings") // has no password yet
	p.home()
	p.wechat("POST", "faults", `{"errcode":-1,"errcode_count":1}`)
	p.moves(bankA, false, 123456, "工资")
	p.later(time.Hour)
	p.told("1234.56", "收入", "工资")
	p.app.tap("#to-profile")
	p.app.tap("#unfollow")
	p.app.waits("#follow", "")
	p.moves(bankA, true, 700, "消费")
	q := b.phone().authenticated(bankA)
	q.home()
	q.heard = q.last()
	q.moves(bankA, true, 1, "消费")
	q.told("0.01")
	p.follow()
	p.hears("您好，欢迎关注")
	if n := len(p.cards()); n != 2 {
		p.Errorf("%d cards, not 2", n)
	}
}
