package adapter

import (
	"github.com/prometheus/client_golang/prometheus"

	"wxswitch/codec"
)

// The reasons of wxswitch_adapter_dropped_total. Ledger rows note the same.
const (
	droppedMalformed = "malformed"     // cannot be paired
	droppedUnasked   = "unasked"       // a reply to nothing that was asked
	droppedUnsigned  = "not-signed-on" // a request on a link that carries none
	droppedDraining  = "draining"      // a request on a link that is signing off
	droppedFull      = "full"          // workers and queue are taken
	droppedExpired   = "expired"       // its deadline passed before it was begun
	droppedUnknown   = "unknown-end"   // core did not say how it ended
	droppedLedger    = "ledger"        // the ledger could not be written
	droppedUnsent    = "unsent"        // the answer could not be written
)

var droppedReasons = []string{
	droppedMalformed, droppedUnasked, droppedUnsigned, droppedDraining, droppedFull,
	droppedExpired, droppedUnknown, droppedLedger, droppedUnsent,
}

type metrics struct {
	received map[codec.Type]prometheus.Counter
	dropped  map[string]prometheus.Counter
	repeats  prometheus.Counter
	links    prometheus.Gauge
	core     prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	received := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wxswitch_adapter_received_total", Help: "Requests that were read, by type.",
	}, []string{"type"})
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wxswitch_adapter_dropped_total", Help: "Messages that were not answered, by reason.",
	}, []string{"reason"})
	m := &metrics{
		received: map[codec.Type]prometheus.Counter{},
		dropped:  map[string]prometheus.Counter{},
		repeats: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wxswitch_adapter_remembered_total", Help: "Requests answered from the ledger.",
		}),
		links: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "wxswitch_adapter_links", Help: "Links that are up.",
		}),
		core: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "wxswitch_adapter_core_seconds", Help: "Duration of calls of the bank's core.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
		}),
	}
	for _, c := range []codec.Class{codec.Enquiry, codec.Change, codec.Advice, codec.Network, codec.Inbound} {
		for _, t := range codec.Types(c) {
			m.received[t] = received.WithLabelValues(string(t))
		}
	}
	for _, r := range droppedReasons {
		m.dropped[r] = dropped.WithLabelValues(r)
	}
	return m, register(reg, received, dropped, m.repeats, m.links, m.core)
}

func register(reg prometheus.Registerer, all ...prometheus.Collector) error {
	if reg == nil {
		return nil
	}
	for _, c := range all {
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	return nil
}
