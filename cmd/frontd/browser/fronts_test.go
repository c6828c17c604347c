package browser

import (
	"testing"
	"time"

	"wxswitch/cmd/internal/stage"
)

// Two fronts answer in turn, and one is killed while a form is half filled in: the
// customer sees nothing of either.
func TestTwoFronts(t *testing.T) {
	b := own(t, stage.Options{Fronts: 2})
	p := b.phone()
	p.form(bankA)
	p.page.tick("#notices")
	p.code()
	b.Kill(0)
	p.sends()
	p.page.ends("approved", textAuthenticated)
	p.settled(theirLogin, theirPay).loggedIn(theirLogin)
	p.page.waits("[data-shown] [data-balance=approved]", "¥")
	p.linked(bankB)
	p.home()
	p.later(time.Minute)
	p.moves(bankB, true, 3250, "消费")
	p.told("¥32.50")
	p.deregister()
	p.page.ends("approved", textDeregistered)
}
