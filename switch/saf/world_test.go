package saf_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wxswitch/banks"
	"wxswitch/codec"
	"wxswitch/codec/frame"
	"wxswitch/codec/iso"
	switching "wxswitch/switch"
	"wxswitch/switch/saf"
)

// How long the bank is given, for most and for a release.
const (
	bankDeadline    = 10 * time.Second
	releaseDeadline = time.Minute
)

// store keeps advices in memory, and numbers.
type store struct {
	mu        sync.Mutex // guards what follows
	advices   []*switching.Advice
	claimed   int   // how often one was
	broken    error // of Answered
	noNumbers error
	slow      time.Duration // a block of numbers takes so long
	taken     bool          // what is due is another's when it is claimed
	next      int64
}

// advices returns completions of as many accounts, all due.
func advices(n int) []*switching.Advice {
	list := make([]*switching.Advice, n)
	for i := range list {
		id := int64(i + 1)
		e := switching.Entry{
			ID: 100 + id, Type: codec.Deregister, Bank: "xjrcu", Card: true, Account: codec.NewAccount("6210081234567892"),
			MTI: "0100", Code3: "890100", STAN: codec.NewSTAN(id), Sent: "1124101010", RRN: codec.NewRRN(id),
		}
		e.Fields.Set(codec.FieldAcquirer, "48980000")
		e.Fields.Set(codec.FieldForwarder, "48980000")
		list[i] = &switching.Advice{ID: id, Entry: e, Type: codec.Completion, State: switching.AdvicePending}
	}
	return list
}

func (s *store) set(f func(*store)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *store) advice(i int) switching.Advice {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.advices[i]
}

func (s *store) claims() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.claimed
}

func (s *store) due() *switching.Advice {
	for _, a := range s.advices {
		if now := time.Now(); a.State == switching.AdvicePending && !a.Next.After(now) && !a.Claimed.After(now) {
			return a
		}
	}
	return nil
}

func (s *store) Waiting(context.Context, string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.due() != nil, nil
}

func (s *store) Claim(_ context.Context, _ string, _ int, lease time.Time) (switching.Advice, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.due()
	if a == nil || s.taken {
		return switching.Advice{}, false, nil
	}
	s.claimed++
	a.Attempts++
	a.Claimed = lease
	return *a, true, nil
}

// end changes the advice with the ID, whose claim ends.
func (s *store) end(id int64, f func(*switching.Advice)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.advices[id-1]
	a.Claimed = time.Time{}
	f(a)
	return nil
}

func (s *store) Unclaim(_ context.Context, a switching.Advice, next time.Time) error {
	return s.end(a.ID, func(a *switching.Advice) { a.Attempts, a.Next = a.Attempts-1, next })
}

func (s *store) Silent(_ context.Context, a switching.Advice) error {
	return s.end(a.ID, func(a *switching.Advice) { a.Next = time.Now().Add(time.Hour) })
}

func (s *store) Park(_ context.Context, a switching.Advice, note string) error {
	return s.end(a.ID, func(a *switching.Advice) {
		a.State, a.Note, a.Attempts = switching.AdviceParked, note, a.Attempts-1
	})
}

func (s *store) Answered(ctx context.Context, id int64, r switching.LateReply) (switching.Advice, error) {
	if err := ctx.Err(); err != nil { // as a database does
		return switching.Advice{}, err
	}
	s.mu.Lock()
	broken := s.broken
	s.mu.Unlock()
	if broken != nil {
		return switching.Advice{}, broken
	}
	err := s.end(id, func(a *switching.Advice) {
		a.State, a.LastCode = switching.AdviceDone, r.Code
		if r.Meaning == codec.Unmapped {
			a.State = switching.AdviceParked
		}
	})
	return s.advice(int(id - 1)), err
}

func (s *store) Wake(_ context.Context, entry int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.advices {
		if a.Entry.ID == entry {
			a.Next = time.Now()
		}
	}
	return nil
}

