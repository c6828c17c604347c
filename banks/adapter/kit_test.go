package adapter

import (
	"context"
	"errors"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wxswitch/codec"
	"wxswitch/codec/iso"
	"wxswitch/switch/db"
)

// blocking is a core that waits to be let go, call by call.
type blocking struct {
	begun chan *codec.Message
	let   chan string // the F39 to answer
	calls atomic.Int32
}

func newBlocking() *blocking {
	return &blocking{begun: make(chan *codec.Message, 100), let: make(chan string)}
}

func (b *blocking) serve(ctx context.Context, m *codec.Message) (*codec.Message, error) {
	b.calls.Add(1)
	b.begun <- m
	select {
	case code := <-b.let:
		return codec.NewReply(m, code), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestAnswersAndEchoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), func(_ context.Context, m *codec.Message) (*codec.Message, error) {
			r := codec.NewReply(m, "00")
			r.Set(codec.FieldBalance, "-123")
			r.Set(codec.FieldAvailable, "77")
			r.Set(codec.FieldCurrency, "156")
			r.Set(codec.FieldHolder, "阿卜杜拉•艾买提𠮷")
			return r, nil
		}, nil)
		p := k.connect(t)
		m := p.message(codec.Balance, "000000000001")
		first := p.ask(m)
		expect(t, "holder", first.Get(codec.FieldHolder), "阿卜杜拉•艾买提𠮷")
		m.Set(codec.FieldSTAN, "000777")
		again := p.ask(m)
		expect(t, "repeat's STAN", again.Get(codec.FieldSTAN), "000777")
		expect(t, "repeat's balance", again.Get(codec.FieldBalance), "-123")
		expect(t, "repeat's holder", again.Get(codec.FieldHolder), "阿卜杜拉•艾买提𠮷")
		expect(t, "echo", p.code(p.message(codec.Echo, "")), "00")
		expect(t, "sign-off", p.code(p.message(codec.SignOff, "")), "00")
		expect(t, "after sign-off", p.code(p.message(codec.Balance, "000000000002")), "")
	})
}

func TestRepeatWaitsForTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newBlocking()
		k := start(t, openDB(t, ledgerPath(t)), core.serve, nil)
		p, other := k.connect(t), k.connect(t)
		m := p.message(codec.Authenticate, "000000000001")
		p.send(m)
		<-core.begun
		other.send(m)
		synctest.Wait()
		core.let <- "00"
		expect(t, "first", p.receive().Get(codec.FieldCode), "00")
		expect(t, "repeat", other.receive().Get(codec.FieldCode), "00")
		if n := core.calls.Load(); n != 1 {
			t.Errorf("core was called %d times", n)
		}
		synctest.Wait()
		if n := len(k.gates.at); n != 0 {
			t.Errorf("%d numbers are remembered in memory", n)
		}
	})
}

func TestRepeatOverRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := ledgerPath(t)
		var calls int
		k := start(t, openDB(t, path), func(ctx context.Context, m *codec.Message) (*codec.Message, error) {
			calls++
			return named(ctx, m)
		}, nil)
		m := k.connect(t).message(codec.Authenticate, "000000000001")
		expect(t, "first", k.connect(t).code(m), "00")
		k.end()
		k = start(t, openDB(t, path), approve, nil)
		got := k.connect(t).ask(m)
		expect(t, "repeat's code", got.Get(codec.FieldCode), "00")
		expect(t, "repeat's holder", got.Get(codec.FieldHolder), "陈𠮷")
		if calls != 1 {
			t.Errorf("core was called %d times", calls)
		}
	})
}

func TestCrashInsideCore(t *testing.T) {
	for name, crash := range map[string]func(){
		"error": nil,
		"panic": func() { panic("6210081234567893") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { crashInsideCore(t, crash) })
		})
	}
}

func crashInsideCore(t *testing.T, crash func()) {
	path := ledgerPath(t)
	k := start(t, openDB(t, path), func(context.Context, *codec.Message) (*codec.Message, error) {
		if crash != nil {
			crash()
		}
		return nil, errors.New("lost")
	}, nil)
	p := k.connect(t)
	m := p.message(codec.Authenticate, "000000000001")
	expect(t, "crashed", p.code(m), "")
	k.end()
	var repeats []bool
	k = start(t, openDB(t, path), func(_ context.Context, m *codec.Message) (*codec.Message, error) {
		repeats = append(repeats, m.Repeat)
		return codec.NewReply(m, "00"), nil
	}, nil)
	p = k.connect(t)
	expect(t, "repeat", p.code(m), "00")
	expect(t, "second repeat", p.code(m), "00")
	if len(repeats) != 1 || !repeats[0] {
		t.Errorf("core was called with repeat = %v, want once with true", repeats)
	}
}

func TestTombstoneOverRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := ledgerPath(t)
		never := func(context.Context, *codec.Message) (*codec.Message, error) {
			t.Error("core was called")
			return nil, nil
		}
		k := start(t, openDB(t, path), never, nil)
		p := k.connect(t)
		m := p.message(codec.Authenticate, "000000000001")
		expect(t, "reversal of the unseen", p.code(p.advice(codec.Reversal, m)), "25")
		k.end()
		k = start(t, openDB(t, path), never, nil)
		p = k.connect(t)
		expect(t, "original", p.code(m), "12")
		again := p.advice(codec.Reversal, m)
		again.Repeat = true
		expect(t, "reversal again", p.code(again), "25")
		expect(t, "completion", p.code(p.advice(codec.Completion, m)), "12")
	})
}

func TestReversalWaitsForTheOriginal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newBlocking()
		k := start(t, openDB(t, ledgerPath(t)), core.serve, nil)
		p := k.connect(t)
		m := p.message(codec.Authenticate, "000000000001")
		p.send(m)
		<-core.begun
		p.send(p.advice(codec.Reversal, m))
		synctest.Wait()
		if len(core.begun) > 0 {
			t.Fatal("the reversal did not wait")
		}
		core.let <- "00"
		if got := <-core.begun; got.Type != codec.Reversal || got.Repeat {
			t.Errorf("core got %v", got)
		}
		core.let <- "00"
		expect(t, "original", string(p.receive().Type), string(codec.Authenticate))
		expect(t, "reversal", string(p.receive().Type), string(codec.Reversal))
	})
}

func TestCompletionWaitsForTheOriginal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newBlocking()
		k := start(t, openDB(t, ledgerPath(t)), core.serve, nil)
		p, other := k.connect(t), k.connect(t)
		m := p.message(codec.Deregister, "000000000001")
		p.send(m)
		<-core.begun
		other.send(p.advice(codec.Completion, m))
		synctest.Wait()
		if len(core.begun) > 0 || len(other.replies) > 0 {
			t.Fatal("the completion did not wait")
		}
		core.let <- "00"
		expect(t, "original", p.receive().Get(codec.FieldCode), "00")
		expect(t, "completion", other.receive().Get(codec.FieldCode), "00")
		if n := core.calls.Load(); n != 1 {
			t.Errorf("core was called %d times", n)
		}
	})
}

func TestTimePast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newBlocking()
		k := start(t, openDB(t, ledgerPath(t)), core.serve, func(c *Config) { c.Workers = 1 })
		p := k.connect(t)
		late := p.message(codec.Authenticate, "000000000001")
		p.send(late)
		<-core.begun
		queued := p.message(codec.Authenticate, "000000000002")
		queued.Set(codec.FieldRemaining, "1000")
		p.send(queued)
		past := p.message(codec.Authenticate, "000000000003")
		past.Set(codec.FieldRemaining, "0")
		p.send(past)
		time.Sleep(10 * time.Second) // past every deadline
		core.let <- "00"
		expect(t, "late answer", p.receive().Get(codec.FieldRRN), "000000000001")
		if got := p.receive(); got.Type != "" {
			t.Errorf("answered what was past: %v", got)
		}
		expect(t, "counted", k.dropped(t, droppedExpired), "2")
		if n := core.calls.Load(); n != 1 {
			t.Errorf("core was called %d times", n)
		}
		rows, err := k.Arrivals(t.Context(), 0, 0)
		if err != nil || len(rows) != 3 {
			t.Fatalf("arrivals: %v %v", rows, err)
		}
		for _, r := range rows {
			if r.Called != (r.RRN == "000000000001") || !r.Called && r.Note != droppedExpired {
				t.Errorf("arrival: %+v", r)
			}
		}
	})
}

func TestFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newBlocking()
		k := start(t, openDB(t, ledgerPath(t)), core.serve, func(c *Config) { c.Workers, c.Queue = 1, 1 })
		p := k.connect(t)
		for _, rrn := range []string{"000000000001", "000000000002", "000000000003"} {
			m := p.message(codec.Authenticate, rrn)
			m.Set(codec.FieldRemaining, "60000")
			p.send(m)
			synctest.Wait()
		}
		core.let <- "00"
		core.let <- "00"
		for range 2 {
			if p.receive().Type == "" {
				t.Fatal("no answer")
			}
		}
		if got := p.receive(); got.Type != "" {
			t.Errorf("answered beyond the queue: %v", got)
		}
		expect(t, "counted", k.dropped(t, droppedFull), "1")
		expect(t, "echo past the queue", p.code(p.message(codec.Echo, "")), "00")
	})
}

func TestIdleEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, openDB(t, ledgerPath(t)), approve, nil)
		p := k.connect(t)
		if m := <-p.echoes; m.Type != codec.Echo {
			t.Fatalf("got %v", m)
		} else {
			p.send(codec.NewReply(m, "00"))
		}
		answered := time.Now()
		<-p.echoes // left unanswered
		for range p.replies {
			t.Error("a reply to nothing")
		}
		if d := time.Since(answered); d < 40*time.Second || d > 60*time.Second {
			t.Errorf("a silent link was closed after %s", d)
		}
	})
}

// Nothing else keeps a second kit from the ledger.
func TestALedgerIsOneKits(t *testing.T) {
	cfg := Config{Core: coreFunc(approve), Dialect: dialect(t), DB: openWith(t, db.Options{Path: ledgerPath(t)}), Keys: keys()}
	if _, err := New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "must be opened alone") {
		t.Error(err)
	}
}

// A bank that could not write its own echo would have each idle link closed.
func TestIdentityThatTheDialectWants(t *testing.T) {
	cups, err := iso.Builtin("cups")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Core: coreFunc(newBlocking().serve), Dialect: cups, DB: openDB(t, ledgerPath(t)), Keys: keys()}
	if _, err := New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "echo cannot be written: F33 forwarder: missing") {
		t.Error(err)
	}
	cfg.Identity.Set(codec.FieldForwarder, "10344")
	if _, err := New(t.Context(), cfg); err != nil {
		t.Error(err)
	}
}

// The defaults are those that the fields' comments name.
func TestDefaultsAreAsDocumented(t *testing.T) {
	source, err := os.ReadFile("adapter.go")
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Core: coreFunc(newBlocking().serve), Dialect: dialect(t), DB: openDB(t, ledgerPath(t)), Keys: keys()}
	if err := c.complete(); err != nil {
		t.Fatal(err)
	}
	units := map[string]int64{"": 1, "s": int64(time.Second), "min": int64(time.Minute), "h": int64(time.Hour)}
	rows := regexp.MustCompile(`(?m)^\t([A-Z][A-Za-z]+) +(?:int|time\.Duration) +// .*; ([0-9,]+) ?(s|min|h|)(?:\.|$)`).FindAllStringSubmatch(string(source), -1)
	if len(rows) != 9 {
		t.Errorf("%d rows: %q", len(rows), rows)
	}
	for _, row := range rows {
		n, _ := strconv.ParseInt(strings.ReplaceAll(row[2], ",", ""), 10, 64)
		if is := reflect.ValueOf(c).FieldByName(row[1]).Int(); is != n*units[row[3]] {
			t.Errorf("%s is %d, not %s %s", row[1], is, row[2], row[3])
		}
	}
}

