// Package chat is what the account says: to words, clicks of the menu, locations
// and followers who come and go. It implements callback.Answerer.
//
//	c := chat.New(chat.Options{Switch: c, Deliveries: d, Channel: "wechat", Public: "https://wx.example.cn", Hotline: "400-800-9666", …})
//
// # Answers
//
//	rz, 认证                          link to 客户认证 (A1)
//	zx, 注销, click deregister        link to 客户注销 (A8)
//	click accounts                    link to 账户管理 (C)
//	click branches, click hotline     from configuration (B2, B3)
//	click visit                       how to send a location (D1)
//	location                          「【1】网点预约、【2】特惠商户」, kept for 10 minutes as the talk
//	1, 2 (also 【1】, or its words)    the nearest branches, merchants; without a location how to send one
//	subscribe                         the switch is told; what can be done
//	unsubscribe                       the switch is told
//	TEMPLATESENDJOBFINISH             the delivery is reported (package delivery)
//	VIEW, LOCATION, other events      nothing
//	anything else                     help
//
// Words count in any case, full or half width, blanks around them. All that
// customers read is in texts.go; the manual's own letters are never changed,
// links are put around them.
//
// # State
//
// There is none here. Answers that hold no state never ask the switch. A location
// is the switch's talk with the follower, which ends by itself; pages read it with
// ReadPlace. What depends on it is kept at the switch under the message's name for
// as long: a redelivery, at whatever instance, gets the first answer. Calls have
// 1 s each, an answer 1.5 s; when one fails the follower is asked to try later,
// and that is not kept, so that a redelivery does better. Who came, who left and
// what was delivered is told again until the switch has heard or the context is
// done; then the platform is asked to deliver it again, but a follower who came is
// welcomed, and the first page tells the switch. At most 8 messages ask at once;
// the others wait, and cost the switch nothing when their time is over.
package chat
