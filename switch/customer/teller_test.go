package customer

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"path/filepath"
	"sync"
	"sync/atomic"
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

const (
	tellerCard = "6210081234567892"
	tellerCert = "11010519491231002X"
	goodLogin  = "Tianshan#88x"
	goodPay    = "827364"
)

var tellerFollower = Follower{"wechat", "oABC-1"}

// cheap is too little work for anything but a test.
var cheap = argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// teller is an instance over a database that others may share: a customer sits
// before it.
type teller struct {
	testing.TB
	*Service
	path  string
	clock *atomic.Int64 // Unix milliseconds, held
	fail  *atomic.Pointer[string]
	calls atomic.Int64
}

func newTeller(t testing.TB) *teller {
	v, err := vault.New()
	if err != nil {
		t.Fatal(err)
	}
	clock := &atomic.Int64{}
	clock.Store(time.Date(2026, 3, 1, 10, 0, 0, 0, codec.Shanghai).UnixMilli())
	d := openTeller(t, filepath.Join(t.TempDir(), "switch.db"), v, clock)
	d.plantKey()
	return d
}

// another is a second instance on the same database.
func (d *teller) another() *teller { return openTeller(d.TB, d.path, d.Vault, d.clock) }

func openTeller(t testing.TB, path string, v *vault.Vault, clock *atomic.Int64) *teller {
	t.Helper()
	one := &teller{TB: t, path: path, clock: clock, fail: &atomic.Pointer[string]{}}
	now := func() time.Time { return time.UnixMilli(clock.Load()) }
	ctx, stop := context.WithCancel(context.Background())
	d, err := db.Open(ctx, db.Options{Path: path, Fail: one.failing})
	one.must(err)
	store, err := Open(ctx, Options{DB: d, Vault: v, Argon: cheap, Now: now})
	one.must(err)
	j, err := journal.New(ctx, journal.Options{DB: d, Vault: v, Now: now})
	one.must(err)
	table, err := routing.Parse("routes", []byte(`cards: [{bank: xjrcu, prefix: "621008", lengths: [16]}]`), []routing.Bank{"xjrcu"})
	one.must(err)
	one.Service = New(store, Doors{Journal: j, Router: routing.NewRouter(table), Log: zerolog.Nop()})
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
	return one
}

// failing fails one commit, where d.fail names its step.
func (d *teller) failing(step string) error {
	if at := d.fail.Load(); at != nil && *at == step {
		d.fail.Store(nil)
		return fmt.Errorf("failed on purpose at %s", step)
	}
	return nil
}

func (d *teller) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d *teller) wait(t time.Duration) { d.clock.Add(t.Milliseconds()) }

// testKey takes a while to make; every teller has it.
var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, pageKeyBits)
	if err != nil {
		panic(err)
	}
	return k
})

func (d *teller) plantKey() {
	d.Helper()
	kid := randomID()
	sealed, err := d.seal(string(x509.MarshalPKCS1PrivateKey(testKey())), "page_key.private", kid)
	d.must(err)
	d.exec(`INSERT INTO page_key (kid, private, created) VALUES ($1, $2, $3)`, kid, sealed, d.clock.Load())
}

func (d *teller) exec(query string, args ...any) {
	d.Helper()
	d.must(d.write(func(ctx context.Context, tx switching.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	}))
}

func (d *teller) write(fn func(ctx context.Context, tx switching.Tx) error) error {
	return d.DB.Write(context.Background(), func(ctx context.Context, tx db.Tx) error { return fn(ctx, tx) })
}

func (d *teller) one(query string, args ...any) (n int64) {
	d.Helper()
	d.must(d.DB.Read(context.Background(), func(ctx context.Context, tx db.Tx) error {
		return tx.QueryRowContext(ctx, query, args...).Scan(&n)
	}))
	return n
}

// row is the customer as it is now.
func (d *teller) row(f Follower) (c row) {
	d.Helper()
	d.must(d.reading(context.Background(), func(ctx context.Context, tx switching.Tx) (err error) {
		c, _, err = d.byFollower(ctx, tx, f)
		return err
	}))
	return c
}

