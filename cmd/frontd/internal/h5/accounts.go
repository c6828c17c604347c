package h5

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"

	"wxswitch/cmd/frontd/internal/desk"
	"wxswitch/cmd/frontd/internal/written"
	"wxswitch/switch/api/client"
)

// accountsPage is 账户管理: one account is looked at, all may be chosen (C1).
type accountsPage struct {
	Shown client.LinkedAccount
	All   []client.LinkedAccount
}

func (v *visit) linked() ([]client.LinkedAccount, error) {
	list, err := desk.Ask[client.AccountList](v.Switch.ListAccounts(v.r.Context(),
		&client.ListAccountsParams{FollowerChannel: v.Channel, FollowerSubject: v.Subject, SessionToken: v.Login}))
	return list.Accounts, err
}

// linkedAs is the account with the id.
func linkedAs(all []client.LinkedAccount, id string) (a client.LinkedAccount, ok bool) {
	i := slices.IndexFunc(all, func(a client.LinkedAccount) bool { return a.Id == id })
	if i < 0 {
		return a, false
	}
	return all[i], true
}

// accounts shows the linked accounts; each one's balance comes by itself, so that
// a slow bank holds no other's up.
func (v *visit) accounts() {
	all, err := v.linked()
	switch {
	case err != nil:
		v.failed(err)
		return
	case len(all) == 0:
		v.notice(v.w, http.StatusOK, note{iconInfo, "账户管理", textNoAccounts}, "")
		return
	}
	p := accountsPage{Shown: all[0], All: all}
	if a, ok := linkedAs(all, v.r.FormValue("a")); ok {
		p.Shown = a
	}
	f := v.form("/h5/logout")
	f.Data = p
	v.show(http.StatusOK, "accounts", "账户管理", f)
}

// balance is one account's line, with its own state.
func (v *visit) balance() {
	id := v.r.PathValue("id")
	list, err := desk.Ask[client.BalanceList](v.Switch.ListBalances(v.r.Context(),
		&client.ListBalancesParams{Account: []string{id}, FollowerChannel: v.Channel, FollowerSubject: v.Subject, SessionToken: v.Login}))
	if v.led(err) {
		return
	}
	line := client.BalanceLine{Outcome: client.BalanceLineOutcomeRefused, Text: notices.busy.Text}
	if err == nil && len(list.Balances) == 1 {
		line = list.Balances[0]
	}
	if v.r.Header.Get(partHeader) == "" {
		v.show(http.StatusOK, "balance", "账户余额", line)
		return
	}
	v.part(v.w, "balance", "balance", line)
}

// edit is 添加删除.
func (v *visit) edit() {
	all, err := v.linked()
	if err != nil {
		v.failed(err)
		return
	}
	v.show(http.StatusOK, "edit", "添加删除", all)
}

// addForm is 账户加挂 (C3). Without a payment password it leads to where that is
// set.
func (v *visit) addForm() { v.showAdd(http.StatusOK, v.form("/h5/accounts/add")) }

func (v *visit) showAdd(status int, f form) {
	_, err := v.linked() // logged in, or led to it
	var c client.CustomerView
	if err == nil {
		c, err = v.customer(v.r.Context(), v.Subject)
	}
	if err == nil {
		f.Choices, err = v.choices()
	}
	if err == nil && f.Code.Action == "" {
		err = v.withCode(&f, client.PurposeAttach)
	}
	if err != nil {
		v.failed(err)
		return
	}
	f.Data = c
	v.show(status, "add", "账户加挂", f)
}

func (v *visit) addCode() {
	v.askCode(client.PurposeAttach, v.form("/h5/accounts/add"), v.showAdd)
}

