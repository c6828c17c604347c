package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Tx is what *sql.Tx offers; parameters are $1, $2 …. It ends with the function
// that got it: later statements fail, and rows left open are closed.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Changed reports whether a statement changed a row.
func Changed(r sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// Errors of [Open], [DB.Write] and [DB.Read].
var (
	// ErrBusy: the queue is full, which is refused at once, or the writer did not
	// come to it within 30 s. Nothing done.
	ErrBusy = errors.New("db: writer is busy")
	// ErrClosed: Run has ended, or had not begun in time. Nothing done.
	ErrClosed = errors.New("db: not running")
	// ErrTaken: another has the database open alone.
	ErrTaken = errors.New("another process has it open alone")
	// ErrUnknown: the commit failed or its result is not known. The caller must
	// read back what it wrote.
	ErrUnknown = errors.New("db: result of commit unknown")
)

// Failpoint makes the writer fail on purpose, in tests of what stands on it. It
// is asked at each step; an error makes that step fail:
//
//	"begin"          no transaction begins, nothing is done
//	"commit-before"  rolled back and reported as a failed commit: not persisted
//	"commit-after"   committed and reported as a failed commit: persisted anyway
type Failpoint func(step string) error

// Options are what [Open] needs. Zero values take the package's defaults.
type Options struct {
	Path     string // the database file; required
	MaxBatch int    // functions in one transaction
	Queue    int    // functions waiting for the writer
	Readers  int    // reading transactions at once
	// Alone keeps out, until Close, whoever else opens the database so, with ErrTaken.
	// Who opens it otherwise is not kept out.
	Alone bool
	// Observe is told of every commit: how many functions shared it and how long
	// the COMMIT took. It is called by the writer and must be quick. May be nil.
	Observe func(batch int, commit time.Duration)
	Fail    Failpoint // nil in production
}

func (o *Options) defaults() {
	o.MaxBatch = cmp.Or(max(o.MaxBatch, 0), 256)
	o.Queue = cmp.Or(max(o.Queue, 0), 4096)
	o.Readers = cmp.Or(max(o.Readers, 0), 4)
	if o.Observe == nil {
		o.Observe = func(int, time.Duration) {}
	}
	if o.Fail == nil {
		o.Fail = func(string) error { return nil }
	}
}

const (
	laterWait = 50 * time.Millisecond // WriteLater waits so long for company

	startWait = 5 * time.Second  // a Write waits so long for Run to begin
	lateWait  = 5 * time.Second  // a Write whose context has ended waits so long for what runs
	hangWait  = 30 * time.Second // and so long in the queue, and again for what runs; Close for what is still at work

	slowWait = 5 * time.Second // a batch that takes longer is no health
)

// DB is one database. All methods may be called from any goroutine.
type DB struct {
	o       Options
	alone   func() error  // gives back the lock; nil without Options.Alone
	pool    *sql.DB       // hands out the writer's, the readers' and Migrate's connections
	writer  *session      // Run's alone
	readers chan *session // the idle ones
	jobs    sync.Pool     // of *job, answered

	mu      sync.Mutex // guards stopped and begun, and sending to and closing queue
	stopped bool
	begun   bool
	queue   chan *job // closed by stop

	started chan struct{} // closed when Run begins
	ended   chan struct{} // closed when Run returns
	closed  chan struct{} // closed by Close: no more reads
	once    sync.Once     // Close's
	err     error         // what Close returned

	wal    *wal
	place  place
	looked time.Time // when the writer found the files in their place; its alone

	busy      atomic.Pointer[time.Time] // since when the writer is at its batch, nil if at none
	unwritten atomic.Bool               // a transaction could not be written, and Health has written none since
}

// Open opens the database, creating the file (mode 0600) if it is missing, and
// makes sure that its connections are as durable as the package promises. It
// starts nothing: call Run for Write to work, and Close in the end.
func Open(ctx context.Context, o Options) (*DB, error) {
	return open(ctx, o, writerPragmas)
}

func open(ctx context.Context, o Options, write []pragma) (*DB, error) {
	o.defaults()
	pool, file, err := openPool(o.Path)
	if err != nil {
		return nil, fmt.Errorf("db: open %s: %w", o.Path, err)
	}
	d := &DB{
		o: o, pool: pool,
		readers: make(chan *session, o.Readers),
		queue:   make(chan *job, o.Queue),
		started: make(chan struct{}), ended: make(chan struct{}), closed: make(chan struct{}),
		wal: newWAL(file),
	}
	if o.Alone {
		d.alone, err = lockOut(ctx, file)
	}
	if err == nil {
		err = d.connect(ctx, write)
	}
	if err == nil {
		d.place, err = placeOf(file)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("db: open %s: %w", o.Path, err), d.release())
	}
	return d, nil
}

