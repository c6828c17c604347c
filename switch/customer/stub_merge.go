package customer

import (
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

func checkCert(kind, number string) (codec.CertNumber, switching.Reason) {
	return codec.NewCertNumber(number), ""
}
func Words(t codec.Type, e switching.End, b Bank) string { return string(e.Outcome) }
func period(kind, from, to string, now time.Time) (codec.Moment, codec.Moment, switching.Reason) {
	return codec.NewMoment(now.Add(-24 * time.Hour)), codec.NewMoment(now), ""
}
