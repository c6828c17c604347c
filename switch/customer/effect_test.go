package customer

import (
	"context"
	"slices"
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// TestEveryEventInEveryState holds the table against a list written by hand.
func TestEveryEventInEveryState(t *testing.T) {
	want := map[[2]string]State{
		{"unknown", "authenticate-asked"}:           Authenticating,
		{"authenticating", "authenticate-approved"}: Authenticated,
		{"authenticating", "authenticate-ended"}:    Superseded, // the prior of this test
		{"authenticated", "authenticate-asked"}:     Authenticated,
		{"authenticated", "authenticate-approved"}:  Authenticated,
		{"authenticated", "authenticate-ended"}:     Authenticated,
		{"authenticated", "deregister-asked"}:       Deregistering,
		{"authenticated", "deregister-approved"}:    Deregistered,
		{"authenticated", "superseded"}:             Superseded,
		{"authenticated", "ended-by-bank"}:          Deregistered,
		{"deregistering", "authenticate-ended"}:     Deregistering,
		{"deregistering", "deregister-asked"}:       Deregistering,
		{"deregistering", "deregister-approved"}:    Deregistered,
		{"deregistering", "deregister-restored"}:    Authenticated,
		{"deregistering", "deregister-timed-out"}:   Deregistering,
		{"deregistering", "superseded"}:             Superseded,
		{"deregistering", "ended-by-bank"}:          Deregistered,
		{"deregistered", "authenticate-asked"}:      Authenticating,
		{"superseded", "authenticate-asked"}:        Authenticating,
	}
	states := []State{Unknown, Authenticating, Authenticated, Deregistering, Deregistered, Superseded}
	events := []Event{AuthAsked, AuthApproved, AuthEnded, DeregAsked, DeregDone, DeregBack, DeregDoubt, Supersede, BankEnded}
	for _, from := range states {
		for _, e := range events {
			to, ok := next(from, Superseded, e)
			expected, possible := want[[2]string{string(from), string(e)}]
			if ok != possible || to != expected {
				t.Errorf("%s × %s: %q %v, want %q %v", from, e, to, ok, expected, possible)
			}
		}
	}
}

func TestAuthenticationMakesACustomer(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	w.state(f, Authenticated)
	w.wantAccounts(f, "xjrcu 0004 primary active")
	c := w.row(f)
	if c.Cert.Reveal() != cert || c.Holder.Reveal() != "阿依古丽·买买提" || !c.Told || !c.Setup.After(w.now) {
		t.Fatalf("customer: %+v", c)
	}
}

func TestAuthenticationThatFailsLeavesNoCustomer(t *testing.T) {
	for _, o := range []switching.Outcome{switching.Declined, switching.TimedOut, switching.Refused} {
		t.Run(string(o), func(t *testing.T) {
			w := newWorld(t)
			f := follower("a")
			code := w.code(f, ForAuthenticate, cardA)
			w.desk.will(o)
			a, err := w.service.Authenticate(w.Context(), w.call(f), authRequest(cardA, code))
			w.want(a, err, o, "")
			w.state(f, Unknown)
			w.wantAccounts(f)
			again, err := w.service.Authenticate(w.Context(), w.call(f), authRequest(cardA, code))
			switch o {
			case switching.Refused: // the code was given back
				w.want(again, err, switching.Approved, "")
			case switching.TimedOut: // its reversal holds the account
				w.want(again, err, switching.Refused, switching.ReasonSettling)
			default:
				w.want(again, err, switching.Refused, ReasonCodeUsed)
			}
		})
	}
}

func TestLateApprovalOfAnAuthenticationRevivesNothing(t *testing.T) {
	w := newWorld(t)
	f := follower("a")
	code := w.code(f, ForAuthenticate, cardA)
	w.desk.will(switching.TimedOut)
	a, err := w.service.Authenticate(w.Context(), w.call(f), authRequest(cardA, code))
	w.want(a, err, switching.TimedOut, "")
	w.desk.late(w.desk.last, codec.Approved, "00")
	w.state(f, Unknown)
	if got := w.desk.advices(); !slices.Equal(got, []string{"reversal of authenticate at xjrcu"}) {
		t.Fatal(got)
	}
}

// Who deregisters hears of a front that loses the switch that it timed out: of the bank's
// answer to the row that a crash left open it is told.
func TestAnAnswerAfterACrashIsTold(t *testing.T) {
	for m, want := range map[codec.Meaning]struct {
		state State
		told  switching.NoticeKind
	}{
		codec.Approved: {Deregistered, switching.NoticeDeregistered}, codec.Declined: {Authenticated, switching.NoticeRestored},
	} {
		w := newWorld(t)
		f := w.authenticated("a", cardA)
		w.desk.before = func() {
			open, err := w.journal.Due(w.Context(), w.now.Add(time.Minute), 1)
			w.must(err)
			w.desk.late(open[0], m, "00")
		}
		_, err := w.service.Deregister(w.Context(), w.call(f))
		w.must(err)
		w.state(f, want.state)
		if got := w.told(f); !slices.Equal(got, []switching.NoticeKind{want.told}) {
			t.Errorf("told %v, want %s", got, want.told)
		}
	}
}

func TestOneCertificateOneFollower(t *testing.T) {
	w := newWorld(t)
	a := w.authenticated("a", cardA)
	b := w.authenticated("b", cardC)
	w.state(a, Superseded)
	w.wantAccounts(a)
	w.state(b, Authenticated)
	if got := w.told(a); !slices.Equal(got, []switching.NoticeKind{switching.NoticeSuperseded}) {
		t.Fatal(got)
	}
	if got := w.desk.advices(); len(got) != 0 {
		t.Fatal("a bank was told:", got)
	}
	// And back again.
	again, err := w.authenticate(a, cardA)
	w.want(again, err, switching.Approved, "")
	w.state(b, Superseded)
	w.state(a, Authenticated)
}

func TestAnotherAccountReplacesThePrimary(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	a, err := w.authenticate(f, cardC) // of the same bank
	w.want(a, err, switching.Approved, "")
	w.wantAccounts(f, "xjrcu 0004 attached active", "xjrcu 0012 primary active")
	a, err = w.authenticate(f, cardB)
	w.want(a, err, switching.Approved, "")
	w.wantAccounts(f, "klb 0004 primary active", "xjrcu 0004 attached active", "xjrcu 0012 attached active")
}

func TestAnotherCertificateIsRefused(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	r := authRequest(cardB, w.code(f, ForAuthenticate, cardB))
	r.CertType, r.CertNumber = "03", "E12345678"
	a, err := w.service.Authenticate(w.Context(), w.call(f), r)
	w.want(a, err, switching.Refused, ReasonOtherCert)
	w.state(f, Authenticated)
	// Each try takes a code: by nothing else does who has the phone find out the certificate.
	a, err = w.service.Authenticate(w.Context(), w.call(f), r)
	w.want(a, err, switching.Refused, ReasonCodeUsed)
	r.Code = codec.NewSecret("000000")
	a, err = w.service.Authenticate(w.Context(), w.call(f), r)
	w.want(a, err, switching.Refused, ReasonCodeWrong)
}

func TestThreeEndsOfADeregistration(t *testing.T) {
	for o, state := range map[switching.Outcome]State{
		switching.Approved: Deregistered, switching.Declined: Authenticated, switching.Refused: Authenticated, switching.TimedOut: Deregistering,
	} {
		t.Run(string(o), func(t *testing.T) {
			w := newWorld(t)
			f := w.authenticated("a", cardA)
			w.desk.will(o)
			a, err := w.service.Deregister(w.Context(), w.call(f))
			w.want(a, err, o, "")
			w.state(f, state)
			if len(w.told(f)) != 0 {
				t.Fatal("told of what it had just read:", w.told(f))
			}
		})
	}
}

func TestDeregistrationInDoubtIsSettledAndTold(t *testing.T) {
	settle := map[string]func(w *world){
		"late approval":       func(w *world) { w.desk.late(w.desk.last, codec.Approved, "00") },
		"late decline":        func(w *world) { w.desk.late(w.desk.last, codec.Declined, "14") },
		"completion approved": func(w *world) { w.desk.answerAdvice("xjrcu", codec.Approved, 0) },
		"completion declined": func(w *world) { w.desk.answerAdvice("xjrcu", codec.Declined, 0) },
	}
	for name, f := range settle {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.authenticated("a", cardA)
			w.inDoubt(a)
			f(w)
			state, kind := Deregistered, switching.NoticeDeregistered
			if name == "late decline" || name == "completion declined" {
				state, kind = Authenticated, switching.NoticeRestored
			}
			w.state(a, state)
			if got := w.told(a); !slices.Equal(got, []switching.NoticeKind{kind}) {
				t.Fatal(got)
			}
		})
	}
}

