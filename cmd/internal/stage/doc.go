// Package stage is the whole product in one process: a world (switch and banks),
// the front, and a simulated WeChat with a phone in the browser. It is what
// `make demo` shows and what browser tests try (package stagetest): everything real but the banks'
// cores and WeChat.
//
//	s, err := stage.New(ctx, stage.Options{World: world.Options{Dir: dir}})
//	go s.Run(ctx)
//	<-s.Up            // the phone is at s.URL()
//
// With more than one front a balancer stands before them, which asks each in
// turn, and the next where nobody listens.
package stage
