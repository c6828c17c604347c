package sim

import (
	"testing"

	"wxswitch/codec"
)

// BenchmarkBank measures the simulated bank with 64 requests in flight on one
// link, its books durable.
func BenchmarkBank(b *testing.B) {
	for _, kind := range []codec.Type{codec.Balance, codec.Authenticate} {
		b.Run(string(kind), func(b *testing.B) {
			bank, _ := start(b, nil)
			l, who := dial(b, bank), bank.People()[0]
			b.ResetTimer()
			room := make(chan struct{}, 64)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range b.N {
					if _, err := l.raw(longWait); err != nil {
						b.Error(err)
						return
					}
					<-room
				}
			}()
			for i := range b.N {
				room <- struct{}{}
				m := l.request(kind, int64(i+1), who, 0)
				l.next %= 999_999
				l.send(m)
			}
			<-done
		})
	}
}
