package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/api"
)

// wrongBodies are bodies of POST /v1/transactions and the field to blame.
var wrongBodies = []struct{ name, body, pointer string }{
	{"blanks only", "  ", ""},
	{"not JSON", "account=6210085512347890", ""},
	{"array", `[]`, ""},
	{"string", `"x"`, ""},
	{"null", `null`, ""},
	{"cut", `{"type":"balance","account":"62100`, "/account"},
	{"cut after a comma", `{"type":"balance",`, ""},
	{"no comma", `{"type":"balance" "account":"6210085512347890"}`, "/type"},
	{"comma at the end", `{"type":"balance","account":"6210085512347890",}`, ""},
	{"no colon", `{"type" "balance"}`, ""},
	{"comment", `{/**/"type":"balance"}`, ""},
	{"single quotes", `{'type':'balance'}`, ""},
	{"something follows", balanceBody + `{}`, ""},
	{"a byte follows", balanceBody + "\x00", ""},
	{"byte order mark", "\ufeff" + balanceBody, ""},
	{"unknown field", `{"type":"balance","account":"6210085512347890","pin":"123456"}`, "/pin"},
	{"unknown field that is a number", `{"6210085512347890":"x"}`, ""},
	{"unknown nested field", `{"type":"balance","certificate":{"kind":"01"}}`, "/certificate/kind"},
	{"other case", `{"Type":"balance"}`, ""},
	{"escaped name", `{"typ\u0065":"balance"}`, ""},
	{"twice", `{"type":"balance","account":"6210085512347890","account":"6210085512347890"}`, "/account"},
	{"twice nested", `{"certificate":{"type":"01","type":"01"}}`, "/certificate/type"},
	{"number for a string", `{"type":"balance","account":6210085512347890}`, "/account"},
	{"null for a string", `{"type":"balance","account":null}`, "/account"},
	{"bool for a string", `{"type":true}`, "/type"},
	{"list for a string", `{"type":["balance"]}`, "/type"},
	{"object for a string", `{"type":{}}`, "/type"},
	{"string for an object", `{"certificate":"650102198507073321"}`, "/certificate"},
	{"null for an object", `{"certificate":null}`, "/certificate"},
	{"deep", `{"certificate":` + strings.Repeat(`{"type":`, 5000) + `1`, "/certificate/type"},
	{"deep list", `{"type":` + strings.Repeat("[", 20000), "/type"},
	{"not UTF-8", "{\"type\":\"balance\",\"account\":\"\xff\"}", ""},
	{"half a surrogate", `{"type":"balance","customer":"\ud800"}`, "/customer"},
	{"wrong half", `{"type":"balance","customer":"\ud800\u0041"}`, "/customer"},
	{"low half first", `{"type":"balance","customer":"\udc00"}`, "/customer"},
	{"wrong escape", `{"type":"\x41"}`, "/type"},
	{"short escape", `{"type":"\u41"}`, "/type"},
	{"wrong digit", `{"type":"\u00\u0041"}`, "/type"},
	{"line break", "{\"type\":\"bal\nance\"}", "/type"},
	{"no type", `{"account":"6210085512347890"}`, "/type"},
	{"unknown type", `{"type":"transfer","account":"6210085512347890"}`, "/type"},
	{"not for callers", `{"type":"reversal","account":"6210085512347890"}`, "/type"},
	{"no account", `{"type":"balance"}`, "/account"},
	{"letters", `{"type":"balance","account":"62100812345678x0"}`, "/account"},
	{"full-width digits", `{"type":"balance","account":"６２１００８"}`, "/account"},
	{"long account", `{"type":"balance","account":"` + strings.Repeat("6", 33) + `"}`, "/account"},
	{"no certificate", `{"type":"authenticate","account":"6210085512347890"}`, "/certificate"},
	{"empty certificate", `{"type":"authenticate","account":"6210085512347890","certificate":{}}`, "/certificate/number"},
	{"certificate type", `{"type":"authenticate","account":"6210085512347890","certificate":{"type":"1","number":"1"}}`, "/certificate/type"},
	{"certificate type's case", `{"type":"authenticate","account":"6210085512347890","certificate":{"type":"a1","number":"1"}}`, "/certificate/type"},
	{"no number", `{"type":"authenticate","account":"6210085512347890","certificate":{"type":"01"}}`, "/certificate/number"},
	{"long number", `{"type":"authenticate","account":"6210085512347890","certificate":{"type":"01","number":"123456789012345678901"}}`, "/certificate/number"},
	{"control in number", `{"type":"authenticate","account":"6210085512347890","certificate":{"type":"01","number":"1\u0000"}}`, "/certificate/number"},
	{"no character", `{"type":"authenticate","account":"6210085512347890","certificate":{"type":"01","number":"1\ufffd"}}`, "/certificate/number"},
	{"long customer", `{"type":"balance","account":"6210085512347890","customer":"` + strings.Repeat("c", 65) + `"}`, "/customer"},
	{"blank in customer", `{"type":"balance","account":"6210085512347890","customer":"c 1"}`, "/customer"},
	{"bank", `{"type":"balance","account":"6210085512347890","bank":"昆仑"}`, "/bank"},
}

