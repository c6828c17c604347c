package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/world"
	"wxswitch/codec"
)

// The story of one customer, as the front's service would tell it: pages ask the
// API, and what the customer reads is what the API says.

const (
	firstBank  = "urmqccb"
	secondBank = "xjrcu"
	theirLogin = "kashgar-1847"
	theirPay   = "806175"
)

// customer is a follower whose story is told.
type customer struct {
	*teller
	*world.Follower
	told int // notices so far
}

func (t *teller) follower(subject string, person int) *customer {
	return &customer{teller: t, Follower: t.world.Follower(subject, person)}
}

// reads asks the API and shows what the customer reads; another outcome than
// wanted is an error.
func (c *customer) reads(ctx context.Context, what, want, method, path string, body any) (world.Reply, error) {
	r, err := c.Ask(ctx, method, path, body)
	if err != nil {
		return r, err
	}
	got := r.Outcome()
	if r.Status != http.StatusOK {
		got = r.Code()
	}
	if c.say("   %s: %s", what, got); r.Text() != "" {
		c.say("   the customer reads 「%s」", r.Text())
	}
	if got != want {
		return r, fmt.Errorf("%s: %s, expected %s", what, got, want)
	}
	return r, nil
}

// authentication: the code is read from the phone, which the simulated bank has.
func (c *customer) authentication(ctx context.Context) error {
	if _, err := c.reads(ctx, "获取验证码", "approved", "POST", "/v1/customer/codes", world.Fields{"purpose": "authenticate", "account": c.Account(firstBank)}); err != nil {
		return err
	}
	code, err := c.LastCode(ctx, firstBank)
	if err != nil {
		return err
	}
	c.say("   the phone shows the code %s", code)
	_, err = c.reads(ctx, "客户认证", "approved", "POST", "/v1/customer/authentication", c.Form(firstBank, code))
	return err
}

// settings are the two passwords, which leave a page encrypted; and a login.
func (c *customer) settings(ctx context.Context) error {
	for kind, password := range map[string]string{"login": theirLogin, "payment": theirPay} {
		sealed, err := c.Seal(ctx, password)
		if err != nil {
			return err
		}
		if _, err := c.reads(ctx, "登录设置 "+kind, "approved", "POST", "/v1/customer/passwords", world.Fields{kind: sealed}); err != nil {
			return err
		}
	}
	sealed, err := c.Seal(ctx, theirLogin)
	if err != nil {
		return err
	}
	r, err := c.reads(ctx, "登录", "approved", "POST", "/v1/customer/session", world.Fields{"password": sealed})
	c.Session, _ = r.Body["token"].(string)
	return err
}

// attach links the account that the same person has at the second bank.
func (c *customer) attach(ctx context.Context) error {
	if _, err := c.reads(ctx, "获取验证码", "approved", "POST", "/v1/customer/codes", world.Fields{"purpose": "attach", "account": c.Account(secondBank)}); err != nil {
		return err
	}
	code, err := c.LastCode(ctx, secondBank)
	if err != nil {
		return err
	}
	sealed, err := c.Seal(ctx, theirPay)
	if err != nil {
		return err
	}
	_, err = c.reads(ctx, "账户加挂", "approved", "POST", "/v1/customer/accounts", world.Fields{"account": c.Account(secondBank), "code": code, "payment": sealed})
	if err != nil {
		return err
	}
	return c.balances(ctx)
}

func (c *customer) balances(ctx context.Context) error {
	r, err := c.Ask(ctx, "GET", "/v1/customer/balances", nil)
	if err != nil {
		return err
	}
	for _, line := range r.List("balances") {
		account, _ := line["account"].(map[string]any)
		fen, ok := line["balance"].(float64)
		if !ok {
			return fmt.Errorf("no balance: %v", line["reason"])
		}
		c.say("   余额 %s 尾号%s %s: ¥%s", account["bank_name"], account["suffix"], account["holder"], codec.Amount(fen))
	}
	return nil
}

