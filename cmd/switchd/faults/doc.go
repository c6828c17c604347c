// Package faults tries what must not go wrong: the switch as a program, against
// simulated banks, under every fault that it promises to survive. It holds
// tests, and the comparison of books that they end with:
//
//	told := …                                    // every call, and what its caller heard
//	rows, advices, err := faults.ReadJournal(ctx, database, journal, 0)
//	ledger, err := faults.ReadBank(ctx, bank)
//	b := faults.Books{Told: told, Rows: rows, Advices: advices, Banks: …, KeyHash: …}
//	for _, wrong := range b.Compare() { t.Error(wrong) }
//
// # What the tests prove
//
//   - kill_test.go: switchd is killed by SIGKILL under load, after open, write,
//     reply, close, inside stored advices and anywhere; when it has started
//     again and settled, the books agree. -rounds says how often (100), every
//     second time at a random moment.
//   - strace_test.go: the journal is synced before the bank hears of a
//     transaction, and again before the caller does.
//   - customerkill_test.go: switchd is killed at the first, second … pass of
//     every durable step that a customer's wish has, and of what its bank says;
//     customer, links, registrations and notices agree afterwards.
//   - customerload_test.go: customers do what they like under kills, and their
//     books (customers.go) agree.
//   - customertwo_test.go: two switches on one database do not allow twice what
//     is allowed once.
//   - secrets_test.go, secretcustomer_test.go: nothing secret is written anywhere
//     in clear: no account, certificate, name, phone, location, code, password,
//     token, nor what a page sealed.
//   - model_test.go: random orders of events, for each pair of types, with
//     restarts, crashes, faults and operators, in a bubble of fake time.
//   - The other files: one test for each further fault, named after it.
//
// Everything is real but the banks' cores: HTTP, TCP, SQLite on disk, the key
// file. The program that is killed is the test binary itself, started again as
// switchd.
package faults
