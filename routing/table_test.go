package routing

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"wxswitch/codec"
)

func mustParse(t testing.TB, file string) *Table {
	t.Helper()
	table, err := Parse("t.yaml", []byte(file), testBanks)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

const nested = `cards:
- {bank: klb, prefix: "621260", lengths: [16, 19]}
- {bank: korla, prefix: "621260001", lengths: [16]}
- {bank: xjrcu, prefix: "622302", lengths: [16]}
- {bank: urmqccb, prefix: "622302", lengths: [18], luhn: false}
- {bank: klb, prefix: "0123456789", lengths: [16]}
passbooks:
- {bank: xjrcu, prefix: "30", length: 17}
- {bank: xjrcu, prefix: "3011", length: 17}
- {bank: xjrcu, prefix: "", length: 28}
- {bank: klb, prefix: "", length: 12, shared: true}
- {bank: korla, prefix: "7", length: 12, shared: true}
- {bank: korla, prefix: "70", length: 12, shared: true}
- {bank: urmqccb, prefix: "71", length: 12, shared: true}
`

func TestRoute(t *testing.T) {
	table := mustParse(t, nested)
	for _, c := range []struct {
		name, number string
		chosen       Bank
		want         Target
		reason       Reason
	}{
		{"card", withCheckDigit("621260999999999"), "", Target{"klb", true}, ""},
		{"longer prefix wins", withCheckDigit("621260001999999"), "", Target{"korla", true}, ""},
		{"longer prefix without that length", withCheckDigit("621260001999999999"), "", Target{"klb", true}, ""},
		{"same prefix, 16 digits", withCheckDigit("622302000000000"), "", Target{"xjrcu", true}, ""},
		{"same prefix, 18 digits, no Luhn", "622302000000000000", "", Target{"urmqccb", true}, ""},
		{"ten digits and a zero before", withCheckDigit("012345678912345"), "", Target{"klb", true}, ""},
		{"chosen agrees", withCheckDigit("621260999999999"), "klb", Target{"klb", true}, ""},
		{"chosen contradicts", withCheckDigit("621260999999999"), "korla", Target{}, BankMismatch},
		{"chosen has the shorter prefix", withCheckDigit("621260001999999"), "klb", Target{}, BankMismatch},
		{"chosen is no bank", withCheckDigit("621260999999999"), "nobody", Target{}, BankMismatch},
		{"Luhn", "6212609999999990", "", Target{}, BadAccount},
		{"Luhn before the choice", "6212609999999990", "xjrcu", Target{}, BadAccount},
		{"a digit left out", "621260999999999", "", Target{}, BadAccount},
		{"unknown", "9999999999999995", "", Target{}, UnknownBIN},
		{"unknown, though chosen", "9999999999999995", "klb", Target{}, UnknownBIN},
		{"wrong length of a passbook", "3000000000000001", "", Target{}, UnknownBIN},
		{"passbook", "30000000000000001", "", Target{"xjrcu", false}, ""},
		{"passbook, nested rules of one bank", "30110000000000001", "", Target{"xjrcu", false}, ""},
		{"passbook, chosen", "30110000000000001", "xjrcu", Target{"xjrcu", false}, ""},
		{"passbook, another chosen", "30110000000000001", "klb", Target{}, BankMismatch},
		{"passbook, any beginning", "9999999999999999999999999999", "", Target{"xjrcu", false}, ""},
		{"shared by nobody here", "100000000001", "", Target{"klb", false}, ""},
		{"shared", "790000000001", "", Target{}, BankAmbiguous},
		{"shared, longer prefix", "700000000001", "", Target{}, BankAmbiguous},
		{"shared, chosen", "700000000001", "korla", Target{"korla", false}, ""},
		{"shared, other chosen", "700000000001", "klb", Target{"klb", false}, ""},
		{"shared by three, chosen", "710000000001", "korla", Target{"korla", false}, ""},
		{"shared, chosen not among them", "700000000001", "urmqccb", Target{}, BankMismatch},
		{"empty", "", "", Target{}, BadAccount},
		{"too short", "6212600", "klb", Target{}, BadAccount},
		{"too long", strings.Repeat("1", 29), "", Target{}, BadAccount},
		{"letters", "62126099999999a9", "", Target{}, BadAccount},
		{"blanks", "6212 6099 9999 9999", "", Target{}, BadAccount},
		{"full-width digits", "６２１２６０９９９９９９９９９９", "", Target{}, BadAccount},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := table.Route(codec.NewAccount(c.number), c.chosen)
			var refusal *Refusal
			if errors.As(err, &refusal) != (c.reason != "") || refusal != nil && refusal.Reason != c.reason || got != c.want {
				t.Errorf("got %v, %v", got, err)
			}
			if e := table.Explain(codec.NewAccount(c.number), c.chosen); e.Bank != c.want.Bank || e.Reason != c.reason {
				t.Errorf("explained as %s", e)
			}
		})
	}
}

