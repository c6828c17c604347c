package customer

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

// What a bank did not tell is nothing, not 0.00.
func TestBalanceThatTheBankDidNotTell(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("f", cardA)
	call := w.loggedIn(f)
	end := switching.End{Outcome: switching.Approved, Code: "00"}
	end.Reply.Set(codec.FieldBalance, "-50")
	w.desk.ends = append(w.desk.ends, end)
	var line BalanceLine
	a, err := w.service.Balances(w.Context(), call, nil, func(l BalanceLine) { line = l })
	w.want(a, err, switching.Approved, "")
	if line.Balance == nil || *line.Balance != -50 || line.Available != nil {
		t.Errorf("%v, %v", line.Balance, line.Available)
	}
}

// pager is a bank whose replies hold what the journal does not keep.
type pager struct {
	*banker
	reply codec.Fields
}

func (p pager) Do(ctx context.Context, q switching.Request) (switching.Result, error) {
	r, err := p.banker.Do(ctx, q)
	r.End.Reply = p.reply
	return r, err
}

// Only a bank that says so has another page: some say 0 where there is none.
func TestDetailsThatEnd(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("f", cardA)
	call := w.loggedIn(f)
	l, a, err := w.service.Accounts(w.Context(), call)
	w.want(a, err, switching.Approved, "")
	for said, want := range map[string]bool{"": false, "0": false, "1": true} {
		p := pager{banker: w.desk}
		p.reply.Set(codec.FieldRows, codec.FormatRows([]codec.Row{{At: w.now, Out: true, Amount: 1}}))
		p.reply.Set(codec.FieldMore, said)
		w.service.Switch = p
		page, err := w.service.Details(w.Context(), call, DetailsRequest{Link: l[0].Link, Period: "today"})
		w.want(page.Answer, err, switching.Approved, "")
		if got := page.Next != ""; got != want {
			t.Errorf("said %q: another page: %v", said, got)
		}
	}
}

func TestLooksEachGetTheirOwn(t *testing.T) {
	d := newTeller(t)
	d.exec(`INSERT INTO page_nonce (nonce, expires) VALUES ('n', 0)`)
	wrong := errors.New("wrong")
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			want := int64(i)
			d.exec(`INSERT INTO page_nonce (nonce, expires) VALUES ($1, $2)`, randomID(), want)
			var got int64
			err := d.look(t.Context(), func(ctx context.Context, tx switching.Tx) error {
				switch i % 10 {
				case 3:
					return wrong
				case 7:
					panic("on purpose")
				}
				return tx.QueryRowContext(ctx, `SELECT expires FROM page_nonce WHERE expires = $1`, want).Scan(&got)
			})
			var panicked *db.PanicError
			switch {
			case i%10 == 3 && !errors.Is(err, wrong), i%10 == 7 && !errors.As(err, &panicked):
				t.Errorf("%d: %v", i, err)
			case i%10 != 3 && i%10 != 7 && (err != nil || got != want): // it sees what was written before
				t.Errorf("%d: %d, %v", i, got, err)
			}
		})
	}
	wg.Wait()
}

// Those who wait while one reads are read for together, by one of them.
func TestLooksThatWaitAreReadTogether(t *testing.T) {
	d := newTeller(t)
	held, free := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		d.must(d.look(t.Context(), func(context.Context, switching.Tx) error {
			close(held)
			<-free
			return nil
		}))
	})
	<-held
	seen := make(map[switching.Tx]int) // no lock: one of them reads for all
	for range 20 {
		wg.Go(func() {
			d.must(d.look(t.Context(), func(_ context.Context, tx switching.Tx) error {
				seen[tx]++
				return nil
			}))
		})
	}
	for {
		d.looks.mu.Lock()
		n := len(d.looks.waiting)
		d.looks.mu.Unlock()
		if n == 20 {
			break
		}
		runtime.Gosched()
	}
	close(free)
	wg.Wait()
	if len(seen) != 1 {
		t.Errorf("in %d transactions", len(seen))
	}
}

// A database that has gone answers all.
func TestLooksFail(t *testing.T) {
	d := newTeller(t)
	d.must(d.DB.Close())
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := d.look(t.Context(), func(context.Context, switching.Tx) error { return nil }); !errors.Is(err, db.ErrClosed) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
