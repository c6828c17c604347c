package customer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
)

func TestTalkIsForgotten(t *testing.T) {
	w := newWorld(t)
	f := follower("a")
	said := codec.NewSecret(`{"at":[43.812345,87.612345]}`)
	w.must(w.service.SetTalk(w.Context(), f, codec.NewSecret("before"), MaxTalkLife))
	w.must(w.service.SetTalk(w.Context(), f, said, MaxTalkLife))
	w.must(w.service.SetTalk(w.Context(), f, said, MaxTalkLife)) // a repeat
	w.talk(f, said.Reveal())
	w.talk(follower("b"), "")
	w.talk(Follower{"other", "a"}, "")

	w.now = w.now.Add(MaxTalkLife - time.Millisecond)
	w.talk(f, said.Reveal())
	w.now = w.now.Add(time.Millisecond)
	w.talk(f, "") // though it is not deleted yet
	w.must(w.service.Clean(w.Context()))
	if n := w.count(`SELECT COUNT(*) FROM talk`); n != 0 {
		t.Errorf("%d conversations are still in the database", n)
	}

	w.must(w.service.SetTalk(w.Context(), f, said, time.Minute))
	w.must(w.service.Clean(w.Context()))
	w.talk(f, said.Reveal())
	w.must(w.service.EndTalk(w.Context(), f))
	w.must(w.service.EndTalk(w.Context(), f)) // a repeat
	w.talk(f, "")
}

func (w *world) talk(f Follower, want string) {
	w.Helper()
	got, found, err := w.service.Talk(w.Context(), f)
	if err != nil || found != (want != "") || got.Reveal() != want {
		w.Fatalf("%q, %v, %v; want %q", got.Reveal(), found, err, want)
	}
}

func TestKeptValuesAreSealed(t *testing.T) {
	w := newWorld(t)
	f := follower("openid-of-someone")
	w.must(w.service.SetTalk(w.Context(), f, codec.NewSecret("43.812345"), time.Minute))
	_, _, err := w.service.Once(w.Context(), "state-of-oauth", codec.NewSecret("87.612345"), time.Minute)
	w.must(err)
	for _, table := range []string{"talk", "once"} {
		for _, hidden := range []string{"43.812345", "87.612345", "state-of-oauth", f.Subject} {
			if n := w.count(`SELECT COUNT(*) FROM `+table+` WHERE instr(value, $1) > 0 OR instr(name, $1) > 0`, hidden); n != 0 {
				t.Errorf("%s stands in %s in clear", hidden, table)
			}
		}
	}
	// A value that is copied to another's row does not open.
	w.must(w.service.SetTalk(w.Context(), follower("b"), codec.NewSecret("b's"), time.Minute))
	w.must(w.exec(`UPDATE talk SET value = (SELECT value FROM talk ORDER BY id LIMIT 1)`))
	if v, found, err := w.service.Talk(w.Context(), follower("b")); err == nil || found || !v.IsZero() {
		t.Error(v.Reveal(), found, err)
	}
}

func TestKeptValuesAreBounded(t *testing.T) {
	w := newWorld(t)
	ctx, f, service := w.Context(), follower("a"), w.service
	long := func(n int) codec.Secret { return codec.NewSecret(strings.Repeat("x", n)) }
	once := func(name string, v codec.Secret, life time.Duration) error {
		_, _, err := service.Once(ctx, name, v, life)
		return err
	}
	for name, c := range map[string]struct{ err, want error }{
		"largest talk":   {service.SetTalk(ctx, f, long(MaxTalk), MaxTalkLife), nil},
		"no value":       {service.SetTalk(ctx, f, codec.Secret{}, MaxTalkLife), nil},
		"large talk":     {service.SetTalk(ctx, f, long(MaxTalk+1), time.Minute), ErrKeptSize},
		"long life":      {service.SetTalk(ctx, f, long(1), MaxTalkLife+1), ErrKeptLife},
		"no life":        {service.SetTalk(ctx, f, long(1), 0), ErrKeptLife},
		"life before":    {service.SetTalk(ctx, f, long(1), -time.Minute), ErrKeptLife},
		"no follower":    {service.SetTalk(ctx, Follower{"wx", ""}, long(1), time.Minute), ErrKeptSize},
		"largest once":   {once("n", long(MaxOnce), MaxOnceLife), nil},
		"large once":     {once("n2", long(MaxOnce+1), time.Minute), ErrKeptSize},
		"long once":      {once("n2", long(1), MaxOnceLife+1), ErrKeptLife},
		"no name":        {once("", long(1), time.Minute), ErrKeptSize},
		"long name":      {once(strings.Repeat("n", 257), long(1), time.Minute), ErrKeptSize},
		"put, too large": {service.PutOnce(ctx, "n3", long(MaxOnce+1), time.Minute), ErrKeptSize},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	if _, _, err := service.Take(ctx, ""); !errors.Is(err, ErrKeptSize) {
		t.Error(err)
	}
}

func TestFullUntilSomethingIsOver(t *testing.T) {
	w := newWorld(t)
	w.store.Limits.Kept = 3
	once := func(name string, life time.Duration) error {
		_, _, err := w.service.Once(w.Context(), name, codec.NewSecret("v"), life)
		return err
	}
	w.must(once("a", time.Minute))
	w.must(once("b", time.Hour))
	w.must(once("c", time.Hour))
	if err := once("d", time.Hour); !errors.Is(err, ErrKeptFull) {
		t.Fatal(err)
	}
	if first, before, err := w.service.Once(w.Context(), "a", codec.NewSecret("w"), time.Minute); err != nil || first || before.Reveal() != "v" {
		t.Errorf("full: %v, %v, %v", first, before.Reveal(), err) // what is there is told
	}
	w.must(w.service.SetTalk(w.Context(), follower("a"), codec.NewSecret("v"), time.Minute)) // the other table has room
	w.now = w.now.Add(time.Minute)
	w.must(w.service.Clean(w.Context()))
	w.must(once("d", time.Hour))
}

// Values of one kind, however many, take no other's room: notices keep no login
// back.
func TestKindsHaveRoomOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	w.store.Limits.Kept = 2
	once := func(name string) error {
		_, _, err := w.service.Once(w.Context(), name, codec.NewSecret("v"), time.Hour)
		return err
	}
	for _, kind := range append([]string{"", "others/", "sentences/"}, rooms...) {
		alone := kind == "" || slices.Contains(rooms, kind)
		for i, want := range []error{nil, nil, ErrKeptFull} {
			if !alone {
				want = ErrKeptFull // shares the room of those before
			}
			if err := once(kind + fmt.Sprint(i)); !errors.Is(err, want) {
				t.Errorf("%s%d: %v, want %v", kind, i, err, want)
			}
		}
	}
}

