package db

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// PanicError is the error of a function that panicked.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("db: panic in a transaction: %v", e.Value) }

const (
	queued int32 = iota
	running
	withdrawn
)

// job is one Write. From queued exactly one side wins: the writer, which runs
// it, or its caller, who withdraws it.
type job struct {
	ctx   context.Context //nolint:containedctx // of the call that waits; it never ends
	fn    func(ctx context.Context, tx Tx) error
	state atomic.Int32
	done  chan error  // capacity 1: the writer never waits for a caller
	hangs *time.Timer // its caller's
	later bool        // it may wait for company
}

func (j *job) take() bool     { return j.state.CompareAndSwap(queued, running) }
func (j *job) withdraw() bool { return j.state.CompareAndSwap(queued, withdrawn) }

// call runs the job's function; a panic becomes its error.
func (j *job) call(tx Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	return j.fn(j.ctx, tx)
}

// Write runs fn in a transaction, together with whatever else waits, and returns
// once that is on disk. fn runs at most once; its context never ends and carries
// ctx's values. Errors: fn's own, as it is (nothing done); ctx's, if it ended
// before fn ran (nothing done); [ErrBusy] and [ErrClosed] (nothing done);
// [ErrUnknown] (read back); anything else is SQLite's, wrapped (nothing done).
func (d *DB) Write(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error {
	return d.write(ctx, fn, false)
}

// WriteLater is Write for what nobody waits for: it shares the transaction of the
// next Write, and has one of its own only if for 50 ms there is none. What it
// writes is seen, and is on disk, that much later.
func (d *DB) WriteLater(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error {
	return d.write(ctx, fn, true)
}

func (d *DB) write(ctx context.Context, fn func(ctx context.Context, tx Tx) error, later bool) error {
	if err := d.await(ctx); err != nil {
		return err
	}
	j := d.job(ctx, fn)
	j.later = later
	if err := d.enqueue(j); err != nil {
		d.answered(j)
		return err
	}
	select {
	case err := <-j.done:
		d.answered(j)
		return err
	case <-ctx.Done():
	case <-d.ended:
	case <-j.hangs.C:
	}
	j.hangs.Stop()
	return d.leave(ctx, j)
}

// job returns a job, one that was answered before if there is one.
func (d *DB) job(ctx context.Context, fn func(ctx context.Context, tx Tx) error) *job {
	j, ok := d.jobs.Get().(*job)
	if ok {
		j.hangs.Reset(hangWait)
	} else {
		j = &job{done: make(chan error, 1), hangs: time.NewTimer(hangWait)}
	}
	j.ctx, j.fn = ctx, fn
	if ctx.Done() != nil {
		j.ctx = context.WithoutCancel(ctx)
	}
	return j
}

// answered takes back a job whose one answer was received: the writer has no
// more to do with it.
func (d *DB) answered(j *job) {
	j.hangs.Stop()
	j.ctx, j.fn = nil, nil
	j.state.Store(queued)
	d.jobs.Put(j)
}

// await waits for Run to begin, so that components may start in any order.
func (d *DB) await(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("db: write: %w", err)
	}
	if closed(d.started) {
		return nil
	}
	late := time.NewTimer(startWait)
	defer late.Stop()
	select {
	case <-d.started:
		return nil
	case <-d.closed:
		return ErrClosed
	case <-late.C:
		return fmt.Errorf("%w: Run has not begun", ErrClosed)
	case <-ctx.Done():
		return fmt.Errorf("%w: Run has not begun: %w", ErrClosed, ctx.Err())
	}
}

func (d *DB) enqueue(j *job) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped {
		return ErrClosed
	}
	select {
	case d.queue <- j:
		return nil
	default:
		return ErrBusy
	}
}

// leave is for a caller that would go before its job is answered: it may only
// if the job has not begun. Else the truth is coming, and it waits for it.
func (d *DB) leave(ctx context.Context, j *job) error {
	if j.withdraw() {
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("db: write withdrawn: %w", ctx.Err())
		case closed(d.ended):
			return ErrClosed
		}
		return fmt.Errorf("%w: the writer hangs", ErrBusy)
	}
	wait := hangWait
	if ctx.Err() != nil {
		wait = lateWait
	}
	hangs := time.NewTimer(wait)
	defer hangs.Stop()
	select {
	case err := <-j.done:
		return err
	case <-d.ended:
	case <-hangs.C:
		return fmt.Errorf("%w: the writer hangs", ErrUnknown)
	}
	select { // what Run answered last, it answered before it ended
	case err := <-j.done:
		return err
	default:
		return fmt.Errorf("%w: the writer ended in the middle", ErrUnknown)
	}
}

