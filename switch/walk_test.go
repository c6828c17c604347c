package switching_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wxswitch/banks"
	"wxswitch/codec"
	"wxswitch/codec/iso"
	"wxswitch/routing"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
	"wxswitch/switch/journal"
	"wxswitch/switch/ops"
	"wxswitch/switch/saf"
	"wxswitch/switch/vault"
)

type rig struct {
	t       *testing.T
	sw      *switching.Switch
	j       *journal.Journal
	bank    *banks.Bank
	numbers *switching.Numbers
	keys    *vault.Vault
	fail    atomic.Pointer[func(string) error]
	answer  atomic.Pointer[func(m *codec.Message) *codec.Message]
}

// newRig is a switch on a real journal, and a bank at the end of a pipe. In a
// bubble. Where there is a registry, it counts commits, too, as wiring does.
func newRig(t *testing.T, dialect codec.Dialect, o switching.Options, run bool) (*rig, func()) {
	r := &rig{t: t}
	ctx, stop := context.WithCancel(context.Background())
	v, err := vault.New()
	must(t, err)
	r.keys = v
	var observe func(int, time.Duration)
	if o.Registerer != nil {
		observe = ops.Commits(o.Registerer)
	}
	d, err := db.Open(ctx, db.Options{Path: filepath.Join(t.TempDir(), "j.db"), Observe: observe, Fail: func(step string) error {
		if f := r.fail.Load(); f != nil {
			return (*f)(step)
		}
		return nil
	}})
	must(t, err)
	r.j, err = journal.New(ctx, journal.Options{DB: d, Vault: v})
	must(t, err)
	r.numbers = switching.NewNumbers(r.j, time.Now)
	table, err := routing.Parse("routes.yaml", []byte("cards:\n  - {bank: xjrcu, prefix: \"621008\", lengths: [16]}\n"), []routing.Bank{"xjrcu"})
	must(t, err)
	var f *saf.Forwarder
	o.Router, o.Journal, o.Numbers, o.Hasher = routing.NewRouter(table), r.j, r.numbers, v
	o.Acquirer, o.Forwarder = "48980000", "48980000"
	o.Wake = func(b string, e int64) { f.Wake(b, e) }
	r.sw = switching.New(o)
	r.bank, err = banks.New(banks.Config{
		Name: "xjrcu", Links: []banks.LinkConfig{{Name: "l", Addresses: []string{"x:1"}}}, EchoIdle: -1, Deadline: 10 * time.Second,
		Acquirer: "48980000", Forwarder: "48980000",
	}, dialect, r.sw, banks.Options{Log: zerolog.Nop(), Numbers: r.numbers, Dial: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go r.serve(far, dialect)
		return near, nil
	}})
	must(t, err)
	r.sw.AddBank(r.bank)
	f = saf.New(saf.Options{Store: r.j, Switch: r.sw, Numbers: r.numbers, Log: zerolog.Nop()})
	var wg sync.WaitGroup
	dctx, dstop := context.WithCancel(context.Background())
	wg.Go(func() { _ = r.bank.Run(ctx) })
	if run {
		wg.Go(func() { _ = f.Run(ctx) })
		wg.Go(func() { _ = r.sw.Run(ctx) })
	}
	var dbDone sync.WaitGroup
	dbDone.Go(func() { _ = d.Run(dctx) })
	<-r.bank.Online()
	_, err = r.numbers.Take(ctx)
	must(t, err)
	return r, func() { stop(); wg.Wait(); dstop(); dbDone.Wait(); must(t, d.Close()) }
}

// newPlainRig is newRig in the plain dialect.
func newPlainRig(t *testing.T, run bool) (*rig, func()) {
	return newPlainRigWith(t, switching.Options{}, run)
}

func newPlainRigWith(t *testing.T, o switching.Options, run bool) (*rig, func()) {
	d, err := iso.Builtin("plain")
	must(t, err)
	return newRig(t, d, o, run)
}

// answers says how the bank answers each message from now on: by nil, not at all.
func (r *rig) answers(f func(m *codec.Message) *codec.Message) { r.answer.Store(&f) }

