package callback

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// kinds bounds the label type: what a stranger writes makes no series.
var kinds = map[string]bool{
	"text": true, "image": true, "voice": true, "video": true, "shortvideo": true, "location": true, "link": true,
	"subscribe": true, "unsubscribe": true, "SCAN": true, "LOCATION": true, "CLICK": true, "VIEW": true, "TEMPLATESENDJOBFINISH": true,
}

// kind is the message's type, an event's name, "none" or "other".
func (m Message) kind() string {
	kind := m.Type
	if kind == "event" {
		kind = m.Event
	}
	switch {
	case kind == "":
		return "none"
	case !kinds[kind]:
		return "other"
	}
	return kind
}

type metrics struct {
	total   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontd_callbacks_total", Help: "What the platform delivered, by type of message or event and result.",
		}, []string{"type", "result"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "frontd_callback_seconds", Help: "From the request to its reply. The platform waits for 5.",
			Buckets: []float64{.001, .005, .02, .05, .1, .25, .5, 1, 1.5, 2.5, 5},
		}, []string{"type"}),
	}
	if r != nil {
		r.MustRegister(m.total, m.seconds)
	}
	return m
}

func (m metrics) count(kind, result string) { m.total.WithLabelValues(kind, result).Inc() }

func (m metrics) took(kind, result string, d time.Duration) {
	m.count(kind, result)
	m.seconds.WithLabelValues(kind).Observe(d.Seconds())
}
