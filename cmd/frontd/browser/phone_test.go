package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"wxswitch/cmd/internal/stage"
	wxsim "wxswitch/cmd/wxsim/app"
	"wxswitch/codec"
)

// The passwords that the page beside the phone fills in.
const (
	filledLogin = "Tarim7#Poplar"
	filledPay   = "862519"
)

// TestPhone presses everything that the page has beside the phone: one visitor, who
// does by hand what the steps do.
func TestPhone(t *testing.T) {
	p := own(t, stage.Options{
		Followers: []wxsim.Follower{{Name: "阿依古丽", Person: 0, Following: true}, {Name: "王建国", Person: 4, Following: true}},
	}).phone()
	p.do(chromedp.EmulateViewport(1280, 800))
	for _, part := range []struct {
		name string
		try  func(*phone)
	}{
		{"fills", fills},
		{"fills on other pages", fillsOnOtherPages},
		{"spends", spends},
		{"hops", hopsInOrder},
		{"faults", faults},
		{"limit", limit},
		{"by hand", byHand},
		{"reset", resetsAll},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.try(p.in(t)) }) {
			return // each goes on where the one before has ended
		}
	}
}

// in is the phone for a part of the test.
func (p *phone) in(t *testing.T) *phone {
	q := *p
	q.bed = bed{t, p.bed.home}
	q.app, q.page = screen{&q, false}, screen{&q, true}
	return &q
}

// state is what the simulator says.
func (p *phone) state() (s wxsim.State) {
	p.Helper()
	must(p, json.Unmarshal(p.wechat("GET", "state", ""), &s))
	return s
}

// fillIn presses the n-th button that fills in what is labelled so.
func (p *phone) fillIn(label string, n int) {
	p.Helper()
	at := within[string](p.app, fmt.Sprintf(`(() => {
		const all = [...document.querySelectorAll(".fill:not([hidden])")].filter((b) => b.getAttribute("aria-label").includes(%q));
		all.forEach((b, i) => { b.dataset.at = %q + i; });
		return all.length > %d ? %[2]q + %[3]d : "";
	})()`, label, label, n))
	if at == "" {
		p.Fatalf("there is no button %d that fills in %s", n, label)
	}
	p.app.tap(fmt.Sprintf("[data-at=%q]", at))
}

// hold waits until the page's fields hold what is given, by id.
func (p *phone) hold(fields map[string]string) {
	p.Helper()
	for id, value := range fields {
		p.page.holds("#"+id, value)
	}
}

// reachable fails where a banner lies over the way out.
func (p *phone) reachable() {
	p.Helper()
	if at := look[spot](p.app, "spot", "#browser .bar-side button", ""); at.Why != "" {
		p.Error("the way out of the page:", at.Why)
	}
}

// judged keeps pictures of the page, and has axe-core look at it, in light and dark.
func (p *phone) judged(name string) {
	p.Helper()
	for _, scheme := range []string{"dark", "light"} {
		p.looks(scheme)
		p.keepPicture("phone-" + name + "-" + scheme)
		p.app.axe("the page, "+name, scheme)
	}
}

// fills: 客户认证 and the passwords, all at once and each by its own button.
func fills(p *phone) {
	person := p.state().Person
	identity := map[string]string{"cert_type": person.CertType, "cert_number": person.Cert, "account": person.Accounts[0].Number, "code": ""}
	p.pick("客户认证")
	p.page.at("/h5/authenticate")
	p.app.tap("#fill-all")
	p.hold(identity)
	p.page.enter("#cert_number", "")
	p.page.choose("#cert_type", "")
	p.fillIn(person.CertTypeName, 0)
	seen := map[string]int{}
	for _, a := range slices.Backward(person.Accounts) {
		seen[a.Kind]++
	}
	for _, a := range slices.Backward(person.Accounts) {
		seen[a.Kind]--
		p.fillIn(map[string]string{"card": "借记卡", "passbook": "活期一本通"}[a.Kind], seen[a.Kind])
		p.page.holds("#account", a.Number)
	}
	p.hold(identity)

	p.page.tick("#terms")
	p.page.tick("#notices")
	p.page.tap("[data-code]")
	p.app.waits("#sms [data-sms]", "验证码")
	p.reachable()
	p.judged("sms")
	p.app.tap("#sms .banner-close")
	p.app.lacks("#sms *", "")
	p.page.holds("#code", "")
	p.fillIn("验证码", 0)
	p.page.holds("#code", p.lastCode(bankA))
	p.sends()
	p.page.ends("approved", textAuthenticated)

	p.page.tap("[data-primary]", "登录设置")
	p.page.at("/h5/settings")
	p.fillIn("登录密码", 0)
	p.hold(map[string]string{"login": filledLogin, "login_again": filledLogin, "payment": "", "payment_again": ""})
	p.fillIn("支付密码", 0)
	p.hold(map[string]string{"login": filledLogin, "payment": filledPay, "payment_again": filledPay})
	p.sends()
	p.page.ends("approved", "密码设置成功")
}

