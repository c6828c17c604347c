// Package app is the WeChat platform simulated, as a program: the platform's API
// for the front, signed and encrypted callbacks to it, and a phone in the
// browser for every follower. It speaks to the banks' control APIs and to the
// front by HTTP only, and is never a part of the front.
//
//	c, err := app.Load("wxsim.yaml")
//	err = app.Run(ctx, c) // until ctx is done
//
// A program that runs everything in one process fills Config by hand and gives
// it Listener, Ready, Hops and LogTo.
//
// # Three doors on one loopback listener, told apart by Host
//
//   - 127.0.0.1, [::1], localhost: the platform. /cgi-bin/token, stable_token,
//     menu/create, menu/get, menu/delete, user/info, message/template/send,
//     message/custom/send; /sns/oauth2/access_token. GET / leads to the first
//     phone.
//   - f1.localhost, f2.localhost, …: a follower's phone. Browsers lead every
//     *.localhost to loopback, so each follower has an origin, and cookies, of
//     its own. / is the page, /sim/page/ its files, /sim/… its API,
//     /connect/oauth2/authorize web authorisation, and /h5/… the front's pages
//     through a reverse proxy: an <iframe> of the same origin. Redirects to the
//     front's public URL, or to an authorize URL, stay on the origin; others
//     lead to /sim/outside, a stub.
//     Cookies of the front are kept under names that begin with the openid's
//     last letters, so that after a reset no old session comes along.
//   - any other Host is refused with 421: it is a name that was made to point
//     here.
//
// # The phone's API
//
// JSON; the phone is the one of the Host. Orders are POST, answered {"ok":true}
// or {"error":"…"}; those of another origin are refused.
//
//	GET  /sim/state            State
//	GET  /sim/events           server-sent: chat (ChatEvent), sms (SMS), hop (Hop),
//	                           state ({}: fetch the state again; the first event of
//	                           every connection, and after events were missed)
//	POST /sim/say              {"text"}
//	POST /sim/click            {"key"}   of the menu
//	POST /sim/view             {"url"}   of the menu: the VIEW event
//	POST /sim/locate           {"place"}
//	POST /sim/follow, unfollow {}
//	POST /sim/spend            {"account","fen","summary"}
//	POST /sim/bank-fault       {"bank","kind","once","type","code","delay_ms"}
//	POST /sim/faults           Faults, in part; and {"expire_tokens":true}
//	POST /sim/late-deregister  {} or {"account"}: the next deregistration is
//	                           answered ten seconds after it was asked for
//	POST /sim/reset            {}
//
// # Rules of the platform that are kept
//
// Callbacks: signature, and in 安全模式 AES with msg_signature; an answer within
// Config.Patience (5 s), else three retries with the same MsgId, then
// 「该公众号暂时无法提供服务，请稍后再试」; the same at once for an answer that breaks
// the rules. The callback's URL is verified by echostr before anything else is
// sent. Tokens live 7200 s; stable_token repeats itself, and leaves the one
// before five minutes. Template messages: values by type (47003), no unknown
// field, quota (45009), who does not follow (43004), client_msg_id once in ten
// minutes, then TEMPLATESENDJOBFINISH. Customer service: five texts in 48 hours
// after a message, three in a minute after a click or a subscription; out of
// time 45015, out of texts 45047. Codes of web authorisation: once (40163), five
// minutes (40029). Not simulated: anything but texts and template messages,
// JS-SDK, conditional menus, unionid.
//
// # What the picture shows
//
// Hops: callbacks and answers as XML, calls of the platform's API, and pages by
// their path; openids shortened, ciphers abbreviated, numbers but for their last
// four digits, codes and places masked, no token, secret or query. Messages of
// other legs come masked from who runs wxsim (Config.Hops), else from the banks'
// feeds. The last 200 are kept.
//
// # Faults
//
// The front's are played where its answers come in: slow loses the answer to a
// first delivery, silent every answer; the front has seen the message each time.
// The banks' are orders to their control APIs.
//
// What 45009 leaves behind is not undone by clearing or a reset: who was told so
// sends nothing more until the next day, which Faults.Limited says.
package app
