package codec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Moment is a date and time with its year, YYYYMMDDhhmmss in [Shanghai].
type Moment string

const momentLayout = "20060102150405"

// NewMoment writes t as a Moment, cut to the second.
func NewMoment(t time.Time) Moment { return Moment(t.In(Shanghai).Format(momentLayout)) }

// Time reads the moment; false for one that is none.
func (m Moment) Time() (time.Time, bool) {
	t, err := time.ParseInLocation(momentLayout, string(m), Shanghai)
	return t, err == nil && len(m) == len(momentLayout)
}

// Directions of a movement (FieldDirection).
const (
	In  = "in"
	Out = "out"
)

// Row is one movement of an account (C2).
type Row struct {
	At      time.Time // to the second
	Out     bool      // money went out
	Amount  Amount    // fen, not negative
	Balance Amount    // after it, fen
	Summary string    // UTF-8, without control characters
}

// ErrRows is the error of rows that FormatRows did not write.
var ErrRows = errors.New("movements cannot be read")

// FormatRows writes movements as FieldRows holds them: a line each, of
// time, direction, amount, balance, summary, parted by tabs.
func FormatRows(rows []Row) string {
	var b strings.Builder
	for _, r := range rows {
		direction := In
		if r.Out {
			direction = Out
		}
		fmt.Fprintf(&b, "%s\t%s\t%d\t%d\t%s\n", NewMoment(r.At), direction, int64(r.Amount), int64(r.Balance), printable(r.Summary))
	}
	return b.String()
}

// ParseRows reads what FormatRows wrote.
func ParseRows(s string) ([]Row, error) {
	var rows []Row
	for line := range strings.Lines(s) {
		r, ok := parseRow(strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
		if !ok {
			return nil, ErrRows
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func parseRow(part []string) (r Row, ok bool) {
	if len(part) != 5 || (part[1] != In && part[1] != Out) {
		return r, false
	}
	at, ok := Moment(part[0]).Time()
	amount, err := strconv.ParseInt(part[2], 10, 64)
	balance, err2 := strconv.ParseInt(part[3], 10, 64)
	ok = ok && err == nil && err2 == nil && amount >= 0
	return Row{At: at, Out: part[1] == Out, Amount: Amount(amount), Balance: Amount(balance), Summary: part[4]}, ok
}

// printable turns control characters, which part rows, into blanks.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