// TestSecondTryJoins: the bank sees one deregistration, though asked twice.
func TestSecondTryJoins(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	w.desk.will(switching.TimedOut)
	sent := w.desk.sent
	for range 2 {
		a, err := w.service.Deregister(w.Context(), w.call(f))
		w.want(a, err, switching.TimedOut, "")
	}
	if w.desk.sent != sent+1 {
		t.Fatal("sent", w.desk.sent-sent)
	}
	if n := w.count(`SELECT COUNT(*) FROM customer_history WHERE event = 'deregister-asked'`); n != 1 {
		t.Errorf("asked for %d times in the history", n)
	}
	w.state(f, Deregistering)
	w.desk.answerAdvice("xjrcu", codec.Approved, 0)
	w.state(f, Deregistered)
	if got := w.told(f); len(got) != 1 {
		t.Fatal(got)
	}
}

func TestRepeatAfterTheStateChanged(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	call := w.call(f)
	a, err := w.service.Deregister(w.Context(), call)
	w.want(a, err, switching.Approved, "")
	repeat, err := w.service.Deregister(w.Context(), call)
	w.want(repeat, err, switching.Approved, "")
	fresh, err := w.service.Deregister(w.Context(), w.call(f))
	w.want(fresh, err, switching.Refused, ReasonNotAuthenticated)
	// Authenticated anew by another account: the old key still is the old answer.
	again, err := w.authenticate(f, cardB)
	w.want(again, err, switching.Approved, "")
	repeat, err = w.service.Deregister(w.Context(), call)
	w.want(repeat, err, switching.Approved, "")
	if repeat.Entry != a.Entry {
		t.Fatal("another transaction answered")
	}
	w.state(f, Authenticated)
}

