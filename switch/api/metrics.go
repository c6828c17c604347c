package api

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	inFlight prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wxswitch_api_requests_total",
			Help: "API requests answered, by operation and HTTP status.",
		}, []string{"operation", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "wxswitch_api_in_flight",
			Help: "API requests under way.",
		}),
	}
	if r != nil {
		r.MustRegister(m.requests, m.inFlight)
	}
	return m
}

// counts are one operation's requests. The common status is resolved
// beforehand.
type counts struct {
	ok    prometheus.Counter
	other *prometheus.CounterVec // by status
}

func (m *metrics) of(operation string) *counts {
	other := m.requests.MustCurryWith(prometheus.Labels{"operation": operation})
	return &counts{ok: other.WithLabelValues("200"), other: other}
}

func (c *counts) add(status int) {
	if status == http.StatusOK {
		c.ok.Inc()
		return
	}
	c.other.WithLabelValues(strconv.Itoa(status)).Inc()
}
