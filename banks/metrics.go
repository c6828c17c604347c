package banks

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"

	"wxswitch/codec"
)

// metrics are one bank's, resolved beforehand. Those that are read off the
// bank when asked for are registered by [Bank.registerGauges].
type metrics struct {
	results    map[string]prometheus.Counter
	late       prometheus.Counter
	duplicate  prometheus.Counter
	unmatched  prometheus.Counter
	format     prometheus.Counter
	dropped    prometheus.Counter
	reconnects prometheus.Counter
	seconds    prometheus.Histogram
	messages   prometheus.Histogram
	bytes      prometheus.Histogram
}

// resultUsed is the reason of a permit that is used twice: a fault of the caller's,
// for which no customer needs words, so that it stands apart from the Reasons.
const resultUsed = "permit-used"

var results = []string{
	codec.Approved.String(), codec.Declined.String(), codec.InDoubt.String(), codec.Unmapped.String(),
	string(NoReply), string(BadReply), string(BreakerOpen), string(NoLink), string(BulkheadFull),
	string(Draining), string(DeadlinePast), string(Duplicate), string(Unwritable), resultUsed,
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wxswitch_bank_exchanges_total", Help: "Exchanges by how they ended, refusals to admit among them.",
	}, []string{"result"})
	m := &metrics{
		results:    make(map[string]prometheus.Counter),
		late:       counter("late_total", "Replies that nobody waited for, known to the journal or not."),
		duplicate:  counter("duplicate_pairs_total", "Requests refused because the same pair was in flight."),
		unmatched:  counter("unmatched_total", "Replies to network messages that their link had not asked."),
		format:     counter("format_errors_total", "Messages and length headers that could not be read."),
		dropped:    counter("inbox_dropped_total", "Late replies and bank's requests dropped because too many waited."),
		reconnects: counter("reconnects_total", "Connections opened after a link's first."),
		seconds: histogram("exchange_seconds", "Time from hand-over to the reply, of exchanges that got one.",
			prometheus.ExponentialBuckets(0.001, 2, 15)),
		messages: histogram("write_messages", "Messages per write.", prometheus.ExponentialBuckets(1, 2, 7)),
		bytes:    histogram("write_bytes", "Bytes per write.", prometheus.ExponentialBuckets(64, 4, 6)),
	}
	for _, name := range results {
		m.results[name] = vec.WithLabelValues(name)
	}
	return m, register(r, vec, m.late, m.duplicate, m.unmatched, m.format, m.dropped, m.reconnects,
		m.seconds, m.messages, m.bytes)
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: "wxswitch_bank_" + name, Help: help})
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wxswitch_bank_" + name, Help: help, Buckets: buckets})
}

func register(r prometheus.Registerer, collectors ...prometheus.Collector) error {
	var errs []error
	for _, c := range collectors {
		errs = append(errs, r.Register(c))
	}
	return errors.Join(errs...)
}

// registerGauges registers what is read off the bank when it is asked for.
func (b *Bank) registerGauges(r prometheus.Registerer) error {
	gauge := func(name, help string, labels prometheus.Labels, read func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "wxswitch_bank_" + name, Help: help, ConstLabels: labels}, read)
	}
	collectors := []prometheus.Collector{
		gauge("in_flight", "Permits given and not yet back.", nil, func() float64 { return float64(b.inFlight.Load()) }),
		gauge("queue", "Messages waiting for a link.", nil, func() float64 { return float64(len(b.queue)) }),
		gauge("breaker_state", "0 closed, 1 half-open, 2 open.", nil, func() float64 { return breakerValue(b.breaker.State()) }),
	}
	for _, s := range []LinkState{LinkDown, LinkDialing, LinkSigning, LinkOnline, LinkDraining} {
		collectors = append(collectors, gauge("links", "Links by state.", prometheus.Labels{"state": string(s)},
			func() float64 { return float64(b.linksIn(s)) }))
	}
	return register(r, collectors...)
}

func breakerValue(s gobreaker.State) float64 {
	switch s {
	case gobreaker.StateHalfOpen:
		return 1
	case gobreaker.StateOpen:
		return 2
	case gobreaker.StateClosed:
	}
	return 0
}

// ended counts how an exchange or an attempt at one ended.
func (m *metrics) ended(reply Reply, err error) {
	m.results[resultOf(reply, err)].Inc()
	if err == nil {
		m.seconds.Observe(reply.Took.Seconds())
	}
}

func resultOf(reply Reply, err error) string {
	if err == nil {
		return reply.Meaning.String()
	}
	var notSent *NotSent
	var doubt *InDoubt
	if errors.As(err, &notSent) {
		return string(notSent.Reason)
	}
	errors.As(err, &doubt)
	return string(doubt.Reason)
}
