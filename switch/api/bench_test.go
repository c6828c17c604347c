package api_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	switching "wxswitch/switch"
	"wxswitch/switch/api"
)

// nowhere takes an answer and forgets it.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n nowhere) WriteHeader(int)             {}

// BenchmarkTransact is what the door costs above the switch and below net/http.
func BenchmarkTransact(b *testing.B) {
	sw := &fakeSwitch{do: func(_ context.Context, r switching.Request) (switching.Result, error) { return approved(r), nil }}
	handler := api.New(api.Options{Switch: sw, Clients: []api.Client{clientOf("teller", bankToken, api.ScopeBank)}}).Handler()
	body := bytes.NewReader(nil)
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/transactions", http.NoBody)
	r.Header = http.Header{
		"Authorization": {"Bearer " + bankToken}, "Content-Type": {"application/json"}, "Idempotency-Key": {"7f9c2ba4-e88f-4e2b"},
	}
	r.ContentLength = int64(len(deregisterBody))
	b.ReportAllocs()
	for b.Loop() {
		sw.asked = sw.asked[:0]
		body.Reset([]byte(deregisterBody))
		r.Body = http.NoBody
		request := *r
		request.Body = readCloser{body}
		handler.ServeHTTP(nowhere{http.Header{}}, &request)
	}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }
