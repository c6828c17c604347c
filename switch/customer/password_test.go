package customer

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/argon2id"

	switching "wxswitch/switch"
)

func TestPasswordIsMasked(t *testing.T) {
	p := NewPassword(goodLogin)
	v := verdict{kind: kindLogin, typed: p}
	body, err := json.Marshal(map[string]any{"a": p, "b": &p, "c": []Password{p}})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.Write(body)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb+verb+verb+verb, p, &p, v, []Password{p})
	}
	shown := b.String()
	if strings.Contains(shown, goodLogin) || strings.Contains(shown, fmt.Sprintf("%x", goodLogin)) {
		t.Error(shown)
	}
	if p.Reveal() != goodLogin || (Password{}).Reveal() != "" {
		t.Error("does not keep its value")
	}
}

// judged is the reason of a verdict applied to the customer as it is now.
func (d *teller) judged(v verdict) (reason switching.Reason) {
	d.Helper()
	d.must(d.write(func(ctx context.Context, tx switching.Tx) error {
		c, _, err := d.byFollower(ctx, tx, tellerFollower)
		if err == nil {
			reason, err = d.judge(ctx, tx, &c, v)
		}
		return err
	}))
	return reason
}

func (d *teller) compared(kind, password string) verdict {
	d.Helper()
	c := d.row(tellerFollower)
	v, reason, err := d.compare(context.Background(), &c, kind, NewPassword(password))
	d.must(err)
	d.equal("compared", reason, switching.Reason(""))
	return v
}

func TestJudge(t *testing.T) {
	d := newTeller(t).customer()
	d.equal("right", d.judged(d.compared(kindPayment, goodPay)), switching.Reason(""))
	d.equal("wrong", d.judged(d.compared(kindPayment, "000000")), ReasonPaymentWrong)
	d.equal("the login's is another", d.judged(d.compared(kindPayment, goodLogin)), ReasonPaymentWrong)
	c := d.row(tellerFollower)
	d.equal("payment", c.Payment.Wrong, 2)
	d.equal("login", c.Login.Wrong, 0)

	// What was compared with a password that is no more decides nothing.
	wrong, right := d.compared(kindPayment, "000000"), d.compared(kindPayment, goodPay)
	d.passwords(goodLogin, "918273")
	d.equal("wrong, stale", d.judged(wrong), ReasonBusy)
	d.equal("right, stale", d.judged(right), ReasonBusy)
	d.equal("not counted", d.row(tellerFollower).Payment.Wrong, 0)

	// Nor does what was not compared, because of a lock that ends meanwhile.
	d.change(tellerFollower, func(c *row) { c.Payment.Until = d.Now().Add(time.Minute) })
	spared := d.compared(kindPayment, "918273")
	d.equal("locked", d.judged(spared), ReasonPaymentLocked)
	d.wait(time.Minute)
	d.equal("the lock has ended", d.judged(spared), ReasonBusy)
	d.equal("again", d.judged(d.compared(kindPayment, "918273")), switching.Reason(""))

	// A right one that was compared before the fifth wrong one opens nothing.
	early := d.compared(kindPayment, "918273")
	for range 5 {
		d.judged(d.compared(kindPayment, "000000"))
	}
	d.equal("after the lock", d.judged(early), ReasonPaymentLocked)

	d.change(tellerFollower, func(c *row) { c.Payment = credential{} })
	d.equal("none", d.judged(d.compared(kindPayment, "918273")), ReasonNoPayment)
}

// A hash is bound to its customer: a copy in another's row opens nothing.
func TestHashIsBound(t *testing.T) {
	d := newTeller(t).customer()
	h, err := d.hash("somebody", kindLogin, NewPassword(goodLogin))
	d.must(err)
	d.change(tellerFollower, func(c *row) { c.Login.Hash = h })
	d.equal("another's", d.judged(d.compared(kindLogin, goodLogin)), ReasonLoginWrong)
}

