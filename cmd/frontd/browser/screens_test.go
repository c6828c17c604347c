package browser

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"wxswitch/banks/sim"
	frontd "wxswitch/cmd/frontd/app"
	"wxswitch/cmd/internal/stage"
	"wxswitch/codec"
)

// tour leads through every page in its main states.
type tour struct {
	bed
	seen  map[string]bool // templates
	names map[string]bool
}

// TestPages: every template, in its main states, breaks no rule of axe-core in
// light and dark, and is no wider than a 360 px phone, also where its owner has
// large letters. With SCREENS the pictures are kept.
func TestPages(t *testing.T) {
	b := house(t)
	all := &tour{b, map[string]bool{}, map[string]bool{}}
	for _, part := range []struct {
		name string
		walk func(*tour)
	}{
		{"identity", (*tour).identity},
		{"accounts", (*tour).accounts},
		{"passwords", (*tour).passwords},
		{"ends", (*tour).theEnds},
		{"places", (*tour).places},
		{"notices", (*tour).notices},
		{"doubt", (*tour).doubt},
	} {
		t.Run(part.name, func(t *testing.T) {
			all.bed = bed{t, b.home}
			part.walk(all)
		})
	}
	files, err := os.ReadDir("../internal/h5/templates")
	must(t, err)
	for _, f := range files {
		if name := strings.TrimSuffix(f.Name(), ".html"); name != "layout" && name != "parts" && !all.seen[name] {
			t.Errorf("the tour does not come to %s", f.Name())
		}
	}
}

// more are the pages of which other pictures are kept too.
var more = map[string][]string{
	"authenticate-code": {"dark", "large", "desktop"},
	"accounts-two":      {"dark", "large", "desktop"},
	"settings":          {"dark", "large"},
	"settings-wrong":    {"dark", "large"},
	"details":           {"dark", "large", "desktop"},
	"result-timed-out":  {"dark", "large", "desktop"},
	"login-wrong":       {"dark", "large"},
	"branches":          {"dark", "large"},
	"visit":             {"dark", "large"},
	"security":          {"dark", "desktop"},
	"authenticate-busy": {"dark"},

	"authenticate-terms": {"dark", "large", "desktop"},
	"details-down":       {"dark"},
}

// at looks at the page that is open, whose name begins with its template's.
func (o *tour) at(p *phone, name string) {
	o.Helper()
	template, _, _ := strings.Cut(name, "-")
	o.seen[template] = true
	if o.names[name] {
		o.Fatalf("two stops of the tour are called %s", name)
	}
	o.names[name] = true
	o.fills(p, width)
	defer o.leaves(p)
	p.keepPicture("page-" + name)
	o.fits(p, name)
	p.page.axe(name, "light")
	within[bool](p.page, `document.documentElement.style.fontSize = "150%", true`)
	o.fills(p, width)
	o.fits(p, name+", large letters")
	for _, picture := range more[name] {
		if picture == "large" {
			p.keepPicture("page-" + name + "-large")
		}
	}
	within[bool](p.page, `document.documentElement.removeAttribute("style"), true`)
	p.looks("dark")
	defer p.looks("light")
	o.fills(p, width)
	p.page.axe(name, "dark")
	for _, picture := range more[name] {
		if picture == "dark" {
			p.keepPicture("page-" + name + "-dark")
		}
	}
	for _, picture := range more[name] {
		if picture == "desktop" {
			p.looks("light")
			o.fills(p, 1280)
			p.keepPicture("page-" + name + "-desktop")
			o.fits(p, name+", desktop")
		}
	}
}

// fills shows the page alone, whole.
func (o *tour) fills(p *phone, wide int64) {
	o.Helper()
	high := int64(height)
	if wide != width {
		high = 800
	}
	p.do(chromedp.EmulateViewport(wide, high))
	if whole := look[int64](p.page, "alone", true); whole > high && wide == width {
		p.do(chromedp.EmulateViewport(wide, whole))
	}
}

func (o *tour) leaves(p *phone) {
	o.Helper()
	look[int64](p.page, "alone", false)
	p.do(chromedp.EmulateViewport(width, height, chromedp.EmulateMobile, chromedp.EmulatePortrait))
}

// fits fails where something is wider than the window, or hidden for being so.
func (o *tour) fits(p *phone, name string) {
	o.Helper()
	for _, what := range within[[]string](p.page, `(() => {
		const wide = document.documentElement.clientWidth, out = [];
		if (document.documentElement.scrollWidth > wide) out.push("the page: " + document.documentElement.scrollWidth + " px");
		for (const e of document.querySelectorAll("body *")) {
			const r = e.getBoundingClientRect();
			if (!r.width || !e.checkVisibility() || e.closest(".visually-hidden, svg, .spin, option")) continue;
			if (r.right > wide + 1 || r.left < -1) out.push(e.outerHTML.slice(0, 90) + ": " + Math.round(r.left) + " to " + Math.round(r.right) + " px");
			else if (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== "visible" && !e.matches("input, select")) out.push(e.outerHTML.slice(0, 90) + ": is cut");
		}
		return out;
	})()`) {
		o.Errorf("%s: %s", name, what)
	}
}

