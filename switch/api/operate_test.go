package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"wxswitch/banks"
	"wxswitch/codec"
	"wxswitch/routing"
	switching "wxswitch/switch"
	"wxswitch/switch/api"
)

func sampleAdvices() []switching.Advice {
	e := entry(switching.Request{Client: "teller", Type: codec.Deregister, Account: codec.NewAccount(card)})
	e.Standing = switching.TimedOut
	klb := e
	klb.Bank = "klb"
	return []switching.Advice{
		{ID: 41, Entry: e, Type: codec.Completion, State: switching.AdviceParked, Attempts: 3, Created: now, LastCode: "96"},
		{ID: 42, Entry: klb, Type: codec.Reversal, State: switching.AdvicePending, Created: now, Next: now},
		{ID: 43, Entry: e, Type: codec.Reversal, State: switching.AdviceDone, Created: now, LastCode: "00"},
	}
}

func (d *door) list(query string) (ids []string, next string) {
	d.t.Helper()
	var page api.AdvicePage
	d.call("GET", "/v1/advices"+query, opsToken, "").ok(d.t, &page)
	for _, a := range page.Advices {
		ids = append(ids, a.Id)
	}
	return ids, page.Next
}

func TestListAdvices(t *testing.T) {
	d := openFull(t, func(o *api.Options) {
		o.Banks = func() []banks.Status { return []banks.Status{{Bank: "wlmq"}} } // klb was taken out of the configuration
	})
	d.advices.rows[0].Next = now // from before it was parked: it is not to be sent then
	if body := d.call("GET", "/v1/advices", opsToken, "").body; strings.Count(body, `"next":`) != 1 || strings.Index(body, `"next":`) < strings.Index(body, `"id":"42"`) {
		t.Error(body)
	}
	for query, want := range map[string]string{
		"": "41 42 43|", "?state=parked": "41|", "?bank=klb": "42|", "?bank=klb&after=42": "|", "?bank=wlmq": "|",
		"?limit=2": "41 42|42", "?limit=200": "41 42 43|", "?limit=0": "41 42 43|", "?limit=2&after=42": "43|", "?after=9000": "|",
	} {
		ids, next := d.list(query)
		if got := strings.Join(ids, " ") + "|" + next; got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
	}
	for _, query := range []string{"?state=x", "?limit=x", "?limit=201", "?limit=-1", "?after=x", "?after=-1", "?limit=1&limit=2", "?state=%zz", "?limit=1;state=parked", "?bank=wlqm"} {
		d.call("GET", "/v1/advices"+query, opsToken, "").problem(t, "parameter-invalid")
	}
	d.advices.err = errors.New("disk gone")
	d.call("GET", "/v1/advices", opsToken, "").problem(t, "journal")
}

// A page has 50 where nothing or 0 is asked for.
func TestPageOfAdvices(t *testing.T) {
	d := openFull(t, nil)
	d.advices.rows = nil
	for id := range int64(51) {
		d.advices.rows = append(d.advices.rows, switching.Advice{ID: id + 1, Type: codec.Reversal, State: switching.AdviceDone, Created: now})
	}
	for _, query := range []string{"", "?limit=0"} {
		if ids, next := d.list(query); len(ids) != 50 || next != "50" {
			t.Errorf("%q: %d, next %s", query, len(ids), next)
		}
	}
}

func TestRetryAdvice(t *testing.T) {
	d := openFull(t, nil)
	for range 2 { // idempotent
		var a api.Advice
		d.call("POST", "/v1/advices/41/retry", opsToken, "").ok(t, &a)
		if a.State != api.AdviceStatePending || a.Transaction != "12000123" || a.AccountSuffix != "7890" || a.LastCode != "96" {
			t.Errorf("%+v", a)
		}
	}
	d.call("POST", "/v1/advices/43/retry", opsToken, "").problem(t, "advice-state")
	for _, id := range []string{"44", "x", "041"} {
		d.call("POST", "/v1/advices/"+id+"/retry", opsToken, "").problem(t, "advice-unknown")
	}
}