func approves(m *codec.Message) *codec.Message { return codec.NewReply(m, "00") }
func silent(*codec.Message) *codec.Message     { return nil }

func (r *rig) serve(c net.Conn, d codec.Dialect) {
	defer c.Close()
	buf := make([]byte, 0, 4096)
	tmp := make([]byte, 4096)
	for {
		n, err := c.Read(tmp)
		if err != nil {
			return
		}
		buf = append(buf, tmp[:n]...)
		for len(buf) >= d.Frame().Prefix+d.Frame().Size {
			size, err := d.Frame().ReadLength(buf)
			if err != nil || len(buf) < size {
				break
			}
			m, err := d.Unpack(append([]byte(nil), buf[d.Frame().Prefix:size]...))
			buf = append([]byte(nil), buf[size:]...)
			if err != nil {
				r.t.Error(err)
				continue
			}
			if f := r.answer.Load(); f != nil {
				if a := (*f)(m); a != nil {
					r.write(c, d, a)
				}
			}
		}
	}
}

func (r *rig) write(c net.Conn, d codec.Dialect, m *codec.Message) {
	raw, err := d.Pack(m)
	must(r.t, err)
	framed, err := d.Frame().Append(nil, raw)
	must(r.t, err)
	_, _ = c.Write(framed)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func request(kind codec.Type, key string) switching.Request {
	r := switching.Request{Type: kind, Client: "c", Operation: "op", Key: key, Account: codec.NewAccount("6210081234567892")}
	if kind == codec.Authenticate {
		r.Fields.Set(codec.FieldCertType, "01")
		r.Fields.Set(codec.FieldCertNumber, "650102199001011234")
	}
	return r
}

// A disk takes longer than anybody waits; then the commit is there after all.
func TestWhatAHangingDiskLeavesUnknownIsNotToldAsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, true)
		defer stop()
		var told atomic.Int64
		counting := func(m *codec.Message) *codec.Message {
			if m.Type == codec.Completion {
				told.Add(1)
			}
			return approves(m)
		}
		r.answers(counting)
		once := new(atomic.Bool)
		hang := func(step string) error {
			if step == "commit-before" && once.CompareAndSwap(false, true) {
				time.Sleep(70 * time.Second)
			}
			return nil
		}
		r.fail.Store(&hang)
		begun := time.Now()
		result, err := r.sw.Do(t.Context(), request(codec.Deregister, "k"))
		t.Logf("after %s: %s %s, %v", time.Since(begun), result.End.Outcome, result.End.Reason, err)
		if took := time.Since(begun); took > 25*time.Second {
			t.Errorf("a deadline of 10 s was answered after %s", took)
		}
		time.Sleep(2 * time.Minute)
		e, found, err := r.j.Find(t.Context(), r.keys.Index("idempotency", "c", "op", "k"))
		must(t, err)
		if result.End.Outcome == switching.Refused && found && e.Standing != switching.Refused {
			t.Errorf("the customer was told %s (%s: nothing was sent); the row stands %s, and the bank was told %d times to complete it",
				result.End.Outcome, result.End.Reason, e.Standing, told.Load())
		}
	})
}

// The same key has the same answer, to the moment at which it was opened.
func TestARepeatIsOpenedWhenTheFirstWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.answers(approves)
		time.Sleep(1234567 * time.Nanosecond)
		first, err := r.sw.Do(t.Context(), request(codec.Deregister, "k"))
		must(t, err)
		again, err := r.sw.Do(t.Context(), request(codec.Deregister, "k"))
		must(t, err)
		if !again.Replayed || !again.Opened.Equal(first.Opened) {
			t.Errorf("opened %s, and again %s", first.Opened, again.Opened)
		}
	})
}

// A late approval must not be forgotten because the disk takes nothing when it comes,
// not for one commit and not for a minute.
func TestALateApprovalOutlivesFailingCommits(t *testing.T) {
	for name, wait := range map[string]time.Duration{"one": 0, "a minute's": time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { lateWhileCommitsFail(t, wait) })
		})
	}
}

