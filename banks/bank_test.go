package banks

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/rs/zerolog"

	"wxswitch/codec"
)

// scripted answers with the code that the request's text names; "silence" is no
// answer, and what follows "reply " is the answer's text.
func scripted(l *line, m *codec.Message) {
	code := m.Get(codec.FieldText)
	if code == "silence" {
		return
	}
	reply := codec.NewReply(m, code)
	if text, planted := strings.CutPrefix(code, "reply "); planted {
		reply.Set(codec.FieldText, text)
	}
	l.say(reply)
}

func saying(t codec.Type, n int, text string) *codec.Message {
	m := request(t, n)
	m.Set(codec.FieldText, text)
	return m
}

func quickBreaker(c *Config) {
	c.Breaker = BreakerConfig{ConsecutiveFailures: 3, OpenFor: 5 * time.Second}
	c.Deadline = 10 * time.Second
}

func TestBreakerOpensHalfOpensCloses(t *testing.T) {
	inBubble(t, scripted, func(t *testing.T, r *rig) {
		n := 0
		exchange := func(text string) error {
			n++
			_, err := ask(r.Bank, saying(codec.Balance, n, text), 10*time.Second)
			return err
		}
		for range 3 {
			want(t, "breaker", r.Status().Breaker, "closed")
			wantInDoubt(t, exchange("silence"), NoReply)
		}
		want(t, "breaker", r.Status().Breaker, "open")
		wantNotSent(t, exchange("00"), BreakerOpen)

		time.Sleep(6 * time.Second)
		want(t, "breaker", r.Status().Breaker, "half-open")
		want(t, "gauge", r.metric(t, "breaker_state"), 1)
		wantInDoubt(t, exchange("silence"), NoReply) // the probe fails
		want(t, "breaker", r.Status().Breaker, "open")

		time.Sleep(6 * time.Second)
		if err := exchange("51"); err != nil { // declined: the bank is well
			t.Error(err)
		}
		want(t, "breaker", r.Status().Breaker, "closed")
	}, quickBreaker)
}

func TestHalfOpenLetsOneProbeThrough(t *testing.T) {
	inBubble(t, scripted, func(t *testing.T, r *rig) {
		for n := range 3 {
			_, _ = ask(r.Bank, saying(codec.Balance, n, "silence"), 10*time.Second)
		}
		time.Sleep(6 * time.Second)
		probe, err := r.Admit()
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Admit()
		wantNotSent(t, err, BreakerOpen)

		probe.Release() // not used: its slot is free again
		for n := range 10 {
			_, err = ask(r.Bank, saying(codec.Balance, 10+n, "00"), 0)
			wantNotSent(t, err, DeadlinePast) // nor does what was not sent hold it
			_, err = ask(r.Bank, saying(codec.Balance, 30+n, "silence"), 5*time.Second)
			wantInDoubt(t, err, NoReply) // nor a deadline that was shortened
		}
		want(t, "breaker", r.Status().Breaker, "half-open")
		reply, err := ask(r.Bank, saying(codec.Balance, 50, "00"), 10*time.Second)
		wantApproved(t, reply, err)
		want(t, "breaker", r.Status().Breaker, "closed")
	}, quickBreaker)
}

func TestTwoProbes(t *testing.T) {
	inBubble(t, scripted, func(t *testing.T, r *rig) {
		for n := range 3 {
			_, _ = ask(r.Bank, saying(codec.Balance, n, "silence"), 10*time.Second)
		}
		time.Sleep(6 * time.Second)
		var probes [2]*Permit
		for i := range probes {
			var err error
			if probes[i], err = r.Admit(); err != nil {
				t.Fatal(err)
			}
		}
		_, err := r.Admit()
		wantNotSent(t, err, BreakerOpen)
		for i, state := range []string{"half-open", "closed"} {
			reply, err := probes[i].Exchange(saying(codec.Balance, 10+i, "00"), time.Now().Add(10*time.Second))
			wantApproved(t, reply, err)
			want(t, "breaker", r.Status().Breaker, state)
		}
	}, quickBreaker, func(c *Config) { c.Breaker.Probes = 2 })
}

