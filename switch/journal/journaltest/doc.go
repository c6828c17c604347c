// Package journaltest is the one suite that every store of the journal passes,
// whatever database it is on. It looks at behaviour only: what Open, Close and
// Late answer, and what the next call then finds.
//
//	func TestJournal(t *testing.T) {
//		journaltest.Run(t, func(t *testing.T, o journaltest.Options) journaltest.Store {
//			d := openDatabase(t, o.At, o.Fail) // closed by t.Cleanup
//			return journal.New(…, o.Vault, o.Now, o.Effects …)
//		})
//	}
//
// Several opens of one Options.At share one database, as several processes
// would. Times are held by a clock of the suite, so that leases, back-offs and
// the keeping of keys pass at once.
package journaltest
