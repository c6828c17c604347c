package world

import (
	"context"
	"testing"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/parts/partstest"
	"wxswitch/switch/api/client"
)

// Start runs a world for a test, and stops it at its end.
func Start(t testing.TB, o Options) *World {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	w, err := New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	partstest.Start(t, w.Run, w.Up)
	return w
}

// Ask sends one transaction for the person's first account; key may be empty.
func (w *World) Ask(ctx context.Context, kind client.Type, p sim.Person, key string, timeout time.Duration) (*client.CreateTransactionResponse, error) {
	c, err := w.Client()
	if err != nil {
		return nil, err
	}
	params := client.CreateTransactionParams{IdempotencyKey: key}
	if timeout != 0 {
		ms := timeout.Milliseconds()
		params.RequestTimeout = &ms
	}
	body := client.TransactionRequest{Type: kind, Account: p.Accounts[0].Number.Reveal()}
	if kind == client.TypeAuthenticate {
		body.Certificate = &client.Certificate{Type: p.CertType, Number: p.Cert.Reveal()}
	}
	return c.CreateTransactionWithResponse(ctx, &params, body)
}