// What failed longer ago than the window counts no more.
func TestTheBreakerLooksBackOneWindow(t *testing.T) {
	for window, opens := range map[time.Duration]bool{30 * time.Second: false, 2 * time.Minute: true} {
		inBubble(t, scripted, func(t *testing.T, r *rig) {
			for n := range 3 {
				_, _ = ask(r.Bank, saying(codec.Balance, n, "68"), 10*time.Second)
				time.Sleep(20 * time.Second)
			}
			want(t, "open", r.Status().Breaker != "closed", opens)
		}, quickBreaker, func(c *Config) { c.Breaker.Window, c.Breaker.OpenFor = window, time.Hour })
	}
}

// panicking is a dialect that cannot read what it never foresaw.
type panicking struct{ codec.Dialect }

func (panicking) Unpack([]byte) (*codec.Message, error) { panic("planted") }

// A probe whose reply the dialect panics at gives its places back and counts neither
// way.
func TestAProbeThatPanicsHoldsNothing(t *testing.T) {
	inBubble(t, scripted, func(t *testing.T, r *rig) {
		for n := range 3 {
			_, _ = ask(r.Bank, saying(codec.Balance, n, "silence"), 10*time.Second)
		}
		time.Sleep(6 * time.Second)
		r.dialect = panicking{r.dialect}
		for n := range 3 {
			func() {
				defer func() { want(t, "panic", recover(), any("planted")) }()
				_, err := ask(r.Bank, saying(codec.Balance, 10+n, "00"), 10*time.Second)
				t.Errorf("no panic, but %v", err)
			}()
			want(t, "in flight", r.Status().InFlight, 0)
			want(t, "places taken", len(r.slots), 0)
			want(t, "breaker", r.Status().Breaker, "half-open")
		}
	}, quickBreaker)
}

// Who gets a place meets the breaker as the one before left it.
func TestTheBreakerIsToldBeforeThePlaceIsFree(t *testing.T) {
	inBubble(t, scripted, func(t *testing.T, r *rig) {
		p, err := r.Admit()
		if err != nil {
			t.Fatal(err)
		}
		tell := p.done
		p.done = func(verdict error) {
			want(t, "places taken", len(r.slots), 1)
			tell(verdict)
		}
		p.Release()
		want(t, "places taken", len(r.slots), 0)
	})
}

func TestWhatTheBreakerCounts(t *testing.T) {
	for _, c := range []struct {
		name   string
		kind   codec.Type
		text   string
		within time.Duration
		opens  bool
	}{
		{"approved", codec.Balance, "00", 10 * time.Second, false},
		{"declined", codec.Deregister, "51", 10 * time.Second, false},
		{"answer in doubt", codec.Balance, "68", 10 * time.Second, true},
		{"unmapped on a change", codec.Deregister, "XX", 10 * time.Second, true},
		{"unmapped on an enquiry", codec.Balance, "XX", 10 * time.Second, false},
		{"unmapped on an advice", codec.Reversal, "XX", 10 * time.Second, false},
		{"silence", codec.Balance, "silence", 10 * time.Second, true},
		{"silence, journal took its time", codec.Balance, "silence", 9 * time.Second, true},
		{"silence, shortened by the caller", codec.Balance, "silence", 7 * time.Second, false},
		{"unreadable", codec.Balance, "reply unreadable", 10 * time.Second, true},
		{"unreadable, shortened by the caller", codec.Balance, "reply unreadable", 7 * time.Second, true},
		{"type with its own deadline", codec.Deregister, "silence", 7 * time.Second, true},
		{"past", codec.Balance, "silence", 0, false},
		{"unwritable", codec.Balance, "unwritable", 10 * time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, scripted, func(t *testing.T, r *rig) {
				for n := range 5 {
					_, _ = ask(r.Bank, saying(c.kind, n, c.text), c.within)
				}
				want(t, "open", r.Status().Breaker == "open", c.opens)
			}, quickBreaker, func(cfg *Config) {
				cfg.Deadlines = map[codec.Type]time.Duration{codec.Deregister: 8 * time.Second}
			})
		})
	}
}

func TestBreakerOpensByRatio(t *testing.T) {
	inBubble(t, scripted, func(t *testing.T, r *rig) {
		for n := range 19 {
			text := "00"
			if n%2 == 0 {
				text = "68"
			}
			_, _ = ask(r.Bank, saying(codec.Balance, n, text), 10*time.Second)
			want(t, "breaker", r.Status().Breaker, "closed")
		}
		_, _ = ask(r.Bank, saying(codec.Balance, 19, "68"), 10*time.Second)
		want(t, "breaker", r.Status().Breaker, "open")
	})
}