// change changes the customer's row.
func (d *teller) change(f Follower, fn func(*row)) {
	d.Helper()
	d.must(d.write(func(ctx context.Context, tx switching.Tx) error {
		c, _, err := d.byFollower(ctx, tx, f)
		if err != nil {
			return err
		}
		fn(&c)
		return d.save(ctx, tx, &c)
	}))
}

// authenticated makes a customer with an account, as a right code leaves it.
func (d *teller) authenticated(f Follower, cert, card string) {
	d.Helper()
	d.must(d.write(func(ctx context.Context, tx switching.Tx) error {
		c, err := d.make(ctx, tx, f)
		if err != nil {
			return err
		}
		c.State, c.Followed, c.CertType, c.Cert = Authenticated, true, "01", codec.NewCertNumber(cert)
		c.CertIx, c.Setup = d.certIx("01", c.Cert), d.Now().Add(d.Limits.Setup)
		if err := d.save(ctx, tx, &c); err != nil {
			return err
		}
		id := randomID()
		account, err := d.seal(card, "link.account", id)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO link (id, customer, bank, account_ix, account, suffix, role, state, entry, created, changed)
			VALUES ($1, $2, 'xjrcu', $3, $4, '', 'primary', 'active', 1, 0, 0)`, id, c.ID, d.accountIx(codec.NewAccount(card)), account)
		return err
	}))
}

// customer makes one that has both passwords, as if set long ago.
func (d *teller) customer() *teller {
	d.Helper()
	d.authenticated(tellerFollower, tellerCert, tellerCard)
	d.passwords(goodLogin, goodPay)
	d.wait(d.Limits.Setup)
	return d
}

func (d *teller) passwords(login, payment string) {
	d.Helper()
	d.change(tellerFollower, func(c *row) {
		for kind, v := range map[string]string{kindLogin: login, kindPayment: payment} {
			h, err := d.hash(c.ID, kind, NewPassword(v))
			d.must(err)
			*c.credential(kind) = credential{Hash: h}
		}
	})
}

// call is a fresh call of the customer's.
func (d *teller) call() Call {
	return Call{Client: "front", Key: fmt.Sprint("key-", d.calls.Add(1), "-", randomID()), Follower: tellerFollower}
}

// box is what a page makes of a value, with a nonce.
func (d *teller) box(k PageKey, value string) Sealed {
	d.Helper()
	plain, err := json.Marshal(map[string]string{"nonce": k.Nonce, "value": value})
	d.must(err)
	return d.boxed(k, plain)
}

func (d *teller) boxed(k PageKey, plain []byte) Sealed {
	d.Helper()
	n, err := base64.RawURLEncoding.DecodeString(k.JWK.N)
	d.must(err)
	e, err := base64.RawURLEncoding.DecodeString(k.JWK.E)
	d.must(err)
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	text, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, plain, nil)
	d.must(err)
	return Sealed(k.KID + "." + base64.RawURLEncoding.EncodeToString(text))
}

// page loads a page.
func (d *teller) page() PageKey {
	d.Helper()
	k, err := d.PageKey(context.Background())
	d.must(err)
	return k
}

// typed is a value typed into a page of its own; empty stays empty.
func (d *teller) typed(value string) Sealed {
	d.Helper()
	if value == "" {
		return ""
	}
	return d.box(d.page(), value)
}

// enter logs in with a call and page of its own.
func (d *teller) enter(password string) LoginAnswer {
	d.Helper()
	a, err := d.Login(context.Background(), d.call(), d.typed(password))
	d.must(err)
	return a
}

// enters is the reason why a token opens nothing, empty if it does.
func (d *teller) enters(token codec.Secret, f Follower) switching.Reason {
	d.Helper()
	_, _, reason, err := d.session(context.Background(), Call{Follower: f, Session: token})
	d.must(err)
	return reason
}

func (d *teller) equal(what string, got, want any) {
	d.Helper()
	if got != want {
		d.Errorf("%s: %v, want %v", what, got, want)
	}
}
