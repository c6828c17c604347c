package switching

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wxswitch/banks"
	"wxswitch/codec"
	"wxswitch/routing"
)

// Hasher makes keyed hashes: Index for what is looked up, Hash for what is
// compared.
type Hasher interface {
	Index(parts ...string) []byte
	Hash(parts ...string) []byte
}

// Options are what a Switch is made of. Router, Journal, Numbers and Hasher are
// required.
type Options struct {
	Router  *routing.Router
	Journal Journal
	Numbers *Numbers
	Hasher  Hasher
	// Instance is this process's life, for the journal's rows.
	Instance string
	// Acquirer and Forwarder are the centre's numbers (F32, F33).
	Acquirer, Forwarder string
	// Grace is how long after its deadline an open row is left to the instance
	// that opened it before the scan ends it; default 5 s.
	Grace time.Duration
	// Drain bounds the wait for what is in flight; default 30 s.
	Drain time.Duration
	// Wake is called when a bank may have an advice to be sent, and with the
	// entry whose advice must not wait for its back-off, 0 for none; may be nil.
	Wake func(bank string, entry int64)
	// Told is called when there may be a notice to be told; may be nil.
	Told       func()
	Now        func() time.Time // default time.Now
	Log        zerolog.Logger
	Registerer prometheus.Registerer // may be nil
	// Failpoint, in tests, is called between the durable steps: "open",
	// "reply", "close", each after it was done.
	Failpoint func(step string)
}

func (o Options) withDefaults() Options {
	o.Grace = cmp.Or(o.Grace, 5*time.Second)
	o.Drain = cmp.Or(o.Drain, 30*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Wake == nil {
		o.Wake = func(string, int64) {}
	}
	if o.Told == nil {
		o.Told = func() {}
	}
	if o.Failpoint == nil {
		o.Failpoint = func(string) {}
	}
	return o
}

// Switch routes, sends, journals and settles. It is safe for concurrent use.
type Switch struct {
	Options
	banks   map[string]*banks.Bank // complete before Run
	watch   watchers
	unheard chan lateMessage // what the journal did not take; what is more is lost. Run takes it
	own     idSet            // open rows that this process will end itself, and no scan may
	keys    undecided
	unknown atomic.Int64 // opens of which nobody knows whether they are on disk, or will be
	metrics *metrics
	noisy   map[string]zerolog.Logger // by bank, for lines that it can cause at will; as banks

	draining atomic.Bool
	inflight atomic.Int64  // of Do, and of closes that run after the answer
	closers  chan struct{} // places for closes that run after the answer
}

// maxClosers bounds the enquiries whose close runs after their answer; beyond
// it they close before.
const maxClosers = 1024

// maxUnheard bounds the late replies that are kept while the journal takes none.
const maxUnheard = 1000

// New returns a Switch without banks.
func New(o Options) *Switch {
	o = o.withDefaults()
	return &Switch{
		Options: o,
		banks:   make(map[string]*banks.Bank),
		metrics: newMetrics(o.Registerer),
		noisy:   make(map[string]zerolog.Logger),
		closers: make(chan struct{}, maxClosers),
		unheard: make(chan lateMessage, maxUnheard),
	}
}

// AddBank makes a bank known. All banks are added before Run and before Do.
func (s *Switch) AddBank(b *banks.Bank) {
	s.banks[b.Name()], s.noisy[b.Name()] = b, banks.Noisy(s.Log)
	s.metrics.begin(b.Name())
}

// Banks returns the banks by id; the map is not to be changed.
func (s *Switch) Banks() map[string]*banks.Bank { return s.banks }

// scanPause is the pause between two scans.
const scanPause = time.Second

// Run settles what was left open, now and every second, until ctx is done; then
// it refuses new work and waits, at most Drain, for what is in flight.
func (s *Switch) Run(ctx context.Context) error {
	ticks := time.NewTicker(scanPause)
	defer ticks.Stop()
	for {
		s.recover(ctx)
		s.lateAgain(ctx)
		select {
		case <-ticks.C:
		case <-ctx.Done():
			s.drain()
			s.lateLast(ctx)
			return nil
		}
	}
}

// drain looks now and then, since new calls, which it refuses, may still begin.
func (s *Switch) drain() {
	s.draining.Store(true)
	for end := time.Now().Add(s.Drain); s.inflight.Load() > 0; <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.Log.Warn().Dur("limit", s.Drain).Msg("drain limit reached; open entries are settled at the next start")
			return
		}
	}
}

// recover ends, as timed out, every row whose deadline plus the grace is past:
// what a crash, or a close that could not be written, left open. What this
// process is about to end itself it leaves alone, though the clock be set ahead.
func (s *Switch) recover(ctx context.Context) {
	// More than can be open here at once, so that own rows hide no other.
	const batch = 4096
	for ctx.Err() == nil {
		due, err := s.Journal.Due(ctx, s.Now().Add(-s.Grace), batch)
		if err != nil { // also of rows that cannot be read, beside those that can
			s.Log.Error().Err(err).Msg("scan for open entries")
		}
		ended := 0
		for _, e := range due {
			if !s.own.has(e.ID) && s.recoverOne(ctx, e) {
				ended++
			}
		}
		if len(due) < batch || ended == 0 {
			return
		}
	}
}

func (s *Switch) recoverOne(ctx context.Context, e Entry) bool {
	end := End{Outcome: TimedOut, Reason: ReasonRecovered}
	if e.Joins != 0 {
		if root, ok, err := s.Journal.Get(ctx, e.Joins); err == nil && ok && settled(root) {
			end = joinedEnd(root)
		}
	}
	row, err := s.close(ctx, &e, &end)
	if err != nil {
		s.Log.Error().Err(err).Int64("id", e.ID).Msg("settle open entry")
		return false
	}
	if !row.Won { // it ended since the scan looked, perhaps by another instance's
		return true
	}
	s.metrics.recovered.Inc()
	s.Log.Warn().Int64("id", e.ID).Str("type", string(e.Type)).Str("bank", e.Bank).Str("rrn", string(e.RRN)).
		Str("stan", string(e.STAN)).Str("sent", string(e.Sent)).Str("outcome", string(end.Outcome)).Msg("recovered")
	return true
}

// message writes the entry as the request it is.
func message(e *Entry) *codec.Message {
	m := codec.NewRequest(e.Type)
	m.Fields = e.Fields
	m.SetAccount(e.Account, e.Card)
	m.Set(codec.FieldSTAN, string(e.STAN))
	m.Set(codec.FieldSent, string(e.Sent))
	m.Set(codec.FieldRRN, string(e.RRN))
	return m
}

// AdviceMessage writes an advice under a number of its own. It names the
// original by RRN and processing code, and by F90.
func AdviceMessage(a Advice, n Number) *codec.Message {
	m := message(&a.Entry)
	m.Type = a.Type
	m.Repeat = a.Attempts > 1
	m.Set(codec.FieldSTAN, string(n.STAN))
	m.Set(codec.FieldSent, string(n.Sent))
	m.Set(codec.FieldProcessingCode, a.Entry.Code3)
	m.Set(codec.FieldOriginalMTI, a.Entry.MTI)
	m.Set(codec.FieldOriginalSTAN, string(a.Entry.STAN))
	m.Set(codec.FieldOriginalSent, string(a.Entry.Sent))
	m.Set(codec.FieldOriginalAcquirer, a.Entry.Fields.Get(codec.FieldAcquirer))
	return m
}
