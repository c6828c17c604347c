// Package wechat is what the front asks the WeChat platform, and how it tells
// followers what the switch has for them.
//
//	w, err := wechat.New(wechat.Options{API: "https://api.weixin.qq.com", AppID: id, AppSecret: secret, Public: public})
//	openID, snapshot, err := w.Identify(ctx, code)
//	follows, err := w.Follows(ctx, openID)
//	err = w.SetMenu(ctx, columns)
//
//	n, err := wechat.NewNotices(wechat.NoticeOptions{Sender: w, Rules: rules, ...})
//	mux.Handle("/v1/notices", n.Handler())
//
// # The library
//
// Calls go through silenceper/wechat v2.1.14, whose earlier versions race: its
// addresses, types, stable token and HTTP helpers. Not through its methods where
// those take no context, or tell an errcode in words only: they would wait without
// end, and could not be acted upon. Its one HTTP client of the process is replaced
// by one that sends each call to the platform that the call is for, with
// its limits: 3 s a call, 64 KiB of an answer, no redirect, no proxy of the
// environment. A call of the library that does not come from here fails.
//
// No error and no log holds the URL of a call: those hold tokens and the secret.
//
// # What an answer asks for
//
//	0; 45065 (a guess)    none      it was done
//	40001, 40014, 42001   refresh   the token is got again and the call repeated, once
//	43004                 gone      the follower does not follow
//	45009                 tomorrow  nothing more today, but another kind of message may do
//	45011                 soon      nothing more this minute
//	40003, 43019          never     as it is; an operator's business
//	43101, 45015, 45047   never, but another kind of message may do
//	47003, 48002          never, but another kind of message may do
//	40037                 again, and another kind of message may do
//	48001, 48004, 48008   again, and another kind of message may do
//	-1, all others        again     most are configuration's fault
//	no answer             again     and no other kind of message: it may have been taken
//
// # Notices
//
// How a kind is told stands in [Rules]: by a template message, as a text of
// customer service, or both: movements by template first, all else by text first.
// Text that is no template's is made harmless: what a payer wrote must not become
// a link in the bank's chat.
//
// What the switch hears:
//
//	200  the platform took it, now or before (id and round)
//	410  gone; also 45015 to one who does not follow, which is asked then
//	422  never; also what cannot be read, or is for another channel
//	429  another is telling it just now
//	503  tomorrow: until five minutes past midnight in Shanghai; soon: a minute
//	502  again
//	401  not the switch's token
//
// Nothing is remembered here. That a notice is being told, and that it was, is
// kept at the switch (/v1/kept), the first for 10 s and the second for an hour,
// so that any instance knows. Of several that get a notice one tells it. What no
// memory can decide is a message that the platform took without answering. It is
// sent again, since twice is better than never, and by the same way first, which is
// kept for an hour; a template has the same client_msg_id, so that the platform
// tells it once within 10 minutes. A text has none.
//
// A template message's id goes to [Deliveries], again and again while there is
// time, and the platform's event about it to the switch. Of a text there is no
// event: it stays sent.
//
// # Metrics
//
// frontd_outbound_total{call,errcode} and frontd_outbound_seconds{call} are of the
// platform; watch for errcode 40164 (this machine's address is not on the account's
// list), 45009, 47003 (a template's fields are not what Rules say) and none.
// frontd_notices_total{kind,end} is what became of notices.
package wechat
