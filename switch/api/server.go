package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// server is the generated server but for the one operation that comes by the
// thousand a second: its body is read, and its answer written, by hand, which
// costs a third. Parameters and types are generated still, and tests hold what
// is read and written against encoding/json and openapi.yaml.
type server struct {
	ServerInterface
	api *API
}

// CreateTransaction sends one transaction and waits for its end.
func (s server) CreateTransaction(w http.ResponseWriter, r *http.Request, p CreateTransactionParams) {
	door := w.(*answer) //nolint:forcetypeassert,errcheck // guard calls nothing with another
	answer, err := s.api.transact(r.Context(), door.client, p, &door.request)
	if err != nil {
		s.api.fail(w, r, err)
		return
	}
	door.body.Reset()
	w.Header()["Content-Type"] = jsonType
	_, _ = w.Write(appendAnswer(door.body.AvailableBuffer(), &answer)) // to a caller that hung up
}

var jsonType = []string{"application/json"}

// appendAnswer writes an Answer as encoding/json does.
func appendAnswer(b []byte, a *Answer) []byte {
	b = appendText(b, `{"account_suffix":`, a.AccountSuffix)
	if a.Balance != nil {
		b = append(b, `,"balance":`...)
		b = appendBalance(b, a.Balance)
	}
	b = appendText(b, `,"bank":`, a.Bank)
	b = appendSome(b, `,"code":`, a.Code)
	b = appendSome(b, `,"holder":`, a.Holder)
	b = appendText(b, `,"id":`, a.Id)
	b = append(b, `,"opened":"`...)
	b = a.Opened.AppendFormat(b, time.RFC3339Nano)
	b = appendText(b, `","outcome":`, string(a.Outcome))
	b = appendSome(b, `,"reason":`, a.Reason)
	b = append(b, `,"replayed":`...)
	b = strconv.AppendBool(b, a.Replayed)
	b = appendText(b, `,"rrn":`, a.Rrn)
	b = appendText(b, `,"sent":`, a.Sent)
	b = appendText(b, `,"stan":`, a.Stan)
	b = appendText(b, `,"type":`, string(a.Type))
	return append(b, "}\n"...)
}

func appendBalance(b []byte, a *BalanceAmounts) []byte {
	start := len(b)
	b = appendAmount(b, `,"available":`, a.Available)
	b = appendSome(b, `,"currency":`, a.Currency)
	b = appendAmount(b, `,"ledger":`, a.Ledger)
	if len(b) == start {
		return append(b, "{}"...)
	}
	b[start] = '{'
	return append(b, '}')
}

func appendAmount(b []byte, name string, fen *int64) []byte {
	if fen == nil {
		return b
	}
	return strconv.AppendInt(append(b, name...), *fen, 10)
}

// appendSome writes a name and its value, nothing for an empty one.
func appendSome(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendText(b, name, value)
}

func appendText(b []byte, name, value string) []byte {
	b = append(b, name...)
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			whole, _ := json.Marshal(value) // a string cannot fail
			return append(b, whole...)
		}
	}
	b = append(b, '"')
	b = append(b, value...)
	return append(b, '"')
}
