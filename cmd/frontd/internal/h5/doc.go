// Package h5 is the pages that followers open inside WeChat: server-rendered,
// in WeUI's look, with a little JavaScript of our own.
//
//	site, err := h5.New(h5.Options{Switch: c, Channel: "wechat", Public: "https://wx.example.cn", ...})
//	mux.Handle("/h5/", site)
//
// # What decides
//
// Nothing here does. A page asks the switch where the follower stands, shows a
// form, and hands what was typed to the switch, whose outcome and words it
// shows. The front may be killed and doubled at any time: what it must remember
// travels in sealed cookies, or is kept at the switch.
//
// # Who it is
//
//	cookie            sealed with    holds
//	front-visit-ID    AES-256-GCM    a state with which the browser was sent to WeChat
//	front             AES-256-GCM    openid, CSRF token, the switch's session token once logged in
//	front-r-ID        AES-256-GCM    what a result page shows, for its own path only
//
// Where the pages are secure the first two are called __Host-front-visit-ID and
// __Host-front, so that no other host of the domain can plant one, and browsers are
// told to come by TLS alone from then on (HSTS).
//
// A page without the cookie goes to the platform's authorize page
// (snsapi_base), with a state that is tied to its cookie, and served once at any
// instance: the switch remembers that it was. An openid comes from the exchange
// of the code only; a virtual one (is_snapshotuser) is refused. Who is known
// already goes on as before when a code is not exchanged: WeChat's browser may
// load one redirect twice. Who does not follow is asked to. The cookie is made
// anew, with another id and CSRF token, when the follower authenticates, logs in
// or out. It knows who, not what may be done: that is the switch's session, which
// the switch ends.
//
// # Forms
//
// A form holds the CSRF token and the idempotency key, which is made when the
// form is rendered: a second tap, a retry and the back button ask the switch
// the same thing, and get the same answer. What ends well, or in doubt, leads
// to a result page by 303. What is refused shows the form again, with the
// switch's words and a new key, the SMS code in it while that is good, and
// passwords to be typed anew; with the same key where it was used for nothing (a
// busy bank: a tap before may be under way), and with the same values too where the
// switch says that a repeat of the key learns the end. While the switch or the
// front is away, front.js leaves the form as it is.
//
// Passwords have no name in the form: front.js seals them with the switch's
// page key (RSA-OAEP-256, WebCrypto) and a nonce that is good once, and sends
// that. Without JavaScript all pages work but those with passwords.
//
// # Addresses
//
// They carry random ids, never account or certificate numbers, a location or an
// openid. Private pages are not cached, and framed by nobody but the origin
// that configuration names.
package h5