// How many must have ended, and how large a part of them badly, is configured.
func TestTheRatioIsTheConfigured(t *testing.T) {
	for codes, opens := range map[string]bool{"68 00 68 68": true, "00 00 68 68": false, "68 68 68": false} {
		inBubble(t, scripted, func(t *testing.T, r *rig) {
			for n, code := range strings.Fields(codes) {
				_, _ = ask(r.Bank, saying(codec.Balance, n, code), 10*time.Second)
			}
			want(t, codes+" opens", r.Status().Breaker == "open", opens)
		}, func(c *Config) { c.Breaker = BreakerConfig{FailureRatio: 0.75, MinRequests: 4} })
	}
}

func TestBulkhead(t *testing.T) {
	inBubble(t, scripted, func(t *testing.T, r *rig) {
		first, err := r.Admit()
		if err != nil {
			t.Fatal(err)
		}
		second, err := r.Admit()
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Admit()
		wantNotSent(t, err, BulkheadFull)
		want(t, "in flight", r.metric(t, "in_flight"), 2)
		want(t, "counted", r.metric(t, "exchanges_total", "result", "bulkhead-full"), 1)
		first.Release()
		reply, err := ask(r.Bank, saying(codec.Balance, 1, "00"), time.Second)
		wantApproved(t, reply, err)
		second.Release()
		want(t, "in flight", r.Status().InFlight, 0)
	}, func(c *Config) { c.Limit = 2 })
}

// Draining comes before the bulkhead, that before the links, those before the
// breaker.
func TestOrderOfRefusals(t *testing.T) {
	inBubble(t, scripted, func(t *testing.T, r *rig) {
		_, _ = ask(r.Bank, saying(codec.Balance, 1, "68"), 10*time.Second)
		_, err := r.Admit()
		wantNotSent(t, err, BreakerOpen)
		r.peer.goDown("bank:1", true)
		r.peer.nth(0).hangUp()
		synctest.Wait()
		_, err = r.Admit()
		wantNotSent(t, err, NoLink)
		r.slots <- struct{}{}
		_, err = r.Admit()
		wantNotSent(t, err, BulkheadFull)
		<-r.slots
		r.stop()
		synctest.Wait()
		_, err = r.Admit()
		wantNotSent(t, err, Draining)
	}, func(c *Config) { c.Limit, c.Breaker.ConsecutiveFailures = 1, 1 })
}

// A bank whose breaker is open and whose places are taken is still signed on to and
// asked for a sign of life: else nobody would know when it is well.
func TestNetworkMessagesPassBreakerAndBulkhead(t *testing.T) {
	serve := func(l *line, m *codec.Message) {
		if m.Type.Class() != codec.Network {
			scripted(l, m)
			return
		}
		l.peer.told <- string(m.Type)
		approve(l, m)
	}
	inBubble(t, serve, func(t *testing.T, r *rig) {
		_, _ = ask(r.Bank, saying(codec.Balance, 1, "68"), 10*time.Second)
		r.slots <- struct{}{}
		_, err := r.Admit()
		wantNotSent(t, err, BulkheadFull)
		want(t, "breaker", r.Status().Breaker, "open")
		time.Sleep(30 * time.Second)
		synctest.Wait()
		wantTold(t, r.peer, "sign-on", "echo")
		r.peer.nth(0).hangUp()
		time.Sleep(time.Second)
		synctest.Wait()
		wantTold(t, r.peer, "sign-on")
		want(t, "online", r.Status().Online, 1)
		<-r.slots
	}, signsOn, echoes, func(c *Config) { c.Limit, c.Breaker.ConsecutiveFailures, c.Breaker.OpenFor = 1, 1, time.Hour })
}

