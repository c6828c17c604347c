package saf_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rest lets time pass, and what is due at its end happen.
func rest(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// inBubble runs the test in fake time, with these advices due.
func inBubble(t *testing.T, advices []*switching.Advice, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, advices)
		defer w.stop()
		test(t, w)
	})
}

func TestTwoInFlight(t *testing.T) {
	inBubble(t, advices(5), func(t *testing.T, w *world) {
		w.answerAfter(3*time.Second, "00")
		w.run()
		for sent, after := range map[int]time.Duration{2: 0, 4: 3 * time.Second, 5: 6 * time.Second} {
			w.at(after+time.Second, func() { equal(t, "sent", w.sent(), sent) })
		}
		rest(10 * time.Second)
		for _, a := range w.store.advices {
			equal(t, "state", a.State, switching.AdviceDone)
			equal(t, "attempts", a.Attempts, 1)
		}
	})
}

// What the bulkhead refuses is not even claimed; what finds no number to be sent
// under is taken back. Neither is an attempt.
func TestRefusedIsNoAttempt(t *testing.T) {
	inBubble(t, advices(1), func(t *testing.T, w *world) {
		w.answerAfter(0, "00")
		var held []interface{ Release() }
		for p, err := w.bank.Admit(); err == nil; p, err = w.bank.Admit() {
			held = append(held, p)
		}
		w.run()
		rest(time.Minute)
		equal(t, "claims", w.store.claims(), 0)

		w.store.set(func(s *store) { s.noNumbers = errors.New("no numbers") })
		for _, p := range held {
			p.Release()
		}
		rest(time.Minute)
		if n := w.store.claims(); n < 100 || n > 130 {
			t.Errorf("claimed %d times in a minute", n)
		}
		equal(t, "attempts", w.store.advice(0).Attempts, 0)
		equal(t, "places kept", w.bank.Status().InFlight, 0)
		if !strings.Contains(w.logged(), `"level":"error"`) {
			t.Error("it is not told as an error")
		}

		w.store.set(func(s *store) { s.noNumbers = nil })
		rest(time.Second)
		equal(t, "state", w.store.advice(0).State, switching.AdviceDone)
		equal(t, "attempts", w.store.advice(0).Attempts, 1)
	})
}

// Nor is what was claimed before the bank's links went.
func TestWhatNoLinkTakesIsNoAttempt(t *testing.T) {
	inBubble(t, advices(1), func(t *testing.T, w *world) {
		const slow = 20 * time.Second // longer than the bank drains
		w.store.set(func(s *store) { s.slow = slow })
		w.run()
		synctest.Wait()
		w.bankEnd()
		rest(slow + time.Second)
		a := w.store.advice(0)
		equal(t, "claims", w.store.claims(), 1)
		equal(t, "not sent", w.attempts("not-sent"), 1)
		equal(t, "attempts", a.Attempts, 0)
		equal(t, "still claimed", !a.Claimed.IsZero(), false)
	})
}

// Silence puts an advice off, and is an attempt; a wake ends the pause.
func TestSilenceAndHurry(t *testing.T) {
	inBubble(t, advices(1), func(t *testing.T, w *world) {
		w.run()
		rest(bankDeadline + 10*time.Second)
		equal(t, "sent", w.sent(), 1)
		equal(t, "state", w.store.advice(0).State, switching.AdvicePending)
		if strings.Contains(w.logged(), `"level":"error"`) {
			t.Errorf("silence is no error: %s", w.logged())
		}
		w.answerAfter(0, "00")
		w.saf.Wake("nobody", 1)
		w.saf.Wake("xjrcu", 0) // nothing is due
		synctest.Wait()
		equal(t, "sent", w.sent(), 1)
		w.saf.Wake("xjrcu", w.store.advice(0).Entry.ID)
		synctest.Wait()
		equal(t, "sent", w.sent(), 2)
		equal(t, "repeat", w.last().Repeat, true)
		equal(t, "state", w.store.advice(0).State, switching.AdviceDone)
	})
}

// An answer that breaks a rule is no answer, and the log says which: it comes again
// with every repeat, until somebody mends the bank or its dialect.
func TestAnswerThatCannotBeTaken(t *testing.T) {
	inBubble(t, advices(1), func(t *testing.T, w *world) {
		w.mu.Lock()
		w.answer = func(m *codec.Message) *codec.Message {
			r := codec.NewReply(m, "00")
			r.Set(codec.FieldRRN, "000000000099")
			return r
		}
		w.mu.Unlock()
		w.run()
		rest(time.Second)
		equal(t, "state", w.store.advice(0).State, switching.AdvicePending)
		if rule := "rrn: the same as in the request"; !strings.Contains(w.logged(), rule) {
			t.Errorf("no %q in %s", rule, w.logged())
		}
	})
}

// A claim outlasts its sending by the grace, also where a release is given longest.
func TestAClaimOutlastsItsSending(t *testing.T) {
	list := advices(1)
	list[0].Type, list[0].Entry.Type = codec.Release, codec.Authenticate
	list[0].Entry.Fields.Set(codec.FieldCertType, "01")
	list[0].Entry.Fields.Set(codec.FieldCertNumber, "650102199001011234")
	inBubble(t, list, func(t *testing.T, w *world) {
		begun := time.Now()
		w.run()
		rest(releaseDeadline - time.Second)
		equal(t, "claimed for", w.store.advice(0).Claimed.Sub(begun), releaseDeadline+5*time.Second)
		equal(t, "sent", w.sent(), 1)
		equal(t, "claims", w.store.claims(), 1)
	})
}

