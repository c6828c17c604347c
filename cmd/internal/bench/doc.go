// Command bench measures the switch against a bare relay in one run, so that
// its figures are ratios and hold on any machine.
//
//	go run ./cmd/internal/bench              // make bench: seven minutes at most
//	go run ./cmd/internal/bench -quick       // a minute and a half, for development: noisy
//	go run ./cmd/internal/bench -scenes throughput,profile -profile cpu.prof
//	go run ./cmd/internal/bench -soak 10m    // make soak: memory under a steady load
//
// It needs wrk (Debian's package wrk) and go in the PATH, and runs from the
// module's root. Everything listens on loopback, and stops by itself.
//
// # Who takes part
//
// Five processes beside wrk, four of them this program again:
//
//   - the bank answers the relay's small frames, and ISO 8583 of the dialect
//     "plain" for twenty banks of the switch. It answers each type with fixed
//     bytes and patched numbers, and decodes nothing per message but SMS codes,
//     which it keeps for the customers to read. On order a bank is slow (so many
//     answers a second, or each so much later) or silent, or tells movements
//     (0220), 256 of them in flight.
//   - the front is a stub that takes every notice, and finds one that comes twice.
//   - the relay is what the switch is measured by: net/http, encoding/json, one
//     TCP link with batched writes; no codec, no journal.
//   - the switch is app.Run as switchd runs it, from a configuration file: its
//     journal on disk, one line of log per transaction (info) to a file.
//
// # What is measured
//
//	throughput  wrk, closed loop, 1, 64 and 256 in flight, deregister (a change
//	            of state) and balance (an enquiry): the switch's rate ÷ the
//	            relay's, medians of rounds that alternate; and what a request
//	            costs each process, in µs of CPU
//	profile     where the switch's CPU goes at 64 in flight, a customer's balance
//	            included, top 15
//	latency     vegeta, open loop, one rate for both, half of what the switch
//	            reached at 64: its p50 and p99 ÷ the relay's
//	overload    a bank that does 2,000/s is offered 6,000/s: what it still does
//	silent      one bank of twenty does not answer: what the others, offered half of
//	            what the switch reached at 64, still approve within a second
//	customers   wrk, 64 in flight over hundreds of customers who are authenticated and
//	            logged in: what a balance through the customer's door (session,
//	            ownership, masking) costs the switch in CPU ÷ what a raw one does
//	banks       the first look at five accounts at five banks that take 20 to 100 ms:
//	            its time ÷ the slowest bank's
//	notices     movements a second, from the bank's 0220 on the wire through outbox
//	            and relay, until the front was told the last
//	disk        fdatasync of the journal's file system, alone; what a relay reaches
//	            whose requests wait for two of them, shared by all who wait: more no
//	            switch with a durable journal can; and for an INSERT and an UPDATE by
//	            package db instead: more none can whose journal is SQLite
//	micro       look-up among 10,000 rules; allocations of mux, frame and codec
//
// Every request that changes something has a fresh Idempotency-Key, every raw one
// one of thousands of accounts. Every answer is checked: one that is not approved
// fails the benchmark, as does a movement that is not heard or told once.
//
// The last lines are the goals, one a line; exit status 1 if one is missed:
//
//	bench throughput_ratio_deregister_64 0.43 >= 0.4
package main
