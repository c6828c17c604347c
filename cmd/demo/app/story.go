package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/world"
	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/api/client"
	customers "wxswitch/switch/customer"
)

// story is told step by step; each checks what it shows.
func (t *teller) story(ctx context.Context) error {
	c := t.follower("oDemo-first", 5)
	steps := []struct {
		title string
		tell  func(context.Context) error
	}{
		{"Which bank? The route of an account, explained", t.routes},
		{"余额 — a balance at each bank: two dialects, one API", t.balances},
		{"客户注销 approved", t.approved},
		{"客户注销 declined by the bank", t.declined},
		{"客户注销 timed out: the bank answers late, and the doubt is settled", t.timedOut},
		{"A bank in trouble: its breaker opens, and closes again", t.breaker},
		{"客户认证 — a follower becomes a customer; the code comes by SMS", c.authentication},
		{"登录设置 — passwords leave the page encrypted, and a login", c.settings},
		{"账户加挂 — the account at the second bank, and all balances side by side", c.attach},
		{"动账通知 and 交易明细 — ¥32.50 are spent; the bank tells by itself", c.spending},
		{"网点预约 — the nearest branches, and a visit", c.visit},
		{"账户解挂", c.detach},
		{"客户注销 — its three ends, as the customer reads them", c.deregistration},
	}
	for i, s := range steps {
		t.say("\n%d. %s", i+1, s.title)
		if err := s.tell(ctx); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

func (t *teller) routes(ctx context.Context) error {
	c, err := t.world.Client()
	if err != nil {
		return err
	}
	for _, number := range []string{account(t.person("urmqccb", 0)), account(t.person("xjrcu", 0)), "9999990000000000"} {
		r, err := c.ExplainRouteWithResponse(ctx, client.RouteQuestion{Account: number})
		if err != nil {
			return err
		}
		if r.JSON200 == nil {
			return fmt.Errorf("route not explained: status %d", r.StatusCode())
		}
		t.say("   %s: %s", codec.NewAccount(number), r.JSON200.Why)
	}
	return nil
}

func (t *teller) balances(ctx context.Context) error {
	for _, bank := range []string{"urmqccb", "xjrcu"} {
		p := t.person(bank, 0)
		a, err := t.expect(ctx, client.TypeBalance, p, "", client.AnswerOutcomeApproved)
		if err != nil {
			return err
		}
		if *a.Balance.Ledger != int64(p.Accounts[0].Balance) {
			return errors.New("another balance than the bank's")
		}
		t.say("   余额 ¥%s", codec.Amount(*a.Balance.Ledger))
	}
	return nil
}

func (t *teller) approved(ctx context.Context) error {
	p := t.person("urmqccb", 1)
	if _, err := t.expect(ctx, client.TypeAuthenticate, p, "auth-1", client.AnswerOutcomeApproved); err != nil {
		return err
	}
	if _, err := t.deregister(ctx, p, "dereg-1", client.AnswerOutcomeApproved); err != nil {
		return err
	}
	t.say("   The same key again: the same answer, and no second message.")
	a, err := t.deregister(ctx, p, "dereg-1", client.AnswerOutcomeApproved)
	if err == nil && !a.Replayed {
		err = errors.New("a repeat was sent again")
	}
	return err
}

func (t *teller) declined(ctx context.Context) error {
	p := t.person("xjrcu", 1)
	if err := t.fault("xjrcu", sim.Fault{Kind: sim.Decline, Code: "05", Type: codec.Deregister, Count: 1}); err != nil {
		return err
	}
	_, err := t.deregister(ctx, p, "dereg-2", client.AnswerOutcomeDeclined)
	return err
}

// timedOut: the bank is busy for longer than it is given. The customer hears of
// the timeout; the advice, or the late answer, brings the truth.
func (t *teller) timedOut(ctx context.Context) error {
	p := t.person("urmqccb", 2)
	if _, err := t.expect(ctx, client.TypeAuthenticate, p, "auth-3", client.AnswerOutcomeApproved); err != nil {
		return err
	}
	before, err := t.lateReplies(ctx)
	if err != nil {
		return err
	}
	t.say("   The bank takes %s for what it is given %s for.", deadline+time.Second, deadline)
	if err := t.fault("urmqccb", sim.Fault{Kind: sim.Late, Delay: deadline + time.Second, Type: codec.Deregister, Count: 1}); err != nil {
		return err
	}
	a, err := t.deregister(ctx, p, "dereg-3", client.AnswerOutcomeTimedOut)
	if err != nil {
		return err
	}
	t.say("   In doubt is not failed: a completion advice with the same RRN %s asks the bank to bring it to its end.", a.Rrn)
	tx, err := t.until(ctx, a.Id, func(tx *client.Transaction) bool { return tx.Standing == "approved" && !tx.Settling })
	if err != nil {
		return err
	}
	t.say("   First answered %s, stands as %s today. (同一笔注销，银行只做了一次。)", tx.Outcome, tx.Standing)
	limit, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	return t.lateReply(limit, before)
}

// lateReply waits until the bank's own late reply has been counted. The transaction would
// not tell it: the advice's answer has approved it before.
func (t *teller) lateReply(ctx context.Context, before string) error {
	t.say("   The late reply of the original comes all the same, is recognised and journalled:")
	for {
		now, err := t.lateReplies(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			return err
		case err == nil && now != before:
			t.say("   %s", now)
			return nil
		}
		if pause(ctx, 50*time.Millisecond) != nil {
			return errors.New("no late reply was recognised and journalled")
		}
	}
}

// lateReplies is the line of the metrics on those of urmqccb that were journalled.
func (t *teller) lateReplies(ctx context.Context) (string, error) {
	page, err := world.MetricsPage(ctx, t.world.Addresses.Ops)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, `wxswitch_late_messages_total{bank="urmqccb",result="journalled"} `) {
			return strings.TrimSpace(line), nil
		}
	}
	return "", errors.New("late replies are not counted")
}

