package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/api"
	"wxswitch/switch/db"
	"wxswitch/switch/notice"
)

// silentBank is a bank that reads whatever comes and says nothing; it counts what it
// reads.
type silentBank struct{ heard atomic.Int64 }

func (b *silentBank) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	go func() { _, _ = io.Copy(b, far) }()
	return near, nil
}

func (b *silentBank) Write(p []byte) (int, error) {
	b.heard.Add(1)
	return len(p), nil
}

// within runs the switch of full, in fake time, without its doors and with a silent
// bank; its advices pause for an hour.
func within(t *testing.T, tune func(*Config), test func(t *testing.T, a *app, bank *silentBank)) {
	t.Helper()
	c, fault := load(t, full)
	if fault != "" {
		t.Fatal(fault)
	}
	synctest.Test(t, func(t *testing.T) {
		bank := &silentBank{}
		c.Banks = c.Banks[:1]
		c.Banks[0].SignOn, c.Banks[0].EchoIdle = false, -1
		c.Advices = Advices{BackoffMin: time.Hour, BackoffMax: time.Hour}
		c.Dial, c.LogTo, c.Front = bank.dial, io.Discard, Front{}
		tune(&c)
		a := wired(t, c)
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- errors.Join(a.parts.Run(ctx), a.closeDB()) }()
		defer func() {
			stop()
			if err := <-ran; err != nil {
				t.Error(err)
			}
		}()
		<-a.sw.Banks()["xjrcu"].Online()
		test(t, a, bank)
	})
}

func asItIs(*Config) {}