func TestDeregistrationReleasesTheOtherBanks(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	w.attached(f, cardB)
	a, err := w.service.Deregister(w.Context(), w.call(f))
	w.want(a, err, switching.Approved, "")
	w.wantAccounts(f)
	if got := w.desk.advices(); !slices.Equal(got, []string{"release of attach at klb"}) {
		t.Fatal(got)
	}
	w.desk.answerAdvice("klb", 0, codec.NotFound)
	if got := w.desk.advices(); len(got) != 0 {
		t.Fatal(got)
	}
}

// TestWhoEndsLeavesNothingBehind: neither passwords, which would open what the next
// authentication makes, nor movements that wait to be told.
func TestWhoEndsLeavesNothingBehind(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	w.loggedIn(f)
	a, err := w.service.Deregister(w.Context(), w.call(f))
	w.want(a, err, switching.Approved, "")
	if c := w.row(f); c.Login != (credential{}) || c.Payment != (credential{}) {
		t.Errorf("passwords are left: %v, %v", c.Login.Hash != "", c.Payment.Hash != "")
	}
	if c := w.row(f); c.Told || !c.Setup.Equal(moment(0)) {
		t.Errorf("it is told movements: %v; passwords may be set until %s", c.Told, c.Setup)
	}
	if !slices.Equal(w.hushed, []Follower{f}) {
		t.Errorf("hushed %v", w.hushed)
	}
}

// TestSupersededWhileDeregistrationIsInDoubt: what the bank says later moves the
// old follower no more.
func TestSupersededWhileDeregistrationIsInDoubt(t *testing.T) {
	for _, m := range []codec.Meaning{codec.Approved, codec.Declined} {
		t.Run(m.String(), func(t *testing.T) {
			w := newWorld(t)
			a := w.authenticated("a", cardA)
			old := w.inDoubt(a)
			b := w.authenticated("b", cardB)
			w.state(a, Superseded)
			w.desk.late(old, m, "14")
			w.state(a, Superseded)
			w.state(b, Authenticated)
			w.wantAccounts(b, "klb 0004 primary active")
		})
	}
}

// TestApprovalThatFindsItsCustomerGone: a registration that nobody wants any
// more is released.
func TestApprovalThatFindsItsCustomerGone(t *testing.T) {
	w := newWorld(t)
	a := w.authenticated("a", cardA)
	e := w.opened(a, codec.Authenticate, cardC)
	w.authenticated("b", cardB)
	w.state(a, Superseded)
	_, err := w.journal.Close(w.Context(), e, switching.End{Outcome: switching.Approved, Code: "00"})
	w.must(err)
	w.state(a, Superseded)
	if got := w.desk.advices(); !slices.Equal(got, []string{"release of authenticate at xjrcu"}) {
		t.Fatal(got)
	}
}

