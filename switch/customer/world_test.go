package customer

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/rs/zerolog"

	"wxswitch/codec"
	"wxswitch/routing"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
	"wxswitch/switch/journal"
	"wxswitch/switch/vault"
)

// world is a Service over a real database and journal; its banks are a desk that
// answers as it is told.
type world struct {
	*testing.T
	now     time.Time
	file    string
	db      *db.DB
	vault   *vault.Vault
	store   *Store
	journal *journal.Journal
	numbers *switching.Numbers
	service *Service
	desk    *banker
	keys    int
	mu      sync.Mutex // guards what follows
	notices []switching.Notice
	hushed  []Follower
}

const (
	cardA = "6210080000000004" // xjrcu, primary of most tests
	cardB = "6210290000000000004"
	cardC = "6210080000000012"
	cert  = "11010519491231002X"
)

const routes = `cards:
  - {bank: xjrcu, prefix: "621008", lengths: [16], luhn: false}
  - {bank: klb, prefix: "621029", lengths: [19], luhn: false}
`

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, now: time.Date(2026, 11, 24, 9, 30, 0, 0, codec.Shanghai)}
	v, err := vault.New()
	w.must(err)
	w.vault = v
	w.file = t.TempDir() + "/w.db"
	w.db, err = db.Open(t.Context(), db.Options{Path: w.file})
	w.must(err)
	ended := make(chan error, 1)
	go func() { ended <- w.db.Run(context.WithoutCancel(t.Context())) }()
	t.Cleanup(func() {
		w.must(w.db.Close())
		w.must(<-ended)
	})
	w.start()
	return w
}

// start opens store, journal and service, as another process would.
func (w *world) start() {
	w.Helper()
	var err error
	now := func() time.Time { return w.now }
	w.store, err = Open(w.Context(), Options{
		DB: w.db, Vault: w.vault, Now: now, Hush: w.hush,
		Argon: argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32},
	})
	w.must(err)
	w.journal, err = journal.New(w.Context(), journal.Options{
		DB: w.db, Vault: w.vault, Now: now, Effects: w.store.Effects(), Listeners: w.store.Listeners(), Outbox: w,
	})
	w.must(err)
	table, err := routing.Parse("routes.yaml", []byte(routes), []routing.Bank{"xjrcu", "klb"})
	w.must(err)
	w.numbers = switching.NewNumbers(w.journal, now)
	router := routing.NewRouter(table)
	w.desk = &banker{world: w, router: router, codes: map[string]string{}}
	w.service = New(w.store, Doors{
		Switch: w.desk, Journal: w.journal, Router: router, Log: zerolog.Nop(),
		Banks: []Bank{{ID: "xjrcu", Name: "新疆农村信用社"}, {ID: "klb", Name: "昆仑银行"}},
	})
}

// Put is the outbox: each id once.
func (w *world) Put(_ context.Context, _ switching.Tx, n switching.Notice) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.notices {
		if o.ID == n.ID {
			return nil
		}
	}
	w.notices = append(w.notices, n)
	return nil
}

func (w *world) hush(_ context.Context, _ switching.Tx, channel, subject string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hushed = append(w.hushed, Follower{channel, subject})
	return nil
}

