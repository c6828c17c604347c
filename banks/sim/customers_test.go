package sim

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"wxswitch/codec"
	"wxswitch/codec/iso"
	"wxswitch/switch/db"
)

// both runs a test against a bank of each dialect.
func both(t *testing.T, test func(*testing.T, *Bank)) {
	t.Helper()
	for _, name := range iso.Builtins() {
		d, err := iso.Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			b, _ := start(t, func(c *Config) { c.Dialect, c.Kit.RetryMin = d, 50*time.Millisecond })
			test(t, b)
		})
	}
}

func set(m *codec.Message, pairs ...any) *codec.Message {
	for i := 0; i < len(pairs); i += 2 {
		m.Set(pairs[i].(codec.Field), pairs[i+1].(string))
	}
	return m
}

func TestCodeReachesThePhone(t *testing.T) {
	both(t, func(t *testing.T, b *Bank) {
		l, p := dial(t, b), b.People()[3]
		m := set(l.request(codec.SMSCode, 1, p, 0), codec.FieldSMSCode, "042137", codec.FieldSeconds, "300", codec.FieldPurpose, "attach")
		l.expect(m, "00")
		l.expect(m, "00") // a repeat sends no second SMS
		all, err := b.Messages(t.Context(), 0)
		if err != nil || len(all) != 1 {
			t.Fatal(len(all), err)
		}
		s := all[0]
		if s.Code.Reveal() != "042137" || s.Phone != p.Phone || s.Account != p.Accounts[0].Number || !strings.Contains(s.Text.Reveal(), "042137") {
			t.Error("another SMS")
		}
	})
}

// The core does once what it is called for twice, as after a crash.
func TestCoreIsCalledAgain(t *testing.T) {
	b, _ := start(t, nil)
	l, p := dial(t, b), b.People()[3]
	code := set(l.request(codec.SMSCode, 1, p, 0), codec.FieldSMSCode, "042137", codec.FieldSeconds, "300", codec.FieldPurpose, "attach")
	_, code3, _ := l.d.Wire(codec.SMSCode)
	code.Set(codec.FieldProcessingCode, code3)
	visit := set(l.request(codec.Appointment, 2, p, 0), codec.FieldPAN, "", codec.FieldAccount, "", codec.FieldBranch, "0102",
		codec.FieldBusiness, "vip", codec.FieldPhone, "13899990000")
	for range 2 {
		for _, m := range []*codec.Message{code, visit} {
			r, err := core{b}.Serve(t.Context(), m)
			if err != nil || r.Get(codec.FieldCode) != "00" || m == visit && r.Get(codec.FieldAppointment) != "YY000001" {
				t.Errorf("%v %v", r, err)
			}
			m.Repeat = true
		}
	}
	if all, err := b.Messages(t.Context(), 0); err != nil || len(all) != 2 {
		t.Errorf("%d messages to phones, want one each: %v", len(all), err)
	}
}

