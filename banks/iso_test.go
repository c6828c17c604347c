package banks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wxswitch/codec"
	"wxswitch/codec/iso"
)

// isoRequest is a request that every shipped dialect can write; the card is
// made up.
func isoRequest(t codec.Type, n int) *codec.Message {
	m := request(t, n)
	m.Set(codec.FieldPAN, "6210081234567892")
	m.Set(codec.FieldAcquirer, "00010344")
	m.Set(codec.FieldForwarder, "00010344")
	m.Set(codec.FieldRRN, string(codec.NewRRN(int64(n))))
	return m
}

func withISO(t *testing.T, name string, serve func(*line, *codec.Message), test func(t *testing.T, r *rig), change ...func(*Config)) {
	t.Helper()
	d, err := iso.Builtin(name)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(serve)
		p.dialect = d
		r := start(t, p, append(change, func(c *Config) { c.Forwarder = "00010344" })...)
		defer r.finish(t)
		test(t, r)
	})
}

// balanceReply answers as each dialect wants an approved balance.
func balanceReply(m *codec.Message, code string) *codec.Message {
	reply := codec.NewReply(m, code)
	if m.Type == codec.Balance && code == "00" {
		reply.Set(codec.FieldBalance, "123456")
		reply.Set(codec.FieldAvailable, "100000")
		reply.Set(codec.FieldCurrency, "156")
	}
	return reply
}

func TestShippedDialects(t *testing.T) {
	serve := func(l *line, m *codec.Message) {
		l.peer.told <- string(m.Type)
		if m.Get(codec.FieldSTAN) == "000002" {
			l.say(balanceReply(m, "51"))
			return
		}
		l.say(balanceReply(m, "00"))
	}
	for _, name := range iso.Builtins() {
		t.Run(name, func(t *testing.T) {
			withISO(t, name, serve, func(t *testing.T, r *rig) {
				reply, err := ask(r.Bank, isoRequest(codec.Balance, 1), time.Second)
				wantApproved(t, reply, err)
				want(t, "balance", reply.Get(codec.FieldBalance), "123456")
				reply, err = ask(r.Bank, isoRequest(codec.Balance, 2), time.Second)
				if err != nil || reply.Meaning != codec.Declined {
					t.Errorf("%v, %v, want declined", reply.Meaning, err)
				}
				reply, err = ask(r.Bank, isoRequest(codec.Deregister, 3), time.Second)
				wantApproved(t, reply, err)
				time.Sleep(31 * time.Second)
				synctest.Wait()
				wantTold(t, r.peer, "sign-on", "balance", "balance", "deregister", "echo")
			}, signsOn, echoes)
		})
	}
}

// Network messages name the centre by its numbers at the bank.
func TestNetworkMessagesNameTheCentre(t *testing.T) {
	for _, name := range iso.Builtins() {
		t.Run(name, func(t *testing.T) {
			serve := network(func(*line, *codec.Message) {})
			withISO(t, name, func(l *line, m *codec.Message) {
				l.peer.told <- fmt.Sprintf("%s %s %s", m.Type, m.Get(codec.FieldAcquirer), m.Get(codec.FieldForwarder))
				serve(l, m)
			}, func(t *testing.T, r *rig) {
				synctest.Wait()
				wantTold(t, r.peer, "sign-on 00010333 00010344")
			}, signsOn, func(c *Config) { c.Acquirer = "00010333" })
		})
	}
}

// The same STAN in flight for two types: each gets its own, whatever the order.
func TestShippedDialectsPairByType(t *testing.T) {
	for _, name := range iso.Builtins() {
		t.Run(name, func(t *testing.T) {
			var held *codec.Message
			serve := func(l *line, m *codec.Message) { // answers the second first
				if held == nil {
					held = m
					return
				}
				l.say(balanceReply(m, "00"))
				l.say(balanceReply(held, "00"))
			}
			withISO(t, name, serve, func(t *testing.T, r *rig) {
				var wg sync.WaitGroup
				for _, kind := range []codec.Type{codec.Deregister, codec.Balance} {
					wg.Go(func() {
						reply, err := ask(r.Bank, isoRequest(kind, 1), time.Second)
						wantApproved(t, reply, err)
						if err == nil {
							want(t, "type", reply.Type, kind)
						}
					})
					synctest.Wait()
				}
				wg.Wait()
				want(t, "late", r.metric(t, "late_total"), 0)
			})
		})
	}
}

func TestShippedDialectsLateAndBadReplies(t *testing.T) {
	for _, name := range iso.Builtins() {
		t.Run(name, func(t *testing.T) {
			serve := func(l *line, m *codec.Message) {
				if m.Get(codec.FieldSTAN) == "000001" {
					l.peer.wg.Go(func() {
						time.Sleep(2 * time.Second)
						l.say(balanceReply(m, "00"))
					})
					return
				}
				raw, err := l.peer.dialect.Pack(balanceReply(m, "00"))
				if err != nil {
					panic(err)
				}
				framed, err := l.peer.dialect.Frame().Append(nil, append(raw, "trailing"...))
				if err != nil {
					panic(err)
				}
				l.sayBytes(framed)
			}
			withISO(t, name, serve, func(t *testing.T, r *rig) {
				_, err := ask(r.Bank, isoRequest(codec.Balance, 1), time.Second)
				wantInDoubt(t, err, NoReply)
				_, err = ask(r.Bank, isoRequest(codec.Balance, 2), time.Second)
				wantInDoubt(t, err, BadReply)
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if late := r.listener.lateSTANs(); !slices.Equal(late, []string{"000001"}) {
					t.Errorf("late: %v", late)
				}
			})
		})
	}
}