// told are the kinds of the notices to a follower so far.
func (w *world) told(f Follower) (kinds []switching.NoticeKind) {
	for _, n := range w.notices {
		if n.Channel == f.Channel && n.Subject == f.Subject {
			kinds = append(kinds, n.Kind)
		}
	}
	return kinds
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// call is a call of the follower with a fresh key.
func (w *world) call(f Follower) Call {
	w.keys++
	return Call{Client: "front", Key: fmt.Sprint("key-", w.keys), Follower: f}
}

func follower(name string) Follower { return Follower{"wx", name} }

// row is the follower's row.
func (w *world) row(f Follower) row {
	w.Helper()
	c, err := w.store.meet(w.Context(), f)
	w.must(err)
	return c
}

func (w *world) state(f Follower, want State) {
	w.Helper()
	if c := w.row(f); c.State != want {
		w.Fatalf("%s is %s, not %s", f.Subject, c.State, want)
	}
}

// accounts are the follower's accounts, as "bank role state".
func (w *world) accounts(f Follower) (list []string) {
	w.Helper()
	c := w.row(f)
	w.must(w.store.reading(w.Context(), func(ctx context.Context, tx switching.Tx) error {
		links, err := w.store.links(ctx, tx, `customer = $1 AND state <> 'ended' ORDER BY bank, suffix`, c.ID)
		for _, l := range links {
			list = append(list, fmt.Sprintf("%s %s %s %s", l.Bank, l.Suffix, l.Role, l.State))
		}
		return err
	}))
	return list
}

func (w *world) wantAccounts(f Follower, want ...string) {
	w.Helper()
	if got := w.accounts(f); strings.Join(got, ", ") != strings.Join(want, ", ") {
		w.Fatalf("accounts of %s: %q, not %q", f.Subject, got, want)
	}
}

// want checks an answer.
func (w *world) want(a Answer, err error, o switching.Outcome, r switching.Reason) Answer {
	w.Helper()
	if err != nil || a.Outcome != o || a.Reason != r {
		w.Fatalf("answer %s %s, error %v; want %s %s", a.Outcome, a.Reason, err, o, r)
	}
	return a
}

// code asks for a code and returns it, as the phone shows it.
func (w *world) code(f Follower, p Purpose, account string) codec.Secret {
	w.Helper()
	w.now = w.now.Add(w.store.Limits.CodePause)
	a, err := w.service.SendCode(w.Context(), w.call(f), CodeRequest{Purpose: p, Account: codec.NewAccount(account)})
	w.want(a, err, switching.Approved, "")
	return codec.NewSecret(w.desk.codes[account])
}

// inDoubt deregisters, and the bank is silent; it returns the entry.
func (w *world) inDoubt(f Follower) switching.Entry {
	w.Helper()
	w.desk.will(switching.TimedOut)
	a, err := w.service.Deregister(w.Context(), w.call(f))
	w.want(a, err, switching.TimedOut, "")
	return w.desk.last
}

// movedOn is a follower whose deregistration its bank declined after all, and who has
// another primary since; it returns the entry, too.
func (w *world) movedOn() (Follower, switching.Entry) {
	w.Helper()
	f := w.authenticated("a", cardA)
	dereg := w.inDoubt(f)
	w.desk.answerAdvice("xjrcu", codec.Declined, 0)
	a, err := w.authenticate(f, cardB)
	w.want(a, err, switching.Approved, "")
	return f, dereg
}

func authRequest(account string, code codec.Secret) AuthRequest {
	return AuthRequest{
		CertType: "01", CertNumber: cert, Account: codec.NewAccount(account), Code: code, Terms: "2026-11", Notices: "2026-11",
	}
}

// authenticate asks for a code and authenticates by it.
func (w *world) authenticate(f Follower, account string) (Answer, error) {
	w.Helper()
	return w.service.Authenticate(w.Context(), w.call(f), authRequest(account, w.code(f, ForAuthenticate, account)))
}

// authenticated is a follower that was.
func (w *world) authenticated(name, account string) Follower {
	w.Helper()
	f := follower(name)
	a, err := w.authenticate(f, account)
	w.want(a, err, switching.Approved, "")
	return f
}

const (
	login   = "kashgar-1847"
	payment = "135790"
)

// sealed is a password as a page seals it.
func (w *world) sealed(password string) Sealed {
	w.Helper()
	k, err := w.service.PageKey(w.Context())
	w.must(err)
	der, err := base64.StdEncoding.DecodeString(k.SPKI)
	w.must(err)
	key, err := x509.ParsePKIXPublicKey(der)
	w.must(err)
	plain, err := json.Marshal(map[string]string{"nonce": k.Nonce, "value": password})
	w.must(err)
	box, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, key.(*rsa.PublicKey), plain, nil)
	w.must(err)
	return Sealed(k.KID + "." + base64.RawURLEncoding.EncodeToString(box))
}

// loggedIn is a call of a follower that has passwords and a session.
func (w *world) loggedIn(f Follower) Call {
	w.Helper()
	c := w.row(f)
	if c.Login.Hash == "" {
		w.must(w.db.Write(w.Context(), func(ctx context.Context, tx db.Tx) (err error) {
			if c.Login.Hash, err = w.store.hash(c.ID, kindLogin, NewPassword(login)); err != nil {
				return err
			}
			if c.Payment.Hash, err = w.store.hash(c.ID, kindPayment, NewPassword(payment)); err != nil {
				return err
			}
			return w.store.save(ctx, tx, &c)
		}))
	}
	a, err := w.service.Login(w.Context(), w.call(f), w.sealed(login))
	w.want(a.Answer, err, switching.Approved, "")
	call := w.call(f)
	call.Session = a.Token
	return call
}

// banker stands for switch and banks: it journals as the switch does, and ends
// each request as it is told, approved by default.
type banker struct {
	*world
	router *routing.Router
	codes  map[string]string // the last SMS by account
	ends   []switching.End   // of the next requests that are no SMS
	last   switching.Entry
	mu     sync.Mutex // guards codes, ends and last
	sent   int
	before func() // what happens while the bank is at work, if anything
}

func (d *banker) next(q switching.Request, e switching.Entry, code string) switching.End {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = e
	if q.Type == codec.SMSCode {
		d.codes[q.Account.Reveal()] = code
	} else {
		d.sent++
	}
	end := switching.End{Outcome: switching.Approved, Code: "00"}
	if len(d.ends) > 0 {
		end, d.ends = d.ends[0], d.ends[1:]
	}
	end.Reply.Set(codec.FieldHolder, "阿依古丽·买买提")
	return end
}

