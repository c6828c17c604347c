package switching

import (
	"context"

	"wxswitch/codec"
	"wxswitch/routing"
)

// F39 of what the switch itself says to a bank.
const (
	CodeUnsupported = "40" // function not supported
	codeForeign     = "14" // no such account: it is not routed to the bank
)

// Incoming answers what a bank says by itself (banks.Handler), once it is on
// disk. What could not be stored is not answered: the bank repeats it. A bank is
// heard only on accounts routed to it (A14).
func (s *Switch) Incoming(ctx context.Context, bank string, m *codec.Message) *codec.Message {
	code, result := s.hear(ctx, bank, m)
	s.metrics.late(bank, result)
	log := s.noisy[bank] // what changes nothing a bank may say without end
	if result == lateRequest {
		log = s.Log
	}
	log.Info().Str("bank", bank).Str("type", string(m.Type)).Str("rrn", m.Get(codec.FieldRRN)).
		Str("stan", m.Get(codec.FieldSTAN)).Str("sent", m.Get(codec.FieldSent)).Str("code", code).Str("result", result).Msg("bank said")
	if code == "" {
		return nil
	}
	return codec.NewReply(m, code)
}

func (s *Switch) hear(ctx context.Context, bank string, m *codec.Message) (code, result string) {
	if m.Type.Class() != codec.Inbound {
		return CodeUnsupported, lateUnsupported
	}
	target, err := s.Router.Route(m.AccountNumber(), routing.Bank(bank))
	if err != nil || string(target.Bank) != bank {
		return codeForeign, lateForeign
	}
	code, repeat, err := s.Journal.Hear(ctx, Heard{Bank: bank, Message: m, At: s.Now()})
	switch {
	case err != nil:
		noisy := s.noisy[bank]
		noisy.Error().Err(err).Str("bank", bank).Msg("store what the bank said")
		return "", lateError
	case repeat:
		return code, lateRepeated
	}
	s.Told()
	return code, lateRequest
}