// opened opens an authentication and leaves it so.
func (w *world) opened(f Follower, t codec.Type, account string) switching.Entry {
	w.Helper()
	r := authRequest(account, w.code(f, ForAuthenticate, account))
	q := switching.Request{
		Type: t, Client: "front", Operation: "authenticate", Key: w.call(f).Key, Customer: w.row(f).ID,
		Account: r.Account, Proof: authProof{r.Code, r.Terms, r.Notices},
	}
	q.Fields.Set(codec.FieldCertType, r.CertType)
	q.Fields.Set(codec.FieldCertNumber, r.CertNumber)
	e, err := w.desk.entry(q)
	w.must(err)
	o, err := w.journal.Open(w.Context(), e)
	if err != nil || o.Kind != switching.Opened {
		w.Fatal(o.Kind, err)
	}
	return o.Entry
}

func TestScanEndsAnAuthenticationAsOneInTime(t *testing.T) {
	w := newWorld(t)
	f := follower("a")
	e := w.opened(f, codec.Authenticate, cardA)
	w.state(f, Authenticating)
	w.now = w.now.Add(time.Minute)
	due, err := w.journal.Due(w.Context(), w.now, 10)
	if err != nil || len(due) != 1 || due[0].ID != e.ID {
		t.Fatal(due, err)
	}
	_, err = w.journal.Close(w.Context(), due[0], switching.End{Outcome: switching.TimedOut, Reason: switching.ReasonRecovered})
	w.must(err)
	w.state(f, Unknown)
}

func TestHistoryIsNeverRewritten(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	for _, q := range []string{`UPDATE customer_history SET who = 'x' WHERE customer = $1`, `DELETE FROM customer_history WHERE customer = $1`} {
		err := w.exec(q, w.row(f).ID)
		if err == nil {
			t.Error(q)
		}
	}
	if n := w.count(`SELECT COUNT(*) FROM customer_history WHERE customer = $1 AND entry <> 0 AND who <> ''`, w.row(f).ID); n != 2 {
		t.Fatal("history has", n)
	}
}

// A right code alone opens no 登录设置 and changes no consent: whoever knows a
// certificate's number can have a code sent to an account of their own.
func TestOnlyAnApprovalOpensTheSettingAndTakesConsent(t *testing.T) {
	for _, end := range []switching.Outcome{switching.Declined, switching.TimedOut, switching.Refused} {
		w := newWorld(t)
		f := w.authenticated("victim", cardA)
		w.loggedIn(f) // has both passwords
		w.now = w.now.Add(24 * time.Hour)
		r := authRequest(cardB, w.code(f, ForAuthenticate, cardB))
		r.Notices = ""
		w.desk.will(end)
		a, err := w.service.Authenticate(w.Context(), w.call(f), r)
		w.want(a, err, end, "")
		if c := w.row(f); !c.Told || c.Setup.After(w.now) {
			t.Errorf("%s: told %v, may set passwords until %s; now %s", end, c.Told, c.Setup, w.now)
		}
		a, err = w.service.SetPasswords(w.Context(), w.call(f), SetRequest{Login: w.sealed("Intruder-77x"), Payment: w.sealed("639205")})
		w.want(a, err, switching.Refused, ReasonSetupOver)
	}
}

// Who did not tick 动账 is told of no movement.
func TestConsentIsWhatWasTicked(t *testing.T) {
	for notices, told := range map[string]bool{"2026-11": true, "": false} {
		w := newWorld(t)
		f := follower("f")
		r := authRequest(cardA, w.code(f, ForAuthenticate, cardA))
		r.Notices = notices
		a, err := w.service.Authenticate(w.Context(), w.call(f), r)
		w.want(a, err, switching.Approved, "")
		if c := w.row(f); c.Told != told {
			t.Errorf("version %q: told %v", notices, c.Told)
		}
	}
}

// Who is frozen with a code in hand cannot use it.
func TestFrozenWithACode(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("f", cardA)
	r := authRequest(cardB, w.code(f, ForAuthenticate, cardB))
	_, err := w.store.Freeze(w.Context(), w.row(f).ID, "ops", "why")
	w.must(err)
	a, err := w.service.Authenticate(w.Context(), w.call(f), r)
	w.want(a, err, switching.Refused, ReasonFrozen)
}

