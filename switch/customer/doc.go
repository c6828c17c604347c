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
// [Location] prints as (location) and is stored nowhere here; a front may keep it in
// a conversation, sealed, for ten minutes. [Service.Book] needs no 认证; a visit
// counts against the day's limits of follower and phone unless nothing was sent.
//
// # A front without memory
//
// keeps its conversations ([Store.SetTalk]) and values that are taken once
// ([Store.Once], [Store.Take]) here, sealed and bounded; [Store.Clean] deletes what
// is over.
//
// # Reading
//
// Every page of a customer begins with its session and its accounts: one query by
// indexes, which those who ask at the same time make in one transaction (look.go).
// Nothing is kept in memory: a session that any instance has ended, has ended.
//
// # Secrets
//
// SMS codes are kept as keyed hashes, passwords as argon2id over a pepper, tokens
// as keyed hashes; pepper and keys stand in the vault's file, not in the database.
// Account, certificate and name are sealed. Stored answers hold no secret: a
// login that is repeated derives its token again.
//
// # Passwords
//
// A page encrypts what is typed (RSA-OAEP-256) with the key and the nonce that
// [Store.PageKey] gives it; all passwords of one request may share the nonce. It
// is decrypted, compared and hashed outside the transaction, in few places at
// once. Inside it the nonce is spent and the verdict applied to the row, if that
// still has the hash it was compared with; so tries at once, at any number of
// instances, are counted one by one. A wrong try is an answer, kept under its
// key, and a repeat does not count again. ReasonBusy and ReasonPageKey count
// nothing and leave the key free: the same request may be made again, with a
// fresh page key for the latter.
//
// 登录设置 needs a right SMS code just before, or the old password of the kind that
// is set; the other sessions end. A reset needs certificate, account and SMS code;
// all sessions and the lock end. The code is taken before the rest is looked at, also
// before an authentication's certificate and before a password is found to have a
// number of the customer's in it; asking for one to another's account counts for the
// day. So who has the phone finds out none of them by trying.
// Nobody holds the customer's phone number, so none is looked for in a password.
//
//	login password     8 to 20 of ASCII 33 to 126, two kinds of letters, digits, signs
//	payment password   6 digits
//	neither            trivial; six characters of the certificate or an account; the birthday
//	wrong tries        the fifth locks: 5 min, 30 min, 2 h, then 24 h each, until a right one
//	argon2id           46 MiB, 1 pass, 1 thread; one that was kept with less is replaced
//	at once            2 are computed, 62 wait, 5 s at most
//	session            15 min idle (written each 90 s), 2 h at most, 5 of a customer
//	page key           RSA 2048, given for 24 h, opens for 1 h more; a nonce is good 10 min
//
// A session's token is good for its follower only; another's is as unknown as one
// that never was. [Store.Clean] deletes what has ended, and erases who ended longer
// ago than Limits.Erase, if that is set; somebody must call it.
package customer
