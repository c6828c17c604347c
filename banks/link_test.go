package banks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"wxswitch/codec"
	"wxswitch/codec/frame"
)

func signsOn(c *Config) { c.SignOn = true }

func echoes(c *Config) { c.EchoIdle = 30 * time.Second }

// telling answers everything and tells what it was asked.
func telling(l *line, m *codec.Message) {
	l.peer.told <- fmt.Sprintf("%s %v", m.Type, m.Reply)
	approve(l, m)
}

func wantTold(t *testing.T, p *peer, all ...string) {
	t.Helper()
	for _, expected := range all {
		select {
		case got := <-p.told:
			want(t, "the bank was told", got, expected)
		default:
			t.Errorf("the bank was not told %s", expected)
		}
	}
	want(t, "told besides", len(p.told), 0)
}

func (r *rig) state() LinkState { return r.Status().Links[0].State }

func TestSignOnToSignOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, newPeer(telling), signsOn)
		want(t, "state", r.state(), LinkOnline)
		want(t, "name", r.Status().Links[0].Name, "wlmq-1 bank:1")
		want(t, "online gauge", r.metric(t, "links", "state", "online"), 1)
		reply, err := ask(r.Bank, request(codec.Balance, 1), time.Second)
		wantApproved(t, reply, err)
		r.finish(t)
		wantTold(t, r.peer, "sign-on false", "balance false", "sign-off false")
		want(t, "state", r.state(), LinkDown)
		_, err = r.Admit()
		wantNotSent(t, err, Draining)
	})
}

func TestSignOnRefusedOrUnanswered(t *testing.T) {
	for name, serve := range map[string]func(*line, *codec.Message){
		"refused": func(l *line, m *codec.Message) { l.say(codec.NewReply(m, "91")) },
		"silence": silent,
		"another's answer": func(l *line, m *codec.Message) {
			m.Set(codec.FieldSTAN, "000000")
			l.say(codec.NewReply(m, "00"))
		},
		"hangs up": func(l *line, _ *codec.Message) { l.hangUp() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPeer(serve)
				r := begin(t, p, p.dial, signsOn)
				defer r.finish(t)
				time.Sleep(20 * time.Second)
				synctest.Wait()
				want(t, "online", r.Status().Online, 0)
				_, err := r.Admit()
				wantNotSent(t, err, NoLink)
				if n := p.connections(); n < 3 {
					t.Errorf("%d connections, want several tries", n)
				}
				if shown := r.Status().Links[0].LastError; shown == "" || name == "refused" && shown != "bank refused the sign-on with 91" {
					t.Errorf("the error shown is %q", shown)
				}
			})
		})
	}
}

// What a bank's answer to a sign-on says is the dialect's business, as of every type.
func TestSignOnApprovedInTheBanksOwnCode(t *testing.T) {
	inBubble(t, func(l *line, m *codec.Message) { l.say(codec.NewReply(m, "94")) }, func(t *testing.T, r *rig) {
		synctest.Wait()
		want(t, "state", r.state(), LinkOnline)
	}, signsOn)
}

func TestEchoWhenIdle(t *testing.T) {
	inBubble(t, telling, func(t *testing.T, r *rig) {
		time.Sleep(20 * time.Second)
		reply, err := ask(r.Bank, request(codec.Balance, 1), time.Second)
		wantApproved(t, reply, err)
		time.Sleep(29 * time.Second) // not idle for 30 s since the reply
		synctest.Wait()
		wantTold(t, r.peer, "balance false")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		wantTold(t, r.peer, "echo false")
		time.Sleep(5 * time.Minute)
		want(t, "connections", r.peer.connections(), 1)
	}, echoes)
}

// A peer that is half open takes everything and brings nothing.
func TestUnansweredEchoDropsTheLink(t *testing.T) {
	inBubble(t, silent, func(t *testing.T, r *rig) {
		time.Sleep(34 * time.Second)
		want(t, "connections", r.peer.connections(), 1)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		want(t, "connections", r.peer.connections(), 2)
		if e := r.Status().Links[0].LastError; !strings.Contains(e, "echo: no answer") {
			t.Errorf("last error %q", e)
		}
	}, echoes)
}

