package customer

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// set sets passwords with a call and pages of its own; an empty one is not given.
func (d *teller) set(login, payment, oldLogin, oldPayment string) switching.Reason {
	d.Helper()
	a, err := d.SetPasswords(context.Background(), d.call(), SetRequest{d.typed(login), d.typed(payment), d.typed(oldLogin), d.typed(oldPayment)})
	d.must(err)
	return a.Reason
}

// opens says which of the two passwords are right.
func (d *teller) opens(login, payment string) (which string) {
	d.Helper()
	if d.compared(kindLogin, login).right {
		which += "login "
	}
	if d.compared(kindPayment, payment).right {
		which += "payment"
	}
	return which
}

const otherLogin, otherPay = "Bogda~peak5", "639205"

func TestSetPasswords(t *testing.T) {
	d := newTeller(t)
	d.equal("a stranger", d.set(goodLogin, goodPay, "", ""), ReasonNotAuthenticated)
	d.authenticated(tellerFollower, tellerCert, tellerCard)
	d.equal("nothing", d.set("", "", "", ""), ReasonLoginForm)
	d.equal("login form", d.set("abc", goodPay, "", ""), ReasonLoginForm)
	d.equal("payment form", d.set(goodLogin, "12345", "", ""), ReasonPaymentForm)
	d.equal("weak", d.set("", "621008", "", ""), ReasonPaymentWeak)
	d.equal("one in the other", d.set("Ili"+goodPay+"x", goodPay, "", ""), ReasonSame)
	d.equal("none of it", d.opens(goodLogin, goodPay), "")
	d.equal("both", d.set(goodLogin, goodPay, "", ""), switching.Reason(""))
	d.equal("both", d.opens(goodLogin, goodPay), "login payment")
	d.wait(10*time.Minute - time.Millisecond)
	d.equal("one, in time", d.set("", otherPay, "", ""), switching.Reason(""))
	d.equal("one", d.opens(goodLogin, otherPay), "login payment")
	d.wait(time.Millisecond)
	d.equal("too late", d.set("", goodPay, "", ""), ReasonSetupOver)
	d.equal("the other's old one", d.set("", goodPay, goodLogin, ""), ReasonSetupOver)
	d.equal("old one", d.set("", goodPay, "", otherPay), switching.Reason(""))
	d.equal("one of two old ones", d.set(otherLogin, otherPay, goodLogin, ""), ReasonSetupOver)
	d.equal("a wrong old one", d.set(otherLogin, otherPay, goodLogin, otherPay), ReasonPaymentWrong)
	d.equal("nothing set", d.opens(goodLogin, goodPay), "login payment")
	d.equal("both old ones", d.set(otherLogin, otherPay, goodLogin, goodPay), switching.Reason(""))
	d.equal("both", d.opens(otherLogin, otherPay), "login payment")
	d.equal("history", d.one(`SELECT COUNT(*) FROM customer_history WHERE event LIKE '%-password-set' AND who = 'follower'`), int64(6))
	d.change(tellerFollower, func(c *row) { c.Payment = credential{} })
	d.equal("none before", d.set("", goodPay, "", otherPay), ReasonSetupOver)
}

func TestSetPasswordsRefused(t *testing.T) {
	for want, change := range map[switching.Reason]func(*row){
		ReasonDeregistering:    func(c *row) { c.State = Deregistering },
		ReasonNotAuthenticated: func(c *row) { c.State = Deregistered },
		ReasonFrozen:           func(c *row) { c.Frozen = true },
	} {
		d := newTeller(t).customer()
		d.change(tellerFollower, change)
		d.equal("with the old one", d.set(otherLogin, "", goodLogin, ""), want)
		d.change(tellerFollower, func(c *row) { c.Setup = d.Now().Add(time.Minute) })
		d.equal("after a code", d.set(otherLogin, "", "", ""), want)
		d.equal("set", d.opens(goodLogin, goodPay), "login payment")
	}
}