func TestWrongBodies(t *testing.T) {
	d := open(t, nil)
	for _, c := range wrongBodies {
		t.Run(c.name, func(t *testing.T) {
			p := d.call("POST", "/v1/transactions", bankToken, c.body, "Idempotency-Key", "k").problem(t, "body-invalid")
			if p.Pointer != c.pointer {
				t.Errorf("pointer %q, want %q: %s", p.Pointer, c.pointer, p.Detail)
			}
		})
	}
	if d.sw.count() != 0 {
		t.Errorf("the switch was asked %d times", d.sw.count())
	}
}

func TestBodiesThatAreRight(t *testing.T) {
	d := open(t, nil)
	for _, body := range []string{
		" \r\n\t{ \"type\" : \"balance\" ,\n\"account\":\"6210085512347890\" } \n",
		`{"type":"b\u0061l\u0061nce","account":"\u0036210085512347890"}`,
		`{"type":"authenticate","account":"6210085512347890","certificate":{"type":"02","number":"军字第1234567号"}}`,
		`{"type":"authenticate","account":"6210085512347890","certificate":{"type":"0A","number":"\ud840\udc00"}}`,
	} {
		d.call("POST", "/v1/transactions", bankToken, body, "Idempotency-Key", "k").ok(t, &api.Answer{})
		if got := d.sw.last(t).Account.Reveal(); got != card {
			t.Errorf("account %q", got)
		}
	}
}

func TestBodyEnvelope(t *testing.T) {
	d := open(t, nil)
	large := balanceBody + strings.Repeat(" ", 64<<10)
	d.call("POST", "/v1/transactions", bankToken, large).problem(t, "body-too-large")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url+"/v1/transactions", struct{ *strings.Reader }{strings.NewReader(large)})
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer " + bankToken}, "Content-Type": {"application/json"}}
	r.ContentLength = -1 // chunked
	d.send(r).problem(t, "body-too-large")

	full := balanceBody + strings.Repeat(" ", 64<<10-len(balanceBody))
	d.call("POST", "/v1/transactions", bankToken, full).ok(t, &api.Answer{})
	for _, media := range []string{"text/plain", "", "application/x-www-form-urlencoded", "application/jsonx"} {
		d.call("POST", "/v1/transactions", bankToken, balanceBody, "Content-Type", media).problem(t, "content-type")
	}
	d.call("POST", "/v1/transactions", bankToken, balanceBody, "Content-Type", "Application/JSON; charset=utf-8").ok(t, &api.Answer{})
	d.call("POST", "/v1/transactions", bankToken, "", "Content-Type", "application/json").problem(t, "body-invalid")
	d.call("GET", "/v1/transactions/7", bankToken, "{}").problem(t, "body-invalid")
	d.call("POST", "/v1/routes/reload", opsToken, "{}").problem(t, "body-invalid")
}

// FuzzBody: whatever the body is, the door refuses it or the switch is asked
// exactly what encoding/json, held to be strict, reads in it.
func FuzzBody(f *testing.F) {
	for _, c := range wrongBodies {
		f.Add([]byte(c.body))
	}
	for _, body := range []string{balanceBody, deregisterBody, authenticateBody} {
		f.Add([]byte(body))
	}
	d := &door{sw: &fakeSwitch{}, log: &syncBuffer{}}
	var asked *switching.Request
	d.sw.do = func(_ context.Context, r switching.Request) (switching.Result, error) {
		asked = &r
		return approved(r), nil
	}
	handler := api.New(api.Options{Switch: d.sw, Clients: []api.Client{clientOf("teller", bankToken, api.ScopeBank)}}).Handler()
	f.Fuzz(func(t *testing.T, body []byte) {
		asked, d.sw.asked = nil, nil
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/transactions", bytes.NewReader(body))
		r.Header = http.Header{"Authorization": {"Bearer " + bankToken}, "Content-Type": {"application/json"}, "Idempotency-Key": {"k"}}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if (w.Code == http.StatusOK) != (asked != nil) {
			t.Fatalf("%d, and the switch was asked: %v", w.Code, asked != nil)
		}
		if asked == nil {
			reply{w.Code, w.Header(), w.Body.String()}.problem(t, "body-invalid")
			return
		}
		var strict api.TransactionRequest
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&strict); err != nil {
			t.Fatalf("encoding/json refuses what the door took: %v", err)
		}
		if strict.Account != asked.Account.Reveal() || string(strict.Type) != string(asked.Type) ||
			strict.Customer != asked.Customer || strict.Bank != asked.Bank {
			t.Fatal("the switch was asked something else")
		}
		var certificate api.Certificate
		if strict.Certificate != nil {
			certificate = *strict.Certificate
		}
		if certificate.Type != asked.Fields.Get(codec.FieldCertType) || certificate.Number != asked.Fields.Get(codec.FieldCertNumber) {
			t.Fatal("the switch was asked about another certificate")
		}
	})
}