// fillsOnOtherPages: what they ask for; of codes, only one that was not used yet.
func fillsOnOtherPages(p *phone) {
	person := p.state().Person
	p.accounts()
	p.page.at("/h5/login")
	p.fillIn("登录密码", 0)
	p.sends()
	p.page.at("/h5/accounts")
	p.later(time.Minute)
	p.page.tap("[data-nav=edit]")
	p.page.tap("[data-nav=add]")
	p.page.at("/h5/accounts/add")
	p.app.tap("#fill-all")
	p.hold(map[string]string{"account": person.Accounts[1].Number, "payment": filledPay, "code": ""})
	p.page.enter("#account", p.Account(bankB))
	p.page.tap("[data-code]")
	p.app.waits("#sms [data-sms]", "验证码")
	p.page.quiet()
	p.page.enter("#code", p.lastCode(bankB)) // by the keyboard: the banner has done its duty
	p.app.lacks("#sms *", "")
	p.page.enter("#code", "")
	p.app.tap("#fill-all")
	p.hold(map[string]string{"account": person.Accounts[1].Number, "payment": filledPay, "code": p.lastCode(bankB)})
	p.goes("/h5/accounts")
	p.page.at("/h5/accounts")

	p.locate("友好商圈")
	p.hears("【1】网点预约、【2】特惠商户")
	p.say("1")
	p.hears("友好路支行")
	p.open("友好路支行")
	p.page.tap("[data-nav=visit]")
	p.page.waits("#phone", "")
	p.fillIn("手机号", 0)
	p.page.holds("#phone", person.Phone)
}

// spends: ¥32.50 at the bank; the card comes, and over an open page a banner of it.
func spends(p *phone) {
	p.heard = p.last()
	p.app.tap("#spend")
	p.told("32.50", "支出")
	p.app.waits("#told .banner", "32.50")
	p.reachable()
	p.judged("told")
	p.app.waits("#browser", "")
	p.app.waits("#spend:enabled", "")
	p.app.tap("#spend")
	p.told("32.50")
	p.app.tap("#told .banner-open")
	p.app.lacks("#browser", "")
	p.app.waits(fmt.Sprintf("#talk [data-id=\"%d\"]", p.heard), "32.50")
	p.app.waits(`[data-step=movement].done`, "")
}

// way is a hop as it is listed.
type way struct{ Leg, Arrow, Title string }

// ways are the hops that are listed, but for the first n, the oldest first.
func (p *phone) ways(n int) []way {
	p.Helper()
	return within[[]way](p.app, fmt.Sprintf(`[...document.querySelectorAll("#hops li")].reverse().slice(%d).map((h) => ({
		leg: h.dataset.leg, arrow: h.querySelector(".hop-way").textContent.match(/[←→]/)[0], title: h.querySelector(".hop-title").textContent,
	}))`, n))
}

// rests waits until no message is on its way in the picture.
func (p *phone) rests() {
	p.Helper()
	p.app.lacks(".lane.lit, .node.lit", "")
}

// hopsInOrder: a page that asks the bank. Its hops light as they pass, and are listed
// in order: each answer to the last question that had none.
func hopsInOrder(p *phone) {
	p.accounts()
	p.page.at("/h5/accounts")
	p.page.waits("[data-shown] [data-balance=approved]", "")
	p.rests()
	n := len(p.ways(0))
	p.page.tap("[data-nav=details]")
	for _, leg := range []string{wxsim.WeChatFront, wxsim.FrontSwitch, wxsim.SwitchBank} {
		p.app.waits(".lane.lit.leg-"+leg, "")
	}
	p.app.waits(".node.lit", "")
	p.page.waits("#movements, .empty", "")
	p.rests()
	all := p.ways(n)
	var asked, deepest []string
	for _, w := range all {
		switch last := len(asked) - 1; {
		case w.Arrow == "→":
			if asked = append(asked, w.Leg); len(asked) > len(deepest) {
				deepest = slices.Clone(asked)
			}
		case last >= 0 && asked[last] == w.Leg:
			asked = asked[:last]
		default:
			p.Errorf("%s is answered out of turn: %v", w.Leg, all)
		}
	}
	if want := []string{wxsim.WeChatFront, wxsim.FrontSwitch, wxsim.SwitchBank}; len(asked) > 0 || !slices.Equal(deepest, want) {
		p.Errorf("hops: %v", all)
	}
	for _, title := range within[[]string](p.app, `[...document.querySelectorAll(".hop-title")].filter((n) => n.nextSibling && n.scrollWidth > n.clientWidth && n.nextSibling.clientWidth > 0).map((n) => n.textContent)`) {
		p.Errorf("the hop %q is cut, though what stands after it could be", title)
	}
	p.app.tap(".leg-switch.leg-" + wxsim.SwitchBank)
	p.app.lacks(".hop[data-leg="+wxsim.SwitchBank+"]", "")
	p.app.waits(".hop[data-leg="+wxsim.FrontSwitch+"]", "")
	p.app.tap(".leg-switch.leg-" + wxsim.SwitchBank)
	p.app.waits(".hop[data-leg="+wxsim.SwitchBank+"]", "")
}

