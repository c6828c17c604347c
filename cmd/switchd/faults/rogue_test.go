package faults

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/codec"
	"wxswitch/codec/frame"
	switching "wxswitch/switch"
)

// rogue stands at a bank's address in the bank's place: it signs links on, and
// does what it likes with the rest.
type rogue struct {
	t        testing.TB
	d        codec.Dialect
	listener net.Listener
	wg       sync.WaitGroup
	mu       sync.Mutex // guards conns
	conns    []net.Conn
	// on is called with each request that is no network message.
	on func(m *codec.Message)
	// deaf stops reading after the sign-on.
	deaf bool
}

// usurp takes the place of the bank, which must be down, until leave.
func (h *house) usurp(bank string, r *rogue) *rogue {
	p := h.banks[bank]
	r.t, r.d = h.t, p.config.Dialect
	eventually(h.t, "the bank's address", func() bool {
		var err error
		r.listener, err = net.Listen("tcp", p.address()) //nolint:noctx // closed by leave
		return err == nil
	})
	r.wg.Go(r.accept)
	h.t.Cleanup(r.leave)
	return r
}

func (r *rogue) accept() {
	for {
		c, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		r.conns = append(r.conns, c)
		r.mu.Unlock()
		r.wg.Go(func() { r.serve(c) })
	}
}

func (r *rogue) serve(c net.Conn) {
	in := frame.NewReader(c, r.d.Frame())
	for {
		raw, err := in.Next()
		if err != nil {
			return
		}
		m, err := r.d.Unpack(raw)
		switch {
		case err != nil:
			r.t.Errorf("the switch wrote what cannot be read: %v", err)
		case m.Reply:
		case m.Type.Class() == codec.Network:
			r.sendOn(c, codec.NewReply(m, "00"))
			if r.deaf {
				return // the connection stays, and nobody reads it
			}
		default:
			r.on(m)
		}
	}
}

func (r *rogue) sendOn(c net.Conn, m *codec.Message) {
	raw, err := r.d.Pack(m)
	if err == nil {
		raw, err = r.d.Frame().Append(nil, raw)
	}
	if err != nil {
		r.t.Errorf("pack: %v", err)
		return
	}
	_, _ = c.Write(raw)
}

// send writes a message on the link that came last.
func (r *rogue) send(m *codec.Message) {
	r.mu.Lock()
	c := r.conns[len(r.conns)-1]
	r.mu.Unlock()
	r.sendOn(c, m)
}

// leave gives the address back.
func (r *rogue) leave() {
	_ = r.listener.Close()
	r.mu.Lock()
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}

// back has the bank itself at its address again.
func (h *house) back(bank string, r *rogue) {
	r.leave()
	h.banks[bank].start()
	h.online()
}

// TestReplyOfAnotherBank: a bank answers what another was asked, with its
// numbers.
func TestReplyOfAnotherBank(t *testing.T) {
	h := newHouse(t, plan{})
	h.banks[cupsBank].stop()
	r := h.usurp(cupsBank, &rogue{on: func(*codec.Message) {}})
	h.start()
	h.online()
	h.fault(plainBank, sim.Fault{Kind: sim.Delay, Delay: 300 * time.Millisecond, Type: codec.Deregister})
	h.answered(authenticate(plainBank, 1, "a"))
	asked := make(chan heard, 1)
	go func() { asked <- h.ask(deregister(plainBank, 1, "d")) }()
	var seen sim.Row
	eventually(t, "the request", func() bool {
		rows, err := h.banks[plainBank].Ledger(t.Context())
		must(t, err)
		seen = rows[len(rows)-1]
		return seen.Type == codec.Deregister
	})
	m := codec.NewRequest(codec.Deregister)
	m.Set(codec.FieldPAN, h.banks[plainBank].people[1].Accounts[0].Number.Reveal())
	m.Set(codec.FieldSTAN, string(seen.STAN))
	m.Set(codec.FieldSent, string(seen.Sent))
	m.Set(codec.FieldRRN, string(seen.RRN))
	m.Set(codec.FieldAcquirer, "48980000")
	m.Set(codec.FieldForwarder, "48980000")
	r.send(codec.NewReply(m, "05"))
	a := <-asked
	if a.outcome() != switching.Approved || a.Code != "00" {
		t.Errorf("told %s %q: the other bank's reply counts", a.outcome(), a.Code)
	}
	h.metric("wxswitch_late_messages_total{bank=\"urmqccb\",result=\"unmatched\"} 1")
	h.back(cupsBank, r)
	h.compare()
}

// metric waits until the metrics hold that line.
func (h *house) metric(line string) {
	h.t.Helper()
	eventually(h.t, line, func() bool { return strings.Contains(string(h.page("/metrics")), line+"\n") })
}

// TestRepliesThatFitNothing: another type, twice, another STAN or another time, with
// the rest as asked; then the true one, and one that contradicts it. Only the true one
// counts.
func TestRepliesThatFitNothing(t *testing.T) {
	h := newHouse(t, plan{})
	h.banks[plainBank].stop()
	var r *rogue
	r = &rogue{on: func(m *codec.Message) {
		wrong := func(change func(m *codec.Message)) {
			other := *m
			change(&other)
			r.send(codec.NewReply(&other, "05"))
		}
		wrong(func(m *codec.Message) { m.Type = codec.Balance; m.Set(codec.FieldProcessingCode, "") })
		wrong(func(m *codec.Message) { m.Type = codec.Reversal })
		wrong(func(m *codec.Message) { m.Set(codec.FieldSTAN, "999999") })
		wrong(func(m *codec.Message) { m.Set(codec.FieldSent, "0101000000") })
		r.send(codec.NewReply(m, "00"))
		r.send(codec.NewReply(m, "05"))
	}}
	h.usurp(plainBank, r)
	h.start()
	h.online()
	for i := range 5 {
		if a := h.answered(deregister(plainBank, i, string(rune('a'+i)))); a.outcome() != switching.Approved || a.Code != "00" {
			t.Errorf("told %s %q", a.outcome(), a.Code)
		}
	}
	h.metric(`wxswitch_late_messages_total{bank="xjrcu",result="unmatched"} 20`)
}

// TestBankThatNeverReads: nobody waits longer than his deadline for it, and the
// other bank's callers notice nothing.
func TestBankThatNeverReads(t *testing.T) {
	h := newHouse(t, plan{deadline: 2 * time.Second, people: 300, seed: 9, bank: "    limit: 250\n    write_timeout: 1s\n"})
	h.banks[plainBank].stop()
	r := h.usurp(plainBank, &rogue{deaf: true})
	h.start()
	h.online()
	var questions []question
	for i := range 300 {
		questions = append(questions, authenticate(plainBank, i, fmt.Sprint("k", i)))
	}
	began := time.Now()
	done := make(chan []heard)
	go func() { done <- h.each(questions) }()
	for i := range 16 {
		if a := h.ask(balance(cupsBank, i)); a.outcome() != switching.Approved {
			t.Errorf("the other bank: status %d: %s", a.status, a.body)
		}
	}
	counts := make(map[string]int)
	for _, a := range <-done {
		counts[string(a.outcome())+a.problem]++
	}
	t.Logf("after %s: %v", time.Since(began), counts)
	if counts["timed-out"] == 0 || counts["timed-out"]+counts["refusedbulkhead-full"]+counts["refuseddeadline"]+
		counts["refusedbreaker-open"]+counts["refusedno-link"] != 300 {
		t.Errorf("outcomes: %v", counts)
	}
	h.back(plainBank, r)
	h.compare()
}
