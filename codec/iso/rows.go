package iso

import (
	"strings"

	"wxswitch/codec"
)

// rows is a field of movements (C2), each of a fixed length: time 14, direction
// 1, amount 12, sign of the balance 1 (C or D), balance 12, and a summary in
// GB 18030 that blanks fill.
type rows struct {
	in, out byte
	summary int // bytes
}

const (
	rowHead = 14 + 1 + 12 + 1 + 12
	rowRule = "rows of time, direction, amount, sign, balance and summary"
)

func (r *rows) size() int { return rowHead + r.summary }

func (r *rows) append(dst []byte, m *codec.Message, s *slot) ([]byte, bool, error) {
	if !m.Has(codec.FieldRows) {
		return dst, false, nil
	}
	list, err := codec.ParseRows(m.Get(codec.FieldRows))
	if err != nil {
		return dst, false, s.fail(rowRule)
	}
	for _, row := range list {
		if row.Amount > maxBalance || row.Balance > maxBalance || row.Balance < -maxBalance {
			return dst, false, s.fail(balanceRule)
		}
		text, ok := encodeText(cutText(row.Summary, r.summary))
		if !ok {
			return dst, false, s.fail(badText)
		}
		direction := r.in
		if row.Out {
			direction = r.out
		}
		dst = append(append(dst, codec.NewMoment(row.At)...), direction)
		dst = append(appendNumber(dst, int(row.Amount), 12), sign(int(row.Balance)))
		dst = appendNumber(dst, int(max(row.Balance, -row.Balance)), 12)
		dst = append(append(dst, text...), strings.Repeat(" ", r.summary-len(text))...)
	}
	return dst, true, nil
}

func (r *rows) read(wire string, m *codec.Message, s *slot) error {
	if len(wire)%r.size() != 0 {
		return s.fail(rowRule)
	}
	var list []codec.Row
	for ; wire != ""; wire = wire[r.size():] {
		row, ok := r.row(wire[:r.size()])
		if !ok {
			return s.fail(rowRule)
		}
		list = append(list, row)
	}
	m.Set(codec.FieldRows, codec.FormatRows(list))
	return nil
}

func (r *rows) row(wire string) (row codec.Row, ok bool) {
	at, ok := codec.Moment(wire[:14]).Time()
	direction, amount, sign, balance := wire[14], readLength([]byte(wire[15:]), 12), wire[27], readLength([]byte(wire[28:]), 12)
	summary, legible := decodeText(strings.TrimRight(wire[rowHead:], " "))
	ok = ok && legible && amount >= 0 && balance >= 0 && (direction == r.in || direction == r.out) && (sign == 'C' || sign == 'D')
	if sign == 'D' {
		balance = -balance
	}
	return codec.Row{At: at, Out: direction == r.out, Amount: codec.Amount(amount), Balance: codec.Amount(balance), Summary: summary}, ok
}
