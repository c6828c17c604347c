package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"wxswitch/codec"
)

// Range says which numbers of one kind a bank issues.
type Range struct {
	Prefix string `yaml:"prefix" json:"prefix"`
	Length int    `yaml:"length" json:"length"` // of the whole number, in digits
}

// Rule is the rule that the range breaks; "" is none.
func (r Range) Rule() string {
	switch least := len(r.Prefix) + serial + 1; {
	case strings.Trim(r.Prefix, "0123456789") != "":
		return "the prefix is digits"
	case r == Range{}: // no numbers
	case r.Length < least || r.Length > maxLength:
		return fmt.Sprintf("with this prefix the length is %d to %d", least, maxLength)
	}
	return ""
}

// Status is how an account stands.
type Status string

// The statuses.
const (
	Normal Status = "normal"
	Frozen Status = "frozen" // registrations and enquiries are declined with 62
	Closed Status = "closed" // with 14
	Lost   Status = "lost"   // of a card: with 41
)

// Account is one made-up account.
type Account struct {
	Number  codec.Account
	Card    bool // else a passbook
	Status  Status
	Balance codec.Amount // may be negative
	// Available is the balance less what is held.
	Available codec.Amount
	// Joint is who else has it, an index of People; 0 for nobody.
	Joint int
}

// Person is one made-up customer.
type Person struct {
	Holder   string
	CertType string // 01, resident ID
	Cert     codec.CertNumber
	Phone    codec.Phone
	Accounts []Account // a card, for every third person a passbook, for every fourth a second card
}

var (
	surnames = []string{"王", "李", "张", "刘", "陈", "杨", "赵", "黄", "马", "吾", "欧阳", "尉迟"}
	given    = []string{"伟", "芳", "娜", "秀英", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛"}
	// Every fourth name shows what GBK cannot write: the bullet (U+2022),
	// characters of CJK extensions A and B, Uyghur script. The middle dot
	// (U+00B7), which it can, looks the same as the bullet.
	hard = []string{
		"阿卜杜拉•艾买提", "古丽·买买提", "陈𠮷", "王㛃", "马•龙·𠮷", "ئابدۇللا", "努尔兰•哈布力", "李䶮",
	}
)

// people makes n customers up. The same arguments make the same people, and the
// same seed the same persons at every bank; the first sixteen have accounts in
// normal standing. The first account of person 1 is person 2's as well.
func people(seed uint64, n int, cards []Range, passbooks Range) []Person {
	random := rand.New(rand.NewPCG(seed, 0x77787377)) //nolint:gosec // made-up people are no secret
	all := make([]Person, n)
	for i := range all {
		who := rand.New(rand.NewPCG(seed, uint64(i))) //nolint:gosec // as above
		p := Person{Holder: name(who, i), CertType: "01", Cert: codec.NewCertNumber(resident(who, i))}
		p.Phone = codec.NewPhone(fmt.Sprintf("139%04d%04d", who.IntN(10_000), i%10_000))
		if i%10 == 9 { // the longest certificate number that there is
			p.CertType, p.Cert = "99", codec.NewCertNumber(fmt.Sprintf("XJ%018d", who.Int64N(1e18)))
		}
		p.Accounts = append(p.Accounts, account(random, i, number(random, cards[i%len(cards)], i, true), true))
		if passbooks.Length > 0 && i%3 == 0 {
			p.Accounts = append(p.Accounts, account(random, i, number(random, passbooks, i, false), false))
		}
		if i%4 == 1 {
			p.Accounts = append(p.Accounts, account(random, i, number(random, cards[i%len(cards)], n+i, true), true))
		}
		all[i] = p
	}
	if n > 2 {
		all[1].Accounts[0].Joint = 2
	}
	return all
}

func name(random *rand.Rand, i int) string {
	if i%4 == 3 {
		return hard[i/4%len(hard)]
	}
	return surnames[random.IntN(len(surnames))] + given[random.IntN(len(given))]
}

func account(random *rand.Rand, i int, number string, card bool) Account {
	a := Account{Number: codec.NewAccount(number), Card: card, Status: Normal}
	a.Balance = codec.Amount(random.Int64N(10_000_000))
	if i%16 == 7 {
		a.Balance = -a.Balance
	}
	a.Available = a.Balance - codec.Amount(random.Int64N(10_000))
	if i%17 == 16 {
		a.Status = Frozen
	}
	return a
}

// number makes an account number that no other i has in the range: i in the
// last places before the check digit, random digits between it and the prefix.
func number(random *rand.Rand, r Range, i int, luhn bool) string {
	body := r.Length - len(r.Prefix)
	if luhn {
		body--
	}
	var b strings.Builder
	b.WriteString(r.Prefix)
	for range body - serial {
		b.WriteByte(byte('0' + random.IntN(10)))
	}
	fmt.Fprintf(&b, "%0*d", serial, i)
	if luhn {
		b.WriteByte(luhnDigit(b.String()))
	}
	return b.String()
}

// serial is how many places tell a bank's people apart.
const serial = 5

// luhnDigit is the check digit of ISO/IEC 7812-1, annex B.
func luhnDigit(body string) byte {
	sum := 0
	for i := range len(body) {
		d := int(body[len(body)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}

// resident makes a resident ID number up: a district of Xinjiang, a birthday, a
// number of its own, and the check character of GB 11643.
func resident(random *rand.Rand, i int) string {
	body := fmt.Sprintf("65%02d%02d%04d%02d%02d%03d", 1+i/1000%90, 1+random.IntN(20),
		1950+random.IntN(55), 1+random.IntN(12), 1+random.IntN(28), i%1000)
	return body + string(residentCheck(body))
}

// residentCheck is the check character of GB 11643-1999: ISO 7064, MOD 11-2.
func residentCheck(body string) byte {
	sum := 0
	for i := range len(body) {
		sum = (sum + int(body[i]-'0')) * 2 % 11
	}
	return "10X98765432"[sum%11]
}
