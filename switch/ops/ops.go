package ops

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"wxswitch/banks"
	switching "wxswitch/switch"
)

// Check is one thing that must hold for the switch to be ready.
type Check struct {
	Name string
	// Ready returns why it does not hold. It is given a second.
	Ready func(ctx context.Context) error
}

// Options are what the operators' pages are made of.
type Options struct {
	Registry *prometheus.Registry
	Checks   []Check
	Banks    map[string]*banks.Bank
}

// Handler serves /metrics, /livez and /readyz.
func Handler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{
		Registry: o.Registry,
		// Else all is hidden just when the journal cannot be read.
		ErrorHandling: promhttp.ContinueOnError,
	}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", o.ready)
	return mux
}

func (o Options) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	status, lines := http.StatusOK, []string{}
	for _, c := range o.Checks {
		if err := c.Ready(ctx); err != nil {
			status = http.StatusServiceUnavailable
			lines = append(lines, fmt.Sprintf("not ready: %s: %v", c.Name, err))
			continue
		}
		lines = append(lines, "ready: "+c.Name)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, strings.Join(append(lines, o.bankLines()...), "\n"))
}

func (o Options) bankLines() []string {
	lines := make([]string, 0, len(o.Banks))
	for name, b := range o.Banks {
		s := b.Status()
		lines = append(lines, fmt.Sprintf("bank %s: %d of %d links online, breaker %s, %d of %d in flight",
			name, s.Online, len(s.Links), s.Breaker, s.InFlight, s.Limit))
	}
	sort.Strings(lines)
	return lines
}

// Commits returns an observer of the journal's commits, for db.Options.
func Commits(r prometheus.Registerer) func(batch int, took time.Duration) {
	seconds := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "wxswitch_commit_seconds", Help: "Time of a commit, its fsync included.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
	})
	batches := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "wxswitch_commit_batch", Help: "Transactions that shared a commit.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 10),
	})
	r.MustRegister(seconds, batches)
	return func(batch int, took time.Duration) {
		seconds.Observe(took.Seconds())
		batches.Observe(float64(batch))
	}
}

// Writer registers what the journal's writer is at, which its commits tell only
// once they have ended.
func Writer(r prometheus.Registerer, waiting func() int, busy func() time.Duration) {
	r.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "wxswitch_commit_waiting", Help: "Transactions that wait for the journal's writer.",
		}, func() float64 { return float64(waiting()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "wxswitch_commit_busy_seconds", Help: "How long the journal's writer has been at its batch, 0 if at none: rises while the disk hangs.",
		}, func() float64 { return busy().Seconds() }),
	)
}

// Reloads returns what is to be told how each reload of the routes and places ended.
func Reloads(r prometheus.Registerer) func(error) {
	refused := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "wxswitch_reload_refused", Help: "1 if routes or places, as they were last read, were refused: those before stay in force.",
	})
	r.MustRegister(refused)
	return func(err error) {
		if err != nil {
			refused.Set(1)
			return
		}
		refused.Set(0)
	}
}

// Advices collects how many advices wait, by bank and state, and the age of the
// oldest: Stat is asked at every scrape. A bank of Banks without any shows 0, not
// nothing, which an alert could not tell from a broken scrape.
type Advices struct {
	Stat  func(ctx context.Context) ([]switching.AdviceStat, error)
	Banks map[string]*banks.Bank
	Now   func() time.Time
}

var (
	adviceCount = prometheus.NewDesc("wxswitch_advices", "Advices that are not acknowledged, by bank and state.", []string{"bank", "state"}, nil)
	adviceAge   = prometheus.NewDesc("wxswitch_advice_oldest_seconds", "Age of the oldest such advice.", []string{"bank", "state"}, nil)
)

// Describe implements prometheus.Collector.
func (a Advices) Describe(c chan<- *prometheus.Desc) {
	c <- adviceCount
	c <- adviceAge
}

// Collect implements prometheus.Collector. A journal that cannot be read counts
// as an error of the page, which then has no advices.
func (a Advices) Collect(c chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	stats, err := a.Stat(ctx)
	if err != nil {
		c <- prometheus.NewInvalidMetric(adviceCount, err)
		return
	}
	now := a.Now()
	for _, s := range a.withNone(stats, now) {
		c <- prometheus.MustNewConstMetric(adviceCount, prometheus.GaugeValue, float64(s.Count), s.Bank, string(s.State))
		c <- prometheus.MustNewConstMetric(adviceAge, prometheus.GaugeValue, now.Sub(s.Oldest).Seconds(), s.Bank, string(s.State))
	}
}

func (a Advices) withNone(stats []switching.AdviceStat, now time.Time) []switching.AdviceStat {
	for bank := range a.Banks {
		for _, state := range []switching.AdviceState{switching.AdvicePending, switching.AdviceParked} {
			if !slices.ContainsFunc(stats, func(s switching.AdviceStat) bool { return s.Bank == bank && s.State == state }) {
				stats = append(stats, switching.AdviceStat{Bank: bank, State: state, Oldest: now})
			}
		}
	}
	return stats
}
