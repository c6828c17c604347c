// Package customer decides all that concerns a customer: who a follower is, what
// it may do, its codes, passwords, sessions, accounts and visits, and the words
// it hears. The front shows pages; every rule, limit and text is here, so that
// two pages, two instances or a replayed call cannot get round it.
//
//	store, err := customer.Open(ctx, customer.Options{DB: d, Vault: v, ...}) // migrates
//	j, err := journal.New(ctx, journal.Options{..., Effects: store.Effects(), Listeners: store.Listeners(), Outbox: outbox})
//	service := customer.New(store, customer.Doors{Switch: sw, Journal: j, Router: router, ...})
//	answer, err := service.Authenticate(ctx, call, request) // answer.Text is what the customer reads
//
// # Who is who
//
// A follower is (channel, subject), opaque, asserted by the front. Its row is
// made at its first visit, with an id of ours that no bank ever sees. Banks know
// account and certificate.
//
//	level          has                            may
//	follower       a row                          book a visit, ask for codes, authenticate
//	authenticated  a certificate, a primary       deregister, set passwords
//	logged in      a session, by 微信登录密码       see accounts, details, attach, detach
//
// # States
//
// The states of a customer are one table, in state.go; every move appends to a
// history that a trigger keeps from being rewritten. The moves are made by the
// Effects of the transaction types (effect.go), which the journal runs inside the
// transaction that opens or ends a row: so an end that comes late, by an advice
// or by the scan moves the customer exactly as one in time.
//
// # Words
//
// texts.go is the one catalogue of what customers read: a text for each reason, of
// this package and of those below it (a test walks their constants), for each F39
// that a bank may decline with, and for each notice. [Words] chooses by type,
// outcome, reason and code; a bank's own words for a code ([Bank]) stand before
// ours, but for the deregistration (A9) and the SMS code (A3). A code or reason
// without words gets a safe text and is counted as
// wxswitch_customer_unmapped_total.
//
// # Places and visits
//
// [LoadPlaces] reads branches and merchants from a file, whole or not at all;
// [Places] holds the table in use, which Swap replaces under traffic. A
// [Location] prints as nothing and is stored nowhere here; a front may keep it in
// a conversation, sealed, for ten minutes. [Service.Book] needs no 认证; a visit
// counts against the day's limits of follower and phone unless nothing was sent.
//
// # A front without memory
//
// keeps its conversations ([Store.SetTalk]) and values that are taken once
// ([Store.Once], [Store.Take]) here, sealed and bounded; [Store.Clean] deletes what
// is over.
//
// # Secrets
//
// SMS codes are kept as keyed hashes, passwords as argon2id over a pepper, tokens
// as keyed hashes; pepper and keys stand in the vault's file, not in the database.
// Account, certificate and name are sealed. Stored answers hold no secret: a
// login that is repeated derives its token again.
package customer
