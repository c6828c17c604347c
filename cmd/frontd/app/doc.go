// Package app is the front as a program: its strict configuration, what is wired
// to what, and Run.
//
//	c, err := app.Load("frontd.yaml")   // mistakes with file, line and column: of keys and kinds, then all others
//	err = app.Run(ctx, c)
//
//	door      who comes                          serves
//	listen    phones and the platform, by TLS    /h5/ pages, /callback
//	internal  the switch                         /v1/notices (frontapi)
//	ops       operators                          /metrics, /livez, /readyz
//
// TLS ends before it, at the balancer. Its doors let in as many connections as those
// of switchd. It keeps nothing on disk and nothing in memory that matters: any number
// of instances with the same configuration serve one account.
package app
