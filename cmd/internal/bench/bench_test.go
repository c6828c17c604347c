package main

import (
	"bytes"
	"testing"

	"wxswitch/codec"
	"wxswitch/codec/iso"
	"wxswitch/routing"
)

// ask is a request as the switch would write it.
func ask(t *testing.T, d *iso.Dialect, kind codec.Type, number int64, account string) (*codec.Message, []byte) {
	t.Helper()
	m := codec.NewRequest(kind)
	m.SetAccount(codec.NewAccount(account), true)
	m.Set(codec.FieldSTAN, string(codec.NewSTAN(number)))
	m.Set(codec.FieldSent, "1124115959")
	m.Set(codec.FieldRRN, string(codec.NewRRN(number)))
	m.Set(codec.FieldAcquirer, "48980000")
	m.Set(codec.FieldForwarder, "48980000")
	m.Set(codec.FieldRemaining, "9999")
	raw, err := d.Pack(m)
	if err != nil {
		t.Fatal(err)
	}
	framed, err := d.Frame().Append(nil, raw)
	if err != nil {
		t.Fatal(err)
	}
	return m, framed
}

func TestBankAnswersEachRequestWithItsOwnNumbers(t *testing.T) {
	d, err := iso.Builtin("plain")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []codec.Type{codec.Deregister, codec.Balance} {
		answer := newIsoBank(d).answers(nil)
		for n := int64(1); n <= 3; n++ {
			asked, framed := ask(t, d, kind, n, account(firstBank, int(n)))
			used, out, err := answer(append(framed, framed[:20]...), nil)
			if err != nil || used != len(framed) {
				t.Fatalf("%s %d: used %d of %d: %v", kind, n, used, len(framed), err)
			}
			reply, err := d.Unpack(out[prefixSize:])
			if err != nil {
				t.Fatalf("%s %d: %v", kind, n, err)
			}
			for _, f := range []codec.Field{codec.FieldSTAN, codec.FieldSent, codec.FieldRRN, codec.FieldPAN} {
				if reply.Has(f) && reply.Get(f) != asked.Get(f) {
					t.Errorf("%s %d: %s is not echoed", kind, n, f)
				}
			}
			if reply.Type != kind || reply.Get(codec.FieldCode) != "00" {
				t.Errorf("%s %d: answered as %s with %s", kind, n, reply.Type, reply.Get(codec.FieldCode))
			}
		}
	}
}

func TestBankKeepsTheLastCodeOfAnAccount(t *testing.T) {
	d, err := iso.Builtin("plain")
	if err != nil {
		t.Fatal(err)
	}
	b := newIsoBank(d)
	answer := b.answers(nil)
	for n, code := range []string{"123456", "654321"} {
		m, _ := ask(t, d, codec.Balance, int64(n+1), account(firstBank, 7))
		m.Type = codec.SMSCode
		m.Set(codec.FieldRemaining, []string{"9999", "29999"}[n]) // of a length of its own
		m.Set(codec.FieldSMSCode, code)
		m.Set(codec.FieldSeconds, "300")
		m.Set(codec.FieldPurpose, "attach")
		raw, err := d.Pack(m)
		if err != nil {
			t.Fatal(err)
		}
		framed, err := d.Frame().Append(nil, raw)
		if err != nil {
			t.Fatal(err)
		}
		if used, _, err := answer(framed, nil); err != nil || used != len(framed) {
			t.Fatal(used, err)
		}
		if got := b.codeOf(account(firstBank, 7)); got != code {
			t.Errorf("%q, want %q", got, code)
		}
	}
}

func TestMovementsAreReadableAndHaveNumbersOfTheirOwn(t *testing.T) {
	d, err := iso.Builtin("plain")
	if err != nil {
		t.Fatal(err)
	}
	b := newIsoBank(d)
	if err := b.prepare([]string{account(firstBank, 1), account(firstBank, 2)}, 3); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, framed := range b.frames {
		m, err := d.Unpack(framed[prefixSize:])
		if err != nil {
			t.Fatal(err)
		}
		if m.Type != codec.Movement || seen[m.Get(codec.FieldSTAN)] {
			t.Errorf("%s %s", m.Type, m.Get(codec.FieldSTAN))
		}
		seen[m.Get(codec.FieldSTAN)] = true
	}
	if len(seen) != 6 {
		t.Errorf("%d movements", len(seen))
	}
}

func TestAccountsAreDistinctAndEveryOneHasItsRoute(t *testing.T) {
	var ids []routing.Bank
	for i := range bankCount {
		ids = append(ids, routing.Bank(bankName(i)))
	}
	table, err := routing.Parse("routes.yaml", routes(), ids)
	if err != nil {
		t.Fatal(err)
	}
	router, seen := routing.NewRouter(table), make(map[string]bool)
	var all []byte
	for bank := range bankCount {
		all = append(all, accounts(bank, 500)...)
	}
	for line := range bytes.Lines(all) {
		number := string(bytes.TrimSpace(line))
		if seen[number] {
			t.Fatal("an account stands twice")
		}
		seen[number] = true
		if _, err := router.Route(codec.NewAccount(number), ""); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTallyRefusesWrongAndMissingAnswers(t *testing.T) {
	got, err := readTally("Running 4s test\nRESULT 4000 2000000 0 0 0\n")
	if err != nil || got.perSecond() != 2000 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, out := range []string{
		"", "RESULT 0 2000000 0 0 0\n", "RESULT 4000 2000000 0 1 0\nSAMPLE 503 {}\n", "RESULT 4000 2000000 0 0 1\n", "RESULT many\n",
	} {
		if _, err := readTally(out); err == nil {
			t.Errorf("%q is taken for a good run", out)
		}
	}
}

func TestFigures(t *testing.T) {
	for text, f := range map[string]figure{
		"bench a_64 0.43 >= 0.4": {"a_64", 0.43, ">=", 0.4},
		"bench b 1.1 <= 1.1":     {"b", 1.1, "<=", 1.1},
		"bench c 61.5 < 100":     {"c", 61.5, "<", 100},
	} {
		if f.String() != text || !f.met() {
			t.Errorf("%s: %s, met %v", text, f, f.met())
		}
	}
	for _, f := range []figure{{"a", 0.39, ">=", 0.4}, {"b", 1.2, "<=", 1.1}, {"c", 100, "<", 100}} {
		if f.met() {
			t.Errorf("%s is met", f)
		}
	}
	if m := median([]float64{3, 1, 2}); m != 2 {
		t.Errorf("median %v", m)
	}
}