// TestReleaseEndsNoLaterRegistration: it ends its own and earlier ones.
func TestReleaseEndsNoLaterRegistration(t *testing.T) {
	both(t, func(t *testing.T, b *Bank) {
		l, p := dial(t, b), b.People()[1]
		first := l.request(codec.Attach, 1, p, 0)
		l.expect(first, "00")
		l.expect(l.request(codec.Attach, 2, p, 0), "00")
		l.expect(l.advice(codec.Release, first), "00")
		standing := func() (numbers []string) {
			all, err := b.Registrations(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range all {
				if r.Ended == "" {
					numbers = append(numbers, string(r.RRN))
				}
			}
			return numbers
		}
		if got := standing(); len(got) != 1 || got[0] != "000000000002" {
			t.Fatal(got)
		}
		l.expect(l.advice(codec.Release, first), "00")                            // remembered
		l.expect(l.advice(codec.Release, l.request(codec.Attach, 9, p, 0)), "25") // never seen
		l.expect(l.request(codec.Attach, 9, p, 0), "12")                          // and refused from now on
		l.expect(l.request(codec.Detach, 3, p, 0), "00")
		l.expect(l.request(codec.Detach, 4, p, 0), "25")
		if got := standing(); len(got) != 0 {
			t.Fatal(got)
		}
	})
}

func TestAttachIsForTheHolders(t *testing.T) {
	both(t, func(t *testing.T, b *Bank) {
		l, people := dial(t, b), b.People()
		as := func(rrn int64, who, whose int) *codec.Message {
			m := l.request(codec.Attach, rrn, people[whose], 0)
			return set(m, codec.FieldCertType, people[who].CertType, codec.FieldCertNumber, people[who].Cert.Reveal())
		}
		l.expect(as(1, 5, 6), "05")
		l.expect(as(2, 2, 1), "00") // joint
		l.expect(as(3, 1, 2), "05")
		l.expect(as(4, 9, 9), "00") // a certificate number of 20 characters
	})
}

func TestDetailsInPages(t *testing.T) {
	both(t, func(t *testing.T, b *Bank) {
		l, p := dial(t, b), b.People()[0]
		if err := b.Move(t.Context(), p.Accounts[0].Number, true, 3250, "消费 𠮷野家"); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		ask := func(first string) *codec.Message {
			return set(l.request(codec.Details, l.next+1, p, 0), codec.FieldFrom, string(codec.NewMoment(now.AddDate(0, 0, -24))),
				codec.FieldTo, string(codec.NewMoment(now.Add(time.Minute))), codec.FieldFirst, first)
		}
		var rows []codec.Row
		for _, first := range []string{"1", "11", "21"} {
			r := l.expectBeside(ask(first), "00")
			page, err := codec.ParseRows(r.Get(codec.FieldRows))
			if err != nil || (r.Get(codec.FieldMore) == "1") != (first != "21") {
				t.Fatal(first, len(page), r.Get(codec.FieldMore), err)
			}
			rows = append(rows, page...)
		}
		if !rows[0].Out || rows[0].Amount != 3250 || rows[0].Balance != p.Accounts[0].Balance-3250 {
			t.Fatal("the newest:", rows[0])
		}
		for i := 1; i < len(rows); i++ {
			before := rows[i-1].Balance + rows[i-1].Amount
			if !rows[i-1].Out {
				before = rows[i-1].Balance - rows[i-1].Amount
			}
			if rows[i].Balance != before || rows[i].At.After(rows[i-1].At) {
				t.Fatal(i, rows[i-1], rows[i])
			}
		}
		before := set(ask("1"), codec.FieldTo, string(codec.NewMoment(now.Add(-time.Minute))))
		if page, err := codec.ParseRows(l.expectBeside(before, "00").Get(codec.FieldRows)); err != nil || slices.Contains(page, rows[0]) {
			t.Error("a movement after the period:", err)
		}
		balance := l.expectBeside(l.request(codec.Balance, 900, p, 0), "00")
		if balance.Get(codec.FieldBalance) != strconv.FormatInt(int64(rows[0].Balance), 10) {
			t.Error("balance and details differ")
		}
	})
}

func TestVisitIsBookedOnce(t *testing.T) {
	both(t, func(t *testing.T, b *Bank) {
		l := dial(t, b)
		m := set(l.request(codec.Appointment, 1, b.People()[0], 0), codec.FieldPAN, "", codec.FieldBranch, "0102",
			codec.FieldBusiness, "vip", codec.FieldPhone, "13899990000")
		first := l.expect(m, "00")
		if again := l.expect(m, "00"); again.Get(codec.FieldAppointment) != "YY000001" || first.Get(codec.FieldAppointment) != "YY000001" {
			t.Error("number:", first.Get(codec.FieldAppointment), again.Get(codec.FieldAppointment))
		}
		all, err := b.Messages(t.Context(), 0)
		if err != nil || len(all) != 1 || all[0].Phone.Reveal() != "13899990000" {
			t.Fatal(len(all), err)
		}
		l.expect(l.advice(codec.Reversal, m), "00")
		var cancelled int
		err = b.db.Read(t.Context(), func(ctx context.Context, tx db.Tx) error {
			return tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM sim_visit WHERE cancelled = 1`).Scan(&cancelled)
		})
		if err != nil || cancelled != 1 {
			t.Error("cancelled by its reversal:", cancelled, err)
		}
	})
}

// TestWordsAreToldUntilHeard: in order per account, under the same numbers, as
// repeats.
func TestWordsAreToldUntilHeard(t *testing.T) {
	both(t, func(t *testing.T, b *Bank) {
		p := b.People()[0]
		if err := b.Move(t.Context(), p.Accounts[0].Number, true, 3250, "消费"); err != nil {
			t.Fatal(err)
		}
		if err := b.Event(t.Context(), p.Accounts[0].Number, "card-lost"); err != nil {
			t.Fatal(err)
		}
		l := dial(t, b)
		first := l.hear()
		if first.Type != codec.Movement || first.Repeat || first.Get(codec.FieldAmount) != "3250" || first.Get(codec.FieldDirection) != "out" {
			t.Fatal(first)
		}
		l.send(codec.NewReply(first, "96")) // says nothing: again
		again := l.hear()
		if !again.Repeat || again.Get(codec.FieldSTAN) != first.Get(codec.FieldSTAN) || again.Get(codec.FieldSent) != first.Get(codec.FieldSent) ||
			again.Get(codec.FieldRRN) != first.Get(codec.FieldRRN) {
			t.Fatal(again)
		}
		l.send(codec.NewReply(again, "00"))
		event := l.hear()
		if event.Type != codec.AccountEvent || event.Get(codec.FieldEvent) != "card-lost" {
			t.Fatal(event)
		}
		l.send(codec.NewReply(event, "00"))
		l.expect(l.request(codec.Balance, 7, p, 0), "41")
	})
}

// hear is the next message of the bank's own.
func (l *line) hear() *codec.Message {
	l.t.Helper()
	raw, err := l.raw(10 * time.Second)
	if err != nil {
		l.t.Fatal(err)
	}
	m, err := l.d.Unpack(raw)
	if err != nil || m.Reply {
		l.t.Fatal(m, err)
	}
	return m
}

// expectBeside is expect while the bank says things by itself, which it
// acknowledges.
func (l *line) expectBeside(m *codec.Message, code string) *codec.Message {
	l.t.Helper()
	l.send(m)
	for {
		raw, err := l.raw(10 * time.Second)
		if err != nil {
			l.t.Fatal(err)
		}
		r, err := l.d.Unpack(raw)
		if err != nil {
			l.t.Fatal(err)
		}
		if !r.Reply {
			l.send(codec.NewReply(r, "00"))
			continue
		}
		if r.Get(codec.FieldCode) != code {
			l.t.Fatalf("%s: %s", m.Type, r.Get(codec.FieldCode))
		}
		return r
	}
}