func (v *visit) add() {
	end, err := desk.Ask[client.Ended](v.Switch.Attach(v.r.Context(),
		&client.AttachParams{FollowerChannel: v.Channel, FollowerSubject: v.Subject, SessionToken: v.Login, IdempotencyKey: v.key()},
		client.Attachment{Account: v.field("account"), Bank: v.field("bank"), Code: v.field("code"), Payment: v.field("payment")}))
	if err != nil {
		v.refusedForm(err, v.form("/h5/accounts/add"), v.showAdd)
		return
	}
	v.ended(result{Kind: "attach", Outcome: string(end.Outcome), Text: end.Text})
}

// removeForm asks for 确认 (C4).
func (v *visit) removeForm() { v.showRemove(http.StatusOK, v.form(v.r.URL.Path)) }

func (v *visit) showRemove(status int, f form) {
	all, err := v.linked()
	if err != nil {
		v.failed(err)
		return
	}
	a, ok := linkedAs(all, v.r.PathValue("id"))
	if !ok {
		v.to("/h5/accounts/edit") // gone meanwhile
		return
	}
	f.Data = a
	v.show(status, "remove", "账户解挂", f)
}

func (v *visit) remove() {
	end, err := desk.Ask[client.Ended](v.Switch.Detach(v.r.Context(), v.r.PathValue("id"),
		&client.DetachParams{FollowerChannel: v.Channel, FollowerSubject: v.Subject, SessionToken: v.Login, IdempotencyKey: v.key()}))
	if err != nil {
		v.refusedForm(err, v.form(v.r.URL.Path), v.showRemove)
		return
	}
	v.ended(result{Kind: "detach", Outcome: string(end.Outcome), Text: end.Text})
}

// detailsPage is 交易明细 (C2).
type detailsPage struct {
	form
	Account client.LinkedAccount
	Period  string
	Page    client.DetailsPage
	Next    string // address of the page after this one
	Today   string
	Again   bool // the same may fare better a while later
}

func (v *visit) details() {
	q := client.ListDetailsParams{
		Period: client.ListDetailsParamsPeriod(cmp.Or(v.r.FormValue("period"), "today")), From: v.r.FormValue("from"), To: v.r.FormValue("to"),
		Cursor: v.r.FormValue("cursor"), FollowerChannel: v.Channel, FollowerSubject: v.Subject, SessionToken: v.Login,
	}
	p := detailsPage{form: form{Values: v.r.Form}, Period: string(q.Period), Today: v.Now().In(written.Shanghai).Format("2006-01-02")}
	all, err := v.linked()
	if err != nil {
		v.failed(err)
		return
	}
	a, ok := linkedAs(all, v.r.PathValue("id"))
	if !ok {
		v.to("/h5/accounts") // gone meanwhile
		return
	}
	p.Account = a
	status := http.StatusOK
	if q.Period != client.ListDetailsParamsPeriodCustom || v.r.Form.Has("from") { // else the dates are asked for
		status = v.movements(&p, q)
	}
	if status != 0 {
		v.show(status, "details", "交易明细", p)
	}
}

// movements asks for a page of them; 0 where it has answered.
func (v *visit) movements(p *detailsPage, q client.ListDetailsParams) (status int) {
	var err error
	p.Page, err = desk.Ask[client.DetailsPage](v.Switch.ListDetails(v.r.Context(), v.r.PathValue("id"), &q))
	r, answered := desk.Refused(err)
	switch {
	case v.led(err):
		return 0
	case answered:
		p.Alert, p.Wrong, p.Again = r.Text, fieldOf[r.Code], r.Retry != client.ProblemRetryNever
		return r.Status
	case err != nil:
		p.Alert, p.Again = textUnsent, true
		return http.StatusBadGateway
	}
	p.Again = p.Page.Outcome != client.DetailsPageOutcomeApproved
	if p.Page.Next != "" {
		p.Next = v.r.URL.Path + "?" + url.Values{
			"period": {p.Period}, "from": {q.From}, "to": {q.To}, "cursor": {p.Page.Next},
		}.Encode()
	}
	return http.StatusOK
}