// Every time that a link may take is its configuration's.
func TestALinkDropsAtTheTimesConfigured(t *testing.T) {
	for name, c := range map[string]struct {
		serve  func(*line, *codec.Message)
		change func(*Config)
		begin  func(r *rig)
		after  time.Duration
	}{
		"stops in a message": {silent, func(c *Config) { c.ReadTimeout = 3 * time.Second }, func(r *rig) {
			r.peer.nth(0).sayBytes([]byte("00"))
		}, 6 * time.Second}, // one that began in one read deadline is over at the next
		"does not read": {deaf, func(c *Config) { c.WriteTimeout = 3 * time.Second }, func(r *rig) {
			for n := range 2 {
				go func() { _, _ = ask(r.Bank, request(codec.Balance, n), time.Second) }()
				synctest.Wait()
			}
		}, 3 * time.Second},
		"answers no echo": {silent, func(c *Config) { c.EchoIdle, c.NetworkTimeout = time.Second, 3*time.Second }, func(*rig) {}, 4 * time.Second},
		"signed off": {silent, func(c *Config) { c.Deadline, c.DrainLimit = 3*time.Second, time.Second }, func(r *rig) {
			r.peer.nth(0).say(request(codec.SignOff, 1))
		}, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.serve, func(t *testing.T, r *rig) {
				defer close(r.peer.stuck)
				c.begin(r)
				time.Sleep(c.after - time.Millisecond)
				want(t, "connections before", r.peer.connections(), 1)
				time.Sleep(100 * time.Millisecond)
				want(t, "connections after", r.peer.connections(), 2)
			}, c.change)
		})
	}
}

func TestADialMayTakeAsLongAsConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, given := time.Now(), make(chan time.Duration, 1)
		p := newPeer(silent)
		r := begin(t, p, func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			select {
			case given <- time.Since(begun):
			default:
			}
			return nil, ctx.Err()
		}, func(c *Config) { c.DialTimeout = 3 * time.Second })
		defer r.finish(t)
		want(t, "given", <-given, 3*time.Second)
	})
}

func TestAnswersTheBanksNetworkRequests(t *testing.T) {
	serve := func(l *line, m *codec.Message) {
		l.peer.told <- fmt.Sprintf("%s %s %s", m.Type, m.Get(codec.FieldSTAN), m.Get(codec.FieldCode))
	}
	inBubble(t, serve, func(t *testing.T, r *rig) {
		l := r.peer.nth(0)
		unreadable := request(codec.Echo, 4)
		unreadable.Set(codec.FieldText, "unreadable")
		for _, m := range []*codec.Message{
			request(codec.Echo, 1), request(codec.SignOn, 2), unreadable, codec.NewReply(request(codec.Echo, 3), "00"),
		} {
			l.say(m)
		}
		synctest.Wait()
		wantTold(t, r.peer, "echo 000001 00", "sign-on 000002 00")
		want(t, "unmatched", r.metric(t, "unmatched_total"), 1)
		want(t, "format errors", r.metric(t, "format_errors_total"), 1)
		want(t, "late", r.metric(t, "late_total"), 0)
	})
}

// A bank that signs off gets no new request, may still reply, and may sign on
// again; the other link carries on.
func TestBankSignsOff(t *testing.T) {
	serve := network(func(l *line, m *codec.Message) {
		l.peer.wg.Go(func() {
			time.Sleep(2 * time.Second)
			l.say(codec.NewReply(m, "00"))
		})
	})
	inBubble(t, serve, func(t *testing.T, r *rig) {
		done := make(chan error, 1)
		go func() {
			_, err := ask(r.Bank, request(codec.Balance, 1), 5*time.Second)
			done <- err
		}()
		synctest.Wait()
		l := r.peer.nth(0)
		l.say(request(codec.SignOff, 1))
		synctest.Wait()
		want(t, "state", r.state(), LinkDraining)
		_, err := r.Admit()
		wantNotSent(t, err, NoLink)
		if err := <-done; err != nil {
			t.Errorf("reply after sign-off: %v", err)
		}
		l.say(request(codec.SignOn, 2))
		synctest.Wait()
		want(t, "state", r.state(), LinkOnline)
		reply, err := ask(r.Bank, request(codec.Balance, 2), 5*time.Second)
		wantApproved(t, reply, err)

		l.say(request(codec.SignOff, 3))
		time.Sleep(20 * time.Second) // past the drain limit: dialled anew
		want(t, "connections", r.peer.connections(), 2)
		want(t, "state", r.state(), LinkOnline)
		r.peer.nth(1).say(request(codec.SignOff, 4))
		synctest.Wait() // and drained while it rests
	}, signsOn)
}

