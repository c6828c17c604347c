// Package world is a switch, its simulated banks and a stub of the front in one
// process:
// what the demo shows and what end-to-end tests try (package worldtest). Everything
// real but the banks' cores: HTTP, TCP on loopback, the journal on disk, temporary
// keys and token.
//
//	w, err := world.New(ctx, world.Options{Dir: dir})
//	go w.Run(ctx)
//	<-w.Up                // the doors are open and every bank has a link
//	c, err := w.Client()  // the generated client, with the token
package world