func (t *teller) breaker(ctx context.Context) error {
	p := t.person("xjrcu", 3)
	if err := t.fault("xjrcu", sim.Fault{Kind: sim.Silence, Type: codec.Balance}); err != nil {
		return err
	}
	t.say("   xjrcu goes silent.")
	refused := false
	for range 6 {
		r, err := t.world.Ask(ctx, client.TypeBalance, p, "", 0)
		if err != nil {
			return err
		}
		if r.JSON200 == nil {
			t.say("   refused at once: status %d, %s", r.StatusCode(), problemCode(r))
			refused = true
			break
		}
		t.say("   balance: %s", r.JSON200.Outcome)
	}
	if !refused {
		return errors.New("the breaker did not open")
	}
	t.say("   urmqccb is served meanwhile:")
	if _, err := t.expect(ctx, client.TypeBalance, t.person("urmqccb", 0), "", client.AnswerOutcomeApproved); err != nil {
		return err
	}
	t.world.Sims["xjrcu"].ClearFault(0)
	t.say("   xjrcu is well again; after %s the breaker lets a probe through.", breakerRest)
	if err := pause(ctx, breakerRest+100*time.Millisecond); err != nil {
		return err
	}
	_, err := t.expect(ctx, client.TypeBalance, p, "", client.AnswerOutcomeApproved)
	return err
}

func (t *teller) fault(bank string, f sim.Fault) error {
	_, err := t.world.Sims[bank].SetFault(f)
	return err
}

func (t *teller) deregister(ctx context.Context, p sim.Person, key string, want client.AnswerOutcome) (*client.Answer, error) {
	a, err := t.expect(ctx, client.TypeDeregister, p, key, want)
	if err == nil {
		t.say("   the customer reads 「%s」", customers.Words(codec.Deregister, switching.End{Outcome: switching.Outcome(a.Outcome)}, customers.Bank{}))
	}
	return a, err
}

// expect sends one transaction and wants this outcome.
func (t *teller) expect(ctx context.Context, kind client.Type, p sim.Person, key string, want client.AnswerOutcome) (*client.Answer, error) {
	t.say("   %s for %s", kind, p.Accounts[0].Number)
	r, err := t.world.Ask(ctx, kind, p, key, 0)
	switch {
	case err != nil:
		return nil, err
	case r.JSON200 == nil:
		return nil, fmt.Errorf("%s: status %d, %s", kind, r.StatusCode(), problemCode(r))
	case r.JSON200.Outcome != want:
		return nil, fmt.Errorf("%s: %s, expected %s", kind, r.JSON200.Outcome, want)
	}
	t.say("   %s (rrn %s)", r.JSON200.Outcome, r.JSON200.Rrn)
	return r.JSON200, nil
}

func problemCode(r *client.CreateTransactionResponse) string {
	if r.ApplicationproblemJSONDefault != nil {
		return r.ApplicationproblemJSONDefault.Code
	}
	return "no problem document"
}

// until looks at a transaction until it is as wanted.
func (t *teller) until(ctx context.Context, id string, done func(*client.Transaction) bool) (*client.Transaction, error) {
	c, err := t.world.Client()
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); {
		r, err := c.GetTransactionWithResponse(ctx, id)
		if err != nil {
			return nil, err
		}
		if r.JSON200 != nil && done(r.JSON200) {
			return r.JSON200, nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("the doubt was not settled")
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