// A bank that signs off instead of answering an echo lives, and gets no new
// request while the answer is waited for.
func TestBankSignsOffWhenAskedForAnEcho(t *testing.T) {
	serve := network(func(l *line, _ *codec.Message) { l.peer.told <- "a request" })
	signsOff := func(l *line, m *codec.Message) {
		if m.Type == codec.Echo && !m.Reply {
			l.say(request(codec.SignOff, 1))
			return
		}
		serve(l, m)
	}
	inBubble(t, signsOff, func(t *testing.T, r *rig) {
		time.Sleep(31 * time.Second)
		synctest.Wait()
		want(t, "state", r.state(), LinkDraining)
		_, err := ask(r.Bank, request(codec.Balance, 1), time.Second)
		wantNotSent(t, err, NoLink)
		wantTold(t, r.peer)
		want(t, "connections", r.peer.connections(), 1)
	}, signsOn, echoes)
}

// A bank that signs off and closes is dialled anew at once.
func TestBankSignsOffAndCloses(t *testing.T) {
	inBubble(t, approve, func(t *testing.T, r *rig) {
		l := r.peer.nth(0)
		l.say(request(codec.SignOff, 1))
		synctest.Wait()
		want(t, "state", r.state(), LinkDraining)
		l.hangUp()
		time.Sleep(time.Second)
		want(t, "connections", r.peer.connections(), 2)
		want(t, "state", r.state(), LinkOnline)
	}, signsOn)
}

// A bank that asks for a sign of life while it is asked for one is answered, and
// its own answer still waited for, also where both chose the same number and time.
func TestEchoesThatCross(t *testing.T) {
	for name, its := range map[string]func(ours *codec.Message) *codec.Message{
		"its own pairing": func(*codec.Message) *codec.Message { return request(codec.Echo, 1) },
		"our pairing":     func(ours *codec.Message) *codec.Message { return ours },
	} {
		crossing := func(l *line, m *codec.Message) {
			if m.Type != codec.Echo || m.Reply {
				telling(l, m)
				return
			}
			l.say(its(m))
			l.peer.wg.Go(func() {
				time.Sleep(time.Second)
				approve(l, m)
			})
		}
		t.Run(name, func(t *testing.T) {
			inBubble(t, crossing, func(t *testing.T, r *rig) {
				time.Sleep(33 * time.Second)
				wantTold(t, r.peer, "echo true")
				want(t, "connections", r.peer.connections(), 1)
				want(t, "state", r.state(), LinkOnline)
				want(t, "unmatched", r.metric(t, "unmatched_total"), 0)
			}, echoes)
		})
	}
}

// No request leaves by a link whose bank signed off while another is up.
func TestNoRequestOnALinkThatWasSignedOff(t *testing.T) {
	serve := network(func(l *line, m *codec.Message) {
		if l == l.peer.nth(0) {
			l.peer.told <- "a request"
		}
		approve(l, m)
	})
	inBubble(t, serve, func(t *testing.T, r *rig) {
		synctest.Wait()
		r.peer.nth(0).say(request(codec.SignOff, 1))
		synctest.Wait()
		for n := range 20 {
			reply, err := ask(r.Bank, request(codec.Balance, n), time.Second)
			wantApproved(t, reply, err)
		}
		wantTold(t, r.peer)
	}, signsOn, twoLinks)
}

// A bank that is stopped while an echo is unanswered is taken leave of.
func TestStopWhileAnEchoIsUnanswered(t *testing.T) {
	noEcho := func(l *line, m *codec.Message) {
		if m.Type == codec.Echo {
			l.peer.told <- "echo"
			return
		}
		telling(l, m)
	}
	synctest.Test(t, func(t *testing.T) {
		r := start(t, newPeer(noEcho), signsOn, echoes)
		time.Sleep(31 * time.Second)
		r.finish(t)
		wantTold(t, r.peer, "sign-on false", "echo", "sign-off false")
	})
}

