package switching

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests   *prometheus.CounterVec
	bankTime   *prometheus.HistogramVec
	switchTime *prometheus.HistogramVec
	inFlight   prometheus.Gauge
	lates      *prometheus.CounterVec
	recovered  prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	seconds := prometheus.ExponentialBuckets(0.0005, 2, 16)
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wxswitch_requests_total",
			Help: "Requests ended, by type, bank, outcome and reason.",
		}, []string{"type", "bank", "outcome", "reason"}),
		bankTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "wxswitch_bank_seconds", Buckets: seconds,
			Help: "Time a request spent between the switch and the bank.",
		}, []string{"type", "bank"}),
		switchTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "wxswitch_switch_seconds", Buckets: seconds,
			Help: "Time a request spent in the switch itself, the bank's time taken off.",
		}, []string{"type", "bank"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "wxswitch_in_flight", Help: "Requests that have not ended yet.",
		}),
		lates: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wxswitch_late_messages_total",
			Help: "Messages that nobody waited for, by bank and what became of them.",
		}, []string{"bank", "result"}),
		recovered: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wxswitch_recovered_total", Help: "Entries that the scan found open after their deadline and ended.",
		}),
	}
	if r != nil {
		r.MustRegister(m.requests, m.bankTime, m.switchTime, m.inFlight, m.lates, m.recovered)
	}
	return m
}

func (m *metrics) late(bank, result string) { m.lates.WithLabelValues(bank, result).Inc() }

// log writes the one line of a transaction and counts it.
func (w *walk) log() {
	e, outcome := w.result.Entry, string(w.result.End.Outcome)
	reason := string(e.End.Reason)
	if w.err != nil {
		e, outcome, reason = w.entry, "error", errorReason(w.err)
	}
	whole := time.Since(w.started)
	w.metrics.requests.WithLabelValues(string(w.request.Type), e.Bank, outcome, reason).Inc()
	if w.bankTime > 0 {
		w.metrics.bankTime.WithLabelValues(string(e.Type), e.Bank).Observe(w.bankTime.Seconds())
		w.metrics.switchTime.WithLabelValues(string(e.Type), e.Bank).Observe((whole - w.bankTime).Seconds())
	}
	w.Log.Info().Int64("id", e.ID).Str("client", e.Client).Str("type", string(w.request.Type)).
		Str("bank", e.Bank).Str("rrn", string(e.RRN)).Str("stan", string(e.STAN)).Str("sent", string(e.Sent)).
		Str("outcome", outcome).Str("reason", reason).Str("code", e.End.Code).
		Bool("replayed", w.result.Replayed).Dur("took", whole).Dur("bank_took", w.bankTime).Msg("transaction")
}

func errorReason(err error) string {
	switch {
	case errors.Is(err, ErrKeyReused):
		return "key-reused"
	case errors.Is(err, ErrInProgress):
		return "in-progress"
	}
	return "outcome-unknown"
}
