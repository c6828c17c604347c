package browser

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"wxswitch/banks/sim"
	frontd "wxswitch/cmd/frontd/app"
	"wxswitch/cmd/internal/stage"
	"wxswitch/codec"
)

// What users do and networks do that no form expects, each with its exact end.

const (
	textOffline      = "网络连接已断开，请检查网络后再点一次按钮，不会重复办理"
	textBankBusy     = "开户行系统暂时无法受理，请稍后再试"
	textDeregistered = "交易成功"
	textInDoubt      = "您的注销申请正在处理中，暂不能办理此业务"
	textSettling     = "您有一笔业务正在处理中，请稍后再试"
)

// asked is how many messages of the type came to the bank.
func (p *phone) asked(bank string, t codec.Type) (n int) {
	p.Helper()
	rows, err := p.World.Sims[bank].Ledger(p.Context())
	must(p, err)
	for _, r := range rows {
		if r.Type == t {
			n++
		}
	}
	return n
}

// asks runs do, and fails unless the bank was asked so many times meanwhile.
func (p *phone) asks(bank string, t codec.Type, times int, do func()) {
	p.Helper()
	before := p.asked(bank, t)
	do()
	if n := p.asked(bank, t) - before; n != times {
		p.Errorf("%s was asked to %s %d times, not %d", bank, t, n, times)
	}
}

// slow has the bank take its time for one message.
func (p *phone) slow(bank string, t codec.Type) {
	p.Helper()
	p.fault(bank, sim.Fault{Kind: sim.Delay, Type: t, Delay: 1200 * time.Millisecond})
}

// tab opens the follower's phone in another tab.
func (p *phone) tab() *phone { p.Helper(); return p.phoneOf(p.number) }

// tabAt opens a page in another tab.
func (p *phone) tabAt(path string) *phone {
	p.Helper()
	q := p.tab()
	q.pick("客户认证")
	q.page.at("/h5/authenticate")
	q.goes(path)
	q.page.at(path)
	return q
}

func TestBackAfterADeregistration(t *testing.T) {
	p := house(t).phone().authenticated(bankA)
	p.asks(bankA, codec.Deregister, 1, func() {
		p.deregister()
		p.page.ends("approved", textDeregistered)
		p.back()
		p.page.at("/h5/deregister")
		p.page.sees("您尚未认证，无需注销")
		p.page.lacks("[data-primary]", "确认")
	})
}

// What is waited for at a bank is drawn over the page that waits: it goes when the
// page says something else than an end, and when the page is closed.
func TestABarGoesWithItsPage(t *testing.T) {
	p := house(t).phone().authenticated(bankA)
	gone := func(when string) {
		if look[bool](p.app, "has", "#phone-wait *, #waiting *", "") {
			t.Error("a bar stays " + when)
		}
	}
	p.goes("/h5/deregister")
	p.page.at("/h5/deregister")
	p.forgets("")
	p.sends()
	p.page.sees("刚才填写的内容未提交")
	time.Sleep(700 * time.Millisecond) // a bank that answers at once needs none
	gone("over a page that says something else")
	p.slow(bankA, codec.Deregister)
	p.deregister()
	p.app.waits("#phone-wait", "至多 5 秒")
	p.home()
	gone("when its page is closed")
}

// The terms are read without leaving the form: whatever closes them, all that was
// typed is there still.
func TestTheTermsAreReadOverTheForm(t *testing.T) {
	p := house(t).phone()
	p.form(bankA)
	p.page.tick("#notices")
	p.code()
	typed, at := within[string](p.page, typedThere), within[int](p.page, `navigation.currentEntry.index`)
	for how, closes := range map[string]func(){
		"its button": func() { p.page.tap("dialog button", "关闭") }, "the phone's way back": p.back, "a key": func() { p.do(chromedp.KeyEvent(kb.Escape)) },
	} {
		p.page.tap("a[href='/h5/terms']", "《服务协议与隐私政策》")
		p.page.waits("dialog[open]", "版本 2026-11")
		closes()
		p.page.lacks("dialog[open]", "")
		if now := within[string](p.page, typedThere); now != typed {
			t.Errorf("after %s: %s, not %s", how, now, typed)
		}
		p.until(func() string {
			return within[string](p.page, `navigation.currentEntry.index === `+fmt.Sprint(at)+` ? "" : "the way back is another"`)
		})
	}
	p.forgives("ERR_INTERNET_DISCONNECTED")
	p.offline(true)
	p.page.tap("a[href='/h5/terms']")
	p.page.alerts("网络连接已断开")
	p.offline(false)
	p.page.at("/h5/authenticate")
	p.sends()
	p.page.ends("approved", textAuthenticated)
}

