package wechat

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// Nothing but an object whose errcode is there and 0 says that a thing was done.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"errcode":0,"errmsg":"ok"}`, `{"errcode":40001,"errmsg":"x"}`, `{}`, `null`, `[]`, `{"ERRCODE":0}`, `{"errcode":0.0}`, `{"errcode":-1}`, `{"errcode":1,"errmsg":"a\nb"}`, `{"errcode":1,"errmsg":"` + strings.Repeat("长", 70) + `"}`, ``, `{"errcode":0}{}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := parse(body, acknowledged)
		var e *Error
		switch {
		case errors.As(err, &e):
			if e.Code == 0 || len(e.Message) > 200 || strings.ContainsAny(e.Error(), "\n\r") {
				t.Errorf("%q: %v", body, err)
			}
		case err != nil:
			if err != errGarbled { //nolint:errorlint // nothing else
				t.Errorf("%q: %v", body, err)
			}
		default:
			var object map[string]json.RawMessage
			if json.Unmarshal(body, &object) != nil || object == nil {
				t.Errorf("%q is taken for an answer", body)
			}
		}
	})
}