func lateWhileCommitsFail(t *testing.T, wait time.Duration) {
	r, stop := newPlainRig(t, true)
	defer stop()
	var original atomic.Pointer[codec.Message]
	var reversals atomic.Int64
	r.answers(func(m *codec.Message) *codec.Message {
		switch m.Type {
		case codec.Authenticate:
			original.Store(m)
			return nil
		case codec.Reversal:
			if reversals.Add(1) == 1 {
				return codec.NewReply(m, "25")
			}
			return codec.NewReply(m, "00")
		}
		return nil
	})
	result, err := r.sw.Do(t.Context(), request(codec.Authenticate, "k"))
	must(t, err)
	if result.End.Outcome != switching.TimedOut {
		t.Fatal(result.End)
	}
	time.Sleep(5 * time.Second) // the reversal was not found
	r.failsCommits("commit-before", wait == 0)
	r.sw.Late(t.Context(), "xjrcu", codec.NewReply(original.Load(), "00"))
	time.Sleep(wait)
	r.fail.Store(nil)
	time.Sleep(time.Hour)
	if n := reversals.Load(); n != 2 {
		t.Errorf("the bank approved what counts as not done, and was told to undo it %d times", n)
	}
}

// failsCommits lets the next commit fail at the step, or every one.
func (r *rig) failsCommits(at string, once bool) {
	var failed atomic.Bool
	fail := func(step string) error {
		if step == at && (!failed.Swap(true) || !once) {
			return errors.New("planted")
		}
		return nil
	}
	r.fail.Store(&fail)
}

// What the disk would not take is tried a last time when the switch stops, and what is
// too much to be kept, or is lost then, is counted.
func TestLateRepliesAtAStop(t *testing.T) {
	for _, mended := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			r, stop := newPlainRigWith(t, switching.Options{Registerer: registry}, false)
			defer stop()
			var original atomic.Pointer[codec.Message]
			r.answers(func(m *codec.Message) *codec.Message { original.Store(m); return nil })
			result, err := r.sw.Do(t.Context(), request(codec.Authenticate, "k"))
			must(t, err)
			r.failsCommits("commit-before", false)
			for range 1003 {
				r.sw.Late(t.Context(), "xjrcu", codec.NewReply(original.Load(), "00"))
			}
			want := map[string]float64{"error": 1003}
			if mended {
				r.fail.Store(nil)
				want = map[string]float64{"error": 3, "journalled": 1000}
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			must(t, r.sw.Run(ctx))
			r.fail.Store(nil)
			e, _, err := r.j.Get(t.Context(), result.ID)
			must(t, err)
			if known := e.Late == codec.Approved; known != mended {
				t.Errorf("disk mended %t, late %q", mended, e.Late)
			}
			got := values(t, registry)
			for result, n := range want {
				if counted := got[fmt.Sprintf(`wxswitch_late_messages_total{bank="xjrcu",result=%q}`, result)]; counted != n {
					t.Errorf("disk mended %t: %s %v, want %v", mended, result, counted, n)
				}
			}
		})
	}
}

// foreign is a reply that pairs and names another customer's card.
func foreign(m *codec.Message) *codec.Message {
	a := codec.NewReply(m, "00")
	a.Set(codec.FieldPAN, "6210081234567884")
	return a
}

// A reply that was not believed in time is not believed when it comes again.
func TestAForeignReplyIsForeignWhenItIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		f := foreign
		r.answers(f)
		result, err := r.sw.Do(t.Context(), request(codec.Deregister, "k"))
		must(t, err)
		m := codec.NewRequest(codec.Deregister)
		m.Set(codec.FieldRRN, string(result.RRN))
		m.Set(codec.FieldSTAN, string(result.STAN))
		m.Set(codec.FieldSent, string(result.Sent))
		r.sw.Late(t.Context(), "xjrcu", foreign(m))
		e, _, err := r.j.Get(t.Context(), result.ID)
		must(t, err)
		if e.Standing != switching.TimedOut || !e.Holds {
			t.Errorf("a reply about another account ended it: %s, holds %v", e.Standing, e.Holds)
		}
	})
}

