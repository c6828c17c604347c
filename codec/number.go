package codec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Shanghai is the zone of every day and stamp on the wire (UTC+8, no daylight
// saving since 1991), fixed so that no zone database is needed.
var Shanghai = time.FixedZone("CST", 8*3600)

// STAN is the system trace audit number (F11), six digits. With the [Stamp] it
// names one sending of a message.
type STAN string

// NewSTAN writes n, in 1…999999, as six digits.
func NewSTAN(n int64) STAN {
	var b [6]byte
	return STAN(digits(b[:], n))
}

// digits writes n into b with leading zeros, or longer where it does not fit.
func digits(b []byte, n int64) string {
	rest := n
	for i := range slices.Backward(b) {
		b[i] = byte('0' + rest%10)
		rest /= 10
	}
	if n < 0 || rest != 0 {
		return fmt.Sprintf("%0*d", len(b), n)
	}
	return string(b)
}

// RRN is the retrieval reference number (F37), twelve characters. It names one
// operation at the bank, over all its sendings, its reversal and its advices.
type RRN string

// NewRRN writes n, in 0…999999999999, as twelve digits.
func NewRRN(n int64) RRN {
	var b [12]byte
	return RRN(digits(b[:], n))
}

// Number returns the number that [NewRRN] wrote, or false for another's RRN.
func (r RRN) Number() (int64, bool) {
	n, err := strconv.ParseInt(string(r), 10, 64)
	return n, err == nil && len(r) == 12 && n >= 0
}

// IsCode reports whether F39 can hold the text (ISO 8583: an2). An answer with another
// is not written, and who asked hears nothing.
func IsCode(s string) bool {
	return len(s) == 2 && strings.Trim(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}

// Stamp is the transmission date and time (F7): MMDDhhmmss in [Shanghai].
type Stamp string

// NewStamp writes t as a Stamp.
func NewStamp(t time.Time) Stamp { return Stamp(t.In(Shanghai).Format("0102150405")) }

// Amount is money in fen (1/100 yuan), negative for a debit balance.
type Amount int64

// String writes the amount in yuan: 1234.56.
func (a Amount) String() string {
	sign, n := "", uint64(a)
	if a < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%02d", sign, n/100, n%100)
}