func TestCloseAdvice(t *testing.T) {
	d := openFull(t, nil)
	closing := func(id, body string) reply { return d.call("POST", "/v1/advices/"+id+"/close", opsToken, body) }
	for _, body := range []string{
		`{}`, `{"outcome":"approved"}`, `{"reason":""}`, `{"reason":"a\nb","outcome":"approved"}`,
		`{"reason":"` + strings.Repeat("字", 201) + `","outcome":"approved"}`,
	} {
		if p := closing("41", body).problem(t, "body-invalid"); p.Pointer != "/reason" {
			t.Errorf("%s: %+v", body, p)
		}
	}
	for id, body := range map[string]string{
		"41": `{"reason":"by phone"}`, "42": `{"reason":"by phone","outcome":"approved"}`, "43": `{"reason":"r","outcome":"timed-out"}`,
	} {
		if p := closing(id, body).problem(t, "body-invalid"); p.Pointer != "/outcome" {
			t.Errorf("%s: %+v", body, p)
		}
	}
	d.advices.rows[0].Entry.Standing = switching.Approved // by a late answer
	if p := closing("41", `{"reason":"by phone","outcome":"declined"}`).problem(t, "body-invalid"); !strings.Contains(p.Detail, "has approved this one") {
		t.Errorf("%+v", p)
	}
	d.advices.err = switching.ErrAdviceOnItsWay
	closing("41", `{"reason":"by phone","outcome":"approved"}`).problem(t, "advice-on-its-way")
	d.advices.err = switching.ErrCommitUnknown
	closing("41", `{"reason":"by phone","outcome":"approved"}`).problem(t, "outcome-unknown")
	d.call("POST", "/v1/advices/41/retry", opsToken, "").problem(t, "outcome-unknown")
	d.advices.err = nil
	for range 2 { // idempotent
		var a api.Advice
		closing("41", `{"reason":"电话确认","outcome":"approved"}`).ok(t, &a)
		if a.State != api.AdviceStateClosed || a.Note != "电话确认" {
			t.Errorf("%+v", a)
		}
	}
	if line := d.log.String(); !strings.Contains(line, `"bank":"xjrcu"`) || !strings.Contains(line, `"standing":"approved","message":"advice closed by operator"`) || strings.Contains(line, "电话确认") {
		t.Errorf("the log says %s", line)
	}
	closing("41", `{"reason":"another","outcome":"approved"}`).problem(t, "advice-state")
	closing("41", `{"reason":"电话确认","outcome":"declined"}`).problem(t, "advice-state")
	closing("42", `{"reason":"by phone"}`).ok(t, &api.Advice{})
	closing("43", `{"reason":"by phone"}`).problem(t, "advice-state")
	closing("44", `{"reason":"by phone"}`).problem(t, "advice-unknown")
	closing("x", `{"reason":"by phone"}`).problem(t, "advice-unknown")
}

func TestExplainRoute(t *testing.T) {
	d := open(t, nil)
	var e api.RouteExplanation
	d.call("POST", "/v1/routes/explain", opsToken, `{"account":"`+card+`"}`).ok(t, &e)
	if e.Bank != "xjrcu" || e.Kind != api.RouteExplanationKindCard || len(e.Rules) == 0 || !e.Rules[0].Won || e.Reason != "" {
		t.Errorf("%+v", e)
	}
	e = api.RouteExplanation{}
	d.call("POST", "/v1/routes/explain", bankToken, `{"account":"`+card+`","bank":"klb"}`).ok(t, &e)
	if e.Bank != "" || e.Reason != string(routing.BankMismatch) || e.Why == "" || e.Chosen != "klb" {
		t.Errorf("%+v", e)
	}
	if p := d.call("POST", "/v1/routes/explain", opsToken, `{"account":"62x"}`).problem(t, "body-invalid"); p.Pointer != "/account" {
		t.Errorf("%+v", p)
	}
}

func TestReloadRoutes(t *testing.T) {
	var router *routing.Router
	reload := errors.New("routes.yaml:3:5: bad")
	d := open(t, func(o *api.Options) {
		router = o.Router
		o.Reload = func(context.Context) error {
			if reload == nil {
				router.Swap(loadRoutes(t, strings.SplitAfter(routesFile, "luhn: false}\n")[0]))
			}
			return reload
		}
	})
	before := router.Table().Version()
	if p := d.call("POST", "/v1/routes/reload", opsToken, "").problem(t, "routes-invalid"); p.Detail != reload.Error() {
		t.Errorf("%+v", p)
	}
	reload = nil
	var table api.RouteTable
	d.call("POST", "/v1/routes/reload", opsToken, "").ok(t, &table)
	if table.Rules != 1 || table.Version == before {
		t.Errorf("%+v", table)
	}
}

func TestListBanks(t *testing.T) {
	d := open(t, func(o *api.Options) {
		o.Banks = func() []banks.Status {
			link := banks.LinkStatus{Name: "klb-1 127.0.0.1:9001", State: banks.LinkOnline, Since: now}
			return []banks.Status{
				{Bank: "xjrcu", Breaker: "open", Limit: 4},
				{Bank: "klb", Breaker: "closed", InFlight: 3, Limit: 8, Queued: 1, Online: 1, Links: []banks.LinkStatus{link}},
			}
		}
	})
	var list api.BankList
	answer := d.call("GET", "/v1/banks", opsToken, "")
	answer.ok(t, &list)
	if len(list.Banks) != 2 || list.Banks[0].Bank != "klb" || list.Banks[0].InFlight != 3 || len(list.Banks[0].Links) != 1 ||
		list.Banks[1].Breaker != api.BankBreakerOpen || !strings.Contains(answer.body, `"links":[]`) {
		t.Error(answer.body)
	}
	if answer.header.Get("Content-Type") != "application/json" || answer.status != http.StatusOK {
		t.Error(answer.header)
	}
}
