// Package sim is a simulated member bank, built on package adapter: made-up
// customers, a core that is durable and idempotent, books of all that happened,
// and faults on demand.
//
//	d, err := iso.Builtin("cups")
//	keys, err := vault.Load("bank.key") // the same for the same file
//	b, err := sim.New(ctx, sim.Config{Dialect: d, Path: "bank.db", Vault: keys, Listen: []string{"127.0.0.1:0"}, Seed: 1})
//	go b.Run(ctx)
//	who := b.People()[0]
//	id, err := b.SetFault(sim.Fault{Kind: sim.Silence, Account: who.Accounts[0].Number, Count: 1})
//	rows, err := b.Ledger(ctx)
//
// # The bank
//
// The same seed makes the same people. Every fourth has a name that GBK cannot
// write or that looks like one; every third has a passbook beside the card; of
// every seventeen, the last one's accounts are frozen.
//
//	authenticate,  00 and the holder's name; 05 if the certificate is another's,
//	attach         14 for an account that is unknown or closed, 41 for a lost
//	               card, 62 for a frozen account
//	deregister,    00; 25 if the account is not registered (the dialects that
//	detach         ship take that for approved); 14 for an unknown account
//	balance        00, balances and the holder's name; 14; 41; 62
//	details        00 and the newest movements of the period; 14; 41; 62
//	sms-code       00: the SMS is kept, for who asks for it; 14; 41; 62
//	appointment    00 and the number of the visit
//	completion     as a deregistration under the same number
//	reversal       00: what the number did is taken back, if it did anything
//	release        00: what the number registered, and what earlier ones did, has
//	               ended; 25 if nothing had to
//
// # Registrations
//
// An account with its holder's certificate is registered while one approved
// authentication or attachment of it stands. A reversal ends its own only, for
// good. A deregistration ends every one approved before it, never a later one,
// also if it is repeated: earlier is what the bank decided earlier. The reversal
// of a deregistration takes back the ends that it made.
//
// # Faults
//
// A [Fault] meets messages by account and type, the next Count of them or all
// until it is cleared. A message meets at most one fault of the core (Decline, Delay,
// OtherName) and one of the wire (all others); the oldest counts.
//
// # Control API
//
// HTTP on a loopback address only; GET / lists it. It shows the made-up people
// in clear and asks nobody who they are, so it refuses requests that come by
// another host's name, and orders from another origin's page, which can read no
// answer. The feed is masked.
package sim
