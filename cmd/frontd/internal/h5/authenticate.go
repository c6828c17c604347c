package h5

import (
	"net/http"
	"path"

	"wxswitch/cmd/frontd/internal/desk"
	"wxswitch/switch/api/client"
)

// authenticateForm is 客户认证 (A2). One who is authenticated finds 登录设置 there
// (A7), and the way to authenticateAgain.
func (v *visit) authenticateForm() {
	c, err := v.customer(v.r.Context(), v.Subject)
	switch {
	case err != nil:
		v.failed(err)
	case isNobody(c):
		v.authenticateAgain()
	default:
		v.show(http.StatusOK, "standing", "客户认证", c)
	}
}

// authenticateAgain shows the form to anybody: who is authenticated takes another
// account by it (A13).
func (v *visit) authenticateAgain() { v.showAuthenticate(http.StatusOK, v.ownForm()) }

// isNobody says that there is no customer, not even one who is becoming one.
func isNobody(c client.CustomerView) bool {
	return c.State == client.CustomerStateUnknown || c.State == client.CustomerStateDeregistered || c.State == client.CustomerStateSuperseded
}

// isKnown says that there is a customer, and be it one who is leaving.
func isKnown(c client.CustomerView) bool {
	return c.State == client.CustomerStateAuthenticated || c.State == client.CustomerStateDeregistering
}

// showAuthenticate shows the form, with its clocks.
func (v *visit) showAuthenticate(status int, f form) {
	var err error
	if f.Choices, err = v.choices(); err == nil && f.Code.Action == "" {
		err = v.withCode(&f, client.PurposeAuthenticate)
	}
	if err != nil {
		v.failed(err)
		return
	}
	f.Data = v.Terms
	v.show(status, "authenticate", "客户认证", f)
}

func (v *visit) authenticateCode() {
	v.askCode(client.PurposeAuthenticate, v.ownForm(), v.showAuthenticate)
}

func (v *visit) authenticate() {
	body := client.Authentication{
		CertType: v.field("cert_type"), CertNumber: v.field("cert_number"), Account: v.field("account"),
		Bank: v.field("bank"), Code: v.field("code"), Terms: v.consent("terms"), Notices: v.consent("notices"),
	}
	end, err := desk.Ask[client.Ended](v.Switch.Authenticate(v.r.Context(),
		&client.AuthenticateParams{FollowerChannel: v.Channel, FollowerSubject: v.Subject, IdempotencyKey: v.key()}, body))
	f := v.ownForm()
	if err != nil {
		v.refusedForm(err, f, v.showAuthenticate)
		return
	}
	if end.Outcome == client.EndedOutcomeApproved {
		v.changed("")
	}
	v.ended(result{Kind: path.Base(f.Action), Outcome: string(end.Outcome), Text: end.Text})
}

// consent is the version that a tick accepts (A12). One of a form that was shown
// before the terms changed accepts nothing: these were not read.
func (v *visit) consent(name string) string {
	if v.field(name) != v.Terms {
		return ""
	}
	return v.Terms
}

// deregisterForm asks for 确认 (A8).
func (v *visit) deregisterForm() {
	c, err := v.customer(v.r.Context(), v.Subject)
	switch {
	case err != nil:
		v.failed(err)
	case !isKnown(c):
		v.notice(v.w, http.StatusOK, notices.nothingToEnd, "")
	default:
		f := v.form("/h5/deregister")
		f.Data = c
		v.show(http.StatusOK, "deregister", "客户注销", f)
	}
}

// deregister has three ends and no other (A9). Where no answer came it is in
// doubt, unless no connection was made.
func (v *visit) deregister() {
	end, err := desk.Ask[client.Ended](v.Switch.Deregister(v.r.Context(),
		&client.DeregisterParams{FollowerChannel: v.Channel, FollowerSubject: v.Subject, IdempotencyKey: v.key()}))
	p, answered := desk.Refused(err)
	switch {
	case err == nil:
		if end.Outcome == client.EndedOutcomeApproved {
			v.changed("")
		}
		v.ended(result{Kind: "deregister", Outcome: string(end.Outcome), Text: end.Text})
	case answered && p.Code == "not-authenticated":
		v.notice(v.w, http.StatusOK, notices.nothingToEnd, "")
	case answered && p.Retry != client.ProblemRetrySameKey && p.Text != "", !answered && unsent(err):
		v.ended(result{Kind: "deregister", Outcome: outcomeRefused, Text: textDeregisterFailed})
	default:
		v.Log.Warn().Err(err).Msg("how a deregistration ended was not heard")
		v.ended(result{Kind: "deregister", Outcome: outcomeTimedOut, Text: textDeregisterDoubt})
	}
}
