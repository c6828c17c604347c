package customer

import switching "wxswitch/switch"

// Text returns the customer's words for a reason.
func Text(r switching.Reason) string { return texts[r] }

// texts is the one catalogue of what customers read.
var texts = map[switching.Reason]string{}