// A bank that says more than is heard, and then something for which its link is
// dropped, holds the drop up no more than any other.
func TestMuchUnheardOnALinkThatIsDropped(t *testing.T) {
	refuses := func(l *line, m *codec.Message) {
		if m.Reply {
			return
		}
		var all []byte
		for n := range 3 * networkSize {
			next := request(codec.Echo, n)
			if n == 0 {
				next = codec.NewReply(m, "91")
			}
			raw, err := l.peer.dialect.Pack(next)
			if err == nil {
				all, err = l.peer.dialect.Frame().Append(all, raw)
			}
			if err != nil {
				panic(err)
			}
		}
		l.sayBytes(all)
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(refuses)
		r := begin(t, p, p.dial, signsOn)
		defer r.finish(t)
		time.Sleep(20 * time.Second)
		if n := p.connections(); n < 3 {
			t.Errorf("%d connections, want several tries", n)
		}
	})
}

func TestGarbageDropsTheLink(t *testing.T) {
	bad := strings.Repeat("0003abc", badInARow)
	for name, c := range map[string]struct {
		bytes   string
		counted float64
	}{
		"no length":                  {"GET / HTTP/1.1\r\n\r\n", 1},
		"length over the format's":   {"9999xxxx", 1},
		"length of nothing":          {"0000", 1},
		"too many unreadable in row": {bad, badInARow},
		"stops inside a message":     {"0100abc", 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, approve, func(t *testing.T, r *rig) {
				r.peer.nth(0).sayBytes([]byte(c.bytes))
				time.Sleep(22 * time.Second) // twice the read timeout
				synctest.Wait()
				want(t, "connections", r.peer.connections(), 2)
				want(t, "format errors", r.metric(t, "format_errors_total"), c.counted)
				want(t, "reconnects", r.metric(t, "reconnects_total"), 1)
				reply, err := ask(r.Bank, request(codec.Balance, 1), time.Second)
				wantApproved(t, reply, err)
			})
		})
	}
}

func TestUnreadableMessageLeavesTheLink(t *testing.T) {
	inBubble(t, approve, func(t *testing.T, r *rig) {
		for range 3 * badInARow {
			r.peer.nth(0).sayBytes([]byte("0003abc"))
			r.peer.nth(0).say(codec.NewReply(request(codec.Balance, 9), "00")) // ends the row
		}
		synctest.Wait()
		want(t, "connections", r.peer.connections(), 1)
		want(t, "format errors", r.metric(t, "format_errors_total"), 3*badInARow)
	})
}

func TestOneByteAtATime(t *testing.T) {
	slow := func(l *line, m *codec.Message) {
		raw, _ := fake{}.Pack(codec.NewReply(m, "00"))
		framed, _ := fakeFormat.Append(nil, raw)
		for _, b := range framed {
			time.Sleep(100 * time.Millisecond)
			l.sayBytes([]byte{b})
		}
	}
	inBubble(t, slow, func(t *testing.T, r *rig) {
		for n := range 5 {
			reply, err := ask(r.Bank, request(codec.Balance, n), 10*time.Second)
			wantApproved(t, reply, err)
			time.Sleep(7 * time.Second)
		}
		want(t, "connections", r.peer.connections(), 1)
	})
}

// A bank that is slow, and whose every read deadline falls into some message,
// does not stall.
func TestSlowStreamIsNoStall(t *testing.T) {
	inBubble(t, approve, func(t *testing.T, r *rig) {
		l := r.peer.nth(0)
		for n := range 30 {
			raw, _ := fake{}.Pack(codec.NewReply(request(codec.Balance, n), "00"))
			framed, _ := fakeFormat.Append(nil, raw)
			for _, b := range framed {
				time.Sleep(time.Second / 10)
				l.sayBytes([]byte{b})
			}
		}
		want(t, "connections", r.peer.connections(), 1)
		want(t, "late", r.metric(t, "late_total"), 30)
	})
}

