package customer

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// maxTyped bounds what is read of one input, in bytes: far above any number, so
// that nothing long is normalised.
const maxTyped = 256

// narrow returns what was typed as ASCII would have it: full-width letters and
// digits narrow (NFKC), blanks and what cannot be seen removed. Too much is "".
func narrow(typed string) string {
	if len(typed) > maxTyped {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.C, r) {
			return -1
		}
		return r
	}, norm.NFKC.String(typed))
}

// digitsOf is narrow without the dashes by which people part groups of digits.
func digitsOf(typed string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Pd, r) || r == '\u2212' { // minus
			return -1
		}
		return r
	}, narrow(typed))
}

// normalAccount is the account that was typed, in groups or not. Whether it is
// one, routing tells.
func normalAccount(typed string) codec.Account { return codec.NewAccount(digitsOf(typed)) }

// typedAccount is normalAccount of a field that must be filled in.
func typedAccount(typed string) (a codec.Account, missing switching.Reason) {
	if a = normalAccount(typed); a.IsZero() {
		return a, ReasonAccount
	}
	return a, ""
}

var (
	sixDigits = regexp.MustCompile(`^[0-9]{6}$`)
	mobile    = regexp.MustCompile(`^1[3-9][0-9]{9}$`) // of the mainland
	// What every bank's format can hold of a certificate.
	certSet  = regexp.MustCompile(`^[0-9A-Z()/-]{1,20}$`)
	certSome = regexp.MustCompile(`[0-9A-Z]`)
	resident = regexp.MustCompile(`^[1-9][0-9]{16}[0-9X]$`)
)

// normalCode is the SMS code that was typed.
func normalCode(typed string) (codec.Secret, switching.Reason) {
	code := narrow(typed)
	if !sixDigits.MatchString(code) {
		return codec.Secret{}, ReasonCodeFormat
	}
	return codec.NewSecret(code), ""
}

// normalPhone is the mobile number that was typed, with or without +86.
func normalPhone(typed string) (codec.Phone, switching.Reason) {
	phone := strings.TrimPrefix(digitsOf(typed), "+86")
	if !mobile.MatchString(phone) {
		return codec.Phone{}, ReasonPhone
	}
	return codec.NewPhone(phone), ""
}

// residentID is the centre's number of the kind of certificate that GB 11643 is
// about.
const residentID = "01"

// checkCert checks the number of a certificate of the kind (CertTypes) and
// returns it as banks get it: letters large, no blanks. A resident ID has 18
// characters; the older ones of 15 are void since 2013.
func (s *Store) checkCert(kind, number string) (codec.CertNumber, switching.Reason) {
	known := slices.ContainsFunc(CertTypes(), func(t CertType) bool { return t.ID == kind })
	n := strings.ToUpper(narrow(number))
	switch {
	case !known:
		return codec.CertNumber{}, ReasonCertType
	case !certSet.MatchString(n) || !certSome.MatchString(n):
		return codec.CertNumber{}, ReasonCert
	case kind == residentID && !isResident(n, s.Now()):
		return codec.CertNumber{}, ReasonCert
	}
	return codec.NewCertNumber(n), ""
}

// provinces are the first two digits of GB/T 2260, and of the permits of
// residents of Hong Kong, Macao and Taiwan.
const provinces = " 11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83 "

// isResident checks a number to GB 11643: region, birthday, check character.
func isResident(n string, now time.Time) bool {
	if !resident.MatchString(n) || !strings.Contains(provinces, " "+n[:2]+" ") || checkCharacter(n[:17]) != n[17] {
		return false
	}
	born, err := time.ParseInLocation("20060102", n[6:14], codec.Shanghai)
	return err == nil && born.Year() >= 1900 && !born.After(now)
}

// checkCharacter is ISO 7064, MOD 11-2, over 17 digits.
func checkCharacter(digits string) byte {
	sum, weight := 0, 1
	for i := len(digits) - 1; i >= 0; i-- {
		weight = weight * 2 % 11
		sum += int(digits[i]-'0') * weight
	}
	return "10X98765432"[sum%11]
}
