package customer

import (
	"testing"
	"time"

	switching "wxswitch/switch"
)

func TestErasedAfterThePeriod(t *testing.T) {
	w := newWorld(t)
	w.store.Limits.Erase = 24 * time.Hour
	f, stays := w.authenticated("a", cardA), w.authenticated("b", cardB) // the same certificate: a is superseded
	w.now = w.now.Add(time.Minute)
	a, err := w.service.Deregister(w.Context(), w.call(stays))
	w.want(a, err, switching.Approved, "")
	named := func() int { return w.count(`SELECT COUNT(*) FROM customer WHERE cert IS NOT NULL`) }
	w.now = w.now.Add(24*time.Hour - time.Second)
	w.must(w.store.Clean(w.Context()))
	if named() != 1 { // b ended later than a
		t.Fatal(named())
	}
	w.now = w.now.Add(2 * time.Minute)
	w.must(w.store.Clean(w.Context()))
	if named() != 0 || w.count(`SELECT COUNT(*) FROM link`) != 0 || w.count(`SELECT COUNT(*) FROM sms_code`) != 0 {
		t.Fatal("something is left")
	}
	w.state(f, Superseded)
	if w.count(`SELECT COUNT(*) FROM customer_history WHERE event = 'erased'`) != 2 {
		t.Fatal("history")
	}
	again, err := w.authenticate(f, cardA)
	w.want(again, err, switching.Approved, "")
}

// The period counts from the end, whatever the follower or an operator does after it.
func TestThePeriodRunsFromTheEnd(t *testing.T) {
	w := newWorld(t)
	w.store.Limits.Erase = 24 * time.Hour
	f := w.authenticated("a", cardA)
	a, err := w.service.Deregister(w.Context(), w.call(f))
	w.want(a, err, switching.Approved, "")
	w.now = w.now.Add(23 * time.Hour)
	a, err = w.service.Unfollow(w.Context(), w.call(f), w.now)
	w.want(a, err, switching.Approved, "")
	w.now = w.now.Add(time.Hour + time.Second)
	w.must(w.store.Clean(w.Context()))
	if n := w.count(`SELECT COUNT(*) FROM customer WHERE cert IS NOT NULL`); n != 0 {
		t.Error("still known by name")
	}
}
