package sim

import (
	"path/filepath"
	"strings"
	"testing"

	"wxswitch/codec"
	"wxswitch/switch/vault"
)

func TestPeopleAreValid(t *testing.T) {
	cards := []Range{{"621008", 16}, {"621751", 19}, {"62230212", 18}}
	all := people(7, 3000, cards, Range{"1008", 17})
	seen := map[string]bool{}
	for i, p := range all {
		id := p.Cert.Reveal()
		if p.CertType == "01" && (len(id) != 18 || residentCheck(id[:17]) != id[17]) || p.CertType == "99" && len(id) != 20 {
			t.Fatalf("certificate %d: check character", i)
		}
		for _, a := range p.Accounts {
			n := a.Number.Reveal()
			if seen[n] || seen[id] {
				t.Fatalf("person %d: a number twice", i)
			}
			seen[n] = true
			want := cards[i%len(cards)]
			if a.Card && (len(n) != want.Length || !strings.HasPrefix(n, want.Prefix) || luhnDigit(n[:len(n)-1]) != n[len(n)-1]) {
				t.Fatalf("card %d is not valid", i)
			}
		}
		seen[id] = true
	}
	again := people(7, 3000, cards, Range{"1008", 17})
	elsewhere := people(7, 3000, []Range{{"621029", 19}}, Range{})
	if all[17].Cert != elsewhere[17].Cert || all[17].Holder != elsewhere[17].Holder || all[17].Phone != elsewhere[17].Phone {
		t.Error("the same seed made other persons at another bank")
	}
	if all[2999].Cert != again[2999].Cert || all[2999].Holder != again[2999].Holder {
		t.Error("the same seed made other people")
	}
}

func TestCheckDigits(t *testing.T) {
	for _, id := range []string{"11010519491231002X", "440524188001010014"} { // GB 11643, annex
		if residentCheck(id[:17]) != id[17] {
			t.Errorf("%s", id)
		}
	}
	if luhnDigit("7992739871") != '3' {
		t.Error("Luhn")
	}
}

func TestAnswers(t *testing.T) {
	b, _ := start(t, func(c *Config) { c.People = 40 })
	l, who := dial(t, b), b.People()
	hard := l.expect(l.request(codec.Authenticate, 1, who[3], 0), "00")
	if got := hard.Get(codec.FieldHolder); got != who[3].Holder || !strings.Contains(got, "•") {
		t.Errorf("holder: %q", got)
	}
	l.expect(l.request(codec.Authenticate, 2, who[16], 0), "62")
	other := l.request(codec.Authenticate, 3, who[4], 0)
	other.Set(codec.FieldCertNumber, who[5].Cert.Reveal())
	l.expect(other, "05")
	unknown := l.request(codec.Authenticate, 4, who[4], 0)
	unknown.Set(codec.FieldPAN, "6210080000000000")
	l.expect(unknown, "14")
	l.expect(l.advice(codec.Reversal, unknown), "00") // nothing was done
	l.expect(l.request(codec.Deregister, 5, who[4], 0), "25")
	balance := l.expect(l.request(codec.Balance, 6, who[7], 0), "00")
	if got := balance.Get(codec.FieldBalance); !strings.HasPrefix(got, "-") {
		t.Errorf("balance: %q, want a debit", got)
	}
	l.expect(l.request(codec.Authenticate, 7, who[0], 1), "00") // a passbook
}

func TestBooksOverRestart(t *testing.T) {
	v, err := vault.New()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bank.db")
	config := func(c *Config) { c.Path, c.Vault = path, v }
	b, stop := start(t, config)
	l, who := dial(t, b), b.People()[0]
	m := l.request(codec.Authenticate, 1, who, 0)
	l.expect(m, "00")
	stop()

	b, _ = start(t, config)
	l = dial(t, b)
	l.expect(m, "00")
	l.expect(l.advice(codec.Reversal, m), "00")
	l.expect(l.request(codec.Deregister, 2, who, 0), "25")
	rows, err := b.Ledger(t.Context())
	if err != nil || len(rows) != 4 {
		t.Fatalf("ledger: %d rows, %v", len(rows), err)
	}
	if rows[0].Effect || rows[0].Answer != "00" || !rows[0].Called || rows[1].Called {
		t.Errorf("ledger: %+v %+v", rows[0], rows[1])
	}
	effects, err := b.Effects(t.Context())
	if err != nil || len(effects) != 2 || effects[0].What != "registered" || effects[1].What != "reversed" {
		t.Errorf("effects: %+v %v", effects, err)
	}
	if strings.Contains(effects[0].Account, who.Accounts[0].Number.Reveal()) {
		t.Error("an effect shows a clear account")
	}
}

func TestDownAndUp(t *testing.T) {
	b, _ := start(t, nil)
	l := dial(t, b)
	b.Down()
	b.Down()
	if _, err := l.raw(longWait); err == nil {
		t.Fatal("the line did not drop")
	}
	if err := b.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	l = dial(t, b)
	l.expect(l.request(codec.Balance, 1, b.People()[0], 0), "00")
}

func TestConfigIsChecked(t *testing.T) {
	for name, c := range map[string]Config{
		"no dialect": {Path: "x"},
		"people":     {Path: "x", People: -1},
		"no code":    {Path: "x", NotRegistered: "é"},
		"range":      {Path: "x", Cards: []Range{{"621008", 9}}},
		"control":    {Path: filepath.Join(t.TempDir(), "x"), Control: "0.0.0.0:0"},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "no dialect" {
				c.Dialect = dialectFor(t)
			}
			if _, err := New(t.Context(), c); err == nil {
				t.Error("was taken")
			}
		})
	}
}

// A file outlives its people: what it says of those who are no more is shown
// without their numbers.
func TestFileOfMorePeople(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bank.db")
	before, stop := start(t, func(c *Config) { c.Path = path })
	l, who := dial(t, before), before.People()[15]
	l.expect(l.request(codec.Authenticate, 1, who, 0), "00")
	sms := l.request(codec.SMSCode, 2, who, 0)
	sms.Set(codec.FieldSMSCode, "123456")
	sms.Set(codec.FieldSeconds, "60")
	sms.Set(codec.FieldPurpose, "authenticate")
	l.expect(sms, "00")
	stop()
	after, _ := start(t, func(c *Config) { c.Path, c.People, c.Vault = path, 5, before.cfg.Vault })
	effects, err := after.Effects(t.Context())
	if err != nil || len(effects) != 1 || effects[0].Account != "" {
		t.Errorf("effects %v, %v", effects, err)
	}
	messages, err := after.Messages(t.Context(), 0)
	if err != nil || len(messages) != 1 || !messages[0].Account.IsZero() {
		t.Errorf("messages %v, %v", messages, err)
	}
}
