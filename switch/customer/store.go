package customer

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/argon2id"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/db"
	"wxswitch/switch/vault"
)

//go:embed migrations
var migrations embed.FS

// Follower is who follows the official account, opaque here.
type Follower struct{ Channel, Subject string }

// Options are what a Store is made of. DB and Vault are required.
type Options struct {
	DB     *db.DB
	Vault  *vault.Vault
	Limits Limits
	// Hush stops the movements that wait to be told to a follower, in the
	// transaction that ends it as a customer or freezes it; may be nil.
	Hush func(ctx context.Context, tx switching.Tx, channel, subject string) error
	// Argon is how much work a password's hash is: default 46 MiB, one pass, one
	// thread. What was kept with less is replaced when the password is next right.
	Argon argon2id.Params
	Now   func() time.Time // default time.Now
}

// Limits are the rules' numbers; zero values take the defaults.
type Limits struct {
	CodePause  time.Duration // between two codes (A3); default 60 s
	CodeLife   time.Duration // how long a code is valid (A3); default 5 min
	CodeTries  int           // wrong tries that void it; default 5
	CodesADay  int           // per follower, and per account; default 10
	Setup      time.Duration // passwords may be set so long after a right code (A7); default 10 min
	Links      int           // accounts of one customer; default 20
	VisitsADay int           // per follower, and per phone (D1); default 3
	Kept       int           // values a front keeps here, conversations and others by kind each (talk.go); default 1,000,000

	Erase time.Duration // who ended so long ago is erased (A10); 0, the default, is never

	PasswordTries int           // wrong tries that lock a password; default 5
	Hashes        int           // passwords hashed or decrypted at once; default 2
	SessionIdle   time.Duration // a session ends so long after its last use; default 15 min
	SessionMax    time.Duration // and so long after the login at the latest; default 2 h
	Sessions      int           // open sessions of one customer; default 5
	PageKey       time.Duration // a page key is given out so long; default 24 h
	PageKeyOpens  time.Duration // and opens so much longer; default 1 h
	Nonce         time.Duration // a page's nonce is good so long; default 10 min
}

func (l *Limits) defaults() {
	l.CodePause = cmp.Or(l.CodePause, time.Minute)
	l.CodeLife = cmp.Or(l.CodeLife, 5*time.Minute)
	l.CodeTries = cmp.Or(l.CodeTries, 5)
	l.CodesADay = cmp.Or(l.CodesADay, 10)
	l.Setup = cmp.Or(l.Setup, 10*time.Minute)
	l.Links = cmp.Or(l.Links, 20)
	l.VisitsADay = cmp.Or(l.VisitsADay, 3)
	l.Kept = cmp.Or(l.Kept, 1_000_000)
	l.PasswordTries = cmp.Or(l.PasswordTries, 5)
	l.Hashes = cmp.Or(l.Hashes, 2)
	l.SessionIdle = cmp.Or(l.SessionIdle, 15*time.Minute)
	l.SessionMax = cmp.Or(l.SessionMax, 2*time.Hour)
	l.Sessions = cmp.Or(l.Sessions, 5)
	l.PageKey = cmp.Or(l.PageKey, 24*time.Hour)
	l.PageKeyOpens = cmp.Or(l.PageKeyOpens, time.Hour)
	l.Nonce = cmp.Or(l.Nonce, 10*time.Minute)
}

// Store is the customers' tables and the Effects over them. It is safe for
// concurrent use, and for several processes on one database.
type Store struct {
	Options
	queue  chan struct{} // an element per caller of compute
	places chan struct{} // an element per one that computes
	keys   pageKeys
	looks  looks
}

// Open brings the tables up to date and returns the Store.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Hush == nil {
		o.Hush = func(context.Context, switching.Tx, string, string) error { return nil }
	}
	o.Limits.defaults()
	if o.Argon == (argon2id.Params{}) {
		o.Argon = argon2id.Params{Memory: 46 << 10, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	}
	if err := o.DB.Migrate(ctx, migrations, "customer_version"); err != nil {
		return nil, fmt.Errorf("customer: %w", err)
	}
	return &Store{
		Options: o,
		queue:   make(chan struct{}, computeQueue), places: make(chan struct{}, o.Limits.Hashes),
		keys: newPageKeys(),
	}, nil
}

// row is a customer as the database holds it.
type row struct {
	ID string
	Follower
	Followed bool
	State    State
	Prior    State
	Version  int64
	Frozen   bool
	CertType string
	CertIx   []byte
	Cert     codec.CertNumber
	Holder   codec.Secret
	Login    credential
	Payment  credential
	Setup    time.Time // passwords may be set until then
	Told     bool      // consents to notices of movements
}

// credential is one password of a customer.
type credential struct {
	Hash  string // argon2id; empty for none
	Wrong int    // tries since the last right one or lock
	Locks int    // since the last right one: each is longer
	Until time.Time
}

const rowColumns = `id, channel, subject, followed, state, prior, version, frozen, cert_type, cert_ix, cert, holder,
	login_hash, login_wrong, login_locks, login_until, pay_hash, pay_wrong, pay_locks, pay_until, setup_until, told`