// idling is a dialect with empty frames as signs of life.
type idling struct{ fake }

func (idling) Frame() frame.Format {
	f := fakeFormat
	f.Idle = true
	return f
}

// A sign of life that a read deadline cuts in two is no message that stalls.
func TestIdleFrameIsNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(approve)
		p.dialect = idling{}
		r := start(t, p)
		defer r.finish(t)
		time.Sleep(r.cfg.ReadTimeout - time.Second/2)
		p.nth(0).sayBytes([]byte("00"))
		time.Sleep(time.Second)
		p.nth(0).sayBytes([]byte("00"))
		time.Sleep(2 * r.cfg.ReadTimeout)
		want(t, "connections", p.connections(), 1)
	})
}

func TestAddressFailOver(t *testing.T) {
	three := func(c *Config) { c.Links[0].Addresses = []string{"a:1", "b:2", "c:3"} }
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(silent)
		p.goDown("a:1", true)
		p.goDown("b:2", true)
		r := start(t, p, three)
		defer r.finish(t)
		time.Sleep(2 * time.Second) // held: the address served well
		p.nth(0).hangUp()
		synctest.Wait()
		<-r.Online()
		want(t, "last error", r.Status().Links[0].LastError, "the bank closed the connection")
		want(t, "dialled", strings.Join(p.dialled(), " "), "a:1 b:2 c:3 c:3")
		p.goDown("a:1", false)
		p.nth(1).hangUp() // at once: the next address may do better
		synctest.Wait()
		<-r.Online()
		want(t, "dialled", strings.Join(p.dialled(), " "), "a:1 b:2 c:3 c:3 a:1")
	})
}

// However often it is dialled meanwhile: an operator asks since when a bank is away.
func TestSinceWhenALinkIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(telling)
		r := start(t, p, signsOn)
		defer r.finish(t)
		since := func() time.Time { return r.Status().Links[0].Since }
		time.Sleep(time.Minute)
		p.goDown("bank:1", true)
		lost := time.Now()
		p.nth(0).hangUp()
		for range 5 {
			time.Sleep(time.Minute)
			synctest.Wait()
			want(t, "away since", since().Sub(lost), 0)
		}
		p.goDown("bank:1", false)
		<-r.Online()
		synctest.Wait()
		want(t, "online since", time.Since(since()), 0)
	})
}

// A link that held for BackoffMax is dialled as if it had never failed.
func TestBackOffAfterALinkThatHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(silent)
		p.goDown("bank:1", true)
		r := begin(t, p, p.dial)
		defer r.finish(t)
		time.Sleep(time.Minute)
		p.goDown("bank:1", false)
		for n := range 20 {
			<-r.Online()
			time.Sleep(2 * time.Second)
			begun := time.Now()
			p.nth(n).hangUp()
			synctest.Wait()
			<-r.Online()
			if d := time.Since(begun); d > 10*time.Millisecond {
				t.Errorf("online again after %v, want at most 10ms", d)
			}
		}
	})
}

// Redials wait a random time under a bound that doubles up to its maximum.
func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(silent)
		p.goDown("bank:1", true)
		r := begin(t, p, p.dial)
		defer r.finish(t)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		var times []time.Duration
		for i := range p.times[1:] {
			times = append(times, p.times[i+1].Sub(p.times[i]))
		}
		for i, d := range times[:6] {
			if bound := 10 * time.Millisecond << i; d > bound {
				t.Errorf("wait %d: %v, bound %v", i, d, bound)
			}
		}
		var sum time.Duration
		for _, d := range times[8:32] {
			sum += d
		}
		if mean := sum / 24; mean < 250*time.Millisecond {
			t.Errorf("waits 8 to 31: %v on average, want half of 1s", mean)
		}
		late := times[20:]
		longest, shortest := slices.Max(late), slices.Min(late)
		if longest > time.Second || longest < 800*time.Millisecond || shortest > 200*time.Millisecond {
			t.Errorf("waits from %v to %v, want them spread under 1s", shortest, longest)
		}
	})
}

