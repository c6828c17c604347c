package world

import (
	"context"
	"testing"
	"time"

	"wxswitch/banks/sim"
	"wxswitch/switch/api/client"
)

// Start runs a world for a test, and stops it at its end.
func Start(t testing.TB, o Options) *World {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	ctx, stop := context.WithCancel(context.Background())
	w, err := New(ctx, o)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	ran := make(chan error, 2) // once for WaitUp, once for the end
	go func() { err := w.Run(ctx); ran <- err; ran <- err }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ran:
			if err != nil {
				t.Errorf("world: %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("world did not stop")
		}
	})
	limit, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := w.WaitUp(limit, ran); err != nil {
		t.Fatal(err)
	}
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
