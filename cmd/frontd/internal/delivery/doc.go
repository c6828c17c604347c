// Package delivery brings together what the platform says became of a template
// message (TEMPLATESENDJOBFINISH, by the platform's msgid) and which notice that
// message was, and reports it to the switch.
//
//	d := delivery.New(c)
//	err := d.Sent(ctx, msgID, noticeID)                              // by the sender
//	err := d.Finished(ctx, msgID, delivery.Read(status), createTime) // by the callback
//
// The platform may call before the sender has heard its msgid, and at another
// instance. So both leave what they know at the switch under one name, sent/MSGID,
// for an hour: who finds the other's value there reports. Both may be repeated at
// will, and should be after an error: a repeat finds its own value, or the other's
// and reports again with the same time, which changes nothing.
package delivery