// Run is the writer. It returns nil after ctx is done or Close is called, once
// all that Write had accepted by then is committed or failed. It runs once in
// the life of a DB.
func (d *DB) Run(ctx context.Context) error {
	if err := d.start(); err != nil {
		return err
	}
	// Also when a function calls runtime.Goexit, so that no caller waits for ever.
	defer close(d.ended)
	defer d.stop()
	defer context.AfterFunc(ctx, func() { d.stop() })()
	var keeper sync.WaitGroup
	over := make(chan struct{})
	keeper.Go(func() { d.wal.run(over) })
	defer keeper.Wait()
	defer close(over)
	batch := make([]*job, 0, d.o.MaxBatch)
	for j := range d.queue {
		// Whoever was just answered gets its turn to write again first, which
		// makes batches a third larger.
		runtime.Gosched()
		batch = d.gather(d.accompany(append(batch[:0], j)))
		began := time.Now()
		d.busy.Store(&began)
		for rest := batch; len(rest) > 0; {
			rest = d.transact(rest)
		}
		d.wal.committed(d.writer)
		d.busy.Store(nil)
	}
	return nil
}

func (d *DB) start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped {
		return ErrClosed
	}
	if d.begun {
		return errors.New("db: Run called twice")
	}
	d.begun = true
	close(d.started)
	return nil
}

// accompany adds to a first job that may wait whatever comes until one may not.
func (d *DB) accompany(batch []*job) []*job {
	if !batch[0].later {
		return batch
	}
	late := time.NewTimer(laterWait)
	defer late.Stop()
	for len(batch) < d.o.MaxBatch && batch[len(batch)-1].later {
		select {
		case j, ok := <-d.queue:
			if !ok {
				return batch
			}
			batch = append(batch, j)
		case <-late.C:
			return batch
		}
	}
	return batch
}

// gather adds what waits now; it waits for nothing.
func (d *DB) gather(batch []*job) []*job {
	for len(batch) < d.o.MaxBatch {
		select {
		case j, ok := <-d.queue:
			if !ok {
				return batch
			}
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

// transact runs jobs in one transaction, commits it and answers them. It returns
// the jobs that it did not get to, because SQLite gave up the transaction under
// the one before: they go into a new one. A crash anywhere before the end of
// COMMIT leaves nothing of any of them; after it, all of those that are then
// answered nil.
func (d *DB) transact(jobs []*job) (rest []*job) {
	if err := d.begin(); err != nil {
		d.unwritten.Store(true)
		fail(jobs, fmt.Errorf("db: begin: %w", err))
		return nil
	}
	good := make([]*job, 0, len(jobs))
	for i, j := range jobs {
		if !j.take() {
			continue
		}
		err := d.run(j)
		if d.writer.lost() {
			d.unwritten.Store(true)
			j.done <- fmt.Errorf("db: transaction rolled back: %w", err)
			answer(good, fmt.Errorf("db: rolled back with a neighbour in the batch, which failed: %w", err))
			return jobs[i+1:]
		}
		if err != nil {
			j.done <- err
			continue
		}
		good = append(good, j)
	}
	if len(good) == 0 {
		d.writer.rollback()
		return nil
	}
	err := d.commit(len(good))
	if err != nil {
		d.unwritten.Store(true)
	}
	answer(good, err)
	return nil
}

func (d *DB) begin() error {
	if err := d.o.Fail("begin"); err != nil {
		return err
	}
	if time.Since(d.looked) >= placeLook {
		if err := d.place.check(); err != nil {
			return err
		}
		d.looked = time.Now()
	}
	return d.writer.begin("BEGIN IMMEDIATE")
}

// run runs one job. What a failing one has changed is undone alone, by the
// savepoint that was set before it, or, without one, with all before it.
func (d *DB) run(j *job) error {
	s := d.writer
	tx := &tx{s: s, write: true}
	err := j.call(tx)
	tx.end()
	switch {
	case s.lost():
		return cmp.Or(err, errLost)
	case err != nil && tx.sole:
		s.rollback()
		return err
	case !tx.saved:
		return err
	}
	if err != nil {
		if undo := s.steer("ROLLBACK TO job"); undo != nil {
			s.rollback()
			return errors.Join(err, undo)
		}
	}
	if end := s.steer("RELEASE job"); end != nil {
		s.rollback()
		return errors.Join(err, end)
	}
	return err
}

// commit makes the transaction durable. A failure is ErrUnknown: where the sync
// failed, the log may hold the whole transaction, and a restart would find it
// there. But one that could not be written whole, for lack of room, is nowhere.
func (d *DB) commit(jobs int) error {
	if err := d.o.Fail("commit-before"); err != nil {
		d.writer.rollback()
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	began := time.Now()
	if err := d.writer.commit(); err != nil {
		d.writer.rollback()
		if unwritten(err) {
			return fmt.Errorf("db: commit: %w", err)
		}
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	d.o.Observe(jobs, time.Since(began))
	if err := d.o.Fail("commit-after"); err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return nil
}

func answer(jobs []*job, err error) {
	for _, j := range jobs {
		j.done <- err
	}
}

// fail answers jobs that were not taken yet.
func fail(jobs []*job, err error) {
	for _, j := range jobs {
		if j.take() {
			j.done <- err
		}
	}
}
