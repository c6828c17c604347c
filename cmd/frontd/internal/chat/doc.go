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
//	subscribe                         the switch is told; then what can be done
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
// as long: a redelivery, at whatever instance, gets the first answer.
//
// # Time
//
// A reply asks the switch for at most 1 s in all, waiting for its turn included;
// when that is not enough the follower is asked to try later, and that is not kept,
// so that a redelivery does better. Who came, who left and what was delivered may
// take longer: the switch is told again until it has heard or the callback's 4 s are
// over, which is inside the platform's 5. Not heard, an event is not acknowledged,
// and the platform delivers it again, three times; a follower who came is welcomed
// by the delivery that was heard. Should none be, the follower's next page tells the
// switch. At most 8 messages ask at once; the others wait, and cost the switch
// nothing when their time is over.
package chat
