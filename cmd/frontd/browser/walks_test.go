package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/world"
	"wxswitch/codec"
)

// The walks that many tests begin with, by the pages themselves.

const (
	textAuthenticated = "认证成功，感谢您的使用"
	textWrongCode     = "您输入的短信验证码有误，请重新输入"

	theirLogin = "kashgar-1847"
	theirPay   = "806175"
)

// identity types the person's certificate, and the account at the bank.
func (p *phone) identity(bank string) {
	p.Helper()
	who := p.At(bank)
	p.page.choose("#cert_type", who.CertType)
	p.page.enter("#cert_number", who.Cert.Reveal())
	p.page.enter("#account", p.Account(bank))
}

// form opens 客户认证 and fills it in, but for the code, and accepts the terms.
func (p *phone) form(bank string) {
	p.Helper()
	p.pick("客户认证")
	p.page.at("/h5/authenticate")
	p.identity(bank)
	p.page.tick("#terms")
}

// sends presses the main button.
func (p *phone) sends() {
	p.Helper()
	p.page.tap("[data-primary]")
}

// authenticated is a customer, by the account at the bank, who wants 动账; it
// ends at the result page.
func (p *phone) authenticated(bank string) *phone {
	p.Helper()
	p.form(bank)
	p.page.tick("#notices")
	p.code()
	p.sends()
	p.page.ends("approved", textAuthenticated)
	return p
}

// settled sets passwords from that result page; the payment password may be left
// out.
func (p *phone) settled(login, pay string) *phone {
	p.Helper()
	p.page.tap("[data-primary]", "登录设置")
	p.page.at("/h5/settings")
	p.sets(login, pay)
	p.page.ends("approved", "密码设置成功")
	return p
}

// sets fills passwords in, twice each as the page asks, and sends them.
func (p *phone) sets(login, pay string) {
	p.Helper()
	for id, value := range map[string]string{"login": login, "payment": pay} {
		if value != "" {
			p.page.enter("#"+id, value)
			p.page.enter("#"+id+"_again", value)
		}
	}
	p.sends()
}

// accounts opens 账户查询 by the chat's link.
func (p *phone) accounts() {
	p.Helper()
	p.pick("账户查询")
	p.hears("账户余额、明细请点击这里")
	p.open("这里")
}

// loggedIn logs in on the way to 账户管理.
func (p *phone) loggedIn(password string) *phone {
	p.Helper()
	p.accounts()
	p.page.at("/h5/login")
	p.page.enter("#password", password)
	p.sends()
	p.page.at("/h5/accounts")
	return p
}

// known opens the phone of one who is a customer already: authenticated at the
// first bank, with both passwords, and accounts linked at the other banks named.
// That was done at the switch. It logs in, and ends at 账户管理.
func (b bed) known(linked ...string) *phone {
	b.Helper()
	p := b.closed(b.next())
	p.wechat("POST", "follow", "")
	f := p.atSwitch()
	p.did(f, "authentication", f.Form(bankA, p.coded(f, "authenticate", bankA)))
	p.did(f, "passwords", world.Fields{"login": p.sealed(f, theirLogin), "payment": p.sealed(f, theirPay)})
	for _, bank := range linked {
		f.Session, _ = p.did(f, "session", world.Fields{"password": p.sealed(f, theirLogin)}).Body["token"].(string)
		p.did(f, "accounts", world.Fields{"account": f.Account(bank), "code": p.coded(f, "attach", bank), "payment": p.sealed(f, theirPay)})
	}
	p.later(time.Minute) // codes may be asked for
	p.start()
	return p.loggedIn(theirLogin)
}

// atSwitch is the follower as the front speaks for it.
func (p *phone) atSwitch() *world.Follower {
	p.Helper()
	f := *p.Follower
	f.Subject = p.openID()
	return &f
}

// did has the switch do something for the follower, which must be approved.
func (p *phone) did(f *world.Follower, what string, body world.Fields) world.Reply {
	p.Helper()
	r, err := f.Ask(p.Context(), "POST", "/v1/customer/"+what, body)
	must(p, err)
	if r.Outcome() != "approved" {
		p.Fatalf("%s: %d %v", what, r.Status, r.Body)
	}
	return r
}

// coded is a code that was sent for the account at the bank.
func (p *phone) coded(f *world.Follower, purpose, bank string) string {
	p.Helper()
	p.later(time.Minute)
	p.did(f, "codes", world.Fields{"purpose": purpose, "account": f.Account(bank)})
	return p.lastCode(bank)
}

func (p *phone) sealed(f *world.Follower, password string) string {
	p.Helper()
	sealed, err := f.Seal(p.Context(), password)
	must(p, err)
	return sealed
}

// customer is authenticated at the first bank, has both passwords, and is logged
// in, at 账户管理.
func (p *phone) customer() *phone {
	p.Helper()
	return p.authenticated(bankA).settled(theirLogin, theirPay).loggedIn(theirLogin)
}

// attachment fills 账户加挂 in, for the account at the bank, from 账户管理.
func (p *phone) attachment(bank string) {
	p.Helper()
	p.later(time.Minute)
	p.page.tap("[data-nav=edit]")
	p.page.at("/h5/accounts/edit")
	p.page.tap("[data-nav=add]")
	p.page.at("/h5/accounts/add")
	p.page.enter("#account", p.Account(bank))
	p.code()
	p.page.enter("#payment", theirPay)
}