func (o *tour) identity() {
	p := o.phone()
	p.pick("客户认证")
	p.page.at("/h5/authenticate")
	o.at(p, "authenticate")
	p.sends()
	p.page.alerts("请选择证件类型")
	o.at(p, "authenticate-wrong")
	p.page.enter("#account", sharedBook+"0000000000017")
	p.page.tap("[data-code]")
	p.page.alerts("请选择该账号的开户行")
	o.at(p, "authenticate-bank")
	p.form(bankA)
	p.code()
	o.at(p, "authenticate-code")
	within[bool](p.page, `document.getElementById("busy-text").textContent = "处理中…", document.getElementById("busy").hidden = false, true`)
	o.at(p, "authenticate-busy")
	p.goes("/h5/authenticate")
	p.page.at("/h5/authenticate")
	p.page.tap("a[href='/h5/terms']")
	p.page.waits("dialog[open]", "服务协议与隐私政策")
	o.at(p, "authenticate-terms")
	p.goes("/h5/terms")
	p.page.at("/h5/terms")
	o.at(p, "terms")
	p.goes("/h5/security")
	p.page.at("/h5/security")
	o.at(p, "security")
	p.later(time.Minute)
	p.authenticated(bankA)
	o.at(p, "result")
	p.pick("客户认证")
	p.page.sees("已认证")
	o.at(p, "standing")
}

func (o *tour) accounts() {
	p := o.phone().authenticated(bankA).settled(theirLogin, "").loggedIn(theirLogin)
	p.page.waits("[data-shown] [data-balance=approved]", "")
	o.at(p, "accounts")
	p.goes("/h5/accounts/add")
	p.page.waits("[data-nav=settings]", "")
	o.at(p, "add-no-password")
	p.page.tap("[data-nav=settings]")
	p.page.at("/h5/settings")
	p.sets("", theirPay)
	p.page.tap("[data-primary]", "继续")
	p.page.at("/h5/accounts/add")
	o.at(p, "add")
	p.accounts()
	p.linked(bankB)
	p.page.waits(".line [data-balance=approved]", "")
	o.at(p, "accounts-two")
	p.goes(look[string](p.page, "attribute", "[data-nav=details]", "href"))
	p.page.waits("#movements, .empty", "")
	o.at(p, "details-today")
	p.page.tap(".tabs a", "自定义")
	p.page.waits("#from", "")
	o.at(p, "details-range")
	o.days(p, 29, 0)
	p.page.waits("#movements", "")
	o.at(p, "details")
	o.days(p, 0, 3)
	p.page.alerts("起始日期不能晚于截止日期")
	o.at(p, "details-wrong")
	_, err := p.World.Sims[bankA].SetFault(sim.Fault{Kind: sim.Decline, Code: "91", Type: codec.Details, Account: p.At(bankA).Accounts[0].Number, Count: 1})
	must(o, err)
	p.page.tap(".tabs a", "本日")
	p.page.waits("[data-again]", "重试")
	o.at(p, "details-down")
	p.goes("/h5/accounts/edit")
	p.page.at("/h5/accounts/edit")
	o.at(p, "edit")
	p.page.tap("[data-nav=remove]")
	p.page.waits("[data-primary]", "确认")
	o.at(p, "remove")
	_, err = p.World.Sims[bankB].SetFault(sim.Fault{Kind: sim.Decline, Code: "05", Type: codec.Balance, Account: p.At(bankB).Accounts[0].Number, Count: 2})
	must(o, err)
	p.accounts()
	p.page.waits(".line [data-balance=declined]", "")
	o.at(p, "accounts-declined")
	p.goes(look[string](p.page, "attribute", ".line-balance[data-part]", "data-part"))
	p.page.sees("账户余额")
	o.at(p, "balance")
}

// days asks for the movements from and until so many days ago.
func (o *tour) days(p *phone, from, to int) {
	o.Helper()
	today := time.Now().Add(time.Duration(p.ahead.Load())).In(codec.Shanghai)
	p.page.date("#from", today.AddDate(0, 0, -from).Format(time.DateOnly))
	p.page.date("#to", today.AddDate(0, 0, -to).Format(time.DateOnly))
	p.sends()
}

