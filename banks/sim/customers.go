package sim

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"wxswitch/banks/adapter"
	"wxswitch/codec"
	"wxswitch/switch/db"
)

// SMS is a message that the bank sent to a phone.
type SMS struct {
	ID      int64
	At      time.Time
	Account codec.Account // zero for none
	Phone   codec.Phone
	Code    codec.Secret // of a code's; zero for none
	Text    codec.Secret
}

// refuses is the code with which the account is refused as it stands now; empty
// for none.
func (b *Bank) refuses(ctx context.Context, at position) (code string, err error) {
	err = b.db.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		code, err = b.refusesNow(ctx, tx, at)
		return err
	})
	return code, err
}

func (b *Bank) refusesNow(ctx context.Context, tx db.Tx, at position) (string, error) {
	status, err := b.status(ctx, tx, at)
	return map[Status]string{Frozen: codeRestricted, Closed: codeNoAccount, Lost: codeLost}[status], err
}

func (b *Bank) status(ctx context.Context, tx db.Tx, at position) (s Status, err error) {
	err = tx.QueryRowContext(ctx, `SELECT status FROM sim_status WHERE account = $1`, at.id).Scan(&s)
	if errors.Is(err, sql.ErrNoRows) {
		return b.account(at).Status, nil
	}
	return s, err
}

// moved is what the movements that were ordered have changed the balance by.
func (b *Bank) moved(ctx context.Context, at position) (sum codec.Amount, err error) {
	err = b.db.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		sum, err = movedNow(ctx, tx, at)
		return err
	})
	return sum, err
}

func movedNow(ctx context.Context, tx db.Tx, at position) (sum codec.Amount, err error) {
	err = tx.QueryRowContext(ctx, `SELECT COALESCE(SUM(CASE WHEN out THEN -amount ELSE amount END), 0) FROM sim_movement WHERE account = $1`,
		at.id).Scan((*int64)(&sum))
	return sum, err
}

// sendCode sends the centre's code to the phone on file (A3).
func (c core) sendCode(ctx context.Context, m *codec.Message, at position) (*codec.Message, error) {
	code := m.Get(codec.FieldSMSCode)
	text := fmt.Sprintf("【%s】您的短信验证码为%s，%s秒内有效，请勿告知他人。", c.cfg.Title, code, m.Get(codec.FieldSeconds))
	err := c.db.Write(ctx, func(ctx context.Context, tx db.Tx) error {
		d := decision{tx: tx, number: adapter.NumberOf(m), code: codeDone}
		if sent, err := d.earlier(ctx, operation); err != nil || sent != "" {
			return err
		}
		return errors.Join(d.keep(ctx, operation), c.sms(ctx, tx, at.id, c.people[at.person].Phone.Reveal(), code, text))
	})
	return codec.NewReply(m, codeDone), err
}

