package codec

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// secret is a value that every printer sees masked. keep says how much of it
// may be read by people.
type secret struct {
	v    string
	keep keep
}

// keep is how many characters of a secret stay legible at its two ends.
type keep struct{ head, tail uint8 }

var (
	keepNothing = keep{}
	keepPAN     = keep{6, 4} // PCI DSS 3.4.1: at most the first six and the last four
	keepAccount = keep{0, 4}
	keepCert    = keep{1, 1}
	keepPhone   = keep{3, 4}
)

// mask replaces what may not be read by asterisks, keeping the length in
// characters. A value too short to hide anything is masked whole.
func (k keep) mask(v string) string {
	r := []rune(v)
	head, tail := int(k.head), int(k.tail)
	if len(r) < head+tail+3 {
		head, tail = 0, 0
	}
	return string(r[:head]) + strings.Repeat("*", len(r)-head-tail) + string(r[len(r)-tail:])
}

// Reveal returns the clear value. Every caller answers for where it goes.
func (s secret) Reveal() string { return s.v }

// IsZero reports whether there is no value.
func (s secret) IsZero() bool { return s.v == "" }

// String returns the value masked.
func (s secret) String() string { return s.keep.mask(s.v) }

// Format prints the value masked, whatever the verb.
func (s secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText returns the value masked.
func (s secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON returns the value masked.
func (s secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// PAN is a card number (ISO/IEC 7812). It prints as 621008******7890.
type PAN struct{ secret }

// NewPAN returns the card number with these digits; it checks nothing.
func NewPAN(digits string) PAN { return PAN{secret{digits, keepPAN}} }

// Account is the number a customer gives: of a card or of a passbook
// (活期一本通). It prints with its last four digits only.
type Account struct{ secret }

// NewAccount returns the account with these digits; it checks nothing.
func NewAccount(digits string) Account { return Account{secret{digits, keepAccount}} }

// Suffix returns the last four digits, for people to recognise it by.
func (a Account) Suffix() string { return a.v[max(0, len(a.v)-4):] }

// CertNumber is the number of an identity document. It prints with its first
// and last character only.
type CertNumber struct{ secret }

// NewCertNumber returns the certificate number; it checks nothing.
func NewCertNumber(number string) CertNumber { return CertNumber{secret{number, keepCert}} }

// Phone is a mobile phone number. It prints as 138****5678.
type Phone struct{ secret }

// NewPhone returns the phone number; it checks nothing.
func NewPhone(digits string) Phone { return Phone{secret{digits, keepPhone}} }

// Secret is what nobody may read: a code, a password, a token, a name. It prints
// as asterisks only.
type Secret struct{ secret }

// NewSecret returns the secret.
func NewSecret(v string) Secret { return Secret{secret{v, keepNothing}} }
