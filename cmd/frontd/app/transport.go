package app

import (
	"net/http"
	"time"
)

// again repeats, once, a request that had no answer and carries its idempotency
// key: the switch does what it asks once, and a repeat learns the end.
type again struct{ next http.RoundTripper }

func (t again) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.next.RoundTrip(r)
	if err == nil || r.Header.Get("Idempotency-Key") == "" || r.Context().Err() != nil {
		return answer, err
	}
	repeat := r.Clone(r.Context())
	if r.GetBody != nil {
		body, bodyErr := r.GetBody()
		if bodyErr != nil {
			return nil, err
		}
		repeat.Body = body
	}
	return t.next.RoundTrip(repeat)
}

// tapped shows each call to whoever runs the front in its own process.
type tapped struct {
	next http.RoundTripper
	tap  func(r *http.Request, status int, took time.Duration)
}

func (t tapped) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	answer, err := t.next.RoundTrip(r)
	status := 0
	if err == nil {
		status = answer.StatusCode
	}
	t.tap(r, status, time.Since(began))
	return answer, err
}