// Another instance, whose clock is ahead, ends the row and settles the doubt while
// the bank is at work; what the bank then answers in time is late.
func TestAnAnswerToARowThatAnotherEndedIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		f := func(m *codec.Message) *codec.Message {
			ctx := t.Context()
			e, found, err := r.j.Find(ctx, r.keys.Index("idempotency", "c", "op", "k"))
			if err != nil || !found {
				t.Error(found, err)
			}
			e, err = r.j.Close(ctx, e, switching.End{Outcome: switching.TimedOut, Reason: switching.ReasonRecovered})
			if err != nil {
				t.Error(err)
			}
			a, ok, err := r.j.Claim(ctx, "xjrcu", 2, time.Now().Add(15*time.Second))
			if err != nil || !ok {
				t.Error(ok, err)
			}
			not := switching.LateReply{Bank: "xjrcu", Type: codec.Reversal, RRN: e.RRN, Code: "25", Class: codec.NotFound}
			if _, err = r.j.Answered(ctx, a.ID, not); err != nil {
				t.Error(err)
			}
			return codec.NewReply(m, "00")
		}
		r.answers(f)
		result, err := r.sw.Do(t.Context(), request(codec.Authenticate, "k"))
		must(t, err)
		if result.End.Outcome != switching.TimedOut {
			t.Errorf("told %s, and the row says timed out", result.End.Outcome)
		}
		e, _, err := r.j.Get(t.Context(), result.ID)
		must(t, err)
		list, err := r.j.Advices(t.Context(), "", "", 0, 10)
		must(t, err)
		if e.Late != codec.Approved || len(list) != 1 || list[0].State != switching.AdvicePending {
			t.Errorf("the bank's registration would stand for ever: late %s, advices %+v", e.Late, list)
		}
	})
}

// An end whose commit failed is told only once it is on disk, and is not known while
// the disk takes nothing.
func TestAnEndIsToldOnceItIsOnDisk(t *testing.T) {
	for name, c := range map[string]struct {
		step string
		once bool
		want error
	}{
		"not persisted":      {"commit-before", true, nil},
		"persisted":          {"commit-after", true, nil},
		"the disk takes not": {"commit-before", false, switching.ErrOutcomeUnknown},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, stop := newPlainRig(t, false)
			defer stop()
			r.answers(func(m *codec.Message) *codec.Message { r.failsCommits(c.step, c.once); return approves(m) })
			result, err := r.sw.Do(t.Context(), request(codec.Authenticate, "k"))
			r.fail.Store(nil)
			e, _, findErr := r.j.Find(t.Context(), r.keys.Index("idempotency", "c", "op", "k"))
			must(t, findErr)
			if !errors.Is(err, c.want) || result.End.Outcome != e.End.Outcome || e.Open != (c.want != nil) {
				t.Errorf("%s: told %q, %v; on disk %q, open %v", name, result.End.Outcome, err, e.End.Outcome, e.Open)
			}
		})
	}
}

// Of two answers that contradict each other the first counts, also where the second
// is there before the first is on disk.
func TestTheFirstOfTwoAnswersCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := iso.Builtin("plain")
		must(t, err)
		var r *rig
		var asked atomic.Pointer[codec.Message]
		heard := make(chan struct{})
		second := func(step string) {
			if step != "reply" {
				return
			}
			go func() {
				defer close(heard)
				r.sw.Late(context.Background(), "xjrcu", codec.NewReply(asked.Load(), "05"))
			}()
			synctest.Wait() // it is written, or waits
		}
		r, stop := newRig(t, d, switching.Options{Failpoint: second}, false)
		defer stop()
		r.answers(func(m *codec.Message) *codec.Message { asked.Store(m); return codec.NewReply(m, "00") })
		result, err := r.sw.Do(t.Context(), request(codec.Deregister, "k"))
		must(t, err)
		<-heard
		e, _, err := r.j.Get(t.Context(), result.ID)
		must(t, err)
		if result.End.Outcome != switching.Approved || e.Standing != switching.Approved {
			t.Errorf("told %s, stands as %s: the second answer counts", result.End.Outcome, e.Standing)
		}
	})
}