func TestDrainWaitsForWhatIsInFlight(t *testing.T) {
	slow := network(func(l *line, m *codec.Message) {
		l.peer.wg.Go(func() {
			time.Sleep(4 * time.Second)
			l.say(codec.NewReply(m, "00"))
		})
	})
	synctest.Test(t, func(t *testing.T) {
		r := start(t, newPeer(slow), signsOn)
		held, err := r.Admit() // its journal row is being opened
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for n := range 10 {
			wg.Go(func() {
				reply, err := ask(r.Bank, request(codec.Balance, n), 10*time.Second)
				wantApproved(t, reply, err)
			})
		}
		synctest.Wait()
		begun := time.Now()
		r.stop()
		synctest.Wait()
		_, err = r.Admit()
		wantNotSent(t, err, Draining)
		reply, err := held.Exchange(request(codec.Balance, 99), time.Now().Add(10*time.Second))
		wantApproved(t, reply, err)
		wg.Wait()
		r.finish(t)
		want(t, "drained in", time.Since(begun), 4*time.Second)
	})
}

func TestDrainLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, newPeer(deaf), func(c *Config) {
			c.DrainLimit, c.WriteTimeout = 3*time.Second, time.Minute
		})
		late, err := r.Admit()
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		expect := []func(*testing.T, error){ // the first two were taken by the link
			func(t *testing.T, err error) { wantInDoubt(t, err, NoReply) },
			func(t *testing.T, err error) { wantInDoubt(t, err, NoReply) },
			func(t *testing.T, err error) { wantNotSent(t, err, Draining) },
		}
		for n, check := range expect {
			wg.Go(func() {
				_, err := ask(r.Bank, request(codec.Balance, n), time.Hour)
				check(t, err)
			})
			synctest.Wait()
		}
		begun := time.Now()
		r.stop()
		wg.Wait()
		want(t, "ended after", time.Since(begun), 3*time.Second)
		_, err = late.Exchange(request(codec.Balance, 9), time.Now().Add(time.Hour))
		wantNotSent(t, err, Draining)
		close(r.peer.stuck)
		r.finish(t)
	})
}

// What is handed on is finished when the bank stops, for as long as a network
// message may take.
func TestDrainWaitsForTheHandler(t *testing.T) {
	for lasts, ended := range map[time.Duration]time.Duration{3 * time.Second: 3 * time.Second, time.Hour: 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, newPeer(silent))
			r.listener.lasts = lasts
			r.peer.nth(0).say(codec.NewReply(request(codec.Balance, 1), "00"))
			synctest.Wait()
			begun := time.Now()
			r.finish(t)
			want(t, "ended after", time.Since(begun), ended)
			want(t, "late replies", len(r.listener.lateSTANs()), 1)
		})
	}
}

func TestDrainWithEveryLinkDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(silent)
		p.goDown("bank:1", true)
		r := begin(t, p, p.dial)
		time.Sleep(time.Minute)
		begun := time.Now()
		r.finish(t)
		want(t, "drained in", time.Since(begun), 0)
	})
}

func TestOnline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(silent)
		p.goDown("bank:1", true)
		r := begin(t, p, p.dial)
		defer r.finish(t)
		time.Sleep(time.Minute)
		select {
		case <-r.Online():
			t.Error("online with no link")
		default:
		}
		p.goDown("bank:1", false)
		<-r.Online()
		p.goDown("bank:1", true)
		p.nth(0).hangUp()
		synctest.Wait()
		select {
		case <-r.Online():
			t.Error("online with its link gone")
		default:
		}
	})
}

// Two banks share a registry, and what they register is well named.
func TestMetricsOfTwoBanks(t *testing.T) {
	registry := prometheus.NewRegistry()
	for _, name := range []string{"wlmq", "kunlun"} {
		cfg := testConfig()
		cfg.Name = name
		if _, err := New(cfg, fake{}, &listener{}, Options{Log: zerolog.Nop(), Registerer: registry, Numbers: &counting{}}); err != nil {
			t.Fatal(err)
		}
	}
	families, err := registry.Gather()
	problems, lintErr := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || lintErr != nil || len(problems) > 0 {
		t.Error(problems, err, lintErr)
	}
	if _, err := New(testConfig(), fake{}, &listener{}, Options{Registerer: registry, Numbers: &counting{}}); err == nil {
		t.Error("the same bank twice was accepted")
	}
}

func TestErrorsKeepTheirCause(t *testing.T) {
	cause := errors.New("cause")
	for _, err := range []error{&NotSent{NoLink, cause}, &InDoubt{NoReply, cause}} {
		if !errors.Is(err, cause) {
			t.Errorf("%v hides its cause", err)
		}
	}
}
