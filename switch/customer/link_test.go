package customer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wxswitch/codec"
	"wxswitch/routing"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
	"wxswitch/switch/db/dbtest"
)

func (w *world) exec(query string, args ...any) error {
	return w.db.Write(w.Context(), func(ctx context.Context, tx db.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

func (w *world) count(query string, args ...any) (n int) {
	w.Helper()
	w.must(w.db.Read(w.Context(), func(ctx context.Context, tx db.Tx) error {
		return tx.QueryRowContext(ctx, query, args...).Scan(&n)
	}))
	return n
}

func (w *world) attach(f Follower, account string) (Answer, error) {
	w.Helper()
	code := w.code(f, ForAttach, account)
	return w.service.Attach(w.Context(), w.loggedIn(f), AttachRequest{Account: codec.NewAccount(account), Code: code, Payment: w.sealed(payment)})
}

func (w *world) attached(f Follower, account string) {
	w.Helper()
	a, err := w.attach(f, account)
	w.want(a, err, switching.Approved, "")
}

// detaching takes cardB on, and leaves its detach in doubt.
func (w *world) detaching(f Follower) {
	w.Helper()
	w.attached(f, cardB)
	w.desk.will(switching.TimedOut)
	a, err := w.service.Detach(w.Context(), w.loggedIn(f), w.linkID(f, "0004"))
	w.want(a, err, switching.TimedOut, "")
}

func (w *world) linkID(f Follower, suffix string) string {
	w.Helper()
	list, a, err := w.service.Accounts(w.Context(), w.loggedIn(f))
	w.want(a, err, switching.Approved, "")
	for _, l := range list {
		if l.Suffix == suffix && !l.Primary {
			return l.Link
		}
	}
	w.Fatal("no link", suffix)
	return ""
}

func TestAttachAndDetach(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	w.attached(f, cardB)
	w.wantAccounts(f, "klb 0004 attached active", "xjrcu 0004 primary active")
	for _, linked := range []string{cardA, cardB} { // no code goes out for what would be refused
		w.now = w.now.Add(w.store.Limits.CodePause)
		code, err := w.service.SendCode(w.Context(), w.call(f), CodeRequest{Purpose: ForAttach, Account: codec.NewAccount(linked)})
		w.want(code, err, switching.Refused, ReasonLinked)
		again, err := w.service.Attach(w.Context(), w.loggedIn(f), AttachRequest{Account: codec.NewAccount(linked), Code: codec.NewSecret("123456"), Payment: w.sealed(payment)})
		w.want(again, err, switching.Refused, ReasonLinked)
	}
	id := w.linkID(f, "0004")
	call := w.loggedIn(f)
	a, err := w.service.Detach(w.Context(), call, id)
	w.want(a, err, switching.Approved, "")
	w.wantAccounts(f, "xjrcu 0004 primary active")
	repeat, err := w.service.Detach(w.Context(), call, id)
	w.want(repeat, err, switching.Approved, "")
	fresh, err := w.service.Detach(w.Context(), w.loggedIn(f), id)
	w.want(fresh, err, switching.Refused, ReasonNoLink)
}

// Another's account is as unknown as one that never was: its detach is refused before
// anything is asked.
func TestAnothersAccountIsNotDetached(t *testing.T) {
	w := newWorld(t)
	f, g := w.authenticated("a", cardA), w.authenticatedOther("b", cardC)
	w.attached(f, cardB)
	a, err := w.service.Detach(w.Context(), w.loggedIn(g), w.linkID(f, "0004"))
	w.want(a, err, switching.Refused, ReasonNoLink)
	if a.Entry != 0 {
		t.Error("it was asked for:", a.Entry)
	}
	w.wantAccounts(f, "klb 0004 attached active", "xjrcu 0004 primary active")
}

func TestThePrimaryIsNotDetached(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	list, _, err := w.service.Accounts(w.Context(), w.loggedIn(f))
	w.must(err)
	a, err := w.service.Detach(w.Context(), w.loggedIn(f), list[0].Link)
	w.want(a, err, switching.Refused, ReasonPrimary)
}

func TestAttachThatFailsLeavesNoLink(t *testing.T) {
	for _, o := range []switching.Outcome{switching.Declined, switching.TimedOut, switching.Refused} {
		w := newWorld(t)
		f := w.authenticated("a", cardA)
		code := w.code(f, ForAttach, cardB)
		w.desk.will(o)
		a, err := w.service.Attach(w.Context(), w.loggedIn(f), AttachRequest{Account: codec.NewAccount(cardB), Code: code, Payment: w.sealed(payment)})
		w.want(a, err, o, "")
		w.wantAccounts(f, "xjrcu 0004 primary active")
	}
}

func TestDetachInDoubt(t *testing.T) {
	for m, want := range map[codec.Meaning]switching.NoticeKind{codec.Approved: switching.NoticeDetached, codec.Declined: switching.NoticeAttached} {
		w := newWorld(t)
		f := w.authenticated("a", cardA)
		w.attached(f, cardB)
		id := w.linkID(f, "0004")
		w.desk.will(switching.TimedOut)
		a, err := w.service.Detach(w.Context(), w.loggedIn(f), id)
		w.want(a, err, switching.TimedOut, "")
		w.wantAccounts(f, "klb 0004 attached detaching", "xjrcu 0004 primary active")
		w.desk.answerAdvice("klb", m, 0)
		if got := w.told(f); !slices.Equal(got, []switching.NoticeKind{want}) {
			t.Fatal(got)
		}
	}
}

// TestOldReleaseAfterANewAttach: detach, the bank down, attach again, and then
// the release of an earlier life arrives: it names its own registration.
func TestOldReleaseNamesItsOwnRegistration(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	w.attached(f, cardB)
	first := w.desk.last.ID
	a, err := w.service.Deregister(w.Context(), w.call(f))
	w.want(a, err, switching.Approved, "")
	again, err := w.authenticate(f, cardA)
	w.want(again, err, switching.Approved, "")
	w.attached(f, cardB)
	advices, err := w.journal.Advices(w.Context(), "klb", switching.AdvicePending, 0, 10)
	if err != nil || len(advices) != 1 || advices[0].Entry.ID != first {
		t.Fatal(advices, err)
	}
	w.desk.answerAdvice("klb", 0, codec.Done)
	w.wantAccounts(f, "klb 0004 attached active", "xjrcu 0004 primary active")
}

func (w *world) heard(t codec.Type, bank, account, stan string, set map[codec.Field]string) (code string, repeat bool) {
	w.Helper()
	m := codec.NewRequest(t)
	m.SetAccount(codec.NewAccount(account), true)
	m.Set(codec.FieldSTAN, stan)
	m.Set(codec.FieldSent, string(codec.NewStamp(w.now)))
	m.Set(codec.FieldAcquirer, "10344")
	for f, v := range set {
		m.Set(f, v)
	}
	code, repeat, err := w.journal.Hear(w.Context(), switching.Heard{Bank: bank, Message: m, At: w.now})
	w.must(err)
	return code, repeat
}

func TestMovementIsToldOnceToEveryFollowerOfTheAccount(t *testing.T) {
	w := newWorld(t)
	a := w.authenticated("a", cardA)
	w.attached(a, cardB)
	for i := range 1000 {
		code, repeat := w.heard(codec.Movement, "klb", cardB, "000007", map[codec.Field]string{codec.FieldAmount: "3250", codec.FieldDirection: "out"})
		if code != "00" || repeat != (i > 0) {
			t.Fatal(i, code, repeat)
		}
	}
	if got := w.told(a); !slices.Equal(got, []switching.NoticeKind{switching.NoticeMovement}) {
		t.Fatal(got)
	}
	if d := w.notices[0].Data; d["amount"] != "3250" || d["account"] != "0004" || d["bank"] != "klb" {
		t.Fatal(d)
	}
	// The same number with other words is no repeat.
	if code, _ := w.heard(codec.Movement, "klb", cardB, "000007", map[codec.Field]string{codec.FieldAmount: "1"}); code != "94" {
		t.Fatal(code)
	}
	if code, _ := w.heard(codec.Movement, "klb", "6210290000000000012", "000008", nil); code != "00" {
		t.Fatal("an account nobody has:", code)
	}
}

// A movement is told to who consented, of what is at the bank that says so and was not
// given back.
func TestWhoHearsOfAMovement(t *testing.T) {
	w := newWorld(t)
	f := follower("a")
	moves := 0
	want := func(what, bank, account string, told int) {
		t.Helper()
		moves++
		before := len(w.told(f))
		w.heard(codec.Movement, bank, account, fmt.Sprintf("%06d", moves), map[codec.Field]string{codec.FieldAmount: "1", codec.FieldDirection: "out"})
		if got := len(w.told(f)) - before; got != told {
			t.Errorf("%s: told %d times", what, got)
		}
	}
	r := authRequest(cardA, w.code(f, ForAuthenticate, cardA))
	r.Notices = ""
	a, err := w.service.Authenticate(w.Context(), w.call(f), r)
	w.want(a, err, switching.Approved, "")
	want("without consent", "xjrcu", cardA, 0)
	a, err = w.authenticate(f, cardA)
	w.want(a, err, switching.Approved, "")
	want("consented", "xjrcu", cardA, 1)
	want("of another bank", "klb", cardA, 0)
	w.detaching(f)
	want("while its detach is in doubt", "klb", cardB, 1)
	w.desk.answerAdvice("klb", codec.Approved, 0)
	want("detached", "klb", cardB, 0)
}

// What its bank ends has ended, also while its detach is in doubt.
func TestTheBankEndsAnAccountInDoubt(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	w.detaching(f)
	closed := map[codec.Field]string{codec.FieldEvent: "closed"}
	w.heard(codec.AccountEvent, "xjrcu", cardB, "000001", closed) // one of that number there
	w.wantAccounts(f, "klb 0004 attached detaching", "xjrcu 0004 primary active")
	w.heard(codec.AccountEvent, "klb", cardB, "000001", closed)
	w.wantAccounts(f, "xjrcu 0004 primary active")
}

func TestTheBankEndsAnAccount(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	w.attached(f, cardB)
	w.attached(f, cardC)
	w.heard(codec.AccountEvent, "klb", cardB, "000001", map[codec.Field]string{codec.FieldEvent: "closed"})
	w.state(f, Authenticated)
	w.wantAccounts(f, "xjrcu 0004 primary active", "xjrcu 0012 attached active")
	w.heard(codec.AccountEvent, "xjrcu", cardA, "000002", map[codec.Field]string{codec.FieldEvent: "card-lost"})
	w.state(f, Deregistered)
	w.wantAccounts(f)
	if got := w.told(f); !slices.Equal(got, []switching.NoticeKind{switching.NoticeAccountEnded, switching.NoticeCustomerEnded}) {
		t.Fatal(got)
	}
	if got := w.desk.advices(); !slices.Equal(got, []string{"release of attach at xjrcu"}) {
		t.Fatal(got)
	}
}

func TestCodeRules(t *testing.T) {
	w := newWorld(t)
	f := follower("a")
	send := func() (Answer, error) {
		return w.service.SendCode(w.Context(), w.call(f), CodeRequest{Purpose: ForAuthenticate, Account: codec.NewAccount(cardA)})
	}
	try := func(code string) (Answer, error) {
		return w.service.Authenticate(w.Context(), w.call(f), authRequest(cardA, codec.NewSecret(code)))
	}
	a, err := send()
	w.want(a, err, switching.Approved, "")
	first := w.desk.codes[cardA]
	w.now = w.now.Add(59 * time.Second)
	a, err = send()
	w.want(a, err, switching.Refused, ReasonCodeSoon)
	w.now = w.now.Add(2 * time.Second)
	a, err = send()
	w.want(a, err, switching.Approved, "")
	second := w.desk.codes[cardA]
	a, err = try(first) // void
	if first != second {
		w.want(a, err, switching.Refused, ReasonCodeVoid)
	}
	w.now = w.now.Add(4*time.Minute + 59*time.Second)
	a, err = try(wrong(codec.NewSecret(second)).Reveal())
	w.want(a, err, switching.Refused, ReasonCodeWrong)
	w.now = w.now.Add(2 * time.Second)
	a, err = try(second)
	w.want(a, err, switching.Refused, ReasonCodeExpired)
	clocks, err := w.service.Codes(w.Context(), f, ForAuthenticate)
	if err != nil || clocks != (CodeClocks{}) {
		t.Fatal(clocks, err)
	}
}

func TestFiveWrongTriesVoidACode(t *testing.T) {
	w := newWorld(t)
	f := follower("a")
	code := w.code(f, ForAuthenticate, cardA)
	for range 5 {
		a, err := w.service.Authenticate(w.Context(), w.call(f), authRequest(cardA, wrong(code)))
		w.want(a, err, switching.Refused, ReasonCodeWrong)
	}
	a, err := w.service.Authenticate(w.Context(), w.call(f), authRequest(cardA, code))
	w.want(a, err, switching.Refused, ReasonCodeVoid)
}

// A wrong try counts against a code that is good: one that is over stays what it was.
func TestWrongTriesAfterACodeIsOver(t *testing.T) {
	w := newWorld(t)
	f := follower("a")
	code := w.code(f, ForAuthenticate, cardA)
	w.now = w.now.Add(w.store.Limits.CodeLife)
	for range w.store.Limits.CodeTries {
		a, err := w.service.Authenticate(w.Context(), w.call(f), authRequest(cardA, wrong(code)))
		w.want(a, err, switching.Refused, ReasonCodeWrong)
	}
	a, err := w.service.Authenticate(w.Context(), w.call(f), authRequest(cardA, code))
	w.want(a, err, switching.Refused, ReasonCodeExpired)
}

func TestACodeIsForItsFollowerAndAccount(t *testing.T) {
	w := newWorld(t)
	code := w.code(follower("a"), ForAuthenticate, cardA)
	a, err := w.service.Authenticate(w.Context(), w.call(follower("b")), authRequest(cardA, code))
	w.want(a, err, switching.Refused, ReasonCodeWrong)
	a, err = w.service.Authenticate(w.Context(), w.call(follower("a")), authRequest(cardB, code))
	w.want(a, err, switching.Refused, ReasonCodeWrong)
}

// TestCodeThatTimedOutIsGood: it may arrive; one that was not sent frees the 60 s.
func TestEndsOfACode(t *testing.T) {
	w := newWorld(t)
	f := follower("a")
	send := func() (Answer, error) {
		return w.service.SendCode(w.Context(), w.call(f), CodeRequest{Purpose: ForAuthenticate, Account: codec.NewAccount(cardA)})
	}
	w.desk.will(switching.Refused, switching.TimedOut)
	a, err := send()
	w.want(a, err, switching.Refused, "")
	a, err = send()
	w.want(a, err, switching.TimedOut, "")
	a, err = send()
	w.want(a, err, switching.Refused, ReasonCodeSoon)
	a, err = w.service.Authenticate(w.Context(), w.call(f), authRequest(cardA, codec.NewSecret(w.desk.codes[cardA])))
	w.want(a, err, switching.Approved, "")
}

func TestCodesADay(t *testing.T) {
	w := newWorld(t)
	f := follower("a")
	for range w.store.Limits.CodesADay {
		w.code(f, ForAuthenticate, cardA)
	}
	send := func() (Answer, error) {
		w.now = w.now.Add(time.Minute)
		return w.service.SendCode(w.Context(), w.call(f), CodeRequest{Purpose: ForAuthenticate, Account: codec.NewAccount(cardA)})
	}
	a, err := send()
	w.want(a, err, switching.Refused, ReasonCodesADay)
	w.now = time.Date(2026, 11, 24, 23, 58, 59, 0, codec.Shanghai)
	a, err = send() // 23:59:59
	w.want(a, err, switching.Refused, ReasonCodesADay)
	w.now = w.now.Add(-59 * time.Second)
	a, err = send() // midnight
	w.want(a, err, switching.Approved, "")
}

// Who has the phone finds out no account by asking for codes to it: one that is not
// the customer's counts for the day as a code does, and leaves the 60 s free.
func TestAccountsAreNotGuessedByCodes(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("f", cardA)
	ask := func(account string, o switching.Outcome, r switching.Reason) {
		t.Helper()
		a, err := w.service.SendCode(w.Context(), w.call(f), CodeRequest{Purpose: ForReset, Account: codec.NewAccount(account)})
		w.want(a, err, o, r)
	}
	ask(cardB, switching.Refused, ReasonNoLink)
	ask(cardA, switching.Approved, "")
	for range w.store.Limits.CodesADay - 3 {
		ask(cardB, switching.Refused, ReasonNoLink)
	}
	w.now = w.now.Add(w.store.Limits.CodePause)
	for _, account := range []string{cardB, cardA} {
		ask(account, switching.Refused, ReasonCodesADay)
	}
	w.code(follower("g"), ForAuthenticate, cardB) // whose account's day it is not
	w.now = w.now.Add(24 * time.Hour)
	ask(cardA, switching.Approved, "")
}

// A phone gets no more codes a day because many followers ask for them.
func TestCodesADayOfAnAccount(t *testing.T) {
	w := newWorld(t)
	for i := range w.store.Limits.CodesADay {
		w.code(follower(fmt.Sprint("f", i)), ForAuthenticate, cardA)
	}
	w.now = w.now.Add(w.store.Limits.CodePause)
	a, err := w.service.SendCode(w.Context(), w.call(follower("one more")), CodeRequest{Purpose: ForAuthenticate, Account: codec.NewAccount(cardA)})
	w.want(a, err, switching.Refused, ReasonCodesADay)
}

func TestAttachNeedsThePaymentPassword(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	code := w.code(f, ForAttach, cardB)
	try := func(password string) (Answer, error) {
		return w.service.Attach(w.Context(), w.loggedIn(f), AttachRequest{Account: codec.NewAccount(cardB), Code: code, Payment: w.sealed(password)})
	}
	for range 4 {
		a, err := try("246802")
		w.want(a, err, switching.Refused, ReasonPaymentWrong)
	}
	a, err := try(payment) // a right one forgives, and the code is still good
	w.want(a, err, switching.Approved, "")
	for i := range 6 {
		code = w.code(f, ForAttach, cardC)
		a, err := w.service.Attach(w.Context(), w.loggedIn(f), AttachRequest{Account: codec.NewAccount(cardC), Code: code, Payment: w.sealed("246802")})
		want := ReasonPaymentWrong
		if i == 4 {
			want = ReasonPaymentLocked
		}
		if i < 5 {
			w.want(a, err, switching.Refused, want)
		}
	}
	// One sealed password is for one use, whatever the key.
	g := w.loggedIn(f)
	sealed := w.sealed(payment)
	for i, want := range []switching.Reason{ReasonPageKey, ReasonPageKey} {
		r := AttachRequest{Account: codec.NewAccount(cardC), Code: code, Payment: sealed}
		if i == 0 { // spends it
			other := w.call(f)
			_, err := w.service.Login(w.Context(), other, sealed)
			w.must(err)
		}
		g.Key = w.call(f).Key
		a, err := w.service.Attach(w.Context(), g, r)
		w.want(a, err, switching.Refused, want)
	}
}

// What is asked again and again must not grow with the number of others.
func TestLooksFindByAnIndex(t *testing.T) {
	w := newWorld(t)
	of := `SELECT ` + linkColumns + ` FROM link WHERE `
	for query, args := range map[string][]any{
		`SELECT ` + linkColumns + ofSession:                            {[]byte("hash")},
		`SELECT ` + openedColumns + ofBareSession:                      {[]byte("hash")},
		hearersOfAccount:                                               {"xjrcu", []byte("ix")},
		of + linksOfAccount:                                            {"xjrcu", []byte("ix")},
		of + `customer = $1 AND state <> 'ended'`:                      {"c"},
		of + `entry = $1`:                                              {1},
		of + `link.id = $1 AND customer = $2`:                          {"l", "c"},
		of + `customer = $1 AND role = 'primary' AND state <> 'ended'`: {"c"},
		consentToNotices:                                               {1},
		consentsOfCustomer:                                             {"c"},
	} {
		for _, step := range dbtest.Plan(t, w.db, query, args...) {
			if !strings.HasPrefix(step, "SEARCH ") {
				t.Errorf("%s: %s", query, step)
			}
		}
	}
}

// A page that was open for too long asks again with a fresh page key, and the same
// idempotency key.
func TestAttachWithAFreshPageKeyUnderTheSameKey(t *testing.T) {
	w := newWorld(t)
	call := w.loggedIn(w.authenticated("f", cardA))
	r := AttachRequest{Account: codec.NewAccount(cardC), Code: w.code(call.Follower, ForAttach, cardC), Payment: w.sealed(payment)}
	before := w.now
	w.now = w.now.Add(w.store.Limits.Nonce + time.Second)
	a, err := w.service.Attach(w.Context(), call, r)
	w.want(a, err, switching.Refused, ReasonPageKey)
	w.now = before // so that the code is still good
	r.Payment = w.sealed(payment)
	a, err = w.service.Attach(w.Context(), call, r)
	w.want(a, err, switching.Approved, "")
}

// An answer that was lost is told again, though the session has ended since.
func TestLinksAreToldAgainAfterTheSession(t *testing.T) {
	w := newWorld(t)
	attach := w.loggedIn(w.authenticated("f", cardA))
	r := AttachRequest{Account: codec.NewAccount(cardC), Code: w.code(attach.Follower, ForAttach, cardC), Payment: w.sealed(payment)}
	a, err := w.service.Attach(w.Context(), attach, r)
	w.want(a, err, switching.Approved, "")
	list, a, err := w.service.Accounts(w.Context(), attach)
	w.want(a, err, switching.Approved, "")
	detach, link := w.call(attach.Follower), list[len(list)-1].Link
	detach.Session = attach.Session
	first, err := w.service.Detach(w.Context(), detach, link)
	w.want(first, err, switching.Approved, "")

	w.now = w.now.Add(w.store.Limits.SessionIdle + time.Second)
	r.Payment = w.sealed(payment) // as the page seals it anew
	a, err = w.service.Attach(w.Context(), attach, r)
	w.want(a, err, switching.Approved, "")
	a, err = w.service.Detach(w.Context(), detach, link)
	w.want(a, err, switching.Approved, "")
	if a.Entry != first.Entry {
		t.Error("detached as", a.Entry, "and before as", first.Entry)
	}
	other := w.call(attach.Follower)
	other.Session = attach.Session
	a, err = w.service.Attach(w.Context(), other, r)
	w.want(a, err, switching.Refused, ReasonNoSession)
	a, err = w.service.Detach(w.Context(), other, link)
	w.want(a, err, switching.Refused, ReasonNoSession)
}

// TestADetachIsToldAgainOfWhatIsThePrimaryNow: what its bank said of it then.
func TestADetachIsToldAgainOfWhatIsThePrimaryNow(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("f", cardA)
	w.attached(f, cardB)
	call, link := w.loggedIn(f), w.linkID(f, "0004")
	w.desk.will(switching.Declined)
	first, err := w.service.Detach(w.Context(), call, link)
	w.want(first, err, switching.Declined, "")
	a, err := w.authenticate(f, cardB)
	w.want(a, err, switching.Approved, "")
	again, err := w.service.Detach(w.Context(), call, link)
	if w.want(again, err, switching.Declined, ""); again != first {
		t.Errorf("%+v, first %+v", again, first)
	}
	other := w.call(f)
	other.Session = call.Session
	a, err = w.service.Detach(w.Context(), other, link)
	w.want(a, err, switching.Refused, ReasonPrimary)
}

// TestADetachThatFindsItsCustomerGone: what it did not end at the bank is released.
func TestADetachThatFindsItsCustomerGone(t *testing.T) {
	for m, want := range map[codec.Meaning][]string{codec.Approved: nil, codec.Declined: {"release of attach at klb"}} {
		w := newWorld(t)
		f := w.authenticated("a", cardA)
		w.detaching(f)
		w.heard(codec.AccountEvent, "xjrcu", cardA, "000002", map[codec.Field]string{codec.FieldEvent: "closed"})
		w.state(f, Deregistered)
		w.desk.answerAdvice("klb", m, 0)
		if got := w.desk.advices(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, not %v", m, got, want)
		}
	}
}

// TestACodeOfWhoEndedStaysVoid: also where the newer one that had voided it turns
// out never to have been sent.
func TestACodeOfWhoEndedStaysVoid(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	first := w.code(f, ForAuthenticate, cardB)
	w.now = w.now.Add(w.store.Limits.CodePause)
	q := switching.Request{
		Type: codec.SMSCode, Client: "front", Operation: "sms-code", Key: w.call(f).Key, Customer: w.row(f).ID,
		Account: codec.NewAccount(cardB), Proof: codeProof{codec.NewSecret("135246")},
	}
	q.Fields.Set(codec.FieldPurpose, string(ForAuthenticate))
	e, err := w.desk.entry(q)
	w.must(err)
	o, err := w.journal.Open(w.Context(), e)
	w.must(err)
	w.heard(codec.AccountEvent, "xjrcu", cardA, "000001", map[codec.Field]string{codec.FieldEvent: "card-lost"})
	_, err = w.journal.Close(w.Context(), o.Entry, switching.End{Outcome: switching.Refused, Reason: switching.ReasonDeadline})
	w.must(err)
	a, err := w.service.Authenticate(w.Context(), w.call(f), authRequest(cardB, first))
	w.want(a, err, switching.Refused, ReasonCodeVoid)
}

// TestACodeOfWhoEndedMeanwhileIsNotGivenBack: by an authentication with another
// account that was never sent.
func TestACodeOfWhoEndedMeanwhileIsNotGivenBack(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	code := w.code(f, ForAuthenticate, cardB)
	w.desk.before = func() {
		w.desk.before = nil
		w.heard(codec.AccountEvent, "xjrcu", cardA, "000001", map[codec.Field]string{codec.FieldEvent: "card-lost"})
	}
	w.desk.will(switching.Refused)
	a, err := w.service.Authenticate(w.Context(), w.call(f), authRequest(cardB, code))
	w.want(a, err, switching.Refused, "")
	w.state(f, Deregistered)
	a, err = w.service.Authenticate(w.Context(), w.call(f), authRequest(cardB, code))
	w.want(a, err, switching.Refused, ReasonCodeUsed)
}

// timed notes how long the switch is given.
type timed struct {
	*banker
	timeout *time.Duration
}

func (d timed) Do(ctx context.Context, q switching.Request) (switching.Result, error) {
	*d.timeout = q.Timeout
	return d.banker.Do(ctx, q)
}

// TestAnAttachsTimeIsTheCallers: the bank is given what the passwords left of it.
func TestAnAttachsTimeIsTheCallers(t *testing.T) {
	w := newWorld(t)
	f := w.authenticated("a", cardA)
	r := AttachRequest{Account: codec.NewAccount(cardB), Code: w.code(f, ForAttach, cardB), Payment: w.sealed(payment)}
	call := w.loggedIn(f)
	call.Timeout = time.Minute
	var timeout time.Duration
	w.service.Switch = timed{w.desk, &timeout}
	a, err := w.service.Attach(w.Context(), call, r)
	w.want(a, err, switching.Approved, "")
	if timeout <= 0 || timeout >= call.Timeout {
		t.Error("the bank is given", timeout)
	}
}

// TestAttachThatFindsItsCustomerGone: what its bank approves is released, and not told
// as done, nor when it is asked again.
func TestAttachThatFindsItsCustomerGone(t *testing.T) {
	for o, want := range map[switching.Outcome][]string{
		switching.Approved: {"release of attach at klb"}, switching.Declined: nil, switching.Refused: nil,
	} {
		w := newWorld(t)
		f := w.authenticated("a", cardA)
		code, call := w.code(f, ForAttach, cardB), w.loggedIn(f)
		w.desk.before = func() {
			w.desk.before = nil
			w.heard(codec.AccountEvent, "xjrcu", cardA, "000001", map[codec.Field]string{codec.FieldEvent: "closed"})
		}
		w.desk.will(o)
		attach := func() (Answer, error) {
			return w.service.Attach(w.Context(), call, AttachRequest{Account: codec.NewAccount(cardB), Code: code, Payment: w.sealed(payment)})
		}
		a, err := attach()
		if o != switching.Approved {
			w.want(a, err, o, "")
		} else if w.want(a, err, switching.Declined, ""); a.Text != "加挂未成功，请与该账户的开户行联系" {
			t.Error(a.Text)
		} else if again, err := attach(); err != nil || again.Outcome != a.Outcome || again.Text != a.Text {
			t.Errorf("again: %+v, %v", again, err)
		}
		w.state(f, Deregistered)
		w.wantAccounts(f)
		if got := w.desk.advices(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, not %v", o, got, want)
		}
	}
}

// TestTheMinuteIsTheAccountsToo: whoever asks, a phone gets no two codes at once.
func TestTheMinuteIsTheAccountsToo(t *testing.T) {
	w := newWorld(t)
	ask := func(name string) (Answer, error) {
		return w.service.SendCode(w.Context(), w.call(follower(name)), CodeRequest{Purpose: ForAuthenticate, Account: codec.NewAccount(cardA)})
	}
	a, err := ask("a")
	w.want(a, err, switching.Approved, "")
	a, err = ask("b")
	w.want(a, err, switching.Refused, ReasonCodeSoon)
	w.now = w.now.Add(w.store.Limits.CodePause)
	a, err = ask("b")
	w.want(a, err, switching.Approved, "")
}

const book = "700000000017" // a passbook of that number is at both banks

func (w *world) sharesBooks() {
	w.Helper()
	table, err := routing.Parse("routes.yaml", []byte(routes+`passbooks:
  - {bank: xjrcu, prefix: "", length: 12, shared: true}
  - {bank: klb, prefix: "7", length: 12, shared: true}
`), []routing.Bank{"xjrcu", "klb"})
	w.must(err)
	w.desk.router.Swap(table)
}

// TestOneNumberAtTwoBanks: each of the two is linked for itself, and may be the primary
// beside the other.
func TestOneNumberAtTwoBanks(t *testing.T) {
	w := newWorld(t)
	w.sharesBooks()
	f := w.authenticated("a", cardA)
	code := func(p Purpose, bank string) codec.Secret {
		t.Helper()
		w.now = w.now.Add(w.store.Limits.CodePause)
		a, err := w.service.SendCode(w.Context(), w.call(f), CodeRequest{Purpose: p, Account: codec.NewAccount(book), Bank: bank})
		w.want(a, err, switching.Approved, "")
		return codec.NewSecret(w.desk.codes[book])
	}
	for _, bank := range []string{"xjrcu", "klb"} {
		r := AttachRequest{Account: codec.NewAccount(book), Bank: bank, Code: code(ForAttach, bank), Payment: w.sealed(payment)}
		a, err := w.service.Attach(w.Context(), w.loggedIn(f), r)
		w.want(a, err, switching.Approved, "")
	}
	w.wantAccounts(f, "klb 0017 attached active", "xjrcu 0004 primary active", "xjrcu 0017 attached active")
	for _, bank := range []string{"klb", "xjrcu"} {
		r := authRequest(book, code(ForAuthenticate, bank))
		r.Bank = bank
		a, err := w.service.Authenticate(w.Context(), w.call(f), r)
		w.want(a, err, switching.Approved, "")
	}
	w.wantAccounts(f, "klb 0017 attached active", "xjrcu 0004 attached active", "xjrcu 0017 primary active")
}

// TestAnAccountIsItsBanks: two banks have passbooks of the same numbers, and who asks
// for codes to one leaves the other alone.
func TestAnAccountIsItsBanks(t *testing.T) {
	w := newWorld(t)
	w.sharesBooks()
	ask := func(name, bank string) (Answer, error) {
		return w.service.SendCode(w.Context(), w.call(follower(name)), CodeRequest{Purpose: ForAuthenticate, Account: codec.NewAccount(book), Bank: bank})
	}
	for range w.store.Limits.CodesADay {
		w.now = w.now.Add(w.store.Limits.CodePause)
		a, err := ask("a", "xjrcu")
		w.want(a, err, switching.Approved, "")
	}
	a, err := ask("b", "klb")
	w.want(a, err, switching.Approved, "")
	w.now = w.now.Add(w.store.Limits.CodePause)
	a, err = ask("c", "xjrcu")
	w.want(a, err, switching.Refused, ReasonCodesADay)
}

// TestAccountEventBesideARegistration is heard once the registration has ended, whose
// approval may be on its way: else what the bank has ended would stand here.
func TestAccountEventBesideARegistration(t *testing.T) {
	w := newWorld(t)
	f := follower("a")
	e := w.opened(f, codec.Authenticate, cardA)
	m := codec.NewRequest(codec.AccountEvent)
	m.SetAccount(codec.NewAccount(cardA), true)
	m.Set(codec.FieldSTAN, "000002")
	m.Set(codec.FieldEvent, "deregistered")
	hear := func() (string, error) {
		code, _, err := w.journal.Hear(w.Context(), switching.Heard{Bank: "xjrcu", Message: m, At: w.now})
		return code, err
	}
	if code, err := hear(); err == nil {
		t.Fatalf("answered %q before it is known what it ends", code)
	}
	_, err := w.journal.Close(w.Context(), e, switching.End{Outcome: switching.Approved, Code: "00"})
	w.must(err)
	if code, err := hear(); err != nil || code != "00" { // repeated
		t.Fatal(code, err)
	}
	w.state(f, Deregistered)
	w.inDoubt(w.authenticated("b", cardB)) // beside anything else it is heard
	w.heard(codec.AccountEvent, "klb", cardB, "000003", map[codec.Field]string{codec.FieldEvent: "closed"})
	w.state(follower("b"), Deregistered)
}