// typedThere is what the form's fields hold, and where the page is.
const typedThere = `location.href + " " + JSON.stringify([...document.querySelectorAll("#main form[data-form] :is(select, input)")].map((i) => i.name + "=" + (i.type === "checkbox" ? i.checked : i.value)))`

// Enter sends the form, and asks for no other code: whether one may be asked for or
// not yet.
func TestEnterSendsTheForm(t *testing.T) {
	for _, again := range []bool{false, true} {
		p := house(t).phone()
		p.form(bankA)
		code := p.code()
		if again {
			p.later(time.Minute)
			p.form(bankA)
			p.page.enter("#code", code)
			p.page.waits("[data-code]:not([disabled])", "获取验证码")
		} else {
			p.page.waits("[data-code][disabled]", "秒后")
			p.page.tap("#code")
		}
		p.asks(bankA, codec.SMSCode, 0, func() {
			p.asks(bankA, codec.Authenticate, 1, func() {
				p.do(chromedp.KeyEvent(kb.Enter))
				p.page.ends("approved", textAuthenticated)
			})
		})
	}
}

// The form that one comes back to goes on counting; the code is still good. Where
// the browser has kept the page as it was, it is asked for again: its key may be
// used.
func TestBackAfterACodeWasAsked(t *testing.T) {
	p := house(t).phone()
	p.asks(bankA, codec.SMSCode, 1, func() {
		p.form(bankA)
		code := p.code()
		p.goes("/h5/terms")
		p.page.at("/h5/terms")
		p.back()
		p.page.at("/h5/authenticate")
		p.page.waits("[data-code][disabled]", "秒后重")
		// Frames are never kept, so that this one is told so.
		p.page.enter("#cert_number", "1")
		within[bool](p.page, `window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))`)
		p.page.holds("#cert_number", "")
		p.page.at("/h5/authenticate")
		p.identity(bankA)
		if look[string](p.page, "value", "#terms") != "true" {
			p.page.tick("#terms")
		}
		p.page.enter("#code", code)
		p.sends()
		p.page.ends("approved", textAuthenticated)
	})
}

// A slow bank: the page says that it is busy, and takes no second tap.
func TestTwoQuickTaps(t *testing.T) {
	p := house(t).phone()
	p.form(bankA)
	p.code()
	p.slow(bankA, codec.Authenticate)
	p.asks(bankA, codec.Authenticate, 1, func() {
		p.page.twice("[data-primary]")
		p.page.waits("#busy", "处理中…")
		if why := look[spot](p.page, "spot", "[data-primary]", "").Why; why == "" {
			p.Error("a button can be tapped while the page is busy")
		}
		p.page.ends("approved", textAuthenticated)
	})
	p.asks(bankA, codec.Deregister, 1, func() {
		p.goes("/h5/deregister")
		p.page.at("/h5/deregister")
		p.page.twice("[data-primary]")
		p.page.ends("approved", textDeregistered)
	})
}

// While the page of the end is on its way, the form that led there takes no tap: it
// is another session's already.
func TestATapWhileTheEndComes(t *testing.T) {
	p := house(t).phone()
	p.form(bankA)
	p.code()
	p.stops("*/h5/result/*", func() {
		p.sends()
		p.until(func() string {
			return within[string](p.page, `performance.getEntriesByType("resource").some((e) => e.name.endsWith("/h5/authenticate") && e.initiatorType === "fetch") ? "" : "not answered"`)
		})
		time.Sleep(100 * time.Millisecond) // of the page's own
		if why := look[spot](p.page, "spot", "[data-primary]", "").Why; why == "" {
			p.Error("the form can be sent again")
		}
	}, func(ctx context.Context, t *chromedp.Target, e fetch.EventRequestPaused) error {
		_, err := cdp.Call(ctx, t, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: e.RequestID})
		return err
	})
	p.page.ends("approved", textAuthenticated)
}