func (d *banker) will(outcomes ...switching.Outcome) {
	for _, o := range outcomes {
		d.ends = append(d.ends, switching.End{Outcome: o, Code: map[switching.Outcome]string{switching.Approved: "00", switching.Declined: "14"}[o]})
	}
}

func (d *banker) entry(q switching.Request) (switching.Entry, error) {
	n, err := d.numbers.Take(context.Background())
	if err != nil {
		return switching.Entry{}, err
	}
	q.Fields.Set(codec.FieldSMSCode, "")
	target := routing.Target{Bank: routing.Bank(q.Bank)}
	if !q.Account.IsZero() {
		target, _ = d.router.Route(q.Account, routing.Bank(q.Bank))
	}
	covers := ""
	if q.Proof != nil {
		covers = q.Proof.Covers()
	}
	asked := q.Account.Reveal() + string(q.Fields.AppendClear(nil))
	if q.Asked != "" {
		asked = q.Asked
	}
	return switching.Entry{
		ID: n.ID, Client: q.Client, Operation: q.Operation, Type: q.Type, Customer: q.Customer, Bank: string(target.Bank), Card: true,
		KeyHash: d.vault.Index("key", q.Client, q.Operation, q.Key), BodyHash: d.vault.Hash("body", q.Customer, asked, covers), Account: q.Account,
		Fields: q.Fields, MTI: "0100", Code3: "890000", STAN: n.STAN, Sent: n.Sent, RRN: codec.NewRRN(n.ID), Instance: "i",
		Opened: d.now, Deadline: d.now.Add(10 * time.Second), Proof: q.Proof,
	}, nil
}

func (d *banker) Do(ctx context.Context, q switching.Request) (switching.Result, error) {
	code := q.Fields.Get(codec.FieldSMSCode)
	e, err := d.entry(q)
	if err != nil {
		return switching.Result{}, err
	}
	o, err := d.journal.Open(ctx, e)
	var undone *switching.EffectRefusal
	switch {
	case errors.As(err, &undone):
		return switching.Result{Entry: switching.Entry{End: switching.End{Outcome: switching.Refused, Reason: undone.Reason}}}, nil
	case err != nil:
		return switching.Result{}, err
	case o.Kind == switching.KeyReused:
		return switching.Result{}, switching.ErrKeyReused
	case o.Kind == switching.Settling:
		return switching.Result{Entry: switching.Entry{End: switching.End{Outcome: switching.Refused, Reason: switching.ReasonSettling}}}, nil
	case o.Kind == switching.Joined:
		e, err = d.journal.Close(ctx, o.Entry, switching.End{Outcome: switching.TimedOut})
		return switching.Result{Entry: e, Journalled: true}, err
	case o.Kind != switching.Opened:
		return switching.Result{Entry: o.Entry, Journalled: true}, nil
	}
	if d.before != nil {
		d.before()
	}
	e, err = d.journal.Close(ctx, o.Entry, d.next(q, o.Entry, code))
	return switching.Result{Entry: e, Journalled: true}, err
}

func (d *banker) Replay(ctx context.Context, q switching.Request) (switching.Result, bool, error) {
	e, err := d.entry(q)
	if err != nil {
		return switching.Result{}, false, err
	}
	old, found, err := d.journal.Find(ctx, e.KeyHash)
	if err != nil || !found {
		return switching.Result{}, false, err
	}
	if !bytes.Equal(old.BodyHash, e.BodyHash) {
		return switching.Result{}, true, switching.ErrKeyReused
	}
	return switching.Result{Entry: old, Journalled: true, Replayed: true}, true, nil
}

// late is the bank's answer to an entry after it was given up.
func (d *banker) late(e switching.Entry, m codec.Meaning, code string) {
	d.Helper()
	_, known, err := d.journal.Late(d.Context(), switching.LateReply{
		Bank: e.Bank, Type: e.Type, RRN: e.RRN, STAN: e.STAN, Sent: e.Sent, Code: code, Meaning: m,
	})
	if err != nil || !known {
		d.Fatal("late:", known, err)
	}
}

// advices are those not acknowledged, as "type of entry's type".
func (d *banker) advices() (list []string) {
	d.Helper()
	all, err := d.journal.Advices(d.Context(), "", switching.AdvicePending, 0, 100)
	d.must(err)
	for _, a := range all {
		list = append(list, fmt.Sprintf("%s of %s at %s", a.Type, a.Entry.Type, a.Entry.Bank))
	}
	return list
}

// answerAdvice is the bank's answer to the oldest advice of the bank.
func (d *banker) answerAdvice(bank string, m codec.Meaning, class codec.AdviceClass) {
	d.Helper()
	a, ok, err := d.journal.Claim(d.Context(), bank, 2, d.now.Add(time.Minute))
	if err != nil || !ok {
		d.Fatal("no advice to answer:", err)
	}
	_, err = d.journal.Answered(d.Context(), a.ID, switching.LateReply{Bank: bank, Type: a.Type, RRN: a.Entry.RRN, Code: "00", Meaning: m, Class: class})
	d.must(err)
}
