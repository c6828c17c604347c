package app

import (
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// again repeats, once, a request that had no answer and carries its idempotency
// key: the switch does what it asks once, and a repeat learns the end.
type again struct{ next http.RoundTripper }

func (t again) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent atomic.Bool
	answer, err := t.twice(r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		WroteHeaders: func() { sent.Store(true) },
	})))
	if err != nil && sent.Load() {
		return nil, unheardError{err.Error()}
	}
	return answer, err
}

// unheardError is that of a request of which something was written. It holds no
// other error: a repeat that could not connect, by us or by net/http itself, must
// not make the request look as if it was never sent.
type unheardError struct{ text string }

func (e unheardError) Error() string { return "sent, and not answered: " + e.text }

func (t again) twice(r *http.Request) (*http.Response, error) {
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

// Tap is shown every call of the switch when it is made, and by what it returns
// when it is answered; status 0 is none.
type Tap func(r *http.Request) (answered func(status int))

// tapped shows each call to whoever runs the front in its own process.
type tapped struct {
	next http.RoundTripper
	tap  Tap
}

func (t tapped) RoundTrip(r *http.Request) (*http.Response, error) {
	answered := t.tap(r)
	answer, err := t.next.RoundTrip(r)
	status := 0
	if err == nil {
		status = answer.StatusCode
	}
	answered(status)
	return answer, err
}