// The same form in two tabs, as of a tab that was duplicated: both get the one answer.
func TestTheSameFormInTwoTabs(t *testing.T) {
	p := house(t).phone().authenticated(bankA)
	p.goes("/h5/deregister")
	p.page.at("/h5/deregister")
	q := p.tabAt("/h5/deregister")
	key := within[string](p.page, `document.querySelector("[name=key]").value`)
	within[string](q.page, `document.querySelector("[name=key]").value = "`+key+`"`)
	p.slow(bankA, codec.Deregister)
	p.asks(bankA, codec.Deregister, 1, func() {
		p.sends()
		q.sends()
		p.page.ends("approved", textDeregistered)
		q.page.ends("approved", textDeregistered)
	})
}

// Two forms for the same thing: the second finds it done.
func TestTwoFormsInTwoTabs(t *testing.T) {
	p := house(t).phone().authenticated(bankA)
	p.goes("/h5/deregister")
	p.page.at("/h5/deregister")
	q := p.tabAt("/h5/deregister")
	p.asks(bankA, codec.Deregister, 1, func() {
		p.sends()
		p.page.ends("approved", textDeregistered)
		q.sends()
		q.page.sees("页面已过期")
		q.page.tap("[data-primary]", "重新打开")
		q.page.sees("您尚未认证，无需注销")
	})
}

// What one tab ends is over in the other.
func TestTwoTabsWithDifferentState(t *testing.T) {
	p := house(t).phone().customer()
	q := p.tabAt("/h5/accounts")
	q.page.tap("[data-nav=logout]", "退出登录")
	q.page.sees("已退出登录")
	p.page.tap("[data-nav=details]", "交易明细")
	p.page.at("/h5/login")
	p.page.enter("#password", theirLogin)
	p.sends()
	p.page.sees("交易明细", "尾号"+p.tail(bankA))
	p.goes("/h5/accounts/add")
	p.page.at("/h5/accounts/add")
	p.page.enter("#account", p.Account(bankB))
	p.page.enter("#code", "123456")
	p.page.enter("#payment", theirPay)
	q.deregister()
	q.page.ends("approved", textDeregistered)
	p.asks(bankB, codec.Attach, 0, func() {
		p.sends()
		p.page.sees("页面已过期")
		p.page.tap("[data-primary]", "重新打开")
		p.page.at("/h5/authenticate")
	})
}

// A code is void by a newer one, whichever tab asked for it; and over in five
// minutes.
func TestCodesOfTwoTabs(t *testing.T) {
	p := house(t).phone()
	p.form(bankA)
	old := p.code()
	p.later(time.Minute)
	q := p.tab()
	q.form(bankA)
	fresh := q.code()
	for fresh == old { // by chance
		p.later(time.Minute)
		fresh = q.code()
	}
	p.asks(bankA, codec.Authenticate, 0, func() {
		p.sends()
		p.page.alerts(textWrongCode)
		p.later(5*time.Minute + time.Second)
		p.page.enter("#code", fresh)
		p.sends()
		p.page.alerts(textWrongCode)
	})
	p.form(bankA)
	p.code()
	p.sends()
	p.page.ends("approved", textAuthenticated)
}

// The switch's session is over while a form is open: nothing is done; after the
// login the form is there again.
func TestSessionOverInMidForm(t *testing.T) {
	p := house(t).phone().customer().linked(bankB)
	p.page.tap("[data-nav=edit]")
	p.page.at("/h5/accounts/edit")
	p.page.tap("[data-nav=remove]", "删除")
	p.page.waits("[data-primary]", "确认")
	p.later(15*time.Minute + time.Second)
	p.asks(bankB, codec.Detach, 0, func() {
		p.sends()
		p.page.at("/h5/login")
	})
	p.asks(bankB, codec.Detach, 1, func() {
		p.page.enter("#password", theirLogin)
		p.sends()
		p.page.sees("账户解挂", "尾号"+p.tail(bankB))
		p.page.tap("[data-primary]", "确认")
		p.page.ends("approved", "解挂成功")
	})
}

// The front's cookie is gone while a form is open: it is said that nothing was
// done, and WeChat says again who it is.
func TestCookieGoneInMidForm(t *testing.T) {
	p := house(t).phone()
	p.form(bankA)
	code := p.code()
	p.forgets("")
	p.asks(bankA, codec.Authenticate, 0, func() {
		p.sends()
		p.page.sees("页面已过期", "您离开的时间较长，刚才填写的内容未提交，请重新打开页面")
	})
	p.page.tap("[data-primary]", "重新打开")
	p.page.at("/h5/authenticate")
	p.identity(bankA)
	p.page.tick("#terms")
	p.page.enter("#code", code)
	p.sends()
	p.page.ends("approved", textAuthenticated)
}

