package customer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	switching "wxswitch/switch"
)

// kept is the answer that a repeat of the key gets. It holds no secret: a token
// cannot be told from its session's id.
type kept struct {
	Reason  switching.Reason `json:"reason,omitempty"`
	Session string           `json:"session,omitempty"`
	At      int64            `json:"at,omitempty"`
}

func (k kept) answer() Answer {
	if k.Reason != "" {
		return refuse(k.Reason)
	}
	return approve()
}

// work is done once per idempotency key.
type work struct {
	local  switching.Local
	before func(context.Context) (switching.Reason, error) // what takes long, skipped for a repeat; may be nil
	inside func(context.Context, switching.Tx) (kept, error)
}

// once does the work, or returns what it came to when it was done.
func (s *Service) once(ctx context.Context, w work) (k kept, err error) {
	if w.local.Key == "" {
		return k, ErrNoKey
	}
	answer, done, err := s.Journal.LocalDone(ctx, w.local)
	if err == nil && !done {
		if w.before != nil {
			if k.Reason, err = w.before(ctx); err != nil || k.Reason != "" {
				return k, err
			}
		}
		answer, _, err = s.Journal.Local(ctx, w.local, func(ctx context.Context, tx switching.Tx) ([]byte, error) {
			k, err := w.inside(ctx, tx)
			if err == nil && countsNothing(k.Reason) {
				err = refusal(k.Reason, nil) // leaves the key free
			}
			if err != nil {
				return nil, err
			}
			return json.Marshal(k)
		})
	}
	var undone *switching.EffectRefusal
	switch {
	case errors.As(err, &undone):
		return kept{Reason: undone.Reason}, nil
	case err != nil:
		return k, fmt.Errorf("customer: %s: %w", w.local.Operation, err)
	}
	return k, json.Unmarshal(answer, &k)
}

// bound is the context with the call's own time limit, if it has one.
func (c Call) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.Timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.Timeout)
}
