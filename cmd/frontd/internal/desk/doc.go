// Package desk reads what the switch answers: the front's one way to do so.
//
//	end, err := desk.Ask[client.Ended](c.Deregister(ctx, &params))
//	if p, ok := desk.Refused(err); ok { … p.Code, p.Retry, p.Text … }
//	err := desk.Insist(ctx, tell) // what may be told twice, until it is heard
package desk