// details of the month, and a movement that the bank tells by itself.
func (c *customer) spending(ctx context.Context) error {
	if err := c.world.Sims[firstBank].Move(ctx, c.At(firstBank).Accounts[0].Number, true, 3250, "消费"); err != nil {
		return err
	}
	if err := c.notice(ctx, "movement"); err != nil {
		return err
	}
	list, err := c.Ask(ctx, "GET", "/v1/customer/accounts", nil)
	if err != nil || len(list.List("accounts")) == 0 {
		return errors.Join(err, errors.New("no accounts"))
	}
	r, err := c.reads(ctx, "交易明细 本月", "approved", "GET", fmt.Sprintf("/v1/customer/accounts/%s/details?period=month", list.List("accounts")[0]["id"]), nil)
	if err != nil {
		return err
	}
	for _, row := range r.List("rows")[:min(3, len(r.List("rows")))] {
		amount, _ := row["amount"].(float64)
		balance, _ := row["balance"].(float64)
		c.say("   %s %-3s ¥%s 余额 ¥%s %s", row["at"], row["direction"], codec.Amount(amount), codec.Amount(balance), row["summary"])
	}
	return nil
}

// notice waits for the next thing that the follower is told.
func (c *customer) notice(ctx context.Context, kind string) error {
	wait, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	c.told++
	list, err := c.world.Front.Await(wait, c.Subject, c.told)
	if err != nil {
		return fmt.Errorf("not told of %s: %w", kind, err)
	}
	n := list[c.told-1]
	if n.Kind != kind {
		return fmt.Errorf("told of %s, not of %s", n.Kind, kind)
	}
	c.say("   the follower is told: 「%s」", n.Text)
	return nil
}

// visit books the nearest branch.
func (c *customer) visit(ctx context.Context) error {
	near, err := c.Ask(ctx, "POST", "/v1/places/nearest?limit=3", world.Fields{"kind": "branches", "latitude": "43.7975", "longitude": "87.6177"})
	if err != nil || len(near.List("places")) == 0 {
		return errors.Join(err, errors.New("no branches"))
	}
	var first map[string]any
	for _, place := range near.List("places") {
		branch, _ := place["branch"].(map[string]any)
		if first == nil {
			first = branch
		}
		c.say("   %v m  %s  %s", place["metres"], branch["name"], branch["address"])
	}
	r, err := c.reads(ctx, "网点预约", "approved", "POST", "/v1/customer/visits",
		world.Fields{"branch": first["id"], "business": "vip", "phone": "13899990001"})
	if err == nil {
		c.say("   the bank's core returned: 「%s」, number %s", r.Body["bank_text"], r.Body["number"])
	}
	return err
}

func (c *customer) detach(ctx context.Context) error {
	list, err := c.Ask(ctx, "GET", "/v1/customer/accounts", nil)
	if err != nil || len(list.List("accounts")) != 2 {
		return errors.Join(err, errors.New("not two accounts"))
	}
	_, err = c.reads(ctx, "账户解挂", "approved", "POST", fmt.Sprintf("/v1/customer/accounts/%s/detach", list.List("accounts")[1]["id"]), nil)
	return err
}

// deregistration, in its three ends.
func (c *customer) deregistration(ctx context.Context) error {
	once := func(f sim.Fault) error {
		f.Account, f.Count = c.At(firstBank).Accounts[0].Number, 1
		return c.fault(firstBank, f)
	}
	if err := once(sim.Fault{Kind: sim.Decline, Code: "05", Type: codec.Deregister}); err != nil {
		return err
	}
	if _, err := c.reads(ctx, "客户注销", "declined", "POST", "/v1/customer/deregistration", nil); err != nil {
		return err
	}
	if err := once(sim.Fault{Kind: sim.SilenceAfter, Type: codec.Deregister}); err != nil {
		return err
	}
	if _, err := c.reads(ctx, "客户注销, the bank silent", "timed-out", "POST", "/v1/customer/deregistration", nil); err != nil {
		return err
	}
	if err := c.notice(ctx, "deregistered"); err != nil {
		return err
	}
	c.say("   Another follower authenticates and deregisters, and the bank approves:")
	other := c.follower("oDemo-second", 6)
	if err := other.authentication(ctx); err != nil {
		return err
	}
	_, err := other.reads(ctx, "客户注销", "approved", "POST", "/v1/customer/deregistration", nil)
	return err
}
