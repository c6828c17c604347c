package journal_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
	"wxswitch/switch/journal"
	"wxswitch/switch/journal/journaltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestJournal(t *testing.T) {
	journaltest.Run(t, func(t *testing.T, o journaltest.Options) journaltest.Store { return start(t, o) })
}

// start opens the journal in the file of o.At and runs its writer until the
// test ends.
func start(t testing.TB, o journaltest.Options) *journal.Journal {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	d, err := db.Open(ctx, db.Options{Path: filepath.Join(o.At, "journal.db"), Fail: o.Fail})
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.New(ctx, journal.Options{DB: d, Vault: o.Vault, Effects: o.Effects, Backoff: o.Backoff, Now: o.Now, Listeners: o.Listeners, Outbox: outbox(o.Put)})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

// outbox is a function as an Outbox.
type outbox func(ctx context.Context, tx switching.Tx, n switching.Notice) error

func (o outbox) Put(ctx context.Context, tx switching.Tx, n switching.Notice) error {
	return o(ctx, tx, n)
}

// The close of what was answered before it waits for company. Who asked for an SMS
// code waits for its close, which therefore waits for nobody.
func TestCloseWaitsForCompany(t *testing.T) {
	o := options(t)
	synctest.Test(t, func(t *testing.T) {
		j := start(t, o)
		for id, c := range []struct {
			of    codec.Type
			waits bool
		}{{codec.SMSCode, false}, {codec.Balance, true}, {codec.Details, true}, {codec.Authenticate, false}} {
			e := switching.Entry{
				ID: int64(id + 1), Client: "c", Operation: "op", BodyHash: []byte{1}, Type: c.of, Bank: "b", Account: codec.NewAccount(card),
				MTI: "0100", Code3: "310000", Sent: "0101000000", Instance: "i", Opened: time.Now(), Deadline: time.Now().Add(time.Minute),
			}
			opening, err := j.Open(t.Context(), e)
			if err != nil || opening.Kind != switching.Opened {
				t.Fatal(c.of, opening.Kind, err)
			}
			began := time.Now()
			if _, err := j.Close(t.Context(), opening.Entry, switching.End{Outcome: switching.Approved}); err != nil {
				t.Fatal(c.of, err)
			}
			if waited := time.Since(began); waited > 0 != c.waits {
				t.Errorf("%s: its close waited %s", c.of, waited)
			}
		}
	})
}
