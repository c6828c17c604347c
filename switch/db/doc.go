// Package db is the embedded database of the switch: one SQLite file, one
// writer that commits in groups, and a few readers that do not disturb it.
//
// # Why one writer
//
// A transaction is durable once the disk has synced it, and a sync costs far
// more than the statements before it. So [DB.Write] does not open a transaction
// of its own: its function waits in a queue, the writer takes whatever waits
// there into one transaction, commits once, and only then answers each caller.
// One caller alone pays for one sync; 64 at once share it.
//
// # Example
//
//	d, err := db.Open(ctx, db.Options{Path: "switch.db"})
//	if err != nil {
//		return err
//	}
//	defer d.Close()
//	if err := d.Migrate(ctx, migrations, "journal_version"); err != nil {
//		return err
//	}
//	go func() { ended <- d.Run(ctx) }() // the writer; wait for it before Close
//
//	err = d.Write(ctx, func(ctx context.Context, tx db.Tx) error {
//		_, err := tx.ExecContext(ctx, `UPDATE entry SET open = 0 WHERE id = $1`, id)
//		return err
//	})
//	switch {
//	case err == nil: // on disk
//	case errors.Is(err, db.ErrUnknown): // perhaps on disk: read it back
//	default: // nothing was done
//	}
//
// What nobody waits for may use [DB.WriteLater]: it joins the next transaction
// and costs no sync of its own.
//
// # What a Write may rely on
//
//   - nil means that it is on disk: WAL with synchronous=FULL, which Open reads
//     back from the connection that writes.
//   - An error that wraps [ErrUnknown] means that the commit failed or hangs.
//     What it wrote may be there or not, now or after a crash.
//   - Any other error means that nothing was done.
//   - The function runs at most once, on the writer's goroutine. It should do SQL
//     only: all other writers wait for it.
//   - Its error, or a panic (as a [*PanicError]), undoes its own writes and no
//     neighbour's. Only where SQLite gives up the whole transaction (a full disk
//     can do that) do the neighbours that ran before it fail too, each with an
//     error that says so and nothing done.
//   - A function that changes something with [ExecSole] must not fail after it: that
//     undoes those before it, too.
//   - A caller whose context ends while its function waits gets it back undone;
//     once it runs the caller waits for the truth. Statements ignore the
//     context: SQLite answers an interrupted write by undoing the neighbours'.
//
// # SQL
//
// Parameters are $1, $2 …, bound by number, which PostgreSQL reads alike. Pass
// times as integers or as text of your own format, taken from an injected clock,
// never datetime('now'). Statements are prepared once per connection and kept by
// their text, so build texts from constants. A function may use savepoints of
// its own; it must not say COMMIT or ROLLBACK (refused, and the batch is lost).
// Do not declare foreign keys DEFERRABLE INITIALLY DEFERRED: they would be
// checked at the common COMMIT, where one row's fault is every neighbour's.
//
// # Defaults
//
//	MaxBatch     256 functions in one transaction
//	Queue       4096 functions waiting; beyond that Write answers ErrBusy at once
//	Readers        4 reading transactions at once; a further Read waits
//	busy_timeout 5 s for another process's lock, then the batch fails undone
//	statements   256 kept per connection; further texts are prepared each time
//	WAL          checkpointed at 4,000 pages (16 MB), beside the writer; if readers
//	             keep it from being reused the writer makes room at 64 MB, waiting
//	             200 ms for them
//	file mode    0600, also of a file that was there before
//
// Options.Alone takes the lock of a second file, named as the database with -alone
// behind and empty.
//
// A file that was removed, moved or replaced while it is in use takes no more
// transactions, 20 ms later at most: what they wrote would be gone with the process.
// Back in its place it does.
//
// The file stays readable by other programs (sqlite3 switch.db) while the switch
// runs; one that keeps a write lock for 5 s makes Writes fail.
//
// # Measured
//
// BenchmarkWrite: a Write that inserts a 14-column row with a unique index on a
// random key, and one that updates it, so two commits. CPU of the whole process
// for both, on two cores that others used too (load 11 to 17): 57 to 65 µs at 64
// in flight (batches of 44), 44 to 55 at 256 (batches of 180); with [ExecSole] 46
// to 57 and 37 to 44. One fdatasync a commit. A Read of one row takes 14 to 23 µs,
// 19 to 32 with a context that can end. Of the journal's 27 pages a commit 20 are
// its random key's.
package db
