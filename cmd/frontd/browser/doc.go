// Package browser holds the tests of what followers see and do: real Chromium,
// through the phone of a simulated WeChat, the front, the switch and simulated
// banks over TCP. There is no program here.
//
//	go test ./cmd/frontd/browser                  # needs chromium: apt-get install chromium
//	SCREENS=/tmp/screens go test ./cmd/frontd/browser   # and keeps the pictures
//
// # A test
//
//	h := house(t)                // the stage that all tests share; own(t, o) is one's own
//	p := h.phone()               // the phone of a follower whom no other test has;
//	                             // known(…) is one of who is a customer already
//	p.say("rz")                  // by the phone's own keyboard
//	p.open("这里")                 // a link of the last answer
//	p.page.enter("#account", "6217…")
//	p.page.tap("[data-primary]")
//	p.page.sees("认证成功，感谢您的使用")
//	p.shot("authenticated")
//
// Two screens can be worked on: app is the phone itself, page what is open in its
// browser (a frame on the same origin). Every touch is a real one: an element is
// scrolled to, must be seen, at rest, enabled and covered by nothing, and is
// clicked where it is; letters are typed where the focus is. Every wait ends,
// and says what it saw instead; a picture of the failure is kept.
//
// A phone fails its test for whatever the console says: exceptions, violations of
// the content security policy, files that are missing. Answers that refuse a form
// are no errors. forgives names what a test brings about on purpose.
//
// # The clock
//
// Switch, front and WeChat have one clock, which later sets ahead; the banks have
// their own. Tests do not run in parallel.
//
// # What is relied on
//
// In pages: ids of fields, data-primary, data-code, data-nav, data-result,
// data-account, data-balance, data-again, role=alert, role=status, the open dialog.
// In the phone: #talk and its data-id, .said.theirs, .said.mine, .card,
// .talk-system, data-column, data-item, #to-text, #to-menu, #words, #send, #plus,
// #to-map, .map-place, #send-place, #sms [data-sms], #browser, its frame and its
// first button, #follow, #unfollow, #to-profile, #account-name.
package browser
