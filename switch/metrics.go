package switching

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wxswitch/codec"
)

type metrics struct {
	requests   *prometheus.CounterVec
	bankTime   *prometheus.HistogramVec
	switchTime *prometheus.HistogramVec
	inFlight   prometheus.Gauge
	lates      *prometheus.CounterVec
	recovered  prometheus.Counter

	mu    sync.RWMutex // guards pairs
	pairs map[pair]*pairMetrics
}

// pair is a type at a bank.
type pair struct {
	t    codec.Type
	bank string
}

// pairMetrics are what nearly every request of a pair counts in, resolved once.
type pairMetrics struct {
	approved             prometheus.Counter
	bankTime, switchTime prometheus.Observer
}

func newMetrics(r prometheus.Registerer) *metrics {
	seconds := prometheus.ExponentialBuckets(0.0005, 2, 16)
	m := &metrics{
		pairs: make(map[pair]*pairMetrics),
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

// What becomes of a message that nobody waited for: a late reply, or what a bank says
// by itself.
const (
	lateError       = "error"
	lateUnmatched   = "unmatched"
	lateJournalled  = "journalled"
	lateUnsupported = "unsupported-request"
	lateForeign     = "foreign-account"
	lateRepeated    = "repeated-request"
	lateRequest     = "request"
)

// begin shows a bank's counters at 0: the first that is counted is an increase.
func (m *metrics) begin(bank string) {
	for _, result := range []string{lateError, lateUnmatched, lateJournalled, lateUnsupported, lateForeign, lateRepeated, lateRequest} {
		m.lates.WithLabelValues(bank, result)
	}
}

func (m *metrics) late(bank, result string) { m.lates.WithLabelValues(bank, result).Inc() }

func (m *metrics) of(t codec.Type, bank string) *pairMetrics {
	p := pair{t, bank}
	m.mu.RLock()
	known := m.pairs[p]
	m.mu.RUnlock()
	if known != nil {
		return known
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pairs[p] == nil {
		m.pairs[p] = &pairMetrics{
			approved:   m.requests.WithLabelValues(string(t), bank, string(Approved), ""),
			bankTime:   m.bankTime.WithLabelValues(string(t), bank),
			switchTime: m.switchTime.WithLabelValues(string(t), bank),
		}
	}
	return m.pairs[p]
}

// log writes the one line of a transaction and counts it.
func (w *walk) log() {
	e := &w.entry
	outcome, reason := string(e.End.Outcome), string(e.End.Reason)
	if w.err != nil {
		outcome, reason = "error", errorReason(w.err)
	}
	whole := time.Since(w.started)
	if w.err == nil && e.End.Outcome == Approved && reason == "" {
		w.metrics.of(e.Type, e.Bank).approved.Inc()
	} else {
		w.metrics.requests.WithLabelValues(string(e.Type), e.Bank, outcome, reason).Inc()
	}
	if w.bankTime > 0 {
		m := w.metrics.of(e.Type, e.Bank)
		m.bankTime.Observe(w.bankTime.Seconds())
		m.switchTime.Observe((whole - w.bankTime).Seconds())
	}
	w.Log.Info().Int64("id", e.ID).Str("client", e.Client).Str("type", string(e.Type)).
		Str("bank", e.Bank).Str("rrn", string(e.RRN)).Str("stan", string(e.STAN)).Str("sent", string(e.Sent)).
		Str("outcome", outcome).Str("reason", reason).Str("code", e.End.Code).
		Bool("replayed", w.replayed).AnErr("cause", w.cause).Dur("took", whole).Dur("bank_took", w.bankTime).Msg("transaction")
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