// Old passwords are tried no oftener here than at the login.
func TestSetPasswordsLocks(t *testing.T) {
	d := newTeller(t).customer()
	for range 4 {
		d.equal("wrong", d.set("", otherPay, "", "000000"), ReasonPaymentWrong)
	}
	d.equal("the fifth", d.set("", otherPay, "", "000000"), ReasonPaymentLocked)
	d.equal("right", d.set("", otherPay, "", goodPay), ReasonPaymentLocked)
	d.equal("login is apart", d.set(otherLogin, "", goodLogin, ""), switching.Reason(""))
	d.change(tellerFollower, func(c *row) { c.Setup = d.Now().Add(time.Minute) })
	d.equal("after a code", d.set("", otherPay, "", ""), switching.Reason(""))
	d.equal("no lock", d.opens(otherLogin, otherPay), "login payment")
}

func TestSetPasswordsEndsSessions(t *testing.T) {
	d := newTeller(t).customer()
	own, other := d.enter(goodLogin).Token, d.enter(goodLogin).Token
	call := d.call()
	call.Session = own
	r := SetRequest{Login: d.typed(otherLogin), OldLogin: d.typed(goodLogin)}
	for range 2 { // a repeat changes nothing, though the old one is no longer right
		a, err := d.SetPasswords(context.Background(), call, r)
		d.must(err)
		d.equal("reason", a.Reason, switching.Reason(""))
	}
	d.equal("own", d.enters(own, tellerFollower), switching.Reason(""))
	d.equal("other", d.enters(other, tellerFollower), ReasonNoSession)
	r.Login = d.typed(goodLogin)
	if _, err := d.SetPasswords(context.Background(), call, r); !errors.Is(err, switching.ErrKeyReused) {
		t.Error(err)
	}
}

// One page's nonce is good for all passwords of one request, and for no more.
func TestOneNonceForAll(t *testing.T) {
	d := newTeller(t).customer()
	k := d.page()
	r := SetRequest{d.box(k, otherLogin), d.box(k, otherPay), d.box(k, goodLogin), d.box(k, goodPay)}
	a, err := d.SetPasswords(context.Background(), d.call(), r)
	d.must(err)
	d.equal("reason", a.Reason, switching.Reason(""))
	a, err = d.SetPasswords(context.Background(), d.call(), SetRequest{Login: d.box(k, goodLogin), OldLogin: d.typed(otherLogin)})
	d.must(err)
	d.equal("mixed with a fresh one", a.Reason, ReasonPageKey)
	d.equal("set", d.opens(otherLogin, otherPay), "login payment")
}

// What does not open is told as that: not as a password of a wrong form, nor, where
// our own key does not, as anything that the customer typed.
func TestAPasswordThatDoesNotOpen(t *testing.T) {
	d := newTeller(t).customer()
	d.sms(tellerCard, "314159")
	good := d.typed(otherLogin)
	for name, ask := range map[string]func(*teller, Sealed) (Answer, error){
		"new": func(d *teller, x Sealed) (Answer, error) {
			return d.SetPasswords(t.Context(), d.call(), SetRequest{Login: x, OldLogin: good})
		},
		"old": func(d *teller, x Sealed) (Answer, error) {
			return d.SetPasswords(t.Context(), d.call(), SetRequest{Login: good, OldLogin: x})
		},
		"reset": func(d *teller, x Sealed) (Answer, error) {
			return d.ResetPassword(t.Context(), d.call(), ResetRequest{
				Kind: kindLogin, CertType: "01", CertNumber: tellerCert, Account: codec.NewAccount(tellerCard), Code: codec.NewSecret("314159"), New: x,
			})
		},
		"login": func(d *teller, x Sealed) (Answer, error) {
			a, err := d.Login(t.Context(), d.call(), x)
			return a.Answer, err
		},
	} {
		a, err := ask(d, "x.AAAA")
		d.must(err)
		d.equal(name, a.Reason, ReasonPageKey)
		d.exec(`UPDATE page_key SET private = X'00'`)
		if a, err := ask(d.another(), good); err == nil {
			t.Errorf("%s, by a key that does not open: %+v", name, a)
		}
	}
	d.equal("nothing counted", d.row(tellerFollower).Login.Wrong, 0)
	d.equal("nothing set", d.opens(goodLogin, goodPay), "login payment")
}

// sms stores a code as its sending would.
func (d *teller) sms(card, code string) {
	d.Helper()
	c, ix := d.row(tellerFollower), d.accountIx(codec.NewAccount(card))
	d.exec(`UPDATE sms_code SET state = 'void' WHERE state = 'sent'`)
	d.exec(`INSERT INTO sms_code (customer, purpose, bank, account_ix, code_hash, sent, wrong, state, entry, used_by)
		VALUES ($1, 'reset', 'xjrcu', $2, $3, $4, 0, 'sent', 1, 0)`,
		c.ID, ix, d.codeHash(c.ID, ForReset, "xjrcu", ix, codec.NewSecret(code)), d.clock.Load())
}