// A bound or a time below nothing is refused by its name, not found out by a panic
// or by a link that ends at once.
func TestNegativeConfig(t *testing.T) {
	for name, set := range map[string]func(*Config){
		"Workers": func(c *Config) { c.Workers = -1 }, "Queue": func(c *Config) { c.Queue = -1 },
		"Links": func(c *Config) { c.Links = -1 }, "Words": func(c *Config) { c.Words = -1 },
		"Deadline": func(c *Config) { c.Deadline = -1 }, "Work": func(c *Config) { c.Work = -1 },
		"Idle": func(c *Config) { c.Idle = -1 }, "EchoWait": func(c *Config) { c.EchoWait = -1 },
		"Write": func(c *Config) { c.Write = -1 }, "Drain": func(c *Config) { c.Drain = -1 },
		"Told": func(c *Config) { c.Told = -1 }, "RetryMin": func(c *Config) { c.RetryMin = -1 },
		"RetryMax": func(c *Config) { c.RetryMax = -1 },
	} {
		cfg := Config{Core: coreFunc(newBlocking().serve), Dialect: dialect(t), DB: openDB(t, ledgerPath(t)), Keys: keys()}
		set(&cfg)
		if _, err := New(t.Context(), cfg); err == nil || err.Error() != "adapter: "+name+" is negative" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Codes that F39 cannot hold would be met with silence, and one that the switch does
// not take for not found would park each reversal that came before its original.
func TestCodesThatAreNone(t *testing.T) {
	for want, set := range map[string]func(*Config){
		`Refusal "1": two letters or digits`:                      func(c *Config) { c.Refusal = "1" },
		`Malformed "é": two letters or digits`:                    func(c *Config) { c.Malformed = "é" },
		`Unseen "2 ": two letters or digits`:                      func(c *Config) { c.Unseen = "2 " },
		`Unseen "00": the dialect does not class it as not found`: func(c *Config) { c.Unseen = "00" },
	} {
		cfg := Config{Core: coreFunc(newBlocking().serve), Dialect: dialect(t), DB: openDB(t, ledgerPath(t)), Keys: keys()}
		set(&cfg)
		if _, err := New(t.Context(), cfg); err == nil || err.Error() != "adapter: "+want {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newBlocking()
		k := start(t, openDB(t, ledgerPath(t)), core.serve, nil)
		p := k.connect(t)
		p.send(p.message(codec.Authenticate, "000000000001"))
		<-core.begun
		stopped := make(chan struct{})
		go func() { k.stop(); close(stopped) }()
		if m := <-p.echoes; m.Type != codec.SignOff {
			t.Fatalf("got %v", m)
		}
		p.send(p.message(codec.Authenticate, "000000000002"))
		synctest.Wait()
		core.let <- "00"
		expect(t, "under way", p.receive().Get(codec.FieldRRN), "000000000001")
		<-stopped
		if p.receive().Type != "" {
			t.Error("took work while draining")
		}
		expect(t, "counted", k.dropped(t, droppedDraining), "1")
		if n := len(k.places); n != 0 { // another Run would have so many fewer
			t.Errorf("%d places are taken", n)
		}
	})
}

func TestAnswerOverAnotherLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newBlocking()
		k := start(t, openDB(t, ledgerPath(t)), core.serve, nil)
		p, other := k.connect(t), k.connect(t)
		p.send(p.message(codec.Authenticate, "000000000001"))
		<-core.begun
		_ = p.conn.Close()
		synctest.Wait()
		core.let <- "00"
		expect(t, "answer", other.receive().Get(codec.FieldRRN), "000000000001")
	})
}

// A link that has not signed on, or has signed off, carries no other's answer.
func TestNoAnswerOverALinkThatIsNotSignedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newBlocking()
		k := start(t, openDB(t, ledgerPath(t)), core.serve, nil)
		p, other := k.connect(t), k.connect(t)
		expect(t, "sign-off", other.code(other.message(codec.SignOff, "")), "00")
		p.send(p.message(codec.Authenticate, "000000000001"))
		<-core.begun
		_ = p.conn.Close()
		synctest.Wait()
		core.let <- "00"
		if got := other.receive(); got.Type != "" {
			t.Errorf("answered where nobody signed on: %v", got)
		}
	})
}

func TestLedgerHoldsNoSecrets(t *testing.T) {
	path := ledgerPath(t)
	k := start(t, openDB(t, path), named, nil)
	p := k.connect(t)
	m := p.message(codec.Authenticate, "000000000001")
	expect(t, "answer", p.code(m), "00")
	expect(t, "tombstone", p.code(p.advice(codec.Reversal, p.message(codec.Authenticate, "000000000002"))), "25")
	found := false
	for _, file := range []string{path, path + "-wal"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found = found || strings.Contains(string(b), "000000000001")
		for _, secret := range []string{card, "11010519491231002X", "陈𠮷"} {
			if strings.Contains(string(b), secret) {
				t.Errorf("%s holds a secret", file)
			}
		}
	}
	if !found {
		t.Error("the search finds not even the RRN")
	}
}
