package customer

import (
	"context"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

type Sealed string
type verdict struct {
	kind  string
	typed codec.Secret
	right bool
}

const kindPayment = "payment"

func (v verdict) covers() string { return v.typed.Reveal() }
func (s *Service) openSealed(ctx context.Context, x Sealed) (codec.Secret, string, switching.Reason, error) {
	return codec.NewSecret(string(x)), "", "", nil
}
func (s *Service) compare(ctx context.Context, c *row, kind string, p codec.Secret) (verdict, switching.Reason, error) {
	return verdict{kind, p, true}, "", nil
}
func (s *Service) session(ctx context.Context, call Call) (row, string, switching.Reason, error) {
	c, err := s.meet(ctx, call.Follower)
	return c, "", "", err
}
func (s *Store) sessionOpen(ctx context.Context, tx switching.Tx, id, customer string) (bool, error) {
	return true, nil
}
func (s *Store) endSessions(ctx context.Context, tx switching.Tx, customer, why string) error {
	return nil
}
func (s *Store) spend(ctx context.Context, tx switching.Tx, nonce string) (switching.Reason, error) {
	return "", nil
}
func (s *Store) judge(ctx context.Context, tx switching.Tx, c *row, v verdict) (switching.Reason, error) {
	return "", nil
}
func checkCert(kind, number string) (codec.CertNumber, switching.Reason) {
	return codec.NewCertNumber(number), ""
}
func Words(t codec.Type, e switching.End, b Bank) string { return string(e.Outcome) }
func period(kind, from, to string, now time.Time) (codec.Moment, codec.Moment, switching.Reason) {
	return codec.NewMoment(now.Add(-24 * time.Hour)), codec.NewMoment(now), ""
}