// A long bound does not overflow however often the dial has failed: a link that
// did not wait would storm a bank that comes up.
func TestBackOffOfALongBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(silent)
		p.goDown("bank:1", true)
		r := begin(t, p, p.dial, func(c *Config) { c.BackoffMin, c.BackoffMax = 30*time.Second, 30*time.Second })
		defer r.finish(t)
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(p.times) < 40 {
			t.Fatalf("%d dials", len(p.times))
		}
		for i, at := range p.times[1:40] {
			if at.Equal(p.times[i]) {
				t.Errorf("dial %d came at once after the one before", i+1)
			}
		}
	})
}

func TestRoles(t *testing.T) {
	inBubble(t, approve, func(t *testing.T, r *rig) {
		synctest.Wait()
		want(t, "ways out", r.Status().Online, 1)
		want(t, "links online", r.metric(t, "links", "state", "online"), 2)
		for n := range 20 {
			reply, err := ask(r.Bank, request(codec.Balance, n), time.Second)
			wantApproved(t, reply, err)
		}
		for i, address := range r.peer.dialled() {
			if address == "bank:2" {
				r.peer.nth(i).say(request(codec.Completion, 1))
			}
		}
		synctest.Wait()
		want(t, "incoming", r.listener.incomingCount(), 1)
	}, twoLinks, func(c *Config) { c.Links[0].Role, c.Links[1].Role = Send, Receive })
}

// A bank that asks and asks and does not read its answers loses the link, not
// our memory.
func TestOutboxFull(t *testing.T) {
	inBubble(t, deaf, func(t *testing.T, r *rig) {
		defer close(r.peer.stuck)
		for n := range 4 * outboxSize {
			r.peer.nth(0).say(request(codec.Completion, n))
		}
		synctest.Wait()
		time.Sleep(time.Second)
		want(t, "connections", r.peer.connections(), 2)
	}, func(c *Config) { c.WriteTimeout = time.Hour })
}

func TestNumbersFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(approve)
		cfg := testConfig()
		cfg.SignOn = true
		b, err := New(cfg, fake{}, &listener{}, Options{Log: zerolog.Nop(), Numbers: &broken{}, Dial: p.dial})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
		want(t, "last error", b.Status().Links[0].LastError, "sign-on: not sent: no numbers")
		p.wg.Wait()
	})
}

// An echo that our own disk keeps from being numbered says nothing about the bank:
// replies that it owes still come by the link.
func TestAnEchoThatCannotBeNumberedDropsNoLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, numbers := newPeer(approve), &broken{}
		cfg := testConfig()
		echoes(&cfg)
		b, err := New(cfg, fake{}, &listener{}, Options{Log: zerolog.Nop(), Numbers: numbers, Dial: p.dial})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*cfg.EchoIdle+time.Second)
		defer cancel()
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
		want(t, "connections", p.connections(), 1)
		want(t, "echoes tried", numbers.asked.Load(), 10)
		p.wg.Wait()
	})
}

// A bank that signs off and on without end does not fill the log.
func TestLinesOfABankAreBounded(t *testing.T) {
	inBubble(t, silent, func(t *testing.T, r *rig) {
		before, l := r.logged.Load(), r.peer.nth(0)
		for n := range 100 {
			l.say(request(codec.SignOff, 2*n))
			l.say(request(codec.SignOn, 2*n+1))
			synctest.Wait()
		}
		want(t, "state", r.Status().Links[0].State, LinkOnline)
		if n := r.logged.Load() - before; n > noisyLines {
			t.Errorf("%d lines in a second", n)
		}
	})
}

// A bank that hangs up before it is asked is not taken for one that does not read.
func TestAskOnAConnectionThatHasGone(t *testing.T) {
	b, err := New(testConfig(), fake{}, &listener{}, Options{Numbers: &counting{}})
	if err != nil {
		t.Fatal(err)
	}
	nc, _ := net.Pipe()
	l := b.transport.(*tcp).links[0]
	l.conn = newConn(l.tcp, nc)
	l.conn.fail(errHungUp)
	for range 50 { // gone or not, there is room in the outbox: which is seen first is chance
		if _, err := l.ask(t.Context(), codec.SignOn); !errors.Is(err, errHungUp) {
			t.Fatalf("%v, want %v", err, errHungUp)
		}
	}
}