// resets resets the login or payment password by a link, and ends at the result page.
func (p *phone) resets(kind, password string) {
	p.Helper()
	p.page.tap("[data-nav=reset-" + kind + "]")
	p.page.at("/h5/security/reset/" + kind)
	p.identity(bankA)
	p.code()
	p.page.enter("#password", password)
	p.page.enter("#password_again", password)
	p.sends()
	p.page.ends("approved", "密码重置成功")
}

// linked links the account at the bank, from 账户管理, and ends there.
func (p *phone) linked(bank string) *phone {
	p.Helper()
	p.attachment(bank)
	p.sends()
	p.page.ends("approved", "加挂成功")
	p.page.tap("[data-primary]", "账户查询")
	p.page.at("/h5/accounts")
	return p
}

// fault makes the bank misbehave once with the person's account.
func (p *phone) fault(bank string, fault sim.Fault) {
	p.Helper()
	fault.Account, fault.Count = p.At(bank).Accounts[0].Number, 1
	_, err := p.World.Sims[bank].SetFault(fault)
	must(p, err)
}

// registered reports whether the account is registered at the bank.
func (p *phone) registered(bank string) bool {
	p.Helper()
	all, err := p.World.Sims[bank].Registrations(p.Context())
	must(p, err)
	for _, r := range all {
		if r.Person == p.Person && r.Index == 0 && r.Ended == "" {
			return true
		}
	}
	return false
}

// unregisters waits until it is no more.
func (p *phone) unregisters(bank string) {
	p.Helper()
	p.until(func() string {
		if p.registered(bank) {
			return "still registered at " + bank
		}
		return ""
	})
}

// moves has the bank book a movement on the person's account.
func (p *phone) moves(bank string, out bool, amount codec.Amount, summary string) {
	p.Helper()
	must(p, p.World.Sims[bank].Move(p.Context(), p.At(bank).Accounts[0].Number, out, amount, summary))
}

// named is the person's account as lists name it.
func (p *phone) named(bank string) string {
	return map[string]string{bankA: "乌鲁木齐银行", bankB: "新疆农村信用社"}[bank] + " 尾号" + p.tail(bank)
}

// tail is the end of the person's account number.
func (p *phone) tail(bank string) string {
	number := p.Account(bank)
	return number[len(number)-4:]
}

// money writes an amount as pages do.
func money(a codec.Amount) string {
	whole := fmt.Sprint(int64(a) / 100)
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	return fmt.Sprintf("¥%s.%02d", whole, int64(a)%100)
}

// wechat asks the simulated WeChat for something that no follower can do, such as
// a fault; it is what the page beside the phone asks.
func (p *phone) wechat(method, what, body string) (answer []byte) {
	p.Helper()
	root := p.Stage.URL()
	port := root[strings.LastIndex(root, ":"):]
	r, err := http.NewRequestWithContext(p.Context(), method, "http://127.0.0.1"+port+"/sim/"+what, strings.NewReader(body))
	must(p, err)
	r.Host = strings.TrimPrefix(p.Phone(p.number), "http://")
	r.Header.Set("Content-Type", "application/json")
	a, err := http.DefaultClient.Do(r)
	must(p, err)
	defer a.Body.Close()
	var v json.RawMessage
	must(p, json.NewDecoder(a.Body).Decode(&v))
	if a.StatusCode != http.StatusOK {
		p.Fatalf("%s %s: %d %s", method, what, a.StatusCode, v)
	}
	return v
}

// openID is by which the front knows the follower.
func (p *phone) openID() string {
	p.Helper()
	var state struct {
		Me        string
		Followers []struct{ ID, OpenID string }
	}
	must(p, json.Unmarshal(p.wechat("GET", "state", ""), &state))
	for _, f := range state.Followers {
		if f.ID == state.Me {
			return f.OpenID
		}
	}
	p.Fatal("no such follower")
	return ""
}

// lastCode is the code that was sent last for the person's account.
func (p *phone) lastCode(bank string) string {
	p.Helper()
	code, err := p.LastCode(p.Context(), bank)
	must(p, err)
	return code
}

// up waits until the switch has a link to the bank; down until it has none.
func (p *phone) up(bank string)   { p.Helper(); p.links(bank, true) }
func (p *phone) down(bank string) { p.Helper(); p.links(bank, false) }

func (p *phone) links(bank string, want bool) {
	p.Helper()
	c, err := p.Client()
	must(p, err)
	p.until(func() string {
		r, err := c.ListBanksWithResponse(p.Context())
		if err != nil || r.JSON200 == nil {
			return fmt.Sprint("banks: ", err)
		}
		for _, b := range r.JSON200.Banks {
			if b.Bank == bank && (b.Online > 0) == want {
				return ""
			}
		}
		return fmt.Sprintf("a link to %s: not %t", bank, want)
	})
}

// cards are the template messages in the chat.
func (p *phone) cards() (cards []entry) {
	p.Helper()
	for _, e := range p.entries() {
		if e.Kind == "card" {
			cards = append(cards, e)
		}
	}
	return cards
}
