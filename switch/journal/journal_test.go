package journal_test

import (
	"context"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

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