// A code that is used, or tried in vain, leaves another follower's as it was.
func TestACodeIsItsFollowers(t *testing.T) {
	w := newWorld(t)
	other, f := follower("other"), follower("f")
	theirs := w.code(other, ForAuthenticate, cardC)
	code := w.code(f, ForAuthenticate, cardA)
	for range w.store.Limits.CodeTries - 1 {
		a, err := w.service.Authenticate(w.Context(), w.call(f), authRequest(cardA, theirs))
		w.want(a, err, switching.Refused, ReasonCodeWrong)
	}
	a, err := w.service.Authenticate(w.Context(), w.call(f), authRequest(cardA, code))
	w.want(a, err, switching.Approved, "")
	a, err = w.service.Authenticate(w.Context(), w.call(other), authRequest(cardC, theirs))
	w.want(a, err, switching.Approved, "")
}

func TestACodeThatWasNeverSentVoidsNone(t *testing.T) {
	w := newWorld(t)
	f := follower("f")
	ask := func(o switching.Outcome) {
		w.now = w.now.Add(w.store.Limits.CodePause)
		w.desk.will(o)
		a, err := w.service.SendCode(w.Context(), w.call(f), CodeRequest{Purpose: ForAuthenticate, Account: codec.NewAccount(cardA)})
		w.want(a, err, o, "")
	}
	first := w.code(f, ForAuthenticate, cardA)
	ask(switching.TimedOut) // it may arrive
	a, err := w.service.Authenticate(w.Context(), w.call(f), authRequest(cardA, first))
	w.want(a, err, switching.Refused, ReasonCodeVoid)
	second := w.code(f, ForAuthenticate, cardA)
	ask(switching.Refused)
	a, err = w.service.Authenticate(w.Context(), w.call(f), authRequest(cardA, first))
	w.want(a, err, switching.Refused, ReasonCodeVoid)
	a, err = w.service.Authenticate(w.Context(), w.call(f), authRequest(cardA, second))
	w.want(a, err, switching.Approved, "")
}

// TestApprovedAfterAll: a bank declines the completion, and then approves the
// original: there the registration has ended.
func TestApprovedAfterAll(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	w.attached(f, cardB)
	w.attached(f, cardC)
	w.desk.will(switching.TimedOut)
	a, err := w.service.Detach(w.Context(), w.loggedIn(f), w.linkID(f, "0012"))
	w.want(a, err, switching.TimedOut, "")
	detach := w.desk.last
	w.desk.answerAdvice("xjrcu", codec.Declined, 0)
	w.desk.late(detach, codec.Approved, "00")
	w.wantAccounts(f, "klb 0004 attached active", "xjrcu 0004 primary active")

	dereg := w.inDoubt(f)
	w.desk.answerAdvice("xjrcu", codec.Declined, 0)
	w.state(f, Authenticated)
	w.desk.late(dereg, codec.Approved, "00")
	w.state(f, Deregistered)
	want := []switching.NoticeKind{switching.NoticeAttached, switching.NoticeDetached, switching.NoticeRestored, switching.NoticeDeregistered}
	if got := w.told(f); !slices.Equal(got, want) {
		t.Fatal(got)
	}
	if got := w.desk.advices(); !slices.Equal(got, []string{"release of attach at klb"}) {
		t.Fatal(got)
	}
}

// TestApprovedAfterAllOfAnOldPrimary ends the link, not who has another primary since.
func TestApprovedAfterAllOfAnOldPrimary(t *testing.T) {
	w := newWorld(t)
	f, dereg := w.movedOn()
	w.desk.late(dereg, codec.Approved, "00")
	w.state(f, Authenticated)
	w.wantAccounts(f, "klb 0004 primary active")
	if got := w.told(f); !slices.Equal(got, []switching.NoticeKind{switching.NoticeRestored, switching.NoticeDetached}) {
		t.Fatal(got)
	}
}

// TestApprovedAfterAllWhileTheNewPrimaryIsAsked: nor who is about to be deregistered
// by the other, which its bank may yet decline.
func TestApprovedAfterAllWhileTheNewPrimaryIsAsked(t *testing.T) {
	w := newWorld(t)
	f, dereg := w.movedOn()
	w.inDoubt(f)
	w.desk.late(dereg, codec.Approved, "00")
	w.state(f, Deregistering)
	w.wantAccounts(f, "klb 0004 primary active")
	w.desk.answerAdvice("klb", codec.Declined, 0)
	w.state(f, Authenticated)
	want := []switching.NoticeKind{switching.NoticeRestored, switching.NoticeDetached, switching.NoticeRestored}
	if got := w.told(f); !slices.Equal(got, want) {
		t.Fatal(got)
	}
	if got := w.desk.advices(); len(got) != 0 {
		t.Fatal(got)
	}
}