func (d *teller) reset(change func(*ResetRequest)) switching.Reason {
	d.Helper()
	r := ResetRequest{
		Kind: kindPayment, CertType: "01", CertNumber: tellerCert, Account: codec.NewAccount(tellerCard), Code: codec.NewSecret("314159"), New: d.typed(otherPay),
	}
	change(&r)
	a, err := d.ResetPassword(context.Background(), d.call(), r)
	d.must(err)
	return a.Reason
}

func TestResetPassword(t *testing.T) {
	d := newTeller(t).customer()
	token := d.enter(goodLogin).Token
	for range 5 {
		d.judged(d.compared(kindPayment, "000000"))
	}
	d.equal("locked", d.judged(d.compared(kindPayment, goodPay)), ReasonPaymentLocked)
	d.sms(tellerCard, "314159")
	d.equal("weak", d.reset(func(r *ResetRequest) { r.New = d.typed("123456") }), ReasonPaymentWeak)
	d.equal("form", d.reset(func(r *ResetRequest) { r.Kind = kindLogin }), ReasonLoginForm)
	d.equal("none", d.reset(func(r *ResetRequest) { r.New = "" }), ReasonPageKey)
	d.equal("unknown BIN", d.reset(func(r *ResetRequest) { r.Account = codec.NewAccount("6222021234567894") }), switching.Reason("unknown-bin"))
	d.equal("another account", d.reset(func(r *ResetRequest) { r.Account = codec.NewAccount("6210081234567900") }), ReasonCodeWrong)
	d.equal("a wrong code", d.reset(func(r *ResetRequest) { r.Code = codec.NewSecret("271828") }), ReasonCodeWrong)
	d.equal("session", d.enters(token, tellerFollower), switching.Reason(""))
	d.equal("right", d.reset(func(*ResetRequest) {}), switching.Reason(""))
	d.equal("no lock", d.judged(d.compared(kindPayment, otherPay)), switching.Reason(""))
	d.equal("both", d.opens(goodLogin, otherPay), "login payment")
	d.equal("session", d.enters(token, tellerFollower), ReasonNoSession)
	d.equal("the code again", d.reset(func(*ResetRequest) {}) == "", false)

	d.sms(tellerCard, "314159")
	d.equal("login", d.reset(func(r *ResetRequest) { r.Kind, r.New = kindLogin, d.typed(otherLogin) }), switching.Reason(""))
	d.equal("both", d.opens(otherLogin, otherPay), "login payment")
	d.equal("history", d.one(`SELECT COUNT(*) FROM customer_history WHERE event LIKE '%-password-reset'`), int64(2))
	if _, err := d.ResetPassword(context.Background(), d.call(), ResetRequest{Kind: "pin", New: "x"}); err == nil {
		t.Error("reset a password of no kind")
	}
}

// A repeat of the key is told the same, and does not use the code twice.
func TestResetPasswordTwice(t *testing.T) {
	d := newTeller(t).customer()
	d.sms(tellerCard, "314159")
	call := d.call()
	r := ResetRequest{
		Kind: kindPayment, CertType: "01", CertNumber: tellerCert, Account: codec.NewAccount(tellerCard), Code: codec.NewSecret("314159"), New: d.typed(otherPay),
	}
	for range 3 {
		a, err := d.ResetPassword(context.Background(), call, r)
		d.must(err)
		d.equal("reason", a.Reason, switching.Reason(""))
	}
	r.Code = codec.NewSecret("271828")
	if _, err := d.ResetPassword(context.Background(), call, r); !errors.Is(err, switching.ErrKeyReused) {
		t.Error(err)
	}
}