// Alone reports whether the database was opened so.
func (d *DB) Alone() bool { return d.alone != nil }

// release closes the files, the lock's last.
func (d *DB) release() error {
	err := d.pool.Close()
	if d.alone != nil {
		err = errors.Join(err, d.alone())
	}
	return err
}

// connect opens the writer first: it turns the file to WAL.
func (d *DB) connect(ctx context.Context, write []pragma) (err error) {
	if d.writer, err = openSession(ctx, d.pool, write, true); err != nil {
		return err
	}
	if d.wal.keeper, err = openSession(ctx, d.pool, keeperPragmas, false); err != nil {
		return err
	}
	for range d.o.Readers {
		s, err := openSession(ctx, d.pool, readerPragmas, false)
		if err != nil {
			return err
		}
		d.readers <- s
	}
	return nil
}

// Read runs fn in a transaction that only reads and sees one state of the
// database throughout. It waits for a free connection until ctx ends; when ctx
// ends later, statements are interrupted. Errors: fn's own, the context's,
// [ErrClosed], or a wrapped one of SQLite.
func (d *DB) Read(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error {
	s, err := d.reader(ctx)
	if err != nil {
		return err
	}
	defer func() { d.readers <- s }()
	if err := s.begin("BEGIN"); err != nil {
		return fmt.Errorf("db: begin reading: %w", err)
	}
	// Deferred, so that a panic in fn leaves no old snapshot on the connection.
	defer s.rollback()
	tx := &tx{s: s}
	defer tx.end()
	return fn(ctx, tx)
}

func (d *DB) reader(ctx context.Context) (*session, error) {
	select {
	case <-d.closed:
		return nil, ErrClosed
	default:
	}
	select {
	case s := <-d.readers:
		return s, nil
	case <-d.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("db: wait for a connection to read: %w", ctx.Err())
	}
}

// Health says whether the writer runs and does not hang, the files are where they
// were and can be read, and, once a transaction could not be written, whether one can
// now; nil is well.
func (d *DB) Health(ctx context.Context) error {
	if !closed(d.started) || closed(d.ended) {
		return ErrClosed
	}
	if busy := d.Busy(); busy > slowWait {
		return fmt.Errorf("db: the writer is at one batch for %s", busy.Round(time.Second))
	}
	if err := d.place.check(); err != nil {
		return fmt.Errorf("db: %w", err)
	}
	if d.unwritten.Load() {
		if err := d.Write(ctx, rewrite); err != nil {
			return err
		}
		d.unwritten.Store(false)
	}
	return d.Read(ctx, func(ctx context.Context, tx Tx) error {
		var tables int
		return tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_schema`).Scan(&tables)
	})
}

// rewrite writes a page and changes nothing: a transaction that writes none
// needs no room on the disk.
func rewrite(ctx context.Context, tx Tx) error {
	_, err := tx.ExecContext(ctx, `PRAGMA user_version = 0`)
	return err
}

// Waiting is how many functions wait for the writer now.
func (d *DB) Waiting() int { return len(d.queue) }

// Busy is how long the writer has been at the batch that it is at, 0 if at none.
func (d *DB) Busy() time.Duration {
	since := d.busy.Load()
	if since == nil {
		return 0
	}
	return time.Since(*since)
}

// Close ends Run if it still runs, once it has finished what was accepted, waits
// for readers, and closes the file. It gives up waiting after 30 s.
func (d *DB) Close() error {
	d.once.Do(func() { d.err = d.close() })
	return d.err
}

func (d *DB) close() error {
	giveUp := time.After(hangWait)
	running := d.stop()
	close(d.closed)
	if running {
		select {
		case <-d.ended:
		case <-giveUp:
			return errors.New("db: close: the writer hangs")
		}
	}
	for range d.o.Readers {
		select {
		case s := <-d.readers:
			s.close()
		case <-giveUp:
			return errors.New("db: close: a reader hangs")
		}
	}
	d.wal.keeper.close()
	d.writer.close()
	if err := d.release(); err != nil {
		return fmt.Errorf("db: close: %w", err)
	}
	return nil
}

// stop lets no further job in; it says whether Run was begun.
func (d *DB) stop() (begun bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.stopped {
		d.stopped = true
		close(d.queue)
	}
	return d.begun
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
