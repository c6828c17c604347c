// Command bench measures the switch against a bare relay in one run, so that
// its figures are ratios and hold on any machine.
//
//	go run ./cmd/internal/bench              // make bench: six minutes at most
//	go run ./cmd/internal/bench -quick       // a minute and a half, for development: noisy
//	go run ./cmd/internal/bench -scenes throughput,profile -profile cpu.prof
//	go run ./cmd/internal/bench -soak 10m    // make soak: memory under a steady load
//
// It needs wrk (Debian's package wrk) and go in the PATH, and runs from the
// module's root. Everything listens on loopback, and stops by itself.
//
// # Who takes part
//
// Four processes beside wrk, three of them this program again:
//
//   - the bank answers the relay's small frames, and ISO 8583 of the dialect
//     "plain" for twenty banks of the switch. It answers each type with fixed
//     bytes and patched numbers, and decodes nothing per message. On order a
//     bank is slow (so many answers a second) or silent.
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
//	profile     where the switch's CPU goes at 64 in flight, top 15
//	latency     vegeta, open loop, one rate for both, half of what the switch
//	            reached at 64: its p50 and p99 ÷ the relay's
//	overload    a bank that does 2,000/s is offered 6,000/s: what it still does
//	silent      one bank of twenty does not answer: what the others still do
//	disk        fdatasync of the journal's file system, alone
//	micro       look-up among 10,000 rules; allocations of mux, frame and codec
//
// Every request has a fresh Idempotency-Key and one of thousands of accounts.
// Every answer is checked: one that is not approved fails the benchmark.
//
// The last lines are the goals, one a line; exit status 1 if one is missed:
//
//	bench throughput_ratio_deregister_64 0.43 >= 0.4
package main
