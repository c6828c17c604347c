package notice_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	switching "wxswitch/switch"
	"wxswitch/switch/db"
	"wxswitch/switch/notice"
	"wxswitch/switch/vault"
)

// front answers and remembers what it is sent.
type front struct {
	mu     sync.Mutex // guards what follows
	seen   []notice.Message
	first  map[string]bool // id and round: what it told its followers
	told   []string        // the ids of those, in order
	answer func(ctx context.Context, m notice.Message) notice.Answer
}

var accepted = notice.Answer{Verdict: notice.Accepted, Detail: "200"}

func (f *front) Send(ctx context.Context, m notice.Message) notice.Answer {
	f.mu.Lock()
	f.seen = append(f.seen, m)
	answer := f.answer
	f.mu.Unlock()
	a := accepted
	if answer != nil {
		a = answer(ctx, m)
	}
	if a.Verdict == notice.Accepted {
		f.tell(m)
	}
	return a
}

func (f *front) tell(m notice.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := fmt.Sprint(m.ID, " ", m.Round)
	if f.first == nil {
		f.first = make(map[string]bool)
	}
	if !f.first[key] {
		f.first[key], f.told = true, append(f.told, m.ID)
	}
}

func (f *front) answers(a func(ctx context.Context, m notice.Message) notice.Answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = a
}

func (f *front) always(a notice.Answer) {
	f.answers(func(context.Context, notice.Message) notice.Answer { return a })
}

// sent returns the ids of all sendings, repeats too.
func (f *front) sent() (ids []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.seen {
		ids = append(ids, m.ID)
	}
	return ids
}

func (f *front) got() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.told)
}

// world is a database, a front and, once run, a relay.
type world struct {
	t     testing.TB
	path  string
	vault *vault.Vault
	front *front
	o     notice.Options // what a test wants changed, before open
	dbo   db.Options

	db      *db.DB
	notices *notice.Notices
	stopDB  func()
	stopRun func()
	log     syncBuffer
	reg     *prometheus.Registry
	gone    []string
}

type syncBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newWorld(t testing.TB) *world {
	v, err := vault.New()
	must(t, err)
	return &world{t: t, path: filepath.Join(t.TempDir(), "switch.db"), vault: v, front: &front{}}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// open opens the database, of an instance of its own.
func (w *world) open() *world {
	w.dbo.Path = w.path
	d, err := db.Open(context.Background(), w.dbo)
	must(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	w.stopDB = func() {
		cancel()
		must(w.t, <-ended)
		must(w.t, d.Close())
	}
	o := w.o
	w.reg = prometheus.NewRegistry()
	o.DB, o.Vault, o.Registerer, o.Log = d, w.vault, w.reg, zerolog.New(&w.log)
	if o.Sender == nil {
		o.Sender = w.front
	}
	if o.Text == nil {
		o.Text = func(n switching.Notice) string { return "您尾号" + n.Data["account"] + "的账户有变动" }
	}
	if o.Gone == nil {
		o.Gone = func(_ context.Context, _ switching.Tx, channel, subject string, _ time.Time) error {
			w.gone = append(w.gone, channel+"/"+subject)
			return nil
		}
	}
	w.db = d
	w.notices, err = notice.New(context.Background(), o)
	must(w.t, err)
	return w
}

// run starts the relay.
func (w *world) run() *world {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	n := w.notices
	go func() { ended <- n.Run(ctx) }()
	w.stopRun = func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
		w.stopRun = nil
	}
	return w
}

// stop also looks whether each lane has its one head.
func (w *world) stop() {
	if w.stopRun != nil {
		w.stopRun()
	}
	var broken int
	must(w.t, w.db.Read(context.Background(), func(ctx context.Context, tx db.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM notice WHERE state <> 'pending' AND head = 1) +
			(SELECT COUNT(*) FROM (SELECT 1 FROM notice WHERE state = 'pending' GROUP BY lane HAVING SUM(head) <> 1))`).Scan(&broken)
	}))
	equal(w.t, "lanes without their one head", broken, 0)
	w.stopDB()
}

// again is the next process on the same database.
func (w *world) again() {
	w.stop()
	w.open()
}

// second is another instance on the same database, with the same front.
func (w *world) second() *world {
	x := &world{t: w.t, path: w.path, vault: w.vault, front: w.front, o: w.o}
	return x.open()
}

// of returns a notice of a follower and an account.
func of(subject, account string, i int) switching.Notice {
	return switching.Notice{
		ID: fmt.Sprintf("%s.%s.%d", subject, account, i), Channel: "wechat", Subject: subject, Order: account,
		Kind: switching.NoticeMovement, Data: map[string]string{"account": account, "amount": "12800"}, At: time.Now(),
	}
}

// followers returns a notice of each of so many.
func followers(n int) (list []switching.Notice) {
	for f := range n {
		list = append(list, of(fmt.Sprint("f", f), "1", 0))
	}
	return list
}

// put writes notices in one transaction, and kicks.
func (w *world) put(list ...switching.Notice) {
	w.t.Helper()
	must(w.t, w.db.Write(context.Background(), func(ctx context.Context, tx db.Tx) error {
		for _, n := range list {
			if err := w.notices.Put(ctx, tx, n); err != nil {
				return err
			}
		}
		return nil
	}))
	w.notices.Kick()
}

func (w *world) item(id string) notice.Item {
	w.t.Helper()
	list, err := w.notices.List(context.Background(), "", 0, 1<<20)
	must(w.t, err)
	for _, i := range list {
		if i.ID == id {
			return i
		}
	}
	w.t.Fatalf("no notice %s", id)
	return notice.Item{}
}

func (w *world) count(state notice.State) int {
	w.t.Helper()
	list, err := w.notices.List(context.Background(), state, 0, 1<<20)
	must(w.t, err)
	return len(list)
}

// withData is how many of the follower's notices still hold what they say.
func (w *world) withData(subject string) (n int) {
	w.t.Helper()
	must(w.t, w.db.Read(context.Background(), func(ctx context.Context, tx db.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM notice WHERE subject = $1 AND LENGTH(data) > 0`, subject).Scan(&n)
	}))
	return n
}

// rest lets time pass, and what is due at its end happen.
func rest(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// held runs the test in fake time, with an open world.
func held(t *testing.T, prepare func(w *world), test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if prepare != nil {
			prepare(w)
		}
		w.open()
		defer func() { w.stop() }()
		test(t, w)
	})
}
