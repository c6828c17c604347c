package wechat

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	calls   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{
		prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontd_outbound_total",
			Help: "Calls of the platform by the errcode of the answer: 0, a code that is known, other, or none where there was no answer.",
		}, []string{"call", "errcode"}),
		prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "frontd_outbound_seconds", Help: "Time of a call of the platform.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 11),
		}, []string{"call"}),
	}
	if r != nil {
		r.MustRegister(m.calls, m.seconds)
	}
	return m
}

func (m metrics) called(call string, err error, took time.Duration) {
	m.calls.WithLabelValues(call, errcode(err)).Inc()
	m.seconds.WithLabelValues(call).Observe(took.Seconds())
}

// others have no remedy of their own, and tell an operator what is wrong.
var others = []int{codeInvalid, codeMissing, codeExpired, codeUsed, codeNoMenu, 40013, 40125, 40164, 41001, 50002}

// errcode is one of so many words, whatever the platform answers.
func errcode(err error) string {
	var e *Error
	switch {
	case err == nil:
		return "0"
	case !errors.As(err, &e):
		return "none"
	}
	if _, known := remedies[e.Code]; known || slices.Contains(others, e.Code) {
		return strconv.Itoa(e.Code)
	}
	return "other"
}
