// Package api is the switch's door: HTTP/JSON under /v1, described by
// openapi.yaml, from which the server's types and the client (package client)
// are generated.
//
//	door := api.New(api.Options{
//		Switch:     sw,                     // *switching.Switch and its journal
//		Router:     router,                 // *routing.Router
//		Reload:     reload,                 // reads routes and places again
//		Banks:      statuses,               // func() []banks.Status
//		Advices:    advices,                // the operators' view of stored advices
//		Customers:  service,                // *customer.Service
//		Places:     places,                 // *customer.Places
//		Notices:    notices,                // the operators' view of what customers are told
//		Clients:    []api.Client{{ID: "front", TokenSHA256: sum, Scopes: []api.Scope{api.ScopeCustomer}}},
//		Log:        log,
//		Registerer: registry,
//	})
//	err := door.Serve(ctx, listener) // until ctx is done, then drains
//
// # The way of a request
//
//	place → client → scope → body → parameters → operation
//
// Each step may refuse with a problem (RFC 9457); all problems stand in one
// table, problem.go, which is also the page GET /problems. Refused means that
// nothing was sent, but for the code outcome-unknown.
//
//   - place: at most Limits.Concurrent requests are under way; one more is
//     refused as busy, never queued. The pages that need no client take none.
//   - client: the bearer token's SHA-256 is compared, in constant time, with
//     those configured. Without a token there is an anonymous client only where
//     it is configured, and only if listener, peer and the Host header are all
//     loopback and neither a proxy nor a web page sends the request.
//   - scope: customer for what a front does for its followers, bank for
//     transactions, operate for operators, one of the last two for explaining a
//     route; none includes another. GET /openapi.yaml and GET /problems need neither:
//     they say nothing that the program's source does not.
//   - body: at most 64 KiB of strict JSON, with all that is required. An error
//     points to the field (RFC 6901) and never shows its value. Accounts stand in
//     bodies, never in URLs.
//
// The body and the answer of a transaction are read and written by hand (type
// server), those of everything else by the generated server.
//
// A caller that hangs up cancels nothing: how its deregistration or detachment ended
// is then told to the follower by a notice. What changes something at a bank or
// for a customer needs an Idempotency-Key; the operators' calls, and what a front
// keeps here, are idempotent by themselves.
//
// # Customers
//
// The handlers decode, call package customer, and encode: each rule and each word
// is decided there. A refusal is a problem whose code is its reason, and every
// problem of the scope customer has a member text, which the customer reads. A
// follower is checked for its form and bounded in what it has under way and in how
// often it asks (follower-busy): what a person does in pages comes nowhere near, a
// program in a person's name is stopped. Following and leaving, which the platform
// tells, are not counted. Whose session, account or customer it names, package customer
// looks up, and another's reads as unknown. Accounts, certificates, codes, sealed
// passwords and locations stand in bodies; a session's token in a header.
//
// # Defaults of Limits
//
//	Concurrent   2048        requests under way: what comes in a quarter of a second
//	                         in which the disk stands still, at 8,000 a second; with
//	                         their closes fewer than the database queues
//	Follower     32          of which in one follower's name
//	Burst        1000        that may come in one follower's name at once
//	Every        1 s         and one more each time this has passed
//	HeaderBytes  16 KiB      of request line and headers; net/http lets 4 to 8 KiB more pass
//	ReadHeader   5 s         for them to come
//	Read         10 s        for header and body to come
//	Write        10 s        for the answer to be taken, from when it is ready
//	Idle         2 min       between two requests of a connection
//	Drain        30 s        for what is under way, once Serve's ctx is done
//
// # What is seen of it
//
// Requests that were refused at the door are logged at debug (the caller's
// fault) or warn (ours), with operation, code, client and peer; a transaction's
// own line is the switch's. Metrics: wxswitch_api_requests_total by operation
// and status, wxswitch_api_in_flight.
package api

//go:generate go tool oapi-codegen -config generate.yaml -o api.gen.go openapi.yaml
