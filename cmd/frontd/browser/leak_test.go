package browser

import (
	"io"
	"net/http"
	"strings"
	"testing"

	frontd "wxswitch/cmd/frontd/app"
	"wxswitch/cmd/internal/stage"
	"wxswitch/cmd/internal/world"
	switchd "wxswitch/cmd/switchd/app"
)

// What a customer types and is, is in no log, metric, address or picture of
// messages, whatever passes while it lives.
func TestNothingLeaks(t *testing.T) {
	o := stage.Options{World: world.Options{Tune: func(c *switchd.Config) { c.Log.Level = "debug" }}, TuneFront: func(c *frontd.Config) { c.Log.Level = "debug" }}
	p := own(t, o).phone()
	seen, sent := p.addresses(), p.bodies()
	p.customer().linked(bankB)
	p.moves(bankA, true, 3250, "消费")
	p.home()
	p.told("¥32.50")
	p.pick("客户注销")
	p.hears("您好，注销请点击这里")
	p.open("这里")
	p.sends()
	p.page.ends("approved", "交易成功")

	written := map[string]string{
		"log": p.log.last(1 << 20), "front's metrics": p.scrape(p.Ops[0]), "switch's metrics": p.scrape(p.Addresses.Ops),
		"picture": string(p.wechat("GET", "state", "")),
	}
	// The phone's state is the person's own: its messages alone are the picture.
	_, written["picture"], _ = strings.Cut(written["picture"], `"hops":`)
	for where, sign := range map[string]string{
		"log": `"program":"frontd"`, "front's metrics": "frontd_pages_total", "switch's metrics": "wxswitch_requests_total", "picture": `"leg":"switch-bank"`,
	} {
		if !strings.Contains(written[where], sign) {
			t.Fatalf("nothing was written into the %s", where)
		}
	}
	for what, secret := range map[string]string{
		"certificate": p.At(bankA).Cert.Reveal(), "account": p.Account(bankA), "other account": p.Account(bankB), "code": p.lastCode(bankA),
		"other code": p.lastCode(bankB), "login password": theirLogin, "payment password": theirPay, "openid": p.openID(),
	} {
		for where, text := range written {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("the %s holds the %s: …%.200s", where, what, text[max(0, at-100):])
			}
		}
		if address := seen(secret); address != "" {
			t.Errorf("an address holds the %s: %s", what, address)
		}
	}
	for what, password := range map[string]string{"login password": theirLogin, "payment password": theirPay} {
		if body := sent(password); body != "" {
			t.Errorf("the page sends the %s: %s", what, body)
		}
	}
	if sent("&login=") == "" || sent("&payment=") == "" {
		t.Error("no form with passwords was seen to leave the page")
	}
}

func (p *phone) scrape(ops string) string {
	p.Helper()
	r, err := http.Get("http://" + ops + "/metrics")
	must(p, err)
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	must(p, err)
	return string(text)
}