// So it is when a code is asked for, with one typed: the page that says so is whole.
func TestCookieGoneWhenACodeIsAskedFor(t *testing.T) {
	p := house(t).phone()
	p.pick("客户认证")
	p.page.at("/h5/authenticate")
	p.identity(bankA)
	p.page.enter("#code", "123456")
	p.forgets("")
	p.page.tap("[data-code]", "获取验证码")
	p.page.sees("页面已过期")
	p.page.waits("[data-close]", "返回公众号")
	p.page.tap("[data-primary]", "重新打开")
	p.page.at("/h5/authenticate")
}

// One bank is down: its line says so, the other's has its balance; 认证 and 注销
// there say it in the features' words.
func TestBankDown(t *testing.T) {
	p := house(t).phone().customer().linked(bankB)
	q := p.phone()
	q.form(bankB)
	code := q.code()
	r := p.phone().authenticated(bankB)
	down := p.Sims[bankB]
	down.Down()
	p.down(bankB)
	p.accounts()
	p.page.waits("[data-shown] [data-balance=approved]", money(p.At(bankA).Accounts[0].Balance))
	p.page.says(".line [data-balance=refused]", textBankBusy)
	s := p.tab()
	s.accounts()
	s.page.tap(".line-name", p.named(bankB))
	s.page.waits("[data-shown]", p.tail(bankB))
	s.page.tap("[data-nav=details]")
	s.page.alerts(textBankBusy)
	q.sends()
	q.page.alerts(textBankBusy)
	r.deregister()
	r.page.ends("refused", "注销失败，请与开户行联系。")
	must(t, down.Up(t.Context()))
	p.up(bankB)
	p.page.tap(".line [data-again-part]", "重试")
	p.page.waits(".line [data-balance=approved]", money(p.At(bankB).Accounts[0].Balance))
	s.page.tap("[data-again]", "重试")
	s.page.waits("#movements, .empty", "")
	q.page.holds("#code", code) // is still good: nothing was asked
	q.sends()
	q.page.ends("approved", textAuthenticated)
	r.page.tap("[data-primary]", "再次注销")
	r.page.at("/h5/deregister")
	r.sends()
	r.page.ends("approved", textDeregistered)
}

// The network is lost before a form is sent, and while its answer is waited for:
// the page says so; the second tap gets the real answer, and the bank was asked once.
func TestNetworkLost(t *testing.T) {
	p := house(t).phone()
	p.forgives("ERR_INTERNET_DISCONNECTED")
	p.form(bankA)
	p.code()
	p.slow(bankA, codec.Authenticate)
	p.asks(bankA, codec.Authenticate, 1, func() {
		p.offline(true)
		p.sends()
		p.page.alerts(textOffline)
		p.offline(false)
		p.loses("*/h5/authenticate", p.sends)
		p.page.alerts(textOffline)
		if !p.registered(bankA) {
			t.Error("the bank was not asked before the answer was lost")
		}
		p.sends()
		p.page.ends("approved", textAuthenticated)
	})
	// What a page asks for beside forms can be asked for again.
	p.settled(theirLogin, "").loggedIn(theirLogin)
	p.page.waits("[data-balance=approved]", "")
	p.offline(true)
	within[bool](p.page, `document.querySelector("[data-part]").insertAdjacentHTML("beforeend", '<a href="" data-again-part>again</a>'), true`)
	p.page.tap("[data-again-part]", "again")
	p.page.waits("[data-part]", "网络连接已断开")
	// Who logs out is told so as well.
	p.page.tap("[data-nav=logout]", "退出登录")
	p.page.alerts(textOffline)
	p.offline(false)
	p.page.tap("[data-again-part]", "重试")
	p.page.waits("[data-balance=approved]", money(p.At(bankA).Accounts[0].Balance))
}