func TestRehash(t *testing.T) {
	d := newTeller(t).customer()
	kept := d.row(tellerFollower).Login.Hash
	d.Argon.Iterations = 2
	d.equal("wrong", d.judged(d.compared(kindLogin, "wrong")), ReasonLoginWrong)
	d.equal("kept", d.row(tellerFollower).Login.Hash, kept)
	d.equal("right", d.enter(goodLogin).Reason, switching.Reason(""))
	grown := d.row(tellerFollower).Login.Hash
	if !strings.Contains(grown, "m=8,t=2,p=1") {
		t.Error("not replaced:", grown)
	}
	d.Argon.Iterations = 1
	d.equal("right", d.enter(goodLogin).Reason, switching.Reason(""))
	d.equal("not made weaker", d.row(tellerFollower).Login.Hash, grown)
}

func TestDamagedHash(t *testing.T) {
	d := newTeller(t).customer()
	good := d.row(tellerFollower).Login.Hash
	for _, h := range []string{
		"x", "$argon2id$v=19$m=8,t=1,p=1$$", strings.Replace(good, "t=1", "t=0", 1),
		strings.Replace(good, "p=1", "p=0", 1), strings.Replace(good, "m=8", "m=4000000000", 1),
	} {
		c := d.row(tellerFollower)
		c.Login.Hash = h
		v, reason, err := d.compare(context.Background(), &c, kindLogin, NewPassword(goodLogin))
		if err == nil && reason == "" && v.right {
			t.Error("opened by", h)
		}
	}
}

// Whoever has no password costs a hash like the others; so there is a place to
// wait for. Bounded: places, those who wait, and how long.
func TestHashesAreBounded(t *testing.T) {
	d := newTeller(t).customer()
	full := func(c chan struct{}) (empty func()) {
		for range cap(c) {
			c <- struct{}{}
		}
		return func() {
			for range cap(c) {
				<-c
			}
		}
	}
	late, stop := context.WithDeadline(context.Background(), time.Now())
	defer stop()
	for name, hash := range map[string]string{"with": d.row(tellerFollower).Login.Hash, "without": ""} {
		c := d.row(tellerFollower)
		c.Login.Hash = hash
		empty := full(d.places)
		_, reason, err := d.compare(late, &c, kindLogin, NewPassword(goodLogin))
		d.must(err)
		d.equal(name+" a password", reason, ReasonBusy)
		empty()
	}
	empty := full(d.queue)
	d.equal("too many wait", d.enter(goodLogin).Reason, ReasonBusy)
	empty()
	d.equal("and none", d.enter(goodLogin).Reason, switching.Reason(""))
}

func TestComputeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{queue: make(chan struct{}, computeQueue), places: make(chan struct{}, 1)}
		s.places <- struct{}{}
		began := time.Now()
		reason, err := s.compute(context.Background(), func() error { return nil })
		if reason != ReasonBusy || err != nil || time.Since(began) != computeWait {
			t.Error(reason, err, time.Since(began))
		}
		go func() {
			time.Sleep(time.Second)
			<-s.places
		}()
		ran := false
		reason, err = s.compute(context.Background(), func() error { ran = true; return nil })
		if reason != "" || err != nil || !ran {
			t.Error(reason, err, ran)
		}
		if len(s.places) != 0 || len(s.queue) != 0 {
			t.Error("a place was not given back")
		}
	})
}

func TestDefaultWork(t *testing.T) {
	d := newTeller(t)
	s, err := Open(context.Background(), Options{DB: d.DB, Vault: d.Vault})
	d.must(err)
	h, err := s.hash("c", kindLogin, NewPassword(goodLogin))
	d.must(err)
	if !strings.HasPrefix(h, "$argon2id$v=19$m=47104,t=1,p=1$") {
		t.Error(h)
	}
	right, outgrown, err := s.check("c", kindLogin, NewPassword(goodLogin), h)
	if err != nil || !right || outgrown {
		t.Error(right, outgrown, err)
	}
	if _, _, _, err := argon2id.DecodeHash(h); err != nil {
		t.Error(err)
	}
}

func BenchmarkHash(b *testing.B) {
	d := newTeller(b)
	d.Argon = argon2id.Params{Memory: 46 << 10, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	for b.Loop() {
		if _, err := d.hash("c", kindLogin, NewPassword(goodLogin)); err != nil {
			b.Fatal(err)
		}
	}
}
