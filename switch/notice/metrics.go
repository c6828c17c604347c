package notice

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	waitingDesc = prometheus.NewDesc("wxswitch_notices", "Notices that are not told, by state.", []string{"state"}, nil)
	oldestDesc  = prometheus.NewDesc("wxswitch_notice_oldest_seconds", "Age of the oldest notice that is to be sent.", nil, nil)
	shutDesc    = prometheus.NewDesc("wxswitch_notice_front_shut", "Whether nothing but probes is sent, by channel.", []string{"channel"}, nil)
)

// metrics are counted by the handler; the rest is read when it is asked for.
type metrics struct {
	sendings map[Verdict]prometheus.Counter
}

func newMetrics(n *Notices) metrics {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wxswitch_notice_sendings_total", Help: "Sendings of notices to the front, by verdict.",
	}, []string{"verdict"})
	m := metrics{sendings: make(map[Verdict]prometheus.Counter)}
	for _, v := range []Verdict{Accepted, Away, Never, Later, Closed, Failed, Down} {
		m.sendings[v] = vec.WithLabelValues(string(v))
	}
	if n.o.Registerer != nil {
		n.o.Registerer.MustRegister(vec, collector{n})
	}
	return m
}

func (m metrics) ended(v Verdict) {
	c, known := m.sendings[v]
	if !known {
		c = m.sendings[Failed]
	}
	c.Inc()
}

// collector reads the database and the circuits.
type collector struct{ n *Notices }

func (collector) Describe(c chan<- *prometheus.Desc) {
	c <- waitingDesc
	c <- oldestDesc
	c <- shutDesc
}

func (x collector) Collect(c chan<- prometheus.Metric) {
	for channel, shut := range x.n.circuits.shut() {
		value := 0.0
		if shut {
			value = 1
		}
		c <- prometheus.MustNewConstMetric(shutDesc, prometheus.GaugeValue, value, channel)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s, err := x.n.Stats(ctx)
	if err != nil {
		c <- prometheus.NewInvalidMetric(waitingDesc, err)
		return
	}
	age := 0.0
	if !s.Oldest.IsZero() {
		age = x.n.o.Now().Sub(s.Oldest).Seconds()
	}
	c <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, float64(s.Pending), string(StatePending))
	c <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, float64(s.Parked), string(StateParked))
	c <- prometheus.MustNewConstMetric(oldestDesc, prometheus.GaugeValue, age)
}