// Only what may answer a request in flight waits for its end: else a bank that
// mangles numbers would keep its own messages from being heard.
func TestAReplyToNothingInFlightWaitsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, true)
		defer stop()
		var original atomic.Pointer[codec.Message]
		f := func(m *codec.Message) *codec.Message { original.Store(m); return nil }
		r.answers(f)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, err := r.sw.Do(t.Context(), request(codec.Balance, "k"))
			must(t, err)
		}()
		time.Sleep(time.Second)
		begun := time.Now()
		a := codec.NewReply(original.Load(), "00")
		a.Set(codec.FieldSTAN, "999998")
		r.sw.Late(t.Context(), "xjrcu", a)
		if took := time.Since(begun); took > 100*time.Millisecond {
			t.Errorf("waited %s", took)
		}
		<-done
	})
}

// Two clients may call different customers by one name.
func TestRawCustomersAreTheirClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.answers(silent)
		q := request(codec.Deregister, "k")
		q.Client, q.Operation, q.Customer = "core-a", switching.Raw, "1001"
		result, err := r.sw.Do(t.Context(), q)
		must(t, err)
		if result.End.Outcome != switching.TimedOut {
			t.Fatal(result.End)
		}
		r.answers(approves)
		q = request(codec.Authenticate, "k")
		q.Client, q.Operation, q.Customer, q.Account = "core-b", switching.Raw, "1001", codec.NewAccount("6210081234567884")
		result, err = r.sw.Do(t.Context(), q)
		must(t, err)
		if result.End.Outcome != switching.Approved {
			t.Errorf("core-b's customer waits for core-a's: %s %s", result.End.Outcome, result.End.Reason)
		}
	})
}

// An enquiry that timed out is so on disk before it is told: a late reply must not
// end it otherwise.
func TestATimeoutIsOnDiskBeforeItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.answers(silent)
		slow := func(step string) error {
			if step == "commit-before" {
				time.Sleep(250 * time.Millisecond)
			}
			return nil
		}
		r.fail.Store(&slow)
		result := r.do(request(codec.Balance, "k"))
		wantEnd(t, result, switching.TimedOut, switching.Reason(banks.NoReply), "")
		e, _, err := r.j.Get(t.Context(), result.ID)
		must(t, err)
		if e.Open {
			t.Error("told while its row is open")
		}
	})
}

// blind is a journal that finds no key any more.
type blind struct{ switching.Journal }

func (blind) Find(context.Context, []byte) (switching.Entry, bool, error) {
	return switching.Entry{}, false, errors.New("planted")
}

// Where the key cannot be looked up nobody knows whether it has ended: what keeps a
// new request from being sent is then not the reason.
func TestAKeyThatCannotBeLookedUpIsNoRefusalOfTheBanks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.answers(approves)
		wantEnd(t, r.do(request(codec.Deregister, "k")), switching.Approved, "", "00")
		r.sw.Journal = blind{r.sw.Journal}
		q := request(codec.Deregister, "k")
		q.Timeout = -1
		wantEnd(t, r.do(q), switching.Refused, switching.ReasonJournal, "")
	})
}

// A caller that hangs up, before the bank answers or before it even began, cancels
// nothing.
func TestWhoHangsUpIsAnsweredAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.answers(func(m *codec.Message) *codec.Message { time.Sleep(2 * time.Second); return approves(m) })
		for _, after := range []time.Duration{0, time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			result, err := r.sw.Do(ctx, request(codec.Deregister, after.String()))
			must(t, err)
			wantEnd(t, result, switching.Approved, "", "00")
		}
	})
}

// lateTook is how long a reply of that number is held up.
func (r *rig) lateTook(kind codec.Type, id int64, sent codec.Stamp) time.Duration {
	m := codec.NewRequest(kind)
	m.Set(codec.FieldRRN, string(codec.NewRRN(id)))
	m.Set(codec.FieldSTAN, string(switching.STANOf(id)))
	m.Set(codec.FieldSent, string(sent))
	begun := time.Now()
	r.sw.Late(r.t.Context(), "xjrcu", codec.NewReply(m, "00"))
	return time.Since(begun)
}

