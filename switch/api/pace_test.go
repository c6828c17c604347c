package api

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"wxswitch/switch/customer"
)

// Who asks without end gets one in each second, whoever else comes; who pauses gets
// all back. What is remembered is bounded by who asked in the last minutes.
func TestPaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const burst = 3
		p := newPaces(time.Second, burst)
		take := func(subject string, n int) (allowed int) {
			for range n {
				if p.allow(customer.Follower{Channel: "wechat", Subject: subject}) {
					allowed++
				}
			}
			return allowed
		}
		if n := take("program", 100); n != burst {
			t.Errorf("%d at once", n)
		}
		for second := range 10 {
			for i := range fewPaces {
				take("o"+strconv.Itoa(second*fewPaces+i), 1)
			}
			<-time.After(time.Second)
			if n := take("program", 100); n != 1 {
				t.Errorf("%d in a second", n)
			}
		}
		if len(p.of) > 3*fewPaces {
			t.Errorf("%d are remembered", len(p.of))
		}
		<-time.After(burst * time.Second)
		if n := take("program", 100); n != burst {
			t.Errorf("%d after a pause", n)
		}
	})
}