// wired is a switch put together but for its doors, not running.
func wired(t *testing.T, c Config) *app {
	t.Helper()
	a := &app{Config: c}
	a.stopping, a.stop = context.WithCancel(t.Context())
	a.defaults()
	go a.lines.Run()
	t.Cleanup(a.lines.Close)
	for _, build := range []func(context.Context) error{a.foundation, a.core, a.customers, a.banks} {
		if err := build(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// deregister asks for a deregistration, which the bank leaves in doubt.
func (a *app) deregister(t *testing.T, key string) switching.Result {
	t.Helper()
	result, err := a.sw.Do(t.Context(), switching.Request{
		Type: codec.Deregister, Client: "batch", Operation: switching.Raw, Key: key, Account: codec.NewAccount("6210081234567892"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// An operator ends an advice: who waits for it hears so at once, not at the next
// look into the database, and so does what tells followers.
func TestWhoWaitsIsToldWhenAnOperatorCloses(t *testing.T) {
	brief := func(c *Config) { c.Banks[0].Deadlines = map[codec.Type]time.Duration{codec.Completion: time.Second} }
	within(t, brief, func(t *testing.T, a *app, _ *silentBank) {
		var told atomic.Int64
		a.sw.Told = func() { told.Add(1) }
		first := a.deregister(t, "k")
		advices, err := a.journal.Advices(t.Context(), "", "", 0, 10)
		if err != nil || len(advices) != 1 {
			t.Fatal(advices, err)
		}
		begun := time.Now()
		time.AfterFunc(1100*time.Millisecond, func() {
			if _, err := (operator{a.journal, a.advices, a.sw}).CloseAdvice(t.Context(), advices[0].ID, "by phone", switching.Approved); err != nil {
				t.Error(err)
			}
		})
		second := a.deregister(t, "another")
		if second.Joins != first.ID || second.End.Outcome != switching.Approved {
			t.Errorf("joins %d, not %d; %s %s", second.Joins, first.ID, second.End.Outcome, second.End.Reason)
		}
		if took := time.Since(begun); took > 1150*time.Millisecond || told.Load() != 1 {
			t.Errorf("after %s, told %d times", took, told.Load())
		}
	})
}

// An operator sends an advice again: it goes at once, not when the forwarder next
// looks.
func TestAnAdviceGoesWhenAnOperatorRetries(t *testing.T) {
	within(t, asItIs, func(t *testing.T, a *app, bank *silentBank) {
		result := a.deregister(t, "k")
		time.Sleep(time.Minute + 100*time.Millisecond) // its advice met silence, too; the forwarder looks every half second
		advices, err := a.journal.Advices(t.Context(), "", "", 0, 10)
		if err != nil || len(advices) != 1 || advices[0].Entry.ID != result.ID {
			t.Fatal(advices, err)
		}
		before := bank.heard.Load()
		if _, err := (operator{a.journal, a.advices, a.sw}).RetryAdvice(t.Context(), advices[0].ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := bank.heard.Load(); before != 2 || n != 3 {
			t.Errorf("the bank heard %d messages before and %d after", before, n)
		}
	})
}

// Advices of a bank that has left the configuration are named at the start.
func TestAdvicesThatNothingForwardsAreNamedAtTheStart(t *testing.T) {
	within(t, asItIs, func(t *testing.T, a *app, _ *silentBank) {
		a.deregister(t, "k")
		err := a.db.Write(t.Context(), func(ctx context.Context, tx db.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO advice (entry, type, bank, account_ix, state, attempts, next, claimed, created, approved)
				SELECT entry, 'reversal', 'gone', account_ix, 'parked', 0, 0, 0, 0, 0 FROM advice`)
			return err
		})
		var logged bytes.Buffer
		c := a.Config
		c.LogTo = &logged
		again := wired(t, c)
		if err := errors.Join(err, again.closeDB()); err != nil {
			t.Fatal(err)
		}
		again.lines.Close()
		if line := logged.String(); strings.Count(line, "\n") != 1 || !strings.Contains(line, `"level":"warn","bank":"gone","state":"parked","advices":1,`) {
			t.Error(line)
		}
	})
}

// What is kept of a notice operators see, all of it.
func TestOperatorsSeeWhatIsKeptOfANotice(t *testing.T) {
	within(t, asItIs, func(t *testing.T, a *app, _ *silentBank) {
		err := a.db.Write(t.Context(), func(ctx context.Context, tx db.Tx) error {
			err := a.notices.Put(ctx, tx, switching.Notice{ID: "n", Channel: "wechat", Subject: "o1", Order: "c", Kind: switching.NoticeMovement, At: time.Now()})
			if err == nil {
				_, err = tx.ExecContext(ctx, `UPDATE notice SET round = 2, attempts = 3, ended = 4, answer = 'failed', note = 'resent'`)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		kept, err := a.notices.List(t.Context(), "", 0, 10)
		shown, failed := told{a.notices}.List(t.Context(), "", 0, 10)
		if err != nil || failed != nil || len(kept) != 1 || len(shown) != 1 {
			t.Fatal(kept, err, shown, failed)
		}
		for f, v := range reflect.ValueOf(shown[0]).Fields() {
			if was := reflect.ValueOf(kept[0]).FieldByName(f.Name); v.IsZero() || fmt.Sprint(v) != fmt.Sprint(was) {
				t.Errorf("%s: %v, not %v", f.Name, v, was)
			}
		}
	})
}

// What cannot be done with a notice the API says in words of its own, and never as
// done: of a commit that failed nobody knows.
func TestTheAPIKnowsWhyANoticeIsLeft(t *testing.T) {
	within(t, asItIs, func(t *testing.T, a *app, _ *silentBank) {
		door, ctx := told{a.notices}, t.Context()
		for name, err := range map[string]error{
			"resend": door.Resend(ctx, "none"), "discard": door.Discard(ctx, "none", "by phone"),
			"delivered": door.Delivered(ctx, "none", string(notice.StatusSuccess), time.Now()),
		} {
			if !errors.Is(err, api.ErrNoNotice) {
				t.Errorf("%s of none: %v", name, err)
			}
		}
	})
	for err, want := range map[error]error{
		nil: nil, notice.ErrUnknown: api.ErrNoNotice, notice.ErrEnded: api.ErrNoticeEnded, db.ErrUnknown: switching.ErrOutcomeUnknown, db.ErrBusy: db.ErrBusy,
	} {
		if err != nil {
			err = fmt.Errorf("wrapped: %w", err)
		}
		if got := noticeError(err); !errors.Is(got, want) {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}