// TestLuhn: of well-known valid numbers, any other last digit is wrong.
func TestLuhn(t *testing.T) {
	for _, number := range []string{"79927398713", "4111111111111111", "5500000000000004", "340000000000009", "0"} {
		for d := range 10 {
			last := number[len(number)-1]
			try := number[:len(number)-1] + fmt.Sprint(d)
			if luhn(try) != (try[len(try)-1] == last) {
				t.Errorf("%s: %v", try, luhn(try))
			}
		}
	}
}

func TestBanksNamedLikeLists(t *testing.T) {
	file := `passbooks:
- {bank: a, prefix: "1", length: 12, shared: true}
- {bank: b, prefix: "1", length: 12, shared: true}
- {bank: a b, prefix: "2", length: 12}
`
	table, err := Parse("t.yaml", []byte(file), []Bank{"a", "b", "a b"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := table.Route(codec.NewAccount("200000000000"), ""); err != nil || got.Bank != "a b" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestSample(t *testing.T) {
	table, err := Load(sampleFile, testBanks)
	if err != nil {
		t.Fatal(err)
	}
	for bank, bins := range map[Bank]string{
		"xjrcu":   "621008:16 621287:16 621525:16",
		"urmqccb": "621751:19 621754:19 622143:19 940001:19 622476:16",
		"klb":     "621029:19 621766:19",
		"korla":   "621263:18",
	} {
		for rule := range strings.FieldsSeq(bins) {
			var bin, length int
			if _, err := fmt.Sscanf(rule, "%d:%d", &bin, &length); err != nil {
				t.Fatal(err)
			}
			number := withCheckDigit(fmt.Sprintf("%d%013d", bin, 7)[:length-1])
			if got, err := table.Route(codec.NewAccount(number), ""); err != nil || got != (Target{bank, true}) {
				t.Errorf("%s: got %v, %v", rule, got, err)
			}
		}
	}
}

func TestRouteDoesNotAllocate(t *testing.T) {
	router := NewRouter(mustParse(t, nested))
	card, passbook := codec.NewAccount(withCheckDigit("621260001999999")), codec.NewAccount("710000000001")
	allocs := testing.AllocsPerRun(100, func() {
		_, err1 := router.Route(card, "")
		_, err2 := router.Route(passbook, "klb")
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// TestSwapUnderTraffic: the two tables give every BIN to one bank, the one to
// klb and the other to korla. Who takes the table once must see one of them whole.
func TestSwapUnderTraffic(t *testing.T) {
	const bins = 50
	tables := map[Bank]*Table{}
	var accounts []codec.Account
	for _, bank := range []Bank{"klb", "korla"} {
		var file strings.Builder
		file.WriteString("cards:\n")
		for i := range bins {
			fmt.Fprintf(&file, "- {bank: %s, prefix: \"%d\", lengths: [16]}\n", bank, 621000+i)
		}
		tables[bank] = mustParse(t, file.String())
	}
	for i := range bins {
		accounts = append(accounts, codec.NewAccount(withCheckDigit(fmt.Sprintf("%d000000000", 621000+i))))
	}
	router := NewRouter(tables["klb"])
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					checkWhole(t, router, accounts)
				}
			}
		})
	}
	for range 2000 {
		router.Swap(tables["korla"])
		router.Swap(tables["klb"])
	}
	close(stop)
	readers.Wait()
	router.Swap(tables["korla"])
	if got, err := router.Route(accounts[0], ""); err != nil || got.Bank != "korla" {
		t.Errorf("after the swap: %v, %v", got, err)
	}
}

func checkWhole(t *testing.T, router *Router, accounts []codec.Account) {
	table := router.Table()
	first, err := table.Route(accounts[0], "")
	for _, a := range accounts {
		if got, err2 := table.Route(a, ""); err != nil || err2 != nil || got != first {
			t.Errorf("%v and %v of one table, %v, %v", first, got, err, err2)
		}
		if _, err := router.Route(a, ""); err != nil {
			t.Error(err)
		}
	}
}

func TestExplain(t *testing.T) {
	table := mustParse(t, nested)
	for _, c := range []struct {
		number string
		chosen Bank
		want   string
	}{
		{withCheckDigit("621260001999999"), "", `account ************9992 (16 digits), table VERSION: card of korla
  won   t.yaml:3:3  card "621260001" [16] of korla: longest prefix with this length
  lost  t.yaml:2:3  card "621260" [16 19] of klb: shorter prefix than t.yaml:3:3
`},
		{withCheckDigit("621260001999999999"), "", `account ***************9997 (19 digits), table VERSION: card of klb
  won   t.yaml:2:3  card "621260" [16 19] of klb: longest prefix with this length
  lost  t.yaml:3:3  card "621260001" [16] of korla: wrong length: the number has 19 digits
`},
		{"6212600019999990", "", `account ************9990 (16 digits), table VERSION: account-invalid: the Luhn check digit is wrong: mistyped?
  lost  t.yaml:3:3  card "621260001" [16] of korla: the number's Luhn check digit is wrong
  lost  t.yaml:2:3  card "621260" [16 19] of klb: shorter prefix than t.yaml:3:3
`},
		{withCheckDigit("621260001999999"), "klb", `account ************9992 (16 digits), table VERSION: bank-mismatch: the chosen bank has no such numbers
  lost  t.yaml:3:3  card "621260001" [16] of korla: another bank than the chosen klb
  lost  t.yaml:2:3  card "621260" [16 19] of klb: shorter prefix than t.yaml:3:3
`},
		{"62230200000000000", "", `account *************0000 (17 digits), table VERSION: account-invalid: cards of this BIN have another length
  lost  t.yaml:4:3  card "622302" [16] of xjrcu: wrong length: the number has 17 digits
  lost  t.yaml:5:3  card "622302" [18] of urmqccb: wrong length: the number has 17 digits
  lost  t.yaml:10:3  passbook "" [28] of xjrcu: wrong length: the number has 17 digits
  lost  t.yaml:11:3  passbook "" [12] of klb: wrong length: the number has 17 digits
`},
		{"700000000001", "", `account ********0001 (12 digits), table VERSION: bank-needed: several banks have such passbooks: the customer must choose
  lost  t.yaml:13:3  passbook "70" [12] of korla: shared, and no bank was chosen
  lost  t.yaml:12:3  passbook "7" [12] of korla: shared, and no bank was chosen
  lost  t.yaml:11:3  passbook "" [12] of klb: shared, and no bank was chosen
`},
		{"700000000001", "korla", `account ********0001 (12 digits), table VERSION: passbook of korla
  won   t.yaml:13:3  passbook "70" [12] of korla: longest prefix with this length
  lost  t.yaml:12:3  passbook "7" [12] of korla: shorter prefix than t.yaml:13:3
  lost  t.yaml:11:3  passbook "" [12] of klb: another bank than the chosen korla
`},
		{"1234567", "", "account ***4567 (7 digits), table VERSION: account-invalid: accounts have 8 to 28 digits\n"},
		{"62126a", "", "account ****** (6 digits), table VERSION: account-invalid: not digits only\n"},
	} {
		got := table.Explain(codec.NewAccount(c.number), c.chosen).String()
		if want := strings.Replace(c.want, "VERSION", table.Version(), 1); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestExplanationIsMasked(t *testing.T) {
	table := mustParse(t, nested)
	number := withCheckDigit("621260001999999")
	e := table.Explain(codec.NewAccount(number), "korla")
	written, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(written), e.String(), fmt.Sprintf("%v %+v %#v", e, e, e)} {
		if strings.Contains(text, number) || strings.Contains(text, number[6:]) {
			t.Errorf("the number in clear: %s", text)
		}
	}
	want := `"account":"************9992","digits":16,"chosen":"korla","bank":"korla","kind":"card","why":"card of korla","rules":[{"at":"t.yaml:3:3","kind":"card","bank":"korla","prefix":"621260001","lengths":[16],"won":true,`
	if !strings.Contains(string(written), want) {
		t.Errorf("%s", written)
	}
}

func TestExplainEchoesNoAccountInTheWrongField(t *testing.T) {
	table := mustParse(t, "cards:\n- {bank: klb, prefix: \"621029\", lengths: [19]}\n")
	const number = "6210290000000000005"
	for _, account := range []string{number, "6210081234567892"} {
		e := table.Explain(codec.NewAccount(account), number)
		told, err := json.Marshal(e)
		if err != nil || e.Chosen != "unknown" || strings.Contains(string(told)+e.String(), number) {
			t.Errorf("told %s, %v\n%s", told, err, e)
		}
	}
}