// Numbers gives out blocks of one, so that each sending asks.
func (s *store) Numbers(context.Context) (switching.Block, error) {
	s.mu.Lock()
	slow := s.slow
	s.mu.Unlock()
	time.Sleep(slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	return switching.Block{
		First: s.next, Last: s.next, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, s.noNumbers
}

// world is a forwarder, and a bank at the other end of a pipe.
type world struct {
	t        *testing.T
	store    *store
	bank     *banks.Bank
	saf      *saf.Forwarder
	dialect  codec.Dialect
	ctx      context.Context
	cancel   context.CancelFunc
	bankCtx  context.Context
	bankEnd  context.CancelFunc
	running  sync.WaitGroup // the forwarder
	serving  sync.WaitGroup // the bank's both ends
	registry *prometheus.Registry
	told     atomic.Int64 // how often there may have been a notice to tell

	mu     sync.Mutex // guards what follows
	log    bytes.Buffer
	seen   []*codec.Message
	answer func(*codec.Message) *codec.Message // nil for silence
}

func newWorld(t *testing.T, list []*switching.Advice) *world {
	d, err := iso.Builtin("plain")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: &store{advices: list}, dialect: d, registry: prometheus.NewRegistry()}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.bankCtx, w.bankEnd = context.WithCancel(context.Background())
	numbers := switching.NewNumbers(w.store, time.Now)
	sw := switching.New(switching.Options{Numbers: numbers, Log: zerolog.Nop(), Told: func() { w.told.Add(1) }})
	w.bank, err = banks.New(banks.Config{
		Name: "xjrcu", Links: []banks.LinkConfig{{Name: "l", Addresses: []string{"x:1"}}},
		EchoIdle: -1, Deadline: bankDeadline, Deadlines: map[codec.Type]time.Duration{codec.Release: releaseDeadline},
	}, d, sw, banks.Options{Log: zerolog.Nop(), Numbers: numbers, Dial: w.dial})
	if err != nil {
		t.Fatal(err)
	}
	sw.AddBank(w.bank)
	w.saf = saf.New(saf.Options{Store: w.store, Switch: sw, Numbers: numbers, Log: zerolog.New(w), Registerer: w.registry})
	w.serving.Go(func() { _ = w.bank.Run(w.bankCtx) })
	<-w.bank.Online()
	return w
}

// run starts the forwarder; stop ends all.
func (w *world) run() { w.running.Go(func() { _ = w.saf.Run(w.ctx) }) }

func (w *world) stop() {
	w.cancel()
	w.running.Wait()
	w.bankEnd()
	w.serving.Wait()
}

// at looks at the world some time after now, while the test goes on.
func (w *world) at(after time.Duration, look func()) {
	w.running.Go(func() { time.Sleep(after); look() })
}

func (w *world) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(b)
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

func (w *world) sent() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen)
}

func (w *world) last() *codec.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[len(w.seen)-1]
}

// attempts is how many sendings are counted as ended so.
func (w *world) attempts(result string) (n float64) {
	w.t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "wxswitch_advice_attempts_total" && m.GetLabel()[1].GetValue() == result {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

// answerAfter makes the bank answer what it reads from now on.
func (w *world) answerAfter(d time.Duration, code string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = func(m *codec.Message) *codec.Message {
		time.Sleep(d)
		return codec.NewReply(m, code)
	}
}

func (w *world) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	w.serving.Go(func() { w.serve(theirs) })
	return ours, nil
}

func (w *world) serve(c net.Conn) {
	defer c.Close() //nolint:errcheck // of a pipe
	for r := frame.NewReader(c, w.dialect.Frame()); ; {
		raw, err := r.Next()
		if err != nil {
			return
		}
		m, err := w.dialect.Unpack(raw)
		if err != nil {
			w.t.Errorf("the bank cannot read: %v", err)
			return
		}
		w.mu.Lock()
		w.seen = append(w.seen, m)
		answer := w.answer
		w.mu.Unlock()
		if answer != nil {
			w.serving.Go(func() { w.say(c, answer(m)) })
		}
	}
}

// say writes at once: a pipe's writes do not mix.
func (w *world) say(c net.Conn, m *codec.Message) {
	raw, err := w.dialect.Pack(m)
	if err == nil {
		raw, err = w.dialect.Frame().Append(nil, raw)
	}
	if err != nil {
		w.t.Errorf("the bank cannot write: %v", err)
		return
	}
	_, _ = c.Write(raw) // a line that is down takes nothing
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