// What has ended, or was given up for another number, is not kept as in flight, nor is
// who waited for it, nor the place of its close.
func TestNothingIsInFlightForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRig(t, false)
		defer stop()
		r.answers(func(m *codec.Message) *codec.Message { time.Sleep(2 * time.Second); return codec.NewReply(m, "14") })
		enquiry := r.do(request(codec.Balance, "k")) // its row is closed after its answer
		time.Sleep(time.Second)
		if took := r.lateTook(codec.Balance, enquiry.ID, enquiry.Sent); took != 0 {
			t.Errorf("an enquiry that has ended holds its reply up for %s", took)
		}
		sent := codec.NewStamp(time.Now())
		go r.do(request(codec.Deregister, "holds"))
		time.Sleep(time.Millisecond)
		second := r.do(request(codec.Authenticate, "waits")) // under a number, and again under the next
		if took := r.lateTook(codec.Authenticate, second.ID-1, sent); took != 0 {
			t.Errorf("a number that was given up holds a reply up for %s", took)
		}
		synctest.Wait()
		if awaited, closing := r.sw.Kept(); awaited != 0 || closing != 0 {
			t.Errorf("at rest %d entries are waited for, and %d closes have a place", awaited, closing)
		}
	})
}

// crowded is a journal with rows that a crash left.
type crowded struct {
	switching.Journal
	left int64
}

func (c *crowded) Due(_ context.Context, _ time.Time, limit int) (due []switching.Entry, err error) {
	for id := range min(int64(limit), c.left) {
		due = append(due, switching.Entry{ID: 1 + id, Type: codec.Balance})
	}
	return due, nil
}

func (c *crowded) Close(_ context.Context, e switching.Entry, _ switching.End) (switching.Entry, error) {
	c.left--
	return e, nil
}

// The first scan comes at the start, and ends all that is due, in however many parts.
func TestTheScanEndsAllAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := &crowded{left: 10_000}
		s := switching.New(switching.Options{Journal: rows, Log: zerolog.Nop()})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		must(t, s.Run(ctx))
		if rows.left != 0 {
			t.Errorf("%d rows are left to the next scan", rows.left)
		}
	})
}

// A row past its deadline is left for the grace to who opened it.
func TestTheScanLeavesARowForTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRigWith(t, switching.Options{Grace: 3 * time.Second}, true)
		defer stop()
		row, begun := left(t, r), time.Now()
		for _, c := range []struct {
			after time.Duration
			open  bool
		}{{12 * time.Second, true}, {15 * time.Second, false}} {
			time.Sleep(time.Until(begun.Add(c.after)))
			e, _, err := r.j.Get(t.Context(), row.ID)
			must(t, err)
			if e.Open != c.open {
				t.Errorf("%s after it was opened, for ten seconds: open %t", c.after, e.Open)
			}
		}
	})
}

// A change that timed out is told to the bank, and what its end may be to tell is
// told, at once.
func TestADoubtIsForwardedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int64
		r, stop := newPlainRigWith(t, switching.Options{Told: func() { told.Add(1) }}, true)
		defer stop()
		seen := r.script(nil)
		time.Sleep(100 * time.Millisecond) // else it ends when the forwarder looks by itself
		r.do(request(codec.Deregister, "k"))
		synctest.Wait()
		if seen(codec.Completion) != 1 || told.Load() != 1 {
			t.Errorf("%d completions, told %d times", seen(codec.Completion), told.Load())
		}
	})
}

// A reply to what is in flight is held up until that ends, but no longer than the
// grace.
func TestAReplyIsHeldUpForTheGraceAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := newPlainRigWith(t, switching.Options{Grace: 3 * time.Second}, false)
		defer stop()
		var asked atomic.Pointer[codec.Message]
		r.answers(func(m *codec.Message) *codec.Message { asked.Store(m); return nil })
		go r.do(request(codec.Deregister, "k"))
		time.Sleep(time.Second)
		id, _ := codec.RRN(asked.Load().Get(codec.FieldRRN)).Number()
		if took := r.lateTook(codec.Deregister, id, codec.Stamp(asked.Load().Get(codec.FieldSent))); took != 3*time.Second {
			t.Errorf("after %s", took)
		}
		time.Sleep(10 * time.Second)
	})
}