// What the dialect cannot write is parked with the reason, and keeps nothing
// behind it waiting.
func TestUnwritableIsParked(t *testing.T) {
	list := advices(2)
	list[0].Entry.Fields.Set(codec.FieldCertNumber, "1101051949 secret, and too long")
	list[0].Entry.Fields.Set(codec.FieldCertType, "01")
	inBubble(t, list, func(t *testing.T, w *world) {
		w.answerAfter(0, "00")
		w.run()
		rest(time.Hour)
		a := w.store.advice(0)
		equal(t, "state", a.State, switching.AdviceParked)
		equal(t, "attempts", a.Attempts, 0)
		if !strings.Contains(a.Note, "cannot be written: F61") || strings.Contains(a.Note, "secret") {
			t.Errorf("note: %s", a.Note)
		}
		equal(t, "claims", w.store.claims(), 2)
		equal(t, "the other", w.store.advice(1).State, switching.AdviceDone)
		equal(t, "parked", w.attempts("parked"), 1)
		if !strings.Contains(w.logged(), `"level":"error"`) {
			t.Error("parking is not told as an error")
		}
	})
}

// So is what the bank answers without ending it, with the code.
func TestParkingAnswerIsTold(t *testing.T) {
	inBubble(t, advices(1), func(t *testing.T, w *world) {
		w.answerAfter(0, "12")
		w.run()
		rest(time.Second)
		equal(t, "state", w.store.advice(0).State, switching.AdviceParked)
		line := w.logged()
		for _, part := range []string{`"level":"error"`, `"result":"parked"`, `answered \"12\"`} {
			if !strings.Contains(line, part) {
				t.Errorf("logged without %s: %s", part, line)
			}
		}
	})
}

// An answer that cannot be written down is told as an error, and the advice
// stays claimed.
func TestAnswerThatIsNotWritten(t *testing.T) {
	inBubble(t, advices(1), func(t *testing.T, w *world) {
		w.answerAfter(0, "00")
		w.store.set(func(s *store) { s.broken = errors.New("disk full") })
		w.run()
		rest(time.Second)
		equal(t, "state", w.store.advice(0).State, switching.AdvicePending)
		equal(t, "claims", w.store.claims(), 1)
		line := []byte(w.logged())
		if !bytes.Contains(line, []byte(`"level":"error"`)) || !bytes.Contains(line, []byte("disk full")) {
			t.Errorf("logged: %s", line)
		}
	})
}

// A stop waits for what is on its way.
func TestStopWaits(t *testing.T) {
	inBubble(t, advices(1), func(t *testing.T, w *world) {
		w.answerAfter(3*time.Second, "00")
		ctx, cancel := context.WithCancel(t.Context())
		begun, done := time.Now(), make(chan error)
		go func() { done <- w.saf.Run(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		equal(t, "waited", time.Since(begun), 3*time.Second)
		equal(t, "state", w.store.advice(0).State, switching.AdviceDone)
	})
}

// An advice that another instance took first leaves the bank's place free.
func TestWhatIsNotClaimedTakesNoPlace(t *testing.T) {
	inBubble(t, advices(1), func(t *testing.T, w *world) {
		w.store.set(func(s *store) { s.taken = true })
		w.run()
		rest(time.Minute)
		equal(t, "places kept", w.bank.Status().InFlight, 0)
		w.store.set(func(s *store) { s.taken = false })
		w.answerAfter(0, "00")
		time.Sleep(time.Second)
		equal(t, "state", w.store.advice(0).State, switching.AdviceDone)
	})
}

// The next goes out when a place is free, not at the next look.
func TestTheNextGoesAtOnce(t *testing.T) {
	inBubble(t, advices(6), func(t *testing.T, w *world) {
		w.answerAfter(10*time.Millisecond, "00")
		w.run()
		time.Sleep(100 * time.Millisecond)
		equal(t, "sent", w.sent(), 6)
	})
}

// What a database that hangs holds up past its lease is left to who claimed it since.
func TestPastItsLeaseNothingIsSent(t *testing.T) {
	inBubble(t, advices(1), func(t *testing.T, w *world) {
		w.answerAfter(0, "00")
		const lease = releaseDeadline + 5*time.Second
		w.store.set(func(s *store) { s.slow = lease + time.Second })
		w.run()
		rest(time.Second)
		w.store.set(func(s *store) { s.slow = 0 })
		rest(lease)
		equal(t, "claims", w.store.claims(), 2)
		equal(t, "sent", w.sent(), 1)
		rest(time.Minute)
		equal(t, "sent in the end", w.sent(), 1)
		equal(t, "state", w.store.advice(0).State, switching.AdviceDone)
	})
}

// What the answer to a completion ended may be to be told, at once; silence told
// nothing.
func TestTheAnswerToACompletionIsTold(t *testing.T) {
	inBubble(t, advices(1), func(t *testing.T, w *world) {
		w.run()
		rest(bankDeadline + time.Second)
		equal(t, "told after silence", w.told.Load(), 0)
		equal(t, "silences", w.attempts("silence"), 1)
		w.answerAfter(0, "00")
		w.saf.Wake("xjrcu", w.store.advice(0).Entry.ID)
		synctest.Wait()
		equal(t, "told after an answer", w.told.Load(), 1)
		equal(t, "answers", w.attempts("answered"), 1)
	})
}
