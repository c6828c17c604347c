// Package callback takes what the WeChat platform delivers about followers, and
// answers within the platform's 5 seconds.
//
//	c, err := callback.New(callback.Options{
//		Account: "gh_7f083739789a", AppID: "wx2c2769f8efd9abc2",
//		Token: "…", AESKey: "…", Answerer: chat, Now: time.Now, Log: log, Registerer: reg,
//	})
//	mux.Handle("/callback", c)
//
// # What passes
//
// Configuration decides whether bodies are encrypted, never the request. With an
// AES key only encrypted bodies pass whose msg_signature covers the ciphertext;
// a plain one is refused, whatever the query says. Without a key only plain ones
// pass: their signature covers no body, so whoever saw one address can forge
// messages for five minutes. That is for development.
//
//	check                                refused as
//	at most 64 KiB, read within 2 s      413, 400
//	signature, this token or the one before   403
//	timestamp within 5 minutes           403
//	decrypts, this key or the one before; app id   403
//	XML without DTD, entities, comments, instructions; bounded; no known element twice   400
//	ToUserName is this account           403
//
// While a token or key is being changed, a reply is signed and encrypted with
// the one that the request came with, as the platform demands. Signatures and
// ids are compared in constant time. Nothing of a body goes into a log.
//
// # What is answered
//
// Answerer says the text; it is given 4 s, less what the body took, and must keep
// to them. Nothing to say is the platform's "success"; nothing done is 503. The
// platform promises to deliver again, three times, what had no answer within 5 s;
// that a 503 is none to it is an assumption. Redeliveries are not recognised here,
// since instances share no memory: Message.Name is the same for each of them, and
// what depends on it is the Answerer's business.
//
// # Metrics
//
//	frontd_callbacks_total{type,result}   type of message or event; answered, nothing, failed, refused, unreadable
//	frontd_callback_seconds{type}         of those that passed
package callback
