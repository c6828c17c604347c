package journal_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
	"wxswitch/switch/journal"
	"wxswitch/switch/vault"
)

func open(t testing.TB) *journal.Journal {
	ctx, stop := context.WithCancel(t.Context())
	d, err := db.Open(ctx, db.Options{Path: filepath.Join(t.TempDir(), "j.db")})
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.New()
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.New(ctx, journal.Options{DB: d, Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = d.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended; _ = d.Close() })
	return j
}

func entry(t testing.TB, j *journal.Journal, n *switching.Numbers, key string) switching.Entry {
	number, err := n.Take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return switching.Entry{
		ID: number.ID, Client: "c", Operation: "op", KeyHash: j.Vault.Index(key), BodyHash: j.Vault.Hash("b"), Type: codec.Deregister,
		Bank: "b", Card: true, Account: codec.NewAccount("6210081234567890"), MTI: "0100", Code3: "900000", STAN: number.STAN, Sent: number.Sent,
		RRN: codec.NewRRN(number.ID), Instance: "i", Opened: time.Now(), Deadline: time.Now().Add(time.Second),
	}
}

func TestSmoke(t *testing.T) {
	j := open(t)
	n := switching.NewNumbers(j, time.Now)
	ctx := context.Background()
	a := entry(t, j, n, "k1")
	o, err := j.Open(ctx, a)
	if err != nil || o.Kind != switching.Opened {
		t.Fatal(o.Kind, err)
	}
	o, err = j.Open(ctx, entry(t, j, n, "k1"))
	if err != nil || o.Kind != switching.Known {
		t.Fatal(o.Kind, err)
	}
	o, err = j.Open(ctx, entry(t, j, n, "k2"))
	if err != nil || o.Kind != switching.Joined || o.Entry.RRN != a.RRN {
		t.Fatal(o.Kind, err)
	}
	e, err := j.Close(ctx, a, switching.End{Outcome: switching.TimedOut})
	if err != nil || e.Standing != switching.TimedOut || !e.Holds {
		t.Fatal(e, err)
	}
	adv, ok, err := j.Claim(ctx, "b", 2, time.Now().Add(time.Second))
	if err != nil || !ok {
		t.Fatal(adv, ok, err)
	}
	e, err = j.Answered(ctx, adv.ID, switching.LateReply{Meaning: codec.Approved, Code: "00", Type: codec.Completion})
	if err != nil || e.Standing != switching.Approved || e.Holds {
		t.Fatal(e, err)
	}
}

func BenchmarkOpenClose(b *testing.B) {
	j := open(b)
	n := switching.NewNumbers(j, time.Now)
	b.SetParallelism(32)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			e := entry(b, j, n, "")
			e.KeyHash = j.Vault.Index(string(e.RRN))
			e.Account = codec.NewAccount("6210" + string(e.RRN))
			o, err := j.Open(context.Background(), e)
			if err != nil || o.Kind != switching.Opened {
				b.Error(o.Kind, err)
			}
			if _, err := j.Close(context.Background(), o.Entry, switching.End{Outcome: switching.Approved, Code: "00"}); err != nil {
				b.Error(err)
			}
		}
	})
}