func TestOnce(t *testing.T) {
	w := newWorld(t)
	ctx := w.Context()
	try := func(want bool, before string) {
		t.Helper()
		first, got, err := w.service.Once(ctx, "msg-1", codec.NewSecret("begun"), time.Minute)
		if err != nil || first != want || got.Reveal() != before {
			t.Fatalf("first %v, before %q, %v", first, got.Reveal(), err)
		}
	}
	try(true, "")
	try(false, "begun")
	w.must(w.service.PutOnce(ctx, "msg-1", codec.NewSecret("<xml>answer</xml>"), time.Minute))
	try(false, "<xml>answer</xml>")
	w.now = w.now.Add(time.Minute)
	try(true, "") // over, though Clean did not run
}

func TestTake(t *testing.T) {
	w := newWorld(t)
	ctx := w.Context()
	_, _, err := w.service.Once(ctx, "state", codec.NewSecret("page"), time.Minute)
	w.must(err)
	for i, want := range []string{"page", ""} {
		v, found, err := w.service.Take(ctx, "state")
		if err != nil || v.Reveal() != want || found != (want != "") {
			t.Errorf("%d: %q, %v, %v", i, v.Reveal(), found, err)
		}
	}
	_, _, err = w.service.Once(ctx, "state", codec.NewSecret("page"), time.Minute)
	w.must(err)
	w.now = w.now.Add(time.Minute)
	if _, found, err := w.service.Take(ctx, "state"); err != nil || found {
		t.Error("taken when it was over", err)
	}
}

// Two instances on one database, many callers at once: one is first, one takes.
func TestOnceAndTakeOverInstances(t *testing.T) {
	w := newWorld(t)
	other, err := db.Open(t.Context(), db.Options{Path: w.file})
	w.must(err)
	ended := make(chan error, 1)
	go func() { ended <- other.Run(context.WithoutCancel(t.Context())) }()
	t.Cleanup(func() {
		w.must(other.Close())
		w.must(<-ended)
	})
	second, err := Open(t.Context(), Options{DB: other, Vault: w.vault, Now: func() time.Time { return w.now }})
	w.must(err)
	var mu sync.Mutex // guards the two counts
	var firsts, taken int
	for round := range 5 {
		name := fmt.Sprint("name-", round)
		both := func(do func(s *Store) (bool, error)) (n int) {
			var all sync.WaitGroup
			for i := range 16 {
				all.Go(func() {
					won, err := do([]*Store{w.store, second}[i%2])
					if err != nil {
						t.Error(err)
					}
					if won {
						mu.Lock()
						n++
						mu.Unlock()
					}
				})
			}
			all.Wait()
			return n
		}
		firsts += both(func(s *Store) (bool, error) {
			first, _, err := s.Once(t.Context(), name, codec.NewSecret("v"), time.Minute)
			return first, err
		})
		taken += both(func(s *Store) (bool, error) {
			_, found, err := s.Take(t.Context(), name)
			return found, err
		})
	}
	if firsts != 5 || taken != 5 {
		t.Errorf("%d first, %d taken, of 5", firsts, taken)
	}
}

func TestAKeptValueMayBeUnknown(t *testing.T) {
	fail := false
	d, err := db.Open(t.Context(), db.Options{Path: t.TempDir() + "/w.db", Fail: func(step string) error {
		if fail && step == "commit-after" {
			fail = false
			return errors.New("on purpose")
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Run(context.WithoutCancel(t.Context())) }()
	t.Cleanup(func() { _ = d.Close(); <-ended })
	s, err := Open(t.Context(), Options{DB: d, Vault: newWorld(t).vault})
	if err != nil {
		t.Fatal(err)
	}
	fail = true
	if first, _, err := s.Once(t.Context(), "n", codec.NewSecret("mine"), time.Minute); first || !errors.Is(err, switching.ErrOutcomeUnknown) {
		t.Error(first, err)
	}
	if first, before, err := s.Once(t.Context(), "n", codec.NewSecret("mine"), time.Minute); err != nil || first || before.Reveal() != "mine" {
		t.Error(first, before.Reveal(), err)
	}
}

func TestForgetsManyInParts(t *testing.T) {
	w := newWorld(t)
	w.must(w.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
		INSERT INTO once (name, value, expires) SELECT CAST('n' || i AS BLOB), x'00', i FROM n`))
	w.now = time.UnixMilli(11_000)
	w.must(w.service.Clean(w.Context()))
	if n := w.count(`SELECT COUNT(*) FROM once`); n != 1000 {
		t.Errorf("%d are left of 12000, of which 1000 are not over", n)
	}
}