// read returns the customer that the condition names.
func (s *Store) read(ctx context.Context, tx switching.Tx, where string, args ...any) (c row, found bool, err error) {
	var cert, holder []byte
	var login, pay, setup int64
	err = tx.QueryRowContext(ctx, `SELECT `+rowColumns+` FROM customer WHERE `+where, args...).Scan(
		&c.ID, &c.Channel, &c.Subject, &c.Followed, &c.State, &c.Prior, &c.Version, &c.Frozen, &c.CertType, &c.CertIx, &cert, &holder,
		&c.Login.Hash, &c.Login.Wrong, &c.Login.Locks, &login, &c.Payment.Hash, &c.Payment.Wrong, &c.Payment.Locks, &pay, &setup, &c.Told,
	)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return c, false, nil
	case err != nil:
		return c, false, fmt.Errorf("read customer: %w", err)
	}
	c.Login.Until, c.Payment.Until, c.Setup = moment(login), moment(pay), moment(setup)
	number, err := s.unseal(cert, "customer.cert", c.ID)
	if err != nil {
		return c, false, err
	}
	name, err := s.unseal(holder, "customer.holder", c.ID)
	c.Cert, c.Holder = codec.NewCertNumber(number), codec.NewSecret(name)
	return c, err == nil, err
}

// byID returns the customer with the id.
func (s *Store) byID(ctx context.Context, tx switching.Tx, id string) (row, error) {
	c, found, err := s.read(ctx, tx, `id = $1`, id)
	if err == nil && !found {
		err = fmt.Errorf("no customer %s", id)
	}
	return c, err
}

// byFollower returns the follower's row, false if it never came.
func (s *Store) byFollower(ctx context.Context, tx switching.Tx, f Follower) (row, bool, error) {
	return s.read(ctx, tx, `channel = $1 AND subject = $2`, f.Channel, f.Subject)
}

// errStale: another transaction changed the row meanwhile.
var errStale = errors.New("customer changed meanwhile")

// save writes what has changed of the customer, under its version.
func (s *Store) save(ctx context.Context, tx switching.Tx, c *row) error {
	cert, err := s.seal(c.Cert.Reveal(), "customer.cert", c.ID)
	if err != nil {
		return err
	}
	holder, err := s.seal(c.Holder.Reveal(), "customer.holder", c.ID)
	if err != nil {
		return err
	}
	saved, err := db.Changed(tx.ExecContext(ctx, `UPDATE customer SET followed = $1, state = $2, prior = $3, version = version + 1, frozen = $4, cert_type = $5,
		cert_ix = $6, cert = $7, holder = $8, login_hash = $9, login_wrong = $10, login_locks = $11, login_until = $12, pay_hash = $13,
		pay_wrong = $14, pay_locks = $15, pay_until = $16, setup_until = $17, told = $18,
		changed = CASE WHEN state = $2 THEN changed ELSE $19 END WHERE id = $20 AND version = $21`,
		c.Followed, string(c.State), string(c.Prior), c.Frozen, c.CertType, c.CertIx, cert, holder,
		c.Login.Hash, c.Login.Wrong, c.Login.Locks, unix(c.Login.Until), c.Payment.Hash, c.Payment.Wrong, c.Payment.Locks, unix(c.Payment.Until),
		unix(c.Setup), c.Told, s.Now().UnixMilli(), c.ID, c.Version))
	switch {
	case err != nil:
		return fmt.Errorf("save customer: %w", err)
	case !saved:
		return errStale
	}
	c.Version++
	return nil
}

// meet returns the follower's row and makes it at the first visit. A follower
// that is met by a message follows, unless it is known to have left.
func (s *Store) meet(ctx context.Context, f Follower) (c row, err error) {
	var found bool
	err = s.DB.Read(ctx, func(ctx context.Context, tx db.Tx) error {
		c, found, err = s.byFollower(ctx, tx, f)
		return err
	})
	if err != nil || found {
		return c, err
	}
	err = s.DB.Write(ctx, func(ctx context.Context, tx db.Tx) error {
		c, err = s.make(ctx, tx, f)
		return err
	})
	return c, err
}

// make returns the follower's row and makes it if it is missing.
func (s *Store) make(ctx context.Context, tx switching.Tx, f Follower) (row, error) {
	now := s.Now().UnixMilli()
	_, err := tx.ExecContext(ctx, `INSERT INTO customer (id, channel, subject, followed, state, prior, version, frozen, cert_type,
		login_hash, login_wrong, login_locks, login_until, pay_hash, pay_wrong, pay_locks, pay_until, setup_until, told, created, changed)
		VALUES ($1, $2, $3, 1, $4, $4, 1, 0, '', '', 0, 0, 0, '', 0, 0, 0, 0, 0, $5, $5) ON CONFLICT (channel, subject) DO NOTHING`,
		randomID(), f.Channel, f.Subject, string(Unknown), now)
	if err != nil {
		return row{}, fmt.Errorf("make customer: %w", err)
	}
	c, _, err := s.byFollower(ctx, tx, f)
	return c, err
}

// randomID returns 128 random bits that can stand in a URL.
func randomID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// seal seals a value for one column of one row; the empty value is nil.
func (s *Store) seal(v, column, id string) ([]byte, error) {
	if v == "" {
		return nil, nil
	}
	b, err := s.Vault.Seal([]byte(v), []byte(column+" "+id))
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", column, err)
	}
	return b, nil
}

func (s *Store) unseal(b []byte, column, id string) (string, error) {
	if b == nil {
		return "", nil
	}
	v, err := s.Vault.Open(b, []byte(column+" "+id))
	if err != nil {
		return "", fmt.Errorf("open %s: %w", column, err)
	}
	return string(v), nil
}

// certIx is the keyed index by which rows of one certificate find one another.
func (s *Store) certIx(kind string, number codec.CertNumber) []byte {
	return s.Vault.Index("certificate", kind, number.Reveal())
}

// accountIx is the keyed index of an account.
func (s *Store) accountIx(a codec.Account) []byte { return s.Vault.Index("account", a.Reveal()) }

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
