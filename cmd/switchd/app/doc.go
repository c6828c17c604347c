// Package app is the switch as a program: its configuration, its wiring, and
// Run. cmd/switchd calls it, and so do cmd/demo and tests, in their own process.
//
//	c, err := app.Load("switchd.yaml") // strict: file:line:column and the reason
//	err = app.Run(ctx, c)              // until ctx is done, then drains
//
// # Start and stop
//
// Parts stand on one another, each needing those before it: log, database, what
// customers and notices need, banks, advices, switch (which at once settles what an
// earlier life left open), API. They stop in the opposite order: the API takes no new
// request and ends those it has, while advices on their way end; banks sign off; the
// database commits what it took. The operators' pages are there until the last. Each
// step has its limit, so that a stop ends by itself; what a limit cuts off is settled at
// the next start.
//
// # Doors
//
// At most parts.MaxWaiting connections of a door wait for a request: for one more
// the one that has waited longest is ended, once that is parts.MinWait; until then
// who is new is not let in. So nobody who holds connections takes the files that
// others, banks and the database need, and a crowd does not push itself out. Those and
// what is under way are some 6,000; who has begun to ask and is not read to the end is
// not counted, and has the API's time for it, or one second where nobody reads it. The
// limit of open files (the hard one,
// which Go takes) should be well above.
//
// # Log
//
// One line of JSON for each transaction, and for what happens. Lines of level
// info and debug are written within 100 ms; a warning or an error at once, behind
// the lines before it. A crash loses at most those 100 ms of the log; of what was
// answered the journal loses nothing. Nobody waits for the log: what cannot be
// written, since a pipe is not read or a disk is full, is dropped and counted
// (parts.Lines).
package app
