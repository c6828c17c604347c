package customer

import (
	"strings"
	"time"

	switching "wxswitch/switch"
)

// strength says why a password cannot be taken, if so; numbers are the
// customer's own: certificate and accounts.
//
//	login    8 to 20 characters that a keyboard has (ASCII 33 to 126), of at least
//	         two kinds: letters, digits, signs
//	payment  6 digits
//	neither  trivial, nor with six characters in a row of a number of the customer,
//	         nor with its birthday
func strength(kind string, p Password, numbers []string) switching.Reason {
	v := p.Reveal()
	well, trivial, bad, weak := loginForm(v), trivialLogin, ReasonLoginForm, ReasonLoginWeak
	if kind == kindPayment {
		well, trivial, bad, weak = paymentForm(v), trivialDigits, ReasonPaymentForm, ReasonPaymentWeak
	}
	v = strings.ToLower(v)
	switch {
	case !well:
		return bad
	case trivial(v), ownNumber(v, numbers):
		return weak
	}
	return ""
}

func loginForm(v string) bool {
	var letter, digit, sign int
	for _, c := range []byte(v) {
		switch {
		case c < '!' || c > '~': // also each byte of what is not ASCII
			return false
		case c >= '0' && c <= '9':
			digit = 1
		case c|' ' >= 'a' && c|' ' <= 'z':
			letter = 1
		default:
			sign = 1
		}
	}
	return len(v) >= 8 && len(v) <= 20 && letter+digit+sign >= 2
}

func paymentForm(v string) bool {
	return len(v) == 6 && strings.Trim(v, "0123456789") == ""
}

// commonDigits are what many choose and no rule below finds.
var commonDigits = map[string]bool{
	"147258": true, "258369": true, "147852": true, "159357": true, "159753": true, "147369": true, // columns and lines of a keypad
	"520131": true, "521131": true, "201314": true, "131452": true, "110120": true, "119120": true,
}

// trivialDigits: sequences (also 112233 and 135791), repeats, the same read
// backwards, and what is common. About 3 in 1,000 of all.
func trivialDigits(v string) bool {
	up, down, even, mirrored := true, true, true, true
	step := func(i int) int { return (int(v[i+1]) - int(v[i]) + 10) % 10 }
	for i := range len(v) - 1 {
		up, down, even = up && step(i) <= 1, down && (step(i) == 0 || step(i) == 9), even && step(i) == step(0)
	}
	for i := range len(v) {
		mirrored = mirrored && v[i] == v[len(v)-1-i]
	}
	return up || down || even || mirrored || repeats(v) || commonDigits[v]
}

// repeats reports whether v is one piece again and again, the last perhaps cut.
func repeats(v string) bool {
	for n := 1; n <= len(v)/2; n++ {
		if v[n:] == v[:len(v)-n] {
			return true
		}
	}
	return false
}

// commonWords protect nothing.
var commonWords = []string{"password", "passw0rd", "iloveyou", "5201314", "woaini", "wechat", "weixin", "admin", "1314", "520"}

// trivialLogin: but for common words and runs fewer than four characters, or
// fewer than five different ones, or a repeat. v is in lower case.
func trivialLogin(v string) bool {
	different := make(map[byte]bool)
	for _, c := range []byte(v) {
		different[c] = true
	}
	rest := v
	for _, w := range commonWords {
		rest = strings.ReplaceAll(rest, w, "\x00") // splits runs
	}
	return len(different) < 5 || repeats(v) || outside(rest) < 4
}

// rows of a keyboard, both ways.
const rows = "qwertyuiop asdfghjkl zxcvbnm 1234567890 poiuytrewq lkjhgfdsa mnbvcxz 0987654321"

// outside counts the characters that stand in no run of three or more in which
// each is the one before it again, or its neighbour on the keyboard or in the
// alphabet.
func outside(v string) (n int) {
	for i := 0; i < len(v); {
		end := i + 1
		for end < len(v) && near(v[end-1:end+1]) {
			end++
		}
		if v[i] != 0 && end-i < 3 {
			n += end - i
		}
		i = end
	}
	return n
}

func near(pair string) bool {
	step := int(pair[1]) - int(pair[0])
	return step >= -1 && step <= 1 || strings.Contains(rows, pair)
}

// ownNumber reports whether v, in lower case, has six characters in a row of one
// of the numbers, or the birthday of a resident ID among them.
func ownNumber(v string, numbers []string) bool {
	for _, number := range numbers {
		number = strings.ToLower(number)
		for i := range max(0, len(number)-5) {
			if strings.Contains(v, number[i:i+6]) {
				return true
			}
		}
		for _, day := range birthdays(number) {
			if strings.Contains(v, day) {
				return true
			}
		}
	}
	return false
}

// birthdays are the ways to write the birthday in a resident ID (GB 11643: 18
// characters; 15 before 1999), none for another number.
func birthdays(number string) []string {
	var digits string
	switch len(number) {
	case 18:
		digits = number[6:14]
	case 15:
		digits = "19" + number[6:12]
	}
	day, err := time.Parse("20060102", digits)
	if err != nil {
		return nil
	}
	var all []string
	for _, form := range []string{"060102", "010206", "020106", "20060102", "01022006", "02012006"} {
		all = append(all, day.Format(form))
	}
	return all
}