// fault is what a switch stands for: what the platform says, or the bank itself.
func (p *phone) faultOf(key string) string {
	f := p.state().Faults
	switch bank := p.Sims[key]; {
	case key == "front":
		return f.Front
	case key == "wechat":
		return fmt.Sprint(f.Code)
	case bank != nil && f.Bank[key] != "down":
		if all := bank.Faults(); len(all) > 0 {
			return string(all[0].Kind)
		}
		return "ok"
	default:
		return f.Bank[key]
	}
}

// turned waits until a switch is drawn as it is, and is where what it stands for is.
func (p *phone) turned(key, value string) {
	p.Helper()
	p.until(func() string {
		drawn := within[bool](p.app, fmt.Sprintf(`document.querySelector('[data-fault=%q] option[value=%q]').hasAttribute("selected")`, key, value))
		if is := p.faultOf(key); is != value || !drawn {
			return fmt.Sprintf("%s is %s, not %s; drawn: %t", key, is, value, drawn)
		}
		return ""
	})
}

// faults turns every switch through all it has, by the arrow keys, which stay where
// they are while the page draws it anew; then all are cleared at once.
func faults(p *phone) {
	for _, key := range []string{"front", "wechat", bankA, bankB} {
		values := within[[]string](p.app, fmt.Sprintf(`[...document.querySelector('[data-fault=%q]').options].map((o) => o.value)`, key))
		p.app.waits(fmt.Sprintf("[data-fault=%q]", key), "")
		look[bool](p.app, "focus", fmt.Sprintf("[data-fault=%q]", key))
		for _, value := range values[1:] {
			p.do(chromedp.KeyEvent(kb.ArrowDown))
			if value == "expire" { // an act, tried below
				value = p.faultOf(key)
			}
			p.turned(key, value)
		}
		if key != bankB {
			p.do(chromedp.KeyEvent(kb.Home))
			p.turned(key, values[0])
		}
	}
	ticks := func() [4]bool { f := p.state().Faults; return [4]bool{f.Quota, f.Blocked, f.Undelivered, f.Snapshot} }
	want := [4]bool{}
	for i, key := range []string{"quota", "blocked", "undelivered", "snapshot"} {
		p.app.tap(fmt.Sprintf("[data-fault=%q]", key))
		want[i] = true
		p.until(func() string {
			if got := ticks(); got != want {
				return fmt.Sprintf("after %s: %v, not %v", key, got, want)
			}
			return ""
		})
	}
	p.app.tap("#mend")
	p.turned(bankB, "ok")
	p.turned("front", "ok")
	p.app.lacks("#mend", "")
	if got := ticks(); got != [4]bool{} {
		p.Errorf("cleared: %v", got)
	}
	p.up(bankB)
	p.heard = p.last()
	n := len(p.ways(0))
	p.app.tap("#spend") // the tokens have expired: another is asked for, and the card comes
	p.told("32.50")
	p.rests()
	if all := fmt.Sprint(p.ways(n)); !strings.Contains(all, "errcode 42001") {
		p.Errorf("no token had expired: %s", all)
	}
}

// limit: 45009 holds everything back until tomorrow, cleared or not. The page says so,
// and so does a step that waits in vain.
func limit(p *phone) {
	p.later(49 * time.Hour) // no text may come in the card's place
	p.heard = p.last()
	p.app.waits(".fault-note", "45009")
	p.wechat("POST", "faults", `{"errcode":45009,"errcode_count":1}`)
	p.app.tap("#spend")
	p.app.waits(".fault-note.limited", "微信今天答过 45009")
	p.judged("limited")
	p.app.tap("[data-step=movement] .do-it")
	p.app.waits("[data-step=movement].odd .step-note", "微信今天答过 45009")
	p.later(24 * time.Hour)
	p.told("32.50")
	p.told("32.50")
	p.wechat("POST", "faults", `{}`) // has the state fetched
	p.app.lacks(".fault-note.limited", "")
}

