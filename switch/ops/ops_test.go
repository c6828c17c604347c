package ops_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wxswitch/banks"
	"wxswitch/codec/iso"
	switching "wxswitch/switch"
	"wxswitch/switch/ops"
)

// get asks for a page.
func get(o ops.Options, path string) (status int, body string) {
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	w := httptest.NewRecorder()
	ops.Handler(o).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func is(name string, err error) ops.Check {
	return ops.Check{Name: name, Ready: func(context.Context) error { return err }}
}

// TestReady: one check that fails is enough, and each says in words how it stands.
func TestReady(t *testing.T) {
	full, draining := errors.New("disk is full"), errors.New("draining")
	for name, c := range map[string]struct {
		journal, accepting error
		status             int
		body               string
	}{
		"all good":   {nil, nil, 200, "ready: journal\nready: accepting requests\n"},
		"no journal": {full, nil, 503, "not ready: journal: disk is full\nready: accepting requests\n"},
		"draining":   {nil, draining, 503, "ready: journal\nnot ready: accepting requests: draining\n"},
		"both":       {full, draining, 503, "not ready: journal: disk is full\nnot ready: accepting requests: draining\n"},
	} {
		o := ops.Options{Checks: []ops.Check{is("journal", c.journal), is("accepting requests", c.accepting)}}
		if status, body := get(o, "/readyz"); status != c.status || body != c.body {
			t.Errorf("%s: %d %q, want %d %q", name, status, body, c.status, c.body)
		}
		// A restart would help none of them.
		if status, body := get(o, "/livez"); status != 200 || body != "alive\n" {
			t.Errorf("%s: /livez %d %q", name, status, body)
		}
	}
}

// TestACheckThatHangsIsNotReady: who watches hears so within a second.
func TestACheckThatHangsIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := ops.Check{Name: "journal", Ready: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		begun := time.Now()
		status, body := get(ops.Options{Checks: []ops.Check{hangs}}, "/readyz")
		if took := time.Since(begun); status != 503 || body != "not ready: journal: context deadline exceeded\n" || took != time.Second {
			t.Errorf("%d %q after %s", status, body, took)
		}
	})
}

// TestABankWithoutALinkIsNamed, and the others are served.
func TestABankWithoutALinkIsNamed(t *testing.T) {
	d, err := iso.Builtin("plain")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]*banks.Bank)
	for _, name := range []string{"xjrcu", "klb"} {
		all[name], err = banks.New(banks.Config{
			Name: name, Links: []banks.LinkConfig{{Name: "l", Addresses: []string{"x:1"}}}, Limit: 7, Acquirer: "48980000", Forwarder: "48980000",
		}, d, switching.New(switching.Options{}), banks.Options{Log: zerolog.Nop(), Numbers: switching.NewNumbers(nil, time.Now)})
		if err != nil {
			t.Fatal(err)
		}
	}
	const want = "ready: journal\n" +
		"bank klb: 0 of 1 links online, breaker closed, 0 of 7 in flight\n" +
		"bank xjrcu: 0 of 1 links online, breaker closed, 0 of 7 in flight\n"
	if status, body := get(ops.Options{Checks: []ops.Check{is("journal", nil)}, Banks: all}, "/readyz"); status != 200 || body != want {
		t.Errorf("%d %q, want %q", status, body, want)
	}
}

// TestMetricsPage: what is registered is served. A journal that cannot be read is
// counted, and hides only what it would have told.
func TestMetricsPage(t *testing.T) {
	r := prometheus.NewRegistry()
	ops.Commits(r)(3, 2*time.Second)
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	var wrong error
	two := map[string]*banks.Bank{"xjrcu": nil, "wlmq": nil}
	r.MustRegister(ops.Advices{Banks: two, Now: func() time.Time { return now }, Stat: func(context.Context) ([]switching.AdviceStat, error) {
		return []switching.AdviceStat{{Bank: "xjrcu", State: switching.AdviceParked, Count: 4, Oldest: now.Add(-time.Minute)}}, wrong
	}})
	status, body := get(ops.Options{Registry: r}, "/metrics")
	for _, line := range []string{
		"wxswitch_commit_seconds_sum 2\n", "wxswitch_commit_batch_sum 3\n", "wxswitch_commit_batch_count 1\n",
		`wxswitch_advices{bank="xjrcu",state="parked"} 4` + "\n",
		`wxswitch_advice_oldest_seconds{bank="xjrcu",state="parked"} 60` + "\n",
		`wxswitch_advices{bank="xjrcu",state="pending"} 0` + "\n",
		`wxswitch_advices{bank="wlmq",state="parked"} 0` + "\n",
		`wxswitch_advice_oldest_seconds{bank="wlmq",state="pending"} 0` + "\n",
	} {
		if !strings.Contains(body, line) {
			t.Errorf("no %q in %s", line, body)
		}
	}
	if status != 200 {
		t.Errorf("status %d", status)
	}
	// Commits from a fast disk to one that hangs fall into buckets of their own.
	for _, line := range []string{`wxswitch_commit_seconds_bucket{le="1.6384"} 0`, `wxswitch_commit_seconds_bucket{le="3.2768"} 1`, `wxswitch_commit_batch_bucket{le="512"} 1`} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("no %q", line)
		}
	}
	wrong = errors.New("disk is full")
	get(ops.Options{Registry: r}, "/metrics")
	status, body = get(ops.Options{Registry: r}, "/metrics")
	if status != 200 || strings.Contains(body, "\nwxswitch_advice") || !strings.Contains(body, "wxswitch_commit_seconds_sum 2\n") {
		t.Errorf("%d %s", status, body)
	}
	if !strings.Contains(body, `promhttp_metric_handler_errors_total{cause="gathering"} 1`) {
		t.Error("the scrape before, which failed, is not counted")
	}
}

// TestTheWriterIsSeenAtWork, not only once it is done.
func TestTheWriterIsSeenAtWork(t *testing.T) {
	r := prometheus.NewRegistry()
	ops.Writer(r, func() int { return 7 }, func() time.Duration { return 90 * time.Second })
	_, body := get(ops.Options{Registry: r}, "/metrics")
	for _, line := range []string{"wxswitch_commit_waiting 7\n", "wxswitch_commit_busy_seconds 90\n"} {
		if !strings.Contains(body, line) {
			t.Errorf("no %q in %s", line, body)
		}
	}
}