func (b *Bank) sms(ctx context.Context, tx db.Tx, account int, phone, code, text string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO sim_sms (at, account, phone, code, text) VALUES ($1, $2, $3, $4, $5)`,
		time.Now().UnixMilli(), account, phone, code, text)
	return err
}

// Messages returns the SMS that were sent after the one with the id, the oldest
// first.
func (b *Bank) Messages(ctx context.Context, after int64) (list []SMS, err error) {
	const query = `SELECT id, at, account, phone, code, text FROM sim_sms WHERE id > $1 ORDER BY id`
	err = b.read(ctx, query, func(scan func(...any) error) error {
		var s SMS
		var at int64
		var account int
		var phone, code, text string
		if err := scan(&s.ID, &at, &account, &phone, &code, &text); err != nil {
			return err
		}
		s.At, s.Account, s.Phone, s.Code, s.Text = time.UnixMilli(at), b.numbered(account), codec.NewPhone(phone), codec.NewSecret(code), codec.NewSecret(text)
		list = append(list, s)
		return nil
	}, after)
	return list, err
}

// pageRows is how many movements an answer has: as many as both dialects that
// ship can write.
const pageRows = 10

// details answers a page of movements, the newest first.
func (c core) details(ctx context.Context, m *codec.Message, at position) (*codec.Message, error) {
	from, ok1 := codec.Moment(m.Get(codec.FieldFrom)).Time()
	to, ok2 := codec.Moment(m.Get(codec.FieldTo)).Time()
	first, err := strconv.Atoi(m.Get(codec.FieldFirst))
	if !ok1 || !ok2 || err != nil || first < 1 {
		return codec.NewReply(m, codeInvalid), nil //nolint:nilerr // answered
	}
	rows, err := c.rows(ctx, at, from, to)
	if err != nil {
		return nil, err
	}
	r := codec.NewReply(m, codeDone)
	rows = rows[min(first-1, len(rows)):]
	if len(rows) > pageRows {
		rows = rows[:pageRows]
		r.Set(codec.FieldMore, "1")
	}
	r.Set(codec.FieldRows, codec.FormatRows(rows))
	return r, nil
}

// rows are the account's movements of the period, the newest first: those that
// were ordered, and made-up ones of every day, which the balance of today ends.
func (b *Bank) rows(ctx context.Context, at position, from, to time.Time) ([]codec.Row, error) {
	all, err := b.ordered(ctx, at)
	if err != nil {
		return nil, err
	}
	balance := b.account(at).Balance
	if len(all) > 0 { // ordered ones know theirs
		balance = all[0].Balance
	}
	now := time.Now().In(codec.Shanghai)
	for day := range 400 {
		if made := b.madeUp(at, now.AddDate(0, 0, -day)); made.At.Before(now) {
			all = append(all, made)
		}
	}
	slices.SortStableFunc(all, func(x, y codec.Row) int { return y.At.Compare(x.At) })
	var rows []codec.Row
	for _, r := range all {
		r.Balance = balance
		balance -= signed(r.Out, r.Amount)
		if !r.At.Before(from) && !r.At.After(to) {
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// signed is what a movement changes the balance by.
func signed(out bool, amount codec.Amount) codec.Amount {
	if out {
		return -amount
	}
	return amount
}

// madeUp is the one movement of an account on a day that nobody ordered.
func (b *Bank) madeUp(at position, day time.Time) codec.Row {
	y, m, d := day.Date()
	random := rand.New(rand.NewPCG(b.cfg.Seed+uint64(at.id), uint64(y*10_000+int(m)*100+d))) //nolint:gosec // made-up
	what := []struct {
		summary string
		out     bool
	}{{"消费", true}, {"转账转入", false}, {"水电费", true}, {"代发工资", false}, {"ATM取款", true}, {"结息", false}}[random.IntN(6)]
	return codec.Row{
		At:  time.Date(y, m, d, random.IntN(24), random.IntN(60), random.IntN(60), 0, codec.Shanghai),
		Out: what.out, Amount: codec.Amount(1 + random.Int64N(50_000)), Summary: what.summary,
	}
}

func (b *Bank) ordered(ctx context.Context, at position) (rows []codec.Row, err error) {
	const query = `SELECT at, out, amount, balance, summary FROM sim_movement WHERE account = $1 ORDER BY id DESC`
	err = b.read(ctx, query, func(scan func(...any) error) error {
		var r codec.Row
		var ms int64
		err := scan(&ms, &r.Out, (*int64)(&r.Amount), (*int64)(&r.Balance), &r.Summary)
		r.At = time.UnixMilli(ms).In(codec.Shanghai).Truncate(time.Second)
		rows = append(rows, r)
		return err
	}, at.id)
	return rows, err
}

// errNoAccount: no made-up person has the account.
var errNoAccount = errors.New("no such account")

// Move books a movement of the amount, in fen, and tells the switch of it (D4):
// both or neither.
func (b *Bank) Move(ctx context.Context, account codec.Account, out bool, amount codec.Amount, summary string) error {
	at, ok := b.accounts[account]
	if !ok {
		return errNoAccount
	}
	now := time.Now()
	return b.db.Write(ctx, func(ctx context.Context, tx db.Tx) error {
		balance, err := movedNow(ctx, tx, at)
		if err != nil {
			return err
		}
		balance += b.account(at).Balance + signed(out, amount)
		_, err = tx.ExecContext(ctx, `INSERT INTO sim_movement (account, at, out, amount, balance, summary) VALUES ($1, $2, $3, $4, $5, $6)`,
			at.id, now.UnixMilli(), out, int64(amount), int64(balance), summary)
		if err != nil {
			return err
		}
		m := b.about(codec.Movement, at)
		direction := codec.In
		if out {
			direction = codec.Out
		}
		m.Set(codec.FieldAmount, strconv.FormatInt(int64(amount), 10))
		m.Set(codec.FieldDirection, direction)
		m.Set(codec.FieldBalance, strconv.FormatInt(int64(balance), 10))
		m.Set(codec.FieldCurrency, "156")
		m.Set(codec.FieldMoved, string(codec.NewMoment(now)))
		m.Set(codec.FieldSummary, summary)
		return b.kit.TellIn(ctx, tx, m)
	})
}

// about is a message of the bank's own about an account.
func (b *Bank) about(t codec.Type, at position) *codec.Message {
	a := b.account(at)
	m := codec.NewRequest(t)
	m.SetAccount(a.Number, a.Card)
	return m
}

// Event ends the account, or its registration, at the bank's counter, and tells
// the switch (A14). event is deregistered, closed, card-lost or card-replaced.
func (b *Bank) Event(ctx context.Context, account codec.Account, event string) error {
	at, ok := b.accounts[account]
	if !ok {
		return errNoAccount
	}
	status, known := map[string]Status{
		"deregistered": "", "closed": Closed, "card-lost": Lost, "card-replaced": Closed,
	}[event]
	if !known {
		return errors.New("event: deregistered, closed, card-lost or card-replaced")
	}
	return b.db.Write(ctx, func(ctx context.Context, tx db.Tx) error {
		before, err := b.status(ctx, tx, at)
		if err != nil {
			return err
		}
		if status == "" || before == Closed { // what is closed stays so
			status = before
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO sim_status (account, status) VALUES ($1, $2)
			ON CONFLICT (account) DO UPDATE SET status = excluded.status`, at.id, string(status))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE sim_registration SET ended = $1 WHERE account = $2 AND ended = ''`, event, at.id)
		if err != nil {
			return err
		}
		m := b.about(codec.AccountEvent, at)
		m.Set(codec.FieldEvent, event)
		return b.kit.TellIn(ctx, tx, m)
	})
}

// visiting books a visit, or cancels the one that its number booked (D1).
func (d *decision) visiting(ctx context.Context) (string, error) {
	if d.m.Type == codec.Reversal {
		_, err := d.change(ctx, `UPDATE sim_visit SET cancelled = 1 WHERE acquirer = $1 AND rrn = $2 AND code3 = $3`,
			d.number.Acquirer, string(d.number.RRN), d.number.Code)
		return codeDone, err
	}
	if d.m.Type != codec.Appointment {
		return codeInvalid, nil
	}
	phone := codec.NewPhone(d.m.Get(codec.FieldPhone)) // in clear it stands in the SMS only
	_, err := d.change(ctx, `INSERT INTO sim_visit (acquirer, rrn, code3, branch, business, phone, cancelled) VALUES ($1, $2, $3, $4, $5, $6, 0)`,
		d.number.Acquirer, string(d.number.RRN), d.number.Code, d.m.Get(codec.FieldBranch), d.m.Get(codec.FieldBusiness), phone.String())
	if err != nil {
		return "", err
	}
	if d.visit, err = d.booked(ctx); err != nil {
		return "", err
	}
	return codeDone, d.bank.sms(ctx, d.tx, -1, phone.Reveal(), "", "您的网点预约号为"+d.visit+"，请携带有效身份证件按时办理。")
}

// booked is the number of the visit that this number has booked.
func (d *decision) booked(ctx context.Context) (string, error) {
	var id int64
	err := d.tx.QueryRowContext(ctx, `SELECT id FROM sim_visit WHERE acquirer = $1 AND rrn = $2 AND code3 = $3`,
		d.number.Acquirer, string(d.number.RRN), d.number.Code).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) { // it was declined
		return "", nil
	}
	return fmt.Sprintf("YY%06d", id), err
}
