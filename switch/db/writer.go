package db

import (
	"context"
	"fmt"
	"time"
)

// Write runs fn in a transaction and returns when it is on disk. Many writes
// share a commit. fn runs at most once; its error takes back its own writes and
// is returned as it is.
func (d *DB) Write(ctx context.Context, fn func(context.Context, Tx) error) error {
	j := &job{ctx: context.WithoutCancel(ctx), fn: fn, done: make(chan error, 1)}
	if err := d.enqueue(j); err != nil {
		return err
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
	}
	if j.state.CompareAndSwap(queued, withdrawn) {
		return fmt.Errorf("database: %w", ctx.Err())
	}
	return <-j.done
}

func (d *DB) enqueue(j *job) error {
	d.gate.RLock()
	defer d.gate.RUnlock()
	if d.closed {
		return ErrClosed
	}
	select {
	case d.queue <- j:
		return nil
	default:
		return ErrBusy
	}
}

// shut closes the gate: what is queued now is the last.
func (d *DB) shut() {
	d.gate.Lock()
	defer d.gate.Unlock()
	d.closed = true
}

// Run is the writer. When ctx is done it takes no more writes, finishes those
// it took, and returns.
func (d *DB) Run(ctx context.Context) error {
	for {
		select {
		case j := <-d.queue:
			d.batch(j)
		case <-ctx.Done():
			d.shut()
			d.finish()
			return nil
		}
	}
}

func (d *DB) finish() {
	for {
		select {
		case j := <-d.queue:
			d.batch(j)
		default:
			return
		}
	}
}

// batch runs j and whatever else waits in one transaction.
func (d *DB) batch(j *job) {
	jobs := d.gather(j)
	if len(jobs) == 0 {
		return
	}
	ctx := context.Background()
	if err := d.begin(ctx); err != nil {
		answer(jobs, fmt.Errorf("database: begin: %w", err))
		return
	}
	for _, j := range jobs {
		j.err = d.run(ctx, j)
	}
	answer(jobs, d.commit(ctx, len(jobs)))
}

// gather takes the jobs of one batch; those withdrawn meanwhile fall out.
func (d *DB) gather(first *job) []*job {
	jobs := make([]*job, 0, 16)
	for j := first; ; {
		if j.state.CompareAndSwap(queued, taken) {
			jobs = append(jobs, j)
		}
		if len(jobs) == d.MaxBatch {
			return jobs
		}
		select {
		case j = <-d.queue:
		default:
			return jobs
		}
	}
}

func (d *DB) begin(ctx context.Context) error {
	if err := d.Fail("begin"); err != nil {
		return err
	}
	_, err := d.write.ExecContext(ctx, "BEGIN IMMEDIATE")
	return err
}

// run runs one job under its savepoint.
func (d *DB) run(ctx context.Context, j *job) error {
	if _, err := d.write.ExecContext(ctx, "SAVEPOINT job"); err != nil {
		return fmt.Errorf("database: savepoint: %w", err)
	}
	err := guard(j.ctx, d.write, j.fn)
	if err != nil {
		_, _ = d.write.ExecContext(ctx, "ROLLBACK TO job") // fails where the whole transaction is gone; then the commit does too
	}
	if _, release := d.write.ExecContext(ctx, "RELEASE job"); release != nil && err == nil {
		err = fmt.Errorf("database: %w", release)
	}
	return err
}

// commit makes the batch durable. What it returns is nil or ErrUnknown.
func (d *DB) commit(ctx context.Context, batch int) error {
	begun := time.Now()
	err := d.Fail("commit-before")
	if err == nil {
		_, err = d.write.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		_, _ = d.write.ExecContext(ctx, "ROLLBACK")
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	d.Observe(batch, time.Since(begun))
	if err := d.Fail("commit-after"); err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return nil
}

// answer tells each job its own error, or else the commit's.
func answer(jobs []*job, err error) {
	for _, j := range jobs {
		if j.err == nil {
			j.err = err
		}
		j.done <- j.err
	}
}