// TestAnAuthenticationEndsOnlyItself: one asked for before the bank ended the
// customer does not end the one asked for after it, nor makes its account a link.
func TestAnAuthenticationEndsOnlyItself(t *testing.T) {
	for o, want := range map[switching.Outcome][]string{
		switching.Declined: nil, switching.Refused: nil,
		switching.TimedOut: {"reversal of authenticate at xjrcu"}, switching.Approved: {"release of authenticate at xjrcu"},
	} {
		w := newWorld(t)
		f := w.authenticated("a", cardA)
		old := w.opened(f, codec.Authenticate, cardC)
		w.heard(codec.AccountEvent, "xjrcu", cardA, "000002", map[codec.Field]string{codec.FieldEvent: "closed"})
		w.state(f, Deregistered)
		e := w.opened(f, codec.Authenticate, cardB)
		_, err := w.journal.Close(w.Context(), old, switching.End{Outcome: o})
		w.must(err)
		w.state(f, Authenticating)
		_, err = w.journal.Close(w.Context(), e, switching.End{Outcome: switching.Approved, Code: "00"})
		w.must(err)
		w.state(f, Authenticated)
		w.wantAccounts(f, "klb 0004 primary active")
		if got := w.desk.advices(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, not %v", o, got, want)
		}
	}
}

// Nor does one asked for before the customer's deregistration was approved after all.
func TestAnAuthenticationFromBeforeAnApprovalAfterAll(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	dereg := w.inDoubt(f)
	w.desk.answerAdvice("xjrcu", codec.Declined, 0)
	old := w.opened(f, codec.Authenticate, cardC)
	w.desk.late(dereg, codec.Approved, "00")
	w.state(f, Deregistered)
	w.opened(f, codec.Authenticate, cardB)
	_, err := w.journal.Close(w.Context(), old, switching.End{Outcome: switching.Approved, Code: "00"})
	w.must(err)
	w.state(f, Authenticating)
	w.wantAccounts(f)
}

// TestAnAuthenticationThatFindsItsCustomerGone: what the bank approved is released, and
// not told as done, nor when it is asked again.
func TestAnAuthenticationThatFindsItsCustomerGone(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	call, r := w.call(f), authRequest(cardC, w.code(f, ForAuthenticate, cardC))
	w.desk.before = func() {
		w.desk.before = nil
		w.heard(codec.AccountEvent, "xjrcu", cardA, "000001", map[codec.Field]string{codec.FieldEvent: "closed"})
	}
	for range 2 {
		a, err := w.service.Authenticate(w.Context(), call, r)
		if w.want(a, err, switching.Declined, ""); a.Text != "认证未通过，请核对信息后重试或与开户行联系" {
			t.Error(a.Text)
		}
	}
	w.state(f, Deregistered)
	if got := w.desk.advices(); !slices.Equal(got, []string{"release of authenticate at xjrcu"}) {
		t.Error(got)
	}
}

// overtaken lets something happen between the reading of a request and its opening.
type overtaken struct {
	*banker
	by func()
}

func (d overtaken) Do(ctx context.Context, q switching.Request) (switching.Result, error) {
	if q.Type == codec.Deregister {
		d.by()
	}
	return d.banker.Do(ctx, q)
}

// TestDeregistrationOvertakenByAnotherPrimary: who waited for an authentication with
// another account is not told to be no customer, and may ask again under its key.
func TestDeregistrationOvertakenByAnotherPrimary(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	w.service.Switch = overtaken{w.desk, func() {
		a, err := w.authenticate(f, cardB)
		w.want(a, err, switching.Approved, "")
	}}
	call := w.call(f)
	a, err := w.service.Deregister(w.Context(), call)
	if a = w.want(a, err, switching.Refused, switching.ReasonSettling); a.Text != textDeregisterFailed {
		t.Error(a.Text)
	}
	w.state(f, Authenticated)
	w.service.Switch = w.desk
	a, err = w.service.Deregister(w.Context(), call)
	w.want(a, err, switching.Approved, "")
	w.state(f, Deregistered)
}
