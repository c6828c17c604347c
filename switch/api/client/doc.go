// Package client calls the switch's API. It is generated from openapi.yaml, all
// but [Bearer], and imports nothing of the project, so that any caller can use
// it.
//
//	c, err := client.NewClientWithResponses("http://127.0.0.1:8480",
//		client.WithRequestEditorFn(client.Bearer(token)))
//	r, err := c.CreateTransactionWithResponse(ctx,
//		&client.CreateTransactionParams{IdempotencyKey: "7f9c2ba4"},
//		client.TransactionRequest{Type: client.TypeBalance, Account: "6210081234567892"})
//	switch {
//	case err != nil:                                 // no answer: repeat with the same key
//	case r.JSON200 != nil:                           // r.JSON200.Outcome
//	case r.ApplicationproblemJSONDefault != nil:     // .Code, .Retry
//	}
//
// The client sets no time limit of its own: give the context a deadline, or
// use WithHTTPClient.
package client

//go:generate go tool oapi-codegen -config generate.yaml -o client.gen.go ../openapi.yaml