// Who has the phone and the code but not the certificate learns nothing by
// trying: each try takes a code.
func TestResetIdentity(t *testing.T) {
	for name, change := range map[string]func(*ResetRequest){
		"another number": func(r *ResetRequest) { r.CertNumber = "110105194912310038" },
		"another type":   func(r *ResetRequest) { r.CertType = "02" },
	} {
		d := newTeller(t).customer()
		d.equal(name+", no code", d.reset(change), ReasonCodeWrong)
		d.sms(tellerCard, "314159")
		d.equal(name, d.reset(change), ReasonIdentity)
		d.equal(name+": the code is used", d.reset(func(*ResetRequest) {}) == "", false)
		d.equal(name, d.opens(goodLogin, goodPay), "login payment")
	}
	d := newTeller(t).customer()
	d.exec(`UPDATE link SET state = 'ended'`)
	d.sms(tellerCard, "314159")
	d.equal("an account no longer linked", d.reset(func(*ResetRequest) {}), ReasonIdentity)
	for want, change := range map[switching.Reason]func(*row){
		ReasonDeregistering:    func(c *row) { c.State = Deregistering },
		ReasonNotAuthenticated: func(c *row) { c.State = Superseded },
		ReasonFrozen:           func(c *row) { c.Frozen = true },
	} {
		d := newTeller(t).customer()
		d.sms(tellerCard, "314159")
		d.change(tellerFollower, change)
		d.equal("state", d.reset(func(*ResetRequest) {}), want)
	}
}

// Who has the phone, and neither code nor old password, learns nothing of certificate
// and accounts by what is too weak: six digits at a time, it would be all of them.
func TestTooWeakTellsNothing(t *testing.T) {
	for _, guess := range []string{"231002", "110105", "621008", otherPay} {
		d := newTeller(t).customer()
		d.equal("reset to "+guess, d.reset(func(r *ResetRequest) { r.New = d.typed(guess) }), ReasonCodeWrong)
		d.equal("set to "+guess, d.set("", guess, "", "000000"), ReasonPaymentWrong)
	}
	d := newTeller(t).customer()
	d.equal("by the old one", d.set("", "231002", "", goodPay), ReasonPaymentWeak)
	d.sms(tellerCard, "314159")
	d.equal("by the code", d.reset(func(r *ResetRequest) { r.New = d.typed("231002") }), ReasonPaymentWeak)
	d.equal("the code is not used", d.reset(func(*ResetRequest) {}), switching.Reason(""))
}

// A hundred codes: five are looked at.
func TestResetBruteForce(t *testing.T) {
	d := newTeller(t).customer()
	d.sms(tellerCard, "314159")
	for i := range 100 {
		got := d.reset(func(r *ResetRequest) { r.Code = codec.NewSecret(fmt.Sprint(271800 + i)) })
		if i < 5 && got != ReasonCodeWrong || got == "" {
			t.Fatal(i, got)
		}
	}
	d.equal("right, too late", d.reset(func(*ResetRequest) {}) == "", false)
	d.equal("not reset", d.opens(goodLogin, goodPay), "login payment")
}

// What a customer types, and what it is given, stands nowhere in the database.
func TestNoSecretInDatabase(t *testing.T) {
	d := newTeller(t)
	d.authenticated(tellerFollower, tellerCert, tellerCard)
	html, sql := `<img/src=x>7"`, "');DROP--42x"
	d.equal("set", d.set(html, goodPay, "", ""), switching.Reason(""))
	a := d.enter(html)
	d.equal("login", a.Reason, switching.Reason(""))
	d.equal("wrong", d.enter("Wrong/one/😀").Reason, ReasonLoginWrong)
	d.wait(10 * time.Minute)
	d.equal("change", d.set(sql, otherPay, html, goodPay), switching.Reason(""))
	d.sms(tellerCard, "314159")
	d.equal("reset", d.reset(func(r *ResetRequest) { r.New = d.typed("750318") }), switching.Reason(""))
	b := d.enter(sql)
	d.equal("login", b.Reason, switching.Reason(""))

	files, err := filepath.Glob(d.path + "*")
	d.must(err)
	for _, path := range files {
		data, err := os.ReadFile(path)
		d.must(err)
		for _, secret := range []string{html, sql, goodPay, otherPay, "750318", "314159", "Wrong/one", a.Token.Reveal(), b.Token.Reveal(), tellerCert, tellerCard} {
			raw := []byte(secret)
			for _, form := range []string{secret, hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw)} {
				if bytes.Contains(data, []byte(form)) {
					t.Errorf("%s holds %s", filepath.Base(path), secret)
				}
			}
		}
		if token, err := base64.RawURLEncoding.DecodeString(a.Token.Reveal()); err != nil || bytes.Contains(data, token) {
			t.Error("a token in binary", err)
		}
	}
}
