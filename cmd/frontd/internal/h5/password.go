package h5

import (
	"cmp"
	"encoding/json"
	"net/http"
	"path"
	"time"

	"wxswitch/cmd/frontd/internal/desk"
	"wxswitch/switch/api/client"
)

// pageKey gives front.js the switch's key of the day and a nonce, with which it
// seals passwords.
func (v *visit) pageKey() {
	key, err := desk.Ask[client.PageKey](v.Switch.GetPageKey(v.r.Context()))
	if err != nil {
		v.failed(err)
		return
	}
	v.w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(v.w).Encode(map[string]string{"kid": key.Kid, "spki": key.Spki, "nonce": key.Nonce}) // one who is gone
}

// ways is how passwords may be set now.
type ways struct {
	Open           bool // without the old ones, until Minutes are over
	Minutes        int
	Login, Payment bool // are set
	MaySet         bool
}

// settingsForm is 登录设置 (A7).
func (v *visit) settingsForm() { v.showSettings(http.StatusOK, v.form("/h5/settings")) }

func (v *visit) showSettings(status int, f form) {
	c, err := v.customer(v.r.Context(), v.Subject)
	switch {
	case err != nil:
		v.failed(err)
		return
	case isNobody(c):
		v.lead("/h5/authenticate")
		return
	}
	w := ways{Login: c.HasLogin, Payment: c.HasPayment}
	if c.SetupUntil != nil {
		left := c.SetupUntil.Sub(v.Now())
		w.Open, w.Minutes = left > 0, int((left+time.Minute-1)/time.Minute)
	}
	w.MaySet = w.Open || w.Login || w.Payment
	f.Data = w
	v.show(status, "settings", "登录设置", f)
}

func (v *visit) settings() {
	end, err := desk.Ask[client.Ended](v.Switch.SetPasswords(v.r.Context(),
		&client.SetPasswordsParams{FollowerChannel: v.Channel, FollowerSubject: v.Subject, SessionToken: v.Login, IdempotencyKey: v.key()},
		client.Passwords{Login: v.field("login"), Payment: v.field("payment"), OldLogin: v.field("old_login"), OldPayment: v.field("old_payment")}))
	f := v.form("/h5/settings")
	if err != nil {
		v.refusedForm(err, f, v.showSettings)
		return
	}
	v.ended(result{Kind: "settings", Outcome: string(end.Outcome), Text: cmp.Or(end.Text, textSet), To: f.To})
}

// loginForm is 登录 (A11); who has no password is led to 登录设置.
func (v *visit) loginForm() {
	c, err := v.customer(v.r.Context(), v.Subject)
	switch {
	case err != nil:
		v.failed(err)
	case c.State == client.CustomerStateAuthenticated && !c.HasLogin:
		v.leadOn("/h5/settings")
	case isNobody(c):
		v.leadOn("/h5/authenticate")
	default:
		v.showLogin(http.StatusOK, v.form("/h5/login"))
	}
}

// leadOn leads to what is missing first, and from there to where this page would
// have led.
func (v *visit) leadOn(path string) { v.to(onward(path, v.r)) }

func (v *visit) showLogin(status int, f form) { v.show(status, "login", "登录", f) }

func (v *visit) login() {
	in, err := desk.Ask[client.Login](v.Switch.Login(v.r.Context(),
		&client.LoginParams{FollowerChannel: v.Channel, FollowerSubject: v.Subject, IdempotencyKey: v.key()},
		client.LoginRequest{Password: v.field("password")}))
	f := v.form("/h5/login")
	if err != nil {
		v.refusedForm(err, f, v.showLogin)
		return
	}
	v.changed(in.Token)
	v.to(cmp.Or(f.To, "/h5/accounts"))
}

// logout ends the switch's session; the follower is still known.
func (v *visit) logout() {
	if v.Login != "" {
		_, err := desk.Ask[client.Ended](v.Switch.Logout(v.r.Context(), &client.LogoutParams{
			FollowerChannel: v.Channel, FollowerSubject: v.Subject, SessionToken: v.Login, IdempotencyKey: v.key(),
		}))
		if err != nil {
			v.failed(err)
			return
		}
	}
	v.changed("")
	v.notice(v.w, http.StatusOK, notices.loggedOut, "")
}

// security is 安全管理.
func (v *visit) security() {
	c, err := v.customer(v.r.Context(), v.Subject)
	if err != nil {
		v.failed(err)
		return
	}
	f := v.form("/h5/logout")
	f.Data = struct {
		client.CustomerView
		In bool
	}{c, v.Login != ""}
	v.show(http.StatusOK, "security", "安全管理", f)
}

// resetForm is 微信支付密码重置 (D3), and that of the login password (A11).
func (v *visit) resetForm() { v.showReset(http.StatusOK, v.ownForm()) }

func (v *visit) showReset(status int, f form) {
	c, err := v.customer(v.r.Context(), v.Subject)
	switch {
	case err == nil && !isKnown(c):
		v.lead("/h5/authenticate")
		return
	case err == nil:
		f.Choices, err = v.choices()
	}
	if err == nil && f.Code.Action == "" {
		err = v.withCode(&f, client.PurposeReset)
	}
	if err != nil {
		v.failed(err)
		return
	}
	kind := resetKind(f)
	f.Data = kind
	v.show(status, "reset", map[client.PasswordResetKind]string{
		client.PasswordResetKindLogin: "微信登录密码重置", client.PasswordResetKindPayment: "微信支付密码重置",
	}[kind], f)
}

func resetKind(f form) client.PasswordResetKind { return client.PasswordResetKind(path.Base(f.Action)) }

func (v *visit) resetCode() { v.askCode(client.PurposeReset, v.ownForm(), v.showReset) }

func (v *visit) reset() {
	f := v.ownForm()
	end, err := desk.Ask[client.Ended](v.Switch.ResetPassword(v.r.Context(),
		&client.ResetPasswordParams{FollowerChannel: v.Channel, FollowerSubject: v.Subject, IdempotencyKey: v.key()},
		client.PasswordReset{
			Kind: resetKind(f), CertType: v.field("cert_type"), CertNumber: v.field("cert_number"), Account: v.field("account"),
			Bank: v.field("bank"), Code: v.field("code"), Password: v.field("password"),
		}))
	if err != nil {
		v.refusedForm(err, f, v.showReset)
		return
	}
	v.changed("")
	v.ended(result{Kind: "reset", Outcome: string(end.Outcome), Text: cmp.Or(end.Text, textReset)})
}