// byHand: the sixth step is armed, and done by its visitor on a narrow page. Both waits
// can be seen on the phone; the late end comes over the page that is open.
func byHand(p *phone) {
	p.do(chromedp.EmulateViewport(width, height, chromedp.EmulateMobile, chromedp.EmulatePortrait))
	p.app.tap("[data-step=deregister] .text-button")
	p.until(func() string {
		if all := p.World.Sims[bankA].Faults(); len(all) != 1 || all[0].Type != codec.Deregister || all[0].Count != 1 {
			return fmt.Sprintf("armed: %+v", all)
		}
		return ""
	})
	p.app.waits("#toast", "好了")
	if within[bool](p.app, `(() => {
		const toast = document.getElementById("toast");
		toast.scrollIntoView({ block: "center", behavior: "instant" });
		const r = toast.getBoundingClientRect();
		return document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2) === toast;
	})()`) {
		p.Error("a toast takes the taps on what lies under it")
	}
	p.deregister()
	p.bars("至多 5 秒")
	p.page.ends("timed-out", "注销超时，请与开户行联系！")
	p.bars("开户行迟到的答复")
	p.moves(bankA, true, 100, "消费") // which is not what is waited for
	p.told("1.00")
	p.bars("开户行迟到的答复")
	p.keepPicture("phone-in-doubt")
	p.app.waits("#told .banner", "您的客户注销已办理成功")
	p.app.lacks("#phone-wait *, #waiting *", "")
	p.app.waits("[data-step=deregister].done", "")
	p.app.tap("#told .banner-open")
	p.app.lacks("#browser", "")
	p.app.waits("#talk .theirs", "您的客户注销已办理成功")
}

// bars waits until both bars fill, that on the phone before the visitor's eyes.
func (p *phone) bars(text string) {
	p.Helper()
	p.app.waits("#waiting", text)
	p.app.waits("#phone-wait", text)
	p.until(func() string {
		for _, place := range []string{"waiting", "phone-wait"} {
			bar := within[struct{ Part, Wide, High, Top, Bottom float64 }](p.app, fmt.Sprintf(`(() => {
				const fill = document.querySelector("#%s .wait-fill"), box = fill?.getBoundingClientRect();
				return fill && fill.checkVisibility() ? {part: Number(fill.style.getPropertyValue("--part")), wide: box.width, high: box.height, top: box.top, bottom: innerHeight - box.bottom} : {};
			})()`, place))
			if bar.Part == 0 || bar.Wide < 1 || bar.High < 3 || place == "phone-wait" && (bar.Top < 0 || bar.Bottom < 0) {
				return fmt.Sprintf("the bar in #%s: %+v", place, bar)
			}
		}
		return ""
	})
}

// reloads waits until what do does has had the page loaded anew.
func (p *phone) reloads(do func()) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	loaded := chromedp.Events(ctx, page.LoadEventFired)
	p.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, page.Enable, page.EnableParams{})
		return chromedp.Void{}, err
	})
	do()
	for _, err := range loaded {
		must(p, err)
		return
	}
	p.Fatal("the page is as it was")
}

// resetsAll: another person with another openid, an empty chat, nothing ticked.
func resetsAll(p *phone) {
	p.do(chromedp.EmulateViewport(1280, 800))
	p.wechat("POST", "faults", `{"front":"slow","bank":{"`+bankB+`":"delay"}}`)
	before := p.state()
	p.reloads(func() { p.app.tap("#reset") })
	p.until(func() string {
		s := p.state()
		if s.Followers[0].OpenID == before.Followers[0].OpenID || s.Person.Cert == before.Person.Cert || s.Faults.Front != "ok" || len(p.World.Sims[bankB].Faults()) > 0 {
			return fmt.Sprintf("%+v, %+v", s.Person, s.Faults)
		}
		return ""
	})
	p.app.waits("#person", p.state().Person.Cert)
	p.app.waits("#talk .theirs", "欢迎关注")
	p.app.lacks("#talk .card, #talk .mine, .step.done", "")
	p.app.waits("#all:enabled", "")
	p.pick("客户认证")
	p.page.at("/h5/authenticate")
	p.app.tap("#fill-all")
	p.page.holds("#cert_number", p.state().Person.Cert)
}