// While no front is there, what stands before it answers: a balance's line says that
// in the page's words, and can be asked for again.
func TestNoFrontForABalance(t *testing.T) {
	p := house(t).phone().customer()
	p.forgives("502")
	p.accounts()
	p.page.waits("[data-balance=approved]", "")
	within[bool](p.page, `document.querySelector("[data-part]").insertAdjacentHTML("beforeend", '<a href="" data-again-part>again</a>'), true`)
	p.misses("*/balance", func() { p.page.tap("[data-again-part]", "again") })
	p.page.waits("[data-part]", "系统繁忙，请稍后再试")
	p.page.lacks("[data-part]", "Gateway")
	p.page.tap("[data-again-part]", "重试")
	p.page.waits("[data-balance=approved]", "")
}

// A deregistration is in doubt: reading goes on, what would change something is
// refused, and the end is told.
func TestSettling(t *testing.T) {
	p := house(t).phone().customer()
	end := p.inDoubt(bankA)
	p.accounts()
	p.page.waits("[data-shown] [data-balance=approved]", money(p.At(bankA).Accounts[0].Balance))
	p.goes("/h5/accounts/add")
	p.page.at("/h5/accounts/add")
	p.later(time.Minute)
	p.page.enter("#account", p.Account(bankB))
	p.page.enter("#code", "123456")
	p.page.enter("#payment", theirPay)
	p.page.tap("[data-code]")
	p.page.alerts(textInDoubt)
	p.asks(bankB, codec.Attach, 0, func() {
		p.sends()
		p.page.alerts(textSettling)
	})
	p.goes("/h5/settings")
	p.page.at("/h5/settings")
	p.sets("kuqa-20261128x", "")
	p.page.alerts(textInDoubt)
	p.goes("/h5/security/reset/payment")
	p.page.at("/h5/security/reset/payment")
	p.page.enter("#account", p.Account(bankA))
	p.asks(bankA, codec.SMSCode, 0, func() {
		p.page.tap("[data-code]")
		p.page.alerts(textInDoubt)
	})
	p.home()
	p.heard = p.last()
	end()
	p.hears("您的客户注销已办理成功，微信银行服务已终止。")
	p.accounts()
	p.page.at("/h5/authenticate")
}

// A page of another origin, in the browser of one who is logged in, changes nothing
// and sees nothing. It is on the front's own host, so that the browser sends the
// cookies along: what stands between is the front alone.
func TestHostilePage(t *testing.T) {
	p := house(t).phone().customer()
	front := p.FrontURL()
	cookies := p.cookies()
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, hostile, front)
	}))
	defer evil.Close()
	x := intruder(t)
	for name, value := range cookies {
		call(x, network.SetCookie, network.SetCookieParams{Name: name[strings.Index(name, ".")+1:], Value: value, URL: front, Path: "/h5/"})
	}
	p.asks(bankA, codec.Deregister, 0, func() {
		must(t, chromedp.Do(x.ctx, chromedp.Navigate(evil.URL)))
		got, err := chromedp.Run(x.ctx, chromedp.Evaluate[string](`attack()`, chromedp.EvalAwaitPromise))
		must(t, err)
		if got != "nothing read, nothing framed" {
			t.Errorf("it got %s", got)
		}
		for _, want := range []string{"/h5/deregister 403", "/h5/logout 403", "/h5/login 403", "/h5/settings 403", "/h5/standing 403"} {
			x.hears(front + want)
		}
		x.hears("frame-ancestors")
	})
	if !p.registered(bankA) {
		t.Error("deregistered by another's page")
	}
	must(t, chromedp.Do(x.ctx, chromedp.Navigate(front+"/h5/accounts"))) // is logged in still, and could be seen
	x.hears(front + "/h5/accounts 200")
	p.goes("/h5/accounts")
	p.page.waits("[data-shown] [data-balance=approved]", "")
}

// hostile posts forms, asks for pages and frames one.
const hostile = `<!DOCTYPE html><title>win a prize</title><body><script>
const front = %q;
const framed = (name) => { const f = document.createElement("iframe"); f.name = name; document.body.append(f); return f; };
const loaded = (f) => new Promise((done) => f.onload = done);
async function attack() {
  let read = "nothing", seen = "nothing";
  for (const path of ["/h5/deregister", "/h5/logout", "/h5/login", "/h5/settings"]) {
    const form = document.createElement("form");
    Object.assign(form, {method: "post", action: front + path, target: path});
    form.append(Object.assign(document.createElement("input"), {name: "key", value: crypto.randomUUID()}));
    document.body.append(form);
    const f = framed(path);
    form.submit();
    await loaded(f);
  }
  try { read = await (await fetch(front + "/h5/accounts", {credentials: "include"})).text(); } catch {}
  try { await fetch(front + "/h5/standing", {method: "POST", mode: "no-cors", credentials: "include"}); } catch {}
  const f = framed("page");
  f.src = front + "/h5/deregister";
  await loaded(f);
  try { seen = f.contentDocument.body.innerText || "nothing"; } catch {}
  return read + " read, " + seen + " framed";
}
</script>`

