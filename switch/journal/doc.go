// Package journal keeps what was done (流水), behind switching.Journal, on
// switch/db. It also keeps the advices, since they are written in the
// transactions of what made them necessary.
//
//	d, _ := db.Open(ctx, db.Options{Path: "wxswitch.db"})
//	j, err := journal.New(ctx, journal.Options{DB: d, Vault: v})  // migrates
//	go d.Run(ctx)
//	opening, err := j.Open(ctx, entry)    // durable when it returns
//	row, err := j.Close(ctx, opening.Entry, end)
//
// # What is durable when
//
// Open and Close return after the commit that holds them; many share one. A
// crash before Open returned leaves a row or none, and nothing was sent. A crash
// between Open and Close leaves an open row, which the switch's scan ends as
// timed out; of an enquiry that changes nothing here (codec's Stateless), which is
// answered before, that takes up to 50 ms longer (db.WriteLater). A commit whose
// result is not known is switching.ErrCommitUnknown: the caller reads the row back.
//
// # What can be read in the database
//
// Account and certificate numbers, the fields of a request and of its reply are
// sealed by switch/vault, bound to their row. Accounts are found by a keyed
// index; idempotency keys and bodies are keyed hashes. Everything else (bank,
// type, times, outcome) is in clear, for operators; what is not searched for (MTI,
// processing code, stamp, instance, operation, client) in one column, sending.
//
// # One change at a time
//
// A row holds its account while it is open or its advice is unacknowledged; a
// unique index over (bank, account) of the rows that hold keeps it, over all
// instances. A reversal that comes back while another row holds the account
// holds it after that one. A deregistration also excludes every other change of
// its customer but visits, which concern no account.
//
// # What went wrong outside
//
// A row that is damaged, or sealed by a key that is not here, keeps no other
// back: Due reports it beside the good ones, Claim parks its advice. A database
// that was lost or restored goes on numbering above what the bank has seen, by
// the clock, if no more than 1,000 numbers a second were used and the clock was not
// ahead; two databases at once give out the same. What was written under a clock
// that was set back since is due at once.
//
// CheckKey is for a start: of a database that was written with another key no
// row could be read, and every advice would be parked.
//
// # What it costs
//
// BenchmarkOpenClose: an Open and a Close at 64 in flight take 67 to 91 µs of CPU
// on two busy cores, the benchmark's own numbers and hashes included; the index on
// the random idempotency key is about 10 to 18 of it. Types without an Effect cost
// less (db.ExecSole): of theirs nothing has to be undone.
//
// # Keys
//
// An idempotency key is kept for 7 days; then Forget frees it. Rows are never
// deleted. That a bank said something, which then is a repeat, is remembered for
// 60 days.
package journal
