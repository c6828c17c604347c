package sim

import (
	"strconv"
	"testing"
	"time"

	"wxswitch/codec"
)

// What cannot be told is not booked either.
func TestMovementThatCannotBeTold(t *testing.T) {
	b, _ := start(t, nil)
	p := b.People()[0]
	for summary, amount := range map[string]codec.Amount{"more than the wire holds": 1_000_000_000_000, "a\x00b": 100} {
		if err := b.Move(t.Context(), p.Accounts[0].Number, false, amount, summary); err == nil {
			t.Errorf("%q of %s was booked", summary, amount)
		}
	}
	l := dial(t, b)
	r := l.expect(l.request(codec.Balance, 1, p, 0), "00")
	if got := r.Get(codec.FieldBalance); got != strconv.FormatInt(int64(p.Accounts[0].Balance), 10) {
		t.Errorf("balance: %s, want %d", got, int64(p.Accounts[0].Balance))
	}
}

// What was closed at the counter stays closed, whatever is said of it after.
func TestClosedStaysClosed(t *testing.T) {
	b, _ := start(t, nil)
	p := b.People()[0]
	for _, event := range []string{"closed", "deregistered", "card-lost"} {
		if err := b.Event(t.Context(), p.Accounts[0].Number, event); err != nil {
			t.Fatal(err)
		}
	}
	l := dial(t, b)
	l.expectBeside(l.request(codec.Balance, 1, p, 0), "14")
}

// The movements of an account that was emptied end in nothing.
func TestDetailsOfAnEmptiedAccount(t *testing.T) {
	b, _ := start(t, nil)
	p := b.People()[0]
	now := time.Now()
	if err := b.Move(t.Context(), p.Accounts[0].Number, true, p.Accounts[0].Balance, "消费"); err != nil {
		t.Fatal(err)
	}
	rows, err := b.rows(t.Context(), b.accounts[p.Accounts[0].Number], now.AddDate(0, 0, -7), now.Add(time.Minute))
	if err != nil || len(rows) < 2 || rows[0].Balance != 0 || rows[1].Balance != p.Accounts[0].Balance {
		t.Errorf("%+v %v", rows[:min(2, len(rows))], err)
	}
}
