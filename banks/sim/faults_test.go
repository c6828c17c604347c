package sim

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"wxswitch/codec"
	"wxswitch/codec/iso"
)

// longWait is more than an answer takes, shortWait what silence is given.
const (
	longWait  = 10 * time.Second
	shortWait = 300 * time.Millisecond
)

func dialectFor(t testing.TB) codec.Dialect {
	d, err := iso.Builtin("plain")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestFaults tries each kind over TCP, in both dialects: what comes over the
// wire, whether the bank did it, and that the next request is served.
func TestFaults(t *testing.T) {
	cups, err := iso.Builtin("cups")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		fault Fault
		done  bool // the bank did it
		check func(*testing.T, *line, *codec.Message)
	}{
		{Fault{Kind: Decline, Code: "51"}, false, answers("51")},
		{Fault{Kind: Delay, Delay: shortWait}, true, slowly},
		{Fault{Kind: Late, Delay: shortWait}, true, slowly},
		{Fault{Kind: Silence}, false, silent},
		{Fault{Kind: SilenceAfter}, true, silent},
		{Fault{Kind: DropBefore}, false, dropped},
		{Fault{Kind: DropAfter}, true, dropped},
		{Fault{Kind: Garbage}, true, unpaired},
		{Fault{Kind: BadLength}, true, unframed},
		{Fault{Kind: Twice}, true, twice},
		{Fault{Kind: WrongSTAN}, true, wrongSTAN},
		{Fault{Kind: Unreadable}, true, unreadable},
		{Fault{Kind: OtherName}, true, otherName},
	}
	if len(tests) != len(kinds) {
		t.Fatal("a kind is not tried")
	}
	for name, d := range map[string]codec.Dialect{"cups": cups, "plain": dialectFor(t)} {
		b, _ := start(t, func(c *Config) { c.Dialect = d })
		for i, test := range tests {
			t.Run(name+"/"+string(test.fault.Kind), func(t *testing.T) {
				l, who := dial(t, b), b.People()[i]
				test.fault.Account, test.fault.Type, test.fault.Count = who.Accounts[0].Number, codec.Authenticate, 1
				if _, err := b.SetFault(test.fault); err != nil {
					t.Fatal(err)
				}
				m := l.request(codec.Authenticate, int64(i+1), who, 0)
				test.check(t, l, m)
				after := dial(t, b)
				want := map[bool]string{true: "00", false: "25"}[test.done]
				after.expect(after.request(codec.Deregister, int64(100+i), who, 0), want)
				if len(b.Faults()) != 0 {
					t.Error("the fault is still in force")
				}
			})
		}
	}
}

func answers(code string) func(*testing.T, *line, *codec.Message) {
	return func(_ *testing.T, l *line, m *codec.Message) { l.expect(m, code) }
}

func slowly(t *testing.T, l *line, m *codec.Message) {
	begun := time.Now()
	l.expect(m, "00")
	if d := time.Since(begun); d < shortWait {
		t.Errorf("answered after %s", d)
	}
}

func silent(t *testing.T, l *line, m *codec.Message) {
	l.send(m)
	if _, err := l.raw(shortWait); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want silence", err)
	}
}

func dropped(t *testing.T, l *line, m *codec.Message) {
	l.send(m)
	var reset *net.OpError
	if _, err := l.raw(longWait); !errors.Is(err, io.EOF) && (!errors.As(err, &reset) || reset.Timeout()) {
		t.Errorf("got %v, want the end of the line", err)
	}
}

func unpaired(t *testing.T, l *line, m *codec.Message) {
	l.send(m)
	raw, err := l.raw(longWait)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.d.Peek(raw); err == nil {
		t.Error("garbage could be paired")
	}
}

func unframed(t *testing.T, l *line, m *codec.Message) {
	l.send(m)
	if _, err := l.raw(longWait); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want a length that cannot be", err)
	}
}

func twice(t *testing.T, l *line, m *codec.Message) {
	l.expect(m, "00")
	raw, err := l.raw(longWait)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := l.d.Unpack(raw); err != nil || again.Get(codec.FieldSTAN) != m.Get(codec.FieldSTAN) {
		t.Errorf("second answer: %v %v", again, err)
	}
}

func wrongSTAN(t *testing.T, l *line, m *codec.Message) {
	if r := l.ask(m); r.Get(codec.FieldSTAN) == m.Get(codec.FieldSTAN) {
		t.Error("the STAN is right")
	}
}

func unreadable(t *testing.T, l *line, m *codec.Message) {
	l.send(m)
	raw, err := l.raw(longWait)
	if err != nil {
		t.Fatal(err)
	}
	head, err := l.d.Peek(raw)
	if err != nil || !head.Reply || head.Pair.STAN != m.Get(codec.FieldSTAN) {
		t.Errorf("cannot be paired: %v", err)
	}
	if _, err := l.d.Unpack(raw); err == nil {
		t.Error("can be read")
	}
}

func TestFaultsMeetWhatTheyName(t *testing.T) {
	b, _ := start(t, nil)
	l, who := dial(t, b), b.People()
	all, err := b.SetFault(Fault{Kind: Decline, Code: "51", Type: codec.Balance})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.SetFault(Fault{Kind: Decline, Code: "75", Account: who[1].Accounts[0].Number, Count: 2}); err != nil {
		t.Fatal(err)
	}
	l.expect(l.request(codec.Balance, 1, who[0], 0), "51")
	l.expect(l.request(codec.Balance, 2, who[0], 0), "51")
	l.expect(l.request(codec.Authenticate, 3, who[0], 0), "00")
	l.expect(l.request(codec.Authenticate, 4, who[1], 0), "75")
	l.expect(l.request(codec.Balance, 5, who[1], 0), "51") // the older order
	b.ClearFault(all)
	l.expect(l.request(codec.Balance, 6, who[1], 0), "75")
	l.expect(l.request(codec.Balance, 7, who[1], 0), "00")
	for _, f := range []Fault{
		{},
		{Kind: "odd"},
		{Kind: Decline},
		{Kind: Decline, Code: "00"}, // would be approved and not done
		{Kind: Late},
		{Kind: Silence, Count: -1},
		{Kind: Silence, Type: codec.Echo},
		{Kind: Delay, Delay: time.Hour},
	} {
		if _, err := b.SetFault(f); err == nil {
			t.Errorf("took %+v", f)
		}
	}
}

func otherName(t *testing.T, l *line, m *codec.Message) {
	t.Helper()
	if r := l.expect(m, "00"); r.Get(codec.FieldHolder) != "张三" {
		t.Error("the holder's own name")
	}
}