func (o *tour) passwords() {
	p := o.phone().authenticated(bankA)
	p.page.tap("[data-primary]", "登录设置")
	p.page.at("/h5/settings")
	o.at(p, "settings")
	p.sets("aaaaaaa1", "")
	p.page.alerts("微信登录密码过于简单，请重新设置")
	o.at(p, "settings-wrong")
	p.sets(theirLogin, theirPay)
	p.page.ends("approved", "密码设置成功")
	o.at(p, "result-settings")
	p.accounts()
	p.page.at("/h5/login")
	o.at(p, "login")
	p.page.enter("#password", "wrong-1234")
	p.sends()
	p.page.alerts("微信登录密码有误，请重新输入")
	o.at(p, "login-wrong")
	p.goes("/h5/security/reset/login")
	p.page.at("/h5/security/reset/login")
	o.at(p, "reset-login")
	p.goes("/h5/security/reset/payment")
	p.page.sees("微信支付密码重置")
	o.at(p, "reset")
	p.later(11 * time.Minute)
	p.goes("/h5/settings")
	p.page.sees("修改密码须输入原密码")
	o.at(p, "settings-old")
	q := o.phone().authenticated(bankB)
	q.later(11 * time.Minute)
	q.goes("/h5/settings")
	q.page.sees("设置时间已过")
	o.at(q, "settings-late")
}

func (o *tour) theEnds() {
	p := o.phone().authenticated(bankA)
	p.goes("/h5/deregister")
	p.page.at("/h5/deregister")
	o.at(p, "deregister")
	p.fault(bankA, sim.Fault{Kind: sim.Decline, Code: "05", Type: codec.Deregister})
	p.sends()
	p.page.ends("declined", "注销失败，请与开户行联系。")
	o.at(p, "result-declined")
	end := p.inDoubt(bankA)
	o.at(p, "result-timed-out")
	p.goes("/h5/deregister")
	p.page.sees("上一次注销尚未得到开户行答复")
	o.at(p, "deregister-in-doubt")
	p.goes("/h5/authenticate")
	p.page.sees("注销处理中")
	o.at(p, "standing-in-doubt")
	end()
	p.unregisters(bankA)
}

// inDoubt asks for a deregistration that the bank neither does nor answers, until
// end is called.
func (p *phone) inDoubt(bank string) (end func()) {
	p.Helper()
	var ids []int
	for _, kind := range []codec.Type{codec.Deregister, codec.Completion} {
		id, err := p.World.Sims[bank].SetFault(sim.Fault{Kind: sim.Silence, Type: kind, Account: p.At(bank).Accounts[0].Number})
		must(p, err)
		ids = append(ids, id)
	}
	p.deregister()
	p.page.ends("timed-out", "注销超时，请与开户行联系！")
	return func() {
		for _, id := range ids {
			p.World.Sims[bank].ClearFault(id)
		}
	}
}

func (o *tour) places() {
	p := o.phone()
	p.pick("客户认证")
	p.page.at("/h5/authenticate")
	p.goes("/h5/branches")
	p.page.sees("请先发送您的位置")
	o.at(p, "notice-no-place")
	p.locate("友好商圈")
	p.hears("【1】网点预约、【2】特惠商户")
	p.say("1")
	p.hears("友好路支行")
	p.open("查看更多网点")
	p.page.at("/h5/branches")
	o.at(p, "branches")
	p.page.tap("[data-nav=branch]", "友好路支行")
	p.page.waits("[data-nav=visit]", "")
	o.at(p, "branch")
	p.page.tap("[data-nav=visit]")
	p.page.waits("#phone", "")
	o.at(p, "visit")
	p.page.tap("label.cell-radio", "个人业务")
	p.page.enter("#phone", "12")
	p.sends()
	p.page.alerts("请输入11位手机号码")
	o.at(p, "visit-wrong")
	p.page.enter("#phone", p.At(bankA).Phone.Reveal())
	p.sends()
	p.page.ends("approved", "")
	o.at(p, "result-visit")
	p.goes("/h5/merchants")
	p.page.at("/h5/merchants")
	o.at(p, "merchants")
}

// doubt is where the switch's answer to a form never came to the front.
func (o *tour) doubt() {
	p := own(o, stage.Options{TuneFront: func(c *frontd.Config) {
		to, err := url.Parse(c.Switch.URL)
		must(o, err)
		on := httputil.NewSingleHostReverseProxy(to)
		between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/visits") {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			on.ServeHTTP(w, r)
		}))
		o.Cleanup(between.Close)
		c.Switch.URL = between.URL
	}}).phone()
	p.pick("客户认证")
	p.page.at("/h5/authenticate")
	p.goes("/h5/branches/urmqccb-1/visit")
	p.page.tap("label.cell-radio", "个人业务")
	p.page.enter("#phone", p.At(bankA).Phone.Reveal())
	p.sends()
	p.page.alerts("未收到处理结果。请再点一次按钮查询，不会重复办理")
	o.at(p, "unheard")
}

func (o *tour) notices() {
	p := o.phone()
	p.form(bankA)
	p.forgets("")
	p.sends()
	p.page.sees("刚才填写的内容未提交")
	o.at(p, "notice-over")
	p.goes("/h5/deregister")
	p.page.sees("您尚未认证，无需注销")
	o.at(p, "notice-nothing")
	p.goes("/h5/nothing")
	p.page.sees("页面不存在")
	o.at(p, "notice-missing")
	p.goes(path.Join("/h5/result", strings.Repeat("0", 32)))
	p.page.sees("页面已过期")
	o.at(p, "notice-stale")
}
