package faults

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"wxswitch/banks/sim"
	switching "wxswitch/switch"
)

// page reads one of the operators' pages.
func (h *house) page(path string) []byte {
	h.t.Helper()
	status, body := h.look(path)
	if status != http.StatusOK {
		h.t.Fatalf("%s: status %d", path, status)
	}
	return body
}

// look asks for an operators' page; status is 0 where nobody answers.
func (h *house) look(path string) (status int, body []byte) {
	h.t.Helper()
	h.mu.Lock()
	at := h.at.Ops
	h.mu.Unlock()
	r, err := h.http.Get("http://" + at + path) //nolint:noctx // the client has a limit
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer r.Body.Close() //nolint:errcheck // read
	body, err = io.ReadAll(r.Body)
	must(h.t, err)
	return r.StatusCode, body
}

// TestOperatorsPages: a switch that runs is ready and counts; one that drains says
// so while it ends what is in flight.
func TestOperatorsPages(t *testing.T) {
	h := running(t, plan{})
	ready := string(h.page("/readyz"))
	for _, line := range []string{"ready: journal\n", "ready: accepting requests\n", "bank xjrcu: 2 of 2 links online, breaker closed, 0 of"} {
		if !strings.Contains(ready, line) {
			t.Errorf("no %q in %s", line, ready)
		}
	}
	h.metric(`wxswitch_advices{bank="xjrcu",state="pending"} 0`)
	h.fault(plainBank, sim.Fault{Kind: sim.Silence})
	if a := h.answered(deregister(plainBank, 1, "k")); a.outcome() != switching.TimedOut {
		t.Fatalf("%s", a.body)
	}
	h.metric(`wxswitch_requests_total{bank="xjrcu",outcome="timed-out",reason="no-reply",type="deregister"} 1`)
	h.metric(`wxswitch_bank_seconds_count{bank="xjrcu",type="deregister"} 1`)
	h.metric(`wxswitch_advices{bank="xjrcu",state="pending"} 1`)
	if page := string(h.page("/metrics")); !strings.Contains(page, "\nwxswitch_commit_seconds_count ") ||
		strings.Contains(page, "\nwxswitch_commit_seconds_count 0\n") {
		t.Error("no commit is counted")
	}

	h.metric("wxswitch_commit_waiting 0")

	asked, stopped := make(chan heard, 1), make(chan struct{})
	go func() { asked <- h.ask(balance(plainBank, 2)) }()
	h.metric("wxswitch_in_flight 1")
	go func() { h.stop(); close(stopped) }()
	eventually(t, "not ready", func() bool {
		status, body := h.look("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(string(body), "not ready: accepting requests: draining\n")
	})
	if a := <-asked; a.outcome() != switching.TimedOut {
		t.Errorf("what was in flight ended %q: %s", a.outcome(), a.body)
	}
	<-stopped
}