// The bank is told how much of the deadline is left, in the field that its dialect
// names, and not what the caller's message said.
func TestTimeLeftIsTold(t *testing.T) {
	for _, name := range iso.Builtins() {
		t.Run(name, func(t *testing.T) {
			told := make(chan string, 2)
			serve := func(l *line, m *codec.Message) {
				told <- m.Get(codec.FieldRemaining)
				l.say(balanceReply(m, "00"))
			}
			withISO(t, name, serve, func(t *testing.T, r *rig) {
				for n, left := range []time.Duration{4500 * time.Millisecond, 10 * time.Second} {
					m := isoRequest(codec.Balance, n)
					m.Set(codec.FieldRemaining, "1")
					reply, err := ask(r.Bank, m, left)
					wantApproved(t, reply, err)
					want(t, "milliseconds left", <-told, strconv.FormatInt(left.Milliseconds(), 10))
				}
			})
		})
	}
}

// Frames cut at random places, and messages mutated, never hurt the bank.
func FuzzInbound(f *testing.F) {
	for _, name := range iso.Builtins() {
		d, err := iso.Builtin(name)
		if err != nil {
			f.Fatal(err)
		}
		raw, err := d.Pack(balanceReply(isoRequest(codec.Balance, 1), "00"))
		if err != nil {
			f.Fatal(err)
		}
		framed, err := d.Frame().Append(nil, raw)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(name == "plain", framed)
	}
	plain, cups := must(f, "plain"), must(f, "cups")
	f.Fuzz(func(t *testing.T, isPlain bool, stream []byte) {
		var d codec.Dialect = cups
		if isPlain {
			d = plain
		}
		synctest.Test(t, func(t *testing.T) { feed(t, d, stream) })
	})
}

func must(tb testing.TB, name string) *iso.Dialect {
	tb.Helper()
	d, err := iso.Builtin(name)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// feed lets a bank read the stream while a request waits, which must end.
func feed(t *testing.T, d codec.Dialect, stream []byte) {
	t.Helper()
	p := newPeer(func(l *line, _ *codec.Message) {
		l.sayBytes(stream)
		l.hangUp()
	})
	p.dialect = d
	r := start(t, p)
	defer r.finish(t)
	_, err := ask(r.Bank, isoRequest(codec.Balance, 1), time.Second)
	var doubt *InDoubt
	if err != nil && !errors.As(err, &doubt) {
		t.Errorf("ended as %v", err)
	}
}

// The tap sees every message both ways, unframed.
func TestTap(t *testing.T) {
	p := newPeer(approve)
	var mu sync.Mutex
	var seen []string
	cfg := testConfig()
	at(p.listen(t))(&cfg)
	b, err := New(cfg, fake{}, &listener{}, Options{
		Numbers: &counting{}, Dial: new(net.Dialer).DialContext,
		Tap: func(bank string, out bool, raw []byte) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, map[bool]string{true: "> ", false: "< "}[out]+bank+" "+string(raw))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	<-b.Online()
	reply, err := ask(b, request(codec.Balance, 1), 10*time.Second)
	wantApproved(t, reply, err)
	cancel()
	<-ended
	if !slices.Equal(seen, []string{
		"> wlmq balance|Q|000001|1124115959||", "< wlmq balance|R|000001|1124115959|00|",
	}) {
		t.Errorf("seen: %q", seen)
	}
}

// A reply under the right numbers that names another operation or another
// account is not taken for this customer's.
func TestReplyOfAnotherCustomer(t *testing.T) {
	for name, change := range map[string]func(*codec.Message){
		"another RRN":  func(m *codec.Message) { m.Set(codec.FieldRRN, "000000000777") },
		"another card": func(m *codec.Message) { m.Set(codec.FieldPAN, "6210089999999999") },
		"another passbook": func(m *codec.Message) {
			m.Set(codec.FieldPAN, "")
			m.Set(codec.FieldAccount, "0301000099999999")
		},
	} {
		serve := func(l *line, m *codec.Message) {
			reply := balanceReply(m, "00")
			change(reply)
			l.say(reply)
		}
		for _, dialect := range iso.Builtins() {
			t.Run(dialect+"/"+name, func(t *testing.T) {
				withISO(t, dialect, serve, func(t *testing.T, r *rig) {
					m := isoRequest(codec.Balance, 1)
					if name == "another passbook" {
						m.SetAccount(codec.NewAccount("0301000012345678"), false)
						m.Set(codec.FieldPAN, "")
					}
					_, err := ask(r.Bank, m, time.Second)
					wantInDoubt(t, err, BadReply)
					if strings.Contains(fmt.Sprintf("%v %v", err, errors.Unwrap(err)), "999") {
						t.Error("the error shows the other's number")
					}
					want(t, "counted", r.metric(t, "format_errors_total"), 1)
				})
			})
		}
	}
}

// A bank that answers a card with the passbook behind it names nobody else.
func TestReplyThatNamesMore(t *testing.T) {
	serve := func(l *line, m *codec.Message) {
		reply := balanceReply(m, "00")
		reply.Set(codec.FieldAccount, "0301000012345678")
		l.say(reply)
	}
	withISO(t, "plain", serve, func(t *testing.T, r *rig) {
		reply, err := ask(r.Bank, isoRequest(codec.Balance, 1), time.Second)
		wantApproved(t, reply, err)
	})
}