// Who a browser is comes from the exchange of a code only, as it was sent there.
func TestHostileOAuth(t *testing.T) {
	p := house(t).phone()
	victim := p.phone().authenticated(bankA)
	addresses := p.addresses()
	p.pick("客户认证")
	p.page.at("/h5/authenticate")
	used := ""
	p.until(func() string {
		used = addresses("/h5/oauth?code=")
		return map[bool]string{true: "no code was exchanged"}[used == ""]
	})
	for path, text := range map[string]string{
		used: "未能确认您的微信身份，请重新打开页面",
		"/h5/oauth?code=" + p.consented() + "&state=" + strings.Repeat("0", 32): "请返回公众号，从菜单重新打开", // another browser's state
		"/h5/oauth?code=" + p.consented() + "&openid=" + victim.openID():        "请返回公众号，从菜单重新打开",
	} {
		p.forgets(".front")
		p.goes(path)
		p.page.sees(text)
		if p.has("front") {
			t.Errorf("%s: makes a session", path)
		}
	}
	p.goes("/h5/authenticate?openid=" + victim.openID() + "&subject=" + victim.openID())
	p.page.waits("#cert_type", "") // its own form, not what the other would see
	p.goes("/h5/deregister?openid=" + victim.openID())
	p.page.sees("您尚未认证，无需注销")
}

// gate is between the front and the switch; shut, nobody answers there.
type gate struct {
	address string
	to      http.Handler
	server  *http.Server
}

func newGate(t testing.TB, to string) *gate {
	t.Helper()
	u, err := url.Parse(to)
	must(t, err)
	g := &gate{address: "127.0.0.1:0", to: httputil.NewSingleHostReverseProxy(u)}
	g.open(t)
	t.Cleanup(g.shut)
	return g
}

func (g *gate) open(t testing.TB) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", g.address)
	must(t, err)
	g.address, g.server = l.Addr().String(), &http.Server{Handler: g.to, ReadHeaderTimeout: time.Second}
	go func() { _ = g.server.Serve(l) }()
}

func (g *gate) shut() { _ = g.server.Close() }

// The switch, or the front, is away for a moment while a form is filled in: the page
// says so in its own words and keeps all that was typed, and the next tap does it.
func TestAwayInMidForm(t *testing.T) {
	var g *gate
	b := own(t, stage.Options{TuneFront: func(c *frontd.Config) {
		g = newGate(t, c.Switch.URL)
		c.Switch.URL = "http://" + g.address
	}})
	p := b.phone()
	p.forgives("502")
	p.form(bankA)
	keeps := func(where string, text string, do func()) {
		typed := within[string](p.page, typedThere)
		do()
		p.page.alerts(text)
		if now := within[string](p.page, typedThere); now != typed {
			t.Errorf("%s: %s, not %s", where, now, typed)
		}
		if title := within[string](p.page, `document.title`); title != "客户认证" {
			t.Errorf("%s: the title is %q", where, title)
		}
	}
	g.shut()
	keeps("a code, without the switch", "系统繁忙，请稍后再试", func() { p.page.tap("[data-code]", "获取验证码") })
	g.open(t)
	keeps("a code, without the front", textOffline, func() { p.misses("*/code", func() { p.page.tap("[data-code]", "获取验证码") }) })
	p.code()
	p.asks(bankA, codec.Authenticate, 1, func() {
		g.shut()
		keeps("the form, without the switch", "系统繁忙，请稍后再试", p.sends)
		g.open(t)
		keeps("the form, without the front", textOffline, func() { p.misses("*/h5/authenticate", p.sends) })
		p.sends()
		p.page.ends("approved", textAuthenticated)
	})
	// So it is with passwords, which were sealed.
	p.page.tap("[data-primary]", "登录设置")
	p.page.at("/h5/settings")
	g.shut()
	p.sets(theirLogin, theirPay)
	p.page.alerts("系统繁忙，请稍后再试")
	g.open(t)
	p.sends()
	p.page.ends("approved", "密码设置成功")
}
